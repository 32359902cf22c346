// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

var serviceTests = map[string]func(f *fixture){
	"sym:cloud is always there": func(f *fixture) {
		got := f.services(store.ServiceFilter{Type: "sym", ExternalID: "cloud"})
		if len(got) != 1 || got[0].Key != identity.SymCloud() {
			f.Fatalf("got %+v", got)
		}
		if _, err := uuid.Parse(got[0].ID); err != nil {
			f.Errorf("the id %q is not a UUID", got[0].ID)
		}
	},
	"Services are listed by key": func(f *fixture) {
		var got []string
		for _, s := range f.services(store.ServiceFilter{}) {
			got = append(got, s.Key.String())
		}
		want := []string{custom.String(), github.String(), google.String(), okta.String(), identity.SymCloud().String(), tail.String()}
		equal(f, "services", want, got)
		equal(f, "sorted", true, slices.IsSorted(got))
	},
	"Filters select": func(f *fixture) {
		all := f.services(store.ServiceFilter{Type: "okta"})
		equal(f, "by type", 1, len(all))
		equal(f, "by id", all, f.services(store.ServiceFilter{ID: all[0].ID}))
		equal(f, "by external id", all, f.services(store.ServiceFilter{ExternalID: okta.ExternalID}))
		equal(f, "by another id", []identity.Service{}, f.services(store.ServiceFilter{ID: nobodysID}))
		equal(f, "by both, crossed", []identity.Service{}, f.services(store.ServiceFilter{Type: "okta", ExternalID: "acme"}))
	},
	"An equal service is returned as it is": func(f *fixture) {
		before := f.dump()
		got, err := f.store.CreateService(f.ctx, f.actor, okta, "label of okta")
		if err != nil {
			f.Fatal(err)
		}
		equal(f, "service", f.services(store.ServiceFilter{Type: "okta"})[0], got)
		f.same(before, "creating an equal service")
	},
	"Another label is a conflict": func(f *fixture) {
		_, err := f.store.CreateService(f.ctx, f.actor, okta, "other")
		f.code(err, identity.CodeServiceConflict)
	},
	"A label changes": func(f *fixture) {
		old := f.services(store.ServiceFilter{Type: "okta"})[0]
		got, err := f.store.UpdateService(f.ctx, f.actor, okta, "Ökta")
		if err != nil {
			f.Fatal(err)
		}
		old.Label = "Ökta"
		equal(f, "service", old, got)
		equal(f, "the service as read", old, f.services(store.ServiceFilter{Type: "okta"})[0])
	},
	"An unknown service cannot be updated": func(f *fixture) {
		_, err := f.store.UpdateService(f.ctx, f.actor, identity.ServiceKey{Type: "okta", ExternalID: "none"}, "x")
		f.code(err, identity.CodeServiceNotFound)
	},
	"Keys compare exactly": func(f *fixture) {
		for _, id := range []string{"acme.okta.com:2", "ACME.okta.com", "acme.okta.com/a?b=%20"} {
			key := identity.ServiceKey{Type: "okta", ExternalID: id}
			got, err := f.store.CreateService(f.ctx, f.actor, key, "")
			if err != nil {
				f.Fatal(err)
			}
			equal(f, "key", key, got.Key)
		}
		equal(f, "services", 4, len(f.services(store.ServiceFilter{Type: "okta"})))
	},
	"Bad services are refused": func(f *fixture) {
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
			_, err = f.store.UpdateService(f.ctx, f.actor, c.key, c.label)
			f.code(err, c.code)
			f.same(before, "a bad service")
		}
	},
	"A service is deleted": func(f *fixture) {
		for _, want := range []bool{true, false} {
			deleted, err := f.store.DeleteService(f.ctx, f.actor, okta)
			if err != nil || deleted != want {
				f.Fatalf("deleted %v, %v, want %v", deleted, err, want)
			}
		}
		f.refuse([]failure{{Code: identity.CodeServiceNotFound, User: alice, Service: okta}}, write(alice, value(okta, "00u1")))
		deleted, err := f.store.DeleteService(f.ctx, f.actor, identity.ServiceKey{Type: "", ExternalID: "\x00"})
		if err != nil || deleted {
			f.Errorf("deleting what cannot be: %v, %v", deleted, err)
		}
	},
	"A service that mappings refer to stays": func(f *fixture) {
		users := f.upsert(write(alice, value(okta, "00u1")), write(bob, value(okta, "00u2")), write(carol, value(custom, "c")))
		before := f.dump()
		deleted, err := f.store.DeleteService(f.ctx, f.actor, okta)
		f.code(err, identity.CodeServiceReferenced)
		equal(f, "deleted", false, deleted)
		equal(f, "message", "Cannot perform delete because it is referenced by 2 identities and 0 integrations", identity.AsError(err).Message)
		f.same(before, "a refused delete")
		f.unmap(users[0].ID, okta, "00u1")
		f.unmap(users[1].ID, okta, "00u2")
		if deleted, err := f.store.DeleteService(f.ctx, f.actor, okta); err != nil || !deleted {
			f.Errorf("deleting the free service: %v, %v", deleted, err)
		}
	},
	"A managed service cannot be deleted": func(f *fixture) {
		_, err := f.store.DeleteService(f.ctx, f.actor, identity.SymCloud())
		f.code(err, identity.CodeServiceManaged)
		for _, word := range []string{"cannot be", "managed"} {
			if !strings.Contains(err.Error(), word) {
				f.Errorf("the message %q lacks %q", err, word)
			}
		}
		equal(f, "services of type sym", 1, len(f.services(store.ServiceFilter{Type: "sym"})))
	},
	"References are the ids of mappings": func(f *fixture) {
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
	},
	"References of nothing": func(f *fixture) {
		got, err := f.references(f.services(store.ServiceFilter{Type: "sym"})[0].ID)
		if err != nil || len(got) != 0 {
			f.Errorf("got %v, %v, want an empty list", got, err)
		}
		for _, id := range []string{nobodysID, "", "\x00"} {
			_, err := f.references(id)
			f.code(err, identity.CodeServiceNotFound)
		}
	},
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
