// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Handles of one process and of others must not see half of anything; the
// suite's races run here between handles, where no queue orders the writers.
func TestTwoHandlesOnOneStore(t *testing.T) {
	t.Parallel()
	onBoth(t, twoHandlesOnOneStore)
}

func twoHandlesOnOneStore(t *testing.T, url string) {
	one, two := openURL(t, url, Options{}), openURL(t, url, Options{})
	if !one.Created() || two.Created() {
		t.Errorf("created: %v and %v, want true and false", one.Created(), two.Created())
	}
	fill(t, one, 0)
	won := make([]int, 2)
	for round := range 20 {
		var group sync.WaitGroup
		errs := make([]error, 2)
		for i, s := range []*Store{one, two} {
			group.Go(func() {
				_, errs[i] = s.UpsertUsers(t.Context(), actor, []store.UserWrite{{Key: person(round), Mappings: []store.MappingWrite{{
					Service: okta, Matcher: identity.Matcher{"user_id": fmt.Sprintf("handle%d", i)},
					Conditions: identity.Conditions{IfAbsent: true}}}}})
			})
		}
		group.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil || identity.CodeOf(errs[1-winner]) != identity.CodeIdentityConflict {
			t.Fatalf("round %d: got %v and %v, want one success and one conflict", round, errs[0], errs[1])
		}
		won[winner]++
		users, err := two.FindUsers(t.Context(), []identity.UserKey{person(round)})
		if err != nil || users[0].Mappings[0].Matcher["user_id"] != fmt.Sprintf("handle%d", winner) {
			t.Fatalf("round %d: the winner is handle %d, stored is %v, %v", round, winner, users, err)
		}
	}
	t.Logf("won: %v", won)
}

// Readers may hold and wait for every connection there is: the writer has its
// own, because while it waited behind them all other writers would.
func TestWritersDoNotWaitForReaders(t *testing.T) {
	t.Parallel()
	s := openFile(t, newPath(t), Options{MaxConns: 3})
	fill(t, s, 10)
	release := make(chan struct{})
	var readers sync.WaitGroup
	for range 6 {
		readers.Go(func() {
			err := s.Export(t.Context(), ExportOptions{}, func(store.Record) error { <-release; return nil })
			if err != nil {
				t.Errorf("a reader: %v", err)
			}
		})
	}
	for s.db.Stats().WaitCount == 0 { // until readers hold all that is left
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err := s.UpsertUsers(ctx, actor, []store.UserWrite{{Key: person(100)}})
	close(release)
	readers.Wait()
	if err != nil {
		t.Errorf("the writer waited in vain: %v", err)
	}
}

func TestDataOutlivesTheHandle(t *testing.T) {
	t.Parallel()
	onBoth(t, dataOutlivesTheHandle)
}

func dataOutlivesTheHandle(t *testing.T, url string) {
	s := openURL(t, url, Options{})
	fill(t, s, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := openURL(t, url, Options{})
	users, _, err := again.Users(t.Context(), store.UserFilter{})
	if err != nil || len(users) != 3 || len(users[2].Mappings) != 1 {
		t.Errorf("got %v, %v", users, err)
	}
	if again.Created() {
		t.Error("the store was there, but Created is true")
	}
}

func TestAnEmptyFileIsANewStore(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := openFile(t, path, Options{}); !s.Created() {
		t.Error("the file held nothing, but Created is false")
	}
}

// The index holds a long matcher as a hash. An identity that is spelled like the
// hash is another account.
func TestHashedClaimsAreComparedThemselves(t *testing.T) {
	t.Parallel()
	s := openFile(t, newPath(t), Options{})
	ldap := identity.ServiceKey{Type: "ldap", ExternalID: "dc=acme"}
	if _, err := s.CreateService(t.Context(), actor, ldap, ""); err != nil {
		t.Fatal(err)
	}
	long := identity.Matcher{"cn": strings.Repeat("x", 1000), "ou": strings.Repeat("y", 1000)}
	claim := long.AccountKey(ldap.Type)
	_, err := s.UpsertUsers(t.Context(), actor, []store.UserWrite{
		{Key: person(1), Mappings: []store.MappingWrite{{Service: ldap, Matcher: identity.NewMatcher(ldap.Type, claimColumn(claim))}}},
		{Key: person(2), Mappings: []store.MappingWrite{{Service: ldap, Matcher: long, Conditions: identity.Conditions{IfUnclaimed: true}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	holders, err := s.Holders(t.Context(), ldap, identity.Named(claim))
	if err != nil || len(holders) != 1 || holders[0].Key != person(2) {
		t.Errorf("got %v, %v", holders, err)
	}
}
