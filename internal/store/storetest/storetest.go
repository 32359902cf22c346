// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package storetest is the suite that every store passes. It is the contract
// of package store in executable form.
package storetest

import (
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Run runs the suite. open returns a new, empty store and arranges that it is
// closed when the test ends; it is called for many tests at once.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	groups := map[string]map[string]func(f *fixture){
		"Sources":    sourceTests,
		"Conditions": conditionTests,
		"Claims":     claimTests,
		"Users":      userTests,
		"Batches":    batchTests,
		"Deletes":    deleteTests,
		"Services":   serviceTests,
		"Lists":      listTests,
		"Revisions":  revisionTests,
		"Concurrent": concurrentTests,
		"BadInput":   badInputTests,
		"Model":      modelTests,
		"History":    historyTests,
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(newFixture(t, open(t)))
				})
			}
		})
	}
}
