// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

var (
	_ resource.ResourceWithConfigure      = (*identityResource)(nil)
	_ resource.ResourceWithValidateConfig = (*identityResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*identityResource)(nil)
	_ resource.ResourceWithIdentity       = (*identityResource)(nil)
	_ resource.ResourceWithImportState    = (*identityResource)(nil)
)

// NewIdentityResource returns sym_identity: one manual mapping.
func NewIdentityResource() resource.Resource {
	return &identityResource{baseResource{name: "identity"}}
}

type identityResource struct{ baseResource }

// identityModel is the state and configuration of sym_identity.
type identityModel struct {
	ID          types.String `tfsdk:"id"`
	User        types.String `tfsdk:"user"`
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
	Identity    types.String `tfsdk:"identity"`
	Matcher     types.Map    `tfsdk:"matcher"`
	Overwrite   types.Bool   `tfsdk:"overwrite"`
	AllowShared types.Bool   `tfsdk:"allow_shared"`
	Service     types.String `tfsdk:"service"`
	AccountID   types.String `tfsdk:"account_id"`
	Source      types.String `tfsdk:"source"`
	Revision    types.Int64  `tfsdk:"revision"`
	UpdatedAt   types.String `tfsdk:"updated_at"`
}

// identityKeyModel is the resource identity: what a mapping is known by.
type identityKeyModel struct {
	User        types.String `tfsdk:"user"`
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
}

func (r *identityResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Maps a user to an account of a service by hand. Manual mappings win over reducer rules and e-mail lookups, " +
			"and only they change or remove what is stored.\n\n" +
			"If the mapping is already stored, the resource adopts it. A different value that a rule or a lookup stored is overwritten, " +
			"with a warning that shows both. A different *manual* value is an error at plan unless `overwrite = true`.\n\n" +
			"Destroying removes the mapping and leaves the user. If another resource or a person has stored the mapping since, it stays, with a warning.",
		Attributes: map[string]schema.Attribute{
			"user": schema.StringAttribute{
				Required:   true,
				Validators: []validator.String{userCheck},
				PlanModifiers: []planmodifier.String{
					stringplanmodifier.RequiresReplaceIf(isAnotherUser, "Another user is another mapping.", "Another user is another mapping."),
				},
				MarkdownDescription: "The user: a person's e-mail, or a bot's username (no `@`). E-mails compare without case and outer spaces. " +
					"An unknown person is created; a bot must exist. Changing the user replaces the mapping.",
			},
			"service_type": replacingText("Type of the service, such as `okta`, `github` or `custom`. Changing it replaces the mapping.", likelyServiceType...),
			"external_id":  replacingText("Which workspace, domain or account of that type, such as `acme.okta.com`. The service must be registered when the mapping is applied. Changing it replaces the mapping."),
			"identity": optionalResourceText("The account: a Slack user id, an IAM user ARN, a GitHub login. Exactly one of `identity` and `matcher` is set. " +
				"GitHub, Google and Tailscale identities compare without case, LDAP distinguished names as LDAP compares them, all others exactly."),
			"matcher": schema.MapAttribute{
				Optional: true, ElementType: types.StringType,
				Validators:          []validator.Map{mapvalidator.SizeAtLeast(1)},
				MarkdownDescription: "The account as the API stores it, for services whose value has more than one string. Exactly one of `identity` and `matcher` is set.",
			},
			"overwrite":    optionalResourceBool("Whether creating this mapping may overwrite a different identity that was mapped by hand. Default: `false`."),
			"allow_shared": optionalResourceBool("Whether the account may belong to other users as well. Default: `false`, an account that somebody else holds is an error that names the holder."),
			"id":           computedResourceText("Import id: `USER,SERVICE_TYPE:EXTERNAL_ID`, with the normalised e-mail."),
			"service":      computedResourceText("Service key: `SERVICE_TYPE:EXTERNAL_ID`."),
			"account_id": computedResourceText("Immutable id of the account, if the identity is a name that can go to another account: a GitHub login, a Google address, a Tailscale login or an IAM ARN. " +
				"A refresh fills it in once the service has shown the account. If the identity now belongs to another account, a refresh warns, " +
				"and a plan that keeps the value fails. Null if it is not known."),
			"source": computedResourceText("Who stored the mapping: `manual`, or `rule`, `email` or `fetch_remote_identity` for an imported mapping until it is changed."),
			"revision": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Number that grows with each change of the mapping. Updates and deletions compare it, so that they never undo a change made elsewhere.",
			},
			"updated_at": computedResourceText("When the mapping was last stored, in RFC 3339 format and UTC."),
		},
	}
}

