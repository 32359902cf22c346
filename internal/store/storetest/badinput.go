// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var badInputTests = map[string]func(f *fixture){
	"Bad names are refused": func(f *fixture) {
		long := identity.UserKey(strings.Repeat("x", 10_240) + "@acme.com")
		for _, key := range []identity.UserKey{
			"a\x00b@acme.com", "a\xffb@acme.com", "a\u200bb@acme.com", long, "Alice@acme.com", " alice@acme.com",
			"a b@acme.com", "a,b", "@", "@acme.com", "alice@", "\x00",
		} {
			f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: key})
			f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: key, Type: identity.Bot})
		}
	},
	"A name that is not the key's is refused": func(f *fixture) {
		for _, name := range []string{"bob@acme.com", "a\x00", "\xff", strings.Repeat("x", 10_240)} {
			f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: alice, Name: name})
		}
		f.invalid(identity.CodeUserInvalid, store.UserWrite{Name: "bob@acme.com"})
	},
	"Bad first and last names are refused": func(f *fixture) {
		for _, text := range []string{"\x00", "\xff", "a\nb", strings.Repeat("x", 10_240)} {
			f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: alice, FirstName: &text})
			f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: alice, LastName: &text})
		}
	},
	"An unknown type is refused": func(f *fixture) {
		f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: alice, Type: "robot"})
	},
	"Bad matchers are refused": func(f *fixture) {
		for _, matcher := range []identity.Matcher{
			nil, {}, {"user_id": ""}, {"user_id": " "}, {"user_id": "x "}, {"user_id": "a\x00b"}, {"user_id": "\xff"},
			{"user_id": strings.Repeat("x", 10_240)}, {"login": "x"}, {"user_id": "x", "": "y"}, {"user_id": "x", "a\x00": "y"},
		} {
			f.invalid(identity.CodeIdentityInvalid, write(alice, store.MappingWrite{Service: okta, Matcher: matcher}))
		}
	},
	"Identities are checked by their service": func(f *fixture) {
		iam := identity.ServiceKey{Type: "aws_iam", ExternalID: "123456789012"}
		if _, err := f.store.CreateService(f.ctx, f.actor, iam, ""); err != nil {
			f.Fatal(err)
		}
		f.invalid(identity.CodeIdentityInvalid, write(alice, value(iam, "arn:aws:iam::210987654321:user/alice")))
		f.invalid(identity.CodeIdentityInvalid, write(alice, value(google, "alice")))
		f.put(alice, value(iam, "arn:aws:iam::123456789012:user/alice"))
	},
	"Bad services are refused": func(f *fixture) {
		for _, key := range []identity.ServiceKey{
			{}, {Type: "okta"}, {Type: "Okta", ExternalID: "x"}, {Type: "okta", ExternalID: "a\x00b"},
			{Type: "okta", ExternalID: "\xff"}, {Type: "slack", ExternalID: "acme"}, {Type: "okta", ExternalID: strings.Repeat("x", 10_240)},
		} {
			f.invalid(identity.CodeServiceInvalid, write(alice, value(key, "00u1")))
		}
	},
	"Bad sources, rules, revisions and profiles are refused": func(f *fixture) {
		ok := value(okta, "00u1")
		tooMany := map[string]string{}
		for i := range 1000 {
			tooMany[strings.Repeat("x", i)] = ""
		}
		for _, change := range []func(*store.MappingWrite){
			func(m *store.MappingWrite) { m.Source = "guess" },
			func(m *store.MappingWrite) { m.Source = "\x00" },
			func(m *store.MappingWrite) { m.Rule = "a\x00b" },
			func(m *store.MappingWrite) { m.Rule = "\xff" },
			func(m *store.MappingWrite) { m.Rule = strings.Repeat("x", 10_240) },
			func(m *store.MappingWrite) { m.IfRevision = -1 },
			func(m *store.MappingWrite) { m.Profile = map[string]string{"\x00": ""} },
			func(m *store.MappingWrite) { m.Profile = map[string]string{"a": "\xff"} },
			func(m *store.MappingWrite) { m.Profile = map[string]string{"a": strings.Repeat("x", 10_240)} },
			func(m *store.MappingWrite) { m.Profile = tooMany },
		} {
			m := ok
			change(&m)
			f.invalid(identity.CodeIdentityInvalid, write(alice, m))
		}
	},
	"Quotes and wildcards are plain text": func(f *fixture) {
		for _, id := range []string{`'; DROP TABLE users; --`, `%`, `_`, `"`, `\`, `?`, `$1`, "\U0001F600"} {
			m := f.put(alice, value(custom, id))
			equal(f, "value", id, m.Matcher["user_id"])
			equal(f, "holders", []identity.UserKey{alice}, f.holders(custom, id))
		}
		key := identity.UserKey(`o'hara"%_?$1\@acme.com`)
		f.upsert(write(key))
		if _, ok := f.user(key); !ok {
			f.Error("the user is not found")
		}
		if _, ok := f.user("%@acme.com"); ok {
			f.Error("a wildcard found a user")
		}
	},
	"The longest values are stored": func(f *fixture) {
		long := strings.Repeat("x", identity.MaxIdentityBytes)
		key := identity.ServiceKey{Type: "okta", ExternalID: strings.Repeat("y", identity.MaxExternalIDBytes)}
		if _, err := f.store.CreateService(f.ctx, f.actor, key, strings.Repeat("z", 1024)); err != nil {
			f.Fatal(err)
		}
		name := strings.Repeat("é", 150) + "@acme.com"
		m := f.put(identity.UserKey(name), on(ifUnclaimed, value(key, long)))
		equal(f, "value", long, m.Matcher["user_id"])
		equal(f, "holders", []identity.UserKey{identity.UserKey(name)}, f.holders(key, long))
	},
}

// invalid expects that a write is refused with a code, beside a good element
// that must not be written either.
func (f *fixture) invalid(code identity.Code, w store.UserWrite) {
	f.Helper()
	before := f.dump()
	_, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{write("good@acme.com", value(okta, "good")), w})
	if got := identity.CodeOf(err); got != code {
		f.Errorf("%.200s: got error %.200v with code %q, want %q", fmt.Sprintf("%+v", w), err, got, code)
	}
	f.same(before, "bad input")
}
