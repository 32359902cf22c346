// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"errors"
	"io"
	"strings"
)

// reading is what a text looks like with one of the quotes.
type reading struct {
	quote   byte
	rows    int
	quoted  int  // cells that were quoted
	regular bool // it makes a table with a user's column
	idFirst bool // the first column is symflow's id
}

// chooseQuote finds how to read a text. symflow exports with double quotes and
// edits with backticks, and no file says which: both are tried, and where both
// can be read the one is taken that the file uses.
func chooseQuote(in io.ReadSeeker) (reading, error) {
	backtick, err := look(in, '`')
	if err != nil {
		return reading{}, err
	}
	standard, err := look(in, '"')
	if err != nil || backtick.quoted == 0 {
		return standard, err
	}
	switch {
	case standard.regular && !backtick.regular:
		return standard, nil
	case backtick.regular && !standard.regular, standard.quoted == 0:
		return backtick, nil
	case standard.regular && backtick.regular && backtick.idFirst:
		return backtick, nil // only the editor's file has the id in front
	}
	return standard, nil
}

// look reads a whole text once. The error is about reading it at all.
func look(in io.ReadSeeker, quote byte) (reading, error) {
	s := reading{quote: quote}
	r, err := newReader(in, quote)
	if err != nil {
		return s, err
	}
	width := 0
	for {
		cells, err := r.next()
		s.quoted = r.quoted
		var problem *Problem
		switch {
		case errors.As(err, &problem):
			s.regular = false
			return s, nil
		case errors.Is(err, io.EOF):
			return s, nil
		case err != nil:
			return s, err
		}
		if s.rows++; s.rows == 1 {
			width, s.regular = len(cells), findUserColumn(cells) >= 0
			s.idFirst = strings.TrimSpace(cells[0].text) == userIDColumn
		}
		if len(cells) != width && !cells.blank() {
			s.regular = false
		}
	}
}
