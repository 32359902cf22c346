// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var serviceTests = []conformanceTest{
	{"sym:cloud is always there", symCloudIsAlwaysThere},
	{"A store has an id", aStoreHasAnID},
	{"Services are listed by key", servicesAreListedByKey},
	{"Filters select", filtersSelectServices},
	{"An equal service is returned as it is", anEqualServiceIsReturnedAsItIs},
	{"Another label is a conflict", anotherLabelIsAConflict},
	{"A label changes", aLabelChanges},
	{"A service is asserted", aServiceIsAsserted},
	{"A service changes only at its revision", aServiceChangesOnlyAtItsRevision},
	{"A referenced service that changed is a conflict", aReferencedServiceThatChangedIsAConflict},
	{"An unknown service cannot be updated", anUnknownServiceCannotBeUpdated},
	{"Keys compare exactly", keysCompareExactly},
	{"Bad services are refused", badServicesAreRefusedServices},
	{"A service is deleted", aServiceIsDeleted},
	{"A service that mappings refer to stays", aServiceThatMappingsReferToStays},
	{"A managed service cannot be deleted", aManagedServiceCannotBeDeleted},
	{"References are the ids of mappings", referencesAreTheIDsOfMappings},
	{"References of nothing", referencesOfNothing},
	{"What is held", whatIsHeld},
}

func symCloudIsAlwaysThere(f *fixture) {
	got := f.services(store.ServiceFilter{Type: "sym", ExternalID: "cloud"})
	if len(got) != 1 || got[0].Key != identity.SymCloud() {
		f.Fatalf("got %+v", got)
	}
	if _, err := uuid.Parse(got[0].ID); err != nil {
		f.Errorf("the id %q is not a UUID", got[0].ID)
	}
}

func aStoreHasAnID(f *fixture) {
	id, err := f.store.ID(f.ctx)
	if parsed, wrong := uuid.Parse(id); err != nil || wrong != nil || parsed.String() != id || parsed.Version() != 4 || parsed.Variant() != uuid.RFC4122 {
		f.Errorf("got %q, %v", id, err)
	}
	f.upsert(write(alice, value(okta, "00u1")))
	again, err := f.store.ID(f.ctx)
	f.code(err, "")
	equal(f, "the id after a write", id, again)
}

func servicesAreListedByKey(f *fixture) {
	var got []string
	for _, s := range f.services(store.ServiceFilter{}) {
		got = append(got, s.Key.String())
	}
	want := []string{custom.String(), github.String(), google.String(), okta.String(), identity.SymCloud().String(), tail.String()}
	equal(f, "services", want, got)
	equal(f, "sorted", true, slices.IsSorted(got))
}

func filtersSelectServices(f *fixture) {
	all := f.services(store.ServiceFilter{Type: "okta"})
	equal(f, "by type", 1, len(all))
	equal(f, "by external id", all, f.services(store.ServiceFilter{ExternalID: okta.ExternalID}))
	equal(f, "a type with a colon", []identity.Service{}, f.services(store.ServiceFilter{Type: "custom:VictorOps"}))
	equal(f, "what no database can compare", []identity.Service{}, f.services(store.ServiceFilter{Type: "okta", ExternalID: "\x00"}))
	equal(f, "by both, crossed", []identity.Service{}, f.services(store.ServiceFilter{Type: "okta", ExternalID: "acme"}))
}

func anEqualServiceIsReturnedAsItIs(f *fixture) {
	before := f.dump()
	got, err := f.store.CreateService(f.ctx, f.actor, okta, "label of okta")
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "service", f.services(store.ServiceFilter{Type: "okta"})[0], got)
	f.same(before, "creating an equal service")
}

func anotherLabelIsAConflict(f *fixture) {
	_, err := f.store.CreateService(f.ctx, f.actor, okta, "other")
	f.code(err, identity.CodeServiceConflict)
}

func aLabelChanges(f *fixture) {
	old := f.services(store.ServiceFilter{Type: "okta"})[0]
	got, err := f.store.UpdateService(f.ctx, f.actor, store.ServiceUpdate{Key: okta, Label: new("Ökta")})
	if err != nil {
		f.Fatal(err)
	}
	f.newer("service", old.Revision, got.Revision)
	old.Label, old.Revision, old.UpdatedAt = "Ökta", got.Revision, got.UpdatedAt
	equal(f, "service", old, got)
	equal(f, "the service as read", old, f.services(store.ServiceFilter{Type: "okta"})[0])
}

func (f *fixture) newer(what string, before, after int64) {
	f.Helper()
	if after <= before {
		f.Errorf("the %s went from revision %d to %d", what, before, after)
	}
}

