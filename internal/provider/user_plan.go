// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// ModifyPlan makes a plan say all that apply will do: another spelling of the
// name is no change, another kind of name is another user, and what exists
// already is looked at before anybody approves the plan.
func (r *userResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return // destroy; what else will be gone by then is known only at apply
	}
	var plan userModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if req.State.Raw.IsNull() {
		r.planCreate(ctx, plan, resp)
		return
	}
	var state userModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
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
		r.checkNameIsFree(ctx, plan, state, key, &resp.Diagnostics)
	case plan.sameSettings(state):
		resp.Plan.Raw = req.State.Raw // only the spelling of the name differs, if anything
	}
}

func (r *userResource) planCreate(ctx context.Context, plan userModel, resp *resource.ModifyPlanResponse) {
	if kind := plan.kind(); kind != "" {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("type"), types.StringValue(string(kind)))...)
	}
	key, known := plan.key()
	if !known || r.data == nil {
		return
	}
	if stored := r.find(ctx, key, "Read User", &resp.Diagnostics); stored != nil {
		warnAdoption(&resp.Diagnostics, plan, *stored)
	}
}

// checkNameIsFree refuses a rename to a name that another user has.
func (r *userResource) checkNameIsFree(ctx context.Context, plan, state userModel, key identity.UserKey, diags *diag.Diagnostics) {
	if r.data == nil {
		return
	}
	if other := r.find(ctx, key, "Read User", diags); other != nil && other.ID != state.ID.ValueString() {
		addNameTaken(diags, plan, state, nil)
	}
}
