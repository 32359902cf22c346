// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore_test

import (
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var sources = []identity.Source{"", identity.Manual, identity.FromRule, identity.FromEmail, identity.FromRemote}

var sourceTests = []conformanceTest{
	{"A new mapping keeps all that was written", aNewMappingKeepsAllThatWasWritten},
	{"The rule is kept only with the source rule", theRuleIsKeptOnlyWithTheSourceRule},
	{"No source is manual", noSourceIsManual},
	{"Without source an equal value changes nothing", withoutSourceAnEqualValueChangesNothing},
	{"Without source another value is a manual overwrite", withoutSourceAnotherValueIsAManualOverwrite},
	{"A manual equal value is an assertion", aManualEqualValueIsAnAssertion},
	{"An assertion is made again after a lost reply", anAssertionIsMadeAgainAfterALostReply},
	{"A request that comes twice asserts once", aRequestThatComesTwiceAssertsOnce},
	{"A late repetition brings nothing back", aLateRepetitionBringsNothingBack},
	{"A late repetition of an automatic write brings nothing back", aLateRepetitionOfAnAutomaticWriteBringsNothingBack},
	{"A manual value overwrites any other", aManualValueOverwritesAnyOther},
	{"An automatic source never touches what is stored", anAutomaticSourceNeverTouchesWhatIsStored},
	{"A profile that is not sent stays", aProfileThatIsNotSentStays},
	{"A changed profile keeps the source", aChangedProfileKeepsTheSource},
	{"Values compare as their service compares them", valuesCompareAsTheirServiceComparesThem},
	{"A matcher may have many keys", aMatcherMayHaveManyKeys},
}

func aNewMappingKeepsAllThatWasWritten(f *fixture) {
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
}

func theRuleIsKeptOnlyWithTheSourceRule(f *fixture) {
	w := from(identity.FromEmail, value(okta, "00u1"))
	w.Rule = "left over"
	equal(f, "rule", "", f.put(alice, w).Rule)
}

func noSourceIsManual(f *fixture) {
	equal(f, "source", identity.Manual, f.put(alice, value(okta, "00u1")).Source)
}

func withoutSourceAnEqualValueChangesNothing(f *fixture) {
	for i, source := range sources[1:] {
		user := identity.UserKey(fmt.Sprintf("user%d@acme.com", i))
		f.put(user, from(source, value(okta, "00u1")))
		before := f.dump()
		f.put(user, value(okta, "00u1"))
		f.same(before, "an equal value")
	}
}

func withoutSourceAnotherValueIsAManualOverwrite(f *fixture) {
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
}

func aManualEqualValueIsAnAssertion(f *fixture) {
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
}

func anAssertionIsMadeAgainAfterALostReply(f *fixture) {
	old := f.put(alice, from(identity.FromRule, value(okta, "00u1")))
	adopt := on(identity.Conditions{IfRevision: old.Revision}, from(identity.Manual, value(okta, "00u1")))
	f.put(alice, adopt)
	equal(f, "source", identity.Manual, f.put(alice, adopt).Source)
}

func aRequestThatComesTwiceAssertsOnce(f *fixture) {
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
}

func aLateRepetitionBringsNothingBack(f *fixture) {
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
}

func aLateRepetitionOfAnAutomaticWriteBringsNothingBack(f *fixture) {
	for _, source := range []identity.Source{identity.FromRule, identity.FromEmail} {
		f.actor.RequestID = "create " + string(source)
		create := write(alice, from(source, value(okta, "00u1")))
		user := f.upsert(create)[0]
		f.actor.RequestID = "delete"
		f.unmap(user.ID, okta, "00u1")
		f.actor.RequestID = "create " + string(source)
		f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}}, create)
	}
}

func aManualValueOverwritesAnyOther(f *fixture) {
	for i, source := range sources {
		user := identity.UserKey(fmt.Sprintf("user%d@acme.com", i))
		f.put(user, from(source, value(okta, "00u1")))
		got := f.put(user, from(identity.Manual, value(okta, "00u2")))
		equal(f, "value", "00u2", got.Matcher["user_id"])
	}
}

func anAutomaticSourceNeverTouchesWhatIsStored(f *fixture) {
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
}

func aProfileThatIsNotSentStays(f *fixture) {
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
}