// updateService updates okta and returns it.
func (f *fixture) updateService(u store.ServiceUpdate) identity.Service {
	f.Helper()
	u.Key = okta
	got, err := f.store.UpdateService(f.ctx, f.actor, u)
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "the service as read", got, f.services(store.ServiceFilter{Type: "okta"})[0])
	return got
}

func aServiceIsAsserted(f *fixture) {
	old := f.services(store.ServiceFilter{Type: "okta"})[0]
	equal(f, "a plain update with the same label", old, f.updateService(store.ServiceUpdate{Label: &old.Label, IfRevision: old.Revision + 1}))
	equal(f, "an update without a label", old, f.updateService(store.ServiceUpdate{}))
	got := f.updateService(store.ServiceUpdate{IfRevision: old.Revision, Assert: true})
	f.newer("asserted service", old.Revision, got.Revision)
	equal(f, "label", old.Label, got.Label)

	f.actor.RequestID = "once"
	first := f.updateService(store.ServiceUpdate{Assert: true})
	equal(f, "the request when it comes again", first, f.updateService(store.ServiceUpdate{Assert: true}))
	f.actor.Name = "another"
	f.newer("service that another caller asserts", first.Revision, f.updateService(store.ServiceUpdate{Assert: true}).Revision)
}

func aServiceChangesOnlyAtItsRevision(f *fixture) {
	old := f.services(store.ServiceFilter{Type: "okta"})[0]
	newest := f.updateService(store.ServiceUpdate{Assert: true})
	before := f.dump()
	_, err := f.store.UpdateService(f.ctx, f.actor, store.ServiceUpdate{Key: okta, Label: new("Ökta"), IfRevision: old.Revision})
	f.code(err, identity.CodeServiceConflict)
	_, err = f.store.DeleteService(f.ctx, f.actor, okta, old.Revision)
	f.code(err, identity.CodeServiceConflict)
	f.same(before, "changing at another revision")
	if deleted, err := f.store.DeleteService(f.ctx, f.actor, okta, newest.Revision); err != nil || !deleted {
		f.Errorf("at its revision it was deleted: %v (%v)", deleted, err)
	}
	if deleted, err := f.store.DeleteService(f.ctx, f.actor, okta, newest.Revision); err != nil || deleted {
		f.Errorf("what is gone was deleted: %v (%v)", deleted, err)
	}
	again, err := f.store.CreateService(f.ctx, f.actor, okta, old.Label)
	if err != nil {
		f.Fatal(err)
	}
	f.newer("service that is registered again", newest.Revision, again.Revision)
}

func aReferencedServiceThatChangedIsAConflict(f *fixture) {
	old := f.services(store.ServiceFilter{Type: "okta"})[0]
	f.put(alice, value(okta, "00u1"))
	_, err := f.store.DeleteService(f.ctx, f.actor, okta, old.Revision)
	f.code(err, identity.CodeServiceReferenced)
	f.updateService(store.ServiceUpdate{Assert: true})
	_, err = f.store.DeleteService(f.ctx, f.actor, okta, old.Revision)
	f.code(err, identity.CodeServiceConflict)
}

func anUnknownServiceCannotBeUpdated(f *fixture) {
	_, err := f.store.UpdateService(f.ctx, f.actor, store.ServiceUpdate{Key: identity.ServiceKey{Type: "okta", ExternalID: "none"}, Label: new("x")})
	f.code(err, identity.CodeServiceNotFound)
}

func keysCompareExactly(f *fixture) {
	for _, id := range []string{"acme.okta.com:2", "ACME.okta.com", "acme.okta.com/a?b=%20"} {
		key := identity.ServiceKey{Type: "okta", ExternalID: id}
		got, err := f.store.CreateService(f.ctx, f.actor, key, "")
		if err != nil {
			f.Fatal(err)
		}
		equal(f, "key", key, got.Key)
	}
	equal(f, "services", 4, len(f.services(store.ServiceFilter{Type: "okta"})))
}

func badServicesAreRefusedServices(f *fixture) {
	for _, c := range []struct {
		key   identity.ServiceKey
		label string
		code  identity.Code
	}{
		{identity.ServiceKey{Type: "Okta", ExternalID: "x"}, "", identity.CodeServiceInvalid},
		{identity.ServiceKey{Type: "okta"}, "", identity.CodeServiceInvalid},
		{identity.ServiceKey{Type: "slack", ExternalID: "acme"}, "", identity.CodeServiceInvalid},
		{identity.ServiceKey{Type: "okta", ExternalID: "a\x00b"}, "", identity.CodeServiceInvalid},
		{identity.ServiceKey{Type: "okta", ExternalID: "new"}, "a\x00b", identity.CodeServiceInvalid},
		{identity.ServiceKey{Type: "okta", ExternalID: "new"}, "\xff", identity.CodeServiceInvalid},
		{identity.ServiceKey{Type: "okta", ExternalID: "new"}, strings.Repeat("x", 10_000), identity.CodeServiceInvalid},
		{identity.SymCloud(), "Sym", identity.CodeServiceManaged},
		{identity.ServiceKey{Type: "auth0", ExternalID: "x"}, "", identity.CodeServiceManaged},
	} {
		before := f.dump()
		_, err := f.store.CreateService(f.ctx, f.actor, c.key, c.label)
		f.code(err, c.code)
		_, err = f.store.UpdateService(f.ctx, f.actor, store.ServiceUpdate{Key: c.key, Label: new(c.label)})
		f.code(err, c.code)
		f.same(before, "a bad service")
	}
}

