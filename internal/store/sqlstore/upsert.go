// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
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
