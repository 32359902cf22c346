// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// index finds rows of a walked list by normalised address and by id. It finds
// all rows of an account, because Decide needs those with other addresses too.
type index struct {
	foldID    func(string) string
	rows      []Account
	byID      map[string][]int32 // numbers of rows
	byAddress map[string][]int32
}

func newIndex(foldID func(string) string) *index {
	return &index{foldID: foldID, byID: map[string][]int32{}, byAddress: map[string][]int32{}}
}

func (x *index) add(page []Account) {
	for _, a := range page {
		row, id := int32(len(x.rows)), x.foldID(a.ID)
		x.rows = append(x.rows, a)
		x.byID[id] = append(x.byID[id], row)
		for _, address := range a.Emails {
			key, err := identity.Normalize(address)
			if rows := x.byAddress[key]; err == nil && key != "" && !slices.Contains(rows, row) {
				x.byAddress[key] = append(rows, row)
			}
		}
	}
}

// find returns all rows of the accounts with the address.
func (x *index) find(email string) []Account {
	var found []Account
	var done []string
	for _, row := range x.byAddress[email] {
		a := x.rows[row]
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
	var found []Account
	for _, row := range x.byID[x.foldID(id)] {
		found = append(found, x.rows[row])
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
