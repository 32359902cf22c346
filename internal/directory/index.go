// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// index finds rows of a walked list by normalised address, by identity and by
// account. It finds all rows of an account, because Decide needs those with
// other addresses too.
type index struct {
	foldID     func(string) string
	rows       []Account
	byIdentity map[string][]int32 // numbers of rows
	byKey      map[string][]int32 // by accountKey, of rows that have one
	byAddress  map[string][]int32
}

func newIndex(foldID func(string) string) *index {
	return &index{foldID: foldID, byIdentity: map[string][]int32{}, byKey: map[string][]int32{}, byAddress: map[string][]int32{}}
}

func (x *index) add(page []Account) {
	for _, a := range page {
		row, id := int32(len(x.rows)), x.foldID(a.Identity)
		x.rows = append(x.rows, a)
		x.byIdentity[id] = append(x.byIdentity[id], row)
		if key := accountKey(a, x.foldID); key != "" {
			x.byKey[key] = append(x.byKey[key], row)
		}
		for _, address := range a.Addresses {
			key, err := identity.Normalize(address.Email)
			if rows := x.byAddress[key]; err == nil && key != "" && !slices.Contains(rows, row) {
				x.byAddress[key] = append(rows, row)
			}
		}
	}
}

// size returns the number of accounts. Rows of one account count once.
func (x *index) size() int {
	n := len(x.byKey)
	for _, a := range x.rows {
		if accountKey(a, x.foldID) == "" {
			n++
		}
	}
	return n
}

// find returns all rows of the accounts with the address.
func (x *index) find(email string) []Account {
	var found []Account
	var done []string
	for _, row := range x.byAddress[email] {
		key := accountKey(x.rows[row], x.foldID)
		if key == "" || !slices.Contains(done, key) {
			done = append(done, key)
			found = append(found, x.at(x.rowsOf(row))...)
		}
	}
	return found
}

// rowsOf returns the numbers of all rows of the account that a row shows.
func (x *index) rowsOf(row int32) []int32 {
	if key := accountKey(x.rows[row], x.foldID); key != "" {
		return x.byKey[key]
	}
	return []int32{row}
}

// account returns the account that a row shows, merged from all its rows.
func (x *index) account(row int32) Account { return merge(x.at(x.rowsOf(row)), x.foldID) }

func (x *index) at(rows []int32) []Account {
	found := make([]Account, len(rows))
	for i, row := range rows {
		found[i] = x.rows[row]
	}
	return found
}

// holding returns the rows that have an identity, and those of the account that
// had it.
func (x *index) holding(q identity.AccountQuery) []Account {
	return append(x.at(x.byIdentity[x.foldID(q.Identity)]), x.at(x.byKey[accountKey(Account{AccountID: q.AccountID}, x.foldID)])...)
}

// compact normalises addresses, so that a list that is kept stays small. It
// leaves out those that cannot be normalised, which nobody asks for.
func compact(page []Account) []Account {
	small := make([]Account, len(page))
	for i, a := range page {
		small[i] = a
		small[i].Addresses = make([]Address, 0, len(a.Addresses))
		for _, address := range a.Addresses {
			if key, err := identity.Normalize(address.Email); err == nil {
				address.Email = key
				small[i].Addresses = append(small[i].Addresses, address)
			}
		}
	}
	return small
}