func aChangedProfileKeepsTheSource(f *fixture) {
	f.put(alice, from(identity.FromEmail, value(okta, "00u1")))
	w := value(okta, "00u1")
	w.Profile = map[string]string{"a": "b"}
	equal(f, "source", identity.FromEmail, f.put(alice, w).Source)
}

func valuesCompareAsTheirServiceComparesThem(f *fixture) {
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
		{tail, "Kelvin@github", "\u212Aelvin@github", false},
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
}

func aMatcherMayHaveManyKeys(f *fixture) {
	key := identity.ServiceKey{Type: "ldap", ExternalID: "dc=acme"}
	if _, err := f.store.CreateService(f.ctx, f.actor, key, ""); err != nil {
		f.Fatal(err)
	}
	matcher := identity.Matcher{"cn": "alice", "ou": `people "&<> \ é x`}
	got := f.put(alice, store.MappingWrite{Service: key, Matcher: matcher})
	equal(f, "matcher", matcher, got.Matcher)
	f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: key}},
		write(alice, store.MappingWrite{Service: key, Matcher: identity.Matcher{"cn": "alice"},
			Conditions: identity.Conditions{IfAbsent: true}}))
}

var (
	ifAbsent    = identity.Conditions{IfAbsent: true}
	ifUnclaimed = identity.Conditions{IfUnclaimed: true}
)

var conditionTests = []conformanceTest{
	{"if_absent stores where nothing is", ifAbsentStoresWhereNothingIs},
	{"if_absent refuses another value", ifAbsentRefusesAnotherValue},
	{"if_absent is satisfied by an equal value", ifAbsentIsSatisfiedByAnEqualValue},
	{"if_absent looks at one service only", ifAbsentLooksAtOneServiceOnly},
	{"if_revision overwrites that revision", ifRevisionOverwritesThatRevision},
	{"if_revision refuses another revision", ifRevisionRefusesAnotherRevision},
	{"if_revision refuses where nothing is", ifRevisionRefusesWhereNothingIs},
	{"An equal value satisfies all conditions at once", anEqualValueSatisfiesAllConditionsAtOnce},
	{"A conditional write may be repeated", aConditionalWriteMayBeRepeated},
	{"Conditions of one element do not bind the others", conditionsOfOneElementDoNotBindTheOthers},
}

func ifAbsentStoresWhereNothingIs(f *fixture) {
	f.put(alice, on(ifAbsent, value(okta, "00u1")))
}

func ifAbsentRefusesAnotherValue(f *fixture) {
	old := f.put(alice, value(okta, "00u1"))
	got := f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
		write(alice, on(ifAbsent, value(okta, "00u2"))))
	equal(f, "stored", &old, got[0].Err.Stored)
	if !strings.Contains(got[0].Err.Message, "00u1") {
		f.Errorf("the message %q does not show the stored value", got[0].Err.Message)
	}
}

func ifAbsentIsSatisfiedByAnEqualValue(f *fixture) {
	old := f.put(alice, value(okta, "00u1"))
	equal(f, "mapping", old, f.put(alice, on(ifAbsent, value(okta, "00u1"))))
}

func ifAbsentLooksAtOneServiceOnly(f *fixture) {
	f.put(alice, value(okta, "00u1"))
	f.put(alice, on(ifAbsent, value(custom, "alice")))
}

func ifRevisionOverwritesThatRevision(f *fixture) {
	old := f.put(alice, value(okta, "00u1"))
	got := f.put(alice, on(identity.Conditions{IfRevision: old.Revision}, value(okta, "00u2")))
	equal(f, "value", "00u2", got.Matcher["user_id"])
}

func ifRevisionRefusesAnotherRevision(f *fixture) {
	old := f.put(alice, value(okta, "00u1"))
	now := f.put(alice, value(okta, "00u2"))
	got := f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
		write(alice, on(identity.Conditions{IfRevision: old.Revision}, value(okta, "00u3"))))
	equal(f, "stored", &now, got[0].Err.Stored)
}

func ifRevisionRefusesWhereNothingIs(f *fixture) {
	got := f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
		write(alice, on(identity.Conditions{IfRevision: 1}, value(okta, "00u1"))))
	equal(f, "stored", nil, got[0].Err.Stored)
}

