// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// index finds rows of a walked list by normalised address and by id. It finds
// all rows of an account, because Decide needs those with other addresses too.
// Chains of row numbers in place of slices keep it small.
type index struct {
	foldID    func(string) string
	rows      []Account
	sameID    []int32 // for each row the one before it with its id; none = -1
	byID      map[string]int32
	byAddress map[string]int32 // into links
	links     []link
}

// link holds one row that has an address, and the previous link of that address.
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
				continue // Decide cannot match it
			}
			seen = append(seen, key)
			at := int32(len(x.links))
			x.links = append(x.links, link{row: row, before: chain(x.byAddress, key, at)})
		}
	}
}

// chain makes at the head of a chain and returns the head before it.
func chain(heads map[string]int32, key string, at int32) int32 {
	before, there := heads[key]
	if !there {
		before = none
	}
	heads[key] = at
	return before
}

// find returns all rows of the accounts with the address.
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

// inactive returns the rows with the address that are inactive, for services
// whose lookups do not see them.
func (x *index) inactive(email string) []Account {
	return slices.DeleteFunc(x.find(email), func(a Account) bool { return a.State != StateInactive })
}

// compact normalises addresses, so that a list that is kept stays small. An
// address that cannot be normalised leaves an empty string in its place: the
// first address is the primary one.
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
