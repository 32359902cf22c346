// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"errors"
	"fmt"
	"strings"
)

// Error is everything that is wrong with a CSV text, ordered by line.
type Error struct {
	Problems []Problem
	More     int // problems that are not listed
}

// Error is the one problem, or a list with one line for each.
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

// Problem is one thing that is wrong and where.
type Problem struct {
	Line   int    // of the text, from 1
	Column string // the column's name as the header spells it, or its number; "" for a whole line
	Err    error
}

// Error starts with the place: "line 3, column okta:acme.okta.com: …".
func (p Problem) Error() string {
	at := fmt.Sprintf("line %d", p.Line)
	if p.Column != "" {
		at += ", column " + shorten(p.Column)
	}
	return at + ": " + p.Err.Error()
}

func (p Problem) Unwrap() error { return p.Err }

var errNotAHeader = errors.New("this is not a header. The first line must name the columns: " + userColumn +
	" is the user, the others are service keys such as okta:acme.okta.com")