func anEqualValueSatisfiesAllConditionsAtOnce(f *fixture) {
	f.put(bob, value(okta, "00u1"))
	old := f.put(alice, value(okta, "00u1"))
	all := identity.Conditions{IfAbsent: true, IfRevision: old.Revision + 1000, IfUnclaimed: true}
	equal(f, "mapping", old, f.put(alice, on(all, value(okta, "00u1"))))
	got := f.put(alice, on(all, from(identity.Manual, value(okta, "00u1"))))
	if got.Revision <= old.Revision {
		f.Errorf("the assertion kept revision %d", got.Revision)
	}
}

func aConditionalWriteMayBeRepeated(f *fixture) {
	first := f.put(alice, value(okta, "00u1"))
	change := on(identity.Conditions{IfRevision: first.Revision, IfUnclaimed: true}, value(okta, "00u2"))
	got := f.put(alice, change)
	equal(f, "the repeat", got, f.put(alice, change))
}

func conditionsOfOneElementDoNotBindTheOthers(f *fixture) {
	f.put(alice, value(okta, "00u1"))
	f.upsert(write(alice, value(okta, "00u2"), on(ifAbsent, value(custom, "alice"))))
}

var revisionTests = []conformanceTest{
	{"Revisions are not reused when a mapping is deleted and made again", revisionsAreNotReusedWhenAMappingIsDeletedAndMadeAgain},
	{"Revisions are not reused when a user is deleted and made again", revisionsAreNotReusedWhenAUserIsDeletedAndMadeAgain},
	{"Revisions are not reused when a name changes hands", revisionsAreNotReusedWhenANameChangesHands},
	{"Mappings of one batch have revisions of their own", mappingsOfOneBatchHaveRevisionsOfTheirOwn},
}

func revisionsAreNotReusedWhenAMappingIsDeletedAndMadeAgain(f *fixture) {
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
}

func revisionsAreNotReusedWhenAUserIsDeletedAndMadeAgain(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: user.ID}}); err != nil {
		f.Fatal(err)
	}
	got := f.put(alice, value(okta, "00u1"))
	if got.Revision <= user.Mappings[0].Revision {
		f.Errorf("the new user's mapping has revision %d after %d", got.Revision, user.Mappings[0].Revision)
	}
}

