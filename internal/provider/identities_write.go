// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// mappingJob describes one mapping to store or to remove.
type mappingJob struct {
	row mappingRow
	// adopts says that the row is new to its resource, so that the adoption
	// rules say what happens where something is stored. Otherwise the job
	// depends on what state knows to be stored.
	adopts     bool
	conditions identity.Conditions
	attempts   int
}

// maxAdoptions bounds how often a row is sent again when what is stored changes
// at the same time, as when a mapping moves between two resources.
const maxAdoptions = 5

// addJob starts from the condition that nothing is stored. An equal value
// satisfies it, so that adopting takes no reading; where another is stored the
// server shows it.
func addJob(row mappingRow, allowShared option) mappingJob {
	return mappingJob{row: row, adopts: true, conditions: identity.Conditions{IfAbsent: true, IfUnclaimed: allowShared != on}}
}

// refusal is a row that cannot be stored or removed as it is. A plan warns of
// those that apply will overwrite.
type refusal struct {
	row   mappingRow
	err   *identity.Error
	cause error // the request's, as the client returned it
}

func newRefusal(row mappingRow, err *identity.Error) refusal { return refusal{row, err, err} }

// outcome says what became of each job of a list.
type outcome struct {
	done    []mappingRow
	stored  storedMappings
	left    []refusal
	refused []refusal
	fatal   error        // the reason why the rest was not sent
	unsent  []mappingRow // that rest
	unsure  []mappingRow // sent, and it is not known what became of them
}

// notDone returns the rows that state must not take for done.
func (o outcome) notDone() []mappingRow {
	return slices.Concat(refusedRows(o.refused), o.unsure, o.unsent)
}

func (o outcome) complete() bool { return len(o.refused) == 0 && o.fatal == nil }

// mappingsWriter stores and removes mappings in batches. A sym_identity is a
// batch of one.
type mappingsWriter struct {
	api       mappingsAPI
	service   identity.ServiceKey
	overwrite bool
}

// write stores all it can. A row whose account another row of the list still
// has waits until that one has been written.
func (w mappingsWriter) write(ctx context.Context, jobs []mappingJob) outcome {
	out := outcome{stored: newStored(w.service, len(jobs))}
	for waits := true; len(jobs) > 0; {
		writing := make(map[identity.UserKey]bool, len(jobs))
		for _, job := range jobs {
			writing[job.row.user] = waits
		}
		var waiting []mappingJob
		refused := func(job *mappingJob, x refusal) (retry bool) {
			switch {
			case w.applyAdoption(job, x.err):
				return true
			case x.err.Code == identity.CodeIdentityClaimed && writing[x.err.Holder]:
				waiting = append(waiting, *job)
			default:
				out.refused = append(out.refused, x)
				delete(writing, job.row.user) // gives nothing up
			}
			return false
		}
		for batch := range slices.Chunk(jobs, symapi.MaxBatch) {
			w.send(ctx, batch, &out, w.writeAll, refused)
		}
		// When nobody gives anything up, all are sent once more to learn why
		// each is refused.
		waits = len(waiting) < len(jobs)
		jobs = waiting
	}
	return out
}

// remove removes rows that still are stored as known says. What is gone already
// is done. What was asserted since, by a renamed resource, by one of the other
// type or by a person, is theirs now, whatever its value, and left.
func (w mappingsWriter) remove(ctx context.Context, rows []mappingRow, known revisions) outcome {
	jobs := each(rows, func(row mappingRow) mappingJob {
		return mappingJob{row: row, conditions: identity.Conditions{IfRevision: known[row.user]}}
	})
	var out outcome
	refused := func(_ *mappingJob, x refusal) (retry bool) {
		switch {
		case x.err.Code == identity.CodeUserNotFound, x.err.Code == identity.CodeIdentityConflict && x.err.Stored == nil:
			out.done = append(out.done, x.row)
		case x.err.Code == identity.CodeIdentityConflict:
			out.left = append(out.left, x)
		default:
			out.refused = append(out.refused, x)
		}
		return false
	}
	for batch := range slices.Chunk(jobs, symapi.MaxBatch) {
		w.send(ctx, batch, &out, w.removeAll, refused)
	}
	return out
}

