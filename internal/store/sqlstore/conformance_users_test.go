// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

const nobodysID = "6f1f1c1e-0000-4000-8000-000000000000"

var userTests = []conformanceTest{
	{"A mapping creates an unknown person", aMappingCreatesAnUnknownPerson},
	{"A user needs no mappings", aUserNeedsNoMappings},
	{"The first spelling of a name stays", theFirstSpellingOfANameStays},
	{"An unknown bot is an error", anUnknownBotIsAnError},
	{"A bot is created with its type", aBotIsCreatedWithItsType},
	{"A known id needs no key", aKnownIDNeedsNoKey},
	{"An unknown id is ignored where the key is known or new", anUnknownIDIsIgnoredWhereTheKeyIsKnownOrNew},
	{"Neither a known id nor a key is an error", neitherAKnownIDNorAKeyIsAnError},
	{"A known id with another key renames", aKnownIDWithAnotherKeyRenames},
	{"A taken name is a conflict", aTakenNameIsAConflict},
	{"Names change hands in order", namesChangeHandsInOrder},
	{"A user's type does not change", aUsersTypeDoesNotChange},
	{"First and last names are left alone unless sent", firstAndLastNamesAreLeftAloneUnlessSent},
	{"Mappings not listed are left alone", mappingsNotListedAreLeftAlone},
	{"A role is set", aRoleIsSet},
	{"Mappings and names leave the revision alone", mappingsAndNamesLeaveTheRevisionAlone},
	{"A user is asserted", aUserIsAsserted},
	{"A user changes only at its revision", aUserChangesOnlyAtItsRevision},
	{"A wrong role or user is refused", aWrongRoleOrUserIsRefused},
}

func aMappingCreatesAnUnknownPerson(f *fixture) {
	w := write(alice, value(okta, "00u1"))
	w.Name = " Alice@ACME.com "
	got := f.upsert(w)[0]
	if _, err := uuid.Parse(got.ID); err != nil {
		f.Errorf("the id %q is not a UUID", got.ID)
	}
	want := identity.User{ID: got.ID, Key: alice, Type: identity.Normal, Role: identity.Member, Name: "Alice@ACME.com",
		CreatedAt: got.CreatedAt, Revision: got.Revision, UpdatedAt: got.CreatedAt, UpdatedBy: "ci", Mappings: got.Mappings}
	f.newer("created user", 0, got.Revision)
	equal(f, "user", want, got)
	read, _ := f.user(alice)
	equal(f, "the user as read", got, read)
}

func aUserNeedsNoMappings(f *fixture) {
	got := f.upsert(write(alice))[0]
	equal(f, "mappings", 0, len(got.Mappings))
	read, ok := f.user(alice)
	equal(f, "found", true, ok)
	equal(f, "name", "alice@acme.com", read.Name)
}

func theFirstSpellingOfANameStays(f *fixture) {
	first := f.upsert(store.UserWrite{Key: alice, Name: "Alice@acme.com"})[0]
	f.upsert(store.UserWrite{Key: alice, Name: "ALICE@acme.com"})
	f.upsert(store.UserWrite{ID: first.ID, Key: alice, Name: "aLICE@acme.com"})
	got, _ := f.user(alice)
	equal(f, "user", first, got)
}

func anUnknownBotIsAnError(f *fixture) {
	got := f.refuse([]failure{{Code: identity.CodeUserNotFound, User: "deploy-bot"}}, write("deploy-bot", value(okta, "00u1")))
	if want := "Unknown bot: deploy-bot"; !strings.Contains(got[0].Err.Message, want) {
		f.Errorf("the message is %q, want %q in it", got[0].Err.Message, want)
	}
}

func aBotIsCreatedWithItsType(f *fixture) {
	got := f.upsert(store.UserWrite{Type: identity.Bot, Key: "Deploy-Bot", Mappings: []store.MappingWrite{value(okta, "00u1")}})[0]
	equal(f, "type", identity.Bot, got.Type)
	equal(f, "name", "Deploy-Bot", got.Name)
	f.put("Deploy-Bot", value(okta, "00u2"))
	if _, ok := f.user("deploy-bot"); ok {
		f.Error("usernames must compare exactly")
	}
}

