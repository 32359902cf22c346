// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

const writers = 8

var concurrentTests = []conformanceTest{
	{"Of many if_absent writers one wins", ofManyIfAbsentWritersOneWins},
	{"Of many if_revision writers one wins", ofManyIfRevisionWritersOneWins},
	{"Of many who claim one account one wins", ofManyWhoClaimOneAccountOneWins},
	{"Of many who take one name one wins", ofManyWhoTakeOneNameOneWins},
	{"A person is created once", aPersonIsCreatedOnce},
	{"Revisions are handed out once", revisionsAreHandedOutOnce},
	{"Readers see whole batches", readersSeeWholeBatches},
	{"A cancelled call writes nothing", aCancelledCallWritesNothing},
	{"A store answers", aStoreAnswers},
}

func ofManyIfAbsentWritersOneWins(f *fixture) {
	f.race(identity.CodeIdentityConflict, func(i int) store.UserWrite {
		return write(alice, on(ifAbsent, value(okta, fmt.Sprint(i))))
	})
}

func ofManyIfRevisionWritersOneWins(f *fixture) {
	old := f.put(alice, value(okta, "old"))
	f.race(identity.CodeIdentityConflict, func(i int) store.UserWrite {
		return write(alice, on(identity.Conditions{IfRevision: old.Revision}, value(okta, fmt.Sprint(i))))
	})
}

func ofManyWhoClaimOneAccountOneWins(f *fixture) {
	f.race(identity.CodeIdentityClaimed, func(i int) store.UserWrite {
		return write(identity.UserKey(fmt.Sprintf("user%d@acme.com", i)), on(ifUnclaimed, value(okta, "00u1")))
	})
	equal(f, "holders", 1, len(f.holders(okta, "00u1")))
}

func ofManyWhoTakeOneNameOneWins(f *fixture) {
	var ids []string
	for i := range writers {
		ids = append(ids, f.upsert(write(identity.UserKey(fmt.Sprintf("user%d@acme.com", i))))[0].ID)
	}
	f.race(identity.CodeUserConflict, func(i int) store.UserWrite { return store.UserWrite{ID: ids[i], Key: alice} })
}

func aPersonIsCreatedOnce(f *fixture) {
	ids := make([]string, writers)
	f.together(func(i int) error {
		users, err := f.upsertAmongOthers(write(alice, value(okta, "same")))
		if err == nil {
			ids[i] = users[0].ID
		}
		return err
	})
	for _, id := range ids {
		equal(f, "id", ids[0], id)
	}
	equal(f, "users", 1, len(f.dump().Users))
}

func revisionsAreHandedOutOnce(f *fixture) {
	const rounds = 10
	var mu sync.Mutex
	seen := map[int64]bool{}
	f.together(func(i int) error {
		for round := range rounds {
			key := identity.UserKey(fmt.Sprintf("user%d@acme.com", i))
			users, err := f.upsertAmongOthers(write(key, value(okta, fmt.Sprint(round))))
			if err != nil {
				return err
			}
			mu.Lock()
			seen[users[0].Mappings[0].Revision] = true
			mu.Unlock()
		}
		return nil
	})
	equal(f, "revisions", writers*rounds, len(seen))
}

func readersSeeWholeBatches(f *fixture) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			id := fmt.Sprint(i)
			_, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{write(alice, value(okta, id)), write(bob, value(okta, id))})
			if err != nil {
				f.Errorf("write %d: %v", i, err)
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		users := f.dump().Users
		switch len(users) {
		case 0:
		case 2:
			equal(f, "both halves of a batch", users[0].Mappings[0].Matcher, users[1].Mappings[0].Matcher)
		default:
			f.Errorf("read half a batch: %v", keysOf(users))
		}
	}
}