func (r *identityResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = serviceIdentitySchema()
	resp.IdentitySchema.Attributes["user"] = identityschema.StringAttribute{RequiredForImport: true, Description: "The normalised e-mail of a person, or the username of a bot."}
}

func (r *identityResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	config, ok := decode[identityModel](ctx, req.Config, &resp.Diagnostics)
	if !ok {
		return
	}
	unset := config.Identity.IsNull() && config.Matcher.IsNull()
	if unset || isSet(config.Identity) && !config.Matcher.IsNull() && !config.Matcher.IsUnknown() {
		problem := "Both identity and matcher are set. Remove one of them"
		if unset {
			problem = "The account is missing. Set identity, which is " + wantedIdentity(config.ServiceType.ValueString()) + ". Where it is more than one string, set matcher"
		}
		resp.Diagnostics.AddError("Invalid Identity", problem+".")
		return
	}
	service, ok := serviceKey(config.ServiceType, config.ExternalID, &resp.Diagnostics)
	if !ok {
		return
	}
	if err := service.CheckDeclarable(); err != nil {
		addInvalid(&resp.Diagnostics, path.Root("service_type"), "Managed Service", err)
		return
	}
	matcher, known := config.matcher()
	if !known {
		return
	}
	if err := matcher.Validate(service); err != nil {
		at := path.Root("identity")
		if config.Identity.IsNull() {
			at = path.Root("matcher")
		}
		addInvalid(&resp.Diagnostics, at, "Invalid Identity", err)
	}
}

// isAnotherUser keeps a case-only change of an e-mail from replacing a mapping.
func isAnotherUser(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
	before, err := identity.ParseUser(req.StateValue.ValueString())
	if err != nil {
		resp.RequiresReplace = true
		return
	}
	after, err := identity.ParseUser(req.PlanValue.ValueString())
	resp.RequiresReplace = err != nil || before != after
}

// row returns the mapping as sym_identities has an entry of its map, so that
// both types are planned and written alike.
func (m identityModel) row(key mappingKey, matcher identity.Matcher) mappingRow {
	return mappingRow{raw: m.User.ValueString(), user: key.user, matcher: matcher}
}