func revisionsAreNotReusedWhenANameChangesHands(f *fixture) {
	old := f.upsert(write(alice, value(okta, "00u1")))[0]
	f.upsert(store.UserWrite{ID: old.ID, Key: "alice.smith@acme.com"})
	f.put(alice, value(okta, "00u2"))
	f.refuse([]failure{{Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
		write(alice, on(identity.Conditions{IfRevision: old.Mappings[0].Revision}, value(okta, "00u3"))))
}

func mappingsOfOneBatchHaveRevisionsOfTheirOwn(f *fixture) {
	u := f.upsert(write(alice, value(okta, "00u1"), value(custom, "alice")))[0]
	if u.Mappings[0].Revision == u.Mappings[1].Revision || u.Mappings[0].Revision == 0 || u.Mappings[1].Revision == 0 {
		f.Errorf("revisions %d and %d", u.Mappings[0].Revision, u.Mappings[1].Revision)
	}
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

var claimTests = []conformanceTest{
	{"An account that another user holds is claimed", anAccountThatAnotherUserHoldsIsClaimed},
	{"Claims compare as the service does", claimsCompareAsTheServiceDoes},
	{"Another service's account is another account", anotherServicesAccountIsAnotherAccount},
	{"Without the condition accounts are shared", withoutTheConditionAccountsAreShared},
	{"A user's own account is not claimed", aUsersOwnAccountIsNotClaimed},
	{"An account is free after its mapping is deleted", anAccountIsFreeAfterItsMappingIsDeleted},
	{"Of two elements that claim one account the later is the failure", ofTwoElementsThatClaimOneAccountTheLaterIsTheFailure},
	{"An earlier element that does not ask still holds", anEarlierElementThatDoesNotAskStillHolds},
	{"A later element that does not ask may share", aLaterElementThatDoesNotAskMayShare},
	{"An element that cannot be done claims nothing", anElementThatCannotBeDoneClaimsNothing},
	{"Users swap accounts in one batch", usersSwapAccountsInOneBatch},
	{"Accounts go round in one batch", accountsGoRoundInOneBatch},
	{"An account that a failing element would free stays taken", anAccountThatAFailingElementWouldFreeStaysTaken},
	{"A claim that a later element takes back is not asked", aClaimThatALaterElementTakesBackIsNotAsked},
	{"A claim that a later element makes without asking is not asked", aClaimThatALaterElementMakesWithoutAskingIsNotAsked},
	{"A renamed holder is named as they are called now", aRenamedHolderIsNamedAsTheyAreCalledNow},
	{"A renamed account is claimed by its id", aRenamedAccountIsClaimedByItsID},
	{"The first of those who share an account is named", theFirstOfThoseWhoShareAnAccountIsNamed},
	{"Matchers with other keys are claimed as a whole", matchersWithOtherKeysAreClaimedAsAWhole},
	{"Holders come with all their mappings", holdersComeWithAllTheirMappings},
	{"Nobody holds anything in an unregistered service", nobodyHoldsAnythingInAnUnregisteredService},
	{"Holders of many accounts", holdersOfManyAccounts},
}

func anAccountThatAnotherUserHoldsIsClaimed(f *fixture) {
	f.put(alice, value(okta, "00u1"))
	f.refuse([]failure{{Code: identity.CodeIdentityClaimed, User: bob, Service: okta, Holder: alice}},
		write(bob, on(ifUnclaimed, value(okta, "00u1"))))
}

func claimsCompareAsTheServiceDoes(f *fixture) {
	f.put(alice, value(github, "Octo-Cat"))
	f.refuse([]failure{{Code: identity.CodeIdentityClaimed, User: bob, Service: github, Holder: alice}},
		write(bob, on(ifUnclaimed, value(github, "octo-CAT"))))
	f.put(alice, value(okta, "00uA"))
	f.put(bob, on(ifUnclaimed, value(okta, "00ua")))
}

func anotherServicesAccountIsAnotherAccount(f *fixture) {
	f.put(alice, value(okta, "same"))
	f.put(bob, on(ifUnclaimed, value(custom, "same")))
}

func withoutTheConditionAccountsAreShared(f *fixture) {
	f.put(alice, value(okta, "00u1"))
	f.put(bob, value(okta, "00u1"))
	f.put(carol, from(identity.FromRule, value(okta, "00u1")))
	equal(f, "holders", []identity.UserKey{alice, bob, carol}, f.holders(okta, "00u1"))
}

func aUsersOwnAccountIsNotClaimed(f *fixture) {
	f.put(alice, on(ifUnclaimed, value(okta, "00u1")))
	f.put(alice, on(ifUnclaimed, value(okta, "00u2")))
	f.put(alice, on(ifUnclaimed, value(okta, "00u1")))
}

func anAccountIsFreeAfterItsMappingIsDeleted(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1")))[0]
	f.unmap(user.ID, okta, "00u1")
	f.put(bob, on(ifUnclaimed, value(okta, "00u1")))
}

func ofTwoElementsThatClaimOneAccountTheLaterIsTheFailure(f *fixture) {
	f.refuse([]failure{{Index: 1, Code: identity.CodeIdentityClaimed, User: bob, Service: github, Holder: alice}},
		write(alice, on(ifUnclaimed, value(github, "octocat"))),
		write(bob, on(ifUnclaimed, value(github, "OctoCat"))))
}

func anEarlierElementThatDoesNotAskStillHolds(f *fixture) {
	f.refuse([]failure{{Index: 1, Code: identity.CodeIdentityClaimed, User: bob, Service: okta, Holder: alice}},
		write(alice, value(okta, "00u1")), write(bob, on(ifUnclaimed, value(okta, "00u1"))))
}

func aLaterElementThatDoesNotAskMayShare(f *fixture) {
	f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u1"))), write(bob, value(okta, "00u1")))
	equal(f, "holders", []identity.UserKey{alice, bob}, f.holders(okta, "00u1"))
}

func anElementThatCannotBeDoneClaimsNothing(f *fixture) {
	f.put(carol, value(okta, "taken"))
	f.refuse([]failure{{Index: 0, Code: identity.CodeIdentityClaimed, User: alice, Service: okta, Holder: carol}},
		write(alice, on(ifUnclaimed, value(okta, "taken")), on(ifUnclaimed, value(custom, "x"))),
		write(bob, on(ifUnclaimed, value(custom, "x"))))
}

func usersSwapAccountsInOneBatch(f *fixture) {
	f.upsert(write(alice, value(okta, "00u1")), write(bob, value(okta, "00u2")))
	f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u2"))), write(bob, on(ifUnclaimed, value(okta, "00u1"))))
	equal(f, "holder of 00u1", []identity.UserKey{bob}, f.holders(okta, "00u1"))
	equal(f, "holder of 00u2", []identity.UserKey{alice}, f.holders(okta, "00u2"))
}

func accountsGoRoundInOneBatch(f *fixture) {
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
}

func anAccountThatAFailingElementWouldFreeStaysTaken(f *fixture) {
	f.upsert(write(alice, value(okta, "00u1")), write(carol, value(okta, "00u3")))
	f.refuse([]failure{
		{Index: 0, Code: identity.CodeIdentityClaimed, User: alice, Service: okta, Holder: carol},
		{Index: 1, Code: identity.CodeIdentityClaimed, User: bob, Service: okta, Holder: alice},
	},
		write(alice, on(ifUnclaimed, value(okta, "00u3"))),
		write(bob, on(ifUnclaimed, value(okta, "00u1"))))
}

func aClaimThatALaterElementTakesBackIsNotAsked(f *fixture) {
	f.put(bob, value(okta, "00u1"))
	f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u1"))), write(alice, value(okta, "00u2")))
}

func aClaimThatALaterElementMakesWithoutAskingIsNotAsked(f *fixture) {
	f.put(bob, value(okta, "00u1"))
	f.upsert(write(alice, on(ifUnclaimed, value(okta, "00u1"))), write(alice, value(okta, "00u2")), write(alice, value(okta, "00u1")))
}

func aRenamedHolderIsNamedAsTheyAreCalledNow(f *fixture) {
	u := f.upsert(write(alice, value(okta, "00u1")))[0]
	f.upsert(store.UserWrite{ID: u.ID, Key: carol})
	f.refuse([]failure{{Code: identity.CodeIdentityClaimed, User: bob, Service: okta, Holder: carol}},
		write(bob, on(ifUnclaimed, value(okta, "00u1"))))
}

func aRenamedAccountIsClaimedByItsID(f *fixture) {
	f.put(alice, pinned("ada-l", "1"))
	f.put(carol, pinned("eve", "3"))
	accounts := []identity.AccountQuery{{Identity: "ada-byron", AccountID: "1"}, {Identity: "eve", AccountID: "3"}, {Identity: "none", AccountID: "nul\x00"}, {Identity: "free", AccountID: "9"}}
	held, err := f.store.Holders(f.ctx, github, accounts)
	equal(f, "holders", []identity.UserKey{alice, carol}, sorted(keysOf(held)))
	equal(f, "error", nil, err)
	held, err = f.store.Holders(f.ctx, okta, accounts)
	equal(f, "holders in another service", []identity.UserKey{}, sorted(keysOf(held)))
	equal(f, "error", nil, err)

	claimed := []failure{{Code: identity.CodeIdentityClaimed, User: bob, Service: github, Holder: alice}}
	f.refuse(claimed, write(bob, on(ifUnclaimed, pinned("ada-byron", "1"))))
	f.put(bob, on(ifUnclaimed, pinned("ada-byron", "2"))) // another account of that name
	claimed[0].Index = 1
	claimed[0].User, claimed[0].Holder = "dave@acme.com", carol
	f.refuse(claimed, write(carol, pinned("free", "9")), write("dave@acme.com", on(ifUnclaimed, pinned("eve-2", "9"))))
	f.upsert(write(alice, pinned("free", "9")), write("dave@acme.com", on(ifUnclaimed, pinned("ada-byron-2", "1"))))
	claimed[0] = failure{Code: identity.CodeIdentityClaimed, User: "erin@acme.com", Service: github, Holder: "dave@acme.com"} // by its name, before alice by its id
	f.refuse(claimed, write("erin@acme.com", on(ifUnclaimed, pinned("ada-byron-2", "9"))))
}

func theFirstOfThoseWhoShareAnAccountIsNamed(f *fixture) {
	for _, user := range []identity.UserKey{carol, alice, bob} {
		f.put(user, pinned("octo", "8"))
	}
	claimed := func(by identity.UserKey) []failure {
		return []failure{{Code: identity.CodeIdentityClaimed, User: "dave@acme.com", Service: github, Holder: by}}
	}
	f.refuse(claimed(alice), write("dave@acme.com", on(ifUnclaimed, pinned("octo-2", "8"))))
	freed := claimed(bob)
	freed[0].Index = 1
	f.refuse(freed, write(alice, pinned("other", "9")), write("dave@acme.com", on(ifUnclaimed, pinned("octo", "8"))))
}

func matchersWithOtherKeysAreClaimedAsAWhole(f *fixture) {
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
}

func holdersComeWithAllTheirMappings(f *fixture) {
	u := f.upsert(write(alice, value(github, "Octocat"), value(okta, "00u1")))[0]
	f.put(bob, value(github, "other"))
	got, err := f.store.Holders(f.ctx, github, identity.Named("octocat", "octocat", "nobody", "", "nul\x00", "\xff"))
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "holders", []identity.User{u}, got)
}

func nobodyHoldsAnythingInAnUnregisteredService(f *fixture) {
	equal(f, "holders", []identity.UserKey{}, f.holders(identity.ServiceKey{Type: "okta", ExternalID: "none"}, "00u1"))
}

func holdersOfManyAccounts(f *fixture) {
	const n = 2100
	var writes []store.UserWrite
	var claims []string
	for i := range n {
		id := fmt.Sprintf("00u%d", i)
		writes = append(writes, write(identity.UserKey(fmt.Sprintf("user%d@acme.com", i)), on(ifUnclaimed, value(okta, id))))
		claims = append(claims, id)
	}
	f.upsert(writes...)
	equal(f, "holders", n, len(f.holders(okta, claims...)))
}

func (f *fixture) holders(service identity.ServiceKey, claims ...string) []identity.UserKey {
	f.Helper()
	holders, err := f.store.Holders(f.ctx, service, identity.Named(claims...))
	if err != nil {
		f.Fatalf("holders of %v in %s: %v", claims, service, err)
	}
	return sorted(keysOf(holders))
}

var badInputTests = []conformanceTest{
	{"Bad names are refused", badNamesAreRefused},
	{"A name that is not the key's is refused", aNameThatIsNotTheKeysIsRefused},
	{"Bad first and last names are refused", badFirstAndLastNamesAreRefused},
	{"An unknown type is refused", anUnknownTypeIsRefused},
	{"Bad matchers are refused", badMatchersAreRefused},
	{"Identities are checked by their service", identitiesAreCheckedByTheirService},
	{"Bad services are refused", badServicesAreRefused},
	{"Bad sources, rules, revisions and profiles are refused", badSourcesRulesRevisionsAndProfilesAreRefused},
	{"Quotes and wildcards are plain text", quotesAndWildcardsArePlainText},
	{"The longest values are stored", theLongestValuesAreStored},
}

func badNamesAreRefused(f *fixture) {
	long := identity.UserKey(strings.Repeat("x", 10_240) + "@acme.com")
	for _, key := range []identity.UserKey{
		"a\x00b@acme.com", "a\xffb@acme.com", "a\u200bb@acme.com", long, "Alice@acme.com", " alice@acme.com",
		"a b@acme.com", "a,b", "@", "@acme.com", "alice@", "\x00",
	} {
		f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: key})
		f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: key, Type: identity.Bot})
	}
}

