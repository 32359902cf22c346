// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package symcsv reads and writes the CSV of symflow: the file that its
// list-identities command exports and its update command edits. One row is one
// user, one column is one service; the cell is the user's identity there.
//
// symflow has written several layouts over the years, and spreadsheets add
// their own touch. Parse takes them all and refuses what it would have to
// guess. Nothing is ever meant by what a file leaves out: a blank cell or a
// missing row is no identity, not an order to delete one.
package symcsv

import (
	"cmp"
	"errors"
	"fmt"
	"io"
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
// and the error is an *Error with what is wrong.
func Parse(text string) (map[string]map[string]string, error) {
	sheet, err := Check(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for _, service := range sheet.Services {
		out[service.String()] = map[string]string{}
	}
	err = sheet.Rows(func(r Row) error {
		for _, id := range r.Identities {
			out[id.Service.String()][r.User] = id.Identity
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// parser makes sense of rows, and collects what is wrong with them.
type parser struct {
	columns  []column
	services []identity.ServiceKey // of the columns, in their order
	user     int                   // index of the user's column
	visit    func(Row) error       // each row
	problems []Problem
	more     int // problems that were not kept
}

// maxProblems is how many problems are kept.
const maxProblems = 1000

func (p *parser) report(line int, column string, err error) {
	if len(p.problems) == maxProblems {
		p.more++
		return
	}
	p.problems = append(p.problems, Problem{Line: line, Column: column, Err: err})
}

// error is what was wrong so far, nil for nothing.
func (p *parser) error() error {
	if len(p.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(p.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return &Error{Problems: p.problems, More: p.more}
}

// read reads a whole text. An error is that of reading it at all, or of visit.
func (p *parser) read(in io.ReadSeeker, quote byte) error {
	r, err := newReader(in, quote)
	if err != nil {
		return err
	}
	understood := false
	for n := 0; ; n++ {
		cells, err := r.next()
		var problem *Problem
		switch {
		case errors.As(err, &problem):
			p.report(problem.Line, problem.Column, problem.Err)
			return nil
		case errors.Is(err, io.EOF) && n == 0:
			p.report(1, "", fmt.Errorf("the file is empty: it needs at least a header with the column %s", userColumn))
			return nil
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == 0:
			understood = p.header(cells)
		case understood:
			err = p.row(cells)
		}
		if err != nil {
			return err
		}
	}
}

// row takes one row below the header. The error is that of visit.
func (p *parser) row(r row) error {
	if r.blank() {
		return nil // a spreadsheet's empty line
	}
	cells, ok := p.fit(r)
	if !ok {
		return nil
	}
	out := p.userOf(cells[p.user])
	for i, c := range p.columns {
		value := cells[i].text
		if isBlank(value) || i == p.user {
			continue
		}
		switch c.kind {
		case serviceColumn:
			id, err := p.identityOf(c.service, value)
			if err != nil {
				p.report(cells[i].line, c.name, err)
			} else {
				out.Identities = append(out.Identities, ServiceIdentity{c.service, id})
			}
		case namelessColumn:
			p.report(cells[i].line, fmt.Sprint(i+1), fmt.Errorf("the header gives this column no name, but it holds %q", shorten(value)))
		}
	}
	return p.visit(out)
}

// fit is a row's cells, one per column. A row of another width is refused: its
// identities may stand under the wrong service.
func (p *parser) fit(r row) ([]cell, bool) {
	have, want := len(r), len(p.columns)
	if have == want {
		return r, true
	}
	if have == want-1 && p.lacksRepeatedID(r) {
		return append(r[:have:have], cell{line: r[0].line}), true
	}
	p.report(r[0].line, "", fmt.Errorf("the row has %s, but the header has %s. Blank cells need their comma, and a value with a comma needs quotes",
		count(have, "cell"), count(want, "column")))
	return nil, false
}

// lacksRepeatedID tells the file of a symflow release that repeated User ID at
// the end of its header alone from a row that lost a cell in the middle: there
// the user's id has moved to the left.
func (p *parser) lacksRepeatedID(r row) bool {
	if p.columns[len(p.columns)-1].kind != idColumn {
		return false
	}
	last := r[len(r)-1].text
	repeated := false
	for i, c := range p.columns[:len(p.columns)-1] {
		if c.kind != idColumn {
			continue
		}
		repeated = true
		if i < len(r)-1 && r[i].text == last && !isBlank(last) {
			return false
		}
	}
	return repeated
}

// userOf begins a row with its user, who is nobody where the name is wrong.
func (p *parser) userOf(c cell) Row {
	name := strings.TrimSpace(c.text)
	key, err := identity.ParseUser(name)
	if err != nil {
		p.report(c.line, p.columns[p.user].name, err)
		return Row{Line: c.line}
	}
	return Row{Line: c.line, User: name, Key: key}
}

// identityOf checks one cell.
func (p *parser) identityOf(service identity.ServiceKey, value string) (string, error) {
	id, err := plainIdentity(service, value)
	if err != nil {
		return "", err
	}
	return id, identity.ValidateIdentity(service, id)
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// shorten keeps an error's text readable.
func shorten(s string) string {
	const keep = 64
	if len(s) <= keep {
		return s
	}
	return strings.ToValidUTF8(s[:keep], "") + "…"
}
