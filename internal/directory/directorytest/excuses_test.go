// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// kindInTest is how a test names the kind whose suite it runs.
var kindInTest = regexp.MustCompile(`\bKind:\s+"([a-z0-9_]+)"`)

// Every connector runs the suite, and every excuse gives a reason for cases
// that exist and that nothing else excuses already.
func TestExcuses(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "*", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]bool{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range kindInTest.FindAllSubmatch(src, -1) {
			ran[string(found[1])] = strings.Contains(string(src), "directorytest.Run(")
		}
	}
	for kind, excuses := range Excuses() {
		if !ran[kind] {
			t.Errorf("no test of a connector runs the suite with the kind %q", kind)
		}
		seen := map[Case][]string{}
		for _, e := range excuses {
			if len(e.Why) < 10 || len(e.Cases) == 0 {
				t.Errorf("%s: an excuse says nothing: %+v", kind, e)
			}
			for _, c := range e.Cases {
				if !isCase(c) {
					t.Errorf("%s: there is no case %q", kind, c)
				}
				ways := e.Ways
				if ways == nil {
					ways = []string{OneByOne, Batch, ByWalk}
				}
				for _, way := range ways {
					if slices.Contains(seen[c], way) {
						t.Errorf("%s: %q is excused twice", kind, c)
					}
					seen[c] = append(seen[c], way)
				}
			}
		}
		delete(ran, kind)
	}
	for kind := range ran {
		t.Errorf("a test runs the suite for the kind %q, which is none", kind)
	}
}
