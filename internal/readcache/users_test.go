// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestUserRecords(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(ada, bob)
	r := New(f)
	warm(t, r)
	ctx := t.Context()
	if _, err := r.UpsertUser(ctx, client.UserWrite{Name: "new@acme.com"}); err != nil {
		t.Fatal(err)
	}
	if users, err := r.FindUsers(ctx, keys("new@acme.com")); err != nil || len(users) != 1 {
		t.Errorf("created: %v, %v", users, err)
	}
	if _, err := r.UpsertUser(ctx, client.UserWrite{ID: "id of " + ada, Name: "lovelace@acme.com"}); err != nil {
		t.Fatal(err)
	}
	users, err := r.FindUsers(ctx, keys(ada, "lovelace@acme.com"))
	if err != nil || len(users) != 1 || users[0].Name != "lovelace@acme.com" || len(users[0].Mappings) != 1 {
		t.Errorf("renamed: %v, %v", users, err)
	}
	if _, err := r.SetRole(ctx, "id of "+bob, identity.Admin); err != nil {
		t.Fatal(err)
	}
	if users, err := r.FindUsers(ctx, keys(bob)); err != nil || len(users) != 1 || users[0].Role != identity.Admin {
		t.Errorf("with a role: %v, %v", users, err)
	}
	if deleted, err := r.DeleteUsers(ctx, users); err != nil || !deleted[0] {
		t.Fatal(deleted, err)
	}
	if users, err := r.FindUsers(ctx, keys("lovelace@acme.com", bob)); err != nil || len(users) != 1 {
		t.Errorf("after a deletion: %v, %v", users, err)
	}
	if deleted, err := r.Delete(ctx, []identity.Delete{{User: ada, Service: okta}}); err != nil || deleted[0] {
		t.Error(deleted, err)
	}
	if n := f.count("AllUsers"); n != 1 {
		t.Errorf("the snapshot was read %d times", n)
	}
}

// A rename moves a user between names that nobody named: a reading that began
// before may show neither or both.
func TestRenameDuringTheSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI(ada, bob)
		r := New(f)
		f.after = func(ctx context.Context, call string, _ int) error {
			if call == "AllUsers" || call == "FindUsers" {
				return sleep(ctx, time.Second)
			}
			return nil
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, err := range r.AllUsers(t.Context()) {
				if err != nil {
					t.Error(err)
				}
			}
		}()
		go stored(t, r, ada, okta)
		time.Sleep(500 * time.Millisecond)
		if _, err := r.UpsertUser(t.Context(), client.UserWrite{ID: "id of " + ada, Name: "zoe@acme.com"}); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, r, ada, okta); got != "" {
			t.Errorf("the old name still has %q", got)
		}
		<-done
		if got := stored(t, r, ada, okta); got != "" {
			t.Errorf("in the snapshot the old name still has %q", got)
		}
	})
}

func TestCallersMayAppend(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(ada)
	r := New(f)
	warm(t, r)
	users, _ := r.FindUsers(t.Context(), keys(ada))
	_ = append(users[0].Mappings, identity.Mapping{Service: github})
	again, _ := r.FindUsers(t.Context(), keys(ada))
	if len(again[0].Mappings) != 1 || cap(again[0].Mappings) != 1 {
		t.Errorf("%d mappings of %d", len(again[0].Mappings), cap(again[0].Mappings))
	}
}

// Another client has renamed somebody: once we know the new name, nobody has
// the old one.
func TestRenameElsewhere(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(ada, bob)
	r := New(f)
	warm(t, r)
	if _, err := f.UpsertUser(t.Context(), client.UserWrite{ID: "id of " + ada, Name: "zoe@acme.com"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write(t.Context(), []identity.Write{write("zoe@acme.com", github, "zoe")}); err != nil {
		t.Fatal(err)
	}
	if users, err := r.FindUsers(t.Context(), keys("zoe@acme.com")); err != nil || len(users) != 1 {
		t.Fatal(users, err)
	}
	if got := stored(t, r, ada, okta); got != "" {
		t.Errorf("the old name still has %q", got)
	}
	holders, err := r.Holders(t.Context(), okta, identity.Named("00u-"+ada))
	if err != nil || len(holders) != 1 || holders[0].User != "zoe@acme.com" {
		t.Errorf("holders: %v, %v", holders, err)
	}
}
