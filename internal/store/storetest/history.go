// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var historyTests = map[string]func(f *fixture){
	"A new store has no history": func(f *fixture) {
		changes, next, err := f.store.History(f.ctx, store.HistoryFilter{})
		if err != nil || changes == nil || len(changes) != 0 || next != "" {
			f.Errorf("got %v, %q, %v", changes, next, err)
		}
	},
	"Every change is recorded with before and after": func(f *fixture) {
		f.actor = store.Actor{Name: "alice's laptop", RequestID: "req-1"}
		created := f.put(alice, from(identity.FromEmail, value(okta, "00u1")))
		f.actor = store.Actor{Name: "ci", RequestID: "req-2"}
		overwritten := f.put(alice, value(okta, "00u2"))
		w := from(identity.Manual, value(okta, "00u2"))
		w.Profile = map[string]string{"team": "core"}
		asserted := f.put(alice, w)
		user, _ := f.user(alice)
		f.remove(store.MappingDelete{UserID: user.ID, Service: okta, Matcher: asserted.Matcher, IfRevision: asserted.Revision})

		got := f.history(store.HistoryFilter{})
		f.chained(got)
		want := []identity.Change{
			{By: "ci", RequestID: "req-2", Before: &asserted},
			{By: "ci", RequestID: "req-2", Before: &overwritten, After: &asserted},
			{By: "ci", RequestID: "req-2", Before: &created, After: &overwritten},
			{By: "alice's laptop", RequestID: "req-1", After: &created},
		}
		for i := range want {
			want[i].User, want[i].UserID, want[i].Service = alice, user.ID, okta
			if i < len(got) {
				want[i].ID, want[i].At = got[i].ID, got[i].At
			}
		}
		equal(f, "history", want, got)
	},
	"What changes nothing is not recorded": func(f *fixture) {
		old := f.put(alice, value(okta, "00u1"))
		before := f.history(store.HistoryFilter{})
		f.put(alice, value(okta, "00u1"))
		f.put(alice, from(identity.FromRule, value(okta, "00u1")))
		f.upsert(write(bob))
		f.refuse([]failure{{Index: 1, Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
			write(carol, value(okta, "00u3")), write(alice, on(ifAbsent, value(okta, "00u2"))))
		f.remove(store.MappingDelete{UserID: nobodysID, Service: okta, Matcher: old.Matcher})
		equal(f, "history", before, f.history(store.HistoryFilter{}))
	},
	"A batch records what came of it": func(f *fixture) {
		f.upsert(write(alice, value(okta, "00u1"), value(custom, "a")), write(bob, value(okta, "00u2")), write(alice, value(okta, "00u3")))
		got := f.history(store.HistoryFilter{})
		f.chained(got)
		values := map[string]string{}
		for _, c := range got {
			values[string(c.User)+" "+c.Service.Type] = c.After.Matcher["user_id"]
		}
		equal(f, "changes", map[string]string{"alice@acme.com okta": "00u3", "alice@acme.com custom": "a", "bob@acme.com okta": "00u2"}, values)
		equal(f, "entries", 3, len(got))
	},
	"History outlives user and service": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1"), value(github, "alice")))[0]
		if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: user.ID}}); err != nil {
			f.Fatal(err)
		}
		if _, err := f.store.DeleteService(f.ctx, f.actor, github); err != nil {
			f.Fatal(err)
		}
		got := f.history(store.HistoryFilter{User: alice})
		f.chained(got)
		equal(f, "entries", 4, len(got))
		for i, c := range got {
			equal(f, fmt.Sprintf("entry %d is a deletion", i), i < 2, c.After == nil)
			equal(f, "user id", user.ID, c.UserID)
		}
		again := f.put(alice, value(okta, "00u1"))
		latest := f.history(store.HistoryFilter{User: alice, Service: okta})
		f.chained(latest)
		equal(f, "the latest", &again, latest[0].After)
	},
	"Filters select changes": func(f *fixture) {
		users := f.upsert(write(alice, value(okta, "00u1"), value(github, "alice")), write(bob, value(okta, "00u2")))
		f.upsert(store.UserWrite{ID: users[0].ID, Key: "alice.smith@acme.com", Mappings: []store.MappingWrite{value(okta, "00u3")}})
		for _, c := range []struct {
			filter store.HistoryFilter
			want   int
		}{
			{store.HistoryFilter{}, 4},
			{store.HistoryFilter{User: bob}, 1},
			{store.HistoryFilter{User: alice}, 2},
			{store.HistoryFilter{User: "alice.smith@acme.com"}, 3},
			{store.HistoryFilter{Service: okta}, 3},
			{store.HistoryFilter{Service: okta, User: "alice.smith@acme.com"}, 2},
			{store.HistoryFilter{Service: custom}, 0},
			{store.HistoryFilter{User: "nobody@acme.com"}, 0},
			{store.HistoryFilter{User: "Alice@acme.com"}, 0},
			{store.HistoryFilter{User: "\x00"}, 0},
			{store.HistoryFilter{Service: identity.ServiceKey{Type: "okta", ExternalID: "\xff"}}, 0},
		} {
			equal(f, fmt.Sprintf("entries for %+v", c.filter), c.want, len(f.history(c.filter)))
		}
	},
	"Pages of the history hold every change once": func(f *fixture) {
		for i := range 7 {
			f.put(alice, value(okta, fmt.Sprint(i)))
		}
		all := f.history(store.HistoryFilter{})
		for size := 1; size <= 8; size++ {
			var got []identity.Change
			filter := store.HistoryFilter{User: alice, Limit: size}
			for {
				page, next, err := f.store.History(f.ctx, filter)
				if err != nil || len(page) > size {
					f.Fatalf("page of %d: %d entries, %v", size, len(page), err)
				}
				got = append(got, page...)
				if filter.Cursor = next; next == "" {
					break
				}
				if size == 3 && len(got) == 3 { // what comes later is not in the pages to come
					f.put(bob, value(okta, "later"))
				}
			}
			equal(f, fmt.Sprintf("pages of %d", size), all, got)
		}
		for _, c := range []string{"x", "AAAA", "%", "MA", "LTE"} {
			_, _, err := f.store.History(f.ctx, store.HistoryFilter{Cursor: c})
			f.code(err, identity.CodeInvalid)
		}
		_, _, err := f.store.History(f.ctx, store.HistoryFilter{Limit: -1})
		f.code(err, identity.CodeInvalid)
	},
	"Old entries are pruned a few at a time": func(f *fixture) {
		for i := range 5 {
			f.put(alice, value(okta, fmt.Sprint(i)))
		}
		all := f.history(store.HistoryFilter{})
		prune := func(before time.Time, most, want int) {
			f.Helper()
			removed, err := f.store.PruneHistory(f.ctx, before, most)
			if err != nil || removed != want {
				f.Fatalf("pruned %d, want %d (%v)", removed, want, err)
			}
		}
		prune(all[4].At, 100, 0)
		prune(all[0].At.Add(time.Second), 2, 2)
		equal(f, "left", all[:3], f.history(store.HistoryFilter{}))
		prune(all[0].At.Add(time.Second), 0, 0)
		prune(all[0].At.Add(time.Second), 100, 3)
		m, ok := f.stored(alice, okta)
		equal(f, "stored", true, ok && m.Matcher["user_id"] == "4")
	},
}

