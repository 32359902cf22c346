// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"errors"
	"strings"
)

// sheet is a text cut into cells, before they mean anything.
type sheet struct {
	rows    []row
	problem *Problem // the quote because of which reading stopped
	quoted  int      // cells that were quoted
}

// row is at least one cell.
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

// read cuts a text into cells. symflow exports with double quotes and edits
// with backticks, and no file says which: both are tried, and where both can be
// read the one is taken that the file uses.
func read(text string) sheet {
	standard := split(text, '"')
	backtick := split(text, '`')
	if backtick.quoted == 0 {
		return standard
	}
	switch fits, fitsBacktick := standard.regular(), backtick.regular(); {
	case fits && !fitsBacktick:
		return standard
	case fitsBacktick && !fits, standard.quoted == 0:
		return backtick
	case fits && fitsBacktick && backtick.startsWithID():
		return backtick // only the editor's file has the id in front
	}
	return standard
}

// regular reports whether a reading makes a table with a user's column.
func (s sheet) regular() bool {
	if s.problem != nil || len(s.rows) == 0 || findUserColumn(s.rows[0]) < 0 {
		return false
	}
	for _, r := range s.rows {
		if len(r) != len(s.rows[0]) && !r.blank() {
			return false
		}
	}
	return true
}

func (s sheet) startsWithID() bool { return strings.TrimSpace(s.rows[0][0].text) == userIDColumn }

// split reads comma-separated cells. A cell that starts with the quote ends
// with it and may hold commas, line ends and the doubled quote; elsewhere the
// quote is a character like any other. Lines end with LF, CRLF or CR. Empty
// lines are no rows.
func split(text string, quote byte) sheet {
	r := reader{rest: text, quote: quote, line: 1}
	var s sheet
	for r.rest != "" && s.problem == nil {
		var cells row
		if cells, s.problem = r.row(); s.problem == nil && (len(cells) > 1 || cells[0].text != "") {
			s.rows = append(s.rows, cells)
		}
	}
	s.quoted = r.quoted
	return s
}

type reader struct {
	rest   string // what is not read yet
	quote  byte
	line   int // where rest starts, from 1
	quoted int
}

// row reads up to the end of the line.
func (r *reader) row() (row, *Problem) {
	var cells row
	for {
		c, problem := r.cell()
		if problem != nil {
			return nil, problem
		}
		cells = append(cells, c)
		rest, more := strings.CutPrefix(r.rest, ",")
		if !more {
			break
		}
		r.rest = rest
	}
	if end := lineEnd(r.rest); end > 0 {
		r.rest = r.rest[end:]
		r.line++
	}
	return cells, nil
}

// cell reads up to a comma, the end of the line or of the text.
func (r *reader) cell() (cell, *Problem) {
	c := cell{line: r.line}
	if r.rest == "" || r.rest[0] != r.quote {
		end := strings.IndexAny(r.rest, ",\r\n")
		if end < 0 {
			end = len(r.rest)
		}
		c.text, r.rest = r.rest[:end], r.rest[end:]
		return c, nil
	}
	r.quoted++
	var value strings.Builder
	for r.rest = r.rest[1:]; ; {
		end := strings.IndexByte(r.rest, r.quote)
		if end < 0 {
			return c, &Problem{Line: c.line, Err: errors.New("a quote opens on this line and is never closed")}
		}
		value.WriteString(r.rest[:end])
		r.line += lineEnds(r.rest[:end])
		r.rest = r.rest[end+1:]
		if r.rest == "" || r.rest[0] != r.quote {
			break
		}
		value.WriteByte(r.quote)
		r.rest = r.rest[1:]
	}
	c.text = value.String()
	if r.rest != "" && r.rest[0] != ',' && lineEnd(r.rest) == 0 {
		return c, &Problem{Line: r.line, Err: errors.New("text follows a closing quote. Inside a quoted cell, a quote is written twice")}
	}
	return c, nil
}

// lineEnd is the length of the line end that s starts with, 0 for none.
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