// send carries out jobs as one transaction. One that is refused is sent again
// without the rows that failed, so that one bad row never blocks another;
// refused decides what becomes of those. Nothing is begun after an interruption.
func (w mappingsWriter) send(ctx context.Context, jobs []mappingJob, out *outcome,
	transaction func(context.Context, []mappingJob, *outcome) error, refused func(*mappingJob, refusal) (retry bool)) {
	if out.fatal == nil {
		out.fatal = interrupted(ctx)
	}
	for len(jobs) > 0 && out.fatal == nil {
		err := transaction(ctx, jobs, out)
		if err == nil {
			out.done = append(out.done, rowsOf(jobs)...)
			return
		}
		failures, fatal := w.failures(ctx, jobs, err)
		if fatal != nil {
			out.fatal = fatal
			if mayBeStored(fatal) {
				out.unsure = append(out.unsure, rowsOf(jobs)...)
				return
			}
			break
		}
		var retry []mappingJob
		for i, job := range jobs {
			if e, failed := failures[i]; !failed || refused(&job, refusal{job.row, e, err}) {
				retry = append(retry, job)
			}
		}
		jobs = retry
	}
	out.unsent = append(out.unsent, rowsOf(jobs)...)
}

func (w mappingsWriter) writeAll(ctx context.Context, jobs []mappingJob, out *outcome) error {
	users, err := w.api.Write(ctx, each(jobs, func(job mappingJob) identity.Write {
		return identity.Write{
			User: job.row.user, Name: job.row.raw, Service: w.service, Source: identity.Manual,
			Matcher: job.row.declared(w.service.Type), Conditions: job.conditions,
		}
	}))
	if err != nil {
		return err
	}
	for i, job := range jobs {
		m := identity.Mapping{Service: w.service, Matcher: job.row.declared(w.service.Type), Source: identity.Manual}
		if i < len(users) {
			if stored, ok := users[i].Mapping(w.service); ok {
				m = stored
			}
		}
		out.stored.byUser[job.row.user] = m
	}
	return nil
}

func (w mappingsWriter) removeAll(ctx context.Context, jobs []mappingJob, _ *outcome) error {
	_, err := w.api.Delete(ctx, each(jobs, func(job mappingJob) identity.Delete {
		return identity.Delete{User: job.row.user, Service: w.service, Matcher: job.row.stored(w.service.Type), IfRevision: job.conditions.IfRevision}
	}))
	if identity.CodeOf(err) == identity.CodeServiceNotFound {
		return nil // nothing is stored in a service that is not there
	}
	return err
}

// applyAdoption applies the adoption rules to what was found stored, and reports
// whether the row may be sent again.
func (w mappingsWriter) applyAdoption(job *mappingJob, e *identity.Error) bool {
	if e.Code != identity.CodeIdentityConflict || !job.adopts || job.attempts >= maxAdoptions || w.refuses(job.row, e.Stored) {
		return false
	}
	job.attempts++
	job.conditions.IfAbsent, job.conditions.IfRevision = e.Stored == nil, 0
	if e.Stored != nil {
		job.conditions.IfRevision = e.Stored.Revision
	}
	return true
}

// refuses reports whether the adoption rules keep what is stored.
func (w mappingsWriter) refuses(row mappingRow, stored *identity.Mapping) bool {
	return decideAdoption(stored, row.declared(w.service.Type), w.overwrite) == refuseManual
}

// failures returns why a transaction was refused, by job; fatal is set where it
// failed as a whole. A service that is not registered is such a failure,
// although each job reports it. Where a job has several errors, a conflict that
// is no decision of a person gives way to the others: a retry does not cure
// those. A conflict that does not show what is stored is read.
func (w mappingsWriter) failures(ctx context.Context, jobs []mappingJob, err error) (found map[int]*identity.Error, fatal error) {
	var batch *identity.BatchError
	if !errors.As(err, &batch) || len(batch.Items) == 0 {
		return nil, err
	}
	found = make(map[int]*identity.Error, len(batch.Items))
	for _, c := range batch.Items {
		if c.Index < 0 || c.Index >= len(jobs) || c.Err.Code == identity.CodeServiceNotFound {
			return nil, err
		}
		known := found[c.Index]
		if known == nil || known.Code == identity.CodeIdentityConflict && !w.refuses(jobs[c.Index].row, known.Stored) {
			found[c.Index] = c.Err
		}
	}
	var users []identity.UserKey
	for i, e := range found {
		if e.Code == identity.CodeIdentityConflict && e.Stored == nil {
			users = append(users, jobs[i].row.user)
		}
	}
	stored, err := findStored(ctx, w.api, w.service, users)
	for i := range found {
		if m := stored.get(jobs[i].row.user); m != nil {
			found[i] = identity.Conflict(jobs[i].row.user, w.service, m)
		}
	}
	return found, err
}

