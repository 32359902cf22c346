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

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// mappingJob describes one mapping to store or to remove.
type mappingJob struct {
	row mappingRow
	// adopts says that the row is new to its resource, so that the adoption rules
	// apply. Otherwise the job depends on what state knows to be stored.
	adopts     bool
	conditions identity.Conditions
	attempts   int
}

// maxAdoptions bounds how often a row is sent again when what is stored changes
// at the same time, as when a mapping moves between two resources.
const maxAdoptions = 5

// addJob starts from the condition that nothing is stored, which an equal value
// satisfies. Where another is stored the server shows it, so nothing is read before.
func addJob(row mappingRow, allowShared bool) mappingJob {
	return mappingJob{row: row, adopts: true, conditions: identity.Conditions{IfAbsent: true, IfUnclaimed: !allowShared}}
}

// refusal is a row that cannot be stored or removed as it is. A plan warns of
// those that apply will overwrite.
type refusal struct {
	row    mappingRow
	err    *identity.Error
	cause  error            // the request's, as the client returned it
	heldAs identity.Matcher // the earlier name under which somebody else has the account; nil = the same, or nobody
}

func newRefusal(row mappingRow, err *identity.Error) refusal {
	return refusal{row: row, err: err, cause: err}
}

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
	api       *readcache.Reader
	service   identity.ServiceKey
	overwrite bool
}

// write stores all it can. A row whose account another row of the list still
// has waits until that one has been written.
func (w mappingsWriter) write(ctx context.Context, jobs []mappingJob) outcome {
	out := outcome{stored: storedMappings{service: w.service, users: identity.NewIndex()}}
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
// is done. What a resource or a person asserted since is left, whatever its value.
func (w mappingsWriter) remove(ctx context.Context, rows []mappingRow, known revisions) outcome {
	jobs := each(rows, func(row mappingRow) mappingJob {
		return mappingJob{row: row, conditions: identity.Conditions{IfRevision: known[row.user]}}
	})
	var out outcome
	refused := func(job *mappingJob, x refusal) (retry bool) {
		switch {
		case x.err.Stored != nil && x.err.Stored.Revision == job.conditions.IfRevision && job.attempts == 0:
			job.attempts, job.row.matcher = 1, x.err.Stored.Matcher // Terraform spells texts in one Unicode form
			return true
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

// send carries out jobs as one transaction, and again without the rows that failed,
// until one bad row blocks no other; refused decides what becomes of those rows.
// Nothing is begun after an interruption.
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
		failures, fatal := w.failures(jobs, err)
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
			if e, failed := failures[i]; !failed || refused(&job, refusal{row: job.row, err: e, cause: err}) {
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
			Matcher: job.row.matcher, Conditions: job.conditions,
		}
	}))
	if err != nil {
		return err
	}
	for i, u := range users {
		u.Key = jobs[i].row.user // whatever the reply says, it is about this row
		out.stored.users.Put(u)
	}
	return nil
}

func (w mappingsWriter) removeAll(ctx context.Context, jobs []mappingJob, _ *outcome) error {
	_, err := w.api.Delete(ctx, each(jobs, func(job mappingJob) identity.Delete {
		return identity.Delete{User: job.row.user, Service: w.service, Matcher: job.row.matcher, IfRevision: job.conditions.IfRevision}
	}))
	if identity.CodeOf(err) == identity.CodeServiceNotFound {
		return nil // nothing is stored in a service that is not there
	}
	return err
}

// applyAdoption applies the adoption rules to what was found stored, and reports
// whether the row may be sent again.
func (w mappingsWriter) applyAdoption(job *mappingJob, e *identity.Error) bool {
	if e.Code != identity.CodeIdentityConflict || !job.adopts || job.attempts >= maxAdoptions || keepsStored(e.Stored, job.row.matcher, w.overwrite) {
		return false
	}
	job.attempts++
	job.conditions.IfAbsent, job.conditions.IfRevision = e.Stored == nil, 0
	if e.Stored != nil {
		job.conditions.IfRevision = e.Stored.Revision
	}
	return true
}

// failures returns why a transaction was refused, by job; fatal is set where it failed
// as a whole, as it did where the service is not registered. Of several errors of a job,
// a conflict that a retry cures gives way to the others.
func (w mappingsWriter) failures(jobs []mappingJob, err error) (found map[int]*identity.Error, fatal error) {
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
		if known == nil || known.Code == identity.CodeIdentityConflict && !keepsStored(known.Stored, jobs[c.Index].row.matcher, w.overwrite) {
			found[c.Index] = c.Err
		}
	}
	return found, nil
}

// changeJob depends on the revision that state knows. Where it knows none, an equal
// value alone may be stored: the next read finds the revision.
func changeJob(row mappingRow, revision int64, allowShared bool) mappingJob {
	return mappingJob{row: row, conditions: identity.Conditions{IfAbsent: revision == 0, IfRevision: revision, IfUnclaimed: !allowShared}}
}

func rowsOf(jobs []mappingJob) []mappingRow {
	return each(jobs, func(job mappingJob) mappingRow { return job.row })
}

// identitiesApply carries out one plan.
type identitiesApply struct {
	writer  mappingsWriter
	plan    identitiesModel
	after   []mappingRow // of plan
	known   rowRevisions // as far as they are known
	changes identitiesChanges
	// asPlanned says that removals depend on what the plan saw, because an
	// exclusive resource gives up mappings that it never stored.
	asPlanned bool

	writing outcome
	removal outcome
}

