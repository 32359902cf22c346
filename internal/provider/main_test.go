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

// TestMain looks at every diagnostic that any test has brought about, and where
// all tests have run, also whether there was one of each kind: no diagnostic
// reaches people whose shape nobody has looked at. See "Diagnostics" in
// CONTRIBUTING.md.
func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "sym-provider-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(programs)
	if code == 0 {
		for _, problem := range diagnosticsTold.problems(ranEverything()) {
			fmt.Fprintln(os.Stderr, problem)
			code = 1
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

// problems are what is wrong with the diagnostics told and, where they should be
// all, which are missing.
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
			problems = append(problems, fmt.Sprintf("no test brings about the diagnostic %q", title))
		}
	}
	slices.Sort(problems)
	return problems
}