func aNameThatIsNotTheKeysIsRefused(f *fixture) {
	for _, name := range []string{"bob@acme.com", "a\x00", "\xff", strings.Repeat("x", 10_240)} {
		f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: alice, Name: name})
	}
	f.invalid(identity.CodeUserInvalid, store.UserWrite{Name: "bob@acme.com"})
}

func badFirstAndLastNamesAreRefused(f *fixture) {
	for _, text := range []string{"\x00", "\xff", "a\nb", strings.Repeat("x", 10_240)} {
		f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: alice, FirstName: &text})
		f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: alice, LastName: &text})
	}
}

func anUnknownTypeIsRefused(f *fixture) {
	f.invalid(identity.CodeUserInvalid, store.UserWrite{Key: alice, Type: "robot"})
}

func badMatchersAreRefused(f *fixture) {
	for _, matcher := range []identity.Matcher{
		nil, {}, {"user_id": ""}, {"user_id": " "}, {"user_id": "x "}, {"user_id": "a\x00b"}, {"user_id": "\xff"},
		{"user_id": strings.Repeat("x", 10_240)}, {"login": "x"}, {"user_id": "x", "": "y"}, {"user_id": "x", "a\x00": "y"},
	} {
		f.invalid(identity.CodeIdentityInvalid, write(alice, store.MappingWrite{Service: okta, Matcher: matcher}))
	}
}

