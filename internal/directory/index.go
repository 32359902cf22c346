// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// index is a walked list by normalised address and by id. Rows that share an
// id with a row of the address are found with it, because Decide wants them
// all. Chains of row numbers in place of slices keep it small.
type index struct {
	foldID    func(string) string
	rows      []Account
	sameID    []int32 // for each row the one before it with its id; none = -1
	byID      map[string]int32
	byAddress map[string]int32 // into links
	links     []link
}

// link is one row that has an address, and the link before it with that one.
type link struct{ row, before int32 }

const none = -1

func newIndex(foldID func(string) string) *index {
	return &index{foldID: foldID, byID: map[string]int32{}, byAddress: map[string]int32{}}
}

func (x *index) add(page []Account) {
	for _, a := range page {
		row := int32(len(x.rows))
		x.rows = append(x.rows, a)
		x.sameID = append(x.sameID, chain(x.byID, x.foldID(a.ID), row))
		var seen []string
		for _, address := range a.Emails {
			key, err := identity.Normalize(address)
			if err != nil || key == "" || slices.Contains(seen, key) {
				continue // such an address is nobody's: Decide cannot match it
			}
			seen = append(seen, key)
			at := int32(len(x.links))
			x.links = append(x.links, link{row: row, before: chain(x.byAddress, key, at)})
		}
	}
}

// chain makes at the head of a chain and returns what was.
func chain(heads map[string]int32, key string, at int32) int32 {
	before, there := heads[key]
	if !there {
		before = none
	}
	heads[key] = at
	return before
}

// find returns the accounts with the address and all other rows of them.
func (x *index) find(email string) []Account {
	head, there := x.byAddress[email]
	if !there {
		return nil
	}
	var found []Account
	var done []string
	for at := head; at != none; at = x.links[at].before {
		a := x.rows[x.links[at].row]
		id := x.foldID(a.ID)
		switch {
		case id == "":
			found = append(found, a)
		case !slices.Contains(done, id):
			done = append(done, id)
			found = append(found, x.withID(id)...)
		}
	}
	return found
}

// withID returns the rows of an account.
func (x *index) withID(id string) []Account {
	head, there := x.byID[x.foldID(id)]
	if !there {
		return nil
	}
	var found []Account
	for at := head; at != none; at = x.sameID[at] {
		found = append(found, x.rows[at])
	}
	return found
}

// compact drops what answers never show, so that a list that is kept stays
// small: addresses are kept as they compare, once. An address that cannot be
// compared keeps its place empty: the one after a primary address is an alias.
func compact(page []Account) []Account {
	small := make([]Account, len(page))
	for i, a := range page {
		small[i] = Account{ID: a.ID, State: a.State, Kind: a.Kind, Emails: make([]string, len(a.Emails))}
		for j, address := range a.Emails {
			if key, err := identity.Normalize(address); err == nil {
				small[i].Emails[j] = key
			}
		}
	}
	return small
}