func aKnownIDNeedsNoKey(f *fixture) {
	user := f.upsert(write(alice))[0]
	got := f.upsert(store.UserWrite{ID: user.ID, Mappings: []store.MappingWrite{value(okta, "00u1")}})[0]
	equal(f, "id", user.ID, got.ID)
	equal(f, "mappings", 1, len(got.Mappings))
}

func anUnknownIDIsIgnoredWhereTheKeyIsKnownOrNew(f *fixture) {
	user := f.upsert(write(alice))[0]
	for _, id := range []string{nobodysID, "not an id", "", "\x00", "\xff", strings.ToUpper(user.ID)} {
		got := f.upsert(store.UserWrite{ID: id, Key: alice})[0]
		equal(f, "id", user.ID, got.ID)
	}
	got := f.upsert(store.UserWrite{ID: nobodysID, Key: bob})[0]
	if got.ID == nobodysID {
		f.Error("the caller's id was taken over")
	}
}

func neitherAKnownIDNorAKeyIsAnError(f *fixture) {
	f.refuse([]failure{{Index: 0, Code: identity.CodeUserNotFound}, {Index: 1, Code: identity.CodeUserNotFound}},
		store.UserWrite{ID: nobodysID, Mappings: []store.MappingWrite{value(okta, "00u1")}}, store.UserWrite{})
}

func aKnownIDWithAnotherKeyRenames(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	got := f.upsert(store.UserWrite{ID: user.ID, Key: "alice.smith@acme.com", Name: "Alice.Smith@acme.com"})[0]
	want := user
	want.Key, want.Name, want.Revision, want.UpdatedAt = "alice.smith@acme.com", "Alice.Smith@acme.com", got.Revision, got.UpdatedAt
	f.newer("renamed user", user.Revision, got.Revision)
	equal(f, "user", want, got)
	if _, ok := f.user(alice); ok {
		f.Error("the old name is still known")
	}
	read, _ := f.user("alice.smith@acme.com")
	equal(f, "the user as read", want, read)
}

func aTakenNameIsAConflict(f *fixture) {
	user := f.upsert(write(alice), write(bob))[0]
	f.refuse([]failure{{Code: identity.CodeUserConflict, User: bob}}, store.UserWrite{ID: user.ID, Key: bob})
}

func namesChangeHandsInOrder(f *fixture) {
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
}

func aUsersTypeDoesNotChange(f *fixture) {
	users := f.upsert(write(alice), store.UserWrite{Type: identity.Bot, Key: "bot"})
	for _, w := range []store.UserWrite{
		{ID: users[0].ID, Type: identity.Bot, Key: "username"},
		{ID: users[0].ID, Key: "username"},
		{ID: users[1].ID, Key: carol},
	} {
		if _, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{w}); identity.CodeOf(err) != identity.CodeUserInvalid {
			f.Errorf("%+v: got error %v", w, err)
		}
	}
	// The type of a known id is not asked, and not stored.
	if same := f.upsert(store.UserWrite{ID: users[0].ID, Type: identity.Bot})[0]; same.Type != identity.Normal {
		f.Errorf("the person is a %s now", same.Type)
	}
	f.refuse([]failure{{Code: identity.CodeUserInvalid, User: carol}}, store.UserWrite{Key: carol, Type: identity.Bot})
	f.refuse([]failure{{Code: identity.CodeUserInvalid, User: "name"}}, store.UserWrite{Key: "name", Type: identity.Normal})
}

func firstAndLastNamesAreLeftAloneUnlessSent(f *fixture) {
	first, last, empty := "Alice", "Ål", ""
	f.upsert(store.UserWrite{Key: alice, FirstName: &first, LastName: &last})
	got := f.upsert(write(alice, value(okta, "00u1")))[0]
	equal(f, "names", first+last, got.FirstName+got.LastName)
	f.upsert(store.UserWrite{Key: alice, FirstName: &empty})
	got, _ = f.user(alice)
	equal(f, "first name", "", got.FirstName)
	equal(f, "last name", last, got.LastName)
}

func mappingsNotListedAreLeftAlone(f *fixture) {
	f.put(alice, value(okta, "00u1"))
	got := f.upsert(write(alice, value(custom, "alice")))[0]
	equal(f, "mappings", 2, len(got.Mappings))
	equal(f, "first by key", custom, got.Mappings[0].Service)
}

