// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

var (
	_ resource.Resource                   = (*identitiesResource)(nil)
	_ resource.ResourceWithConfigure      = (*identitiesResource)(nil)
	_ resource.ResourceWithValidateConfig = (*identitiesResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*identitiesResource)(nil)
	_ resource.ResourceWithIdentity       = (*identitiesResource)(nil)
	_ resource.ResourceWithImportState    = (*identitiesResource)(nil)
)

// NewIdentitiesResource returns sym_identities: the manual mappings of one service,
// thousands of them in one resource.
func NewIdentitiesResource() resource.Resource {
	return &identitiesResource{baseResource{name: "identities"}}
}

type identitiesResource struct{ baseResource }

func (r *identitiesResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Maps many users to their accounts in one service by hand, with a map of user to identity. Thousands of mappings are one resource, " +
			"and one request for each 2,500.\n\n" +
			"Each entry follows the rules of `sym_identity`: an equal stored value is adopted, a value that a rule or a lookup stored is overwritten " +
			"with a warning. A different *manual* value is an error at plan unless `overwrite = true`, and so is an account that somebody else holds " +
			"unless `allow_shared = true`. One diagnostic lists every problem.\n\n" +
			"If only some mappings can be stored, an update keeps them in state and the error lists the others. A creation that fails leaves " +
			"nothing in state, because Terraform would otherwise delete all mappings and start again. What was stored stays stored, and the next apply adopts it.",
		Attributes: map[string]schema.Attribute{
			"service_type": schema.StringAttribute{
				Required: true, PlanModifiers: replace, Validators: likelyServiceType,
				MarkdownDescription: "Type of the service, such as `okta`, `github` or `custom`. Changing it replaces the mappings.",
			},
			"external_id": schema.StringAttribute{
				Required: true, PlanModifiers: replace,
				MarkdownDescription: "Which workspace, domain or account of that type, such as `acme.okta.com`. The service must be registered when the mappings are applied. Changing it replaces the mappings.",
			},
			"identities": schema.MapAttribute{
				Required: true, ElementType: types.StringType,
				MarkdownDescription: "Map of user to account. A key is a person's e-mail or a bot's username; a value is an account as in `identity` of `sym_identity`. " +
					"Keys compare without case and outer spaces. Two keys for one user are an error. Changing an entry changes only that mapping. " +
					"A stored value with more than one string is shown as JSON.",
			},
			"exclusive": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Removes manual mappings of the service that are not listed. They appear in the plan as removed entries. " +
					"Only what a plan has shown is removed: the plan that creates the resource or sets `exclusive` warns about each mapping, and the plan after its apply shows the removals. " +
					"Mappings stored after the plan stay, and so do mappings of rules and lookups. Default: `false`, only listed mappings are read and changed. " +
					"Do not combine it with `sym_identity` resources of the same service.",
			},
			"overwrite": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Whether adding an entry may overwrite a different identity that was mapped by hand. Default: `false`.",
			},
			"allow_shared": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Whether an account may belong to several users. Default: `false`, an account that somebody else holds is an error that names the holder.",
			},
			"max_removals": schema.Int64Attribute{
				Optional:   true,
				Validators: []validator.Int64{int64validator.AtLeast(0)},
				MarkdownDescription: "Highest number of mappings that one plan may remove. A plan that removes more fails and names the number to set. This protects against a broken input file. " +
					"If the keys are known only at apply, the limit applies then. " +
					"Default: a fifth of the mappings in state, or no limit if state holds fewer than 20. Destroying or replacing the resource does not count.",
			},
			"id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Import id: the service key.",
			},
			"service": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Service key: `SERVICE_TYPE:EXTERNAL_ID`.",
			},
		},
	}
}

func (r *identitiesResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = serviceIdentitySchema()
}

// ValidateConfig checks all that can be checked without the API: every row,
// and the rows against each other.
func (r *identitiesResource) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	config := readIdentitiesObject(req.Config.Raw)
	service, known := serviceKey(config.serviceType, config.externalID, &resp.Diagnostics)
	if known {
		if err := service.CheckDeclarable(); err != nil {
			addInvalid(&resp.Diagnostics, path.Root("service_type"), "Managed Service", err)
			return
		}
	}
	var checked *identity.ServiceKey
	if known {
		checked = &service
	}
	addInvalidRows(&resp.Diagnostics, len(config.elements), checkRows(config.elements, checked, config.allowShared == off))
}

