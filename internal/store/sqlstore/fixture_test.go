// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// TestMain lets this binary be started again as another process on the same
// store; see process_test.go. Properties are checked on fewer examples than
// rapid would by itself: each is dozens of transactions that reach the disk.
func TestMain(m *testing.M) {
	switch role := os.Getenv(childRole); role {
	case "":
	case unprivileged, limited:
		os.Exit(runHampered(role, os.Getenv(childURL)))
	case staying, stayingReader:
		os.Exit(runStaying(role, os.Getenv(childURL)))
	default:
		os.Exit(runChild(role, os.Getenv(childURL)))
	}
	if err := flag.Set("rapid.checks", "12"); err != nil { // the command line may say otherwise
		panic(err)
	}
	os.Exit(m.Run())
}

// onBoth runs a test on a new store of each dialect.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+newPath(t))
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		test(t, pgtest.URL(t))
	})
}

func newPath(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "identities.db")
}

// openFile opens a handle of its own on a file, as another process would.
func openFile(tb testing.TB, path string, opts Options) *Store {
	tb.Helper()
	return openURL(tb, "sqlite:"+path, opts)
}

// openURL opens a handle of its own on a store.
func openURL(tb testing.TB, url string, opts Options) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), url, opts)
	if err != nil {
		tb.Fatalf("opening the store: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("closing the store: %v", err)
		}
	})
	return s
}

var (
	okta  = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	actor = store.Actor{Name: "ci", RequestID: "req-1"}
)

// fill registers okta and maps n people, a thousand at a time.
func fill(tb testing.TB, s *Store, n int) {
	tb.Helper()
	if _, err := s.CreateService(tb.Context(), actor, okta, "Okta"); err != nil {
		tb.Fatal(err)
	}
	for start := 0; start < n; start += 1000 {
		if _, err := s.UpsertUsers(tb.Context(), actor, people(start, min(n, start+1000), "")); err != nil {
			tb.Fatal(err)
		}
	}
}

func person(i int) identity.UserKey {
	return identity.UserKey(fmt.Sprintf("user%07d@acme.com", i))
}

// people are writes of the users from start up to end, as Terraform sends them.
func people(start, end int, suffix string) []store.UserWrite {
	var writes []store.UserWrite
	for i := start; i < end; i++ {
		writes = append(writes, store.UserWrite{Key: person(i), Mappings: []store.MappingWrite{{
			Service: okta, Matcher: identity.Matcher{"user_id": fmt.Sprintf("00u%06d%s", i, suffix)},
			Source: identity.Manual, Conditions: identity.Conditions{IfUnclaimed: true},
		}}})
	}
	return writes
}
