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
