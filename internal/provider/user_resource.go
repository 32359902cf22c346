// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
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

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

var (
	_ resource.ResourceWithConfigure        = (*userResource)(nil)
	_ resource.ResourceWithConfigValidators = (*userResource)(nil)
	_ resource.ResourceWithModifyPlan       = (*userResource)(nil)
	_ resource.ResourceWithIdentity         = (*userResource)(nil)
	_ resource.ResourceWithImportState      = (*userResource)(nil)
)

// NewUserResource returns sym_user: one person or bot.
func NewUserResource() resource.Resource {
	return &userResource{baseResource{name: "user"}}
}

type userResource struct{ baseResource }

// userModel is the state and configuration of sym_user.
type userModel struct {
	storedUserModel
	DeleteIdentities types.Bool `tfsdk:"delete_identities"`
}

// storedUserModel is what is stored of a user.
type storedUserModel struct {
	Email     types.String `tfsdk:"email"`
	Username  types.String `tfsdk:"username"`
	FirstName types.String `tfsdk:"first_name"`
	LastName  types.String `tfsdk:"last_name"`
	Role      types.String `tfsdk:"role"`
	ID        types.String `tfsdk:"id"`
	Type      types.String `tfsdk:"type"`
	CreatedAt types.String `tfsdk:"created_at"`
}

// userKeyModel is Terraform's resource identity of a user: the id, because it
// stays when the user is renamed.
type userKeyModel struct {
	ID types.String `tfsdk:"id"`
}

// roles lists the roles as configurations spell them.
func roles() []string {
	return []string{string(identity.Admin), string(identity.Member), string(identity.Guest)}
}

func (r *userResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	kept := func(doc string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, Computed: true, PlanModifiers: keep, Validators: validators, MarkdownDescription: doc}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Registers a person or a bot. Mappings create people but not bots, so people need no `sym_user`, and bots do.\n\n" +
			"If the user already exists, the resource adopts the user and sets the `first_name`, `last_name` and `role` of the configuration. The plan warns about values that it would overwrite. " +
			"Values that are not set stay as they are. Changing `email` or `username` renames the user in place: the id and the identities stay.\n\n" +
			"Destroying deletes the user with all identities. It fails while any are stored, unless `delete_identities = true`. " +
			"Identities of the same configuration are deleted first if they refer to this resource, as in `user = sym_user.ada.email`. " +
			"If another resource or a person has changed or adopted the user since, the user stays, with a warning.",
		Attributes: map[string]schema.Attribute{
			"email": optionalResourceText("E-mail of a person. It compares without case and outer spaces. Changing it renames the user in place. An e-mail that another user has is an error. "+
				"Exactly one of `email` and `username` is set; changing from one to the other replaces the user.", emailCheck),
			"username":   optionalResourceText("Username of a bot, without `@`, comma and space. It compares exactly. Changing it renames the bot in place.", usernameCheck),
			"first_name": kept("First name. If not set, it stays as it is; `\"\"` removes it.", personNameCheck),
			"last_name":  kept("Last name. If not set, it stays as it is; `\"\"` removes it.", personNameCheck),
			"role": kept("What the user may do in Sym: `admin`, `member` or `guest`. If not set, it stays as it is; a new user is a `member`.",
				stringvalidator.OneOf(roles()...)),
			"delete_identities": optionalResourceBool("Whether destroying the user may delete identities that are still stored. Default: `false`, destroying fails and lists them. " +
				"It must be applied before the destroy: set it one apply earlier."),
			"id":         computedResourceText("Id of the user, given by the API. It stays the same when the user is renamed.", keep...),
			"type":       computedResourceText("Kind of user: `normal` for a person, `bot` for a bot.", keep...),
			"created_at": computedResourceText("When the user was created, in RFC 3339 format and UTC.", keep...),
		},
	}
}

func (r *userResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{RequiredForImport: true, Description: "Id of the user, given by the API."},
	}}
}

func (r *userResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{resourcevalidator.ExactlyOneOf(path.MatchRoot("email"), path.MatchRoot("username"))}
}

