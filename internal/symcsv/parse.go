// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package symcsv reads and writes the CSV of symflow: the file that its
// list-identities command exports and its update command edits. One row is one
// user, one column is one service; the cell is the user's identity there.
//
// symflow has written several layouts over the years, and spreadsheets add
// their own touch. Parse reads them all and refuses what it would have to guess.
// What a file leaves out means nothing: a blank cell or a missing row is no
// identity, not an order to delete one.
package symcsv

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Names of the columns that are not services.
const (
	userColumn    = "sym:cloud" // the user; a service key, because every user has a record of that service
	oldUserColumn = "email"     // what the oldest symflow called it
	userIDColumn  = "User ID"   // symflow's own id: in front, at the end, or both
)

// Parse reads a CSV text: service key → user → identity. Each service column
// is a key of the result, also where nobody has an identity in it; users keep
// the spelling of the file, without outer spaces. On an error the map is nil
// and the error is an *Error with all problems.
//
// The text may be as spreadsheets save it: with commas, semicolons or tabs, with a
// first line such as sep=;, in UTF-8 or in UTF-16 with its byte order mark.
//
// A matcher that is not the type's own key alone has no place in this map: it is
// a problem. ParseSheet reads it.
func Parse(text string) (map[string]map[string]string, error) {
	sheet, err := parse(text, true)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for _, service := range sheet.Services {
		out[service.String()] = map[string]string{}
	}
	for _, r := range sheet.Rows {
		for _, id := range r.Identities {
			out[id.Service.String()][r.User] = id.Matcher[identity.MatcherKey(id.Service.Type)]
		}
	}
	return out, nil
}

// Sheet is a CSV without problems.
type Sheet struct {
	Services []identity.ServiceKey // one for each column
	Rows     []Row
}

// Row is a user of a sheet with the identities that are not blank.
type Row struct {
	Line       int
	User       string // as the file spells it
	Key        identity.UserKey
	Identities []ServiceIdentity
}

// ServiceIdentity is a cell: the user's matcher in the service of the column.
type ServiceIdentity struct {
	Service identity.ServiceKey
	Matcher identity.Matcher
	// Whole reports whether the cell spells the matcher out, as JSON. A cell of plain
	// text is the value of one key: symflow leaves further keys out.
	Whole bool
}

// ParseSheet reads a CSV text and checks every row. The error is an *Error with
// all problems.
func ParseSheet(text string) (*Sheet, error) { return parse(text, false) }

// parse reads a CSV text. With plain, a cell must be one identity.
func parse(text string, plain bool) (*Sheet, error) {
	text, err := Text([]byte(text))
	if err != nil {
		return nil, &Error{Problems: []Problem{{Line: 1, Err: err}}}
	}
	g := split(text)
	p := parser{plain: plain, first: map[identity.UserKey]Row{}}
	switch {
	case len(g.rows) == 0 && g.problem == nil:
		p.report(1, "", fmt.Errorf("the file is empty: it needs at least a header with the column %s", userColumn))
	case len(g.rows) > 0 && p.header(g.rows[0]):
		for _, r := range g.rows[1:] {
			p.row(r)
		}
	}
	if g.problem != nil {
		p.report(g.problem.Line, g.problem.Column, g.problem.Err)
	}
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, &Error{Problems: p.problems, More: p.more}
	}
	return &p.sheet, nil
}

// parser reads rows into a sheet and collects their problems.
type parser struct {
	plain    bool // cells of several keys are problems
	columns  []column
	user     int // index of the user's column
	first    map[identity.UserKey]Row
	sheet    Sheet
	problems []Problem
	more     int // problems that were not kept
}

// maxProblems bounds how many problems are kept.
const maxProblems = 1000

func (p *parser) report(line int, column string, err error) {
	if len(p.problems) == maxProblems {
		p.more++
		return
	}
	p.problems = append(p.problems, Problem{Line: line, Column: column, Err: err})
}

