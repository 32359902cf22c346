// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// UpsertUsers applies writes: it reads all that they are about in a few
// statements, decides in memory, and writes the outcome in a few more.
func (s *Store) UpsertUsers(ctx context.Context, actor store.Actor, writes []store.UserWrite) ([]identity.User, error) {
	if len(writes) == 0 {
		return []identity.User{}, nil
	}
	p := newWritePlan(actor, writes, s.now())
	return inTx(ctx, s.write, func(t *tx) ([]identity.User, error) {
		if err := p.load(ctx, t); err != nil {
			return nil, err
		}
		if err := p.loadRepeated(ctx, t); err != nil {
			return nil, err
		}
		if failures := p.applyAll(); len(failures) > 0 {
			return nil, &identity.BatchError{Items: failures}
		}
		if err := p.save(ctx, t); err != nil {
			return nil, err
		}
		users := make([]identity.User, len(writes))
		for i, id := range p.target {
			users[i] = p.users[id].user()
		}
		return users, nil
	})
}

// writePlan works out in memory what a batch does. Elements are applied in
// order; an element that fails is not applied at all. Conditions on a mapping
// are checked when its element is applied, but claims are compared with the
// outcome of the whole batch, so that two users may swap accounts in it.
type writePlan struct {
	writes    []store.UserWrite
	checked   []checked
	actor     string
	requestID string
	address   string
	now       time.Time
	before    *storedState

	users  map[string]*record           // touched ones, as they are so far
	keys   map[identity.UserKey]*record // changed ones; nil = free now
	target []string                     // user id per element, "" = failed
	failed map[int][]*identity.Error
	claims []claim
	held   map[account][]*record // touched users who hold claimed accounts
}

// storedState holds what a batch found in the store. It is never changed.
type storedState struct {
	users    map[string]*record // by id
	keys     map[identity.UserKey]*record
	services map[identity.ServiceKey]string // ids of the registered ones
	holders  map[account][]holder           // of accounts that the batch claims, by key
	repeated map[mappingKey]bool            // changed by the same request before, and removed since
}

// account names one account of one service by its account key, or by its id.
type account struct {
	service identity.ServiceKey
	key, id string
}

// accountsOf returns the names of a mapping's account.
func accountsOf(m identity.Mapping) []account {
	names := []account{{service: m.Service, key: m.AccountKey()}}
	if m.AccountID != "" {
		names = append(names, account{service: m.Service, id: m.AccountID})
	}
	return names
}

type holder struct {
	userID string
	key    identity.UserKey
}

// claim asks that, in the end, nobody but the user holds the account.
type claim struct {
	element int
	userID  string
	mapping identity.Mapping
}

// newWritePlan checks what can be checked without the store.
func newWritePlan(actor store.Actor, writes []store.UserWrite, now time.Time) *writePlan {
	p := &writePlan{writes: writes, checked: make([]checked, len(writes)), actor: sanitize(actor.Name), requestID: sanitize(actor.RequestID), address: sanitize(actor.Address), now: now}
	for i, w := range writes {
		p.checked[i] = check(w)
	}
	return p
}

// load reads the users, services and holders that the writes are about.
func (p *writePlan) load(ctx context.Context, t *tx) error {
	var ids, services []string
	var keys []identity.UserKey
	claims := map[identity.ServiceKey][]identity.AccountQuery{}
	for i, w := range p.writes {
		if p.checked[i].user == nil {
			ids, keys = append(ids, w.ID), append(keys, w.Key)
		}
		for j, m := range w.Mappings {
			if p.checked[i].mappings[j] != nil {
				continue
			}
			services = append(services, m.Service.String())
			if m.IfUnclaimed {
				claims[m.Service] = append(claims[m.Service], identity.AccountQuery{
					Identity: m.Matcher.AccountKey(m.Service.Type), AccountID: identity.PinOf(m.Service.Type, m.Matcher, m.AccountID)})
			}
		}
	}
	b := &storedState{holders: map[account][]holder{}}
	p.before = b
	var err error
	if b.users, b.keys, err = findUsers(ctx, t, ids, keys); err != nil {
		return err
	}
	if b.services, err = registered(ctx, t, unique(services, storable)); err != nil {
		return err
	}
	for service, wanted := range claims {
		err := eachHolder(ctx, t, service, wanted, func(h holder, m identity.Mapping) {
			for _, a := range accountsOf(m) {
				b.holders[a] = append(b.holders[a], h)
			}
		})
		if err != nil {
			return err
		}
	}
	for _, holders := range b.holders {
		slices.SortFunc(holders, func(a, b holder) int { return cmp.Compare(a.key, b.key) })
	}
	return nil
}