func (r *userResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	plan, key, ok := appliedUser(ctx, req.Plan, &resp.Diagnostics)
	if !ok {
		return
	}
	user, ok := adoptUser(ctx, api, plan, key, &resp.Diagnostics)
	if !ok {
		return // no state: Terraform would taint it and delete the user next time
	}
	plan.fillIn(user)
	saveWritten(ctx, resp.Private, user.Revision, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	setIdentity(ctx, resp.Identity, userKeyModel{plan.ID}, &resp.Diagnostics)
}

// adoptUser stores what the plan sets of a user and then asserts the user, so that whoever
// stored it before no longer owns it. It starts over when the user changes or goes away
// in between. ok is false after an error in diags.
func adoptUser(ctx context.Context, api *readcache.Reader, plan userModel, key identity.UserKey, diags *diag.Diagnostics) (user identity.User, ok bool) {
	write := client.UserWrite{Type: key.Type(), Name: plan.name(), FirstName: textPointer(plan.FirstName), LastName: textPointer(plan.LastName)}
	role := identity.Role(plan.Role.ValueString())
	for attempt := 0; ; attempt++ {
		var err error
		if user, err = api.UpsertUser(ctx, write); err != nil {
			addFailure(diags, "Create User", string(key), "", err)
			return user, false
		}
		if role != "" && role != user.Role {
			set, err := api.SetRole(ctx, user.ID, role)
			switch {
			case err == nil:
				user = set
			case attempt < maxAdoptions && identity.CodeOf(err) == identity.CodeUserNotFound:
				continue
			default:
				addRoleNotSet(diags, key, role, err)
				return user, false
			}
		}
		assert := write
		assert.ID, assert.IfRevision = user.ID, user.Revision
		asserted, err := api.UpsertUser(ctx, assert)
		switch {
		case attempt < maxAdoptions && (identity.CodeOf(err) == identity.CodeUserConflict || err == nil && role != "" && asserted.Role != role):
			continue
		case err != nil:
			addFailure(diags, "Create User", string(key), "", err)
			return user, false
		}
		return asserted, true
	}
}

// appliedUser reads an approved plan and the name that it asks for. All values are known
// at apply, including a name that was unknown during plan.
func appliedUser(ctx context.Context, approved tfsdk.Plan, diags *diag.Diagnostics) (plan userModel, key identity.UserKey, ok bool) {
	plan, ok = decode[userModel](ctx, approved, diags)
	if !ok {
		return plan, "", false
	}
	if isSet(plan.Email) == isSet(plan.Username) {
		diags.AddError("Invalid User", "Exactly one of email and username must be set; when the plan was applied it turned out to be none or both.")
		return plan, "", false
	}
	key, err := parseOwnName(plan.kind(), plan.name())
	if err != nil {
		addInvalid(diags, plan.namePath(), "Invalid User", err)
	}
	return plan, key, err == nil
}

func (r *userResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	state, _ := decode[userModel](ctx, req.State, &resp.Diagnostics)
	setIdentity(ctx, resp.Identity, userKeyModel{state.ID}, &resp.Diagnostics) // also of what is gone: the framework insists
	api, ok := r.open(ctx, resp.Private, reading, &resp.Diagnostics)
	if !ok {
		return
	}
	// By name first: such reads are shared with those of other resources.
	key, _ := state.key()
	stored := r.find(ctx, key, "Read User", &resp.Diagnostics)
	recreated := stored != nil && stored.ID != state.ID.ValueString()
	if (stored == nil || recreated) && !resp.Diagnostics.HasError() {
		stored = state.findByID(ctx, api, "Read User", &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if stored == nil {
		warnUserGone(&resp.Diagnostics, state, recreated, r.data.storeCreated())
		resp.State.RemoveResource(ctx)
		return
	}
	before := state.storedUserModel
	state.setStored(*stored)
	if assertedSince(ctx, resp.Private, stored.Revision, stored.Revision, &resp.Diagnostics) && state.sameStored(before) && state.name() == before.name() {
		warnUserOwnedElsewhere(&resp.Diagnostics, *stored)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update sends what differs between state and plan, and nothing else: what the
// configuration does not set may have changed since it was read.
func (r *userResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	state, _ := decode[userModel](ctx, req.State, &resp.Diagnostics)
	plan, key, ok := appliedUser(ctx, req.Plan, &resp.Diagnostics)
	if !ok {
		return
	}
	before, _ := state.key()
	if before != key || !plan.sameStored(state.storedUserModel) {
		revision, ok := changeUser(ctx, api, &plan, state, &resp.Diagnostics)
		if !ok {
			return
		}
		saveWritten(ctx, resp.Private, revision, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	setIdentity(ctx, resp.Identity, userKeyModel{plan.ID}, &resp.Diagnostics)
}

// changeUser applies the plan and returns the user's new revision. After an error, ok
// says that a part of the plan was written; plan is then that part.
func changeUser(ctx context.Context, api *readcache.Reader, plan *userModel, state userModel, diags *diag.Diagnostics) (revision int64, ok bool) {
	key, _ := plan.key()
	before, _ := state.key()
	var user identity.User
	for attempt := 0; ; attempt++ {
		stored := state.findByID(ctx, api, "Update User", diags)
		if diags.HasError() {
			return 0, false
		}
		if stored == nil { // an unknown id would find or create another user
			addUserGone(diags, state)
			return 0, false
		}
		w := client.UserWrite{ID: stored.ID, Type: stored.Type, Name: stored.Name, IfRevision: stored.Revision,
			FirstName: changedText(plan.FirstName, state.FirstName), LastName: changedText(plan.LastName, state.LastName)}
		if key != before {
			w.Name = plan.name()
		}
		var err error
		user, err = api.UpsertUser(ctx, w)
		switch {
		case err == nil && user.ID == stored.ID:
		case err == nil: // deleted since it was looked at
			addUserGone(diags, state)
			return 0, false
		case identity.CodeOf(err) == identity.CodeUserConflict:
			if again := state.findByID(ctx, api, "Update User", diags); attempt < maxAdoptions && again != nil && again.Revision != stored.Revision {
				continue // changed since it was looked at
			}
			if !diags.HasError() {
				addNameTaken(diags, *plan, state, err)
			}
			return 0, false
		default:
			addFailure(diags, "Update User", string(before), "", err)
			return 0, false
		}
		break
	}
	if role := identity.Role(plan.Role.ValueString()); !plan.Role.Equal(state.Role) && role != user.Role {
		set, err := api.SetRole(ctx, user.ID, role)
		if err != nil {
			addFailure(diags, "Update User", string(key), "", err)
			plan.Role = state.Role
			return user.Revision, true
		}
		return set.Revision, true
	}
	return user.Revision, true
}

// A refused deletion is tried again for a while: after a rename, the new resource
// may be about to adopt what the old one deletes, in the same apply.
const (
	adoptionPolls = 4
	adoptionPause = 500 * time.Millisecond
)

func (r *userResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	state, ok := decode[userModel](ctx, req.State, &resp.Diagnostics)
	if !ok {
		return
	}
	written := loadWritten(ctx, req.Private, &resp.Diagnostics)
	for poll := 0; ; poll++ {
		stored := state.findByID(ctx, api, "Delete User", &resp.Diagnostics)
		if stored == nil {
			return // gone already is success; a failure is in the diagnostics
		}
		if written != 0 && stored.Revision != written {
			warnUserKept(&resp.Diagnostics, *stored)
			return
		}
		if len(stored.Mappings) == 0 || state.DeleteIdentities.ValueBool() {
			_, err := api.DeleteUsers(ctx, []identity.User{*stored})
			switch code := identity.CodeOf(err); {
			case err == nil, code == identity.CodeUserNotFound:
				return
			case code != identity.CodeUserConflict:
				addFailure(&resp.Diagnostics, "Delete User", string(stored.Key), "", err)
				return
			}
			seen := stored.Revision // changed since it was looked at, or mapped
			if stored = state.findByID(ctx, api, "Delete User", &resp.Diagnostics); stored == nil {
				return
			}
			if stored.Revision != seen {
				warnUserKept(&resp.Diagnostics, *stored)
				return
			}
		}
		if poll == adoptionPolls || httpx.Sleep(ctx, adoptionPause) != nil {
			addStillMapped(&resp.Diagnostics, *stored)
			return
		}
	}
}

// ModifyPlan checks a plan against what exists, before anybody approves it. Another
// spelling of the name is no change, another kind of name is another user.
func (r *userResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	if !r.sameStore(ctx, resp.Private, planning, &resp.Diagnostics) {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, req, resp)
		return
	}
	plan, ok := decode[userModel](ctx, req.Plan, &resp.Diagnostics)
	if !ok {
		return
	}
	if req.State.Raw.IsNull() {
		r.planCreate(ctx, plan, resp)
		return
	}
	state, ok := decode[userModel](ctx, req.State, &resp.Diagnostics)
	if !ok {
		return
	}
	if kind := plan.kind(); kind != "" && kind != state.kind() {
		resp.RequiresReplace.Append(path.Root("email"), path.Root("username"))
		return
	}
	before, _ := state.key()
	key, known := plan.key()
	switch {
	case !known:
	case key != before:
		if other := r.find(ctx, key, "Read User", &resp.Diagnostics); other != nil && other.ID != state.ID.ValueString() {
			addNameTaken(&resp.Diagnostics, plan, state, nil)
		}
	case plan.sameStored(state.storedUserModel) && plan.DeleteIdentities.Equal(state.DeleteIdentities):
		resp.Plan.Raw = req.State.Raw // only the spelling of the name differs, if anything
	}
}

// planDestroy refuses to delete a user who has identities while another resource of
// the plan creates the same user: Terraform may destroy first.
func (r *userResource) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	state, ok := decode[userModel](ctx, req.State, &resp.Diagnostics)
	key, known := state.key()
	if !ok || !known || !state.DeleteIdentities.ValueBool() {
		return
	}
	var ignored diag.Diagnostics
	stored := r.find(ctx, key, "Read User", &ignored)
	written := loadWritten(ctx, req.Private, &resp.Diagnostics)
	left := stored != nil && written != 0 && stored.Revision != written
	if !ignored.HasError() && (stored == nil || len(stored.Mappings) == 0 || left) {
		return
	}
	if r.data.planned.addUser(key, plannedUser{destroyed: true}) {
		addDestroyedAndCreated(&resp.Diagnostics, key)
	}
}

func (r *userResource) planCreate(ctx context.Context, plan userModel, resp *resource.ModifyPlanResponse) {
	if kind := plan.kind(); kind != "" {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("type"), types.StringValue(string(kind)))...)
	}
	key, known := plan.key()
	if !known {
		return
	}
	if r.data.planned.addUser(key, plannedUser{created: true}) {
		addDestroyedAndCreated(&resp.Diagnostics, key)
	}
	if stored := r.find(ctx, key, "Read User", &resp.Diagnostics); stored != nil {
		warnAdoption(&resp.Diagnostics, plan, *stored)
	}
}

func (r *userResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	named := userKeyModel{}
	if byIdentity(req) {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &named)...)
	}
	stored := r.findImported(ctx, req.ID, named.ID.ValueString(), &resp.Diagnostics)
	if stored == nil {
		return
	}
	var state userModel
	state.setStored(*stored)
	saveWritten(ctx, resp.Private, stored.Revision, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	setIdentity(ctx, resp.Identity, userKeyModel{state.ID}, &resp.Diagnostics)
}

// findImported finds the user that an import names: text is an e-mail, a username or an
// id; id, where text is "", is one for certain. nil is always with an error.
func (r *userResource) findImported(ctx context.Context, text, id string, diags *diag.Diagnostics) *identity.User {
	var stored *identity.User
	if text != "" {
		key, err := identity.ParseUser(text)
		if err != nil {
			addBadImportID(diags, "sym_user", "an e-mail, a bot's username or a user's id", "ada@example.com", err)
			return nil
		}
		stored = r.find(ctx, key, "Import User", diags)
		id = key.Username()
	}
	if api, ok := r.data.connect(ctx, diags); ok && stored == nil && id != "" {
		stored = storedUserModel{ID: types.StringValue(id)}.findByID(ctx, api, "Import User", diags)
	}
	if stored == nil && !diags.HasError() {
		addNoUserToImport(diags, text, id)
	}
	return stored
}

// find finds a user by name; nil where there is none, or after a failure,
// which is in diags.
func (r *userResource) find(ctx context.Context, key identity.UserKey, action string, diags *diag.Diagnostics) *identity.User {
	api, ok := r.data.connect(ctx, diags)
	if !ok || key == "" {
		return nil
	}
	user, err := findUser(ctx, api, key)
	if err != nil {
		addFailure(diags, action, string(key), "", err)
	}
	return user
}

// findByID finds the user in state by id, whatever the name is now. Such a read is
// never shared with an earlier one.
func (m storedUserModel) findByID(ctx context.Context, api *readcache.Reader, action string, diags *diag.Diagnostics) *identity.User {
	user, err := api.UserByID(ctx, m.ID.ValueString())
	if err != nil {
		addFailure(diags, action, m.name(), "", err)
		return nil
	}
	return user
}

// kind returns the type of user that the model names; "" while that is unknown.
func (m storedUserModel) kind() identity.UserType {
	switch {
	case m.Username.IsNull(), isSet(m.Email):
		return identity.Normal
	case m.Email.IsNull(), isSet(m.Username):
		return identity.Bot
	}
	return ""
}

// name returns the user's name as the model spells it.
func (m storedUserModel) name() string {
	return cmp.Or(m.Email.ValueString(), m.Username.ValueString())
}

// namePath returns the attribute that holds the name.
func (m storedUserModel) namePath() path.Path {
	if m.kind() == identity.Bot {
		return path.Root("username")
	}
	return path.Root("email")
}

// key returns the normalised name; known is false unless exactly one name is set
// and valid.
func (m storedUserModel) key() (key identity.UserKey, known bool) {
	if isSet(m.Email) == isSet(m.Username) {
		return "", false
	}
	key, err := identity.ParseUser(m.name())
	return key, err == nil && key.IsEmail() == isSet(m.Email)
}

// sameStored compares what the API stores beside the name.
func (m storedUserModel) sameStored(other storedUserModel) bool {
	return m.FirstName.Equal(other.FirstName) && m.LastName.Equal(other.LastName) && m.Role.Equal(other.Role)
}

// setStored takes over what is stored. A name that only is spelled another way
// keeps the model's spelling.
func (m *storedUserModel) setStored(u identity.User) {
	if key, known := m.key(); !known || key != u.Key {
		m.Email, m.Username = types.StringNull(), types.StringNull()
		if u.Key.IsEmail() {
			m.Email = types.StringValue(u.Name)
		} else {
			m.Username = types.StringValue(u.Name)
		}
	}
	m.FirstName, m.LastName = storedName(m.FirstName, u.FirstName), storedName(m.LastName, u.LastName)
	m.Role = textOrNull(u.Role)
	m.setGiven(u)
}

// setGiven takes over what the API gives users, which nobody sets.
func (m *storedUserModel) setGiven(u identity.User) {
	m.ID, m.Type, m.CreatedAt = types.StringValue(u.ID), types.StringValue(string(u.Key.Type())), timeOrNull(u.CreatedAt)
}

// fillIn replaces what is still unknown by what is stored. What was planned
// stays: a difference shows in the next plan.
func (m *storedUserModel) fillIn(u identity.User) {
	stored := storedUserModel{}
	stored.setStored(u)
	for have, known := range map[*types.String]types.String{&m.FirstName: stored.FirstName, &m.LastName: stored.LastName, &m.Role: stored.Role} {
		if have.IsUnknown() {
			*have = known
		}
	}
	m.setGiven(u)
}

// storedName returns null where nothing is stored, unless the configuration says
// "", which means the same.
func storedName(have types.String, stored string) types.String {
	if stored == "" && isSet(have) && have.ValueString() == "" {
		return have
	}
	return textOrNull(stored)
}

// textPointer returns the text to store, nil if the configuration leaves it alone.
func textPointer(v types.String) *string {
	if !isSet(v) {
		return nil
	}
	return v.ValueStringPointer()
}

// changedText returns the text to store, nil where it stays as it is.
func changedText(plan, state types.String) *string {
	if plan.Equal(state) {
		return nil
	}
	return textPointer(plan)
}

func isSet(v types.String) bool { return !v.IsNull() && !v.IsUnknown() }

// timeOrNull returns RFC 3339 in UTC, null for no time.
func timeOrNull(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}

var (
	emailCheck    = ownNameCheck(identity.Normal, "must be an e-mail")
	usernameCheck = ownNameCheck(identity.Bot, "must be a bot's username, without an @")
)

// ownNameCheck checks that a string is a user's name of one kind.
func ownNameCheck(kind identity.UserType, describes string) textCheck {
	return textCheck{summary: "Invalid User", describes: describes, check: func(name string) error {
		_, err := parseOwnName(kind, name)
		return err
	}}
}

// parseOwnName parses a name of one kind.
func parseOwnName(kind identity.UserType, name string) (identity.UserKey, error) {
	key, err := identity.ParseUser(name)
	switch {
	case err != nil || key.Type() == kind:
		return key, err
	case kind == identity.Bot:
		return key, identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is an e-mail, not a username", name), "Set email for a person.")
	}
	return key, identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not an e-mail", name), "Set username for a bot.")
}

const (
	maxPersonNameBytes = 1024
	personNameRule     = "must be at most 1024 bytes without outer spaces and control characters"
)

// personNameCheck keeps names to what every store gives back unchanged.
var personNameCheck = textCheck{summary: "Invalid Name", describes: personNameRule, check: func(name string) error {
	if name != strings.TrimSpace(name) || len(name) > maxPersonNameBytes || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return errors.New("a name " + personNameRule)
	}
	return nil
}}

// warnAdoption shows what creating an existing user overwrites; nothing where
// nothing is.
func warnAdoption(diags *diag.Diagnostics, plan userModel, stored identity.User) {
	var changes strings.Builder
	for _, f := range []struct {
		name   string
		plan   types.String
		stored string
	}{
		{"first_name", plan.FirstName, stored.FirstName},
		{"last_name", plan.LastName, stored.LastName},
		{"role", plan.Role, string(stored.Role)},
	} {
		if isSet(f.plan) && f.stored != "" && f.plan.ValueString() != f.stored {
			fmt.Fprintf(&changes, "\n  %s: %q becomes %q", f.name, f.stored, f.plan.ValueString())
		}
	}
	if changes.Len() == 0 {
		return
	}
	diags.AddWarning(fmt.Sprintf("Existing User Will Be Changed: %s", stored.Key),
		fmt.Sprintf("%s exists already (id %s). Applying adopts the user and overwrites:\n%s\n\nLeave an attribute out to keep what is stored.",
			stored.Key, stored.ID, changes.String()))
}

// addNameTaken refuses a rename. err is the API's refusal, nil where the plan
// found it.
func addNameTaken(diags *diag.Diagnostics, plan, state userModel, err error) {
	diags.AddAttributeError(plan.namePath(), "Name Belongs to Another User",
		fmt.Sprintf("%s cannot be renamed to %s: another user has that name, and two users are never merged.\n\n"+
			"If both are the same person, map the identities of one to the other and delete it. "+
			"If the other user is to be renamed or deleted as well, apply that first.%s", state.name(), plan.name(), saidByServer(err)))
}

// addRoleNotSet reports a creation whose last step failed.
func addRoleNotSet(diags *diag.Diagnostics, key identity.UserKey, role identity.Role, err error) {
	diags.AddError(failureSummary("Set the Role of a New User"),
		fmt.Sprintf("%s is stored, but without the role %s, and is not in state. The next apply adopts the user and sets the role.\n\n%s",
			key, role, failureDetail(string(key), "", err)))
}

func addDestroyedAndCreated(diags *diag.Diagnostics, key identity.UserKey) {
	diags.AddError("User Is Destroyed and Created in One Plan",
		fmt.Sprintf("One resource for %s goes and another one comes, as after renaming a resource. Terraform may destroy the user first, "+
			"and delete_identities = true would delete the stored identities.\n\n"+
			"If the resource was renamed, say so, and the user stays as it is:\n\n"+
			"  moved {\n    from = sym_user.OLD_NAME\n    to   = sym_user.NEW_NAME\n  }\n\n"+
			"To begin anew without the identities, destroy the user in one apply and create it in the next.", key))
}

func addUserGone(diags *diag.Diagnostics, state userModel) {
	diags.AddError("User Is Gone",
		fmt.Sprintf("%s (id %s) was deleted since state was refreshed, so nothing was changed. Run terraform plan again: it shows what to create.",
			state.name(), state.ID.ValueString()))
}

func addStillMapped(diags *diag.Diagnostics, stored identity.User) {
	var named storedUserModel
	named.setStored(stored)
	lines := each(stored.Mappings, func(m identity.Mapping) string { return fmt.Sprintf("%s: %s", m.Service, describe(m)) })
	diags.AddError("User Still Has Identities",
		fmt.Sprintf("%s was not deleted, because these identities would be deleted with the user:\n\n%s\n\n"+
			"Remove them first; those that this configuration declares go first when they refer to this resource (user = sym_user.NAME.%s). "+
			"To delete them with the user, set delete_identities = true, apply that, and destroy then. "+
			"To keep the user and only forget it here, use a removed block with destroy = false.",
			stored.Key, wholeListing(lines), named.namePath()))
}

// describeUser shows what is stored of a user, and who stored it.
func describeUser(u identity.User) string {
	text := strings.TrimSpace(fmt.Sprintf("%s, %s", strings.TrimSpace(u.FirstName+" "+u.LastName), u.Role))
	return strings.TrimPrefix(text, ", ") + lastChange("", u.UpdatedBy, u.UpdatedAt)
}

// lastChange tells in parentheses from which source something is, who stored it last,
// and when, as far as that is known.
func lastChange(source, by string, at time.Time) string {
	var parts []string
	if source != "" {
		parts = append(parts, source)
	}
	if by != "" {
		parts = append(parts, "by "+by)
	}
	if !at.IsZero() {
		parts = append(parts, at.UTC().Format("2006-01-02 15:04 MST"))
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// warnUserKept reports a user that was not deleted because somebody else has
// stored it since.
func warnUserKept(diags *diag.Diagnostics, stored identity.User) {
	diags.AddWarning(fmt.Sprintf("User Kept: %s", stored.Key),
		fmt.Sprintf("%s (id %s) was changed or adopted after this resource stored it last. Stored now: %s. "+
			"Another resource or a person keeps the user, as after renaming the resource: the user was left in place with all identities, and this resource forgets it. "+
			"To delete the user as well, remove it there.",
			stored.Key, stored.ID, describeUser(stored)))
}

// warnUserOwnedElsewhere tells a resource that somebody has changed or adopted its
// user since.
func warnUserOwnedElsewhere(diags *diag.Diagnostics, stored identity.User) {
	diags.AddWarning(fmt.Sprintf("User Is Owned Elsewhere: %s", stored.Key),
		fmt.Sprintf("%s (id %s) was changed or adopted after this resource stored it last. Stored now: %s. "+
			"Another resource or a person owns the user now, so destroying this resource will leave it in place. If it is declared twice, remove one of the two. "+
			"To own it here again, replace this resource: terraform apply -replace=ADDRESS.",
			stored.Key, stored.ID, describeUser(stored)))
}

// warnUserGone tells that a user was deleted; recreated says that another one
// has the name now.
func warnUserGone(diags *diag.Diagnostics, state userModel, recreated, storeCreated bool) {
	next := "while the configuration declares it, the next apply creates it again, without the identities it had."
	if recreated {
		next = "another user has the name since; while the configuration declares it, the next apply adopts that one."
	}
	detail := fmt.Sprintf("%s (id %s) was deleted outside of this configuration. It was dropped from state; %s", state.name(), state.ID.ValueString(), next)
	diags.AddWarning("User Is Gone: "+state.name(), noteEmptyStore(detail, storeCreated))
}

func addNoUserToImport(diags *diag.Diagnostics, text, id string) {
	diags.AddError("User Not Found",
		fmt.Sprintf("No user has the e-mail, username or id %q, so there is nothing to import.\n\n"+
			"Check the name, or declare the user and apply it instead of importing it.", cmp.Or(text, id)))
}