func aCancelledCallWritesNothing(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	before := f.dump()
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	for name, call := range map[string]func() error{
		"UpsertUsers": func() error {
			_, err := f.store.UpsertUsers(ctx, f.actor, []store.UserWrite{write(bob)})
			return err
		},
		"DeleteMappings": func() error {
			_, err := f.store.DeleteMappings(ctx, f.actor, []store.MappingDelete{{UserID: user.ID, Service: okta, Matcher: user.Mappings[0].Matcher}})
			return err
		},
		"DeleteUsers": func() error {
			_, err := f.store.DeleteUsers(ctx, f.actor, []store.UserDelete{{ID: user.ID}})
			return err
		},
		"SetRole": func() error {
			_, err := f.store.SetRole(ctx, f.actor, user.ID, identity.Admin)
			return err
		},
		"CreateService": func() error {
			_, err := f.store.CreateService(ctx, f.actor, identity.ServiceKey{Type: "okta", ExternalID: "new"}, "")
			return err
		},
		"DeleteService": func() error {
			_, err := f.store.DeleteService(ctx, f.actor, custom, 0)
			return err
		},
		"Users": func() error {
			_, _, err := f.store.Users(ctx, store.UserFilter{})
			return err
		},
		"FindUsers": func() error {
			_, err := f.store.FindUsers(ctx, []identity.UserKey{alice})
			return err
		},
		"Holders": func() error {
			_, err := f.store.Holders(ctx, okta, identity.Named("00u1"))
			return err
		},
		"Ping": func() error { return f.store.Ping(ctx) },
	} {
		err := call()
		if e := identity.AsError(err); err == nil || e.Code != identity.CodeUnavailable || !e.Retryable {
			f.Errorf("%s: got error %v, want a retryable %s", name, err, identity.CodeUnavailable)
		}
	}
	f.same(before, "cancelled calls")
}

func aStoreAnswers(f *fixture) {
	if err := f.store.Ping(f.ctx); err != nil {
		f.Error(err)
	}
}

// together runs fn at once in several goroutines; none may fail.
func (f *fixture) together(fn func(i int) error) {
	f.Helper()
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			if err := fn(i); err != nil {
				f.Errorf("writer %d: %v", i, err)
			}
		})
	}
	group.Wait()
}

// upsertAmongOthers writes once more where the others were faster too often, as
// clients do: nothing was written then.
func (f *fixture) upsertAmongOthers(w store.UserWrite) ([]identity.User, error) {
	for {
		users, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{w})
		if err == nil || !identity.AsError(err).Retryable || f.ctx.Err() != nil {
			return users, err
		}
	}
}

// race lets writers store at once; one must succeed, the others be refused.
func (f *fixture) race(refusal identity.Code, element func(i int) store.UserWrite) {
	f.Helper()
	var mu sync.Mutex
	won := 0
	f.together(func(i int) error {
		_, err := f.upsertAmongOthers(element(i))
		if err != nil && identity.CodeOf(err) == refusal {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		won++
		return err
	})
	equal(f, "winners", 1, won)
}

// Several writers at once do random things to the same few mappings, and
// everything that anybody was told fits one order of events: the one the history
// shows. Writers take turns with two handles on one store, as several replicas
// have them.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		interleave(t, "sqlite:"+filepath.Join(t.TempDir(), "identities.db"))
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		interleave(t, pgtest.URL(t))
	})
}

func interleave(t *testing.T, url string) {
	t.Helper()
	stores := []store.Store{open(t, url), open(t, url)}
	f := newFixture(t, stores[0])
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		r := &race{fixture: f, stores: stores, run: run}
		for w := range rapid.IntRange(2, 4).Draw(t, "writers") {
			var steps []*step
			for i := range rapid.IntRange(1, 5).Draw(t, "steps") {
				steps = append(steps, r.draw(t, fmt.Sprintf("race-%d-%d-%d", run, w, i)))
			}
			r.writers = append(r.writers, steps)
		}
		r.ids = map[identity.UserKey]string{}
		for _, u := range r.users() {
			r.ids[u] = f.upsert(write(u))[0].ID
		}
		r.start()
		r.check(t)
	})
}

// race is one run: users and accounts of its own, and what each writer does.
type race struct {
	*fixture
	stores  []store.Store
	run     int
	writers [][]*step
	ids     map[identity.UserKey]string
	clock   atomic.Int64
}

// step is one call of one writer and what came of it.
type step struct {
	id       string // request id, by which the history knows it
	user     identity.UserKey
	write    *store.MappingWrite  // nil for a deletion
	remove   *store.MappingDelete // nil for a write
	revision bool                 // the condition is the revision read just before

	began, ended int64
	returned     identity.Mapping // of a write
	deleted      bool
	err          error
}

func (r *race) users() []identity.UserKey {
	return []identity.UserKey{
		identity.UserKey(fmt.Sprintf("race%d.a@acme.com", r.run)),
		identity.UserKey(fmt.Sprintf("race%d.b@acme.com", r.run)),
	}
}

