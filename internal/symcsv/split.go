// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"errors"
	"strings"
)

// row is the cells of one line, at least one.
type row []cell

// cell is a value and the line it starts on, from 1.
type cell struct {
	text string
	line int
}

func (r row) blank() bool {
	for _, c := range r {
		if !isBlank(c.text) {
			return false
		}
	}
	return true
}

// grid is a text split into cells with one of the quotes.
type grid struct {
	rows    []row
	quoted  int      // cells that were quoted
	problem *Problem // why the text cannot be read any further; nil at its end
}

// split splits a text with the quote that it uses. symflow exports with double
// quotes and edits with backticks, and no file says which: split tries both, and
// where both can be read takes the one that the file uses.
func split(text string) grid {
	text = strings.TrimPrefix(text, "\ufeff")
	standard := splitWith(text, '"')
	if !strings.Contains(text, "`") {
		return standard
	}
	backtick := splitWith(text, '`')
	switch {
	case backtick.quoted == 0, standard.regular() && !backtick.regular():
		return standard
	case backtick.regular() && !standard.regular(), standard.quoted == 0:
		return backtick
	case standard.regular() && strings.TrimSpace(backtick.rows[0][0].text) == userIDColumn:
		return backtick // only the editor's file has the id in front
	}
	return standard
}

// regular reports whether the rows make a table with a user's column.
func (g grid) regular() bool {
	if g.problem != nil || len(g.rows) == 0 || findUserColumn(g.rows[0]) < 0 {
		return false
	}
	for _, r := range g.rows {
		if len(r) != len(g.rows[0]) && !r.blank() {
			return false
		}
	}
	return true
}

// splitter splits a text into cells. A cell that starts with the quote ends with
// it and may hold commas, line ends and the doubled quote; elsewhere the quote is
// a character like any other. Lines end with LF, CRLF or CR. Empty lines are no
// rows. encoding/csv knows neither backticks nor CR, nor quotes inside a cell.
type splitter struct {
	rest   string // not read yet
	line   int    // where rest starts, from 1
	quote  byte
	quoted int
}

func splitWith(text string, quote byte) grid {
	s := splitter{rest: text, line: 1, quote: quote}
	// Some spreadsheets write, and only they read, a first line that names the comma.
	if rest, named := strings.CutPrefix(text, "sep=,"); named && lineEnd(rest) > 0 {
		s.rest, s.line = rest[lineEnd(rest):], 2
	}
	var g grid
	for s.rest != "" && g.problem == nil {
		var r row
		if r, g.problem = s.row(); g.problem == nil && (len(r) > 1 || r[0].text != "") {
			g.rows = append(g.rows, r)
		}
	}
	g.quoted = s.quoted
	return g
}

// row reads up to the end of the line.
func (s *splitter) row() (row, *Problem) {
	var cells row
	for {
		c, problem := s.cell()
		if problem != nil {
			return nil, problem
		}
		cells = append(cells, c)
		if !strings.HasPrefix(s.rest, ",") {
			break
		}
		s.rest = s.rest[1:]
	}
	if end := lineEnd(s.rest); end > 0 {
		s.rest = s.rest[end:]
		s.line++
	}
	return cells, nil
}

// cell reads up to a comma, the end of the line or of the text.
func (s *splitter) cell() (cell, *Problem) {
	if s.rest != "" && s.rest[0] == s.quote {
		return s.quotedCell()
	}
	end := strings.IndexAny(s.rest, ",\r\n")
	if end < 0 {
		end = len(s.rest)
	}
	c := cell{text: s.rest[:end], line: s.line}
	s.rest = s.rest[end:]
	return c, nil
}

func (s *splitter) quotedCell() (cell, *Problem) {
	c := cell{line: s.line}
	s.quoted++
	quote, rest, end := string(s.quote), s.rest[1:], 0
	for {
		next := strings.IndexByte(rest[end:], s.quote)
		if next < 0 {
			return c, &Problem{Line: c.line, Err: errors.New("a quote opens on this line and is never closed")}
		}
		end += next
		if !strings.HasPrefix(rest[end+1:], quote) {
			break
		}
		end += 2
	}
	c.text = strings.ReplaceAll(rest[:end], quote+quote, quote)
	s.line += lineEnds(rest[:end])
	s.rest = rest[end+1:]
	if s.rest != "" && s.rest[0] != ',' && lineEnd(s.rest) == 0 {
		return c, &Problem{Line: s.line, Err: errors.New("text follows a closing quote. Inside a quoted cell, a quote is written twice")}
	}
	return c, nil
}

// lineEnd returns the length of the line end that s starts with, 0 for none.
func lineEnd(s string) int {
	switch {
	case strings.HasPrefix(s, "\r\n"):
		return 2
	case strings.HasPrefix(s, "\n"), strings.HasPrefix(s, "\r"):
		return 1
	}
	return 0
}

func lineEnds(s string) int {
	return strings.Count(s, "\n") + strings.Count(s, "\r") - strings.Count(s, "\r\n")
}
