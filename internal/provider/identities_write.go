// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// writeJob is one mapping to store.
type writeJob struct {
	row mappingRow
	// adopts says that the row is new to this resource, so that the adoption
	// rules say what happens where something is stored. Otherwise the write
	// depends on what state knows to be stored.
	adopts     bool
	conditions identity.Conditions
	attempts   int
}

// addJob starts from the condition that nothing is stored. An equal value
// satisfies it, so that adopting takes no reading; where another is stored the
// server shows it.
func addJob(row mappingRow, allowShared option) writeJob {
	return writeJob{row: row, adopts: true, conditions: identity.Conditions{IfAbsent: true, IfUnclaimed: allowShared != on}}
}

// changeJob depends on the revision that state knows.
func changeJob(row mappingRow, revision int64, allowShared option) writeJob {
	return writeJob{row: row, conditions: identity.Conditions{IfRevision: revision, IfUnclaimed: allowShared != on}}
}

// refusal is a row that could not be stored or removed.
type refusal struct {
	row mappingRow
	err *identity.Error
}

// outcome is what became of a list of writes or deletions.
type outcome struct {
	done    []mappingRow
	known   revisions // of what was stored
	left    []mappingRow
	refused []refusal
	fatal   error        // the reason why the rest was not sent
	unsent  []mappingRow // that rest
}

func (o outcome) complete() bool { return len(o.refused) == 0 && o.fatal == nil }

// mappingsWriter stores mappings in batches.
type mappingsWriter struct {
	api       mappingsAPI
	service   identity.ServiceKey
	overwrite bool
}

// write stores all it can. Each batch is a transaction; one that is refused is
// sent again without the rows that failed, so that one bad row never
// blocks another. A row whose account another row of the list still has waits
// until that one has been written.
func (w mappingsWriter) write(ctx context.Context, jobs []writeJob) outcome {
	out := outcome{known: make(revisions, len(jobs))}
	for len(jobs) > 0 {
		var waiting []writeJob
		writing := make(map[identity.UserKey]bool, len(jobs))
		for _, job := range jobs {
			writing[job.row.user] = true
		}
		for from := 0; from < len(jobs); from += symapi.MaxBatch {
			to := min(from+symapi.MaxBatch, len(jobs))
			if out.fatal != nil {
				out.unsent = append(out.unsent, rowsOf(jobs[from:to])...)
				continue
			}
			waiting = append(waiting, w.writeBatch(ctx, jobs[from:to], writing, &out)...)
		}
		switch {
		case out.fatal != nil:
			out.unsent = append(out.unsent, rowsOf(waiting)...)
			return out
		case len(waiting) == len(jobs): // nobody gave anything up
			w.sendRefused(ctx, waiting, &out)
			return out
		}
		jobs = waiting
	}
	return out
}

// sendRefused sends jobs of which it is clear that none waits for another that can
// still be written, to learn why each is refused.
func (w mappingsWriter) sendRefused(ctx context.Context, jobs []writeJob, out *outcome) {
	for from := 0; from < len(jobs); from += symapi.MaxBatch {
		to := min(from+symapi.MaxBatch, len(jobs))
		if out.fatal != nil {
			out.unsent = append(out.unsent, rowsOf(jobs[from:to])...)
			continue
		}
		w.writeBatch(ctx, jobs[from:to], nil, out)
	}
}

// writeBatch stores what it can of one batch and returns the jobs whose
// account a user in writing still has.
func (w mappingsWriter) writeBatch(ctx context.Context, jobs []writeJob, writing map[identity.UserKey]bool, out *outcome) (waiting []writeJob) {
	for len(jobs) > 0 {
		users, err := w.api.Write(ctx, w.writes(jobs))
		if err == nil {
			for i, job := range jobs {
				out.done = append(out.done, job.row)
				if i < len(users) {
					m, _ := users[i].Mapping(w.service)
					out.known[job.row.user] = m.Revision
				}
			}
			return waiting
		}
		failures, ok := itemErrorsOf(err, len(jobs))
		if ok {
			err = w.readConflicts(ctx, failures, rowsOf(jobs))
		}
		if !ok || err != nil {
			out.fatal, out.unsent = err, append(out.unsent, rowsOf(jobs)...)
			return waiting
		}
		var retry []writeJob
		for i, job := range jobs {
			e, failure := failures[i]
			switch {
			case !failure:
				retry = append(retry, job)
			case w.applyAdoption(&job, e):
				retry = append(retry, job)
			case e.Code == identity.CodeIdentityClaimed && writing[e.Holder]:
				waiting = append(waiting, job)
			default:
				out.refused = append(out.refused, refusal{job.row, e})
				delete(writing, job.row.user) // gives nothing up
			}
		}
		jobs = retry
	}
	return waiting
}

// applyAdoption applies the adoption rules to what was found stored, and reports
// whether the row may be sent again.
func (w mappingsWriter) applyAdoption(job *writeJob, e *identity.Error) bool {
	if e.Code != identity.CodeIdentityConflict || !job.adopts || job.attempts >= createAttempts {
		return false
	}
	want := identity.NewMatcher(w.service.Type, job.row.value)
	if decideAdoption(e.Stored, want, w.overwrite) == refuseManual {
		return false
	}
	job.attempts++
	job.conditions.IfAbsent, job.conditions.IfRevision = e.Stored == nil, 0
	if e.Stored != nil {
		job.conditions.IfRevision = e.Stored.Revision
	}
	return true
}