func aServiceIsDeleted(f *fixture) {
	for _, want := range []bool{true, false} {
		deleted, err := f.store.DeleteService(f.ctx, f.actor, okta, 0)
		if err != nil || deleted != want {
			f.Fatalf("deleted %v, %v, want %v", deleted, err, want)
		}
	}
	f.refuse([]failure{{Code: identity.CodeServiceNotFound, User: alice, Service: okta}}, write(alice, value(okta, "00u1")))
	deleted, err := f.store.DeleteService(f.ctx, f.actor, identity.ServiceKey{Type: "", ExternalID: "\x00"}, 0)
	if err != nil || deleted {
		f.Errorf("deleting what cannot be: %v, %v", deleted, err)
	}
}

func aServiceThatMappingsReferToStays(f *fixture) {
	users := f.upsert(write(alice, value(okta, "00u1")), write(bob, value(okta, "00u2")), write(carol, value(custom, "c")))
	before := f.dump()
	deleted, err := f.store.DeleteService(f.ctx, f.actor, okta, 0)
	f.code(err, identity.CodeServiceReferenced)
	equal(f, "deleted", false, deleted)
	equal(f, "message", "Cannot perform delete because it is referenced by 2 identities and 0 integrations", identity.AsError(err).Message)
	f.same(before, "a refused delete")
	f.unmap(users[0].ID, okta, "00u1")
	f.unmap(users[1].ID, okta, "00u2")
	if deleted, err := f.store.DeleteService(f.ctx, f.actor, okta, 0); err != nil || !deleted {
		f.Errorf("deleting the free service: %v, %v", deleted, err)
	}
}

func aManagedServiceCannotBeDeleted(f *fixture) {
	_, err := f.store.DeleteService(f.ctx, f.actor, identity.SymCloud(), 0)
	f.code(err, identity.CodeServiceManaged)
	for _, word := range []string{"cannot be", "managed"} {
		if !strings.Contains(err.Error(), word) {
			f.Errorf("the message %q lacks %q", err, word)
		}
	}
	equal(f, "services of type sym", 1, len(f.services(store.ServiceFilter{Type: "sym"})))
}

func referencesAreTheIDsOfMappings(f *fixture) {
	f.upsert(write(alice, value(okta, "00u1"), value(custom, "a")), write(bob, value(okta, "00u2")))
	id := f.services(store.ServiceFilter{Type: "okta"})[0].ID
	first, err := f.references(id)
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "references", 2, len(slices.Compact(slices.Clone(first))))
	equal(f, "their order", sorted(first), first)
	for _, ref := range first {
		if _, err := uuid.Parse(ref); err != nil {
			f.Errorf("the reference %q is not a UUID", ref)
		}
	}
	f.put(alice, value(okta, "00u9"))
	again, err := f.references(id)
	if err != nil {
		f.Fatal(err)
	}
	equal(f, "references after an overwrite", first, again)
	for range 9 { // more often than there are connections
		for _, err := range f.store.References(f.ctx, id) {
			if err != nil {
				f.Fatal(err)
			}
			break
		}
	}
}

func referencesOfNothing(f *fixture) {
	got, err := f.references(f.services(store.ServiceFilter{Type: "sym"})[0].ID)
	if err != nil || len(got) != 0 {
		f.Errorf("got %v, %v, want an empty list", got, err)
	}
	for _, id := range []string{nobodysID, "", "\x00"} {
		_, err := f.references(id)
		f.code(err, identity.CodeServiceNotFound)
	}
}

