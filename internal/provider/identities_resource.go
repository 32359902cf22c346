// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

var (
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

// identitiesModel is the state and configuration of sym_identities.
type identitiesModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
	Identities  types.Map    `tfsdk:"identities"`
	Exclusive   types.Bool   `tfsdk:"exclusive"`
	Overwrite   types.Bool   `tfsdk:"overwrite"`
	AllowShared types.Bool   `tfsdk:"allow_shared"`
	MaxRemovals types.Int64  `tfsdk:"max_removals"`
	ID          types.String `tfsdk:"id"`
	Service     types.String `tfsdk:"service"`
}

func (r *identitiesResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Maps many users to their accounts in one service by hand, with a map of user to identity. Thousands of mappings are one resource, " +
			"and one request for each 2,500.\n\n" +
			"Each entry follows the rules of `sym_identity`: an equal stored value is adopted, a value that a rule or a lookup stored is overwritten " +
			"with a warning. A different *manual* value is an error at plan unless `overwrite = true`, and so is an account that somebody else holds " +
			"unless `allow_shared = true`. One diagnostic lists every problem.\n\n" +
			"If only some mappings can be stored, an update keeps them in state and the error lists the others. A creation that fails leaves " +
			"nothing in state, because Terraform would otherwise delete all mappings and start again. What was stored stays stored, and the next apply adopts it.",
		Attributes: map[string]schema.Attribute{
			"service_type": replacingText("Type of the service, such as `okta`, `github` or `custom`. Changing it replaces the mappings.", likelyServiceType...),
			"external_id":  replacingText("Which workspace, domain or account of that type, such as `acme.okta.com`. The service must be registered when the mappings are applied. Changing it replaces the mappings."),
			"identities": schema.MapAttribute{
				Required: true, ElementType: types.StringType,
				MarkdownDescription: "Map of user to account. A key is a person's e-mail or a bot's username; a value is an account as in `identity` of `sym_identity`. " +
					"Keys compare without case and outer spaces. Two keys for one user are an error. Changing an entry changes only that mapping. " +
					"A value with more than one string is the JSON object that `matcher` of `sym_identity` holds.",
			},
			"exclusive": optionalResourceBool("Removes manual mappings of the service that are not listed. They appear in the plan as removed entries. " +
				"Only what a plan has shown is removed: the plan that creates the resource or sets `exclusive` warns about each mapping, and the plan after its apply shows the removals. " +
				"Mappings stored after the plan stay, and so do mappings of rules and lookups. Default: `false`, only listed mappings are read and changed. " +
				"Do not combine it with `sym_identity` resources of the same service."),
			"overwrite":    optionalResourceBool("Whether adding an entry may overwrite a different identity that was mapped by hand. Default: `false`."),
			"allow_shared": optionalResourceBool("Whether an account may belong to several users. Default: `false`, an account that somebody else holds is an error that names the holder."),
			"max_removals": schema.Int64Attribute{
				Optional:   true,
				Validators: []validator.Int64{int64validator.AtLeast(0)},
				MarkdownDescription: "Highest number of mappings that one plan may remove. A plan that removes more fails and names the number to set. This protects against a broken input file. " +
					"If the keys are known only at apply, the limit applies then. " +
					"Default: a fifth of the mappings in state, or no limit if state holds fewer than 20. Destroying or replacing the resource does not count.",
			},
			"id":      computedResourceText("Import id: the service key."),
			"service": computedResourceText("Service key: `SERVICE_TYPE:EXTERNAL_ID`."),
		},
	}
}

func (r *identitiesResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = serviceIdentitySchema()
}

// ValidateConfig checks all that can be checked without the API: every row,
// and the rows against each other.
func (r *identitiesResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	config, ok := decode[identitiesModel](ctx, req.Config, &resp.Diagnostics)
	if !ok {
		return
	}
	service, known := serviceKey(config.ServiceType, config.ExternalID, &resp.Diagnostics)
	if known {
		if err := service.CheckDeclarable(); err != nil {
			addInvalid(&resp.Diagnostics, path.Root("service_type"), "Managed Service", err)
			return
		}
	}
	addInvalidRows(&resp.Diagnostics, len(config.Identities.Elements()), config.checkRows(known))
}

