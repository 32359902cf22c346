// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"strings"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

const nobodysID = "6f1f1c1e-0000-4000-8000-000000000000"

var userTests = map[string]func(f *fixture){
	"A mapping creates an unknown person": func(f *fixture) {
		w := write(alice, value(okta, "00u1"))
		w.Name = " Alice@ACME.com "
		got := f.upsert(w)[0]
		if _, err := uuid.Parse(got.ID); err != nil {
			f.Errorf("the id %q is not a UUID", got.ID)
		}
		want := identity.User{ID: got.ID, Key: alice, Type: identity.Normal, Role: identity.Member, Name: "Alice@ACME.com",
			CreatedAt: got.CreatedAt, Mappings: got.Mappings}
		equal(f, "user", want, got)
		read, _ := f.user(alice)
		equal(f, "the user as read", got, read)
	},
	"A user needs no mappings": func(f *fixture) {
		got := f.upsert(write(alice))[0]
		equal(f, "mappings", 0, len(got.Mappings))
		read, ok := f.user(alice)
		equal(f, "found", true, ok)
		equal(f, "name", "alice@acme.com", read.Name)
	},
	"The first spelling of a name stays": func(f *fixture) {
		first := f.upsert(store.UserWrite{Key: alice, Name: "Alice@acme.com"})[0]
		f.upsert(store.UserWrite{Key: alice, Name: "ALICE@acme.com"})
		f.upsert(store.UserWrite{ID: first.ID, Key: alice, Name: "aLICE@acme.com"})
		got, _ := f.user(alice)
		equal(f, "user", first, got)
	},
	"An unknown bot is an error": func(f *fixture) {
		got := f.refuse([]failure{{Code: identity.CodeUserNotFound, User: "deploy-bot"}}, write("deploy-bot", value(okta, "00u1")))
		if want := "Unknown bot: deploy-bot"; !strings.Contains(got[0].Err.Message, want) {
			f.Errorf("the message is %q, want %q in it", got[0].Err.Message, want)
		}
	},
	"A bot is created with its type": func(f *fixture) {
		got := f.upsert(store.UserWrite{Type: identity.Bot, Key: "Deploy-Bot", Mappings: []store.MappingWrite{value(okta, "00u1")}})[0]
		equal(f, "type", identity.Bot, got.Type)
		equal(f, "name", "Deploy-Bot", got.Name)
		f.put("Deploy-Bot", value(okta, "00u2"))
		if _, ok := f.user("deploy-bot"); ok {
			f.Error("usernames must compare exactly")
		}
	},
	"A known id needs no key": func(f *fixture) {
		user := f.upsert(write(alice))[0]
		got := f.upsert(store.UserWrite{ID: user.ID, Mappings: []store.MappingWrite{value(okta, "00u1")}})[0]
		equal(f, "id", user.ID, got.ID)
		equal(f, "mappings", 1, len(got.Mappings))
	},
	"An unknown id is ignored where the key is known or new": func(f *fixture) {
		user := f.upsert(write(alice))[0]
		for _, id := range []string{nobodysID, "not an id", "", "\x00", "\xff", strings.ToUpper(user.ID)} {
			got := f.upsert(store.UserWrite{ID: id, Key: alice})[0]
			equal(f, "id", user.ID, got.ID)
		}
		got := f.upsert(store.UserWrite{ID: nobodysID, Key: bob})[0]
		if got.ID == nobodysID {
			f.Error("the caller's id was taken over")
		}
	},
	"Neither a known id nor a key is an error": func(f *fixture) {
		f.refuse([]failure{{Index: 0, Code: identity.CodeUserNotFound}, {Index: 1, Code: identity.CodeUserNotFound}},
			store.UserWrite{ID: nobodysID, Mappings: []store.MappingWrite{value(okta, "00u1")}}, store.UserWrite{})
	},
	"A known id with another key renames": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		got := f.upsert(store.UserWrite{ID: user.ID, Key: "alice.smith@acme.com", Name: "Alice.Smith@acme.com"})[0]
		want := user
		want.Key, want.Name = "alice.smith@acme.com", "Alice.Smith@acme.com"
		equal(f, "user", want, got)
		if _, ok := f.user(alice); ok {
			f.Error("the old name is still known")
		}
		read, _ := f.user("alice.smith@acme.com")
		equal(f, "the user as read", want, read)
	},
	"A taken name is a conflict": func(f *fixture) {
		user := f.upsert(write(alice), write(bob))[0]
		f.refuse([]failure{{Code: identity.CodeUserConflict, User: bob}}, store.UserWrite{ID: user.ID, Key: bob})
	},
	"Names change hands in order": func(f *fixture) {
		users := f.upsert(write(alice), write(bob))
		f.upsert(
			store.UserWrite{ID: users[0].ID, Key: "tmp@acme.com"},
			store.UserWrite{ID: users[1].ID, Key: alice},
			store.UserWrite{ID: users[0].ID, Key: bob},
			write("tmp@acme.com"),
		)
		a, _ := f.user(alice)
		b, _ := f.user(bob)
		equal(f, "alice is now", users[1].ID, a.ID)
		equal(f, "bob is now", users[0].ID, b.ID)
		equal(f, "users", 3, len(f.dump().Users))
	},
	"A user's type does not change": func(f *fixture) {
		users := f.upsert(write(alice), store.UserWrite{Type: identity.Bot, Key: "bot"})
		for _, w := range []store.UserWrite{
			{ID: users[0].ID, Type: identity.Bot},
			{ID: users[0].ID, Key: "username"},
			{ID: users[1].ID, Key: carol},
		} {
			if _, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{w}); identity.CodeOf(err) != identity.CodeUserInvalid {
				f.Errorf("%+v: got error %v", w, err)
			}
		}
		f.refuse([]failure{{Code: identity.CodeUserInvalid, User: carol}}, store.UserWrite{Key: carol, Type: identity.Bot})
		f.refuse([]failure{{Code: identity.CodeUserInvalid, User: "name"}}, store.UserWrite{Key: "name", Type: identity.Normal})
	},
	"First and last names are left alone unless sent": func(f *fixture) {
		first, last, empty := "Alice", "Ål", ""
		f.upsert(store.UserWrite{Key: alice, FirstName: &first, LastName: &last})
		got := f.upsert(write(alice, value(okta, "00u1")))[0]
		equal(f, "names", first+last, got.FirstName+got.LastName)
		f.upsert(store.UserWrite{Key: alice, FirstName: &empty})
		got, _ = f.user(alice)
		equal(f, "first name", "", got.FirstName)
		equal(f, "last name", last, got.LastName)
	},
	"Mappings not listed are left alone": func(f *fixture) {
		f.put(alice, value(okta, "00u1"))
		got := f.upsert(write(alice, value(custom, "alice")))[0]
		equal(f, "mappings", 2, len(got.Mappings))
		equal(f, "first by key", custom, got.Mappings[0].Service)
	},
	"A role is set": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		for _, role := range []identity.Role{identity.Admin, identity.Guest, identity.Guest, identity.Member} {
			got, err := f.store.SetRole(f.ctx, f.actor, user.ID, role)
			if err != nil {
				f.Fatal(err)
			}
			want := user
			want.Role = role
			equal(f, "user", want, got)
			read, _ := f.user(alice)
			equal(f, "the user as read", want, read)
		}
	},
	"A wrong role or user is refused": func(f *fixture) {
		user := f.upsert(write(alice))[0]
		_, err := f.store.SetRole(f.ctx, f.actor, user.ID, "owner")
		f.code(err, identity.CodeUserInvalid)
		for _, id := range []string{nobodysID, "", "\x00"} {
			_, err = f.store.SetRole(f.ctx, f.actor, id, identity.Admin)
			f.code(err, identity.CodeUserNotFound)
		}
	},
}