func aRoleIsSet(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	for _, role := range []identity.Role{identity.Admin, identity.Guest, identity.Guest, identity.Member} {
		got, err := f.store.SetRole(f.ctx, f.actor, user.ID, role)
		if err != nil {
			f.Fatal(err)
		}
		want := user
		want.Role, want.Revision, want.UpdatedAt = role, got.Revision, got.UpdatedAt
		if changed := got.Revision != user.Revision; changed != (role != user.Role) {
			f.Errorf("from %s to %s the revision went from %d to %d", user.Role, role, user.Revision, got.Revision)
		}
		user = got
		equal(f, "user", want, got)
		read, _ := f.user(alice)
		equal(f, "the user as read", want, read)
	}
}

func mappingsAndNamesLeaveTheRevisionAlone(f *fixture) {
	first := "Alice"
	user := f.upsert(store.UserWrite{Key: alice, FirstName: &first})[0]
	for _, w := range []store.UserWrite{write(alice, value(okta, "00u1")), {Key: alice}, {ID: user.ID}, {ID: user.ID, Key: alice, FirstName: &first},
		{Key: alice, FirstName: &first, IfRevision: user.Revision + 1}} {
		equal(f, "revision", user.Revision, f.upsert(w)[0].Revision)
	}
	f.unmap(user.ID, okta, "00u1")
	read, _ := f.user(alice)
	equal(f, "revision as read", user.Revision, read.Revision)
}

func aUserIsAsserted(f *fixture) {
	user := f.upsert(write(alice))[0]
	got := f.upsert(store.UserWrite{Key: alice, IfRevision: user.Revision, Assert: true})[0]
	f.newer("asserted user", user.Revision, got.Revision)
	user.Revision, user.UpdatedAt = got.Revision, got.UpdatedAt
	equal(f, "user", user, got)

	f.actor.RequestID = "once"
	once := f.upsert(store.UserWrite{Key: alice, Assert: true})[0]
	equal(f, "the request when it comes again", once, f.upsert(store.UserWrite{Key: alice, Assert: true})[0])
	f.actor.Name = "another"
	f.newer("user that another caller asserts", once.Revision, f.upsert(store.UserWrite{Key: alice, Assert: true})[0].Revision)
}

func aUserChangesOnlyAtItsRevision(f *fixture) {
	first, last := "Alice", "Smith"
	old := f.upsert(write(alice))[0]
	newest := f.upsert(store.UserWrite{Key: alice, Assert: true})[0]
	conflict := []failure{{Code: identity.CodeUserConflict, User: alice}}
	f.refuse(conflict, store.UserWrite{Key: alice, FirstName: &first, IfRevision: old.Revision})
	f.refuse([]failure{{Code: identity.CodeUserConflict, User: bob}}, store.UserWrite{Key: bob, IfRevision: old.Revision})
	f.refuse([]failure{{Index: 1, Code: identity.CodeUserConflict, User: alice}}, // no caller can know the revision that the first gives
		store.UserWrite{Key: alice, FirstName: &first}, store.UserWrite{Key: alice, LastName: &last, IfRevision: newest.Revision})

	before := f.dump()
	_, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: newest.ID, IfRevision: old.Revision}})
	f.failures(err, conflict)
	_, err = f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{Key: alice, IfRevision: old.Revision}})
	f.failures(err, conflict)
	f.same(before, "deleting at another revision")

	got := f.upsert(store.UserWrite{Key: alice, FirstName: &first, IfRevision: newest.Revision})[0]
	for _, want := range []bool{true, false} {
		deleted, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: newest.ID, IfRevision: got.Revision}})
		if err != nil || deleted[0].Existed != want {
			f.Errorf("at its revision the user was there: %+v (%v), want %v", deleted, err, want)
		}
	}
	f.newer("user who is created again", got.Revision, f.upsert(write(alice))[0].Revision)
}

func aWrongRoleOrUserIsRefused(f *fixture) {
	user := f.upsert(write(alice))[0]
	_, err := f.store.SetRole(f.ctx, f.actor, user.ID, "owner")
	f.code(err, identity.CodeUserInvalid)
	for _, id := range []string{nobodysID, "", "\x00"} {
		_, err = f.store.SetRole(f.ctx, f.actor, id, identity.Admin)
		f.code(err, identity.CodeUserNotFound)
	}
}