// Create stores all it can. An error leaves no state, which would be tainted, and all
// mappings deleted by the next apply: that one adopts what was stored instead.
func (r *identitiesResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	a, ok := newApply(ctx, api, req.Plan, &resp.Diagnostics)
	if !ok {
		return
	}
	if a.run(ctx, nil, "Create Identity Mappings", true, &resp.Diagnostics) {
		a.save(ctx, &resp.State, resp.Private, &resp.Diagnostics)
		setIdentity(ctx, resp.Identity, a.plan.key(), &resp.Diagnostics)
	}
}

const readIdentities = "Read Identity Mappings"

func (r *identitiesResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	state, ok := decode[identitiesModel](ctx, req.State, &resp.Diagnostics)
	if !ok || !state.checkService(&resp.Diagnostics) {
		return
	}
	setIdentity(ctx, resp.Identity, state.key(), &resp.Diagnostics)
	api, ok := r.open(ctx, resp.Private, reading, &resp.Diagnostics)
	if !ok {
		return
	}
	rows := state.rows()
	stored, err := state.read(ctx, api, rows)
	if err != nil {
		addFailure(&resp.Diagnostics, readIdentities, "", state.service().String(), err)
		return
	}
	known := loadRevisions(ctx, req.Private, &resp.Diagnostics)
	known.observe(rows, stored.revisions())
	if elsewhere := known.ownedElsewhere(rows, stored); len(elsewhere) > 0 {
		warnRowsOwnedElsewhere(&resp.Diagnostics, state.service(), elsewhere)
	}
	elements, gone := state.refresh(rows, stored)
	if len(gone) > 0 {
		warnRowsGone(&resp.Diagnostics, state.service(), gone, r.data.storeCreated())
	}
	if elements != nil {
		state.setElements(elements)
		rows = state.rows()
		resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	}
	saveRevisions(ctx, resp.Private, rows, known, &resp.Diagnostics)
	reused := loadPrivate[reusedIdentities](ctx, req.Private, reusedKey, &resp.Diagnostics)
	savePrivate(ctx, resp.Private, reusedKey, checkAccounts(ctx, api, rows, stored, reused, &resp.Diagnostics), &resp.Diagnostics)
}

// reusedIdentities holds the users whose identity has become the name of another account.
type reusedIdentities map[identity.UserKey]identity.AccountQuery

// among returns the rows that still have such an identity.
func (r reusedIdentities) among(serviceType string, rows []mappingRow) []mappingRow {
	return filtered(rows, func(row mappingRow) bool {
		was, ok := r[row.user]
		return ok && row.matcher.Equal(serviceType, identity.NewMatcher(serviceType, was.Identity))
	})
}

// kept returns those that state still holds, because they could not be changed; nil
// where there are none.
func (r reusedIdentities) kept(state identitiesModel) (kept reusedIdentities) {
	for _, row := range r.among(state.service().Type, state.rows()) {
		put((*map[identity.UserKey]identity.AccountQuery)(&kept), row.user, r[row.user])
	}
	return kept
}

// checkAccounts asks the service once which accounts have the identities that are
// reusable names. It warns of names that are another account's now, of accounts that
// have another name, and of those that are gone. It returns the first of these, with
// those that were known before and cannot be checked now.
func checkAccounts(ctx context.Context, api *readcache.Reader, rows []mappingRow, stored storedMappings, known reusedIdentities, diags *diag.Diagnostics) reusedIdentities {
	service := stored.service
	rows = filtered(rows, func(row mappingRow) bool {
		m := stored.get(row.user)
		return m != nil && (m.AccountID != "" || identity.Reusable(service.Type))
	})
	found, asked := findAccounts(ctx, api, stored, rows)
	if !asked {
		return known
	}
	if len(found.others) > 0 {
		diags.AddWarning(reusedIdentitiesSummary+": "+service.String(), reusedRows(service, found.others, found.reused, declareEntryAgain))
	}
	warnRowsRenamed(diags, service, found.renamed)
	warnAbsent(diags, "Accounts Not Found: "+service.String(), service, found.absent...)
	for _, user := range found.unsure { // what was known stays known
		if was, ok := known[user]; ok {
			put((*map[identity.UserKey]identity.AccountQuery)(&found.reused), user, was)
		}
	}
	return found.reused
}

// accountFindings holds what a service says of the accounts of some rows.
type accountFindings struct {
	ids     map[identity.UserKey]string // of accounts that it has, where names are reusable
	others  []mappingRow                // whose name is another account's now
	reused  reusedIdentities            // the same, with what was asked; nil = none
	renamed []renamedAccount
	absent  []string           // a line for each account that it does not have
	unsure  []identity.UserKey // of whose accounts the answer proves nothing
}

