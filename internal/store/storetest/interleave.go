// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Interleavings lets several writers at once do random things to the same few
// mappings, and checks that everything anybody was told fits one order of
// events: the one the history shows. stores are handles on one store, as
// several replicas have them; writers take turns with them.
func Interleavings(t *testing.T, stores ...store.Store) {
	t.Helper()
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
