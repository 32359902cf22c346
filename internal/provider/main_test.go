// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMain checks the shape of every diagnostic that a test caused. After a run
// of all tests it also checks that there was one of each kind in the inventory.
// See "Diagnostics" in CONTRIBUTING.md.
func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "sym-provider-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// No test is about the default, and a busy machine takes longer under the race detector.
	if err := os.Setenv("SYM_REQUEST_TIMEOUT", "10m"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(programs)
	if code == 0 {
		problems := diagnosticsTold.problems(ranEverything())
		if len(problems) > 0 {
			code = 1
			fmt.Fprintln(os.Stderr, "--- FAIL: the tests passed, but not every diagnostic they caused is as it should be. See \"Diagnostics\" in CONTRIBUTING.md.")
		}
		for _, problem := range problems {
			fmt.Fprintln(os.Stderr, "    "+problem)
		}
	}
	os.Exit(code)
}

func ranEverything() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}

// problems returns what is wrong with the recorded diagnostics and, after a run of
// all tests, which are missing.
func (r *diagnosticsRecord) problems(all bool) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var problems []string
	missing := maps.Clone(inventory)
	for d := range r.seen {
		title, _, _ := strings.Cut(d.Summary, ": ")
		delete(missing, title)
		for _, wrong := range wrongIn(d) {
			problems = append(problems, fmt.Sprintf("diagnostic %q: %s:\n%s\n", d.Summary, wrong, d.Detail))
		}
	}
	for title := range missing {
		if all && !cannotHappen[title] {
			problems = append(problems, fmt.Sprintf("no test causes the diagnostic %q: add one, or remove it from the inventory", title))
		}
	}
	slices.Sort(problems)
	return problems
}
