// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"errors"
	"slices"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

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