// Create stores all it can. After an error it leaves no state: a state saved
// beside an error is tainted, and the next apply would delete every mapping
// before it creates them again. What was stored stays, and is adopted then.
func (r *identitiesResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	ctx, stop := finishing(ctx)
	defer stop()
	if !r.sameStore(ctx, resp.Private, applying, &resp.Diagnostics) {
		return
	}
	plan := readIdentitiesObject(req.Plan.Raw)
	a, ok := r.newApply(ctx, plan, &resp.Diagnostics)
	if !ok {
		return
	}
	a.run(ctx, nil)
	warnRowsLeft(&resp.Diagnostics, plan.service, a.removal.left)
	if !a.complete() {
		a.addIncomplete(&resp.Diagnostics, "Create Identity Mappings", true)
		return
	}
	resp.State.Raw = plan.withComputed()
	saveRevisions(ctx, resp.Private, a.after, a.known, &resp.Diagnostics)
	setIdentity(ctx, resp.Identity, plan.key(), &resp.Diagnostics)
}

const readIdentities = "Read Identity Mappings"

func (r *identitiesResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	state := readIdentitiesObject(req.State.Raw)
	if !state.serviceKnown() {
		addBadIdentitiesState(&resp.Diagnostics, state)
		return
	}
	setIdentity(ctx, resp.Identity, state.key(), &resp.Diagnostics)
	if !r.sameStore(ctx, resp.Private, reading, &resp.Diagnostics) {
		return
	}
	api, ok := r.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	rows := state.rows()
	stored, err := storedOf(ctx, api, state, rows)
	if err != nil {
		addFailure(&resp.Diagnostics, readIdentities, "", state.service.String(), err)
		return
	}
	known := loadRevisions(ctx, req.Private, &resp.Diagnostics)
	known.observe(rows, stored.revisions())
	if elsewhere := known.ownedElsewhere(rows, stored); len(elsewhere) > 0 {
		warnRowsOwnedElsewhere(&resp.Diagnostics, state.service, elsewhere)
	}
	elements, gone := refresh(state, rows, stored)
	if len(gone) > 0 {
		warnRowsGone(&resp.Diagnostics, state.service, gone, r.data.storeCreated())
	}
	if elements != nil {
		state = readIdentitiesObject(state.withElements(elements))
		resp.State.Raw = state.raw
		rows = state.rows()
	}
	saveRevisions(ctx, resp.Private, rows, known, &resp.Diagnostics)
}

// Update writes rows that differ. After an error state holds exactly what was
// written.
func (r *identitiesResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	ctx, stop := finishing(ctx)
	defer stop()
	if !r.sameStore(ctx, resp.Private, applying, &resp.Diagnostics) {
		return
	}
	plan, state := readIdentitiesObject(req.Plan.Raw), readIdentitiesObject(req.State.Raw)
	before, after := state.rows(), plan.rows()
	known := loadRevisions(ctx, req.Private, &resp.Diagnostics)
	setIdentity(ctx, resp.Identity, plan.key(), &resp.Diagnostics)
	if compareRows(before, after).none() { // options, or the spelling of keys
		resp.State.Raw = plan.withComputed()
		saveRevisions(ctx, resp.Private, after, known, &resp.Diagnostics)
		return
	}
	a, ok := r.newApply(ctx, plan, &resp.Diagnostics)
	if !ok {
		return
	}
	a.known, a.asPlanned = known, plan.exclusive == on && state.exclusive == on
	a.run(ctx, before)
	warnRowsLeft(&resp.Diagnostics, plan.service, a.removal.left)
	written := plan
	if !a.complete() {
		a.addIncomplete(&resp.Diagnostics, "Update Identity Mappings", false)
		written = readIdentitiesObject(plan.withElements(a.elements()))
	}
	resp.State.Raw = written.withComputed()
	saveRevisions(ctx, resp.Private, written.rows(), a.known, &resp.Diagnostics)
}

