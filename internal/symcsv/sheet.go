// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"io"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Sheet is a CSV that was read once and has nothing wrong. It is not kept in
// memory: it is read again, a row at a time.
type Sheet struct {
	Services []identity.ServiceKey // one for each column
	Users    int                   // rows

	in    io.ReadSeeker
	quote byte
}

// Row is a user of a sheet with the identities that are not blank.
type Row struct {
	Line       int
	User       string // as the file spells it
	Key        identity.UserKey
	Identities []ServiceIdentity
}

// ServiceIdentity is a cell: who the user is in the service of the column.
type ServiceIdentity struct {
	Service  identity.ServiceKey
	Identity string
}

// Check reads a CSV of any size and checks every row. What is wrong with it is
// an *Error; other errors are those of in. It reads the text several times and
// keeps little of it in memory, at most a row and 16 MiB.
func Check(in io.ReadSeeker) (*Sheet, error) { return check(in, maxHashes) }

// check compares at most so many users at a time.
func check(in io.ReadSeeker, atOnce int) (*Sheet, error) {
	how, err := chooseQuote(in)
	if err != nil {
		return nil, err
	}
	s := &Sheet{in: in, quote: how.quote}
	twice := newTwins(how.rows, atOnce)
	p := &parser{visit: func(r Row) error {
		if r.User != "" {
			s.Users++
			twice.add(r)
		}
		return nil
	}}
	if err := p.read(in, how.quote); err != nil {
		return nil, err
	}
	s.Services = p.services
	if len(p.columns) > 0 {
		if err := s.findTwins(p, twice); err != nil {
			return nil, err
		}
	}
	if err := p.error(); err != nil {
		return nil, err
	}
	return s, nil
}

// Rows calls visit for each row, and ends with its error.
func (s *Sheet) Rows(visit func(Row) error) error {
	p := &parser{visit: func(r Row) error {
		if r.User == "" {
			return nil // reported
		}
		return visit(r)
	}}
	if err := p.read(s.in, s.quote); err != nil {
		return err
	}
	return p.error() // the file was changed meanwhile
}
