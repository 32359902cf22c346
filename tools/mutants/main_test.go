// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The conditions of a switch's cases are changed as any other.
func TestMutate(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	const src = `package p

const limit = 1 + 2

func (r *T) f(a, b int) bool {
	for i := 0; i < a; i++ {
		if !g(i) {
			continue
		}
	}
	switch {
	case a == b && b >= 3:
		return true
	}
	return false
}
`
	if err := os.WriteFile(filepath.Join(root, "p.go"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	mutants, err := mutate(root, "p.go")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mutants {
		if m.function != "T.f" {
			t.Errorf("%s is in %s", m, m.function)
		}
		got = append(got, m.change())
	}
	want := []string{
		"i < a → i <= a", "i < a → i >= a", "i++ → i--", "!g(i) → g(i)", "continue → break",
		"a == b && b >= 3 → a == b || b >= 3", "a == b → a != b", "b >= 3 → b > 3", "b >= 3 → b < 3",
		"true → false", "false → true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if text := string(mutants[0].source); len(text) != len(src)+1 || mutants[0].line != 6 {
		t.Errorf("line %d of\n%s", mutants[0].line, text)
	}
}

// The tests of a package notice one change and not the other.
func TestRun(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example.com/p\n\ngo 1.26\n",
		"p.go":      "package p\n\nfunc Adult(age int) bool { return age >= 18 }\n\nvar Unused = 1\n",
		"p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestAdult(t *testing.T) {\n\tif !Adult(30) || Adult(10) {\n\t\tt.Fail()\n\t}\n}\n",
		reasonsFile: "# a comment\np.go\tAdult\tage >= 18 → age > 18\tnobody is 18\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mutants, err := mutate(root, "p.go")
	if err != nil {
		t.Fatal(err)
	}
	test(root, mutants, 2)
	if len(mutants) != 2 || mutants[0].outcome != survived || mutants[1].outcome != killed {
		t.Errorf("got %v", mutants)
	}
	reasons, err := readReasons(filepath.Join(root, reasonsFile))
	if err != nil || reasons[mutants[0].key()] != "nobody is 18" {
		t.Errorf("reasons %q, %v", reasons, err)
	}
	if ok, err := report(mutants, reasons); ok || err != nil {
		t.Errorf("half of the mutants survive: %t, %v", ok, err)
	}
}