var batchTests = []conformanceTest{
	{"An empty batch is a success", anEmptyBatchIsASuccess},
	{"Every element is checked and every failure named", everyElementIsCheckedAndEveryFailureNamed},
	{"The same user twice is applied in order", theSameUserTwiceIsAppliedInOrder},
	{"A later element sees what an earlier one stored", aLaterElementSeesWhatAnEarlierOneStored},
	{"The same service twice in one element is applied in order", theSameServiceTwiceInOneElementIsAppliedInOrder},
	{"A user is created only with the whole batch", aUserIsCreatedOnlyWithTheWholeBatch},
	{"Managed services are refused", managedServicesAreRefused},
	{"Who wrote last is kept", whoWroteLastIsKept},
}

func anEmptyBatchIsASuccess(f *fixture) {
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
}

func everyElementIsCheckedAndEveryFailureNamed(f *fixture) {
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
		write(bob, value(unknown, "x"), value(google, "no-email"), value(okta, "fine-too")),
		write("nobot"),
		write(carol, store.MappingWrite{Service: identity.SymCloud(), Matcher: identity.Matcher{"email": "carol@acme.com"}}),
		write("dave@acme.com", on(ifUnclaimed, value(okta, "00u3"))),
	)
}

func theSameUserTwiceIsAppliedInOrder(f *fixture) {
	got := f.upsert(write(alice, value(okta, "00u1")), write(bob), write(alice, value(okta, "00u2"), value(custom, "a")))
	equal(f, "the first as the last", got[2], got[0])
	m, _ := f.stored(alice, okta)
	equal(f, "value", "00u2", m.Matcher["user_id"])
}