// Delete removes the rows of state. After an error state keeps exactly the
// rows that were not removed.
func (r *identitiesResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	ctx, stop := finishing(ctx)
	defer stop()
	if !r.sameStore(ctx, resp.Private, applying, &resp.Diagnostics) {
		return
	}
	state := readIdentitiesObject(req.State.Raw)
	a, ok := r.newApply(ctx, state, &resp.Diagnostics)
	if !ok {
		return
	}
	rows := state.rows()
	a.after, a.plan.elements = nil, nil
	a.known = loadRevisions(ctx, req.Private, &resp.Diagnostics)
	a.run(ctx, rows)
	warnRowsLeft(&resp.Diagnostics, state.service, a.removal.left)
	if a.complete() {
		return
	}
	a.addIncomplete(&resp.Diagnostics, "Delete Identity Mappings", false)
	kept := readIdentitiesObject(state.withElements(a.elements()))
	resp.State.Raw = kept.raw
	saveRevisions(ctx, resp.Private, kept.rows(), a.known, &resp.Diagnostics)
}

// storedOf reads what a resource's state is about: its rows, or everybody's
// mappings where it is exclusive.
func storedOf(ctx context.Context, api mappingsAPI, state identitiesObject, rows []mappingRow) (storedMappings, error) {
	if state.exclusive == on {
		return allStored(ctx, api, state.service)
	}
	return findStored(ctx, api, state.service, usersOf(rows))
}

// refresh returns the entries as they are stored, nil where nothing changed, and
// the rows that are gone. A value that differs in spelling alone keeps its
// spelling.
func refresh(state identitiesObject, rows []mappingRow, stored storedMappings) (elements map[string]tftypes.Value, gone []mappingRow) {
	changed := map[string]tftypes.Value{}
	for _, row := range rows {
		m := stored.get(row.user)
		if m == nil {
			gone = append(gone, row)
			continue
		}
		if id, plain := m.Matcher.Identity(state.service.Type); plain && id == row.value {
			continue // nearly always
		}
		if !m.Matcher.Equal(state.service.Type, row.stored(state.service.Type)) {
			changed[row.raw] = tftypes.NewValue(tftypes.String, shownValue(state.service.Type, m.Matcher))
		}
	}
	if state.exclusive == on {
		for _, row := range stored.unlisted(rows) {
			changed[row.raw] = tftypes.NewValue(tftypes.String, row.value)
		}
	}
	if len(changed)+len(gone) == 0 {
		return nil, nil
	}
	elements = maps.Clone(state.elements)
	maps.Copy(elements, changed)
	for _, row := range gone {
		delete(elements, row.raw)
	}
	return elements, gone
}

// ModifyPlan makes a plan say all that apply will do: a change of spelling
// alone changes state and writes nothing, and what is stored already is looked at before anybody
// approves the plan.
func (r *identitiesResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	if !r.sameStore(ctx, resp.Private, planning, &resp.Diagnostics) || req.Plan.Raw.IsNull() {
		return // another store, or destroy
	}
	plan := readIdentitiesObject(req.Plan.Raw)
	r.data.claimIdentities(plan, &resp.Diagnostics)
	if req.Plan.Raw.Equal(req.State.Raw) {
		return // nothing to do
	}
	if !plan.serviceKnown() {
		return
	}
	prior := readIdentitiesObject(req.State.Raw)
	if prior.service != plan.service {
		prior = identitiesObject{} // a creation, or a replacement's
	}
	created := prior.elements == nil
	after := plan.rows()
	changes := compareRows(prior.rows(), after)
	switch {
	case created:
	case plan.elements != nil:
		checkRemovals(&resp.Diagnostics, plan, len(prior.elements), changes.removed)
	case len(prior.elements) > 0:
		warnRemovalsUnknown(&resp.Diagnostics, plan, prior.rows())
	}
	if r.data != nil && plan.elements != nil {
		r.checkPlan(ctx, planChecks{plan: plan, after: after, changes: changes, nowExclusive: plan.exclusive == on && prior.exclusive != on}, &resp.Diagnostics)
	}
	resp.Plan.Raw = plan.withComputed()
}

// warnAbsentRows asks the service once whether it has the accounts of rows. A
// service that cannot be asked proves nothing.
func warnAbsentRows(ctx context.Context, api *readcache.Reader, service identity.ServiceKey, rows []mappingRow, diags *diag.Diagnostics) {
	services, err := api.Services(ctx)
	if s, _, ok := serviceAmong(services, service); err != nil || !ok || s.NoDirectory || len(rows) == 0 {
		return
	}
	statuses, err := api.Status(ctx, service, each(rows, func(row mappingRow) identity.AccountQuery { return identity.AccountQuery{Identity: row.value} }))
	if err != nil {
		return
	}
	var absent []string
	for i, row := range rows {
		if statuses[i].Status == identity.AccountAbsent {
			absent = append(absent, string(row.user)+": "+row.value)
		}
	}
	if len(absent) > 0 {
		warnAbsent(diags, "Accounts Not Found: "+service.String(), service, absent...)
	}
}

