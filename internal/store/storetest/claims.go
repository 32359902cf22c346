// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var claimTests = map[string]func(f *fixture){
	"An account that another user holds is claimed": func(f *fixture) {
		f.put(alice, value(okta, "00u1"))
		f.refuse([]failure{{Code: identity.CodeIdentityClaimed, User: bob, Service: okta, Holder: alice}},
			write(bob, on(ifUnclaimed, value(okta, "00u1"))))
	},
	"Claims compare as the service does": func(f *fixture) {
		f.put(alice, value(github, "Octo-Cat"))
		f.refuse([]failure{{Code: identity.CodeIdentityClaimed, User: bob, Service: github, Holder: alice}},
			write(bob, on(ifUnclaimed, value(github, "octo-CAT"))))
		f.put(alice, value(okta, "00uA"))
		f.put(bob, on(ifUnclaimed, value(okta, "00ua")))
	},
	"Another service's account is another account": func(f *fixture) {
		f.put(alice, value(okta, "same"))
		f.put(bob, on(ifUnclaimed, value(custom, "same")))
	},
	"Without the condition accounts are shared": func(f *fixture) {
		f.put(alice, value(okta, "00u1"))
		f.put(bob, value(okta, "00u1"))
		f.put(carol, from(identity.FromRule, value(okta, "00u1")))
		equal(f, "holders", []identity.UserKey{alice, bob, carol}, f.holders(okta, "00u1"))
	},
	"A user's own account is not claimed": func(f *fixture) {
		f.put(alice, on(ifUnclaimed, value(okta, "00u1")))
		f.put(alice, on(ifUnclaimed, value(okta, "00u2")))
		f.put(alice, on(ifUnclaimed, value(okta, "00u1")))
	},
	"An account is free after its mapping is deleted": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		f.unmap(user.ID, okta, "00u1")
		f.put(bob, on(ifUnclaimed, value(okta, "00u1")))
	},
	"Of two elements that claim one account the later is the failure": func(f *fixture) {
		f.refuse([]failure{{Index: 1, Code: identity.CodeIdentityClaimed, User: bob, Service: github, Holder: alice}},
			write(alice, on(ifUnclaimed, value(github, "octocat"))),
			write(bob, on(ifUnclaimed, value(github, "OctoCat"))))
	},
	"An earlier element that does not ask still holds": func(f *fixture) {
		f.refuse([]failure{{Index: 1, Code: identity.CodeIdentityClaimed, User: bob, Service: okta, Holder: alice}},
			write(alice, value(okta, "00u1")), write(bob, on(ifUnclaimed, value(okta, "00u1"))))
	},
	"A later element that does not ask may share": func(f *fixture) {
		f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u1"))), write(bob, value(okta, "00u1")))
		equal(f, "holders", []identity.UserKey{alice, bob}, f.holders(okta, "00u1"))
	},
	"An element that cannot be done claims nothing": func(f *fixture) {
		f.put(carol, value(okta, "taken"))
		f.refuse([]failure{{Index: 0, Code: identity.CodeIdentityClaimed, User: alice, Service: okta, Holder: carol}},
			write(alice, on(ifUnclaimed, value(okta, "taken")), on(ifUnclaimed, value(custom, "x"))),
			write(bob, on(ifUnclaimed, value(custom, "x"))))
	},
	"Users swap accounts in one batch": func(f *fixture) {
		f.upsert(write(alice, value(okta, "00u1")), write(bob, value(okta, "00u2")))
		f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u2"))), write(bob, on(ifUnclaimed, value(okta, "00u1"))))
		equal(f, "holder of 00u1", []identity.UserKey{bob}, f.holders(okta, "00u1"))
		equal(f, "holder of 00u2", []identity.UserKey{alice}, f.holders(okta, "00u2"))
	},
	"Accounts go round in one batch": func(f *fixture) {
		const n = 50
		ring := func(shift int) (writes []store.UserWrite) {
			for i := range n {
				writes = append(writes, write(identity.UserKey(fmt.Sprintf("user%d@acme.com", i)),
					on(ifUnclaimed, value(okta, fmt.Sprint((i+shift)%n)))))
			}
			return writes
		}
		f.upsert(ring(0)...)
		f.upsert(ring(1)...)
		equal(f, "holder of 1", []identity.UserKey{"user0@acme.com"}, f.holders(okta, "1"))
	},
	"An account that a failing element would free stays taken": func(f *fixture) {
		f.upsert(write(alice, value(okta, "00u1")), write(carol, value(okta, "00u3")))
		f.refuse([]failure{
			{Index: 0, Code: identity.CodeIdentityClaimed, User: alice, Service: okta, Holder: carol},
			{Index: 1, Code: identity.CodeIdentityClaimed, User: bob, Service: okta, Holder: alice},
		},
			write(alice, on(ifUnclaimed, value(okta, "00u3"))),
			write(bob, on(ifUnclaimed, value(okta, "00u1"))))
	},
	"A claim that a later element takes back is not asked": func(f *fixture) {
		f.put(bob, value(okta, "00u1"))
		f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u1"))), write(alice, value(okta, "00u2")))
	},
	"A claim that a later element makes without asking is not asked": func(f *fixture) {
		f.put(bob, value(okta, "00u1"))
		f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u1"))), write(alice, value(okta, "00u2")), write(alice, value(okta, "00u1")))
	},
	"A renamed holder is named as they are called now": func(f *fixture) {
		u := f.upsert(write(alice, value(okta, "00u1")))[0]
		f.upsert(store.UserWrite{ID: u.ID, Key: carol})
		f.refuse([]failure{{Code: identity.CodeIdentityClaimed, User: bob, Service: okta, Holder: carol}},
			write(bob, on(ifUnclaimed, value(okta, "00u1"))))
	},
	"Matchers with other keys are claimed as a whole": func(f *fixture) {
		key := identity.ServiceKey{Type: "ldap", ExternalID: "dc=acme"}
		if _, err := f.store.CreateService(f.ctx, f.actor, key, ""); err != nil {
			f.Fatal(err)
		}
		matcher := identity.Matcher{}
		for i := range identity.MaxMatcherKeys {
			matcher[fmt.Sprintf("k%d", i)] = fmt.Sprintf("%0*d", identity.MaxIdentityBytes, i)
		}
		w := store.MappingWrite{Service: key, Matcher: matcher, Conditions: ifUnclaimed}
		f.put(alice, w)
		f.refuse([]failure{{Code: identity.CodeIdentityClaimed, User: bob, Service: key, Holder: alice}}, write(bob, w))
		equal(f, "holders", []identity.UserKey{alice}, f.holders(key, matcher.AccountKey(key.Type)))
	},
	"Holders come with all their mappings": func(f *fixture) {
		u := f.upsert(write(alice, value(github, "Octocat"), value(okta, "00u1")))[0]
		f.put(bob, value(github, "other"))
		got, err := f.store.Holders(f.ctx, github, []string{"octocat", "octocat", "nobody", "", "nul\x00", "\xff"})
		if err != nil {
			f.Fatal(err)
		}
		equal(f, "holders", []identity.User{u}, got)
	},
	"Nobody holds anything in an unregistered service": func(f *fixture) {
		equal(f, "holders", []identity.UserKey{}, f.holders(identity.ServiceKey{Type: "okta", ExternalID: "none"}, "00u1"))
	},
	"Holders of many accounts": func(f *fixture) {
		const n = 2500
		var writes []store.UserWrite
		var claims []string
		for i := range n {
			id := fmt.Sprintf("00u%d", i)
			writes = append(writes, write(identity.UserKey(fmt.Sprintf("user%d@acme.com", i)), on(ifUnclaimed, value(okta, id))))
			claims = append(claims, id)
		}
		f.upsert(writes...)
		equal(f, "holders", n, len(f.holders(okta, claims...)))
	},
}

func (f *fixture) holders(service identity.ServiceKey, claims ...string) []identity.UserKey {
	f.Helper()
	holders, err := f.store.Holders(f.ctx, service, claims)
	if err != nil {
		f.Fatalf("holders of %v in %s: %v", claims, service, err)
	}
	return sorted(keysOf(holders))
}