// renamedAccount is a row whose account has another name now.
type renamedAccount struct {
	row     mappingRow
	was, is string
}

// findAccounts asks the service once about the accounts of rows: for what is stored
// already, whether the name is still that of the account that was mapped. asked is
// false where the service cannot be asked, which proves nothing.
func findAccounts(ctx context.Context, api *readcache.Reader, stored storedMappings, rows []mappingRow) (found accountFindings, asked bool) {
	service := stored.service
	rows = filtered(rows, func(row mappingRow) bool { _, plain := row.matcher.Identity(service.Type); return plain })
	queries := each(rows, func(row mappingRow) (query identity.AccountQuery) {
		query.Identity, _ = row.matcher.Identity(service.Type)
		if m := stored.get(row.user); m != nil && m.Matcher.Equal(service.Type, row.matcher) {
			query.AccountID = m.AccountID
		}
		return query
	})
	statuses := accountStatuses(ctx, api, service, queries)
	for i, status := range statuses {
		row, id := rows[i], queries[i].Identity
		switch status.Status {
		case identity.AccountReused:
			found.others = append(found.others, row)
			put((*map[identity.UserKey]identity.AccountQuery)(&found.reused), row.user, queries[i])
		case identity.AccountRenamed:
			found.renamed = append(found.renamed, renamedAccount{row, id, status.NewIdentity})
		case identity.AccountAbsent:
			found.absent = append(found.absent, absentAccount(row.user, id))
		case identity.AccountActive, identity.AccountInactive:
			if pin := identity.PinOf(service.Type, row.matcher, status.AccountID); pin != "" {
				put(&found.ids, row.user, pin)
			}
		default:
			found.unsure = append(found.unsure, row.user)
		}
	}
	return found, len(statuses) > 0
}

// Update writes rows that differ. After an error state holds exactly what was
// written.
func (r *identitiesResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	state, _ := decode[identitiesModel](ctx, req.State, &resp.Diagnostics)
	a, ok := newApply(ctx, api, req.Plan, &resp.Diagnostics)
	if !ok {
		return
	}
	a.known = loadRevisions(ctx, req.Private, &resp.Diagnostics)
	a.asPlanned = a.plan.Exclusive.ValueBool() && state.Exclusive.ValueBool()
	a.run(ctx, state.rows(), "Update Identity Mappings", false, &resp.Diagnostics)
	a.save(ctx, &resp.State, resp.Private, &resp.Diagnostics)
	known := loadPrivate[reusedIdentities](ctx, req.Private, reusedKey, &resp.Diagnostics)
	savePrivate(ctx, resp.Private, reusedKey, known.kept(a.plan), &resp.Diagnostics)
	setIdentity(ctx, resp.Identity, a.plan.key(), &resp.Diagnostics)
}

// Delete removes the rows of state. After an error state keeps exactly the
// rows that were not removed.
func (r *identitiesResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	a, ok := newApply(ctx, api, req.State, &resp.Diagnostics)
	if !ok {
		return
	}
	rows := a.plan.rows()
	a.after = nil
	a.plan.setElements(nil)
	a.known = loadRevisions(ctx, req.Private, &resp.Diagnostics)
	if !a.run(ctx, rows, "Delete Identity Mappings", false, &resp.Diagnostics) {
		a.save(ctx, &resp.State, resp.Private, &resp.Diagnostics)
	}
}

// read reads what the state is about: its rows, or everybody's mappings where it
// is exclusive.
func (m identitiesModel) read(ctx context.Context, api *readcache.Reader, rows []mappingRow) (storedMappings, error) {
	if m.Exclusive.ValueBool() {
		return walkStored(ctx, api, m.service(), 0)
	}
	return findStored(ctx, api, m.service(), usersOf(rows))
}

