// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every connector answers for every trap, and the page shows all answers. The
// connectors' own tests prove the rows. UPDATE_GOLDEN=1 writes the page.
func TestTrapsPage(t *testing.T) {
	t.Parallel()
	rows := map[string]Row{}
	files, err := filepath.Glob(filepath.Join("..", "*", TrapsFile("*")))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		kind := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "traps-"), ".json")
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var row Row
		if err := json.Unmarshal(src, &row); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		rows[kind] = row
	}
	for kind := range Excuses() {
		for _, trap := range AllTraps() {
			o, known := rows[kind][trap]
			if !known {
				t.Errorf("%s: no test says what happens with the trap %q", kind, trap)
			} else if o.Cannot != "" && len(o.Cannot) < 15 {
				t.Errorf("%s: %q is no reason why %q cannot happen", kind, o.Cannot, trap)
			}
		}
		if len(rows[kind]) > len(AllTraps()) {
			t.Errorf("%s: its row has traps that nobody knows", kind)
		}
	}
	want := trapsTable(rows)
	const (
		page  = "../../../templates/guides/directory-evidence.md"
		begin = "<!-- traps -->\n\n"
		end   = "\n<!-- end of traps -->"
	)
	src, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(src), begin)
	old, after, ended := strings.Cut(rest, end)
	switch {
	case !ok || !ended:
		t.Fatalf("%s has no place for the table", page)
	case old == want:
	case os.Getenv("UPDATE_GOLDEN") == "":
		t.Errorf("%s shows another table; UPDATE_GOLDEN=1 writes it", page)
	default:
		if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// trapsTable returns a line for each kind, and the reasons that its cells refer to.
func trapsTable(rows map[string]Row) string {
	var b strings.Builder
	b.WriteString("| |")
	for _, trap := range AllTraps() {
		fmt.Fprintf(&b, " %s |", trap)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(AllTraps())) + "\n")
	var reasons []string
	for _, kind := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "| [%s](directory-%s) |", kind, kind)
		for _, trap := range AllTraps() {
			o := rows[kind][trap]
			cell := strings.Join(o.Answers, ", ")
			if o.Cannot != "" {
				n := slices.Index(reasons, o.Cannot)
				if n < 0 {
					n, reasons = len(reasons), append(reasons, o.Cannot)
				}
				cell = fmt.Sprintf("– (%d)", n+1)
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	b.WriteString("\nIt cannot happen there, because\n\n")
	for n, reason := range reasons {
		fmt.Fprintf(&b, "%d. %s\n", n+1, reason)
	}
	return b.String()
}