// planChecks compares a plan with what is stored.
type planChecks struct {
	plan    identitiesObject
	after   []mappingRow // of plan
	changes identitiesChanges
	// nowExclusive says that what is unlisted was never read into state.
	nowExclusive bool
}

// checkPlan applies the adoption rules to what is stored at plan time. All
// conflicts are one error.
func (r *identitiesResource) checkPlan(ctx context.Context, c planChecks, diags *diag.Diagnostics) {
	asserted := c.changes.asserted()
	if len(asserted) == 0 && !c.nowExclusive {
		return
	}
	api, ok := r.data.connect(ctx, diags)
	if !ok {
		return
	}
	if len(c.changes.added) > 0 {
		r.data.warnUnregistered(ctx, api, c.plan.service, diags)
	}
	stored, err := c.read(ctx, api)
	var holders map[string][]identity.UserKey
	if err == nil && c.plan.allowShared == off {
		holders, err = stored.holders(ctx, api, asserted)
	}
	if err != nil {
		addFailure(diags, readIdentities, "", c.plan.service.String(), err)
		return
	}
	var going []mappingRow
	if c.nowExclusive {
		going = stored.unlisted(c.after)
	}
	f := c.compare(stored)
	f.held = c.compareHolders(holders)
	f.report(diags, c.plan, len(c.after))
	if !diags.HasError() {
		warnAbsentRows(ctx, api, c.plan.service, asserted, diags)
	}
	if !diags.HasError() && len(going) > 0 {
		warnUnlisted(diags, c.plan.service, going)
	}
}

// read asks the API for what the checks need, and no more.
func (c planChecks) read(ctx context.Context, api mappingsAPI) (storedMappings, error) {
	if c.nowExclusive {
		return allStored(ctx, api, c.plan.service)
	}
	added := usersOf(knownRows(c.changes.added))
	if c.plan.allowShared == off {
		return storedForClaims(ctx, api, c.plan.service, added)
	}
	return findStored(ctx, api, c.plan.service, added)
}

// compare applies the adoption rules to the rows that are new.
func (c planChecks) compare(stored storedMappings) planFindings {
	var f planFindings
	for _, row := range knownRows(c.changes.added) {
		m := stored.get(row.user)
		switch decideAdoption(m, row.declared(c.plan.service.Type), c.plan.overwrite == on) {
		case overwriteAutomatic, overwriteManual:
			f.overwritten = append(f.overwritten, newRefusal(row, identity.Conflict(row.user, c.plan.service, m)))
		case refuseManual:
			if c.plan.overwrite != undecided {
				f.refused = append(f.refused, newRefusal(row, identity.Conflict(row.user, c.plan.service, m)))
			}
		case createNew, adoptEqual:
		}
	}
	return f
}

// compareHolders returns the rows whose account somebody else has.
func (c planChecks) compareHolders(holders map[string][]identity.UserKey) []refusal {
	var held []refusal
	released := c.released()
	for _, row := range c.changes.asserted() {
		for _, holder := range holders[row.account(c.plan.service.Type)] {
			if holder != row.user && !released[holder] {
				held = append(held, newRefusal(row, identity.Claimed(row.user, c.plan.service, row.declared(c.plan.service.Type), holder)))
				break
			}
		}
	}
	return held
}

// released returns the users whose account this plan takes away or changes, so
// that another may have it.
func (c planChecks) released() map[identity.UserKey]bool {
	released := make(map[identity.UserKey]bool, len(c.changes.removed)+len(c.changes.changed)+len(c.changes.added))
	// Who is added with another account than the stored one gives that up.
	// Two rows never have the same account: validation sees to it.
	for _, rows := range [][]mappingRow{c.changes.removed, c.changes.added} {
		for _, row := range rows {
			released[row.user] = true
		}
	}
	for _, row := range c.changes.changed {
		released[row.after.user] = true
	}
	return released
}

