// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var (
	ifAbsent    = identity.Conditions{IfAbsent: true}
	ifUnclaimed = identity.Conditions{IfUnclaimed: true}
)

var conditionTests = map[string]func(f *fixture){
	"if_absent stores where nothing is": func(f *fixture) {
		f.put(alice, on(ifAbsent, value(okta, "00u1")))
	},
	"if_absent refuses another value": func(f *fixture) {
		old := f.put(alice, value(okta, "00u1"))
		got := f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
			write(alice, on(ifAbsent, value(okta, "00u2"))))
		equal(f, "stored", &old, got[0].Err.Stored)
		if !strings.Contains(got[0].Err.Message, "00u1") {
			f.Errorf("the message %q does not show the stored value", got[0].Err.Message)
		}
	},
	"if_absent is satisfied by an equal value": func(f *fixture) {
		old := f.put(alice, value(okta, "00u1"))
		equal(f, "mapping", old, f.put(alice, on(ifAbsent, value(okta, "00u1"))))
	},
	"if_absent looks at one service only": func(f *fixture) {
		f.put(alice, value(okta, "00u1"))
		f.put(alice, on(ifAbsent, value(custom, "alice")))
	},
	"if_revision overwrites that revision": func(f *fixture) {
		old := f.put(alice, value(okta, "00u1"))
		got := f.put(alice, on(identity.Conditions{IfRevision: old.Revision}, value(okta, "00u2")))
		equal(f, "value", "00u2", got.Matcher["user_id"])
	},
	"if_revision refuses another revision": func(f *fixture) {
		old := f.put(alice, value(okta, "00u1"))
		now := f.put(alice, value(okta, "00u2"))
		got := f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
			write(alice, on(identity.Conditions{IfRevision: old.Revision}, value(okta, "00u3"))))
		equal(f, "stored", &now, got[0].Err.Stored)
	},
	"if_revision refuses where nothing is": func(f *fixture) {
		got := f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
			write(alice, on(identity.Conditions{IfRevision: 1}, value(okta, "00u1"))))
		equal(f, "stored", nil, got[0].Err.Stored)
	},
	"An equal value satisfies all conditions at once": func(f *fixture) {
		f.put(bob, value(okta, "00u1"))
		old := f.put(alice, value(okta, "00u1"))
		all := identity.Conditions{IfAbsent: true, IfRevision: old.Revision + 1000, IfUnclaimed: true}
		equal(f, "mapping", old, f.put(alice, on(all, value(okta, "00u1"))))
		got := f.put(alice, on(all, from(identity.Manual, value(okta, "00u1"))))
		if got.Revision <= old.Revision {
			f.Errorf("the assertion kept revision %d", got.Revision)
		}
	},
	"A conditional write may be repeated": func(f *fixture) {
		first := f.put(alice, value(okta, "00u1"))
		change := on(identity.Conditions{IfRevision: first.Revision, IfUnclaimed: true}, value(okta, "00u2"))
		got := f.put(alice, change)
		equal(f, "the repeat", got, f.put(alice, change))
	},
	"Conditions of one element do not bind the others": func(f *fixture) {
		f.put(alice, value(okta, "00u1"))
		f.upsert(write(alice, value(okta, "00u2"), on(ifAbsent, value(custom, "alice"))))
	},
}

var revisionTests = map[string]func(f *fixture){
	"Revisions are not reused when a mapping is deleted and made again": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		last := user.Mappings[0].Revision
		for range 5 {
			f.unmap(user.ID, okta, "00u1")
			got := f.put(alice, value(okta, "00u1"))
			if got.Revision <= last {
				f.Fatalf("the new mapping has revision %d after %d", got.Revision, last)
			}
			last = got.Revision
		}
	},
	"Revisions are not reused when a user is deleted and made again": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: user.ID}}); err != nil {
			f.Fatal(err)
		}
		got := f.put(alice, value(okta, "00u1"))
		if got.Revision <= user.Mappings[0].Revision {
			f.Errorf("the new user's mapping has revision %d after %d", got.Revision, user.Mappings[0].Revision)
		}
	},
	"Revisions are not reused when a name changes hands": func(f *fixture) {
		old := f.upsert(write(alice, value(okta, "00u1")))[0]
		f.upsert(store.UserWrite{ID: old.ID, Key: "alice.smith@acme.com"})
		f.put(alice, value(okta, "00u2"))
		f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
			write(alice, on(identity.Conditions{IfRevision: old.Mappings[0].Revision}, value(okta, "00u3"))))
	},
	"Mappings of one batch have revisions of their own": func(f *fixture) {
		u := f.upsert(write(alice, value(okta, "00u1"), value(custom, "alice")))[0]
		if u.Mappings[0].Revision == u.Mappings[1].Revision || u.Mappings[0].Revision == 0 || u.Mappings[1].Revision == 0 {
			f.Errorf("revisions %d and %d", u.Mappings[0].Revision, u.Mappings[1].Revision)
		}
	},
}

// unmap deletes a mapping that must be there.
func (f *fixture) unmap(userID string, service identity.ServiceKey, id string) {
	f.Helper()
	deleted, err := f.store.DeleteMappings(f.ctx, f.actor, []store.MappingDelete{
		{UserID: userID, Service: service, Matcher: identity.NewMatcher(service.Type, id)}})
	if err != nil || !deleted[0] {
		f.Fatalf("deleting %s of %s: %v, %v", id, service, deleted, err)
	}
}
