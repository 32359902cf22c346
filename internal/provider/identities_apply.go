// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Create stores all it can. After an error it leaves no state: a state saved
// beside an error is tainted, and the next apply would delete every mapping
// before it creates them again. What was stored stays, and is adopted then.
func (r *identitiesResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	plan := readIdentitiesObject(req.Plan.Raw)
	a, ok := r.newApply(ctx, plan, &resp.Diagnostics)
	if !ok {
		return
	}
	a.run(ctx, nil, plan.exclusive == on)
	warnRowsLeft(&resp.Diagnostics, plan.service, a.removal.left)
	if !a.complete() {
		a.report("Create Identity Mappings", true).add(&resp.Diagnostics)
		return
	}
	resp.State.Raw = plan.withComputed()
	saveRevisions(ctx, resp.Private, a.after, a.known, &resp.Diagnostics)
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.key())...)
	}
}

// Update writes rows that differ. After an error state holds exactly what was
// written.
func (r *identitiesResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	plan, state := readIdentitiesObject(req.Plan.Raw), readIdentitiesObject(req.State.Raw)
	before, after := state.rows(), plan.rows()
	known := loadRevisions(ctx, req.Private, before, &resp.Diagnostics)
	changes := compareRows(before, after)
	nowExclusive := plan.exclusive == on && state.exclusive != on
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.key())...)
	}
	if changes.none() && !nowExclusive { // options, or the spelling of keys
		resp.State.Raw = plan.withComputed()
		saveRevisions(ctx, resp.Private, after, known, &resp.Diagnostics)
		return
	}
	a, ok := r.newApply(ctx, plan, &resp.Diagnostics)
	if !ok {
		return
	}
	a.known = known
	a.run(ctx, before, nowExclusive)
	warnRowsLeft(&resp.Diagnostics, plan.service, a.removal.left)
	written := plan
	if !a.complete() {
		a.report("Update Identity Mappings", false).add(&resp.Diagnostics)
		written = readIdentitiesObject(plan.withElements(a.elements()))
	}
	resp.State.Raw = written.withComputed()
	saveRevisions(ctx, resp.Private, written.rows(), a.known, &resp.Diagnostics)
}

// Delete removes the rows of state. After an error state keeps exactly the
// rows that were not removed.
func (r *identitiesResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	state := readIdentitiesObject(req.State.Raw)
	a, ok := r.newApply(ctx, state, &resp.Diagnostics)
	if !ok {
		return
	}
	rows := state.rows()
	a.after, a.plan.elements = nil, nil
	a.known = loadRevisions(ctx, req.Private, rows, &resp.Diagnostics)
	a.run(ctx, rows, false)
	warnRowsLeft(&resp.Diagnostics, state.service, a.removal.left)
	if a.complete() {
		return
	}
	a.report("Delete Identity Mappings", false).add(&resp.Diagnostics)
	kept := readIdentitiesObject(state.withElements(a.elements()))
	resp.State.Raw = kept.raw
	saveRevisions(ctx, resp.Private, kept.rows(), a.known, &resp.Diagnostics)
}

// identitiesApply carries out one plan.
type identitiesApply struct {
	writer  mappingsWriter
	plan    identitiesObject
	after   []mappingRow // of plan
	known   revisions    // of what is stored, as far as it is known
	changes identitiesChanges

	writing outcome
	removal outcome
}

func (r *identitiesResource) newApply(ctx context.Context, plan identitiesObject, diags *diag.Diagnostics) (*identitiesApply, bool) {
	if !plan.serviceKnown() {
		addBadIdentitiesState(diags, plan)
		return nil, false
	}
	api, ok := r.data.use(ctx, diags)
	if !ok {
		return nil, false
	}
	return &identitiesApply{
		writer: mappingsWriter{api: api, service: plan.service, overwrite: plan.overwrite == on},
		plan:   plan, after: plan.rows(), known: revisions{},
	}, true
}