// ImportState reads the manual mappings of a service.
func (r *identitiesResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	service, ok := importedService(ctx, req, &resp.Diagnostics)
	if !ok {
		return
	}
	api, ok := r.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	stored, err := allStored(ctx, api, service)
	if err != nil {
		addFailure(&resp.Diagnostics, readIdentities, "", service.String(), err)
		return
	}
	elements := map[string]tftypes.Value{}
	var several []mappingRow
	for _, row := range stored.unlisted(nil) {
		if _, plain := stored.byUser[row.user].Matcher.Identity(service.Type); !plain {
			several = append(several, row)
			continue
		}
		elements[stored.spelling(row.user)] = tftypes.NewValue(tftypes.String, row.value)
	}
	if len(elements) == 0 {
		addNoMappingsToImport(&resp.Diagnostics, service)
		return
	}
	if len(several) > 0 {
		warnNotImported(&resp.Diagnostics, service, several)
	}
	imported := readIdentitiesObject(emptyObject(resp.State.Raw.Type(), service))
	imported = readIdentitiesObject(imported.withElements(elements))
	resp.State.Raw = imported.raw
	known := newRowRevisions()
	known.wrote(stored.revisions())
	saveRevisions(ctx, resp.Private, imported.rows(), known, &resp.Diagnostics)
	setIdentity(ctx, resp.Identity, imported.key(), &resp.Diagnostics)
}

func importedService(ctx context.Context, req resource.ImportStateRequest, diags *diag.Diagnostics) (identity.ServiceKey, bool) {
	key, err := importedServiceKey(ctx, req, diags)
	if diags.HasError() {
		return key, false
	}
	if err == nil {
		err = key.CheckDeclarable()
	}
	if err != nil {
		addBadImportID(diags, "sym_identities", "SERVICE_TYPE:EXTERNAL_ID", "okta:acme.okta.com", err)
	}
	return key, err == nil
}

// emptyObject returns an object with nothing but its service set.
func emptyObject(t tftypes.Type, service identity.ServiceKey) tftypes.Value {
	attributes := map[string]tftypes.Value{}
	if object, ok := t.(tftypes.Object); ok {
		for name, of := range object.AttributeTypes {
			attributes[name] = tftypes.NewValue(of, nil)
		}
	}
	attributes["service_type"] = tftypes.NewValue(tftypes.String, service.Type)
	attributes["external_id"] = tftypes.NewValue(tftypes.String, service.ExternalID)
	return tftypes.NewValue(t, attributes)
}

// checkRows finds all that is wrong with entries in themselves, ordered by key.
// Values are not checked while the service is unknown (nil), nor those that
// are unknown. unshared says that no account may stand there twice.
func checkRows(elements map[string]tftypes.Value, service *identity.ServiceKey, unshared bool) []rowProblem {
	var problems []rowProblem
	add := func(raw, format string, args ...any) {
		problems = append(problems, rowProblem{raw, fmt.Sprintf(format, args...)})
	}
	users := make(map[identity.UserKey]string, len(elements))
	accounts := make(map[string]string, len(elements))
	for _, raw := range slices.Sorted(maps.Keys(elements)) {
		user, err := identity.ParseUser(raw)
		if err != nil {
			add(raw, "%s", problemText(err))
			continue
		}
		if other, twice := users[user]; twice {
			add(raw, "the same user as %q: both are %s; keep one of them", other, user)
			continue
		}
		users[user] = raw
		v := elements[raw]
		switch {
		case v.IsNull():
			add(raw, "the identity is null; leave the entry out where nobody is mapped")
			continue
		case !v.IsKnown() || service == nil:
			continue
		}
		value := textOf(v)
		if err := identity.ValidateIdentity(*service, value); err != nil {
			add(raw, "%s", problemText(err))
			continue
		}
		if !unshared {
			continue
		}
		account := identity.FoldIdentity(service.Type, value)
		if other, twice := accounts[account]; twice {
			add(raw, "the same account as %q: %s; if both really use it, set allow_shared = true", other, value)
			continue
		}
		accounts[account] = raw
	}
	return problems
}

func (s storedMappings) revisions() revisions {
	found := make(revisions, len(s.byUser))
	for user, m := range s.byUser {
		found[user] = m.Revision
	}
	return found
}

// identitiesObject is a sym_identities object as Terraform hands it over:
// configuration, plan or state. It is read and changed in Terraform's own
// representation, because converting a map of thousands to Go values and back
// costs more than everything else that is done with it.
type identitiesObject struct {
	raw         tftypes.Value
	service     identity.ServiceKey // valid only where serviceKnown
	exclusive   option
	overwrite   option
	allowShared option
	maxRemovals types.Int64
	// elements is the map with its keys as written; nil while the map as a
	// whole is unknown, or null.
	elements map[string]tftypes.Value

	serviceType, externalID types.String
}