// save writes what the plan changed.
func (p *writePlan) save(ctx context.Context, t *tx) error {
	type owned struct {
		*mapping
		owner *record
	}
	var users []*record
	var dirty []owned
	var unnumbered []*int64 // revisions
	for _, id := range slices.Sorted(maps.Keys(p.users)) {
		r := p.users[id]
		if r.created || r.changed {
			users, unnumbered = append(users, r), append(unnumbered, &r.Revision)
		}
		for _, service := range slices.SortedFunc(maps.Keys(r.mappings), compareServices) {
			if m := r.mappings[service]; m.dirty {
				dirty, unnumbered = append(dirty, owned{m, r}), append(unnumbered, &m.Revision)
			}
		}
	}
	if len(unnumbered) == 0 {
		return nil
	}
	revisions, err := t.dialect.revisions(ctx, t, len(unnumbered))
	if err != nil {
		return err
	}
	for i, revision := range unnumbered {
		*revision = revisions[i]
	}
	rows := make([][]any, len(users))
	for i, r := range users {
		r.UpdatedAt, r.UpdatedBy, r.RequestID = p.now, p.actor, p.requestID
		rows[i] = userRow(r.UserRecord)
		if old, known := p.before.users[r.ID]; known && old.Key != r.Key {
			// Users who pass on a name first leave theirs: a space is in no key.
			if err := t.exec(ctx, "UPDATE users SET user_key = ? WHERE id = ?", " "+r.ID, r.ID); err != nil {
				return fmt.Errorf("renaming users: %w", err)
			}
		}
	}
	if err := insertRows(ctx, t, intoUsers, replaceUser, rows); err != nil {
		return fmt.Errorf("storing users: %w", err)
	}
	rows = make([][]any, len(dirty))
	changes := make([]identity.Change, len(dirty))
	for i, m := range dirty {
		m.RequestID = p.requestID
		rows[i] = mappingRow(m.owner.ID, p.before.services[m.Service], m.MappingRecord)
		changes[i] = identity.Change{ID: m.Revision, At: p.now, By: p.actor, RequestID: p.requestID, Address: p.address,
			UserID: m.owner.ID, User: m.owner.Key, Service: m.Service, After: &m.Mapping}
		if old, known := p.before.users[m.owner.ID]; known && old.mappings[m.Service] != nil {
			changes[i].Before = &old.mappings[m.Service].Mapping
		}
	}
	if err := insertRows(ctx, t, intoMappings, replaceMapping, rows); err != nil {
		return fmt.Errorf("storing mappings: %w", err)
	}
	return t.record(ctx, changes)
}

const (
	intoServices = "services (id, service_key, label, revision, created_at, updated_at, updated_by, request_id)"
	intoUsers    = "users (id, user_key, type, role, name, first_name, last_name, revision, created_at, updated_at, updated_by, request_id)"
	intoMappings = "mappings (id, user_id, service_id, matcher, claim, account_id, profile, source, rule, revision, created_at, updated_at, updated_by, request_id)"
	replaceUser  = `ON CONFLICT (id) DO UPDATE SET user_key = excluded.user_key, role = excluded.role, name = excluded.name,
		first_name = excluded.first_name, last_name = excluded.last_name, revision = excluded.revision,
		updated_at = excluded.updated_at, updated_by = excluded.updated_by, request_id = excluded.request_id`
	replaceMapping = `ON CONFLICT (id) DO UPDATE SET matcher = excluded.matcher, claim = excluded.claim, account_id = excluded.account_id,
		profile = excluded.profile, source = excluded.source, rule = excluded.rule, revision = excluded.revision,
		updated_at = excluded.updated_at, updated_by = excluded.updated_by, request_id = excluded.request_id`
)

func serviceRow(s store.ServiceRecord) []any {
	return []any{s.ID, s.Key.String(), s.Label, s.Revision, micros(s.CreatedAt), micros(s.UpdatedAt), s.UpdatedBy, s.RequestID}
}

