// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// plainPeople are writes as a CSV gives them: no source, no condition.
func plainPeople(n int, suffix string) []store.UserWrite {
	writes := people(0, n, suffix)
	for i := range writes {
		writes[i].Mappings[0].Source, writes[i].Mappings[0].Conditions = "", identity.Conditions{}
	}
	return writes
}

// A batch of more writes than one statement takes, as a CSV makes it, is stored
// all or not at all.
func TestUpsertUsers_largeBatch(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		const n = 2*chunkSize + 7
		s := openURL(t, url, Options{})
		fill(t, s, 5) // some are there already, with other values
		all := func(writes []store.UserWrite) error {
			_, err := s.UpsertUsers(t.Context(), store.Actor{Name: "import"}, writes)
			return err
		}
		before := export(t, s)
		unchanged := func(what string) {
			t.Helper()
			if diff := cmp.Diff(before, export(t, s)); diff != "" {
				t.Errorf("%s: something was written:\n%.1000s", what, diff)
			}
		}

		wrong := plainPeople(n, "b")
		wrong[3].Mappings[0].Service.ExternalID = "unregistered"
		wrong[n-1].Mappings[0].Matcher = identity.Matcher{"user_id": "\x00"}
		err := all(wrong)
		var batch *identity.BatchError
		if !errors.As(err, &batch) || len(batch.Items) != 2 || batch.Items[0].Index != 3 || batch.Items[1].Index != n-1 {
			t.Fatalf("got %v", err)
		}
		unchanged("two failures")

		if err := all(plainPeople(n, "b")); err != nil {
			t.Fatal(err)
		}
		users, _, err := s.Users(t.Context(), store.UserFilter{})
		if err != nil || len(users) != n {
			t.Fatalf("%d users are stored: %v", len(users), err)
		}
		for i, u := range users {
			m := u.Mappings[0]
			if want := people(i, i+1, "b")[0].Mappings[0].Matcher["user_id"]; m.Matcher["user_id"] != want || m.Source != identity.Manual || m.UpdatedBy != "import" {
				t.Fatalf("%s has %+v", u.Name, m)
			}
		}
		changes, _, err := s.History(t.Context(), store.HistoryFilter{User: person(3)})
		if err != nil || len(changes) != 2 || changes[0].Before == nil {
			t.Errorf("the history of a changed one is %+v, %v", changes, err)
		}
		before = export(t, s)
		if err := all(plainPeople(n, "b")); err != nil {
			t.Fatal(err)
		}
		unchanged("the same again")
	})
}

// What an older release stored under other rules is never lost: it is read,
// listed, searched, sent back, moved and deleted. Only writes are refused.
func TestStoredValuesThatTheRulesRefuse(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url, Options{})
		fill(t, s, 2)
		const name, id = "jos\ufffd@acme.com", "00u\u200b1"
		older := func(query string, args ...any) {
			t.Helper()
			if _, err := s.db.ExecContext(t.Context(), s.dialect.rebind(query), args...); err != nil {
				t.Fatal(err)
			}
		}
		older("UPDATE users SET user_key = ?, name = ? WHERE user_key = ?", name, "Jos\ufffd@Acme.com", string(person(0)))
		older("UPDATE mappings SET matcher = ?, claim = ? WHERE user_id = (SELECT id FROM users WHERE user_key = ?)",
			encodeObject(map[string]string{"user_id": id}), id, name)

		first, next, err := s.Users(t.Context(), store.UserFilter{Limit: 1})
		if err != nil || len(first) != 1 || first[0].Key != name || first[0].Mappings[0].Matcher["user_id"] != id {
			t.Fatalf("read: %+v, %v", first, err)
		}
		if rest, _, err := s.Users(t.Context(), store.UserFilter{Cursor: next}); err != nil || len(rest) != 1 {
			t.Errorf("the next page: %+v, %v", rest, err)
		}
		if held, err := s.Holders(t.Context(), okta, identity.Named(id)); err != nil || len(held) != 1 {
			t.Errorf("holders: %+v, %v", held, err)
		}
		moved := openURL(t, "sqlite:"+newPath(t), Options{})
		if _, err := moved.Import(t.Context(), ImportOptions{}, source(export(t, s))); err != nil {
			t.Errorf("moving: %v", err)
		}

		stored := store.MappingWrite{Service: okta, Matcher: identity.Matcher{"user_id": id}}
		changed := "José"
		users, err := s.UpsertUsers(t.Context(), actor, []store.UserWrite{{ID: first[0].ID, FirstName: &changed, Mappings: []store.MappingWrite{stored}}})
		if err != nil || users[0].FirstName != changed || users[0].Mappings[0].Revision != first[0].Mappings[0].Revision {
			t.Errorf("sent back: %+v, %v", users, err)
		}
		stored.Source = identity.Manual
		if _, err := s.UpsertUsers(t.Context(), actor, []store.UserWrite{{ID: first[0].ID, Mappings: []store.MappingWrite{stored}}}); identity.CodeOf(err) != identity.CodeIdentityInvalid {
			t.Errorf("asserted: %v", err)
		}
		if _, err := s.UpsertUsers(t.Context(), actor, []store.UserWrite{{Key: name}}); identity.CodeOf(err) != identity.CodeUserInvalid {
			t.Errorf("written by name: %v", err)
		}
		deletes := []store.MappingDelete{{UserID: first[0].ID, Service: okta, Matcher: identity.Matcher{"user_id": id}}}
		if deleted, err := s.DeleteMappings(t.Context(), actor, deletes); err != nil || !deleted[0] {
			t.Errorf("deleting the mapping: %v, %v", deleted, err)
		}
		if deleted, err := s.DeleteUsers(t.Context(), actor, []store.UserDelete{{ID: first[0].ID, Key: name}}); err != nil || !deleted[0].Existed {
			t.Errorf("deleting the user: %v, %v", deleted, err)
		}
	})
}