// option is an optional attribute that is off when it is not set.
type option uint8

const (
	off option = iota
	on
	undecided // unknown at plan
)

// mappingRow is one entry of the map.
type mappingRow struct {
	raw   string // the key, in the configuration's spelling
	user  identity.UserKey
	value string
	known bool // the value is known
	// matcher is the value of a sym_identity; nil in a map.
	matcher identity.Matcher
}

// declared returns what a configuration's value stores.
func (r mappingRow) declared(serviceType string) identity.Matcher {
	if r.matcher != nil {
		return r.matcher
	}
	return identity.NewMatcher(serviceType, r.value)
}

// stored returns what a value in state says to be stored.
func (r mappingRow) stored(serviceType string) identity.Matcher {
	if r.matcher != nil {
		return r.matcher
	}
	return shownMatcher(serviceType, r.value)
}

// account returns the form in which accounts compare.
func (r mappingRow) account(serviceType string) string {
	if r.matcher != nil {
		return r.matcher.AccountKey(serviceType)
	}
	return identity.FoldIdentity(serviceType, r.value)
}

// readIdentitiesObject never fails: what is null or unknown is left out.
func readIdentitiesObject(raw tftypes.Value) identitiesObject {
	attributes := attributesOf(raw)
	o := identitiesObject{
		raw: raw, serviceType: stringAttribute(attributes["service_type"]), externalID: stringAttribute(attributes["external_id"]),
		exclusive: optionOf(attributes["exclusive"]), overwrite: optionOf(attributes["overwrite"]), allowShared: optionOf(attributes["allow_shared"]),
		maxRemovals: numberAttribute(attributes["max_removals"]),
	}
	o.service = identity.ServiceKey{Type: o.serviceType.ValueString(), ExternalID: o.externalID.ValueString()}
	if v := attributes["identities"]; v.IsKnown() && !v.IsNull() {
		_ = v.As(&o.elements) // the schema says that it is a map
	}
	return o
}

func attributesOf(raw tftypes.Value) map[string]tftypes.Value {
	var attributes map[string]tftypes.Value
	if raw.IsKnown() {
		_ = raw.As(&attributes) // the schema says that it is an object
	}
	return attributes
}

func stringAttribute(v tftypes.Value) types.String {
	if !v.IsKnown() {
		return types.StringUnknown()
	}
	if v.IsNull() {
		return types.StringNull()
	}
	return types.StringValue(textOf(v))
}

func numberAttribute(v tftypes.Value) types.Int64 {
	if !v.IsKnown() {
		return types.Int64Unknown()
	}
	if v.IsNull() {
		return types.Int64Null()
	}
	n := new(big.Float)
	_ = v.As(&n) // the schema says that it is a number
	whole, _ := n.Int64()
	return types.Int64Value(whole)
}

// textOf returns the text of a known string.
func textOf(v tftypes.Value) string {
	var s string
	_ = v.As(&s) // the schema says that it is a string
	return s
}

func optionOf(v tftypes.Value) option {
	if !v.IsKnown() {
		return undecided
	}
	var set bool
	if _ = v.As(&set); set { // the schema says that it is a bool
		return on
	}
	return off
}

func boolOption(v types.Bool) option {
	switch {
	case v.IsUnknown():
		return undecided
	case v.ValueBool():
		return on
	}
	return off
}

// serviceKnown reports whether both parts of the service are known and right.
func (o identitiesObject) serviceKnown() bool {
	return !o.serviceType.IsUnknown() && !o.externalID.IsUnknown() && o.service.Validate() == nil
}

// rows returns the entries whose key names a user, ordered by user. Validation has
// refused the others before anything reaches state or is applied.
func (o identitiesObject) rows() []mappingRow {
	rows := make([]mappingRow, 0, len(o.elements))
	for raw, v := range o.elements {
		user, err := identity.ParseUser(raw)
		if err != nil {
			continue
		}
		row := mappingRow{raw: raw, user: user, known: v.IsKnown()}
		if row.known {
			row.value = textOf(v)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b mappingRow) int {
		return cmp.Or(strings.Compare(string(a.user), string(b.user)), strings.Compare(a.raw, b.raw))
	})
	return rows
}

