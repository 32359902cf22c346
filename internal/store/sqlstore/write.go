// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
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
	u := newUpsert(actor, writes, s.now())
	var users []identity.User
	err := s.write(ctx, func(t *tx) error {
		p, failures, err := u.solve(ctx, t)
		if err != nil {
			return err
		}
		if len(failures) > 0 {
			return &identity.BatchError{Items: failures}
		}
		if err := p.save(ctx, t); err != nil {
			return err
		}
		users = make([]identity.User, len(writes))
		for i, id := range p.target {
			users[i] = p.users[id].user()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return users, nil
}

// upsert is a batch of writes with what is wrong with them whatever the store
// holds.
type upsert struct {
	actor  store.Actor
	writes []store.UserWrite
	checks []checked
	now    time.Time
}

func newUpsert(actor store.Actor, writes []store.UserWrite, now time.Time) *upsert {
	u := &upsert{actor: actor, writes: writes, checks: make([]checked, len(writes)), now: now}
	for i, w := range writes {
		u.checks[i] = check(w)
	}
	return u
}

// solve works out what the batch does to the store of a transaction, or who
// stands in its way.
func (u *upsert) solve(ctx context.Context, t *tx) (*plan, []identity.ItemError, error) {
	b, err := load(ctx, t, u.writes, u.checks)
	if err != nil {
		return nil, nil, err
	}
	if b.done, err = done(ctx, t, u.actor, b, u.writes, u.checks); err != nil {
		return nil, nil, err
	}
	p := &plan{before: b, writes: u.writes, checked: u.checks, actor: plain(u.actor.Name), requestID: plain(u.actor.RequestID), now: u.now}
	return p, p.solve(), nil
}

// load reads the users, services and holders that writes are about.
func load(ctx context.Context, t *tx, writes []store.UserWrite, checks []checked) (*before, error) {
	var ids []string
	var keys []identity.UserKey
	var services []identity.ServiceKey
	claims := map[identity.ServiceKey][]string{}
	for i, w := range writes {
		if checks[i].user == nil {
			ids, keys = append(ids, w.ID), append(keys, w.Key)
		}
		for j, m := range w.Mappings {
			services = append(services, m.Service)
			if m.IfUnclaimed && checks[i].mappings[j] == nil {
				claims[m.Service] = append(claims[m.Service], m.Matcher.AccountKey(m.Service.Type))
			}
		}
	}
	b := &before{users: map[string]*record{}, keys: map[identity.UserKey]string{}, holders: map[account][]holder{}}
	byID, err := usersBy(ctx, t, "id", unique(ids, validID))
	if err != nil {
		return nil, err
	}
	byKey, err := usersBy(ctx, t, "user_key", unique(keys, storable))
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Concat(byID, byKey) {
		b.users[r.ID], b.keys[r.Key] = r, r.ID
	}
	if b.services, err = registered(ctx, t, services); err != nil {
		return nil, err
	}
	for service, wanted := range claims {
		id, known := b.services[service]
		if !known {
			continue
		}
		err := eachHolder(ctx, t, service, id, wanted, func(userID string, key identity.UserKey, claim string) {
			a := account{service, claim}
			b.holders[a] = append(b.holders[a], holder{userID, key})
		})
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// registered finds the ids of those services that are registered.
func registered(ctx context.Context, t *tx, services []identity.ServiceKey) (map[identity.ServiceKey]string, error) {
	var keys []string
	seen := make(map[identity.ServiceKey]bool)
	for _, k := range services {
		if !seen[k] && k.Validate() == nil {
			keys = append(keys, k.String())
		}
		seen[k] = true
	}
	found := make(map[identity.ServiceKey]string, len(keys))
	err := selectIn(ctx, t, "SELECT id, service_key FROM services WHERE service_key %s", nil, keys, func(rows *sql.Rows) error {
		var id, key string
		if err := rows.Scan(&id, &key); err != nil {
			return err
		}
		k, err := cutKey(key)
		found[k] = id
		return err
	})
	return found, err
}

// save writes what the plan changed.
func (p *plan) save(ctx context.Context, t *tx) error {
	at, requestID := micros(p.now), p.requestID
	var renamed, changed, owners []*record
	var created, mappings [][]any
	var dirty []*mapping
	for _, id := range slices.Sorted(maps.Keys(p.users)) {
		r := p.users[id]
		switch {
		case r.created:
			created = append(created, []any{r.ID, string(r.Key), string(r.Type), string(r.Role), r.Name, r.FirstName, r.LastName, at, at, p.actor, requestID})
		case r.changed:
			changed = append(changed, r)
			if p.before.users[id].Key != r.Key {
				renamed = append(renamed, r)
			}
		}
		for _, service := range slices.SortedFunc(maps.Keys(r.mappings), compareServices) {
			m := r.mappings[service]
			if !m.dirty {
				continue
			}
			dirty, owners = append(dirty, m), append(owners, r)
			mappings = append(mappings, []any{m.id, r.ID, p.before.services[service], object(m.Matcher),
				claimColumn(m.AccountKey()), object(m.Profile), string(m.Source), m.Rule, nil,
				micros(m.CreatedAt), micros(m.UpdatedAt), p.actor, requestID})
		}
	}
	// Users who pass on a name first leave theirs: a space is in no key.
	for _, r := range renamed {
		if err := t.exec(ctx, "UPDATE users SET user_key = ? WHERE id = ?", " "+r.ID, r.ID); err != nil {
			return fmt.Errorf("renaming users: %w", err)
		}
	}
	if err := updateUsers(ctx, t, changed, at, p.actor, requestID); err != nil {
		return fmt.Errorf("changing users: %w", err)
	}
	if err := insertRows(ctx, t, insertUser, "", created); err != nil {
		return fmt.Errorf("creating users: %w", err)
	}
	if len(dirty) == 0 {
		return nil
	}
	revisions, err := t.dialect.revisions(ctx, t, len(dirty))
	if err != nil {
		return err
	}
	for i, m := range dirty {
		m.Revision = revisions[i]
		mappings[i][8] = m.Revision
	}
	if err := insertRows(ctx, t, insertMapping, replaceMapping, mappings); err != nil {
		return fmt.Errorf("storing mappings: %w", err)
	}
	changes := make([]identity.Change, len(dirty))
	for i, m := range dirty {
		r := owners[i]
		changes[i] = identity.Change{ID: m.Revision, At: p.now, By: p.actor, RequestID: requestID,
			UserID: r.ID, User: r.Key, Service: m.Service, After: &m.Mapping}
		if old, known := p.before.users[r.ID]; known && old.mappings[m.Service] != nil {
			changes[i].Before = &old.mappings[m.Service].Mapping
		}
	}
	return t.record(ctx, changes)
}

const (
	insertUser = `INSERT INTO users (id, user_key, type, role, name, first_name, last_name, created_at, updated_at, updated_by, request_id)`

	insertMapping = `INSERT INTO mappings (id, user_id, service_id, matcher, claim, profile, source, rule, revision,
		created_at, updated_at, updated_by, request_id)`
	replaceMapping = `ON CONFLICT (id) DO UPDATE SET matcher = excluded.matcher, claim = excluded.claim,
		profile = excluded.profile, source = excluded.source, rule = excluded.rule, revision = excluded.revision,
		updated_at = excluded.updated_at, updated_by = excluded.updated_by, request_id = excluded.request_id`
)

func updateUsers(ctx context.Context, t *tx, users []*record, at int64, actor, requestID string) error {
	if len(users) == 0 {
		return nil
	}
	update, err := t.PrepareContext(ctx, t.dialect.rebind(`UPDATE users SET user_key = ?, name = ?, first_name = ?, last_name = ?,
		updated_at = ?, updated_by = ?, request_id = ? WHERE id = ?`))
	if err != nil {
		return err
	}
	defer update.Close() // it ends with the transaction at the latest
	for _, r := range users {
		if _, err := update.ExecContext(ctx, string(r.Key), r.Name, r.FirstName, r.LastName, at, actor, requestID, r.ID); err != nil {
			return err
		}
	}
	return nil
}

func compareServices(a, b identity.ServiceKey) int { return strings.Compare(a.String(), b.String()) }

// ownSpelling is how the user's name is shown.
func ownSpelling(w store.UserWrite) string {
	if name := strings.TrimSpace(w.Name); name != "" {
		return name
	}
	return string(w.Key)
}

// before is what a batch found stored. Nothing in it is changed.
type before struct {
	users    map[string]*record // by id
	keys     map[identity.UserKey]string
	services map[identity.ServiceKey]string // registered ones, to their ids
	holders  map[account][]holder           // of accounts that the batch claims
	done     map[changed]bool               // by the same request, and removed since
}

// account is one account of one service, in the form in which accounts compare.
type account struct {
	service identity.ServiceKey
	claim   string
}

type holder struct {
	userID string
	key    identity.UserKey
}

// plan works out in memory what a batch does. Elements are applied in order;
// one that fails is applied not at all. Conditions on a mapping hold at the
// element's turn, but claims are compared with the outcome of the whole batch,
// so that two users may swap accounts in it.
type plan struct {
	before    *before
	writes    []store.UserWrite
	checked   []checked
	actor     string
	requestID string
	now       time.Time

	users  map[string]*record          // touched ones, as they are so far
	keys   map[identity.UserKey]string // changed ones; "" = free now
	target []string                    // user id per element, "" = failed
	failed map[int][]*identity.Error
	claims []claim
	held   map[account][]*record // touched users who hold claimed accounts
}

// claim asks that, in the end, nobody but the user holds the account.
type claim struct {
	element int
	userID  string
	account account
	matcher identity.Matcher
}

// solve applies all elements. Elements whose claims fail are left out and the
// rest is tried again, because what they would have set free stays taken.
func (p *plan) solve() []identity.ItemError {
	claimed := map[int][]*identity.Error{}
	for {
		p.apply(claimed)
		grown := false
		for _, c := range p.claims {
			if by, taken := p.holderOf(c, claimed); taken {
				err := identity.Claimed(p.users[c.userID].Key, c.account.service, c.matcher, by)
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

func (p *plan) apply(leaveOut map[int][]*identity.Error) {
	p.users, p.keys = map[string]*record{}, map[identity.UserKey]string{}
	p.target, p.failed, p.claims = make([]string, len(p.writes)), map[int][]*identity.Error{}, nil
	for i, w := range p.writes {
		if _, out := leaveOut[i]; out {
			continue
		}
		if errs := p.element(i, w); len(errs) > 0 {
			p.failed[i] = errs
		}
	}
	p.indexHolders()
}

func (p *plan) indexHolders() {
	p.held = make(map[account][]*record, len(p.claims))
	for _, c := range p.claims {
		p.held[c.account] = nil
	}
	for _, r := range p.users {
		for service, m := range r.mappings {
			a := account{service, m.AccountKey()}
			if _, claimed := p.held[a]; claimed {
				p.held[a] = append(p.held[a], r)
			}
		}
	}
}

// element applies one write and names all that is wrong with it.
func (p *plan) element(i int, w store.UserWrite) (errs []*identity.Error) {
	r, err := p.user(i, w)
	if err != nil {
		errs = append(errs, err)
	}
	var claims []claim
	for j, m := range w.Mappings {
		if err := p.checked[i].mappings[j]; err != nil {
			errs = append(errs, err)
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
		claimed, err := p.mapping(i, r, m)
		if err != nil {
			errs = append(errs, err)
		} else if claimed {
			claims = append(claims, claim{i, r.ID, account{m.Service, m.Matcher.AccountKey(m.Service.Type)}, m.Matcher})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	if old, known := p.find(r.ID); known && old.Key != r.Key {
		p.keys[old.Key] = ""
	}
	p.users[r.ID], p.keys[r.Key], p.target[i] = r, r.ID, r.ID
	p.claims = append(p.claims, claims...)
	return nil
}

// find is a user as the batch has left it so far.
func (p *plan) find(id string) (*record, bool) {
	if r, touched := p.users[id]; touched {
		return r, true
	}
	r, known := p.before.users[id]
	return r, known
}

func (p *plan) findKey(key identity.UserKey) (*record, bool) {
	id, moved := p.keys[key]
	if !moved {
		id = p.before.keys[key]
	}
	if key == "" || id == "" {
		return nil, false
	}
	return p.find(id)
}

// user is the element's user, copied, renamed or created as the write says.
func (p *plan) user(i int, w store.UserWrite) (*record, *identity.Error) {
	if err := p.checked[i].user; err != nil {
		return nil, err
	}
	byKey, keyKnown := p.findKey(w.Key)
	r, known := p.find(w.ID)
	switch {
	case known && w.Key != "" && w.Key != r.Key:
		if keyKnown {
			return nil, &identity.Error{Code: identity.CodeUserConflict, User: w.Key,
				Message: string(r.Key) + " cannot be renamed to " + string(w.Key) + ": another user has that name"}
		}
		r = r.clone()
		r.Key, r.Name, r.changed = w.Key, ownSpelling(w), true
	case known:
		r = r.clone()
	case keyKnown:
		r = byKey.clone()
	case w.Key == "":
		return nil, unknownID(w.ID)
	case !w.Key.IsEmail() && w.Type != identity.Bot:
		return nil, identity.UnknownUser(w.Key)
	default:
		r = p.newUser(w)
	}
	if w.Type != "" && w.Type != r.Type || r.Key.Type() != r.Type {
		return nil, &identity.Error{Code: identity.CodeUserInvalid, User: r.Key,
			Message: "the type of " + string(r.Key) + " is " + string(r.Type) + " and cannot be changed"}
	}
	setText(r, &r.FirstName, w.FirstName)
	setText(r, &r.LastName, w.LastName)
	return r, nil
}

func setText(r *record, field *string, text *string) {
	if text != nil && *text != *field {
		*field, r.changed = *text, true
	}
}

func (p *plan) newUser(w store.UserWrite) *record {
	return &record{created: true, mappings: map[identity.ServiceKey]*mapping{}, User: identity.User{
		ID: newID(), Key: w.Key, Type: w.Key.Type(), Role: identity.Member, Name: ownSpelling(w), CreatedAt: p.now}}
}

// holderOf is who else, in the end, holds the account of a claim. Of two
// elements that take one account the later one is at fault.
func (p *plan) holderOf(c claim, leftOut map[int][]*identity.Error) (identity.UserKey, bool) {
	own := p.users[c.userID].mappings[c.account.service]
	if own == nil || own.writer != c.element || own.AccountKey() != c.account.claim {
		return "", false // a later element gave the user another value
	}
	var taken []identity.UserKey
	for _, h := range p.before.holders[c.account] {
		if _, touched := p.users[h.userID]; !touched && h.userID != c.userID {
			taken = append(taken, h.key)
		}
	}
	for _, r := range p.held[c.account] {
		m := r.mappings[c.account.service]
		_, out := leftOut[m.writer]
		if r.ID != c.userID && m.writer < c.element && !out {
			taken = append(taken, r.Key)
		}
	}
	if len(taken) == 0 {
		return "", false
	}
	return slices.MinFunc(taken, cmp.Compare[identity.UserKey]), true
}

// mapping applies one mapping of element i to r. claimed says that the user
// now holds an account on the condition that nobody else does.
//
// The order of the questions is the contract: an equal value satisfies every
// condition, stored wins against automatic sources, and only then the
// conditions are asked.
func (p *plan) mapping(i int, r *record, w store.MappingWrite) (claimed bool, err *identity.Error) {
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
	undone := old == nil && w.IfAbsent && p.before.done[changed{r.Key, w.Service}]
	if undone || old != nil && (automatic || w.IfAbsent) || w.IfRevision != 0 && (old == nil || old.Revision != w.IfRevision) {
		return false, identity.Conflict(r.Key, w.Service, found)
	}
	m := &mapping{dirty: true, writer: i, id: newID(), Mapping: identity.Mapping{
		Service: w.Service, Profile: map[string]string{}, CreatedAt: p.now}}
	if old != nil {
		m.id, m.Profile, m.CreatedAt, m.UpdatedAt = old.id, old.Profile, old.CreatedAt, old.UpdatedAt
	}
	p.set(m, w)
	r.mappings[w.Service] = m
	return w.IfUnclaimed, nil
}

// repeat writes a value over an equal one. Automatic sources never touch what
// is stored. A write that names no source changes at most the profile. A
// manual one is an assertion: it makes the mapping manual, in the writer's
// spelling, and gives it a new revision, so that whoever knows only the old
// revision no longer owns it.
func (p *plan) repeat(r *record, old *mapping, w store.MappingWrite) {
	sameProfile := w.Profile == nil || maps.Equal(w.Profile, old.Profile)
	if w.Source.OrManual() != identity.Manual || sameProfile && (w.Source == "" || p.again(old)) {
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
func (p *plan) set(m *mapping, w store.MappingWrite) {
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

// A request comes twice when its reply was lost and the client sends it again,
// or when something between repeats it, also long after. What such a request
// has done is known by its id, which the client keeps, and by who sent it.

// again reports whether the request is the one that gave old its value. Nothing
// is to be done then, not even an assertion: it was made.
func (p *plan) again(old *mapping) bool {
	return p.requestID != "" && old.requestID == p.requestID && old.UpdatedBy == p.actor
}

// changed is a mapping by the user's name of the time.
type changed struct {
	user    identity.UserKey
	service identity.ServiceKey
}

// done finds which of the mappings that are to be stored where nothing is were
// changed by the same request before. They have been removed since: a late
// repetition must not bring them back.
func done(ctx context.Context, t *tx, actor store.Actor, b *before, writes []store.UserWrite, checks []checked) (map[changed]bool, error) {
	requestID := plain(actor.RequestID)
	var keys []identity.UserKey
	for i, w := range writes {
		if checks[i].user != nil {
			continue
		}
		key := w.Key
		r, known := b.users[w.ID]
		if !known {
			r, known = b.users[b.keys[w.Key]]
		}
		if known {
			key = r.Key
		}
		for _, m := range w.Mappings {
			if m.IfAbsent && requestID != "" && (!known || r.mappings[m.Service] == nil) {
				keys = append(keys, key)
			}
		}
	}
	found := map[changed]bool{}
	const query = "SELECT user_key, service_key FROM history WHERE request_id = ? AND changed_by = ? AND user_key %s"
	err := selectIn(ctx, t, query, []any{requestID, plain(actor.Name)}, unique(keys, storable), func(rows *sql.Rows) error {
		var c changed
		var service string
		err := rows.Scan(&c.user, &service)
		if err == nil {
			c.service, err = cutKey(service)
		}
		found[c] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for the request in the history: %w", err)
	}
	return found, nil
}

// DeleteMappings removes mappings that still are what the caller believes.
func (s *Store) DeleteMappings(ctx context.Context, actor store.Actor, deletes []store.MappingDelete) ([]bool, error) {
	ids := make([]string, len(deletes))
	for i, d := range deletes {
		ids[i] = d.UserID
	}
	return s.delete(ctx, actor, ids, func(i int, users map[string]*record) (gone []*mapping, fail *identity.Error) {
		d := deletes[i]
		r := users[d.UserID]
		if err := d.Service.CheckDeclarable(); err != nil {
			managed := *identity.AsError(err)
			managed.Service = d.Service
			if r != nil {
				managed.User = r.Key
			}
			return nil, &managed
		}
		if r == nil || r.mappings[d.Service] == nil {
			return nil, nil
		}
		m := r.mappings[d.Service]
		if !m.Matcher.Equal(d.Service.Type, d.Matcher) || d.IfRevision != 0 && d.IfRevision != m.Revision {
			return nil, identity.Conflict(r.Key, d.Service, &m.Mapping)
		}
		delete(r.mappings, d.Service)
		return []*mapping{m}, nil
	}, nil)
}

// DeleteUsers removes users together with their mappings.
func (s *Store) DeleteUsers(ctx context.Context, actor store.Actor, deletes []store.UserDelete) ([]bool, error) {
	ids := make([]string, len(deletes))
	for i, d := range deletes {
		ids[i] = d.ID
	}
	removeUsers := func(ctx context.Context, t *tx, ids []string) error {
		return deleteIn(ctx, t, "DELETE FROM users WHERE id %s", ids)
	}
	return s.delete(ctx, actor, ids, func(i int, users map[string]*record) (gone []*mapping, fail *identity.Error) {
		d := deletes[i]
		r := users[d.ID]
		if r == nil {
			return nil, nil
		}
		if d.Key != "" && d.Key != r.Key {
			return nil, &identity.Error{Code: identity.CodeUserConflict, User: r.Key,
				Message: fmt.Sprintf("the user to delete is %s, not %s", r.Key, brief(string(d.Key))),
				Hint:    "It was renamed; read it again."}
		}
		delete(users, d.ID)
		return slices.AppendSeq([]*mapping{}, maps.Values(r.mappings)), nil
	}, removeUsers)
}

// delete decides element by element on the users with these ids what goes:
// nil where there is nothing, else the mappings. users, when not nil, then
// removes the users of the elements for which something went.
func (s *Store) delete(ctx context.Context, actor store.Actor, userIDs []string,
	decide func(i int, users map[string]*record) (gone []*mapping, fail *identity.Error),
	users func(ctx context.Context, t *tx, ids []string) error,
) ([]bool, error) {
	var deleted []bool
	err := s.write(ctx, func(t *tx) error {
		deleted = make([]bool, len(userIDs))
		records, err := usersBy(ctx, t, "id", unique(userIDs, validID))
		if err != nil {
			return err
		}
		known := make(map[string]*record, len(records))
		names := make(map[string]identity.UserKey, len(records))
		for _, r := range records {
			known[r.ID], names[r.ID] = r, r.Key
		}
		var owners []string
		var changes []identity.Change
		var mappings []string
		var failures []identity.ItemError
		for i, userID := range userIDs {
			gone, fail := decide(i, known)
			if fail != nil {
				failures = append(failures, identity.ItemError{Index: i, Err: fail})
			}
			if deleted[i] = gone != nil; deleted[i] {
				owners = append(owners, userID)
			}
			slices.SortFunc(gone, func(a, b *mapping) int { return compareServices(a.Service, b.Service) })
			for _, m := range gone {
				mappings = append(mappings, m.id)
				changes = append(changes, identity.Change{UserID: userID, User: names[userID], Service: m.Service, Before: &m.Mapping})
			}
		}
		if len(failures) > 0 {
			return &identity.BatchError{Items: failures}
		}
		if err := deleteIn(ctx, t, "DELETE FROM mappings WHERE id %s", mappings); err != nil {
			return fmt.Errorf("deleting mappings: %w", err)
		}
		if users != nil {
			if err := users(ctx, t, owners); err != nil {
				return fmt.Errorf("deleting users: %w", err)
			}
		}
		return s.recordDeletes(ctx, t, actor, changes)
	})
	if err != nil {
		return nil, err
	}
	return deleted, nil
}

// recordDeletes adds deletions to the history. They take revisions too, so that
// all changes of one mapping are in order.
func (s *Store) recordDeletes(ctx context.Context, t *tx, actor store.Actor, changes []identity.Change) error {
	if len(changes) == 0 {
		return nil
	}
	revisions, err := t.dialect.revisions(ctx, t, len(changes))
	if err != nil {
		return err
	}
	for i := range changes {
		c := &changes[i]
		c.ID, c.At, c.By, c.RequestID = revisions[i], s.now(), plain(actor.Name), plain(actor.RequestID)
	}
	return t.record(ctx, changes)
}

// maxFailures is how many failures an UpsertAll keeps.
const maxFailures = 1000

// UpsertAll is UpsertUsers for more writes than fit into memory: one
// transaction, of which it holds a page at a time. No two writes may be about
// one user, and none may ask for if_unclaimed, which is a question to a whole
// batch. writes gives all of them from the first on, and is asked again where
// the transaction is run again; an error that it yields ends the call and is
// returned as it is. Every write is checked: failed tells how many failures
// there are, of which the *identity.BatchError names the first 1,000.
func (s *Store) UpsertAll(ctx context.Context, actor store.Actor, writes iter.Seq2[store.UserWrite, error]) (failed int, err error) {
	var source *sourceError
	err = s.write(ctx, func(t *tx) error {
		failed = 0
		all := &upsertAll{Store: s, tx: t, actor: actor}
		for w, err := range writes {
			if err != nil {
				return &sourceError{err}
			}
			if err := all.add(ctx, w); err != nil {
				return err
			}
		}
		if err := all.flush(ctx); err != nil {
			return err
		}
		if failed = all.failed; failed > 0 {
			return &identity.BatchError{Items: all.failures}
		}
		return nil
	})
	if errors.As(err, &source) {
		return 0, source.err
	}
	return failed, err
}

// upsertAll is one run of the transaction.
type upsertAll struct {
	*Store
	*tx
	actor    store.Actor
	page     []store.UserWrite
	before   int // writes of earlier pages
	failures []identity.ItemError
	failed   int
}

func (a *upsertAll) add(ctx context.Context, w store.UserWrite) error {
	a.page = append(a.page, w)
	if len(a.page) < chunkSize {
		return nil
	}
	return a.flush(ctx)
}

// flush writes a page. Once somebody stands in the way, the others are only
// looked at.
func (a *upsertAll) flush(ctx context.Context) error {
	p, failures, err := newUpsert(a.actor, a.page, a.now()).solve(ctx, a.tx)
	if err != nil {
		return err
	}
	for _, c := range failures {
		if len(a.failures) < maxFailures {
			c.Index += a.before
			a.failures = append(a.failures, c)
		}
	}
	if a.failed += len(failures); a.failed == 0 {
		err = p.save(ctx, a.tx)
	}
	a.before += len(a.page)
	a.page = a.page[:0]
	return err
}
