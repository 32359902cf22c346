// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// ModifyPlan makes a plan say all that apply will do: a change of spelling
// alone is none, and what is stored already is looked at before anybody
// approves the plan.
func (r *identitiesResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || req.Plan.Raw.Equal(req.State.Raw) {
		return // destroy, or nothing to do
	}
	plan := readIdentitiesObject(req.Plan.Raw)
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
	// Terraform accepts a planned map only as it is configured or as it was, so
	// one real change brings all keys into the configuration's spelling.
	if !created && plan.elements != nil && changes.none() && prior.sameOptions(plan) {
		resp.Plan.Raw = req.State.Raw
		return
	}
	if r.data != nil && plan.elements != nil {
		r.checkPlan(ctx, planChecks{plan: plan, after: after, changes: changes, nowExclusive: plan.exclusive == on && prior.exclusive != on}, &resp.Diagnostics)
	}
	resp.Plan.Raw = plan.withComputed()
}

func (o identitiesObject) sameOptions(other identitiesObject) bool {
	mine, theirs := attributesOf(o.raw), attributesOf(other.raw)
	for _, name := range []string{"exclusive", "overwrite", "allow_shared"} {
		if !mine[name].Equal(theirs[name]) {
			return false
		}
	}
	return true
}

// planChecks is what a plan is checked for.
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
	if c.changes.none() && !c.nowExclusive {
		return
	}
	asserted := c.changes.asserted()
	if len(asserted) == 0 && !c.nowExclusive {
		return
	}
	api, ok := r.data.use(ctx, diags)
	if !ok {
		return
	}
	stored, holders, err := c.read(ctx, api, asserted)
	if err != nil {
		addFailure(diags, "Read Identity Mappings", "", c.plan.service.String(), err)
		return
	}
	var going []mappingRow
	if c.nowExclusive {
		going = stored.unlisted(c.after)
	}
	f := c.judge(stored, holders, going)
	f.report(diags, c.plan, len(c.after))
	if !diags.HasError() && len(going) > 0 {
		warnUnlisted(diags, c.plan.service, going)
	}
}

// read asks the API for what the checks need, and no more.
func (c planChecks) read(ctx context.Context, api mappingsAPI, asserted []mappingRow) (storedMappings, map[string][]identity.UserKey, error) {
	claims := c.plan.allowShared == off
	added := make([]identity.UserKey, 0, len(c.changes.added))
	for _, row := range c.changes.added {
		if row.known {
			added = append(added, row.user)
		}
	}
	var stored storedMappings
	var err error
	switch {
	case c.nowExclusive:
		stored, err = allStored(ctx, api, c.plan.service)
	case claims:
		stored, err = storedForClaims(ctx, api, c.plan.service, added)
	default:
		stored, err = findStored(ctx, api, c.plan.service, added)
	}
	if err != nil || !claims {
		return stored, nil, err
	}
	holders, err := stored.holders(ctx, api, asserted)
	return stored, holders, err
}

// judge weighs every row that is to be stored. going are mappings that this
// plan removes without their being in state.
func (c planChecks) judge(stored storedMappings, holders map[string][]identity.UserKey, going []mappingRow) planFindings {
	var f planFindings
	for _, row := range c.changes.added {
		if !row.known {
			continue
		}
		m := stored.get(row.user)
		switch decideAdoption(m, identity.NewMatcher(c.plan.service.Type, row.value), c.plan.overwrite == on) {
		case overwriteAutomatic, overwriteManual:
			f.overwritten = append(f.overwritten, rowAndStored{row, *m})
		case refuseManual:
			if c.plan.overwrite != undecided {
				f.refused = append(f.refused, rowAndStored{row, *m})
			}
		case createNew, adoptEqual:
		}
	}
	released := c.released(going)
	for _, row := range c.changes.asserted() {
		for _, holder := range holders[identity.FoldIdentity(c.plan.service.Type, row.value)] {
			if holder != row.user && !released[holder] {
				f.held = append(f.held, heldRow{row, holder})
				break
			}
		}
	}
	return f
}

// released are the users whose account this plan takes away or changes, so
// that another may have it.
func (c planChecks) released(going []mappingRow) map[identity.UserKey]bool {
	released := make(map[identity.UserKey]bool, len(going)+len(c.changes.removed)+len(c.changes.changed))
	for _, row := range going {
		released[row.user] = true
	}
	for _, row := range c.changes.removed {
		released[row.user] = true
	}
	for _, row := range c.changes.changed {
		released[row.after.user] = true
	}
	// Who is added with another account than the stored one gives that up.
	// Two rows never have the same account: validation sees to it.
	for _, row := range c.changes.added {
		released[row.user] = true
	}
	return released
}