// with returns the object with some attributes changed.
func (o identitiesObject) with(changed map[string]tftypes.Value) tftypes.Value {
	attributes := maps.Clone(attributesOf(o.raw))
	maps.Copy(attributes, changed)
	return tftypes.NewValue(o.raw.Type(), attributes)
}

// withComputed returns the object with id and service filled in.
func (o identitiesObject) withComputed() tftypes.Value {
	key := tftypes.NewValue(tftypes.String, o.service.String())
	return o.with(map[string]tftypes.Value{"id": key, "service": key})
}

// withElements returns the object with other entries, and id and service filled in.
func (o identitiesObject) withElements(elements map[string]tftypes.Value) tftypes.Value {
	o.raw = o.with(map[string]tftypes.Value{
		"identities": tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, elements),
	})
	return o.withComputed()
}

func usersOf(rows []mappingRow) []identity.UserKey {
	return each(rows, func(row mappingRow) identity.UserKey { return row.user })
}

func (o identitiesObject) key() serviceKeyModel {
	return serviceKeyModel{types.StringValue(o.service.Type), types.StringValue(o.service.ExternalID)}
}

// shownValue returns a stored value as an entry of the map: the identity, or the
// matcher as JSON where it is more than the type's own key. Sym's own tools
// show it so.
func shownValue(serviceType string, stored identity.Matcher) string {
	if id, plain := stored.Identity(serviceType); plain {
		return id
	}
	text, _ := json.Marshal(stored) // a map of strings always marshals
	return string(text)
}

// shownMatcher reverses shownValue, for values that a read put into state.
func shownMatcher(serviceType, value string) identity.Matcher {
	if strings.HasPrefix(value, "{") {
		var m identity.Matcher
		if err := json.Unmarshal([]byte(value), &m); err == nil {
			if _, plain := m.Identity(serviceType); !plain && len(m) > 0 {
				return m
			}
		}
	}
	return identity.NewMatcher(serviceType, value)
}

// identitiesChanges lists the rows in which two maps differ. Spelling of keys is
// no difference.
type identitiesChanges struct {
	added   []mappingRow
	removed []mappingRow
	changed []changedRow
}

// changedRow is an entry whose value changes, or may: its new value can be
// unknown at plan.
type changedRow struct{ before, after mappingRow }

// compareRows returns what changes between two lists, both ordered by user.
func compareRows(before, after []mappingRow) identitiesChanges {
	var c identitiesChanges
	for len(before) > 0 && len(after) > 0 {
		b, a := before[0], after[0]
		switch {
		case b.user < a.user:
			c.removed = append(c.removed, b)
			before = before[1:]
		case b.user > a.user:
			c.added = append(c.added, a)
			after = after[1:]
		default:
			if !a.known || a.value != b.value {
				c.changed = append(c.changed, changedRow{b, a})
			}
			before, after = before[1:], after[1:]
		}
	}
	c.removed = append(c.removed, before...)
	c.added = append(c.added, after...)
	return c
}

func (c identitiesChanges) none() bool {
	return len(c.added) == 0 && len(c.removed) == 0 && len(c.changed) == 0
}

// asserted returns the added and changed rows whose value is known already.
func (c identitiesChanges) asserted() []mappingRow {
	rows := knownRows(c.added)
	for _, row := range c.changed {
		if row.after.known {
			rows = append(rows, row.after)
		}
	}
	return rows
}

func knownRows(rows []mappingRow) []mappingRow {
	return slices.DeleteFunc(slices.Clone(rows), func(row mappingRow) bool { return !row.known })
}

// mappingsAPI lists the calls of the identity API that mappings need.
type mappingsAPI interface {
	FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error)
	AllUsers(ctx context.Context) iter.Seq2[identity.User, error]
	Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error)
	Write(ctx context.Context, writes []identity.Write) ([]identity.User, error)
	Delete(ctx context.Context, deletes []identity.Delete) ([]bool, error)
}

// storedMappings holds the mappings of a service that one reading found.
type storedMappings struct {
	service  identity.ServiceKey
	byUser   map[identity.UserKey]identity.Mapping
	names    map[identity.UserKey]string // of users whose own spelling is another
	complete bool                        // of all users, so whoever is not here has nothing stored
}

func newStored(service identity.ServiceKey, size int) storedMappings {
	return storedMappings{service: service, byUser: make(map[identity.UserKey]identity.Mapping, size), names: map[identity.UserKey]string{}}
}