// changeJobs returns the jobs that change rows on the condition that what state
// knows is stored. Where state knows no revision, that is checked here.
func (w mappingsWriter) changeJobs(ctx context.Context, changes []changedRow, known revisions, allowShared option) (jobs []mappingJob, refused []refusal, err error) {
	var users []identity.UserKey
	for _, c := range changes {
		if known[c.after.user] == 0 {
			users = append(users, c.after.user)
		}
	}
	found, err := findStored(ctx, w.api, w.service, users)
	for _, c := range changes {
		revision := known[c.after.user]
		if revision == 0 && err == nil {
			m := found.get(c.after.user)
			t := w.service.Type
			if m == nil || !m.Matcher.Equal(t, c.before.stored(t)) && !m.Matcher.Equal(t, c.after.declared(t)) {
				refused = append(refused, newRefusal(c.after, identity.Conflict(c.after.user, w.service, m)))
				continue
			}
			revision = m.Revision
		}
		jobs = append(jobs, mappingJob{row: c.after, conditions: identity.Conditions{IfRevision: revision, IfUnclaimed: allowShared != on}})
	}
	return jobs, refused, err
}

func rowsOf(jobs []mappingJob) []mappingRow {
	return each(jobs, func(job mappingJob) mappingRow { return job.row })
}

// identitiesApply carries out one plan.
type identitiesApply struct {
	writer  mappingsWriter
	plan    identitiesObject
	after   []mappingRow // of plan
	known   rowRevisions // as far as they are known
	changes identitiesChanges
	// asPlanned says that removals depend on what the plan saw, because an
	// exclusive resource gives up mappings that it never stored.
	asPlanned bool

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
		plan:   plan, after: plan.rows(), known: newRowRevisions(),
	}, true
}

// run removes first, so that an account may pass from a row that goes to one
// that comes.
func (a *identitiesApply) run(ctx context.Context, before []mappingRow) {
	a.changes = compareRows(before, a.after)
	a.remove(ctx)
	jobs, refused, err := a.jobs(ctx)
	if a.removal.fatal != nil || err != nil {
		a.writing = outcome{fatal: err, unsent: rowsOf(jobs), refused: refused}
		return
	}
	a.writing = a.writer.write(ctx, jobs)
	a.writing.refused = append(refused, a.writing.refused...)
	a.known.wrote(a.writing.stored.revisions())
}

// remove removes the rows that go. What this resource never stored is left, but
// for what an exclusive one has shown in its plan.
func (a *identitiesApply) remove(ctx context.Context) {
	removed, depends := a.changes.removed, a.known.observed
	var left []refusal
	if !a.asPlanned {
		depends = a.known.written
		removed = slices.DeleteFunc(slices.Clone(removed), func(row mappingRow) bool {
			foreign := a.known.foreign(row.user)
			if foreign {
				left = append(left, newRefusal(row, identity.Conflict(row.user, a.plan.service, nil)))
			}
			return foreign
		})
	}
	a.removal = a.writer.remove(ctx, removed, depends)
	a.removal.left = append(left, a.removal.left...)
}

// jobs returns the rows to store. Values that were unknown at plan are checked
// here; those that are wrong are refused, and stop nobody else.
func (a *identitiesApply) jobs(ctx context.Context) (jobs []mappingJob, refused []refusal, err error) {
	wrong := map[string]rowProblem{}
	for _, p := range checkRows(a.plan.elements, &a.plan.service, a.plan.allowShared != on) {
		wrong[p.raw] = p
	}
	refuse := func(row mappingRow) bool {
		p, bad := wrong[row.raw]
		if bad {
			refused = append(refused, newRefusal(row, identity.Invalid(identity.CodeIdentityInvalid, p.problem, "")))
		}
		return bad
	}
	right := slices.DeleteFunc(slices.Clone(a.changes.changed), func(c changedRow) bool { return refuse(c.after) })
	jobs, conflicts, err := a.writer.changeJobs(ctx, right, a.known.observed, a.plan.allowShared)
	for _, row := range a.changes.added {
		if !refuse(row) {
			jobs = append(jobs, addJob(row, a.plan.allowShared))
		}
	}
	return jobs, append(refused, conflicts...), err
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
	for _, row := range a.writing.notDone() {
		delete(elements, row.raw)
		if before, changed := was[row.user]; changed {
			elements[before.raw] = tftypes.NewValue(tftypes.String, before.value)
		}
	}
	for _, row := range a.removal.notDone() {
		elements[row.raw] = tftypes.NewValue(tftypes.String, row.value)
	}
	return elements
}

func refusedRows(list []refusal) []mappingRow {
	return each(list, func(x refusal) mappingRow { return x.row })
}

// each converts a list element by element.
func each[T, U any](list []T, convert func(T) U) []U {
	converted := make([]U, len(list))
	for i, x := range list {
		converted[i] = convert(x)
	}
	return converted
}

