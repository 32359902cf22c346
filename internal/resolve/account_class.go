// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// AccountClass says whose an account of a service is. Each account is of one
// class.
type AccountClass string

// Classes of accounts. Only accounts of persons, in any state, are Held, Resolved,
// AmbiguousAccount or Orphan; the others are counted by their kind, whoever holds
// them.
const (
	HeldAccount      AccountClass = "held"      // somebody's stored mapping
	ResolvedAccount  AccountClass = "resolved"  // nobody's, but the answer for somebody of the pass
	AmbiguousAccount AccountClass = "ambiguous" // nobody's, but one of several answers for somebody, or cannot be read
	OrphanAccount    AccountClass = "orphan"    // nobody's
	BotAccount       AccountClass = "bot"
	GuestAccount     AccountClass = "guest"
	SharedAccount    AccountClass = "shared"
)

// AccountClaims holds which accounts of a service the people of one pass got, and
// which they might have got.
type AccountClaims struct {
	serviceType               string
	held, resolved, ambiguous accountSet
}

// NewAccountClaims reads the claims of answers of one service.
func NewAccountClaims(service identity.ServiceKey, answers []Resolution) AccountClaims {
	c := AccountClaims{service.Type, newAccountSet(), newAccountSet(), newAccountSet()}
	for _, a := range answers {
		switch {
		case a.Source == Store && !a.Reused(): // the list may be older than what the pass has stored
			c.held.add(a.Matcher.AccountKey(service.Type), a.AccountID)
		case a.Mapped() && !a.Reused():
			c.resolved.add(a.Matcher.AccountKey(service.Type), a.AccountID)
		case a.Reason == Ambiguous:
			for _, named := range a.Candidates {
				c.ambiguous.add(named.Matcher.AccountKey(service.Type), named.AccountID)
			}
		}
	}
	return c
}

// Class returns the class of an account.
func (c AccountClaims) Class(a identity.Account) AccountClass {
	if a.Kind != identity.KindPerson {
		return AccountClass(a.Kind)
	}
	key := a.Matcher.AccountKey(c.serviceType)
	switch {
	case len(a.HeldBy) > 0, c.held.has(key, a.AccountID):
		return HeldAccount
	case c.resolved.has(key, a.AccountID):
		return ResolvedAccount
	case a.Unreadable != "", c.ambiguous.has(key, a.AccountID):
		return AmbiguousAccount
	}
	return OrphanAccount
}

// accountSet is a set of accounts. Each is known by its id, its name, or both.
type accountSet struct {
	ids   map[string]bool
	names map[string][]string // the ids of the accounts with a name; "" = not known
}

func newAccountSet() accountSet { return accountSet{map[string]bool{}, map[string][]string{}} }

func (s accountSet) add(name, id string) {
	if id != "" {
		s.ids[id] = true
	}
	s.names[name] = append(s.names[name], id)
}

// has reports whether an account is in the set: by its id, under whatever name,
// or by its name where not both ids are known.
func (s accountSet) has(name, id string) bool {
	if id != "" && s.ids[id] {
		return true
	}
	return slices.ContainsFunc(s.names[name], func(other string) bool { return id == "" || other == "" || other == id })
}
