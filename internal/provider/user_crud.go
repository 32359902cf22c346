// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func (r *userResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan userModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	key, ok := plan.applied(&resp.Diagnostics)
	if !ok {
		return
	}
	api, ok := r.data.use(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	user, err := api.UpsertUser(ctx, client.UserWrite{
		Type: key.Type(), Name: plan.name(), FirstName: given(plan.FirstName), LastName: given(plan.LastName),
	})
	if err != nil {
		addFailure(&resp.Diagnostics, "Create User", string(key), "", err)
		return
	}
	if role := identity.Role(plan.Role.ValueString()); role != "" && role != user.Role {
		if _, err := api.SetRole(ctx, user.ID, role); err != nil {
			// No state: Terraform would taint it and delete the user next time.
			addRoleNotSet(&resp.Diagnostics, key, role, err)
			return
		}
		user.Role = role
	}
	plan.fillIn(user)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	if resp.Identity != nil { // nil with a Terraform that knows no resource identity
		resp.Diagnostics.Append(resp.Identity.Set(ctx, userKeyModel{plan.ID})...)
	}
}

// applied is the name an approved plan asks for; only now may one be that was
// unknown at plan.
func (m userModel) applied(diags *diag.Diagnostics) (identity.UserKey, bool) {
	if isSet(m.Email) == isSet(m.Username) {
		diags.AddError("Invalid User", "Exactly one of email and username must be set; when the plan was applied it turned out to be none or both.")
		return "", false
	}
	key, err := parseOwnName(m.kind(), m.name())
	if err != nil {
		addInvalid(diags, m.namePath(), "Invalid User", err)
	}
	return key, err == nil
}

func (r *userResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state userModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// By name first: such reads are shared with those of other resources.
	key, _ := state.key()
	stored := r.find(ctx, key, "Read User", &resp.Diagnostics)
	recreated := stored != nil && stored.ID != state.ID.ValueString()
	if (stored == nil || recreated) && !resp.Diagnostics.HasError() {
		stored = r.findByID(ctx, state, "Read User", &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if resp.Identity != nil { // also of what is gone: the framework insists
		resp.Diagnostics.Append(resp.Identity.Set(ctx, userKeyModel{state.ID})...)
	}
	if stored == nil {
		warnUserGone(&resp.Diagnostics, state, recreated, r.data.storeCreated())
		resp.State.RemoveResource(ctx)
		return
	}
	state.setStored(*stored)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update sends what differs between state and plan, and nothing else: what the
// configuration does not set may have changed since it was read.
func (r *userResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state userModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	key, ok := plan.applied(&resp.Diagnostics)
	if !ok {
		return
	}
	before, _ := state.key()
	written := plan
	if before != key || !plan.sameStored(state) {
		written, ok = r.change(ctx, plan, state, &resp.Diagnostics)
		if !ok {
			return
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, written)...)
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, userKeyModel{written.ID})...)
	}
}

// change applies the plan and returns what was written, which after an error
// may be a part of it; ok is false where nothing was.
func (r *userResource) change(ctx context.Context, plan, state userModel, diags *diag.Diagnostics) (written userModel, ok bool) {
	key, _ := plan.key()
	before, _ := state.key()
	stored := r.findByID(ctx, state, "Update User", diags)
	if diags.HasError() {
		return state, false
	}
	if stored == nil { // an unknown id would find or create another user
		addUserGone(diags, state)
		return state, false
	}
	api, ok := r.data.use(ctx, diags)
	if !ok {
		return state, false
	}
	if key != before || !plan.FirstName.Equal(state.FirstName) || !plan.LastName.Equal(state.LastName) {
		w := client.UserWrite{ID: stored.ID, Type: stored.Type, Name: stored.Name}
		if key != before {
			w.Name = plan.name()
		}
		if !plan.FirstName.Equal(state.FirstName) {
			w.FirstName = given(plan.FirstName)
		}
		if !plan.LastName.Equal(state.LastName) {
			w.LastName = given(plan.LastName)
		}
		user, err := api.UpsertUser(ctx, w)
		switch {
		case errors.Is(err, &identity.Error{Code: identity.CodeUserConflict}):
			addNameTaken(diags, plan, state, err)
			return state, false
		case err != nil:
			addFailure(diags, "Update User", string(before), "", err)
			return state, false
		case user.ID != stored.ID: // deleted since it was looked at
			addUserGone(diags, state)
			return state, false
		}
	}
	written = plan
	if role := identity.Role(plan.Role.ValueString()); !plan.Role.Equal(state.Role) && role != stored.Role {
		if _, err := api.SetRole(ctx, stored.ID, role); err != nil {
			addFailure(diags, "Update User", string(key), "", err)
			written.Role = state.Role
		}
	}
	return written, true
}

func (r *userResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state userModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// By id, because such a read is never shared with an earlier one.
	stored := r.findByID(ctx, state, "Delete User", &resp.Diagnostics)
	if stored == nil {
		return // gone already is success; a failure is in the diagnostics
	}
	if len(stored.Mappings) > 0 && !state.DeleteIdentities.ValueBool() {
		addStillMapped(&resp.Diagnostics, *stored)
		return
	}
	api, ok := r.data.use(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	if _, err := api.DeleteUsers(ctx, []identity.User{*stored}); err != nil && !errors.Is(err, &identity.Error{Code: identity.CodeUserNotFound}) {
		addFailure(&resp.Diagnostics, "Delete User", string(stored.Key), "", err)
	}
}

// find finds a user by name; nil where there is none, or after a failure,
// which is in diags.
func (r *userResource) find(ctx context.Context, key identity.UserKey, action string, diags *diag.Diagnostics) *identity.User {
	api, ok := r.data.use(ctx, diags)
	if !ok || key == "" {
		return nil
	}
	user, err := findUser(ctx, api, key)
	if err != nil {
		addFailure(diags, action, string(key), "", err)
	}
	return user
}

// findByID is find for the user that state means, whatever the name is now.
func (r *userResource) findByID(ctx context.Context, state userModel, action string, diags *diag.Diagnostics) *identity.User {
	api, ok := r.data.use(ctx, diags)
	if !ok {
		return nil
	}
	user, err := api.UserByID(ctx, state.ID.ValueString())
	if err != nil {
		addFailure(diags, action, state.name(), "", err)
		return nil
	}
	return user
}

// findImported finds whom an import names: text is an e-mail, a username or an
// id; id, where text is "", is one for certain. nil is always with an error.
func (r *userResource) findImported(ctx context.Context, text, id string, diags *diag.Diagnostics) *identity.User {
	var stored *identity.User
	if text != "" {
		key, err := identity.ParseUser(text)
		if err != nil {
			addBadUserImport(diags, err)
			return nil
		}
		stored = r.find(ctx, key, "Import User", diags)
		id = key.Username()
	}
	if stored == nil && id != "" && !diags.HasError() {
		stored = r.findByID(ctx, userModel{ID: types.StringValue(id)}, "Import User", diags)
	}
	if stored == nil && !diags.HasError() {
		addNoUserToImport(diags, text, id)
	}
	return stored
}
