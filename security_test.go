// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// glob finds files and fails if there are none.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	return paths
}

// Every test that SECURITY.md names as a proof is there.
func TestSecurityNamesRealTests(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile("`(?:([a-z][a-z0-9/-]*)\\.)?(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(read(t, "SECURITY.md"), -1)
	if len(named) < 40 {
		t.Errorf("SECURITY.md names %d tests; is this test blind?", len(named))
	}
	for _, n := range named {
		var all strings.Builder
		for _, path := range glob(t, filepath.Join(filepath.FromSlash(n[1]), "*_test.go")) {
			all.WriteString(read(t, path))
		}
		if !strings.Contains(all.String(), fmt.Sprintf("\nfunc %s(t *testing.T) {", n[2])) {
			t.Errorf("there is no %s in %s", n[2], n[1])
		}
	}
}

// What is built is what go.sum says, with nothing put in its place, and CI runs
// actions at commits, which nobody can move.
func TestDependenciesArePinned(t *testing.T) {
	t.Parallel()
	replaced := regexp.MustCompile(`(?m)^\s*replace\b|=>`)
	// tools/tofu builds OpenTofu for tests, with the replace that OpenTofu needs;
	// nothing of it is in what we build.
	for _, path := range []string{"go.mod", "tools/go.mod"} {
		if found := replaced.FindString(read(t, path)); found != "" {
			t.Errorf("%s holds %q", path, found)
		}
	}
	uses := regexp.MustCompile(`(?m)^\s*-?\s*uses:\s*(\S+)`)
	commit := regexp.MustCompile(`@[0-9a-f]{40}$`)
	for _, path := range glob(t, ".github/workflows/*.yml") {
		text := read(t, path)
		for _, use := range uses.FindAllStringSubmatch(text, -1) {
			if !commit.MatchString(use[1]) && !strings.HasPrefix(use[1], "./") {
				t.Errorf("%s uses %s, not a commit", path, use[1])
			}
		}
		if strings.Contains(text, "@latest") {
			t.Errorf("%s runs something @latest", path)
		}
	}
}
