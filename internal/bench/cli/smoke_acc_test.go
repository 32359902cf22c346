// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strings"
	"testing"
)

// TestAccSmallBench takes every measure of whole runs once, with few people.
// What holds at any size is checked: the requests. Times never are.
func TestAccSmallBench(t *testing.T) {
	t.Parallel()
	cli := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if os.Getenv("TF_ACC") == "" || cli == "" {
		t.Skip("set TF_ACC and TF_ACC_TERRAFORM_PATH to run whole plans; make test does")
	}
	opts, err := parse([]string{"-cli", cli, "-declared", "20", "-people", "20", "-stored", "50", "-crowd", "50",
		"-loop", "100ms", "-rest", "100ms", "-soak", "1s", "-runs", "1", "-warm-up=false", "-only", "declared,resolved,identities,api,store,soak"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := prepare(t.Context(), opts, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	rows, err := b.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counted := 0
	for _, r := range rows {
		if r.measured <= 0 {
			t.Errorf("%s: measured %v", r.what, r.measured)
		}
		if r.unit == unitRequests || r.bound == exactly {
			counted++
			if !r.ok() {
				t.Errorf("%s: %v, want %s %v (%s)", r.what, r.measured, r.bound, r.target, r.detail)
			}
		}
	}
	if counted != 5 {
		t.Errorf("%d rows of requests and mappings, want 5:\n%s", counted, markdown(rows))
	}
	if table := markdown(rows); strings.Count(table, "\n") != len(rows)+2 {
		t.Errorf("the table has not a line for each of %d rows:\n%s", len(rows), table)
	}
}