func aLaterElementSeesWhatAnEarlierOneStored(f *fixture) {
	got := f.refuse([]failure{{Index: 1, Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
		write(alice, value(okta, "00u1")), write(alice, on(ifAbsent, value(okta, "00u2"))))
	equal(f, "stored", "00u1", got[0].Err.Stored.Matcher["user_id"])
	f.upsert(write(alice, value(okta, "00u1")), write(alice, on(ifAbsent, value(okta, "00u1"))))
}

func theSameServiceTwiceInOneElementIsAppliedInOrder(f *fixture) {
	f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u1")), value(okta, "00u2")))
	m, _ := f.stored(alice, okta)
	equal(f, "value", "00u2", m.Matcher["user_id"])
}

func aUserIsCreatedOnlyWithTheWholeBatch(f *fixture) {
	f.refuse([]failure{{Index: 1, Code: identity.CodeUserNotFound, User: "nobot"}}, write(alice), write("nobot"))
	if _, ok := f.user(alice); ok {
		f.Error("half of a refused batch was written")
	}
}

func managedServicesAreRefused(f *fixture) {
	auth0 := identity.ServiceKey{Type: "auth0", ExternalID: "acme"}
	got := f.refuse([]failure{{Code: identity.CodeServiceManaged, User: alice, Service: auth0}},
		write(alice, store.MappingWrite{Service: auth0, Matcher: identity.Matcher{"idp_id": "x"}}))
	for _, word := range []string{"cannot be", "managed"} {
		if !strings.Contains(got[0].Err.Message, word) {
			f.Errorf("the message %q lacks %q", got[0].Err.Message, word)
		}
	}
}

func whoWroteLastIsKept(f *fixture) {
	f.put(alice, value(okta, "00u1"))
	f.actor = store.Actor{Name: "someone\x00\xff else", RequestID: "\xff"}
	got := f.put(alice, value(okta, "00u2"))
	if !strings.HasPrefix(got.UpdatedBy, "someone") || !strings.HasSuffix(got.UpdatedBy, "else") {
		f.Errorf("updated by %q", got.UpdatedBy)
	}
}

var deleteTests = []conformanceTest{
	{"A mapping is deleted by its value", aMappingIsDeletedByItsValue},
	{"Another value is a conflict", anotherValueIsAConflict},
	{"Another revision is a conflict", anotherRevisionIsAConflict},
	{"An old revision never matches a mapping made again", anOldRevisionNeverMatchesAMappingMadeAgain},
	{"What is not there is a success", whatIsNotThereIsASuccess},
	{"The same mapping twice goes once", theSameMappingTwiceGoesOnce},
	{"A refused delete deletes nothing and names all", aRefusedDeleteDeletesNothingAndNamesAll},
	{"The user stays when the last mapping goes", theUserStaysWhenTheLastMappingGoes},
	{"A user goes with all mappings", aUserGoesWithAllMappings},
	{"A user with mappings stays where none must go along", aUserWithMappingsStaysWhereNoneMustGoAlong},
	{"A user with another key is a conflict", aUserWithAnotherKeyIsAConflict},
	{"A user is deleted by name", aUserIsDeletedByName},
	{"The type of a known id is not asked", theTypeOfAKnownIDIsNotAsked},
}

func aMappingIsDeletedByItsValue(f *fixture) {
	user := f.upsert(write(alice, value(github, "Octocat"), value(okta, "00u1")))[0]
	f.unmap(user.ID, github, "octocat")
	got, _ := f.user(alice)
	equal(f, "mappings left", 1, len(got.Mappings))
}

func anotherValueIsAConflict(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	for _, matcher := range []identity.Matcher{{"user_id": "00u2"}, {}, nil, {"user_id": "00u1", "x": "y"}, {"user_id": "00u1\x00"}} {
		got := f.keep([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
			store.MappingDelete{UserID: user.ID, Service: okta, Matcher: matcher})
		equal(f, "stored", &user.Mappings[0], got[0].Err.Stored)
	}
}

func anotherRevisionIsAConflict(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	d := store.MappingDelete{UserID: user.ID, Service: okta, Matcher: user.Mappings[0].Matcher, IfRevision: user.Mappings[0].Revision}
	now := f.put(alice, from(identity.Manual, value(okta, "00u1")))
	got := f.keep([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}}, d)
	equal(f, "stored", &now, got[0].Err.Stored)
	d.IfRevision = now.Revision
	equal(f, "deleted", []bool{true}, f.deleteMappings(d))
}

func anOldRevisionNeverMatchesAMappingMadeAgain(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	d := store.MappingDelete{UserID: user.ID, Service: okta, Matcher: user.Mappings[0].Matcher, IfRevision: user.Mappings[0].Revision}
	equal(f, "deleted", []bool{true}, f.deleteMappings(d))
	f.put(alice, value(okta, "00u1"))
	f.keep([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}}, d)
}

func whatIsNotThereIsASuccess(f *fixture) {
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
}

func theSameMappingTwiceGoesOnce(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	d := store.MappingDelete{UserID: user.ID, Service: okta, Matcher: user.Mappings[0].Matcher}
	equal(f, "deleted", []bool{true, false}, f.deleteMappings(d, d))
}

func aRefusedDeleteDeletesNothingAndNamesAll(f *fixture) {
	users := f.upsert(write(alice, value(okta, "00u1")), write(bob, value(okta, "00u2")))
	f.keep([]failure{
		{Index: 1, Code: identity.CodeIdentityConflict, User: bob, Service: okta},
		{Index: 2, Code: identity.CodeServiceManaged, User: alice, Service: identity.SymCloud()},
	},
		store.MappingDelete{UserID: users[0].ID, Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}},
		store.MappingDelete{UserID: users[1].ID, Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}},
		store.MappingDelete{UserID: users[0].ID, Service: identity.SymCloud(), Matcher: identity.Matcher{"email": "alice@acme.com"}})
}

func theUserStaysWhenTheLastMappingGoes(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	f.unmap(user.ID, okta, "00u1")
	if _, ok := f.user(alice); !ok {
		f.Error("the user is gone")
	}
}

func aUserGoesWithAllMappings(f *fixture) {
	users := f.upsert(write(alice, value(okta, "00u1"), value(custom, "a")), write(bob, value(okta, "00u2")))
	deleted, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{
		{ID: users[0].ID, Key: alice}, {ID: users[0].ID}, {ID: nobodysID}, {ID: "\xff", Key: alice}})
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "deleted", []store.DeletedUser{{ID: users[0].ID, Existed: true, Mappings: 2}, {ID: users[0].ID}, {ID: nobodysID}, {ID: "\xff"}}, deleted)
	equal(f, "users left", []identity.UserKey{bob}, keysOf(f.dump().Users))
	equal(f, "holders", []identity.UserKey{}, f.holders(okta, "00u1"))
	again := f.upsert(write(alice))[0]
	if again.ID == users[0].ID || len(again.Mappings) != 0 {
		f.Errorf("the new user is the old one: %+v", again)
	}
}