// newApply begins to apply a plan, or the state that a deletion starts from. ok is
// false after an error in diags.
func newApply(ctx context.Context, api *readcache.Reader, from interface {
	Get(context.Context, any) diag.Diagnostics
}, diags *diag.Diagnostics) (a *identitiesApply, ok bool) {
	plan, ok := decode[identitiesModel](ctx, from, diags)
	if !ok || !plan.checkService(diags) {
		return nil, false
	}
	return &identitiesApply{
		writer: mappingsWriter{api: api, service: plan.service(), overwrite: plan.Overwrite.ValueBool()},
		plan:   plan, after: plan.rows(), known: newRowRevisions(),
	}, true
}

// run removes first, so that an account may pass from a row that goes to one that
// comes. complete is false after an error in diags; creating is as in addIncomplete.
func (a *identitiesApply) run(ctx context.Context, before []mappingRow, action string, creating bool, diags *diag.Diagnostics) (complete bool) {
	a.changes = compareRows(before, a.after)
	a.remove(ctx)
	jobs, refused := a.jobs()
	if a.removal.fatal != nil {
		a.writing = outcome{unsent: rowsOf(jobs), refused: refused}
	} else {
		a.writing = a.writer.write(ctx, jobs)
		a.writing.refused = append(refused, a.writing.refused...)
		a.known.wrote(a.writing.stored.revisions())
	}
	warnRowsLeft(diags, a.writer.service, a.removal.left)
	if a.writing.complete() && a.removal.complete() {
		return true
	}
	a.addIncomplete(diags, action, creating)
	a.plan.setElements(a.elements())
	return false
}

// save keeps in state what was stored.
func (a *identitiesApply) save(ctx context.Context, state *tfsdk.State, private privateState, diags *diag.Diagnostics) {
	a.plan.setComputed()
	diags.Append(state.Set(ctx, a.plan)...)
	saveRevisions(ctx, private, a.plan.rows(), a.known, diags)
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
				left = append(left, newRefusal(row, identity.Conflict(row.user, a.writer.service, nil)))
			}
			return foreign
		})
	}
	a.removal = a.writer.remove(ctx, removed, depends)
	a.removal.left = append(left, a.removal.left...)
}

// jobs returns the rows to store. Values that were unknown at plan are checked
// here; those that are wrong are refused, and stop nobody else.
func (a *identitiesApply) jobs() (jobs []mappingJob, refused []refusal) {
	wrong := map[string]string{}
	for _, p := range a.plan.checkRows(true) {
		wrong[p.raw] = p.problem
	}
	add := func(job mappingJob) {
		if problem, bad := wrong[job.row.raw]; bad {
			refused = append(refused, newRefusal(job.row, identity.Invalid(identity.CodeIdentityInvalid, problem, "")))
			return
		}
		jobs = append(jobs, job)
	}
	allowShared := a.plan.AllowShared.ValueBool()
	for _, c := range a.changes.changed {
		add(changeJob(c.after, a.known.observed[c.after.user], allowShared))
	}
	for _, row := range a.changes.added {
		add(addJob(row, allowShared))
	}
	return jobs, refused
}

// elements returns the map as it was stored: the plan's, except for rows that could
// not be stored or removed.
func (a *identitiesApply) elements() map[string]attr.Value {
	elements := a.plan.Identities.Elements()
	was := make(map[identity.UserKey]mappingRow, len(a.changes.changed))
	for _, c := range a.changes.changed {
		was[c.after.user] = c.before
	}
	for _, row := range a.writing.notDone() {
		delete(elements, row.raw)
		if before, changed := was[row.user]; changed {
			elements[before.raw] = types.StringValue(before.value)
		}
	}
	for _, row := range a.removal.notDone() {
		elements[row.raw] = types.StringValue(row.value)
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

// revisionsKey names, in private state, the revisions under which the rows were seen
// last; writtenKey those under which this resource stored them, where they differ.
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
		m := stored.get(row.user)
		if m != nil && m.Matcher.Equal(stored.service.Type, row.matcher) {
			elsewhere = append(elsewhere, newRefusal(row, identity.Conflict(row.user, stored.service, m)))
		}
	}
	return elsewhere
}

// saveRevisions keeps the revisions of rows in private state, which is a part of the
// state file: what a resource has stored only where it is not what it has seen.
func saveRevisions(ctx context.Context, private privateState, rows []mappingRow, known rowRevisions, diags *diag.Diagnostics) {
	observed, written := make(revisions, len(rows)), revisions{}
	for _, row := range rows {
		seen, stored := known.observed[row.user], known.written[row.user]
		observed[row.user] = seen
		if stored != seen {
			written[row.user] = stored
		}
	}
	savePrivate(ctx, private, revisionsKey, observed, diags)
	savePrivate(ctx, private, writtenKey, written, diags)
}

// loadRevisions returns no revisions where private state does not hold what
// saveRevisions wrote: the next read finds them.
func loadRevisions(ctx context.Context, private privateState, diags *diag.Diagnostics) rowRevisions {
	known := newRowRevisions()
	maps.Copy(known.observed, loadPrivate[revisions](ctx, private, revisionsKey, diags))
	maps.Copy(known.written, known.observed)
	maps.Copy(known.written, loadPrivate[revisions](ctx, private, writtenKey, diags))
	return known
}
