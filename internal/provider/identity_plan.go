// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// replacedKey is where a replacement's first plan tells its second, which sees
// no prior state, whose mapping goes away before the new one is created.
const replacedKey = "replaced_user"

// ModifyPlan makes a plan say all that apply will do: case-only changes are
// none, computed attributes are known where they can be, and what is stored
// already is looked at before anybody approves the plan.
func (r *identityResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || req.Plan.Raw.Equal(req.State.Raw) {
		return // destroy, or no change
	}
	var plan identityModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	key, known := plan.key()
	if !known {
		return
	}
	want, wantKnown := plan.matcher()
	changed := true
	if !req.State.Raw.IsNull() {
		var state identityModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		if resp.Diagnostics.HasError() {
			return
		}
		before, _ := state.key()
		switch {
		case before != key:
			remember, _ := json.Marshal(before.user) // a string always marshals
			resp.Diagnostics.Append(resp.Private.SetKey(ctx, replacedKey, remember)...)
		case plan.sameValue(state) && plan.sameOptions(state):
			// Only the spelling of the user differs, if anything.
			resp.Plan.Raw = req.State.Raw
			return
		case plan.sameValue(state):
			changed = false
			plan.Source, plan.Revision, plan.UpdatedAt = state.Source, state.Revision, state.UpdatedAt
		case wantKnown && r.data != nil:
			r.checkHolder(ctx, resp, key, want, plan, "")
		}
	} else if wantKnown && r.data != nil {
		r.checkCreate(ctx, req, resp, key, want, plan)
	}
	plan.setKey(key)
	if changed {
		plan.Source = types.StringValue(string(identity.Manual))
		plan.Revision, plan.UpdatedAt = types.Int64Unknown(), types.StringUnknown()
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// sameValue reports whether nothing has to be written.
func (m identityModel) sameValue(other identityModel) bool {
	return m.Identity.Equal(other.Identity) && m.Matcher.Equal(other.Matcher)
}

func (m identityModel) sameOptions(other identityModel) bool {
	return m.Overwrite.Equal(other.Overwrite) && m.AllowShared.Equal(other.AllowShared)
}

// checkCreate applies the adoption rules to what is stored at plan time.
func (r *identityResource) checkCreate(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, key mappingKey, want identity.Matcher, plan identityModel) {
	stored := r.read(ctx, key, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	switch decideAdoption(stored, want, plan.Overwrite.ValueBool()) {
	case overwriteAutomatic, overwriteManual:
		warnOverwrite(&resp.Diagnostics, key, want, *stored)
	case refuseManual:
		if !plan.Overwrite.IsUnknown() {
			addStoredOtherwise(&resp.Diagnostics, key, plan, want, *stored)
			return
		}
	case createNew, adoptEqual:
	}
	var replaced identity.UserKey
	remembered, diags := req.Private.GetKey(ctx, replacedKey)
	resp.Diagnostics.Append(diags...)
	if remembered != nil {
		_ = json.Unmarshal(remembered, &replaced) // written by ourselves; empty exempts nobody
	}
	r.checkHolder(ctx, resp, key, want, plan, replaced)
}

// checkHolder refuses an account that somebody else has. except is who gives
// it up in this very plan.
func (r *identityResource) checkHolder(ctx context.Context, resp *resource.ModifyPlanResponse, key mappingKey, want identity.Matcher, plan identityModel, except identity.UserKey) {
	if plan.AllowShared.ValueBool() || plan.AllowShared.IsUnknown() {
		return
	}
	if holder := r.holder(ctx, key, want, &resp.Diagnostics, except); holder != "" {
		addHeld(&resp.Diagnostics, key, plan, want, holder)
	}
}
