// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"fmt"
	"maps"
	"slices"
)

// Holder names a user and the stored mapping by which the user holds an account.
type Holder struct {
	User    UserKey
	Mapping Mapping
}

// HoldersByAccount groups the holders of one service by AccountKey, in order.
func HoldersByAccount(holders []Holder) map[string][]Holder {
	byAccount := make(map[string][]Holder, len(holders))
	for _, h := range holders {
		key := h.Mapping.AccountKey()
		byAccount[key] = append(byAccount[key], h)
	}
	return byAccount
}

// Index finds users by key, by id, and by the accounts they hold. It is the one
// place that answers "who holds this account?" from users in memory. It is not
// safe for concurrent use.
type Index struct {
	byKey map[UserKey]*User
	byID  map[string]UserKey
	// accounts lists who holds or held which account. Entries go stale when a user
	// changes, and come again; readers check them. To look for them first would take
	// long where thousands share an account.
	accounts map[accountOf][]UserKey
}

// accountOf names an account of a service by its account key, or by its id.
type accountOf struct {
	service ServiceKey
	key, id string
}

// NewIndex returns an index without users.
func NewIndex() *Index {
	return &Index{byKey: map[UserKey]*User{}, byID: map[string]UserKey{}, accounts: map[accountOf][]UserKey{}}
}

// Add adds a user of a list. Two users with one key are a CodeUserConflict,
// because either could be the wrong person. A user that is listed twice, with
// the same id, is kept as first seen.
func (x *Index) Add(u User) error {
	if other, ok := x.byKey[u.Key]; ok {
		if other.ID != u.ID {
			return TwoUsers(*other, u)
		}
		return nil
	}
	x.Put(u)
	return nil
}

// Put stores a user in place of the one with the same key or the same id.
func (x *Index) Put(u User) {
	if before, known := x.byID[u.ID]; known && before != u.Key {
		x.Remove(before) // renamed
	}
	x.Remove(u.Key)
	u.Mappings = slices.Clip(u.Mappings) // a caller's append must not write into ours
	x.byKey[u.Key] = &u
	if u.ID != "" {
		x.byID[u.ID] = u.Key
	}
	for _, m := range u.Mappings {
		x.hold(accountOf{service: m.Service, key: m.AccountKey()}, u.Key)
		if m.AccountID != "" {
			x.hold(accountOf{service: m.Service, id: m.AccountID}, u.Key)
		}
	}
}

func (x *Index) hold(account accountOf, user UserKey) {
	x.accounts[account] = append(x.accounts[account], user)
}

// Remove removes the user with a key, if there is one.
func (x *Index) Remove(key UserKey) {
	if u, ok := x.byKey[key]; ok {
		delete(x.byKey, key)
		delete(x.byID, u.ID)
	}
}

// Find returns the user with a key, nil if there is none. Callers do not change
// the user.
func (x *Index) Find(key UserKey) *User { return x.byKey[key] }

// FindID returns the user with an id, nil if there is none.
func (x *Index) FindID(id string) *User { return x.byKey[x.byID[id]] }

// Len returns the number of users.
func (x *Index) Len() int { return len(x.byKey) }

// All returns the users ordered by key.
func (x *Index) All() []User {
	out := make([]User, 0, len(x.byKey))
	for _, key := range slices.Sorted(maps.Keys(x.byKey)) {
		out = append(out, *x.byKey[key])
	}
	return out
}

// Holders returns who holds accounts of a service, in the order of accounts, then
// by user. Identities are as Matcher.AccountKey and FoldIdentity return them: an
// identity as somebody typed it has to be folded.
func (x *Index) Holders(service ServiceKey, accounts ...AccountQuery) []Holder {
	var out []Holder
	for _, account := range accounts {
		for _, u := range x.UsersWith(service, account) {
			m, _ := u.Mapping(service)
			out = append(out, Holder{User: u.Key, Mapping: m})
		}
	}
	return out
}

// UsersWith returns the users who hold one account of a service, ordered by key.
func (x *Index) UsersWith(service ServiceKey, account AccountQuery) []User {
	keys := x.accounts[accountOf{service: service, key: account.Identity}]
	if account.AccountID != "" {
		keys = slices.Concat(keys, x.accounts[accountOf{service: service, id: account.AccountID}])
	}
	var out []User
	for _, key := range slices.Compact(slices.Sorted(slices.Values(keys))) {
		if u := x.byKey[key]; u != nil {
			if m, ok := u.Mapping(service); ok && m.Holds(account) {
				out = append(out, *u)
			}
		}
	}
	return out
}

// TwoUsers returns the error of a store that holds two users under one key.
func TwoUsers(a, b User) *Error {
	return &Error{Code: CodeUserConflict, User: a.Key,
		Message: fmt.Sprintf("two users are stored for %s: %q (id %s) and %q (id %s)", a.Key, a.Name, a.ID, b.Name, b.ID),
		Hint:    "Remove one of them; until then neither can be mapped."}
}
