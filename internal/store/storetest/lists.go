// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var listTests = map[string]func(f *fixture){
	"An empty store has no users": func(f *fixture) {
		users, next, err := f.store.Users(f.ctx, store.UserFilter{})
		if err != nil || users == nil || len(users) != 0 || next != "" {
			f.Errorf("got %v, %q, %v", users, next, err)
		}
	},
	"Users are listed by key, byte by byte": func(f *fixture) {
		keys := []identity.UserKey{"a@acme.com", "a_b@acme.com", "a-b@acme.com", "a+b@acme.com", "ab@acme.com", "\u00e5@acme.com", "z@acme.com", "\u212a@acme.com"}
		for _, k := range keys {
			f.upsert(write(k))
		}
		f.upsert(store.UserWrite{Key: "Bot", Type: identity.Bot}, store.UserWrite{Key: "bot", Type: identity.Bot})
		equal(f, "keys", sorted(append(keys, "Bot", "bot")), keysOf(f.dump().Users))
	},
	"Pages of every size hold everybody once": func(f *fixture) {
		const n = 23
		var writes []store.UserWrite
		for i := range n {
			writes = append(writes, write(identity.UserKey(fmt.Sprintf("user%02d@acme.com", i)), value(okta, fmt.Sprint(i))))
		}
		f.upsert(writes...)
		all := f.dump().Users
		for _, size := range []int{1, 2, 5, n - 1, n, n + 1} {
			got := f.pages(store.UserFilter{Limit: size})
			equal(f, fmt.Sprintf("pages of %d", size), all, got)
		}
	},
	"The last full page has no next": func(f *fixture) {
		f.upsert(write(alice), write(bob))
		users, next, err := f.store.Users(f.ctx, store.UserFilter{Limit: 2})
		if err != nil || len(users) != 2 || next != "" {
			f.Errorf("got %d users, next %q, %v", len(users), next, err)
		}
	},
	"A cursor without a limit lists the rest": func(f *fixture) {
		f.upsert(write(alice), write(bob), write(carol))
		_, next, err := f.store.Users(f.ctx, store.UserFilter{Limit: 1})
		if err != nil {
			f.Fatal(err)
		}
		users, next, err := f.store.Users(f.ctx, store.UserFilter{Cursor: next})
		if err != nil || next != "" {
			f.Fatalf("next %q, %v", next, err)
		}
		equal(f, "the rest", []identity.UserKey{bob, carol}, keysOf(users))
	},
	"Listing goes on while users come and go": func(f *fixture) {
		users := f.upsert(write(alice), write(bob), write(carol))
		page, next, err := f.store.Users(f.ctx, store.UserFilter{Limit: 2})
		if err != nil {
			f.Fatal(err)
		}
		equal(f, "first page", []identity.UserKey{alice, bob}, keysOf(page))
		f.upsert(write("aaron@acme.com"), write("bz@acme.com"))
		if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: users[1].ID}}); err != nil {
			f.Fatal(err)
		}
		page, _, err = f.store.Users(f.ctx, store.UserFilter{Limit: 2, Cursor: next})
		if err != nil {
			f.Fatal(err)
		}
		equal(f, "second page", []identity.UserKey{"bz@acme.com", carol}, keysOf(page))
	},
	"Filters select": func(f *fixture) {
		users := f.upsert(write(alice, value(okta, "00u1")), write(bob), store.UserWrite{Key: "bot", Type: identity.Bot})
		for _, c := range []struct {
			filter store.UserFilter
			want   []identity.UserKey
		}{
			{store.UserFilter{Key: alice}, []identity.UserKey{alice}},
			{store.UserFilter{Key: "nobody@acme.com"}, []identity.UserKey{}},
			{store.UserFilter{Key: "Alice@acme.com"}, []identity.UserKey{}},
			{store.UserFilter{Key: "\x00"}, []identity.UserKey{}},
			{store.UserFilter{ID: users[1].ID}, []identity.UserKey{bob}},
			{store.UserFilter{ID: nobodysID}, []identity.UserKey{}},
			{store.UserFilter{ID: "\xff"}, []identity.UserKey{}},
			{store.UserFilter{Type: identity.Bot}, []identity.UserKey{"bot"}},
			{store.UserFilter{Type: identity.Normal}, []identity.UserKey{alice, bob}},
			{store.UserFilter{Key: alice, ID: users[1].ID}, []identity.UserKey{}},
			{store.UserFilter{Key: alice, Type: identity.Bot}, []identity.UserKey{}},
		} {
			equal(f, fmt.Sprintf("%+v", c.filter), c.want, keysOf(f.pages(c.filter)))
		}
		equal(f, "mappings come along", users[0], f.pages(store.UserFilter{Key: alice})[0])
	},
	"UserPages hold everybody once, as at one moment": func(f *fixture) {
		f.crowd(2300)
		all := f.dump().Users
		var got []identity.User
		for page, err := range f.store.UserPages(f.ctx, store.UserFilter{}) {
			if err != nil {
				f.Fatal(err)
			}
			if len(got) == 0 { // whoever comes, goes or changes now is not seen
				f.upsert(write("zoe@acme.com"), store.UserWrite{ID: all[0].ID, Key: "zz@acme.com"}, write(all[2000].Key, value(okta, "new")))
				if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: all[2100].ID}}); err != nil {
					f.Fatal(err)
				}
			}
			got = append(got, page...)
		}
		equal(f, "all", all, got)
	},
	"UserPages select, begin at a cursor and may be left": func(f *fixture) {
		f.crowd(1100)
		f.upsert(store.UserWrite{Key: "bot", Type: identity.Bot}, write("zoe@acme.com"))
		_, next, err := f.store.Users(f.ctx, store.UserFilter{Limit: 1101})
		if err != nil {
			f.Fatal(err)
		}
		for want, filter := range map[string]store.UserFilter{
			"[zoe@acme.com]": {Cursor: next}, "[bot]": {Type: identity.Bot}, "[]": {Key: "nobody@acme.com"},
		} {
			keys := []identity.UserKey{}
			for page, err := range f.store.UserPages(f.ctx, filter) {
				if err != nil {
					f.Fatal(err)
				}
				keys = append(keys, keysOf(page)...)
			}
			equal(f, fmt.Sprintf("%+v", filter), want, fmt.Sprint(keys))
		}
		for range 9 { // more often than there are connections
			for _, err := range f.store.UserPages(f.ctx, store.UserFilter{}) {
				if err != nil {
					f.Fatal(err)
				}
				break
			}
		}
		for _, err := range f.store.UserPages(f.ctx, store.UserFilter{Cursor: "%"}) {
			f.code(err, identity.CodeInvalid)
		}
	},
	"A bad cursor or limit is an error": func(f *fixture) {
		for _, filter := range []store.UserFilter{{Cursor: "%"}, {Cursor: "AAAA"}, {Cursor: "_____w"}, {Limit: -1}} {
			_, _, err := f.store.Users(f.ctx, filter)
			f.code(err, identity.CodeInvalid)
		}
	},
	"FindUsers takes thousands of keys": func(f *fixture) {
		want := f.crowd(2300)
		var keys []identity.UserKey
		for _, key := range want {
			keys = append(keys, key, "not-"+key, key)
		}
		got, err := f.store.FindUsers(f.ctx, keys)
		if err != nil {
			f.Fatal(err)
		}
		equal(f, "found", want, sorted(keysOf(got)))
		slices.SortFunc(got, func(a, b identity.User) int { return strings.Compare(string(a.Key), string(b.Key)) })
		equal(f, "as listed", f.dump().Users, got)
	},
	"FindUsers of nobody": func(f *fixture) {
		for _, keys := range [][]identity.UserKey{nil, {}, {"", "\x00", "\xff", "Alice@Acme.com", identity.UserKey(strings.Repeat("x", 10_000))}} {
			got, err := f.store.FindUsers(f.ctx, keys)
			if err != nil || len(got) != 0 {
				f.Errorf("%.40q: got %v, %v", keys, got, err)
			}
		}
	},
	"Thousands of users are listed whole": func(f *fixture) {
		const n = 3100
		for part := range 4 {
			var writes []store.UserWrite
			for i := part; i < n; i += 4 {
				writes = append(writes, write(identity.UserKey(fmt.Sprintf("user%04d@acme.com", i)), value(okta, fmt.Sprint(i))))
			}
			f.upsert(writes...)
		}
		users := f.dump().Users
		equal(f, "users", n, len(users))
		for i, u := range users {
			if want := fmt.Sprintf("user%04d@acme.com", i); u.Name != want || len(u.Mappings) != 1 || u.Mappings[0].Matcher["user_id"] != fmt.Sprint(i) {
				f.Fatalf("user %d is %+v", i, u)
			}
		}
	},
}

// pages lists all users of a filter, page by page.
func (f *fixture) pages(filter store.UserFilter) []identity.User {
	f.Helper()
	all := []identity.User{}
	for {
		users, next, err := f.store.Users(f.ctx, filter)
		if err != nil {
			f.Fatalf("listing users: %v", err)
		}
		if filter.Limit > 0 && len(users) > filter.Limit || next != "" && len(users) == 0 {
			f.Fatalf("a page of %d holds %d users, next %q", filter.Limit, len(users), next)
		}
		all = append(all, users...)
		if next == "" {
			return all
		}
		filter.Cursor = next
	}
}