func (r *race) draw(t *rapid.T, id string) *step {
	s := &step{id: id, user: rapid.SampledFrom(r.users()).Draw(t, "user"), revision: rapid.Bool().Draw(t, "if_revision")}
	account := fmt.Sprintf("%s.%d", rapid.SampledFrom([]string{"x", "y"}).Draw(t, "value"), r.run)
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		s.remove = &store.MappingDelete{Service: okta, Matcher: identity.NewMatcher(okta.Type, account)}
		return s
	}
	m := from(rapid.SampledFrom(sources).Draw(t, "source"), value(okta, account))
	m.IfAbsent = rapid.Bool().Draw(t, "if_absent")
	m.IfUnclaimed = rapid.Bool().Draw(t, "if_unclaimed")
	s.write = &m
	return s
}

// start lets all writers run, each on its own.
func (r *race) start() {
	var group sync.WaitGroup
	for i, steps := range r.writers {
		group.Go(func() {
			for _, s := range steps {
				r.do(r.stores[i%len(r.stores)], s)
			}
		})
	}
	group.Wait()
}

func (r *race) do(st store.Store, s *step) {
	var revision int64
	if s.revision {
		users, err := st.FindUsers(r.ctx, []identity.UserKey{s.user})
		if s.err = err; err != nil {
			return
		}
		if m, ok := users[0].Mapping(okta); ok {
			revision = m.Revision
		}
	}
	actor := store.Actor{Name: "racer", RequestID: s.id}
	s.began = r.clock.Add(1)
	defer func() { s.ended = r.clock.Add(1) }()
	if s.remove != nil {
		s.remove.UserID, s.remove.IfRevision = r.ids[s.user], revision
		deleted, err := st.DeleteMappings(r.ctx, actor, []store.MappingDelete{*s.remove})
		if s.err = err; err == nil {
			s.deleted = deleted[0]
		}
		return
	}
	s.write.IfRevision = revision
	users, err := st.UpsertUsers(r.ctx, actor, []store.UserWrite{write(s.user, *s.write)})
	if s.err = err; err == nil {
		s.returned, _ = users[0].Mapping(okta)
	}
}

// check holds what the writers were told against the history.
func (r *race) check(t *rapid.T) {
	entries := map[string]identity.Change{}
	states := map[identity.UserKey][]*identity.Mapping{}
	for _, u := range r.users() {
		changes, _, err := r.store.History(r.ctx, store.HistoryFilter{User: u, Service: okta})
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(changes)
		states[u] = r.chain(t, u, changes)
		for _, c := range changes {
			if _, twice := entries[c.RequestID]; twice {
				t.Fatalf("%s changed something twice", c.RequestID)
			}
			entries[c.RequestID] = c
		}
	}
	var done []*step
	for _, steps := range r.writers {
		for _, s := range steps {
			entry, changed := entries[s.id]
			delete(entries, s.id)
			r.told(t, s, entry, changed, states)
			if changed {
				done = append(done, s)
			}
		}
	}
	if len(entries) > 0 {
		t.Fatalf("changes that nobody was told of: %+v", entries)
	}
	r.inOrder(t, done)
	r.oneHolder(t)
}

// chain checks that the changes of one mapping follow from each other and end
// with what is stored. It returns every state the mapping was in.
func (r *race) chain(t *rapid.T, user identity.UserKey, changes []identity.Change) []*identity.Mapping {
	states := []*identity.Mapping{nil}
	var id int64
	for _, c := range changes {
		if d := diff.Diff(states[len(states)-1], c.Before); d != "" {
			t.Fatalf("%s: change %d did not find what the one before left (-left +found):\n%s", user, c.ID, d)
		}
		if c.ID <= id || c.After != nil && c.After.Revision != c.ID {
			t.Fatalf("%s: change %d after %d has the revision of %+v", user, c.ID, id, c.After)
		}
		id, states = c.ID, append(states, c.After)
	}
	users, err := r.store.FindUsers(r.ctx, []identity.UserKey{user})
	if err != nil || len(users) != 1 {
		t.Fatalf("%s: %d users, %v", user, len(users), err)
	}
	var now *identity.Mapping
	if m, ok := users[0].Mapping(okta); ok {
		now = &m
	}
	if d := diff.Diff(states[len(states)-1], now); d != "" {
		t.Fatalf("%s: what is stored is not what the last change left (-left +stored):\n%s", user, d)
	}
	return states
}

