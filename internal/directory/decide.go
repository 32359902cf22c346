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

// Result is what the accounts of a service say about one address.
type Result struct {
	Status identity.LookupStatus
	// Account is the match when Found, and the only match when Inactive.
	Account Account
	// Candidates are the accounts left over when Ambiguous, or when several
	// are Inactive. They are sorted by ID.
	Candidates []Account
	Err        error // set when Failed; matches ErrAnswer
}

// Option changes how accounts are matched.
type Option func(*policy)

type policy struct {
	kinds  map[string]bool
	foldID func(string) string
}

// AllowKinds lets guests, bots or shared accounts match too. Without it only
// people do, and accounts whose service says nothing.
func AllowKinds(kinds ...string) Option {
	return func(p *policy) {
		for _, kind := range kinds {
			p.kinds[kind] = true
		}
	}
}

// foldIDs compares ids as identities of the service type are compared.
func foldIDs(serviceType string) Option {
	return func(p *policy) {
		p.foldID = func(id string) string { return identity.FoldIdentity(serviceType, id) }
	}
}

func newPolicy(opts []Option) *policy {
	p := &policy{kinds: map[string]bool{"": true, KindPerson: true}, foldID: func(id string) string { return id }}
	for _, opt := range opts {
		opt(p)
	}
	return p
}

// Decide picks the account that an address belongs to; nothing else does.
// Addresses are compared in full after normalisation, whatever the service's
// own search matched. Rows with one ID are one account. Active accounts come
// before inactive ones, then primary addresses before aliases; when two
// accounts are left over, none is picked. The order of candidates never
// matters.
func Decide(email string, candidates []Account, opts ...Option) Result {
	return newPolicy(opts).decide(email, candidates)
}

// match is one account, merged from all rows that have its ID, and how it
// has the address.
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
	for _, m := range best {
		if strings.TrimSpace(m.ID) == "" {
			return Result{Status: identity.Failed, Err: fmt.Errorf("%w: the account of %s has no id", ErrAnswer, want)}
		}
	}
	accounts := make([]Account, len(best))
	for i, m := range best {
		accounts[i] = m.Account
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

// matches merges the rows of every account and keeps those with the address.
// All rows of an account are merged first: the row that says that it is a bot
// may be another one than the row with the address.
func (p *policy) matches(want string, candidates []Account) []match {
	var order []string
	rows := map[string][]Account{}
	var found []match
	for _, a := range candidates {
		id := p.foldID(a.ID)
		if strings.TrimSpace(id) == "" { // not one account: nothing says that they are the same
			found = p.appendMatch(found, want, []Account{a})
			continue
		}
		if _, seen := rows[id]; !seen {
			order = append(order, id)
		}
		rows[id] = append(rows[id], a)
	}
	for _, id := range order {
		found = p.appendMatch(found, want, rows[id])
	}
	return found
}

func (p *policy) appendMatch(found []match, want string, rows []Account) []match {
	m := match{Account: merge(rows)}
	has := false
	for _, row := range rows {
		if !p.kinds[row.Kind] {
			return found
		}
		for i, address := range row.Emails {
			if sameAddress(want, address) {
				has, m.primary = true, m.primary || i == 0
			}
		}
	}
	if !has {
		return found
	}
	return append(found, m)
}

// merge makes one account of several rows, the same one in whatever order the
// rows come. An account that any row calls alive is alive.
func merge(rows []Account) Account {
	if len(rows) == 1 {
		return rows[0]
	}
	merged := Account{ID: rows[0].ID, State: rows[0].State, Kind: rows[0].Kind}
	var primary, other []string
	for _, row := range rows {
		merged.ID = min(merged.ID, row.ID)
		merged.State = livelier(merged.State, row.State)
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

// livelier is the state that says more of an account's being in use.
func livelier(a, b State) State {
	rank := func(s State) int {
		switch s {
		case StateActive:
			return 3
		case StatePending:
			return 2
		case StateUnknown:
			return 1
		}
		return 0
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// sameAddress compares an address of a service with a normalised one.
func sameAddress(want, address string) bool {
	got, err := identity.Normalize(address)
	return err == nil && got == want
}
