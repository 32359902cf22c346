// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package sqlstore_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// TestPgBouncer runs what depends on transactions, locks and statements through
// a pooler, in both of its modes, set up as the guide on replicas says.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	warned := func(t *testing.T, url string) (settings []string) {
		t.Helper()
		found, err := sqlstore.Warnings(t.Context(), url, sqlstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range found {
			if setting, _, _ := strings.Cut(text, " is "); setting != "fsync" { // which the test server has off
				settings = append(settings, setting)
			}
		}
		return settings
	}
	before := pgtest.StartPgBouncer(t, cluster.URL(), "transaction")
	if got, want := warned(t, before), []string{"default_transaction_isolation", "statement_timeout"}; !slices.Equal(got, want) {
		t.Errorf("warned of %q, want %q", got, want)
	}
	url := pgtest.PooledURL(t, cluster.URL(), cluster.URL())
	for mode, groups := range map[string][]string{
		"transaction": {"Conditions", "Batches", "Concurrent"},
		"session":     {"Concurrent"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pooled := pgtest.StartPgBouncer(t, url, mode)
			if got := warned(t, pooled); len(got) > 0 {
				t.Errorf("warned of %q", got)
			}
			runConformance(t, func(t *testing.T) store.Store { return open(t, pgtest.NewDatabase(t, cluster.URL(), pooled)) }, groups...)
		})
	}
}