// revisionsKey names, in private state, the revisions under which the rows were
// seen last. Under writtenKey stand those under which this resource stored its
// rows, where they are others.
const revisionsKey = "revisions"

// revisions holds the revisions under which a resource's mappings are stored,
// 0 where state does not know one.
type revisions map[identity.UserKey]int64

// baseKey holds, in JSON, the number that is left out of the others. No user is
// called that.
const baseKey identity.UserKey = ""

// MarshalJSON writes revisions as their distance from a base: they are long numbers,
// and close to each other.
func (r revisions) MarshalJSON() ([]byte, error) {
	base := int64(math.MaxInt64)
	for _, revision := range r {
		if revision > 0 {
			base = min(base, revision-1)
		}
	}
	near := make(map[identity.UserKey]int64, len(r)+1)
	for user, revision := range r {
		near[user] = max(0, revision-base)
	}
	if base != math.MaxInt64 && base > 0 {
		near[baseKey] = base
	}
	return json.Marshal(near)
}

// UnmarshalJSON reads revisions, those without a base included.
func (r *revisions) UnmarshalJSON(text []byte) error {
	var near map[identity.UserKey]int64
	if err := json.Unmarshal(text, &near); err != nil {
		return err
	}
	base := near[baseKey]
	delete(near, baseKey)
	for user, distance := range near {
		if distance > 0 {
			near[user] = base + distance
		}
	}
	*r = near
	return nil
}

// rowRevisions keeps apart what a resource has seen and what it has stored: an
// update depends on the one, a removal on the other.
type rowRevisions struct {
	observed revisions
	written  revisions // 0 where this resource never stored the mapping
}

func newRowRevisions() rowRevisions {
	return rowRevisions{observed: revisions{}, written: revisions{}}
}

// wrote records what this resource has just stored, or taken over.
func (r rowRevisions) wrote(stored revisions) {
	maps.Copy(r.observed, stored)
	maps.Copy(r.written, stored)
}

// observe records what a read found. Rows without a known revision count
// as stored by this resource.
func (r rowRevisions) observe(rows []mappingRow, stored revisions) {
	for _, row := range rows {
		if r.observed[row.user] == 0 {
			r.written[row.user] = stored[row.user]
		}
	}
	maps.Copy(r.observed, stored)
}

// foreign reports whether a mapping came into state by a read of everybody's,
// so that this resource never stored it.
func (r rowRevisions) foreign(user identity.UserKey) bool {
	return r.observed[user] != 0 && r.written[user] == 0
}

// ownedElsewhere returns the rows that somebody else has stored again with the
// value that state has.
func (r rowRevisions) ownedElsewhere(rows []mappingRow, stored storedMappings) []refusal {
	var elsewhere []refusal
	for _, row := range rows {
		if written := r.written[row.user]; written == 0 || r.observed[row.user] <= written {
			continue // nearly always
		}
		m, t := stored.get(row.user), stored.service.Type
		if m != nil && m.Matcher.Equal(t, row.stored(t)) {
			elsewhere = append(elsewhere, newRefusal(row, identity.Conflict(row.user, stored.service, m)))
		}
	}
	return elsewhere
}

// saveRevisions keeps the revisions of rows in private state, as JSON objects.
// Private state is a part of the state file, so what a resource has stored is
// kept only where it is not what it has seen.
func saveRevisions(ctx context.Context, private privateState, rows []mappingRow, known rowRevisions, diags *diag.Diagnostics) {
	observed, written := make(revisions, len(rows)), revisions{}
	for _, row := range rows {
		seen, stored := known.observed[row.user], known.written[row.user]
		observed[row.user] = seen
		if stored != seen {
			written[row.user] = stored
		}
	}
	for key, kept := range map[string]revisions{revisionsKey: observed, writtenKey: written} {
		text, _ := json.Marshal(kept) // always marshals
		diags.Append(private.SetKey(ctx, key, text)...)
	}
}

// loadRevisions returns no revisions where private state does not hold what
// saveRevisions wrote: they are read again where they are needed. In a state
// from before the two were kept apart they are one.
func loadRevisions(ctx context.Context, private privateState, diags *diag.Diagnostics) rowRevisions {
	known := newRowRevisions()
	for key, into := range map[string]*revisions{revisionsKey: &known.observed, writtenKey: &known.written} {
		text, found := private.GetKey(ctx, key)
		diags.Append(found...)
		if json.Unmarshal(text, into) != nil || *into == nil {
			*into = revisions{}
		}
	}
	for user, seen := range known.observed {
		if _, other := known.written[user]; !other {
			known.written[user] = seen
		}
	}
	return known
}