// refresh returns the entries as they are stored, nil where nothing changed but the
// spelling of values, and the rows that are gone.
func (m identitiesModel) refresh(rows []mappingRow, stored storedMappings) (elements map[string]attr.Value, gone []mappingRow) {
	changed := map[string]attr.Value{}
	for _, row := range rows {
		s, t := stored.get(row.user), stored.service.Type
		if s == nil {
			gone = append(gone, row)
		} else if !s.Matcher.Equal(t, row.matcher) {
			changed[row.raw] = types.StringValue(shownValue(t, s.Matcher))
		}
	}
	if m.Exclusive.ValueBool() {
		for _, row := range stored.unlisted(rows) {
			changed[row.raw] = types.StringValue(row.value)
		}
	}
	if len(changed)+len(gone) == 0 {
		return nil, nil
	}
	elements = m.Identities.Elements()
	maps.Copy(elements, changed)
	for _, row := range gone {
		delete(elements, row.raw)
	}
	return elements, gone
}

// ModifyPlan checks a plan against what is stored, before anybody approves it. A
// change of spelling alone changes state and writes nothing.
func (r *identitiesResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	if !r.sameStore(ctx, resp.Private, planning, &resp.Diagnostics) || req.Plan.Raw.IsNull() {
		return // another store, or destroy
	}
	plan, ok := decode[identitiesModel](ctx, req.Plan, &resp.Diagnostics)
	if !ok || !plan.serviceKnown() {
		return
	}
	service, after := plan.service(), plan.rows()
	r.data.claim(service, after, plan.AllowShared, &resp.Diagnostics)
	reused := loadPrivate[reusedIdentities](ctx, req.Private, reusedKey, &resp.Diagnostics) // nearly always empty
	if req.Plan.Raw.Equal(req.State.Raw) && len(reused) == 0 {
		return // nothing to do
	}
	var prior identitiesModel // nothing before a creation, also a replacement's
	created := true
	if !req.State.Raw.IsNull() {
		state, _ := decode[identitiesModel](ctx, req.State, &resp.Diagnostics)
		if state.service() == service {
			prior, created = state, false
		}
	}
	if kept := reused.among(service.Type, after); !created && len(kept) > 0 {
		resp.Diagnostics.AddAttributeError(path.Root("identities"), reusedIdentitiesSummary, reusedRows(service, kept, reused, declareEntryAgain))
		return
	}
	before := prior.rows()
	changes := compareRows(before, after)
	switch {
	case created:
	case !plan.Identities.IsUnknown():
		checkRemovals(&resp.Diagnostics, plan, len(before), changes.removed)
	case len(before) > 0:
		warnRemovalsUnknown(&resp.Diagnostics, plan, before)
	}
	if !plan.Identities.IsUnknown() {
		r.checkPlan(ctx, planChecks{
			service: service, overwrite: plan.Overwrite, allowShared: plan.AllowShared, changes: changes,
			nowExclusive: plan.Exclusive.ValueBool() && !prior.Exclusive.ValueBool(),
		}, after, &resp.Diagnostics)
	}
	plan.setComputed()
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// planChecks compares a plan with what is stored.
type planChecks struct {
	service                identity.ServiceKey
	overwrite, allowShared types.Bool // may be unknown
	changes                identitiesChanges
	// nowExclusive says that what is unlisted was never read into state.
	nowExclusive bool
}

// mayBeOn reports whether an option is on, or unknown.
func mayBeOn(option types.Bool) bool { return option.IsUnknown() || option.ValueBool() }

// checkPlan applies the adoption rules to what is stored at plan time. All
// conflicts are one error.
func (r *identitiesResource) checkPlan(ctx context.Context, c planChecks, after []mappingRow, diags *diag.Diagnostics) {
	asserted := c.changes.asserted()
	if len(asserted) == 0 && !c.nowExclusive {
		return
	}
	api, ok := r.data.connect(ctx, diags)
	if !ok {
		return
	}
	if len(c.changes.added) > 0 {
		r.data.warnUnregistered(ctx, api, c.service, diags)
	}
	stored, err := c.read(ctx, api)
	var accounts accountFindings
	var holders []identity.Holder
	if err == nil {
		accounts, _ = findAccounts(ctx, api, stored, asserted)
		holders, err = c.holders(ctx, api, stored, accounts.ids)
	}
	if err != nil {
		addFailure(diags, readIdentities, "", c.service.String(), err)
		return
	}
	var going []mappingRow
	if c.nowExclusive {
		going = stored.unlisted(after)
	}
	f := c.compare(stored)
	f.held = c.compareHolders(holders, accounts.ids)
	f.report(diags, c.service, len(after))
	if len(accounts.others) > 0 {
		diags.AddAttributeError(rowPath(accounts.others), reusedIdentitiesSummary, reusedRows(c.service, accounts.others, accounts.reused, adoptEntryAgain))
	}
	if !diags.HasError() {
		warnRowsRenamed(diags, c.service, accounts.renamed)
		warnAbsent(diags, "Accounts Not Found: "+c.service.String(), c.service, accounts.absent...)
	}
	if !diags.HasError() && len(going) > 0 {
		warnUnlisted(diags, c.service, going)
	}
}

// read asks the API for what the checks need, and no more.
func (c planChecks) read(ctx context.Context, api *readcache.Reader) (storedMappings, error) {
	if c.nowExclusive {
		return walkStored(ctx, api, c.service, 0)
	}
	added := usersOf(knownRows(c.changes.added))
	if mayBeOn(c.allowShared) {
		return findStored(ctx, api, c.service, added)
	}
	return storedForClaims(ctx, api, c.service, added)
}

// compare applies the adoption rules to the rows that are new.
func (c planChecks) compare(stored storedMappings) planFindings {
	var f planFindings
	for _, row := range knownRows(c.changes.added) {
		m := stored.get(row.user)
		if m == nil || m.Matcher.Equal(c.service.Type, row.matcher) {
			continue
		}
		x := newRefusal(row, identity.Conflict(row.user, c.service, m))
		switch {
		case !keepsStored(m, row.matcher, c.overwrite.ValueBool()):
			f.overwritten = append(f.overwritten, x)
		case !c.overwrite.IsUnknown():
			f.refused = append(f.refused, x)
		}
	}
	return f
}

// compareHolders returns the rows whose account somebody else has, also under an earlier
// name, who does not give it up by this plan. Who is added gives up the stored one:
// validation lets no two rows have one account. ids holds the accounts' ids.
func (c planChecks) compareHolders(holders []identity.Holder, ids map[identity.UserKey]string) (held []refusal) {
	released := map[identity.UserKey]bool{}
	for _, row := range slices.Concat(c.changes.removed, c.changes.added, c.changes.after()) {
		released[row.user] = true
	}
	byName, byID := identity.HoldersByAccount(holders), map[string][]identity.Holder{}
	for _, h := range holders {
		byID[h.Mapping.AccountID] = append(byID[h.Mapping.AccountID], h)
	}
	delete(byID, "") // not known
	for _, row := range c.changes.asserted() {
		account := row.matcher.AccountKey(c.service.Type)
		for _, holder := range slices.Concat(byName[account], byID[ids[row.user]]) {
			if holder.User != row.user && !released[holder.User] {
				x := newRefusal(row, identity.Claimed(row.user, c.service, row.matcher, holder.User))
				if holder.Mapping.AccountKey() != account {
					x.heldAs = holder.Mapping.Matcher
				}
				held = append(held, x)
				break
			}
		}
	}
	return held
}

// ImportState reads the manual mappings of a service.
func (r *identitiesResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	service, err := importedServiceKey(ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err == nil {
		err = service.CheckDeclarable()
	}
	if err != nil {
		addBadImportID(&resp.Diagnostics, "sym_identities", "SERVICE_TYPE:EXTERNAL_ID", "okta:acme.okta.com", err)
		return
	}
	api, ok := r.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	stored, err := walkStored(ctx, api, service, 0)
	if err != nil {
		addFailure(&resp.Diagnostics, readIdentities, "", service.String(), err)
		return
	}
	elements := map[string]attr.Value{}
	for _, row := range stored.unlisted(nil) {
		elements[stored.spelling(row.user)] = types.StringValue(row.value)
	}
	if len(elements) == 0 {
		addNoMappingsToImport(&resp.Diagnostics, service)
		return
	}
	imported := identitiesModel{ServiceType: types.StringValue(service.Type), ExternalID: types.StringValue(service.ExternalID)}
	imported.setElements(elements)
	imported.setComputed()
	resp.Diagnostics.Append(resp.State.Set(ctx, imported)...)
	known := newRowRevisions()
	known.wrote(stored.revisions())
	saveRevisions(ctx, resp.Private, imported.rows(), known, &resp.Diagnostics)
	setIdentity(ctx, resp.Identity, imported.key(), &resp.Diagnostics)
}

// checkRows finds all that is wrong with entries in themselves, ordered by key.
// Values are not checked while they or the service are unknown.
func (m identitiesModel) checkRows(serviceKnown bool) (problems []rowProblem) {
	elements, service := m.Identities.Elements(), m.service()
	users := make(map[identity.UserKey]string, len(elements))
	accounts := make(map[string]string, len(elements))
	problem := func(raw string, v types.String) string {
		user, err := identity.ParseUser(raw)
		if err != nil {
			return err.Error()
		}
		if other, twice := users[user]; twice {
			return fmt.Sprintf("the same user as %q: both are %s; keep one of them", other, user)
		}
		users[user] = raw
		if v.IsNull() {
			return "the identity is null; leave the entry out where nobody is mapped"
		}
		if v.IsUnknown() || !serviceKnown {
			return ""
		}
		matcher := shownMatcher(service.Type, v.ValueString())
		if err := matcher.Validate(service); err != nil {
			return err.Error()
		}
		account := matcher.AccountKey(service.Type)
		if other, twice := accounts[account]; twice && !mayBeOn(m.AllowShared) {
			return fmt.Sprintf("the same account as %q: %s; if both really use it, set allow_shared = true", other, v.ValueString())
		}
		accounts[account] = raw
		return ""
	}
	for _, raw := range slices.Sorted(maps.Keys(elements)) {
		v, _ := elements[raw].(types.String)
		if text := problem(raw, v); text != "" {
			problems = append(problems, rowProblem{raw, text})
		}
	}
	return problems
}

func (s storedMappings) revisions() revisions {
	found := make(revisions, s.users.Len())
	for _, u := range s.users.All() {
		if m, ok := u.Mapping(s.service); ok {
			found[u.Key] = m.Revision
		}
	}
	return found
}

// mappingRow is one entry of the map, or a sym_identity.
type mappingRow struct {
	raw     string // the key, in the configuration's spelling
	user    identity.UserKey
	value   string           // of the entry
	matcher identity.Matcher // nil while the value is unknown
}

// service returns the service; it is valid only where serviceKnown.
func (m identitiesModel) service() identity.ServiceKey {
	return identity.ServiceKey{Type: m.ServiceType.ValueString(), ExternalID: m.ExternalID.ValueString()}
}

// serviceKnown reports whether both parts of the service are known and right.
func (m identitiesModel) serviceKnown() bool {
	return !m.ServiceType.IsUnknown() && !m.ExternalID.IsUnknown() && m.service().Validate() == nil
}

// checkService reports a service that cannot be used, as an error.
func (m identitiesModel) checkService(diags *diag.Diagnostics) bool {
	err := m.service().Validate()
	if err != nil {
		diags.AddError("Invalid Identity Mappings in State",
			fmt.Sprintf("The values service_type = %s, external_id = %s cannot be used: %s. Remove the resource from state and import it again.",
				m.ServiceType, m.ExternalID, openEnded(err.Error())))
	}
	return err == nil
}

// rows returns the entries whose key names a user, ordered by user. Validation has
// refused the others before anything reaches state or is applied.
func (m identitiesModel) rows() []mappingRow {
	elements := m.Identities.Elements()
	rows := make([]mappingRow, 0, len(elements))
	for raw, v := range elements {
		user, err := identity.ParseUser(raw)
		if err != nil {
			continue
		}
		row := mappingRow{raw: raw, user: user}
		if value, ok := v.(types.String); ok && !value.IsUnknown() {
			row.value = value.ValueString()
			row.matcher = shownMatcher(m.ServiceType.ValueString(), row.value)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b mappingRow) int {
		return cmp.Or(strings.Compare(string(a.user), string(b.user)), strings.Compare(a.raw, b.raw))
	})
	return rows
}

func (m *identitiesModel) setElements(elements map[string]attr.Value) {
	m.Identities = types.MapValueMust(types.StringType, elements)
}

func (m *identitiesModel) setComputed() {
	m.ID = types.StringValue(m.service().String())
	m.Service = m.ID
}

func usersOf(rows []mappingRow) []identity.UserKey {
	return each(rows, func(row mappingRow) identity.UserKey { return row.user })
}

func (m identitiesModel) key() serviceKeyModel { return serviceKeyModel{m.ServiceType, m.ExternalID} }

// shownValue returns a stored value as an entry of the map: the identity, or, as
// Sym's tools do, the matcher as JSON where it is more than the type's own key.
func shownValue(serviceType string, stored identity.Matcher) string {
	if id, plain := stored.Identity(serviceType); plain && maps.Equal(shownMatcher(serviceType, id), stored) {
		return id
	}
	text, _ := json.Marshal(stored) // a map of strings always marshals
	return string(text)
}

// shownMatcher reverses shownValue, also for what a configuration took from a plan.
// In Sym's own types, JSON without their key is an identity.
func shownMatcher(serviceType, value string) identity.Matcher {
	var m identity.Matcher
	if strings.HasPrefix(value, "{") && json.Unmarshal([]byte(value), &m) == nil && len(m) > 0 {
		if _, own := m[identity.MatcherKey(serviceType)]; own || !identity.SymType(serviceType) {
			return m
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
			if a.matcher == nil || a.value != b.value {
				c.changed = append(c.changed, changedRow{b, a})
			}
			before, after = before[1:], after[1:]
		}
	}
	c.removed = append(c.removed, before...)
	c.added = append(c.added, after...)
	return c
}

// after returns the changed rows as they become.
func (c identitiesChanges) after() []mappingRow {
	return each(c.changed, func(c changedRow) mappingRow { return c.after })
}

// asserted returns the added and changed rows whose value is known already.
func (c identitiesChanges) asserted() []mappingRow {
	return knownRows(slices.Concat(c.added, c.after()))
}

func knownRows(rows []mappingRow) []mappingRow {
	return slices.DeleteFunc(slices.Clone(rows), func(row mappingRow) bool { return row.matcher == nil })
}

// storedMappings holds the mappings of a service that one reading found.
type storedMappings struct {
	service  identity.ServiceKey
	users    *identity.Index
	complete bool // of all users, so whoever is not here has nothing stored
}

// findStored reads the mappings of some users.
func findStored(ctx context.Context, api *readcache.Reader, service identity.ServiceKey, users []identity.UserKey) (storedMappings, error) {
	s := storedMappings{service: service, users: identity.NewIndex()}
	if len(users) == 0 {
		return s, nil
	}
	found, err := api.FindUsers(ctx, users)
	for _, u := range found {
		s.users.Put(u)
	}
	return s, err
}

// storedForClaims reads the mappings of users where it also matters who else has their
// accounts: of everybody, where the map is likely to cover about everybody, because
// searching for both takes twice as many requests.
func storedForClaims(ctx context.Context, api *readcache.Reader, service identity.ServiceKey, users []identity.UserKey) (storedMappings, error) {
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
func walkStored(ctx context.Context, api *readcache.Reader, service identity.ServiceKey, limit int) (storedMappings, error) {
	s := storedMappings{service: service, users: identity.NewIndex()}
	for u, err := range api.AllUsers(ctx) {
		if err != nil {
			return s, err
		}
		s.users.Put(u)
		if s.users.Len() == limit {
			return s, nil // before the next page is asked for
		}
	}
	s.complete = true
	return s, nil
}

// spelling returns the name of a user who was found as its owner spells it.
func (s storedMappings) spelling(user identity.UserKey) string { return s.users.Find(user).Name }

// get returns the stored mapping of a user, nil if there is none.
func (s storedMappings) get(user identity.UserKey) *identity.Mapping {
	if u := s.users.Find(user); u != nil {
		if m, ok := u.Mapping(s.service); ok {
			return &m
		}
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
	for _, u := range s.users.All() {
		if m, ok := u.Mapping(s.service); ok && !listed[u.Key] && m.Source.OrManual() == identity.Manual {
			out = append(out, mappingRow{raw: string(u.Key), user: u.Key, value: shownValue(s.service.Type, m.Matcher), matcher: m.Matcher})
		}
	}
	return out
}

// holders returns who has the accounts that are asserted, under their names or by the
// ids that are known of them. Nobody has any where allow_shared may be on, and in a
// service that is not registered yet.
func (c planChecks) holders(ctx context.Context, api *readcache.Reader, stored storedMappings, ids map[identity.UserKey]string) ([]identity.Holder, error) {
	rows := c.changes.asserted()
	if len(rows) == 0 || mayBeOn(c.allowShared) {
		return nil, nil
	}
	accounts := each(rows, func(row mappingRow) identity.AccountQuery {
		return identity.AccountQuery{Identity: row.matcher.AccountKey(c.service.Type), AccountID: ids[row.user]}
	})
	if stored.complete {
		return stored.users.Holders(c.service, accounts...), nil
	}
	found, err := api.Holders(ctx, c.service, accounts)
	if identity.CodeOf(err) == identity.CodeServiceNotFound {
		return nil, nil // this run may be about to register it; apply will tell
	}
	return found, err
}