func identitiesAreCheckedByTheirService(f *fixture) {
	iam := identity.ServiceKey{Type: "aws_iam", ExternalID: "123456789012"}
	if _, err := f.store.CreateService(f.ctx, f.actor, iam, ""); err != nil {
		f.Fatal(err)
	}
	f.invalid(identity.CodeIdentityInvalid, write(alice, value(iam, "arn:aws:iam::210987654321:user/alice")))
	f.invalid(identity.CodeIdentityInvalid, write(alice, value(google, "alice")))
	f.put(alice, value(iam, "arn:aws:iam::123456789012:user/alice"))
}

func badServicesAreRefused(f *fixture) {
	for _, key := range []identity.ServiceKey{
		{}, {Type: "okta"}, {Type: "Okta", ExternalID: "x"}, {Type: "okta", ExternalID: "a\x00b"},
		{Type: "okta", ExternalID: "\xff"}, {Type: "slack", ExternalID: "acme"}, {Type: "okta", ExternalID: strings.Repeat("x", 10_240)},
	} {
		f.invalid(identity.CodeServiceInvalid, write(alice, value(key, "00u1")))
	}
}

func badSourcesRulesRevisionsAndProfilesAreRefused(f *fixture) {
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
}

func quotesAndWildcardsArePlainText(f *fixture) {
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
}