var batchTests = map[string]func(f *fixture){
	"An empty batch is a success": func(f *fixture) {
		before := f.dump()
		for _, writes := range [][]store.UserWrite{nil, {}} {
			users, err := f.store.UpsertUsers(f.ctx, f.actor, writes)
			if err != nil || len(users) != 0 {
				f.Errorf("got %v, %v", users, err)
			}
		}
		if deleted, err := f.store.DeleteMappings(f.ctx, f.actor, nil); err != nil || len(deleted) != 0 {
			f.Errorf("got %v, %v", deleted, err)
		}
		if deleted, err := f.store.DeleteUsers(f.ctx, f.actor, nil); err != nil || len(deleted) != 0 {
			f.Errorf("got %v, %v", deleted, err)
		}
		f.same(before, "an empty batch")
	},
	"Every element is checked and every failure named": func(f *fixture) {
		f.upsert(write(alice, value(okta, "00u1")), write(carol, value(okta, "00u3")))
		unknown := identity.ServiceKey{Type: "okta", ExternalID: "other.okta.com"}
		f.refuse([]failure{
			{Index: 0, Code: identity.CodeIdentityConflict, User: alice, Service: okta},
			{Index: 2, Code: identity.CodeServiceNotFound, User: bob, Service: unknown},
			{Index: 2, Code: identity.CodeIdentityInvalid, User: bob, Service: google},
			{Index: 3, Code: identity.CodeUserNotFound, User: "nobot"},
			{Index: 4, Code: identity.CodeServiceManaged, User: carol, Service: identity.SymCloud()},
			{Index: 5, Code: identity.CodeIdentityClaimed, User: "dave@acme.com", Service: okta, Holder: carol},
		},
			write(alice, on(ifAbsent, value(okta, "00u2"))),
			write("fine@acme.com", value(okta, "fine")),
			write(bob, value(unknown, "x"), value(google, "no-email"), value(okta, "fine, too")),
			write("nobot"),
			write(carol, store.MappingWrite{Service: identity.SymCloud(), Matcher: identity.Matcher{"email": "carol@acme.com"}}),
			write("dave@acme.com", on(ifUnclaimed, value(okta, "00u3"))),
		)
	},
	"The same user twice is applied in order": func(f *fixture) {
		got := f.upsert(write(alice, value(okta, "00u1")), write(bob), write(alice, value(okta, "00u2"), value(custom, "a")))
		equal(f, "the first as the last", got[2], got[0])
		m, _ := f.stored(alice, okta)
		equal(f, "value", "00u2", m.Matcher["user_id"])
	},
	"A later element sees what an earlier one stored": func(f *fixture) {
		got := f.refuse([]failure{{Index: 1, Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
			write(alice, value(okta, "00u1")), write(alice, on(ifAbsent, value(okta, "00u2"))))
		equal(f, "stored", "00u1", got[0].Err.Stored.Matcher["user_id"])
		f.upsert(write(alice, value(okta, "00u1")), write(alice, on(ifAbsent, value(okta, "00u1"))))
	},
	"The same service twice in one element is applied in order": func(f *fixture) {
		f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u1")), value(okta, "00u2")))
		m, _ := f.stored(alice, okta)
		equal(f, "value", "00u2", m.Matcher["user_id"])
	},
	"A user is created only with the whole batch": func(f *fixture) {
		f.refuse([]failure{{Index: 1, Code: identity.CodeUserNotFound, User: "nobot"}}, write(alice), write("nobot"))
		if _, ok := f.user(alice); ok {
			f.Error("half of a refused batch was written")
		}
	},
	"Managed services are refused": func(f *fixture) {
		auth0 := identity.ServiceKey{Type: "auth0", ExternalID: "acme"}
		got := f.refuse([]failure{{Code: identity.CodeServiceManaged, User: alice, Service: auth0}},
			write(alice, store.MappingWrite{Service: auth0, Matcher: identity.Matcher{"idp_id": "x"}}))
		for _, word := range []string{"cannot be", "managed"} {
			if !strings.Contains(got[0].Err.Message, word) {
				f.Errorf("the message %q lacks %q", got[0].Err.Message, word)
			}
		}
	},
	"Who wrote last is kept": func(f *fixture) {
		f.put(alice, value(okta, "00u1"))
		f.actor = store.Actor{Name: "someone\x00\xff else", RequestID: "\xff"}
		got := f.put(alice, value(okta, "00u2"))
		if !strings.HasPrefix(got.UpdatedBy, "someone") || !strings.HasSuffix(got.UpdatedBy, "else") {
			f.Errorf("updated by %q", got.UpdatedBy)
		}
	},
}
