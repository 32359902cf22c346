// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package report

import (
	"fmt"
	"strings"
	"unicode"
)

// maxMarkdownBytes is below the 65,536 characters that GitHub takes as a comment.
const maxMarkdownBytes = 60_000

// Markdown returns a comment for a pull request: what is open, in tables. Sections
// that would make it longer than a comment may be end with the count of what is left
// out. Names are code, so that nobody is notified and nothing is formatted.
func Markdown(r Result) string {
	p := arrange(r)
	w := &markdown{}
	w.line("## Accounts of people")
	w.line("")
	switch {
	case len(p.People) == 0:
		w.line("Nobody was asked for.")
	case p.UnmappedPeople == 0:
		w.line(fmt.Sprintf("All %s have every account, or an exemption.", counted(len(p.People), "person", "people")))
	default:
		w.line(fmt.Sprintf("**%d of %s** without one or more accounts.", p.UnmappedPeople, counted(len(p.People), "person", "people")))
	}
	var rows [][]string
	for _, c := range p.Coverage {
		rows = append(rows, []string{code(c.Service), fmt.Sprintf("%d %%", c.Percent), fmt.Sprint(c.Mapped), fmt.Sprint(c.Unmapped), fmt.Sprint(c.Exempt)})
	}
	w.table("", []string{"Service", "Coverage", "Mapped", "Unmapped", "Exempt"}, rows)

	rows = nil
	for _, l := range p.Leavers {
		for _, h := range l.Held {
			rows = append(rows, []string{code(l.User), code(l.Reason), code(h.Service), code(h.Identity)})
		}
	}
	w.table("People who left and hold accounts", []string{"Person", "Reason", "Service", "Account"}, rows)

	rows = nil
	for _, u := range p.Unmapped {
		candidates := make([]string, len(u.Candidates))
		for i, c := range u.Candidates {
			candidates[i] = code(c.Identity) + " (" + why(c.Why) + ")"
		}
		rows = append(rows, []string{code(u.User), code(u.Service), code(u.Reason), strings.Join(candidates, ", ")})
	}
	w.table("Unmapped", []string{"Person", "Service", "Reason", "May be theirs"}, rows)

	rows = nil
	for _, s := range p.Stale {
		rows = append(rows, []string{code(s.User), code(s.Service), code(s.Stored), code(s.Current), code(s.Reason)})
	}
	w.table("Stored identities that are out of date", []string{"Person", "Service", "Stored", "Now", "Reason"}, rows)

	rows = nil
	for _, o := range p.Orphans {
		rows = append(rows, []string{code(o.Service), code(o.Identity), code(o.Name), code(strings.Join(o.Emails, " ")), code(o.State)})
	}
	w.table("Accounts of nobody", []string{"Service", "Account", "Name", "Addresses", "State"}, rows)
	return w.String()
}

// markdown is a comment that ends before it is too long.
type markdown struct{ strings.Builder }

func (w *markdown) line(text string) { w.WriteString(text + "\n") }

// table writes a section, nothing if it has no rows.
func (w *markdown) table(title string, columns []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	w.line("")
	if title != "" {
		w.line(fmt.Sprintf("### %s (%d)\n", title, len(rows)))
	}
	w.line("| " + strings.Join(columns, " | ") + " |")
	w.line("|" + strings.Repeat(" --- |", len(columns)))
	for i, row := range rows {
		line := "| " + strings.Join(row, " | ") + " |"
		if w.Len()+len(line) > maxMarkdownBytes {
			w.line(fmt.Sprintf("\nand %d more: see the whole report.", len(rows)-i))
			return
		}
		w.line(line)
	}
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// code returns text as a code span in a cell of a table, "" for none. Characters
// that cannot be seen are written as their numbers.
func code(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '|':
			b.WriteString(`\|`)
		case !unicode.IsGraphic(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	inner := b.String()
	if strings.TrimSpace(inner) == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(inner, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		inner = " " + inner + " "
	}
	return fence + inner + fence
}