// row reads one row below the header.
func (p *parser) row(r row) {
	if r.blank() {
		return // a spreadsheet's empty line
	}
	cells, ok := p.fit(r)
	if !ok {
		return
	}
	user := cells[p.user]
	out := Row{Line: user.line, User: strings.TrimSpace(unescape(strings.TrimSpace(user.text)))}
	invalid := identity.CheckSpreadsheet(out.User)
	if invalid == nil {
		out.Key, invalid = identity.ParseUser(out.User)
	}
	if invalid != nil {
		p.report(user.line, p.columns[p.user].name, invalid)
	}
	for i, c := range p.columns {
		value := cells[i].text
		if isBlank(value) || i == p.user {
			continue
		}
		switch {
		case c.service != (identity.ServiceKey{}):
			id, err := p.identityOf(c.service, value)
			if err != nil {
				p.report(cells[i].line, c.name, err)
			} else {
				out.Identities = append(out.Identities, id)
			}
		case c.name == "":
			p.report(cells[i].line, fmt.Sprint(i+1), fmt.Errorf("the header gives this column no name, but it holds %q", identity.Truncate(value)))
		}
	}
	if invalid != nil {
		return
	}
	if first, twice := p.first[out.Key]; twice {
		p.report(out.Line, p.columns[p.user].name, fmt.Errorf("%q is the same user as %q on line %d. Make one row of the two", out.User, first.User, first.Line))
		return
	}
	p.first[out.Key] = Row{User: out.User, Line: out.Line}
	p.sheet.Rows = append(p.sheet.Rows, out)
}

// fit returns a row's cells, one per column, or reports why it cannot.
func (p *parser) fit(r row) ([]cell, bool) {
	want := len(p.columns)
	if len(r) == want-1 && p.lacksRepeatedID(r) {
		return append(r[:len(r):len(r)], cell{line: r[0].line}), true
	}
	err := r.fits(want)
	if err != nil {
		p.report(r[0].line, "", err)
	}
	return r, err == nil
}

// lacksRepeatedID reports whether a row comes from the symflow release that
// repeated User ID at the end of its header only. It does not where the row lost
// a cell in the middle: there the user's id has moved to the left.
func (p *parser) lacksRepeatedID(r row) bool {
	if p.columns[len(p.columns)-1].name != userIDColumn {
		return false
	}
	last := r[len(r)-1].text
	repeated := false
	for i, c := range p.columns[:len(p.columns)-1] {
		if c.name != userIDColumn {
			continue
		}
		repeated = true
		if i < len(r)-1 && r[i].text == last && !isBlank(last) {
			return false
		}
	}
	return repeated
}

// identityOf reads and checks one cell.
func (p *parser) identityOf(service identity.ServiceKey, value string) (ServiceIdentity, error) {
	id, err := readCell(service, unescape(value))
	if err != nil {
		return id, err
	}
	if _, plain := id.Matcher.Identity(service.Type); p.plain && !plain {
		return id, fmt.Errorf("the cell %s is a matcher, and a map of identities holds one value for each user: that of the key %s. "+
			"Clear the cell and declare this mapping with the matcher attribute of a sym_identity resource", identity.Quote(value), identity.MatcherKey(service.Type))
	}
	return id, nil
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Error lists everything that is wrong with a CSV text, ordered by line.
type Error struct {
	Problems []Problem
	More     int // problems that are not listed
}

// Error returns the one problem, or a list with one line for each.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the CSV has %d problems:", len(e.Problems)+e.More)
	for _, p := range e.Problems {
		b.WriteString("\n- " + p.Error())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n- and %d more", e.More)
	}
	return b.String()
}

// Unwrap lets errors.Is and errors.As find every problem.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}

// Problem is an error with its place.
type Problem struct {
	Line   int    // of the text, from 1
	Column string // the column's name as the header spells it, or its number; "" for a whole line
	Err    error
}

// Error starts with the place: "line 3, column okta:acme.okta.com: …".
func (p Problem) Error() string {
	at := fmt.Sprintf("line %d", p.Line)
	if p.Column != "" {
		at += ", column " + identity.Truncate(p.Column)
	}
	return at + ": " + p.Err.Error()
}

func (p Problem) Unwrap() error { return p.Err }

var errNotAHeader = errors.New("this is not a header. The first line must name the columns: " + userColumn +
	" is the user, the others are service keys such as okta:acme.okta.com")