func aUserWithMappingsStaysWhereNoneMustGoAlong(f *fixture) {
	users := f.upsert(write(alice, value(okta, "00u1")), write(bob))
	before := f.dump()
	_, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: users[1].ID, IfUnmapped: true}, {ID: users[0].ID, IfUnmapped: true}})
	f.failures(err, []failure{{Index: 1, Code: identity.CodeUserConflict, User: alice}})
	f.same(before, "a refused delete")
	if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: users[1].ID, IfUnmapped: true}}); err != nil {
		f.Fatal(err)
	}
	equal(f, "users left", []identity.UserKey{alice}, keysOf(f.dump().Users))
}

func aUserIsDeletedByName(f *fixture) {
	bot := store.UserWrite{Key: "deployer", Name: "deployer", Type: identity.Bot}
	users := f.upsert(write(alice, value(okta, "00u1")), bot, write(bob))
	before := f.dump()
	deleted, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{Key: alice}, {Key: "nobot"}})
	if deleted != nil {
		f.Errorf("a refused delete returned %v", deleted)
	}
	f.failures(err, []failure{{Index: 1, Code: identity.CodeUserNotFound, User: "nobot"}})
	f.same(before, "a refused delete")
	deleted, err = f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{Key: alice}, {Key: "deployer"}, {Key: "nobody@example.com"}})
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "deleted", []store.DeletedUser{{ID: users[0].ID, Existed: true, Mappings: 1}, {ID: users[1].ID, Existed: true}, {}}, deleted)
	equal(f, "users left", []identity.UserKey{bob}, keysOf(f.dump().Users))
}

func theTypeOfAKnownIDIsNotAsked(f *fixture) {
	bot := store.UserWrite{Key: "deployer", Name: "deployer", Type: identity.Bot}
	users := f.upsert(bot)
	again := f.upsert(store.UserWrite{ID: users[0].ID, Key: "deployer", Name: "deployer", Type: identity.Normal, Mappings: []store.MappingWrite{value(okta, "00u1")}})
	if again[0].Type != identity.Bot || len(again[0].Mappings) != 1 {
		f.Errorf("got %+v", again[0])
	}
	_, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{
		{ID: nobodysID, Key: "other", Name: "other", Type: identity.Normal}, {ID: users[0].ID, Key: alice, Name: string(alice), Type: identity.Normal}})
	f.failures(err, []failure{{Index: 0, Code: identity.CodeUserInvalid, User: "other"}, {Index: 1, Code: identity.CodeUserInvalid, User: alice}})
}

func aUserWithAnotherKeyIsAConflict(f *fixture) {
	users := f.upsert(write(alice, value(okta, "00u1")), write(bob))
	before := f.dump()
	deleted, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: users[1].ID}, {ID: users[0].ID, Key: bob}})
	if deleted != nil {
		f.Errorf("a refused delete returned %v", deleted)
	}
	f.failures(err, []failure{{Index: 1, Code: identity.CodeUserConflict, User: alice}})
	f.same(before, "a refused delete")
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

var listTests = []conformanceTest{
	{"An empty store has no users", anEmptyStoreHasNoUsers},
	{"Users are listed by key, byte by byte", usersAreListedByKeyByteByByte},
	{"Pages of every size hold everybody once", pagesOfEverySizeHoldEverybodyOnce},
	{"The last full page has no next", theLastFullPageHasNoNext},
	{"A cursor without a limit lists the rest", aCursorWithoutALimitListsTheRest},
	{"Listing goes on while users come, go and are renamed", listingGoesOnWhileUsersComeAndGo},
	{"Filters select", filtersSelect},
	{"UserPages hold everybody once, as at one moment", userPagesHoldEverybodyOnceAsAtOneMoment},
	{"UserPages select, begin at a cursor and may be left", userPagesSelectBeginAtACursorAndMayBeLeft},
	{"A bad cursor or limit is an error", aBadCursorOrLimitIsAnError},
	{"FindUsers takes thousands of keys", findUsersTakeThousandsOfKeys},
	{"FindUsers of nobody", findUsersOfNobody},
	{"Thousands of users are listed whole", thousandsOfUsersAreListedWhole},
}

