// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"errors"
	"iter"
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

// each yields writes, and an error behind them where there is one.
func each(writes []store.UserWrite, err error) iter.Seq2[store.UserWrite, error] {
	return func(yield func(store.UserWrite, error) bool) {
		for _, w := range writes {
			if !yield(w, nil) {
				return
			}
		}
		if err != nil {
			yield(store.UserWrite{}, err)
		}
	}
}

// UpsertAll does what UpsertUsers does, in pages, and all or nothing.
func TestUpsertAll(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		const n = 2*chunkSize + 7
		s := openURL(t, url, Options{})
		fill(t, s, 5) // some are there already, with other values
		all := func(writes []store.UserWrite, source error) (int, error) {
			return s.UpsertAll(t.Context(), store.Actor{Name: "import"}, each(writes, source))
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
		failed, err := all(wrong, nil)
		var batch *identity.BatchError
		if !errors.As(err, &batch) || failed != 2 || len(batch.Items) != 2 || batch.Items[0].Index != 3 || batch.Items[1].Index != n-1 {
			t.Fatalf("%d failed: %v", failed, err)
		}
		unchanged("two failures")
		cut := errors.New("the file cannot be read on")
		if _, err := all(plainPeople(n, "b"), cut); !errors.Is(err, cut) {
			t.Fatalf("got %v", err)
		}
		unchanged("the source failed")

		if failed, err := all(plainPeople(n, "b"), nil); err != nil || failed != 0 {
			t.Fatal(failed, err)
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
		if _, err := all(plainPeople(n, "b"), nil); err != nil {
			t.Fatal(err)
		}
		unchanged("the same again")
	})
}

// A transaction that lost is run again from the first write on.
func TestUpsertAllIsRunAgain(t *testing.T) {
	t.Parallel()
	s := openFile(t, newPath(t), Options{})
	fill(t, s, 0)
	s.dialect = retryDialect{s.dialect}
	runs := 0
	failed, err := s.UpsertAll(t.Context(), actor, func(yield func(store.UserWrite, error) bool) {
		runs++
		for i, w := range plainPeople(chunkSize+5, "") {
			if runs < 3 && i == chunkSize+2 {
				// What the database would say to the statement behind it.
				yield(store.UserWrite{}, errSerialization)
				return
			}
			if !yield(w, nil) {
				return
			}
		}
	})
	if err != nil || failed != 0 || runs != 3 {
		t.Fatalf("%d runs, %d failed, %v", runs, failed, err)
	}
	if users, _, err := s.Users(t.Context(), store.UserFilter{}); err != nil || len(users) != chunkSize+5 {
		t.Errorf("%d users, %v", len(users), err)
	}
	if changes, _, err := s.History(t.Context(), store.HistoryFilter{}); err != nil || len(changes) != chunkSize+5 {
		t.Errorf("%d changes, %v", len(changes), err)
	}
}