func userRow(u store.UserRecord) []any {
	return []any{u.ID, string(u.Key), string(u.Type), string(u.Role), u.Name, u.FirstName, u.LastName, u.Revision,
		micros(u.CreatedAt), micros(u.UpdatedAt), u.UpdatedBy, u.RequestID}
}

func mappingRow(userID, serviceID string, m store.MappingRecord) []any {
	return []any{m.ID, userID, serviceID, encodeObject(m.Matcher), claimColumn(m.AccountKey()), m.AccountID, encodeObject(m.Profile), string(m.Source),
		m.Rule, m.Revision, micros(m.CreatedAt), micros(m.UpdatedAt), m.UpdatedBy, m.RequestID}
}

func compareServices(a, b identity.ServiceKey) int { return strings.Compare(a.String(), b.String()) }

// displayName returns the user's name in its own spelling.
func displayName(w store.UserWrite) string {
	if name := strings.TrimSpace(w.Name); name != "" {
		return name
	}
	return string(w.Key)
}

// applyAll applies all elements. Elements whose claims fail are left out and the
// rest is applied again, because what they would have set free stays taken.
func (p *writePlan) applyAll() []identity.ItemError {
	claimed := map[int][]*identity.Error{}
	for {
		p.apply(claimed)
		grown := false
		for _, c := range p.claims {
			if by, taken := p.otherHolder(c, claimed); taken {
				err := identity.Claimed(p.users[c.userID].Key, c.mapping.Service, c.mapping.Matcher, by)
				claimed[c.element] = append(claimed[c.element], err)
				grown = true
			}
		}
		if !grown {
			break
		}
	}
	maps.Copy(p.failed, claimed)
	var failures []identity.ItemError
	for _, i := range slices.Sorted(maps.Keys(p.failed)) {
		for _, err := range p.failed[i] {
			failures = append(failures, identity.ItemError{Index: i, Err: err})
		}
	}
	return failures
}

func (p *writePlan) apply(leaveOut map[int][]*identity.Error) {
	p.users, p.keys = map[string]*record{}, map[identity.UserKey]*record{}
	p.target, p.failed, p.claims = make([]string, len(p.writes)), map[int][]*identity.Error{}, nil
	for i, w := range p.writes {
		if _, out := leaveOut[i]; out {
			continue
		}
		if errs := p.applyElement(i, w); len(errs) > 0 {
			p.failed[i] = errs
		}
	}
	p.indexHolders()
}

func (p *writePlan) indexHolders() {
	p.held = make(map[account][]*record, len(p.claims))
	for _, c := range p.claims {
		for _, a := range accountsOf(c.mapping) {
			p.held[a] = nil
		}
	}
	for _, r := range p.users {
		for _, m := range r.mappings {
			for _, a := range accountsOf(m.Mapping) {
				if _, claimed := p.held[a]; claimed {
					p.held[a] = append(p.held[a], r)
				}
			}
		}
	}
}