func anEmptyStoreHasNoUsers(f *fixture) {
	users, next, err := f.store.Users(f.ctx, store.UserFilter{})
	if err != nil || users == nil || len(users) != 0 || next != "" {
		f.Errorf("got %v, %q, %v", users, next, err)
	}
}

func usersAreListedByKeyByteByByte(f *fixture) {
	keys := []identity.UserKey{"a@acme.com", "a_b@acme.com", "a-b@acme.com", "a+b@acme.com", "ab@acme.com", "\u00e5@acme.com", "z@acme.com", "\u212a@acme.com"}
	for _, k := range keys {
		f.upsert(write(k))
	}
	f.upsert(store.UserWrite{Key: "Bot", Type: identity.Bot}, store.UserWrite{Key: "bot", Type: identity.Bot})
	equal(f, "keys", sorted(append(keys, "Bot", "bot")), keysOf(f.dump().Users))
}

func pagesOfEverySizeHoldEverybodyOnce(f *fixture) {
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
}

func theLastFullPageHasNoNext(f *fixture) {
	f.upsert(write(alice), write(bob))
	users, next, err := f.store.Users(f.ctx, store.UserFilter{Limit: 2})
	if err != nil || len(users) != 2 || next != "" {
		f.Errorf("got %d users, next %q, %v", len(users), next, err)
	}
}

func aCursorWithoutALimitListsTheRest(f *fixture) {
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
}

func listingGoesOnWhileUsersComeAndGo(f *fixture) {
	users := f.upsert(write(alice), write(bob), write(carol), write("dan@acme.com"))
	page, next, err := f.store.Users(f.ctx, store.UserFilter{Limit: 2})
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "first page", []identity.UserKey{alice, bob}, keysOf(page))
	f.upsert(write("aaron@acme.com"), write("bz@acme.com"))
	f.upsert(store.UserWrite{ID: users[3].ID, Key: "abe@acme.com"}, store.UserWrite{ID: users[0].ID, Key: "zoe@acme.com"})
	if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: users[1].ID}}); err != nil {
		f.Fatal(err)
	}
	page, next, err = f.store.Users(f.ctx, store.UserFilter{Limit: 2, Cursor: next})
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "second page", []identity.UserKey{carol, "abe@acme.com"}, keysOf(page))
	page, _, err = f.store.Users(f.ctx, store.UserFilter{Limit: 2, Cursor: next})
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "third page", []identity.UserKey{"aaron@acme.com", "bz@acme.com"}, keysOf(page))
}

func filtersSelect(f *fixture) {
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
}

func userPagesHoldEverybodyOnceAsAtOneMoment(f *fixture) {
	f.crowd(2100)
	all := f.dump().Users
	var got []identity.User
	for page, err := range f.store.UserPages(f.ctx, store.UserFilter{}) {
		if err != nil {
			f.Fatal(err)
		}
		if len(got) == 0 { // whoever comes, goes or changes now is not seen
			f.upsert(write("zoe@acme.com"), store.UserWrite{ID: all[0].ID, Key: "zz@acme.com"}, write(all[2000].Key, value(okta, "new")))
			if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: all[2050].ID}}); err != nil {
				f.Fatal(err)
			}
		}
		got = append(got, page...)
	}
	equal(f, "all", all, got)
}

func userPagesSelectBeginAtACursorAndMayBeLeft(f *fixture) {
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
}

func aBadCursorOrLimitIsAnError(f *fixture) {
	for _, filter := range []store.UserFilter{{Cursor: "%"}, {Cursor: "AAAA"}, {Cursor: "_____w"}, {Limit: -1}} {
		_, _, err := f.store.Users(f.ctx, filter)
		f.code(err, identity.CodeInvalid)
	}
}

func findUsersTakeThousandsOfKeys(f *fixture) {
	want := f.crowd(2100)
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
}

func findUsersOfNobody(f *fixture) {
	for _, keys := range [][]identity.UserKey{nil, {}, {"", "\x00", "\xff", "Alice@Acme.com", identity.UserKey(strings.Repeat("x", 10_000))}} {
		got, err := f.store.FindUsers(f.ctx, keys)
		if err != nil || len(got) != 0 {
			f.Errorf("%.40q: got %v, %v", keys, got, err)
		}
	}
}

func thousandsOfUsersAreListedWhole(f *fixture) {
	const n = 2100
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