func (r *identityResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	plan, key, want, ok := appliedIdentity(ctx, req.Plan, &resp.Diagnostics)
	if !ok {
		return
	}
	w := mappingsWriter{api: api, service: key.service, overwrite: plan.Overwrite.ValueBool()}
	out := w.write(ctx, []mappingJob{addJob(plan.row(key, want), plan.AllowShared.ValueBool())})
	if !out.complete() {
		addNotWritten(&resp.Diagnostics, "Create Identity Mapping", true, key, plan, want, out)
		return
	}
	plan.setStored(key, *out.stored.get(key.user))
	saveWritten(ctx, resp.Private, plan.Revision.ValueInt64(), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	setIdentity(ctx, resp.Identity, key.model(), &resp.Diagnostics)
}

func (r *identityResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	state, ok := decode[identityModel](ctx, req.State, &resp.Diagnostics)
	if !ok {
		return
	}
	key, ok := state.key()
	if !ok {
		addBadState(&resp.Diagnostics, state)
		return
	}
	setIdentity(ctx, resp.Identity, key.model(), &resp.Diagnostics) // also of what is gone: the framework insists
	api, ok := r.open(ctx, resp.Private, reading, &resp.Diagnostics)
	if !ok {
		return
	}
	stored := readMapping(ctx, api, key, &resp.Diagnostics).get(key.user)
	if resp.Diagnostics.HasError() {
		return
	}
	if stored == nil {
		warnGone(&resp.Diagnostics, key, state, r.data.storeCreated())
		resp.State.RemoveResource(ctx)
		return
	}
	current := state
	current.setStored(key, *stored)
	if assertedSince(ctx, resp.Private, state.Revision.ValueInt64(), stored.Revision, &resp.Diagnostics) && current.sameValue(state) {
		warnOwnedElsewhere(&resp.Diagnostics, key, *stored)
	}
	checkAccount(ctx, api, key, state, &current, resp)
	if !reflect.DeepEqual(current, state) { // encoding the state costs more than the rest of the read
		resp.Diagnostics.Append(resp.State.Set(ctx, current)...)
	}
}

// reusedKey is where Read tells plans that the identity has become the name of
// another account. The value says which.
const reusedKey = "reused"

// checkAccount fills in the account's id where identities are reusable names, and
// warns when the account has another name or the name another account.
func checkAccount(ctx context.Context, api *readcache.Reader, key mappingKey, state identityModel, current *identityModel, resp *resource.ReadResponse) {
	if current.AccountID.IsNull() && current.sameValue(state) && current.Revision.Equal(state.Revision) {
		current.AccountID = state.AccountID
	}
	matcher, _ := current.matcher()
	id, plain := matcher.Identity(key.service.Type)
	if !plain || current.AccountID.IsNull() && !identity.Reusable(key.service.Type) {
		return
	}
	found := accountStatuses(ctx, api, key.service, []identity.AccountQuery{{Identity: id, AccountID: current.AccountID.ValueString()}})
	if len(found) != 1 {
		return
	}
	reused := ""
	switch status := found[0]; status.Status {
	case identity.AccountReused:
		resp.Diagnostics.AddWarning(fmt.Sprintf("Identity Belongs to Another Account Now: %s in %s", key.user, key.service), reusedMapping(key, id, current.AccountID.ValueString(), declareAgain))
		reused = id
	case identity.AccountRenamed:
		warnRenamed(&resp.Diagnostics, key, id, status.NewIdentity)
	case identity.AccountActive, identity.AccountInactive:
		if current.AccountID.IsNull() {
			current.AccountID = textOrNull(identity.PinOf(key.service.Type, matcher, status.AccountID))
		}
	case identity.AccountAbsent:
		warnAbsent(&resp.Diagnostics, fmt.Sprintf("Account Not Found: %s in %s", key.user, key.service), key.service, absentAccount(key.user, id))
	default:
		return // that proves nothing: what was known stays known
	}
	savePrivate(ctx, resp.Private, reusedKey, reused, &resp.Diagnostics)
}

// accountStatuses returns what a service says of accounts, in the order of queries;
// none where it cannot be asked, which proves nothing.
func accountStatuses(ctx context.Context, api *readcache.Reader, service identity.ServiceKey, queries []identity.AccountQuery) []identity.AccountStatus {
	if len(queries) == 0 {
		return nil
	}
	stored, err := storedService(ctx, api, service)
	if err != nil || stored == nil || stored.NoDirectory {
		return nil
	}
	statuses, err := api.Status(ctx, service, queries)
	if err != nil {
		return nil
	}
	return statuses
}

func (r *identityResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	state, _ := decode[identityModel](ctx, req.State, &resp.Diagnostics)
	plan, key, want, ok := appliedIdentity(ctx, req.Plan, &resp.Diagnostics)
	if !ok {
		return
	}
	if plan.sameValue(state) {
		plan.keepStored(state)
		plan.setKey(key)
	} else {
		w := mappingsWriter{api: api, service: key.service, overwrite: plan.Overwrite.ValueBool()}
		out := w.write(ctx, []mappingJob{changeJob(plan.row(key, want), state.Revision.ValueInt64(), plan.AllowShared.ValueBool())})
		if !out.complete() {
			addNotWritten(&resp.Diagnostics, "Update Identity Mapping", false, key, plan, want, out)
			return
		}
		plan.setStored(key, *out.stored.get(key.user))
		saveWritten(ctx, resp.Private, plan.Revision.ValueInt64(), &resp.Diagnostics)
		savePrivate(ctx, resp.Private, reusedKey, "", &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	setIdentity(ctx, resp.Identity, key.model(), &resp.Diagnostics)
}

func (r *identityResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	state, ok := decode[identityModel](ctx, req.State, &resp.Diagnostics)
	if !ok {
		return
	}
	key, ok := state.key()
	if !ok {
		addBadState(&resp.Diagnostics, state)
		return
	}
	matcher, _ := state.matcher()
	written := loadWritten(ctx, req.Private, &resp.Diagnostics)
	if written == 0 {
		written = state.Revision.ValueInt64()
	}
	w := mappingsWriter{api: api, service: key.service}
	out := w.remove(ctx, []mappingRow{state.row(key, matcher)}, revisions{key.user: written})
	switch {
	case len(out.left) > 0:
		warnAssertedSince(&resp.Diagnostics, key, *out.left[0].err.Stored)
	case !out.complete():
		addNotWritten(&resp.Diagnostics, "Delete Identity Mapping", false, key, state, matcher, out)
	}
}

// appliedIdentity reads an approved plan and the mapping that it asks for. All values are
// known at apply, including an identity that was unknown during plan.
func appliedIdentity(ctx context.Context, approved tfsdk.Plan, diags *diag.Diagnostics) (plan identityModel, key mappingKey, want identity.Matcher, ok bool) {
	plan, ok = decode[identityModel](ctx, approved, diags)
	if !ok {
		return plan, key, nil, false
	}
	key, keyKnown := plan.key()
	want, known := plan.matcher()
	if !keyKnown || !known {
		addBadState(diags, plan)
		return plan, key, nil, false
	}
	if err := want.Validate(key.service); err != nil {
		addInvalid(diags, plan.valuePath(), "Invalid Identity", err)
		return plan, key, nil, false
	}
	return plan, key, want, true
}

// replacedKey is where a replacement's first plan tells its second, which sees
// no prior state, whose mapping goes away before the new one is created.
const replacedKey = "replaced_user"

// ModifyPlan checks a plan against what is stored, before anybody approves it. A
// change of spelling alone keeps what is stored.
func (r *identityResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	if !r.sameStore(ctx, resp.Private, planning, &resp.Diagnostics) || req.Plan.Raw.IsNull() {
		return // another store, or destroy
	}
	plan, ok := decode[identityModel](ctx, req.Plan, &resp.Diagnostics)
	if !ok {
		return
	}
	key, known := plan.key()
	if !known {
		return
	}
	want, _ := plan.matcher() // nil while it is unknown
	r.data.claim(key.service, []mappingRow{plan.row(key, want)}, plan.AllowShared, &resp.Diagnostics)
	reused := loadPrivate[string](ctx, req.Private, reusedKey, &resp.Diagnostics) // nearly always ""
	if req.Plan.Raw.Equal(req.State.Raw) && reused == "" {
		return // no change
	}
	var changes identitiesChanges
	changed := true
	if req.State.Raw.IsNull() {
		replaced := loadPrivate[identity.UserKey](ctx, req.Private, replacedKey, &resp.Diagnostics) // nobody where this is no replacement
		changes = identitiesChanges{added: []mappingRow{plan.row(key, want)}, removed: []mappingRow{{user: replaced}}}
	} else {
		state, ok := decode[identityModel](ctx, req.State, &resp.Diagnostics)
		if !ok {
			return
		}
		before, _ := state.key()
		switch {
		case before != key:
			savePrivate(ctx, resp.Private, replacedKey, before.user, &resp.Diagnostics)
		case reused != "" && want.Equal(key.service.Type, identity.NewMatcher(key.service.Type, reused)):
			addReused(&resp.Diagnostics, key, plan, state.AccountID.ValueString(), declareAgain)
			return
		case plan.sameValue(state):
			// The spelling of the user differs, or an option: state changes alone.
			changed = false
			plan.keepStored(state)
		default:
			changes.changed = []changedRow{{after: plan.row(key, want)}}
		}
	}
	if len(changes.asserted()) > 0 {
		r.checkPlan(ctx, key, plan, want, changes, &resp.Diagnostics)
	}
	plan.setKey(key)
	if changed {
		plan.Source = types.StringValue(string(identity.Manual))
		plan.Revision, plan.UpdatedAt, plan.AccountID = types.Int64Unknown(), types.StringUnknown(), types.StringUnknown()
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// checkPlan applies the adoption rules to what is stored at plan time, refuses an
// account that somebody else keeps, and warns of one that the service does not have.
func (r *identityResource) checkPlan(ctx context.Context, key mappingKey, plan identityModel, want identity.Matcher, changes identitiesChanges, diags *diag.Diagnostics) {
	if r.data.outage.skips(diags) {
		return
	}
	api, ok := r.data.connect(ctx, diags)
	if !ok {
		return
	}
	if len(changes.added) > 0 {
		r.data.warnUnregistered(ctx, api, key.service, diags)
	}
	c := planChecks{service: key.service, overwrite: plan.Overwrite, allowShared: plan.AllowShared, changes: changes}
	stored, err := c.read(ctx, api)
	if err != nil {
		addFailure(diags, "Read Identity Mapping", string(key.user), key.service.String(), err)
		return
	}
	f := c.compare(stored)
	for _, x := range f.overwritten {
		warnOverwrite(diags, key, want, *x.err.Stored)
	}
	for _, x := range f.refused {
		addStoredOtherwise(diags, key, plan, want, *x.err.Stored)
	}
	if len(f.refused) > 0 {
		return
	}
	accounts, _ := findAccounts(ctx, api, stored, changes.asserted())
	holders, err := c.holders(ctx, api, stored, accounts.ids)
	if err != nil {
		addFailure(diags, "Check Who Holds the Account", string(key.user), key.service.String(), err)
	}
	for _, x := range c.compareHolders(holders, accounts.ids) {
		addHeld(diags, key, plan, want, x.err.Holder, x.heldAs)
	}
	for user, was := range accounts.reused {
		addReused(diags, key, plan, was.AccountID, adoptAgain(mappingKey{user, key.service}))
	}
	if diags.HasError() {
		return
	}
	for _, a := range accounts.renamed {
		warnRenamed(diags, key, a.was, a.is)
	}
	warnAbsent(diags, fmt.Sprintf("Account Not Found: %s in %s", key.user, key.service), key.service, accounts.absent...)
}

func (r *identityResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	key, ok := importKey(ctx, req, &resp.Diagnostics)
	if !ok {
		return
	}
	api, ok := r.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	found := readMapping(ctx, api, key, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	stored := found.get(key.user)
	if stored == nil {
		addNothingToImport(&resp.Diagnostics, key)
		return
	}
	saveWritten(ctx, resp.Private, stored.Revision, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, importedModel(key, found.spelling(key.user), *stored))...)
	setIdentity(ctx, resp.Identity, key.model(), &resp.Diagnostics)
}

// importedModel returns the state of a mapping as an import has it, with the
// user's name as the store keeps it.
func importedModel(key mappingKey, name string, stored identity.Mapping) identityModel {
	m := identityModel{
		User: types.StringValue(name), ServiceType: types.StringValue(key.service.Type), ExternalID: types.StringValue(key.service.ExternalID),
		Matcher: types.MapNull(types.StringType),
	}
	m.setStored(key, stored)
	return m
}

func importKey(ctx context.Context, req resource.ImportStateRequest, diags *diag.Diagnostics) (key mappingKey, ok bool) {
	var err error
	if !byIdentity(req) {
		key, err = parseImportID(req.ID)
	} else {
		var named identityKeyModel
		diags.Append(req.Identity.Get(ctx, &named)...)
		if diags.HasError() {
			return key, false
		}
		key, err = newMappingKey(named.User.ValueString(), named.ServiceType.ValueString(), named.ExternalID.ValueString())
	}
	if err != nil {
		addBadImportID(diags, "sym_identity", "USER,SERVICE_TYPE:EXTERNAL_ID", "ada@example.com,okta:acme.okta.com", err)
	}
	return key, err == nil
}

// readMapping finds one mapping. Failures are in diags.
// What it finds may have been read for others a few minutes ago.
func readMapping(ctx context.Context, api *readcache.Reader, key mappingKey, diags *diag.Diagnostics) storedMappings {
	stored, err := findStored(ctx, api, key.service, []identity.UserKey{key.user})
	if err != nil {
		addFailure(diags, "Read Identity Mapping", string(key.user), key.service.String(), err)
	}
	return stored
}

// keepsStored reports whether the adoption rules keep what is stored, nil where
// nothing is: a person decided on another value, and overwrite is not set.
func keepsStored(stored *identity.Mapping, want identity.Matcher, overwrite bool) bool {
	return stored != nil && !overwrite && stored.Source.OrManual() == identity.Manual && !stored.Matcher.Equal(stored.Service.Type, want)
}

// mappingKey names one mapping.
type mappingKey struct {
	user    identity.UserKey
	service identity.ServiceKey
}

// String returns the import id: USER,SERVICE_TYPE:EXTERNAL_ID.
func (k mappingKey) String() string { return string(k.user) + "," + k.service.String() }

func (k mappingKey) model() identityKeyModel {
	return identityKeyModel{
		User:        types.StringValue(string(k.user)),
		ServiceType: types.StringValue(k.service.Type),
		ExternalID:  types.StringValue(k.service.ExternalID),
	}
}

func newMappingKey(user, serviceType, externalID string) (mappingKey, error) {
	u, err := identity.ParseUser(user)
	if err != nil {
		return mappingKey{}, err
	}
	service := identity.ServiceKey{Type: serviceType, ExternalID: externalID}
	if err := service.Validate(); err != nil {
		return mappingKey{}, err
	}
	return mappingKey{u, service}, service.CheckDeclarable()
}

// parseImportID cuts at the first comma, then at the first colon: external
// ids may hold both.
func parseImportID(id string) (mappingKey, error) {
	user, service, ok := strings.Cut(id, ",")
	if !ok {
		return mappingKey{}, fmt.Errorf("%q is not an import id: it has no comma", id)
	}
	key, err := identity.ParseServiceKey(service)
	if err != nil {
		return mappingKey{}, err
	}
	return newMappingKey(user, key.Type, key.ExternalID)
}

// key returns the mapping's key; known is false while an attribute is unknown.
func (m identityModel) key() (k mappingKey, known bool) {
	if m.User.IsUnknown() || m.ServiceType.IsUnknown() || m.ExternalID.IsUnknown() {
		return mappingKey{}, false
	}
	k, err := newMappingKey(m.User.ValueString(), m.ServiceType.ValueString(), m.ExternalID.ValueString())
	return k, err == nil
}

// matcher returns the value to store; known is false while any of it is unknown.
func (m identityModel) matcher() (matcher identity.Matcher, known bool) {
	if m.Identity.IsUnknown() || m.Matcher.IsUnknown() {
		return nil, false
	}
	if !m.Identity.IsNull() {
		return identity.NewMatcher(m.ServiceType.ValueString(), m.Identity.ValueString()), true
	}
	return matcherOf(m.Matcher)
}

// setMatcher puts a stored value into the form and spelling that the model has; one
// that has none takes identity where the matcher is just the type's own key.
func (m *identityModel) setMatcher(stored identity.Matcher) {
	serviceType := m.ServiceType.ValueString()
	if have, known := m.matcher(); known && have.Equal(serviceType, stored) {
		return
	}
	id, plain := stored.Identity(serviceType)
	if plain && m.Matcher.IsNull() {
		m.Identity, m.Matcher = types.StringValue(id), types.MapNull(types.StringType)
		return
	}
	m.Identity, m.Matcher = types.StringNull(), matcherValue(stored)
}

// setStored fills in what the store knows of the mapping.
func (m *identityModel) setStored(key mappingKey, stored identity.Mapping) {
	m.setKey(key)
	m.setMatcher(stored.Matcher)
	m.AccountID = textOrNull(stored.AccountID)
	m.Source = types.StringValue(string(stored.Source.OrManual()))
	m.Revision = types.Int64Value(stored.Revision)
	m.UpdatedAt = timeOrNull(stored.UpdatedAt)
}

// keepStored takes over what a state knows of a mapping that is not written.
func (m *identityModel) keepStored(state identityModel) {
	m.AccountID, m.Source, m.Revision, m.UpdatedAt = state.AccountID, state.Source, state.Revision, state.UpdatedAt
}

func (m *identityModel) setKey(key mappingKey) {
	m.ID = types.StringValue(key.String())
	m.Service = types.StringValue(key.service.String())
}

// sameValue reports whether nothing has to be written.
func (m identityModel) sameValue(other identityModel) bool {
	return m.Identity.Equal(other.Identity) && m.Matcher.Equal(other.Matcher)
}

// valuePath returns the attribute that holds the mapping's value.
func (m identityModel) valuePath() path.Path {
	if m.Identity.IsNull() {
		return path.Root("matcher")
	}
	return path.Root("identity")
}

func matcherOf(value types.Map) (matcher identity.Matcher, known bool) {
	matcher = make(identity.Matcher, len(value.Elements()))
	for k, v := range value.Elements() {
		s, ok := v.(types.String)
		if !ok || s.IsUnknown() {
			return nil, false
		}
		matcher[k] = s.ValueString()
	}
	return matcher, true
}

func matcherValue(matcher identity.Matcher) types.Map {
	elements := make(map[string]attr.Value, len(matcher))
	for k, v := range matcher {
		elements[k] = types.StringValue(v)
	}
	return types.MapValueMust(types.StringType, elements)
}

// describe shows a stored value with where it came from.
func describe(m identity.Mapping) string {
	source := "source " + string(m.Source.OrManual())
	if m.Rule != "" {
		source += fmt.Sprintf(" %q", m.Rule)
	}
	return m.Matcher.String() + lastChange(source, m.UpdatedBy, m.UpdatedAt)
}

func warnOverwrite(diags *diag.Diagnostics, key mappingKey, want identity.Matcher, stored identity.Mapping) {
	diags.AddWarning(
		fmt.Sprintf("Stored Identity Will Be Overwritten: %s in %s", key.user, key.service),
		fmt.Sprintf("For %s in %s another identity is stored than the one declared. Applying overwrites it.\n\n  stored:   %s\n  declared: %s\n\n"+
			"To keep what is stored, declare it instead.",
			key.user, key.service, describe(stored), want))
}

func addStoredOtherwise(diags *diag.Diagnostics, key mappingKey, m identityModel, want identity.Matcher, stored identity.Mapping) {
	diags.AddAttributeError(m.valuePath(), "Another Identity Is Stored",
		fmt.Sprintf("A person mapped %s in %s by hand, to another account than the one declared here. That is not overwritten.\n\n"+
			"  stored:   %s\n  declared: %s\n\n"+
			"To keep what is stored, declare it and import it:\n\n  %s\n\n"+
			"To overwrite it, set overwrite = true.",
			key.user, key.service, describe(stored), want, importCommand(key.String())))
}

// addHeld reports an account that a holder has; as is the earlier name under which, nil
// if it is the same.
func addHeld(diags *diag.Diagnostics, key mappingKey, m identityModel, want identity.Matcher, holder identity.UserKey, as identity.Matcher) {
	under := ""
	if as != nil {
		under = fmt.Sprintf(" under the name %s", as)
	}
	diags.AddAttributeError(m.valuePath(), "Account Belongs to Another User",
		fmt.Sprintf("%s in %s is stored for %s%s, so it cannot be mapped to %s as well: one of the two would have the other's access.\n\n"+
			"If the account changed hands, or %s is the same person's earlier e-mail, remove or change that mapping first (a moved block from its resource to this one does both in one apply). "+
			"If %s is the same person's present e-mail, declare that one here instead. If both really use this account, set allow_shared = true.",
			want, key.service, holder, under, key.user, holder, holder))
}

// addNotWritten reports a write or deletion that did not happen, at the attribute
// that is at fault where one is. creating says that the adoption rules apply.
func addNotWritten(diags *diag.Diagnostics, action string, creating bool, key mappingKey, m identityModel, want identity.Matcher, out outcome) {
	err, e := out.fatal, (*identity.Error)(nil)
	if err == nil {
		err, e = out.refused[0].cause, out.refused[0].err
	} else if !errors.As(err, &e) {
		e = &identity.Error{}
	}
	switch {
	case e.Code == identity.CodeIdentityClaimed && e.Holder != "":
		addHeld(diags, key, m, want, e.Holder, nil)
	case e.Code == identity.CodeServiceNotFound:
		addUnregistered(diags, key.service, nil)
	case e.Code == identity.CodeIdentityConflict && e.Stored != nil && creating && keepsStored(e.Stored, want, m.Overwrite.ValueBool()):
		addStoredOtherwise(diags, key, m, want, *e.Stored)
	case e.Code == identity.CodeIdentityConflict && e.Stored != nil:
		addChangedSince(diags, key, want, *e.Stored, err)
	default:
		addFailure(diags, action, string(key.user), key.service.String(), err)
	}
}

// addUnregistered reports a service that is not registered; registered are the
// services of its type, where they are known.
func addUnregistered(diags *diag.Diagnostics, service identity.ServiceKey, registered []identity.ServiceKey) {
	diags.AddAttributeError(path.Root("external_id"), "Service Is Not Registered", unregisteredDetail(service, registered))
}

// warnUnregistered warns, before anything is applied, of mappings in a service that
// is neither registered nor about to be. What cannot be asked is left to apply.
func (d *providerData) warnUnregistered(ctx context.Context, api *readcache.Reader, service identity.ServiceKey, diags *diag.Diagnostics) {
	services, err := api.Services(ctx)
	_, registered, ok := serviceAmong(services, service)
	if err != nil || ok || d.planned.hasService(service) {
		return
	}
	diags.AddAttributeWarning(path.Root("external_id"), "Service Is Not Registered: "+service.String(), unregisteredDetail(service, registered)+
		"\n\nIf a sym_service of this configuration registers it, refer to that, so that it is registered first:\n\n  external_id = sym_service.NAME.external_id")
}

func unregisteredDetail(service identity.ServiceKey, registered []identity.ServiceKey) string {
	known := ""
	if len(registered) > 0 {
		known = "\n\nRegistered services of type " + service.Type + ":\n"
		for _, k := range registered {
			known += "\n  " + k.String()
		}
	}
	return fmt.Sprintf("No service is registered for %s, so nobody can be mapped in it.%s\n\n"+
		"If the type and the external ID are right, register the service, in the server's configuration file or here:\n\n%s",
		service, known, indent(serviceBlocks(service)[0]))
}

func addChangedSince(diags *diag.Diagnostics, key mappingKey, expected identity.Matcher, stored identity.Mapping, err error) {
	diags.AddError("Identity Mapping Changed Meanwhile",
		fmt.Sprintf("The mapping of %s in %s was changed by somebody else since it was read, so it was left as it is.\n\n"+
			"  stored now:      %s\n  this run's value: %s\n\n"+
			"Run terraform plan again: it shows the difference, and the next apply decides knowing it.%s",
			key.user, key.service, describe(stored), expected, saidByServer(err)))
}

func warnAssertedSince(diags *diag.Diagnostics, key mappingKey, stored identity.Mapping) {
	diags.AddWarning(
		fmt.Sprintf("Identity Mapping Kept: %s in %s", key.user, key.service),
		fmt.Sprintf("The mapping of %s in %s was stored again after this resource stored it last. Stored now: %s. "+
			"Another resource or a person keeps it, as after moving it between resources: it was left in place, and this resource forgets it. To remove it as well, remove it there.",
			key.user, key.service, describe(stored)))
}

// warnOwnedElsewhere tells a resource that it does not own its mapping any more:
// somebody has asserted the same value since.
func warnOwnedElsewhere(diags *diag.Diagnostics, key mappingKey, stored identity.Mapping) {
	diags.AddWarning(
		fmt.Sprintf("Identity Mapping Is Owned Elsewhere: %s in %s", key.user, key.service),
		fmt.Sprintf("The mapping of %s in %s was stored again, with the same value, after this resource stored it last. Stored now: %s. "+
			"Another resource or a person owns it now, so destroying this resource will leave it in place. If it is declared twice, remove one of the two. "+
			"To own it here again, replace this resource: terraform apply -replace=ADDRESS.",
			key.user, key.service, describe(stored)))
}

func warnGone(diags *diag.Diagnostics, key mappingKey, state identityModel, storeCreated bool) {
	matcher, _ := state.matcher()
	detail := noteEmptyStore(fmt.Sprintf("The mapping of %s in %s (%s) is not stored any more: it was removed outside of this configuration. "+
		"It was dropped from state; while the configuration declares it, the next apply stores it again.", key.user, key.service, matcher), storeCreated)
	diags.AddWarning(fmt.Sprintf("Identity Mapping Is Gone: %s in %s", key.user, key.service), detail)
}

func addReused(diags *diag.Diagnostics, key mappingKey, m identityModel, accountID, again string) {
	matcher, _ := m.matcher()
	id, _ := matcher.Identity(key.service.Type)
	diags.AddAttributeError(m.valuePath(), "Identity Belongs to Another Account Now", reusedMapping(key, id, accountID, again))
}

// declareAgain says how a mapping that is in state gets the account that has its name now.
const declareAgain = "remove the resource, apply, and declare it again."

// adoptAgain says the same of a mapping that is stored, and not in state.
func adoptAgain(key mappingKey) string {
	return "import the mapping, then remove the resource, apply, and declare it again:\n\n  " + importCommand(key.String())
}

// reusedMapping says that a mapping names the account of somebody else, and ends with
// how to accept that account.
func reusedMapping(key mappingKey, id, accountID, again string) string {
	return fmt.Sprintf("%s is mapped to %s in %s, but that is the name of another account now; the one that was mapped has the id %s. "+
		"Keeping the mapping would give %s somebody else's access.\n\n"+
		"Find out what the account is called now and declare that, or the other account that %s has. If the user left, remove the resource, which removes the mapping. "+
		"If the account that has the name now is the user's, %s",
		key.user, id, key.service, accountID, key.user, key.user, again)
}

// warnAbsent reports mappings to accounts that the service does not have, if there are
// any. It is never an error: an account may be made after its mapping.
func warnAbsent(diags *diag.Diagnostics, summary string, service identity.ServiceKey, accounts ...string) {
	if len(accounts) == 0 {
		return
	}
	diags.AddWarning(summary, fmt.Sprintf("%s was asked, and does not have the account of:\n\n%s\n\n"+
		"An identity there is %s. Correct it. If the account is gone, remove the mapping.",
		service, listing(accounts), wantedIdentity(service.Type)))
}

// absentAccount returns the line of warnAbsent about one mapping.
func absentAccount(user identity.UserKey, id string) string { return string(user) + ": " + id }

func warnRenamed(diags *diag.Diagnostics, key mappingKey, id, name string) {
	diags.AddWarning(fmt.Sprintf("Account Was Renamed: %s in %s", key.user, key.service),
		fmt.Sprintf("%s is mapped to %s in %s, but that account is called %s now. The old name may be given to somebody else.\n\nDeclare the new name: identity = %s",
			key.user, id, key.service, name, hclString(name)))
}

func addNothingToImport(diags *diag.Diagnostics, key mappingKey) {
	diags.AddError("Identity Mapping Not Found",
		fmt.Sprintf("No identity is stored for %s in %s, so there is nothing to import.\n\n"+
			"Check the e-mail and the service key, or declare the mapping and apply it instead of importing it.", key.user, key.service))
}

func addBadState(diags *diag.Diagnostics, m identityModel) {
	diags.AddError("Invalid Identity Mapping in State",
		fmt.Sprintf("The values user = %s, service_type = %s, external_id = %s do not name a mapping. "+
			"Remove the resource from state and import it again.", m.User, m.ServiceType, m.ExternalID))
}
