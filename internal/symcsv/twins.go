// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// maxHashes is how many users are compared at a time: they take 8 MiB.
const maxHashes = 1 << 20

// twins finds users who have more than one row among any number of them. It
// keeps hashes of a part of the users; a larger sheet is read once for each
// part.
type twins struct {
	seed   maphash.Seed
	parts  uint64
	part   uint64 // the one at hand
	hashes []uint64
}

func newTwins(rows, atOnce int) *twins {
	return &twins{seed: maphash.MakeSeed(), parts: uint64(rows/atOnce) + 1}
}

func (t *twins) add(r Row) {
	if h := maphash.String(t.seed, string(r.Key)); h%t.parts == t.part {
		t.hashes = append(t.hashes, h)
	}
}

// suspects are the hashes of the part at hand that stand there twice.
func (t *twins) suspects() map[uint64]bool {
	slices.Sort(t.hashes)
	twice := map[uint64]bool{}
	for i, h := range t.hashes {
		if i > 0 && h == t.hashes[i-1] && len(twice) < maxProblems {
			twice[h] = true
		}
	}
	t.hashes = t.hashes[:0]
	return twice
}

// findTwins reports users with several rows. p has read the sheet once, and
// given its users of the first part to t.
func (s *Sheet) findTwins(p *parser, t *twins) error {
	for {
		if suspects := t.suspects(); len(suspects) > 0 {
			first := map[identity.UserKey]Row{}
			err := s.users(func(r Row) {
				if !suspects[maphash.String(t.seed, string(r.Key))] {
					return
				}
				if one, twice := first[r.Key]; twice {
					p.report(r.Line, p.columns[p.user].name, fmt.Errorf("%q is the same user as %q on line %d. Make one row of the two", r.User, one.User, one.Line))
				} else {
					first[r.Key] = Row{User: r.User, Line: r.Line}
				}
			})
			if err != nil {
				return err
			}
		}
		if t.part++; t.part == t.parts {
			return nil
		}
		if err := s.users(t.add); err != nil {
			return err
		}
	}
}

// users reads the sheet for its users alone; what is wrong was reported before.
func (s *Sheet) users(visit func(Row)) error {
	again := &parser{visit: func(r Row) error {
		if r.User != "" {
			visit(r)
		}
		return nil
	}}
	return again.read(s.in, s.quote)
}