// told checks one answer. changed says that the history has an entry for it.
func (r *race) told(t *rapid.T, s *step, entry identity.Change, changed bool, states map[identity.UserKey][]*identity.Mapping) {
	wrong := func(what string) {
		t.Helper()
		t.Fatalf("%s: write %+v, delete %+v was told %+v, %v, %v; the history has %+v", what, s.write, s.remove, s.returned, s.deleted, s.err, entry)
	}
	var e *identity.Error
	switch {
	case s.err != nil && changed:
		wrong("a refused call changed something")
	case errors.As(s.err, &e) && e.Code == identity.CodeIdentityConflict:
		if !slices.ContainsFunc(states[s.user], func(m *identity.Mapping) bool { return diff.Equal(m, e.Stored) }) {
			wrong("a conflict with what never was stored")
		}
		return
	case errors.As(s.err, &e) && e.Code == identity.CodeIdentityClaimed:
		if e.Holder == s.user || !slices.ContainsFunc(states[e.Holder], func(m *identity.Mapping) bool {
			return m != nil && m.Matcher.Equal(okta.Type, s.write.Matcher)
		}) {
			wrong("the holder never held it")
		}
		return
	case s.err != nil:
		wrong("failed")
	case s.remove != nil:
		if s.deleted != changed || changed && (entry.After != nil || !entry.Before.Matcher.Equal(okta.Type, s.remove.Matcher) ||
			s.remove.IfRevision != 0 && s.remove.IfRevision != entry.Before.Revision) {
			wrong("the deletion")
		}
		return
	}
	w := s.write
	automatic := w.Source.OrManual() != identity.Manual
	if !changed {
		if w.Source == identity.Manual || !s.returned.Matcher.Equal(okta.Type, w.Matcher) ||
			!slices.ContainsFunc(states[s.user], func(m *identity.Mapping) bool { return diff.Equal(m, &s.returned) }) {
			wrong("a repetition")
		}
		return
	}
	repeated := entry.Before != nil && entry.Before.Matcher.Equal(okta.Type, w.Matcher)
	if d := diff.Diff(&s.returned, entry.After); d != "" || !entry.After.Matcher.Equal(okta.Type, w.Matcher) {
		wrong("the value")
	}
	if !repeated && (entry.Before != nil && (w.IfAbsent || automatic) ||
		w.IfRevision != 0 && (entry.Before == nil || entry.Before.Revision != w.IfRevision)) || repeated && automatic {
		wrong("the condition did not hold")
	}
}

// inOrder checks that a change made before another began has the lower number.
func (r *race) inOrder(t *rapid.T, done []*step) {
	order := map[string]int64{}
	for _, u := range r.users() {
		changes, _, err := r.store.History(r.ctx, store.HistoryFilter{User: u})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			order[c.RequestID] = c.ID
		}
	}
	for _, a := range done {
		for _, b := range done {
			if a.user == b.user && a.ended < b.began && order[a.id] > order[b.id] {
				t.Fatalf("%s was done before %s began, but comes after it", a.id, b.id)
			}
		}
	}
}

// oneHolder checks that two users who hold one account were not both told that
// nobody else did.
func (r *race) oneHolder(t *rapid.T) {
	steps := map[string]*step{}
	for _, all := range r.writers {
		for _, s := range all {
			steps[s.id] = s
		}
	}
	claimed := map[string]identity.UserKey{}
	for _, u := range r.users() {
		changes, _, err := r.store.History(r.ctx, store.HistoryFilter{User: u, Service: okta})
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) == 0 || changes[0].After == nil {
			continue
		}
		account := changes[0].After.Matcher
		took := slices.IndexFunc(changes, func(c identity.Change) bool {
			return c.Before == nil || !c.Before.Matcher.Equal(okta.Type, account)
		})
		if !steps[changes[took].RequestID].write.IfUnclaimed {
			continue
		}
		if other, twice := claimed[account.AccountKey(okta.Type)]; twice {
			t.Fatalf("%s and %s both claimed %s", u, other, account)
		}
		claimed[account.AccountKey(okta.Type)] = u
	}
}