func theLongestValuesAreStored(f *fixture) {
	long := strings.Repeat("x", identity.MaxIdentityBytes)
	key := identity.ServiceKey{Type: "okta", ExternalID: strings.Repeat("y", identity.MaxExternalIDBytes)}
	if _, err := f.store.CreateService(f.ctx, f.actor, key, strings.Repeat("z", 1024)); err != nil {
		f.Fatal(err)
	}
	name := strings.Repeat("é", 150) + "@acme.com"
	m := f.put(identity.UserKey(name), on(ifUnclaimed, value(key, long)))
	equal(f, "value", long, m.Matcher["user_id"])
	equal(f, "holders", []identity.UserKey{identity.UserKey(name)}, f.holders(key, long))
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

var pinTests = []conformanceTest{
	{"A write may name the account", aWriteMayNameTheAccount},
	{"An assertion keeps the account, another value loses it", anAssertionKeepsTheAccountAnotherValueLosesIt},
	{"A write that names another account is a change", aWriteThatNamesAnotherAccountIsAChange},
	{"An id has no account beside it", anIDHasNoAccountBesideIt},
	{"A pin is stored once, without a trace", aPinIsStoredOnceWithoutATrace},
	{"A pin is only for what was read", aPinIsOnlyForWhatWasRead},
}

// pinned is a GitHub login with the id of its account.
func pinned(login, accountID string) store.MappingWrite {
	w := value(github, login)
	w.AccountID = accountID
	return w
}

func aWriteMayNameTheAccount(f *fixture) {
	for i, source := range sources {
		user := identity.UserKey(fmt.Sprintf("user%d@acme.com", i))
		got := f.put(user, from(source, pinned("octo", "583231")))
		equal(f, "account", "583231", got.AccountID)
		read, _ := f.stored(user, github)
		equal(f, "the mapping as read", got, read)
		changes, _, err := f.store.History(f.ctx, store.HistoryFilter{User: user})
		if err != nil || len(changes) != 1 || changes[0].After.AccountID != "583231" {
			f.Errorf("history: %+v, %v", changes, err)
		}
	}
	bad := pinned("octo", "58\u200b3231")
	f.refuse([]failure{{Code: identity.CodeIdentityInvalid, User: alice, Service: github}}, write(alice, bad))
}

func anAssertionKeepsTheAccountAnotherValueLosesIt(f *fixture) {
	f.put(alice, pinned("octo", "583231"))
	equal(f, "after a plain repetition", "583231", f.put(alice, value(github, "octo")).AccountID)
	equal(f, "after an assertion in another spelling", "583231", f.put(alice, from(identity.Manual, value(github, "Octo"))).AccountID)
	equal(f, "after another value", "", f.put(alice, value(github, "mona")).AccountID)
	equal(f, "after another value with its account", "9", f.put(alice, pinned("cat", "9")).AccountID)
}

func aWriteThatNamesAnotherAccountIsAChange(f *fixture) {
	old := f.put(alice, pinned("octo", "1"))
	equal(f, "the same again", old, f.put(alice, pinned("octo", "1")))
	for _, source := range sources[2:] {
		equal(f, "an automatic write", old, f.put(alice, from(source, pinned("octo", "2"))))
	}
	for i, source := range sources[:2] {
		account := fmt.Sprint(i + 2)
		got := f.put(alice, from(source, pinned("octo", account)))
		if got.AccountID != account || got.Revision <= old.Revision {
			f.Errorf("source %q: %+v", source, got)
		}
		old = got
	}
}

func anIDHasNoAccountBesideIt(f *fixture) {
	w := value(okta, "00u1")
	w.AccountID = "another"
	equal(f, "okta", "", f.put(alice, w).AccountID)
	w = value(custom, "7")
	w.AccountID = "7"
	equal(f, "the identity itself", "", f.put(alice, w).AccountID)
	w.AccountID = "8"
	equal(f, "custom", "8", f.put(alice, w).AccountID)
}

func aPinIsStoredOnceWithoutATrace(f *fixture) {
	old := f.put(alice, value(github, "Octo"))
	u, _ := f.user(alice)
	pin := store.Pin{UserID: u.ID, Service: github, Matcher: identity.Matcher{"user_id": "octo"}, Revision: old.Revision, AccountID: "583231"}
	for _, account := range []string{"583231", "2"} {
		pin.AccountID = account
		if err := f.store.PinAccounts(f.ctx, []store.Pin{pin}); err != nil {
			f.Fatal(err)
		}
		want := old
		want.AccountID = "583231"
		got, _ := f.stored(alice, github)
		equal(f, "mapping", want, got)
	}
	changes, _, err := f.store.History(f.ctx, store.HistoryFilter{})
	if err != nil || len(changes) != 1 {
		f.Errorf("history: %+v, %v", changes, err)
	}
	next := f.put(alice, from(identity.Manual, value(github, "octo")))
	equal(f, "after an assertion", "583231", next.AccountID)
}

func aPinIsOnlyForWhatWasRead(f *fixture) {
	old := f.put(alice, value(github, "octo"))
	now := f.put(alice, from(identity.Manual, value(github, "octo")))
	id := f.put(alice, value(okta, "00u1"))
	u, _ := f.user(alice)
	before := f.dump()
	good := store.Pin{UserID: u.ID, Service: github, Matcher: now.Matcher, Revision: now.Revision, AccountID: "7"}
	change := func(edit func(*store.Pin)) store.Pin {
		p := good
		edit(&p)
		return p
	}
	pins := []store.Pin{
		change(func(p *store.Pin) { p.Revision = old.Revision }),
		change(func(p *store.Pin) { p.Matcher = identity.Matcher{"user_id": "mona"} }),
		change(func(p *store.Pin) { p.UserID = "x" }),
		change(func(p *store.Pin) { p.Service.ExternalID = "other" }),
		change(func(p *store.Pin) { p.Service.ExternalID = "\x00" }),
		change(func(p *store.Pin) { p.AccountID = "octo" }),
		change(func(p *store.Pin) { p.AccountID = "" }),
		change(func(p *store.Pin) { p.AccountID = "\xff" }),
		change(func(p *store.Pin) { p.Service, p.Matcher, p.Revision = okta, id.Matcher, id.Revision }),
	}
	if err := f.store.PinAccounts(f.ctx, pins); err != nil {
		f.Fatal(err)
	}
	f.same(before, "pins for something else")
	if err := f.store.PinAccounts(f.ctx, append(pins, good)); err != nil {
		f.Fatal(err)
	}
	got, _ := f.stored(alice, github)
	equal(f, "account", "7", got.AccountID)
}
