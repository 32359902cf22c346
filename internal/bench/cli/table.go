// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"strings"
)

// row is one figure of the table.
type row struct {
	what     string
	measured float64
	unit     string
	bound    bound
	target   float64
	detail   string // what the figure comes from; may be empty
}

// bound says on which side of its target a figure is good.
type bound string

const (
	atMost  bound = "≤"
	atLeast bound = "≥"
	exactly bound = "="
	none    bound = "" // a figure to compare others with
)

func (r row) ok() bool {
	switch r.bound {
	case atMost:
		return r.measured <= r.target
	case atLeast:
		return r.measured >= r.target
	case none:
		return true
	default:
		return r.measured == r.target
	}
}

func (r row) verdict() string {
	switch {
	case r.bound == none:
		return ""
	case r.ok():
		return "ok"
	}
	return "short"
}

func (r row) aim() string {
	if r.bound == none {
		return ""
	}
	return string(r.bound) + " " + number(r.target, r.unit)
}

// number writes ratios and seconds with two decimals, the rest without.
func number(n float64, unit string) string {
	text := fmt.Sprintf("%.0f", n)
	if unit == unitRatio || unit == unitSeconds {
		text = fmt.Sprintf("%.2f", n)
	}
	for at := len(text) - 3; at > 0 && !strings.Contains(text, "."); at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return strings.TrimSpace(text + " " + unit)
}

const (
	unitRequests = "requests"
	unitRatio    = "×"
	unitSeconds  = "s"
	unitMillis   = "ms"
	unitMemory   = "MB"
	unitRate     = "a second"
)

// markdown is the table. Its columns are aligned, so that it reads well in a
// terminal too.
func markdown(rows []row) string {
	table := [][]string{{"What", "Measured", "Target", "", "From"}, nil}
	for _, r := range rows {
		table = append(table, []string{r.what, number(r.measured, r.unit), r.aim(), r.verdict(), r.detail})
	}
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, width := range widths {
		table[1] = append(table[1], strings.Repeat("-", max(width, 3)))
	}
	var text strings.Builder
	for _, cells := range table {
		for i, cell := range cells {
			fmt.Fprintf(&text, "| %-*s ", max(widths[i], 3), cell)
		}
		text.WriteString("|\n")
	}
	return text.String()
}

const (
	resultsStart = "<!-- results: make bench BENCHARGS='-write BENCHMARKS.md' -->\n"
	resultsEnd   = "<!-- end of results -->"
)

// replaceResults puts text between the two comments of a Markdown file.
func replaceResults(path, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(old), resultsStart)
	_, after, closed := strings.Cut(rest, resultsEnd)
	if !found || !closed {
		return fmt.Errorf("%s lacks the comments between which results stand:\n%s%s", path, resultsStart, resultsEnd)
	}
	return os.WriteFile(path, []byte(before+resultsStart+text+resultsEnd+after), 0o600)
}
