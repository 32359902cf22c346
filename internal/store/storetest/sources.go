// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var sources = []identity.Source{"", identity.Manual, identity.FromRule, identity.FromEmail, identity.FromRemote}

var sourceTests = map[string]func(f *fixture){
	"A new mapping keeps all that was written": func(f *fixture) {
		w := from(identity.FromRule, value(okta, "00u1"))
		w.Rule, w.Profile = "by domain", map[string]string{"display_name": "Ålice <3", "": "empty key"}
		got := f.put(alice, w)
		if got.Revision <= 0 || got.CreatedAt.IsZero() || !got.CreatedAt.Equal(got.UpdatedAt) {
			f.Errorf("revision %d, created %s, updated %s", got.Revision, got.CreatedAt, got.UpdatedAt)
		}
		equal(f, "mapping", identity.Mapping{Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Profile: w.Profile,
			Source: identity.FromRule, Rule: "by domain", Revision: got.Revision, CreatedAt: got.CreatedAt,
			UpdatedAt: got.UpdatedAt, UpdatedBy: "ci"}, got)
		read, _ := f.stored(alice, okta)
		equal(f, "the mapping as read", got, read)
	},
	"The rule is kept only with the source rule": func(f *fixture) {
		w := from(identity.FromEmail, value(okta, "00u1"))
		w.Rule = "left over"
		equal(f, "rule", "", f.put(alice, w).Rule)
	},
	"No source is manual": func(f *fixture) {
		equal(f, "source", identity.Manual, f.put(alice, value(okta, "00u1")).Source)
	},
	"Without source an equal value changes nothing": func(f *fixture) {
		for i, source := range sources[1:] {
			user := identity.UserKey(fmt.Sprintf("user%d@acme.com", i))
			f.put(user, from(source, value(okta, "00u1")))
			before := f.dump()
			f.put(user, value(okta, "00u1"))
			f.same(before, "an equal value")
		}
	},
	"Without source another value is a manual overwrite": func(f *fixture) {
		for i, source := range sources {
			user := identity.UserKey(fmt.Sprintf("user%d@acme.com", i))
			old := f.put(user, from(source, value(okta, "00u1")))
			got := f.put(user, value(okta, "00u2"))
			equal(f, "source", identity.Manual, got.Source)
			equal(f, "value", identity.Matcher{"user_id": "00u2"}, got.Matcher)
			if got.Revision <= old.Revision || !got.CreatedAt.Equal(old.CreatedAt) {
				f.Errorf("overwrote %+v with %+v: the revision must grow, the creation stay", old, got)
			}
		}
	},
	"A manual equal value is an assertion": func(f *fixture) {
		for i, source := range sources {
			user := identity.UserKey(fmt.Sprintf("user%d@acme.com", i))
			w := from(source, value(okta, "00u1"))
			w.Rule = "r"
			old := f.put(user, w)
			first := f.put(user, from(identity.Manual, value(okta, "00u1")))
			again := f.put(user, from(identity.Manual, value(okta, "00u1")))
			equal(f, "source", identity.Manual, again.Source)
			equal(f, "rule", "", first.Rule)
			if first.Revision <= old.Revision || again.Revision <= first.Revision {
				f.Errorf("revisions %d, %d, %d must grow", old.Revision, first.Revision, again.Revision)
			}
		}
	},
	"An assertion is made again after a lost reply": func(f *fixture) {
		old := f.put(alice, from(identity.FromRule, value(okta, "00u1")))
		adopt := on(identity.Conditions{IfRevision: old.Revision}, from(identity.Manual, value(okta, "00u1")))
		f.put(alice, adopt)
		equal(f, "source", identity.Manual, f.put(alice, adopt).Source)
	},
	"A request that comes twice asserts once": func(f *fixture) {
		f.actor.RequestID = "create"
		create := on(ifAbsent, from(identity.Manual, value(okta, "00u1")))
		first := f.put(alice, create)
		equal(f, "the repeated creation", first, f.put(alice, create))
		f.actor.RequestID = "change"
		change := on(identity.Conditions{IfRevision: first.Revision}, from(identity.Manual, value(okta, "00u2")))
		second := f.put(alice, change)
		equal(f, "the repeated change", second, f.put(alice, change))
		equal(f, "entries", 2, len(f.history(store.HistoryFilter{})))
		f.actor.Name = "somebody else with the same id"
		if got := f.put(alice, change); got.Revision <= second.Revision {
			f.Errorf("another's assertion kept revision %d", got.Revision)
		}
	},
	"A late repetition brings nothing back": func(f *fixture) {
		f.actor.RequestID = "create"
		create := write(alice, on(ifAbsent, from(identity.Manual, value(okta, "00u1"))), on(ifAbsent, from(identity.FromRule, value(custom, "alice"))))
		user := f.upsert(create)[0]
		f.actor.RequestID = "delete"
		f.unmap(user.ID, okta, "00u1")
		f.actor.RequestID = "create"
		f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}}, create)
		f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}}, store.UserWrite{ID: user.ID, Mappings: create.Mappings})
		f.actor.RequestID = "delete user"
		if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: user.ID}}); err != nil {
			f.Fatal(err)
		}
		f.actor.RequestID = "create"
		f.refuse([]failure{
			{Code: identity.CodeIdentityConflict, User: alice, Service: okta}, {Code: identity.CodeIdentityConflict, User: alice, Service: custom},
		}, create)
		f.actor.RequestID = "create anew"
		f.upsert(create)
	},
	"A manual value overwrites any other": func(f *fixture) {
		for i, source := range sources {
			user := identity.UserKey(fmt.Sprintf("user%d@acme.com", i))
			f.put(user, from(source, value(okta, "00u1")))
			got := f.put(user, from(identity.Manual, value(okta, "00u2")))
			equal(f, "value", "00u2", got.Matcher["user_id"])
		}
	},
	"An automatic source never touches what is stored": func(f *fixture) {
		for _, automatic := range sources[2:] {
			for i, source := range sources {
				user := identity.UserKey(fmt.Sprintf("%s%d@acme.com", automatic, i))
				old := f.put(user, from(source, value(okta, "00u1")))
				before := f.dump()
				equalValue := from(automatic, value(okta, "00u1"))
				equalValue.Profile = map[string]string{"a": "b"}
				equal(f, "an equal value", old, f.put(user, equalValue))
				f.same(before, "an equal automatic value")
				got := f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: user, Service: okta}},
					write(user, on(identity.Conditions{IfRevision: old.Revision}, from(automatic, value(okta, "00u2")))))
				equal(f, "stored", &old, got[0].Err.Stored)
			}
		}
	},
	"A profile that is not sent stays": func(f *fixture) {
		w := value(okta, "00u1")
		w.Profile = map[string]string{"a": "b"}
		old := f.put(alice, w)
		equal(f, "after an overwrite", w.Profile, f.put(alice, value(okta, "00u2")).Profile)
		equal(f, "after an assertion", w.Profile, f.put(alice, from(identity.Manual, value(okta, "00u2"))).Profile)
		w.Matcher, w.Profile = identity.Matcher{"user_id": "00u2"}, map[string]string{}
		got := f.put(alice, w)
		equal(f, "after an empty one", map[string]string{}, got.Profile)
		if got.Revision <= old.Revision {
			f.Errorf("a changed profile kept revision %d", got.Revision)
		}
	},
	"A changed profile keeps the source": func(f *fixture) {
		f.put(alice, from(identity.FromEmail, value(okta, "00u1")))
		w := value(okta, "00u1")
		w.Profile = map[string]string{"a": "b"}
		equal(f, "source", identity.FromEmail, f.put(alice, w).Source)
	},
	"Values compare as their service compares them": func(f *fixture) {
		for _, c := range []struct {
			service  identity.ServiceKey
			one, two string
			equal    bool
		}{
			{github, "Octo-Cat", "octo-cat", true},
			{google, "Alice@Acme.com", "alice@acme.com", true},
			{tail, "Alice@github", "alice@GITHUB", true},
			{okta, "00uA", "00ua", false},
			{custom, "Alice", "alice", false},
			{github, "Kelvin", "\u212Aelvin", false},
		} {
			user := identity.UserKey(fmt.Sprintf("%s@%x.example", c.service.Type, c.two))
			old := f.put(user, value(c.service, c.one))
			w := on(identity.Conditions{IfAbsent: true}, value(c.service, c.two))
			if !c.equal {
				f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: user, Service: c.service}}, write(user, w))
				continue
			}
			equal(f, "the repeated value", old, f.put(user, w))
			asserted := f.put(user, from(identity.Manual, value(c.service, c.two)))
			equal(f, "an asserted spelling", w.Matcher, asserted.Matcher)
		}
	},
	"A matcher may have many keys": func(f *fixture) {
		key := identity.ServiceKey{Type: "ldap", ExternalID: "dc=acme"}
		if _, err := f.store.CreateService(f.ctx, f.actor, key, ""); err != nil {
			f.Fatal(err)
		}
		matcher := identity.Matcher{"cn": "alice", "ou": `people "&<>` + "\u2028 x"}
		got := f.put(alice, store.MappingWrite{Service: key, Matcher: matcher})
		equal(f, "matcher", matcher, got.Matcher)
		f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: key}},
			write(alice, store.MappingWrite{Service: key, Matcher: identity.Matcher{"cn": "alice"},
				Conditions: identity.Conditions{IfAbsent: true}}))
	},
}