func whatIsHeld(f *fixture) {
	held := func(service identity.ServiceKey) (got []identity.Holder) {
		for h, err := range f.store.Held(f.ctx, service) {
			if err != nil {
				f.Fatal(err)
			}
			got = append(got, h)
		}
		slices.SortFunc(got, func(a, b identity.Holder) int { return strings.Compare(string(a.User), string(b.User)) })
		return got
	}
	pinned := value(github, "Octo-Cat")
	pinned.AccountID = "583231"
	f.put(alice, pinned)
	f.put(bob, from(identity.FromEmail, value(github, "bob")))
	f.put(bob, value(okta, "00u2"))
	equal(f, "a service", []identity.Holder{
		{User: alice, Mapping: identity.Mapping{Service: github, Matcher: identity.NewMatcher("github", "Octo-Cat"), AccountID: "583231", Source: identity.Manual}},
		{User: bob, Mapping: identity.Mapping{Service: github, Matcher: identity.NewMatcher("github", "bob"), Source: identity.FromEmail}},
	}, held(github))
	for _, none := range []identity.ServiceKey{custom, {Type: "okta", ExternalID: "nowhere"}, {Type: "okta", ExternalID: "\x00"}} {
		equal(f, none.String(), nil, held(none))
	}
	for range 9 { // more often than there are connections
		for _, err := range f.store.Held(f.ctx, github) {
			if err != nil {
				f.Fatal(err)
			}
			break
		}
	}
}

func (f *fixture) references(serviceID string) (ids []string, err error) {
	for id, err := range f.store.References(f.ctx, serviceID) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (f *fixture) services(filter store.ServiceFilter) []identity.Service {
	f.Helper()
	services, err := f.store.Services(f.ctx, filter)
	if err != nil {
		f.Fatalf("listing services: %v", err)
	}
	return services
}

var historyTests = []conformanceTest{
	{"A new store has no history", aNewStoreHasNoHistory},
	{"Every change is recorded with before and after", everyChangeIsRecordedWithBeforeAndAfter},
	{"What changes nothing is not recorded", whatChangesNothingIsNotRecorded},
	{"A batch records what came of it", aBatchRecordsWhatCameOfIt},
	{"History outlives user and service", historyOutlivesUserAndService},
	{"Filters select changes", filtersSelectChanges},
	{"Pages of the history hold every change once", pagesOfTheHistoryHoldEveryChangeOnce},
	{"Old entries are pruned a few at a time", oldEntriesArePrunedAFewAtATime},
}

func aNewStoreHasNoHistory(f *fixture) {
	changes, next, err := f.store.History(f.ctx, store.HistoryFilter{})
	if err != nil || changes == nil || len(changes) != 0 || next != "" {
		f.Errorf("got %v, %q, %v", changes, next, err)
	}
}

func everyChangeIsRecordedWithBeforeAndAfter(f *fixture) {
	f.actor = store.Actor{Name: "alice's laptop", RequestID: "req-1", Address: "2001:db8::7"}
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
		{By: "alice's laptop", RequestID: "req-1", Address: "2001:db8::7", After: &created},
	}
	for i := range want {
		want[i].User, want[i].UserID, want[i].Service = alice, user.ID, okta
		if i < len(got) {
			want[i].ID, want[i].At = got[i].ID, got[i].At
		}
	}
	equal(f, "history", want, got)
}

func whatChangesNothingIsNotRecorded(f *fixture) {
	old := f.put(alice, value(okta, "00u1"))
	before := f.history(store.HistoryFilter{})
	f.put(alice, value(okta, "00u1"))
	f.put(alice, from(identity.FromRule, value(okta, "00u1")))
	f.upsert(write(bob))
	f.refuse([]failure{{Index: 1, Code: identity.CodeIdentityConflict, User: alice, Service: okta}},
		write(carol, value(okta, "00u3")), write(alice, on(ifAbsent, value(okta, "00u2"))))
	f.remove(store.MappingDelete{UserID: nobodysID, Service: okta, Matcher: old.Matcher})
	equal(f, "history", before, f.history(store.HistoryFilter{}))
}

func aBatchRecordsWhatCameOfIt(f *fixture) {
	f.upsert(write(alice, value(okta, "00u1"), value(custom, "a")), write(bob, value(okta, "00u2")), write(alice, value(okta, "00u3")))
	got := f.history(store.HistoryFilter{})
	f.chained(got)
	values := map[string]string{}
	for _, c := range got {
		values[string(c.User)+" "+c.Service.Type] = c.After.Matcher["user_id"]
	}
	equal(f, "changes", map[string]string{"alice@acme.com okta": "00u3", "alice@acme.com custom": "a", "bob@acme.com okta": "00u2"}, values)
	equal(f, "entries", 3, len(got))
}

func historyOutlivesUserAndService(f *fixture) {
	user := f.upsert(write(alice, value(okta, "00u1"), value(github, "alice")))[0]
	if _, err := f.store.DeleteUsers(f.ctx, f.actor, []store.UserDelete{{ID: user.ID}}); err != nil {
		f.Fatal(err)
	}
	if _, err := f.store.DeleteService(f.ctx, f.actor, github, 0); err != nil {
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
}

func filtersSelectChanges(f *fixture) {
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
}

func pagesOfTheHistoryHoldEveryChangeOnce(f *fixture) {
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
}

func oldEntriesArePrunedAFewAtATime(f *fixture) {
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