// readConflicts reads what is stored where a conflict does not show it: nothing, or
// something that the server did not tell.
func (w mappingsWriter) readConflicts(ctx context.Context, failures map[int]*identity.Error, rows []mappingRow) error {
	var users []identity.UserKey
	for i, e := range failures {
		if e.Code == identity.CodeIdentityConflict && e.Stored == nil {
			users = append(users, rows[i].user)
		}
	}
	stored, err := findStored(ctx, w.api, w.service, users)
	if err != nil {
		return err
	}
	for i, e := range failures {
		if m := stored.get(rows[i].user); m != nil && e.Code == identity.CodeIdentityConflict && e.Stored == nil {
			failures[i] = identity.Conflict(rows[i].user, w.service, m)
		}
	}
	return nil
}

func (w mappingsWriter) writes(jobs []writeJob) []identity.Write {
	writes := make([]identity.Write, len(jobs))
	for i, job := range jobs {
		writes[i] = identity.Write{
			User: job.row.user, Name: job.row.raw, Service: w.service, Source: identity.Manual,
			Matcher: identity.NewMatcher(w.service.Type, job.row.value), Conditions: job.conditions,
		}
	}
	return writes
}

func rowsOf(jobs []writeJob) []mappingRow {
	rows := make([]mappingRow, len(jobs))
	for i, job := range jobs {
		rows[i] = job.row
	}
	return rows
}

// itemErrorsOf returns why a transaction of n elements was refused, by element.
// ok is false where it failed as a whole; a service that is not registered is
// such a failure, although each element reports it. Where an element has several
// errors, the first that is no conflict is returned: a retry does not cure it.
func itemErrorsOf(err error, n int) (failures map[int]*identity.Error, ok bool) {
	var batch *identity.BatchError
	if !errors.As(err, &batch) {
		return nil, false
	}
	failures = make(map[int]*identity.Error, len(batch.Items))
	for _, c := range batch.Items {
		if c.Index < 0 || c.Index >= n || c.Err.Code == identity.CodeServiceNotFound {
			return nil, false
		}
		if known := failures[c.Index]; known == nil || known.Code == identity.CodeIdentityConflict {
			failures[c.Index] = c.Err
		}
	}
	return failures, len(failures) > 0
}

// remove removes rows that still are stored as state knows them. What is gone
// already is done. The same value with a newer revision was asserted since, by
// a renamed resource or by sym_identity: it is theirs now, and left. Another
// value is somebody's newer decision, and refused.
func (w mappingsWriter) remove(ctx context.Context, rows []mappingRow, known revisions) outcome {
	var out outcome
	for from := 0; from < len(rows); from += symapi.MaxBatch {
		batch := rows[from:min(from+symapi.MaxBatch, len(rows))]
		if out.fatal != nil {
			out.unsent = append(out.unsent, batch...)
			continue
		}
		w.removeBatch(ctx, batch, known, &out)
	}
	return out
}

func (w mappingsWriter) removeBatch(ctx context.Context, rows []mappingRow, known revisions, out *outcome) {
	for len(rows) > 0 {
		deletes := make([]identity.Delete, len(rows))
		for i, row := range rows {
			deletes[i] = identity.Delete{User: row.user, Service: w.service,
				Matcher: shownMatcher(w.service.Type, row.value), IfRevision: known[row.user]}
		}
		_, err := w.api.Delete(ctx, deletes)
		if err == nil {
			out.done = append(out.done, rows...)
			return
		}
		if identity.CodeOf(err) == identity.CodeServiceNotFound {
			out.done = append(out.done, rows...) // nothing is stored in a service that is not there
			return
		}
		failures, ok := itemErrorsOf(err, len(rows))
		if ok {
			err = w.readConflicts(ctx, failures, rows)
		}
		if !ok || err != nil {
			out.fatal, out.unsent = err, append(out.unsent, rows...)
			return
		}
		var retry []mappingRow
		for i, row := range rows {
			e, failure := failures[i]
			switch {
			case !failure:
				retry = append(retry, row)
			case e.Code == identity.CodeUserNotFound, e.Code == identity.CodeIdentityConflict && e.Stored == nil:
				out.done = append(out.done, row)
			case e.Code == identity.CodeIdentityConflict && e.Stored.Matcher.Equal(w.service.Type, deletes[i].Matcher):
				out.left = append(out.left, row)
			default:
				out.refused = append(out.refused, refusal{row, e})
			}
		}
		rows = retry
	}
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
	api, ok := r.data.connect(ctx, diags)
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

// jobs returns the rows to store. Values that were unknown at plan are checked
// here; those that are wrong are refused, and stop nobody else.
func (a *identitiesApply) jobs(ctx context.Context) (jobs []writeJob, refused []refusal, err error) {
	wrong := map[string]rowProblem{}
	for _, p := range checkRows(a.plan.elements, &a.plan.service, a.plan.allowShared != on) {
		wrong[p.raw] = p
	}
	refuse := func(row mappingRow) bool {
		p, bad := wrong[row.raw]
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

// elements returns the map as it was stored: the plan's, except for rows that could
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
		delete(elements, row.raw)
		if before, changed := was[row.user]; changed {
			elements[before.raw] = tftypes.NewValue(tftypes.String, before.value)
		}
	}
	unremoved := a.removal.unsent
	for _, x := range a.removal.refused {
		unremoved = append(unremoved, x.row)
	}
	for _, row := range unremoved {
		elements[row.raw] = tftypes.NewValue(tftypes.String, row.value)
	}
	return elements
}
