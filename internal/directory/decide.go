// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Result says which account of a service has one address.
type Result struct {
	Status identity.LookupStatus
	// Account holds the match if Found, and the only match if Inactive.
	Account Account
	// Candidates holds the accounts left over if Ambiguous, or if several are
	// Inactive, sorted by ID.
	Candidates []Account
	Err        error // set when Failed; matches ErrAnswer
}

// policy compares and selects accounts.
type policy struct {
	kinds  map[string]bool
	foldID func(string) string // ids with one folded form are one account
}

// newPolicy returns a policy that matches people and the given kinds.
func newPolicy(foldID func(string) string, kinds []string) *policy {
	p := &policy{kinds: map[string]bool{"": true, KindPerson: true}, foldID: foldID}
	for _, kind := range kinds {
		p.kinds[kind] = true
	}
	return p
}

// Decide picks the account that an address belongs to; nothing else does.
// Only people and the given kinds match. It compares whole normalised
// addresses, whatever the service's own search matched. Rows with one ID are
// one account. Active accounts win over inactive ones, then primary addresses
// over aliases; if two accounts are left over, neither is picked. The order of
// candidates does not matter.
func Decide(email string, candidates []Account, kinds ...string) Result {
	return newPolicy(func(id string) string { return id }, kinds).decide(email, candidates)
}

// match holds one account, merged from all rows that have its ID, and whether
// the address is a primary one.
type match struct {
	Account
	primary bool
}

func (p *policy) decide(email string, candidates []Account) Result {
	want, err := identity.Normalize(email)
	if err != nil || want == "" {
		return Result{Status: identity.Failed, Err: fmt.Errorf("%w: %q is not an address", ErrAnswer, email)}
	}
	best := bestTier(p.matches(want, candidates))
	if len(best) == 0 {
		return Result{Status: identity.NotFound}
	}
	accounts := make([]Account, len(best))
	for i, m := range best {
		if accounts[i] = m.Account; strings.TrimSpace(m.ID) == "" {
			return Result{Status: identity.Failed, Err: fmt.Errorf("%w: the account of %s has no id", ErrAnswer, want)}
		}
	}
	slices.SortFunc(accounts, func(a, b Account) int { return cmp.Compare(a.ID, b.ID) })

	inactive := accounts[0].State == StateInactive
	switch {
	case inactive && len(accounts) == 1:
		return Result{Status: identity.Inactive, Account: accounts[0]}
	case inactive:
		return Result{Status: identity.Inactive, Candidates: accounts}
	case len(accounts) == 1:
		return Result{Status: identity.Found, Account: accounts[0]}
	}
	return Result{Status: identity.Ambiguous, Candidates: accounts}
}

// bestTier keeps the active matches if there are any, and of those that
// remain the primary ones if there are any.
func bestTier(matches []match) []match {
	keep := func(good func(match) bool) {
		if slices.ContainsFunc(matches, good) {
			matches = slices.DeleteFunc(matches, func(m match) bool { return !good(m) })
		}
	}
	keep(func(m match) bool { return m.State != StateInactive })
	keep(func(m match) bool { return m.primary })
	return matches
}

// matches merges the rows of every account and keeps the accounts with the
// address. It merges first: the row that says that an account is a bot may be
// another one than the row with the address.
func (p *policy) matches(want string, candidates []Account) []match {
	var accounts [][]Account
	at := map[string]int{}
	for _, a := range candidates {
		id := p.foldID(a.ID)
		i, known := at[id]
		if !known || strings.TrimSpace(id) == "" { // rows without an id are accounts of their own
			i, at[id] = len(accounts), len(accounts)
			accounts = append(accounts, nil)
		}
		accounts[i] = append(accounts[i], a)
	}
	var found []match
	for _, rows := range accounts {
		if m, ok := p.match(want, rows); ok {
			found = append(found, m)
		}
	}
	return found
}

// match merges the rows of an account and reports whether it has the address
// and a kind that matches.
func (p *policy) match(want string, rows []Account) (m match, ok bool) {
	for _, row := range rows {
		if !p.kinds[row.Kind] {
			return match{}, false
		}
		for i, address := range row.Emails {
			if sameAddress(want, address) {
				ok, m.primary = true, m.primary || i == 0
			}
		}
	}
	m.Account = merge(rows)
	return m, ok
}

// merge makes one account of several rows; their order does not matter. It
// takes the most active state of any row.
func merge(rows []Account) Account {
	if len(rows) == 1 {
		return rows[0]
	}
	merged := Account{ID: rows[0].ID, State: rows[0].State, Kind: rows[0].Kind}
	var primary, other []string
	for _, row := range rows {
		merged.ID = min(merged.ID, row.ID)
		merged.State = moreActive(merged.State, row.State)
		merged.Kind = max(merged.Kind, row.Kind)
		if len(row.Emails) > 0 {
			primary, other = append(primary, row.Emails[0]), append(other, row.Emails[1:]...)
		}
	}
	slices.Sort(primary)
	slices.Sort(other)
	for _, address := range append(primary, other...) {
		if !slices.Contains(merged.Emails, address) {
			merged.Emails = append(merged.Emails, address)
		}
	}
	return merged
}

// moreActive returns the state of the two that is closer to an active account.
func moreActive(a, b State) State {
	rank := map[State]int{StateUnknown: 1, StatePending: 2, StateActive: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// sameAddress compares an address of a service with a normalised one.
func sameAddress(want, address string) bool {
	got, err := identity.Normalize(address)
	return err == nil && got == want
}