// run removes first, so that an account may pass from a row that goes to one
// that comes. unlisted says to remove also what no row names.
func (a *identitiesApply) run(ctx context.Context, before []mappingRow, unlisted bool) {
	a.changes = compareRows(before, a.after)
	removed := a.changes.removed
	if unlisted {
		stored, err := allStored(ctx, a.writer.api, a.plan.service)
		if err != nil {
			a.removal = outcome{fatal: err, unsent: removed}
		}
		extra := stored.unlisted(append(before[:len(before):len(before)], a.after...))
		for _, row := range extra {
			a.known[row.user] = stored.byUser[row.user].Revision
		}
		removed = append(removed[:len(removed):len(removed)], extra...)
	}
	if a.removal.fatal == nil {
		a.removal = a.writer.remove(ctx, removed, a.known)
	}
	jobs, refused, err := a.jobs(ctx)
	if a.removal.fatal != nil || err != nil {
		a.writing = outcome{fatal: err, unsent: rowsOf(jobs), refused: refused}
		return
	}
	a.writing = a.writer.write(ctx, jobs)
	a.writing.refused = append(refused, a.writing.refused...)
	maps.Copy(a.known, a.writing.known)
}

// jobs are the rows to store. Values that were unknown at plan are checked
// here; those that are wrong are refused, and stop nobody else.
func (a *identitiesApply) jobs(ctx context.Context) (jobs []writeJob, refused []refusal, err error) {
	wrong := map[string]rowProblem{}
	for _, p := range checkRows(a.plan.elements, &a.plan.service, a.plan.allowShared != on) {
		wrong[p.spelled] = p
	}
	refuse := func(row mappingRow) bool {
		p, bad := wrong[row.spelled]
		if bad {
			refused = append(refused, refusal{row, identity.Invalid(identity.CodeIdentityInvalid, p.problem, "")})
		}
		return bad
	}
	stored, err := a.unknownRevisions(ctx)
	for _, c := range a.changes.changed {
		if refuse(c.after) {
			continue
		}
		revision := a.known[c.after.user]
		if revision == 0 {
			m := stored.get(c.after.user)
			if err == nil && !a.stillHolds(c, m) {
				refused = append(refused, refusal{c.after, identity.Conflict(c.after.user, a.plan.service, m)})
				continue
			}
			if m != nil {
				revision = m.Revision
			}
		}
		jobs = append(jobs, changeJob(c.after, revision, a.plan.allowShared))
	}
	for _, row := range a.changes.added {
		if !refuse(row) {
			jobs = append(jobs, addJob(row, a.plan.allowShared))
		}
	}
	return jobs, refused, err
}

// unknownRevisions reads changed rows whose revision state does not know, as
// of an API without revisions: their condition is checked here.
func (a *identitiesApply) unknownRevisions(ctx context.Context) (storedMappings, error) {
	var users []identity.UserKey
	for _, c := range a.changes.changed {
		if a.known[c.after.user] == 0 {
			users = append(users, c.after.user)
		}
	}
	return findStored(ctx, a.writer.api, a.plan.service, users)
}

func (a *identitiesApply) stillHolds(c changedRow, m *identity.Mapping) bool {
	t := a.plan.service.Type
	return m != nil && (m.Matcher.Equal(t, shownMatcher(t, c.before.value)) || m.Matcher.Equal(t, identity.NewMatcher(t, c.after.value)))
}

func (a *identitiesApply) complete() bool { return a.writing.complete() && a.removal.complete() }

// elements is the map as it was stored: the plan's, but for rows that could
// not be stored or removed.
func (a *identitiesApply) elements() map[string]tftypes.Value {
	elements := maps.Clone(a.plan.elements)
	if elements == nil {
		elements = map[string]tftypes.Value{}
	}
	was := make(map[identity.UserKey]mappingRow, len(a.changes.changed))
	for _, c := range a.changes.changed {
		was[c.after.user] = c.before
	}
	unwritten := a.writing.unsent
	for _, x := range a.writing.refused {
		unwritten = append(unwritten, x.row)
	}
	for _, row := range unwritten {
		delete(elements, row.spelled)
		if before, changed := was[row.user]; changed {
			elements[before.spelled] = tftypes.NewValue(tftypes.String, before.value)
		}
	}
	unremoved := a.removal.unsent
	for _, x := range a.removal.refused {
		unremoved = append(unremoved, x.row)
	}
	for _, row := range unremoved {
		elements[row.spelled] = tftypes.NewValue(tftypes.String, row.value)
	}
	return elements
}
