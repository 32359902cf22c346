// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var deleteTests = map[string]func(f *fixture){
	"A mapping is deleted by its value": func(f *fixture) {
		user := f.upsert(write(alice, value(github, "Octocat"), value(okta, "00u1")))[0]
		f.unmap(user.ID, github, "octocat")
		got, _ := f.user(alice)
		equal(f, "mappings left", 1, len(got.Mappings))
	},
	"Another value is a conflict": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		for _, matcher := range []identity.Matcher{{"user_id": "00u2"}, {}, nil, {"user_id": "00u1", "x": "y"}, {"user_id": "00u1\x00"}} {
			got := f.keep([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
				store.MappingDelete{UserID: user.ID, Service: okta, Matcher: matcher})
			equal(f, "stored", &user.Mappings[0], got[0].Err.Stored)
		}
	},
	"Another revision is a conflict": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		d := store.MappingDelete{UserID: user.ID, Service: okta, Matcher: user.Mappings[0].Matcher, IfRevision: user.Mappings[0].Revision}
		now := f.put(alice, from(identity.Manual, value(okta, "00u1")))
		got := f.keep([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}}, d)
		equal(f, "stored", &now, got[0].Err.Stored)
		d.IfRevision = now.Revision
		equal(f, "deleted", []bool{true}, f.deleteMappings(d))
	},
	"An old revision never matches a mapping made again": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		d := store.MappingDelete{UserID: user.ID, Service: okta, Matcher: user.Mappings[0].Matcher, IfRevision: user.Mappings[0].Revision}
		equal(f, "deleted", []bool{true}, f.deleteMappings(d))
		f.put(alice, value(okta, "00u1"))
		f.keep([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}}, d)
	},
	"What is not there is a success": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		before := f.dump()
		equal(f, "deleted", []bool{false, false, false, false, false}, f.deleteMappings(
			store.MappingDelete{UserID: user.ID, Service: custom, Matcher: identity.Matcher{"user_id": "x"}},
			store.MappingDelete{UserID: nobodysID, Service: okta, Matcher: identity.Matcher{"user_id": "x"}},
			store.MappingDelete{UserID: "\x00", Service: okta, IfRevision: 3},
			store.MappingDelete{},
			store.MappingDelete{UserID: user.ID, Service: identity.ServiceKey{Type: "okta", ExternalID: "none"}},
		))
		f.same(before, "deleting what is not there")
	},
	"The same mapping twice goes once": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		d := store.MappingDelete{UserID: user.ID, Service: okta, Matcher: user.Mappings[0].Matcher}
		equal(f, "deleted", []bool{true, false}, f.deleteMappings(d, d))
	},
	"A refused delete deletes nothing and names all": func(f *fixture) {
		users := f.upsert(write(alice, value(okta, "00u1")), write(bob, value(okta, "00u2")))
		f.keep([]failure{
			{Index: 1, Code: identity.CodeIdentityConflict, User: bob, Service: okta},
			{Index: 2, Code: identity.CodeServiceManaged, User: alice, Service: identity.SymCloud()},
		},
			store.MappingDelete{UserID: users[0].ID, Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}},
			store.MappingDelete{UserID: users[1].ID, Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}},
			store.MappingDelete{UserID: users[0].ID, Service: identity.SymCloud(), Matcher: identity.Matcher{"email": "alice@acme.com"}})
	},
	"The user stays when the last mapping goes": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		f.unmap(user.ID, okta, "00u1")
		if _, ok := f.user(alice); !ok {
			f.Error("the user is gone")
		}
	},
	"A user goes with all mappings": func(f *fixture) {
		users := f.upsert(write(alice, value(okta, "00u1"), value(custom, "a")), write(bob, value(okta, "00u2")))
		deleted, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{
			{ID: users[0].ID, Key: alice}, {ID: users[0].ID}, {ID: nobodysID}, {ID: "\xff", Key: alice}})
		if err != nil {
			f.Fatal(err)
		}
		equal(f, "deleted", []bool{true, false, false, false}, deleted)
		equal(f, "users left", []identity.UserKey{bob}, keysOf(f.dump().Users))
		equal(f, "holders", []identity.UserKey{}, f.holders(okta, "00u1"))
		again := f.upsert(write(alice))[0]
		if again.ID == users[0].ID || len(again.Mappings) != 0 {
			f.Errorf("the new user is the old one: %+v", again)
		}
	},
	"A user with another key is a conflict": func(f *fixture) {
		users := f.upsert(write(alice, value(okta, "00u1")), write(bob))
		before := f.dump()
		deleted, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: users[1].ID}, {ID: users[0].ID, Key: bob}})
		if deleted != nil {
			f.Errorf("a refused delete returned %v", deleted)
		}
		f.failures(err, []failure{{Index: 1, Code: identity.CodeUserConflict, User: alice}})
		f.same(before, "a refused delete")
	},
}

func (f *fixture) deleteMappings(deletes ...store.MappingDelete) []bool {
	f.Helper()
	deleted, err := f.store.DeleteMappings(f.ctx, f.actor, deletes)
	if err != nil {
		f.Fatalf("deleting mappings: %v", err)
	}
	return deleted
}

// keep expects that a delete fails with exactly these failures.
func (f *fixture) keep(want []failure, deletes ...store.MappingDelete) []identity.ItemError {
	f.Helper()
	before := f.dump()
	deleted, err := f.store.DeleteMappings(f.ctx, f.actor, deletes)
	if deleted != nil {
		f.Errorf("a refused delete returned %v", deleted)
	}
	got := f.failures(err, want)
	f.same(before, "a refused delete")
	return got
}