// history is every entry that a filter selects, the latest first.
func (f *fixture) history(filter store.HistoryFilter) []identity.Change {
	f.Helper()
	changes, next, err := f.store.History(f.ctx, filter)
	if err != nil || next != "" {
		f.Fatalf("history: next %q, %v", next, err)
	}
	return changes
}

func (f *fixture) remove(d store.MappingDelete) {
	f.Helper()
	if _, err := f.store.DeleteMappings(f.ctx, f.actor, []store.MappingDelete{d}); err != nil {
		f.Fatal(err)
	}
}

// chained expects that each entry of a mapping begins with what the one before
// left, that ids grow, and that a new value has its entry's id as revision.
func (f *fixture) chained(latestFirst []identity.Change) {
	f.Helper()
	type key struct {
		userID  string
		service identity.ServiceKey
	}
	last := map[key]*identity.Mapping{}
	var id int64
	for _, c := range slices.Backward(latestFirst) {
		k := key{c.UserID, c.Service}
		equal(f, fmt.Sprintf("what change %d found", c.ID), last[k], c.Before)
		last[k] = c.After
		if c.ID <= id {
			f.Errorf("change %d came after %d", c.ID, id)
		}
		id = c.ID
		if c.After != nil {
			equal(f, "revision", c.ID, c.After.Revision)
		}
	}
}