// applyElement applies one write and names all that is wrong with it.
func (p *writePlan) applyElement(i int, w store.UserWrite) (errs []*identity.Error) {
	r, err := p.applyUser(i, w)
	if err != nil {
		errs = append(errs, err)
	}
	var claims []claim
	for j, m := range w.Mappings {
		if err := p.checked[i].mappings[j]; err != nil {
			if !sentBack(r, m) {
				errs = append(errs, err)
			}
			continue
		}
		_, registered := p.before.services[m.Service]
		if !registered {
			unknown := identity.UnknownService(m.Service)
			unknown.User = w.Key
			errs = append(errs, unknown)
			continue
		}
		if r == nil {
			continue // conditions on an unknown user mean nothing
		}
		claimed, err := p.applyMapping(i, r, m)
		if err != nil {
			errs = append(errs, err)
		} else if claimed {
			claims = append(claims, claim{i, r.ID, r.mappings[m.Service].Mapping})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	if old := p.find(r.ID); old != nil && old.Key != r.Key {
		p.keys[old.Key] = nil
	}
	p.users[r.ID], p.keys[r.Key], p.target[i] = r, r, r.ID
	p.claims = append(p.claims, claims...)
	return nil
}

// sentBack reports a plain write of what is stored. Callers send back all that
// they have read of a user; a value that today's rules refuse must not keep them
// from changing another.
func sentBack(r *record, w store.MappingWrite) bool {
	if r == nil || w.Source != "" || r.mappings[w.Service] == nil {
		return false
	}
	m := r.mappings[w.Service]
	return maps.Equal(m.Matcher, w.Matcher) && (w.AccountID == "" || w.AccountID == m.AccountID) && (w.Profile == nil || maps.Equal(m.Profile, w.Profile))
}

// find returns a user as the batch has left it so far, nil if there is none.
func (p *writePlan) find(id string) *record {
	if r := p.users[id]; r != nil {
		return r
	}
	return p.before.users[id]
}

func (p *writePlan) findKey(key identity.UserKey) *record {
	if r, changed := p.keys[key]; changed {
		return r
	}
	return p.before.keys[key]
}

// applyUser returns the element's user, copied, renamed or created as the write
// says.
func (p *writePlan) applyUser(i int, w store.UserWrite) (*record, *identity.Error) {
	if err := p.checked[i].user; err != nil {
		return nil, err
	}
	r, named := p.find(w.ID), p.findKey(w.Key)
	known := r != nil
	switch {
	case known && w.Key != "" && w.Key != r.Key:
		if named != nil {
			return nil, &identity.Error{Code: identity.CodeUserConflict, User: w.Key,
				Message: string(r.Key) + " cannot be renamed to " + string(w.Key) + ": another user has that name"}
		}
		r = r.clone()
		r.Key, r.Name, r.dirty = w.Key, displayName(w), true
	case known:
		r = r.clone()
	case !typeFits(w):
		return nil, wrongType(w)
	case named != nil:
		r = named.clone()
	case w.Key == "":
		return nil, unknownID(w.ID)
	case !w.Key.IsEmail() && w.Type != identity.Bot:
		return nil, identity.UnknownUser(w.Key)
	default:
		r = p.newUser(w)
	}
	// symflow sends type normal with the id of a bot.
	if !known && w.Type != "" && w.Type != r.Type || r.Key.Type() != r.Type {
		return nil, &identity.Error{Code: identity.CodeUserInvalid, User: r.Key,
			Message: "the type of " + string(r.Key) + " is " + string(r.Type) + " and cannot be changed"}
	}
	setText(r, &r.FirstName, w.FirstName)
	setText(r, &r.LastName, w.LastName)
	if r.dirty && w.IfRevision != 0 && r.Revision != w.IfRevision {
		return nil, changedUser(r, w.IfRevision)
	}
	repeated := p.requestID != "" && r.RequestID == p.requestID && r.UpdatedBy == p.actor
	if w.Assert && !repeated {
		r.dirty = true
	}
	if r.dirty {
		r.changed, r.dirty, r.Revision = true, false, 0 // no condition matches it until the batch is written
	}
	return r, nil
}

// changedUser returns the conflict of a condition on a user's revision.
func changedUser(r *record, wanted int64) *identity.Error {
	return &identity.Error{Code: identity.CodeUserConflict, User: r.Key, Hint: "Read it again.",
		Message: fmt.Sprintf("%s has revision %d, not %d: somebody changed it since it was read", r.Key, r.Revision, wanted)}
}

func setText(r *record, field *string, text *string) {
	if text != nil && *text != *field {
		*field, r.dirty = *text, true
	}
}

func (p *writePlan) newUser(w store.UserWrite) *record {
	return &record{created: true, dirty: true, mappings: map[identity.ServiceKey]*mapping{}, UserRecord: store.UserRecord{User: identity.User{
		ID: newID(), Key: w.Key, Type: w.Key.Type(), Role: identity.Member, Name: displayName(w), CreatedAt: p.now}}}
}

// otherHolder returns who else holds the account of a claim after the batch, under
// the same name rather than another. Of two elements that take one account the
// later one fails.
func (p *writePlan) otherHolder(c claim, leftOut map[int][]*identity.Error) (identity.UserKey, bool) {
	own := p.users[c.userID].mappings[c.mapping.Service]
	if own == nil || own.writer != c.element || own.AccountKey() != c.mapping.AccountKey() {
		return "", false // a later element gave the user another value
	}
	for _, a := range accountsOf(c.mapping) {
		var taken []identity.UserKey
		for _, h := range p.before.holders[a] {
			if _, touched := p.users[h.userID]; !touched && h.userID != c.userID {
				taken = append(taken, h.key)
				break // thousands may share an account
			}
		}
		for _, r := range p.held[a] {
			m := r.mappings[c.mapping.Service]
			_, out := leftOut[m.writer]
			if r.ID != c.userID && m.writer < c.element && !out {
				taken = append(taken, r.Key)
			}
		}
		if len(taken) > 0 {
			return slices.MinFunc(taken, cmp.Compare[identity.UserKey]), true
		}
	}
	return "", false
}

// applyMapping applies one mapping of element i to r. claimed reports that the
// user now holds an account on the condition that nobody else does.
//
// The order of the checks is the contract: an equal value satisfies every
// condition, stored wins against automatic sources, and only then the
// conditions count.
func (p *writePlan) applyMapping(i int, r *record, w store.MappingWrite) (claimed bool, err *identity.Error) {
	old := r.mappings[w.Service]
	if old != nil && old.Matcher.Equal(w.Service.Type, w.Matcher) {
		p.repeat(r, old, w)
		return false, nil
	}
	var found *identity.Mapping
	if old != nil {
		m := old.Mapping
		found = &m
	}
	automatic := w.Source.OrManual() != identity.Manual
	undone := old == nil && (automatic || w.IfAbsent) && p.before.repeated[mappingKey{r.Key, w.Service}]
	if undone || old != nil && (automatic || w.IfAbsent) || w.IfRevision != 0 && (old == nil || old.Revision != w.IfRevision) {
		return false, identity.Conflict(r.Key, w.Service, found)
	}
	m := &mapping{dirty: true, writer: i, MappingRecord: store.MappingRecord{ID: newID(), Mapping: identity.Mapping{
		Service: w.Service, Profile: map[string]string{}, CreatedAt: p.now}}}
	if old != nil {
		m.ID, m.Profile, m.CreatedAt, m.UpdatedAt = old.ID, old.Profile, old.CreatedAt, old.UpdatedAt
	}
	p.set(m, w)
	r.mappings[w.Service] = m
	return w.IfUnclaimed, nil
}

// repeat writes a value over an equal one. Automatic sources never touch what
// is stored. A write that names no source changes at most the profile and the
// account id. A
// manual one is an assertion: it makes the mapping manual, in the writer's
// spelling, and gives it a new revision, so that a caller that knows only
// the old revision no longer owns it.
func (p *writePlan) repeat(r *record, old *mapping, w store.MappingWrite) {
	pin := identity.PinOf(w.Service.Type, w.Matcher, w.AccountID)
	same := (w.Profile == nil || maps.Equal(w.Profile, old.Profile)) && (pin == "" || pin == old.AccountID)
	if w.Source.OrManual() != identity.Manual || same && (w.Source == "" || p.isRepeat(old)) {
		return
	}
	m := *old
	m.dirty = true
	if w.Source == "" {
		w.Matcher, w.Source, w.Rule = old.Matcher, old.Source, old.Rule
	}
	p.set(&m, w)
	r.mappings[w.Service] = &m
}

// set puts the written value into m. Its revision is 0 until the batch is
// written, so that no condition can match it before.
func (p *writePlan) set(m *mapping, w store.MappingWrite) {
	pin := identity.PinOf(w.Service.Type, w.Matcher, w.AccountID)
	if pin != "" || !m.Matcher.Equal(w.Service.Type, w.Matcher) {
		m.AccountID = pin // nothing is known of the account of another identity
	}
	m.Matcher = maps.Clone(w.Matcher)
	m.Source, m.Rule = w.Source.OrManual(), ""
	if m.Source == identity.FromRule {
		m.Rule = w.Rule
	}
	if w.Profile != nil {
		m.Profile = maps.Clone(w.Profile)
	}
	m.Revision, m.UpdatedBy = 0, p.actor
	if p.now.After(m.UpdatedAt) { // a clock that goes back does not take a mapping along
		m.UpdatedAt = p.now
	}
}

// isRepeat reports whether the request is the one that gave old its value. A
// request comes twice when its reply was lost and the client, or a proxy, sends
// it again, also much later. It is recognised by its id and by who sent it, and
// changes nothing, not even with an assertion: that was made.
func (p *writePlan) isRepeat(old *mapping) bool {
	return p.requestID != "" && old.RequestID == p.requestID && old.UpdatedBy == p.actor
}

// mappingKey names a mapping by the user's key of the time.
type mappingKey struct {
	user    identity.UserKey
	service identity.ServiceKey
}

// loadRepeated finds which if_absent and automatic mappings of the batch the same
// request changed before. They have been removed since: a late repetition must not bring
// them back.
func (p *writePlan) loadRepeated(ctx context.Context, t *tx) error {
	var keys []identity.UserKey
	for i, w := range p.writes {
		if p.checked[i].user != nil || p.requestID == "" {
			continue
		}
		key := w.Key
		r := cmp.Or(p.before.users[w.ID], p.before.keys[w.Key])
		if r != nil {
			key = r.Key
		}
		for _, m := range w.Mappings {
			if (m.IfAbsent || m.Source.OrManual() != identity.Manual) && (r == nil || r.mappings[m.Service] == nil) {
				keys = append(keys, key)
			}
		}
	}
	p.before.repeated = map[mappingKey]bool{}
	const query = "SELECT user_key, service_key FROM history WHERE request_id = ? AND changed_by = ? AND user_key %s"
	err := selectIn(ctx, t, query, []any{p.requestID, p.actor}, unique(keys, storable), func(rows *sql.Rows) error {
		var c mappingKey
		err := rows.Scan(&c.user, (*keyColumn)(&c.service))
		p.before.repeated[c] = true
		return err
	})
	if err != nil {
		return fmt.Errorf("looking for the request in the history: %w", err)
	}
	return nil
}

// PinAccounts stores the account ids of mappings that have none.
func (s *Store) PinAccounts(ctx context.Context, pins []store.Pin) error {
	pins = slices.DeleteFunc(slices.Clone(pins), func(p store.Pin) bool {
		return identity.PinOf(p.Service.Type, p.Matcher, p.AccountID) == "" || identity.ValidateAccountID(p.AccountID) != nil ||
			!validID(p.UserID) || !storable(p.Service.String())
	})
	if len(pins) == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error {
		const update = `UPDATE mappings SET account_id = ? WHERE user_id = ? AND revision = ? AND claim = ? AND account_id = ''
			AND service_id IN (SELECT id FROM services WHERE service_key = ?)`
		for _, p := range pins {
			claim := claimColumn(p.Matcher.AccountKey(p.Service.Type))
			if err := t.exec(ctx, update, p.AccountID, p.UserID, p.Revision, claim, p.Service.String()); err != nil {
				return fmt.Errorf("storing the account id of a mapping: %w", err)
			}
		}
		return nil
	})
}

// DeleteMappings removes mappings that still have the value the caller sent.
func (s *Store) DeleteMappings(ctx context.Context, actor store.Actor, deletes []store.MappingDelete) ([]bool, error) {
	return inTx(ctx, s.write, func(t *tx) ([]bool, error) {
		ids := make([]string, len(deletes))
		for i, d := range deletes {
			ids[i] = d.UserID
		}
		users, _, err := findUsers(ctx, t, ids, nil)
		if err != nil {
			return nil, err
		}
		var gone deletion
		deleted := make([]bool, len(deletes))
		for i, d := range deletes {
			r := users[d.UserID]
			if d.Invalid != nil {
				gone.fail(i, d.Invalid)
				continue
			}
			if err := d.Service.CheckDeclarable(); err != nil {
				managed := *identity.AsError(err)
				managed.Service = d.Service
				if r != nil {
					managed.User = r.Key
				}
				gone.fail(i, &managed)
				continue
			}
			if r == nil || r.mappings[d.Service] == nil {
				continue
			}
			m := r.mappings[d.Service]
			if !m.Matcher.Equal(d.Service.Type, d.Matcher) || d.IfRevision != 0 && d.IfRevision != m.Revision {
				gone.fail(i, identity.Conflict(r.Key, d.Service, &m.Mapping))
				continue
			}
			gone.add(r, d.Service)
			deleted[i] = true
		}
		return deleted, s.delete(ctx, t, actor, gone)
	})
}

// DeleteUsers removes users together with their mappings.
func (s *Store) DeleteUsers(ctx context.Context, actor store.Actor, deletes []store.UserDelete) ([]store.DeletedUser, error) {
	return inTx(ctx, s.write, func(t *tx) ([]store.DeletedUser, error) {
		var ids []string
		var keys []identity.UserKey
		for _, d := range deletes {
			if ids = append(ids, d.ID); d.ID == "" {
				keys = append(keys, d.Key)
			}
		}
		byID, byKey, err := findUsers(ctx, t, ids, keys)
		if err != nil {
			return nil, err
		}
		var gone deletion
		out := make([]store.DeletedUser, len(deletes))
		for i, d := range deletes {
			r := byID[d.ID]
			if out[i].ID = d.ID; d.ID == "" && byKey[d.Key] != nil {
				out[i].ID = byKey[d.Key].ID
				r = byID[out[i].ID]
			}
			switch {
			case d.Invalid != nil:
				gone.fail(i, d.Invalid)
			case out[i].ID == "" && !d.Key.IsEmail():
				gone.fail(i, identity.UnknownUser(d.Key))
			case r == nil:
			case d.Key != "" && d.Key != r.Key:
				gone.fail(i, &identity.Error{Code: identity.CodeUserConflict, User: r.Key,
					Message: fmt.Sprintf("the user to delete is %s, not %s", r.Key, truncate(string(d.Key))),
					Hint:    "It was renamed; read it again."})
			case d.IfRevision != 0 && d.IfRevision != r.Revision:
				gone.fail(i, changedUser(r, d.IfRevision))
			case d.IfUnmapped && len(r.mappings) > 0:
				gone.fail(i, &identity.Error{Code: identity.CodeUserConflict, User: r.Key, Hint: "Delete them first.",
					Message: string(r.Key) + " has identities, which would be deleted too"})
			default:
				out[i].Existed, out[i].Mappings = true, len(r.mappings)
				gone.users = append(gone.users, r.ID)
				gone.add(r, slices.SortedFunc(maps.Keys(r.mappings), compareServices)...)
				delete(byID, r.ID)
			}
		}
		return out, s.delete(ctx, t, actor, gone)
	})
}

// findUsers returns the users with one of ids by id, and those with one of keys
// by id and by key.
func findUsers(ctx context.Context, t *tx, ids []string, keys []identity.UserKey) (byID map[string]*record, byKey map[identity.UserKey]*record, err error) {
	identified, err := usersBy(ctx, t, "id", unique(ids, validID))
	if err != nil {
		return nil, nil, err
	}
	named, err := usersBy(ctx, t, "user_key", unique(keys, storable))
	byID, byKey = map[string]*record{}, map[identity.UserKey]*record{}
	for _, r := range slices.Concat(identified, named) {
		byID[r.ID], byKey[r.Key] = r, r
	}
	return byID, byKey, err
}

// deletion is what a batch of deletes does.
type deletion struct {
	users    []string // ids
	mappings []string // ids
	changes  []identity.Change
	failures []identity.ItemError
}

func (d *deletion) fail(i int, err *identity.Error) {
	d.failures = append(d.failures, identity.ItemError{Index: i, Err: err})
}

// add takes mappings of services from a user.
func (d *deletion) add(r *record, services ...identity.ServiceKey) {
	for _, service := range services {
		m := r.mappings[service]
		delete(r.mappings, service)
		d.mappings = append(d.mappings, m.ID)
		d.changes = append(d.changes, identity.Change{UserID: r.ID, User: r.Key, Service: service, Before: &m.Mapping})
	}
}

// delete carries out a deletion without failures. The changes take revisions too, so
// that all changes of one mapping are in order.
func (s *Store) delete(ctx context.Context, t *tx, actor store.Actor, d deletion) error {
	if len(d.failures) > 0 {
		return &identity.BatchError{Items: d.failures}
	}
	if err := deleteIn(ctx, t, "DELETE FROM mappings WHERE id %s", d.mappings); err != nil {
		return fmt.Errorf("deleting mappings: %w", err)
	}
	if err := deleteIn(ctx, t, "DELETE FROM users WHERE id %s", d.users); err != nil {
		return fmt.Errorf("deleting users: %w", err)
	}
	if len(d.changes) == 0 {
		return nil
	}
	revisions, err := t.dialect.revisions(ctx, t, len(d.changes))
	if err != nil {
		return err
	}
	for i := range d.changes {
		c := &d.changes[i]
		c.ID, c.At, c.By, c.RequestID, c.Address = revisions[i], s.now(), sanitize(actor.Name), sanitize(actor.RequestID), sanitize(actor.Address)
	}
	return t.record(ctx, d.changes)
}