// findStored reads the mappings of some users.
func findStored(ctx context.Context, api mappingsAPI, service identity.ServiceKey, users []identity.UserKey) (storedMappings, error) {
	s := newStored(service, len(users))
	if len(users) == 0 {
		return s, nil
	}
	found, err := api.FindUsers(ctx, users)
	for _, u := range found {
		s.add(u)
	}
	return s, err
}

// allStored reads the mappings of everybody.
func allStored(ctx context.Context, api mappingsAPI, service identity.ServiceKey) (storedMappings, error) {
	return walkStored(ctx, api, service, 0)
}

// storedForClaims reads the mappings of users where it also matters who else
// has their accounts. Searching for both takes two requests per 2,500 users; where
// the map covers about everybody there is, as such maps do, reading everybody
// takes half of that and answers both.
func storedForClaims(ctx context.Context, api mappingsAPI, service identity.ServiceKey, users []identity.UserKey) (storedMappings, error) {
	if len(users) > symapi.MaxBatch {
		pages := (len(users) + symapi.MaxBatch + symapi.MaxPage - 1) / symapi.MaxPage
		s, err := walkStored(ctx, api, service, pages*symapi.MaxPage)
		if err != nil || s.complete {
			return s, err
		}
	}
	return findStored(ctx, api, service, users)
}

// walkStored reads everybody, or gives up after so many users; 0 is no limit.
func walkStored(ctx context.Context, api mappingsAPI, service identity.ServiceKey, limit int) (storedMappings, error) {
	s := newStored(service, 0)
	seen := 0
	for u, err := range api.AllUsers(ctx) {
		if err != nil {
			return s, err
		}
		s.add(u)
		if seen++; seen == limit {
			return s, nil // before the next page is asked for
		}
	}
	s.complete = true
	return s, nil
}

func (s storedMappings) add(u identity.User) {
	if m, ok := u.Mapping(s.service); ok {
		s.byUser[u.Key] = m
		if u.Name != "" && u.Name != string(u.Key) {
			s.names[u.Key] = u.Name
		}
	}
}

// spelling returns a user's name as its owner spells it.
func (s storedMappings) spelling(user identity.UserKey) string {
	if name, kept := s.names[user]; kept {
		return name
	}
	return string(user)
}

// get returns the stored mapping of a user, nil if there is none.
func (s storedMappings) get(user identity.UserKey) *identity.Mapping {
	if m, ok := s.byUser[user]; ok {
		return &m
	}
	return nil
}

// unlisted returns the manual mappings of users that rows do not name, as rows
// ordered by user. It needs a complete reading.
func (s storedMappings) unlisted(rows []mappingRow) []mappingRow {
	listed := make(map[identity.UserKey]bool, len(rows))
	for _, row := range rows {
		listed[row.user] = true
	}
	var out []mappingRow
	for user, m := range s.byUser {
		if !listed[user] && m.Source.OrManual() == identity.Manual {
			out = append(out, mappingRow{raw: string(user), user: user, value: shownValue(s.service.Type, m.Matcher), known: true})
		}
	}
	slices.SortFunc(out, func(a, b mappingRow) int { return cmp.Compare(a.user, b.user) })
	return out
}

// holders returns who has the accounts of rows, by account key, ordered. Nobody
// has any in a service that is not registered yet.
func (s storedMappings) holders(ctx context.Context, api mappingsAPI, rows []mappingRow) (map[string][]identity.UserKey, error) {
	byClaim := map[string][]identity.UserKey{}
	if s.complete {
		for user, m := range s.byUser {
			claim := m.Matcher.AccountKey(s.service.Type)
			byClaim[claim] = append(byClaim[claim], user)
		}
		for _, users := range byClaim {
			slices.Sort(users)
		}
		return byClaim, nil
	}
	if len(rows) == 0 {
		return byClaim, nil
	}
	found, err := api.Holders(ctx, s.service, each(rows, func(row mappingRow) string { return row.account(s.service.Type) }))
	if identity.CodeOf(err) == identity.CodeServiceNotFound {
		return byClaim, nil // this run may be about to register it; apply will tell
	}
	for _, h := range found {
		claim := h.Mapping.Matcher.AccountKey(s.service.Type)
		byClaim[claim] = append(byClaim[claim], h.User)
	}
	return byClaim, err
}
