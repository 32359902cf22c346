// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Text returns the text of a file that a spreadsheet or another program saved: in
// UTF-8, or in UTF-16 with its byte order mark.
func Text(data []byte) (string, error) {
	order := map[string]binary.ByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian}[string(data[:min(2, len(data))])]
	if order == nil {
		return string(bytes.TrimPrefix(data, []byte("\ufeff"))), nil
	}
	data = data[2:]
	if len(data)%2 != 0 {
		return "", errors.New("the file is UTF-16, and cut off in the middle of a character")
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units)), nil
}

// Line is one row of a table and the line that it starts on, from 1.
type Line struct {
	Line  int
	Cells []string
}

// Table reads a CSV text with double quotes: a header and rows of as many cells.
// It leaves out blank rows, and blank cells beyond the header. Its error is a
// Problem.
func Table(text string) ([]Line, error) {
	g := splitWith(text, '"')
	if g.problem != nil {
		return nil, *g.problem
	}
	var lines []Line
	for _, r := range g.rows {
		if r.blank() {
			continue // a spreadsheet's empty row
		}
		if len(lines) > 0 {
			columns := len(lines[0].Cells)
			if len(r) > columns && r[columns:].blank() {
				r = r[:columns]
			}
			if err := r.fits(columns); err != nil {
				return nil, Problem{Line: r[0].line, Err: err}
			}
		}
		next := Line{Line: r[0].line, Cells: make([]string, len(r))}
		for i, c := range r {
			next.Cells[i] = c.text
		}
		lines = append(lines, next)
	}
	return lines, nil
}

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

// fits refuses a row of another width than the header, whose cells may be in the
// wrong columns.
func (r row) fits(columns int) error {
	if len(r) == columns {
		return nil
	}
	return fmt.Errorf("the row has %s, but the header has %s. Blank cells need their separator, and a value that holds a separator needs quotes",
		count(len(r), "cell"), count(columns, "column"))
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

// separator returns what is between cells: what a first line such as sep=; names,
// else a comma, or a semicolon or tab where the header has no comma outside of
// quotes. It returns the text without the line that names it.
func separator(text string, quote byte) (comma byte, rest string) {
	if rest, named := strings.CutPrefix(text, "sep="); named && rest != "" && strings.IndexByte(",;\t|", rest[0]) >= 0 && lineEnd(rest[1:]) > 0 {
		return rest[0], rest[1+lineEnd(rest[1:]):]
	}
	header := strings.TrimLeft(text, "\r\n")
	if end := strings.IndexAny(header, "\r\n"); end >= 0 {
		header = header[:end]
	}
	found := byte(',')
	for i, part := range strings.Split(header, string(quote)) {
		switch {
		case i%2 == 1: // in quotes
		case strings.Contains(part, ","):
			return ',', text
		case found == ',' && strings.ContainsAny(part, ";\t"):
			found = part[strings.IndexAny(part, ";\t")]
		}
	}
	return found, text
}

// splitWith splits a text into cells. A cell that starts with the quote ends with
// it and may hold separators, line ends and the doubled quote; elsewhere the quote is
// a character like any other. Lines end with LF, CRLF or CR. Empty lines are no
// rows. encoding/csv knows neither backticks nor CR, nor quotes inside a cell.
func splitWith(text string, quote byte) (g grid) {
	comma, rest := separator(text, quote)
	line := 1 + lineEnds(text[:len(text)-len(rest)])
	quoted, ends := string(quote), string(comma)+"\r\n"
	var r row
	for rest != "" || len(r) > 0 {
		c := cell{line: line}
		end := strings.IndexAny(rest, ends)
		if end < 0 {
			end = len(rest)
		}
		c.text = rest[:end]
		if strings.HasPrefix(rest, quoted) {
			g.quoted++
			length := quotedLength(rest[1:], quoted)
			if length < 0 {
				g.problem = &Problem{Line: line, Err: errors.New("a quote opens on this line and is never closed")}
				return g
			}
			c.text, end = strings.ReplaceAll(rest[1:1+length], quoted+quoted, quoted), length+2
			line += lineEnds(rest[:end])
		}
		r, rest = append(r, c), rest[end:]
		end = lineEnd(rest)
		switch {
		case rest != "" && rest[0] == comma:
			rest = rest[1:]
			continue
		case rest != "" && end == 0:
			g.problem = &Problem{Line: line, Err: errors.New("text follows a closing quote. Inside a quoted cell, a quote is written twice")}
			return g
		case len(r) > 1 || r[0].text != "":
			g.rows = append(g.rows, r)
		}
		r, rest, line = nil, rest[end:], line+1
	}
	return g
}

// quotedLength returns the length of a text up to the quote that closes it, -1 if none
// does.
func quotedLength(text, quote string) int {
	for end := 0; ; {
		next := strings.Index(text[end:], quote)
		if next < 0 {
			return -1
		}
		if end += next; !strings.HasPrefix(text[end+1:], quote) {
			return end
		}
		end += 2
	}
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
