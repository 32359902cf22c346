// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Result says which account of a service has one address.
type Result struct {
	Status   identity.LookupStatus
	Account  Account           // the match if Found or Inactive
	Evidence identity.Evidence // set when Found
	// Candidates holds the accounts that a person has to choose from if
	// Ambiguous, Alias or Unverified, sorted by identity.
	Candidates []Account
	Err        error // set when Failed; matches ErrAnswer or ErrUnavailable
}

// Options say which accounts may be an answer.
type Options struct {
	Kinds             []Kind // besides people
	MatchAliases      bool   `hcl:"match_aliases,optional"`      // an alias of exactly one account is found
	IncludeUnverified bool   `hcl:"include_unverified,optional"` // unproved addresses and pending accounts count as others do
}

// Decide picks the account that an address belongs to; nothing else does. It
// compares whole normalised addresses, whatever the service's own search
// matched. Rows of one account are merged; the order of candidates does not
// matter.
//
// The owners of an address have it as a primary address. They decide, whatever
// aliases say, and an inactive one blocks all others.
func Decide(email string, candidates []Account, o Options) Result {
	return newPolicy(func(id string) string { return id }, o).decide(email, candidates)
}

// policy compares and selects accounts.
type policy struct {
	Options
	foldID func(string) string // identities with one folded form are equal
}

func newPolicy(foldID func(string) string, o Options) *policy {
	return &policy{Options: o, foldID: foldID}
}

// claim is one account, merged from all its rows, and what the address is to it.
type claim struct {
	Account
	kind  AddressKind
	proof Proof
}

func (c claim) inactive() bool { return c.State == StateInactive }

func (p *policy) decide(email string, candidates []Account) Result {
	want, err := identity.Normalize(email)
	if err != nil || want == "" {
		return failed("%w: %q is not an address", ErrAnswer, email)
	}
	claims, err := p.claims(want, candidates)
	if err != nil {
		return Result{Status: identity.Failed, Err: err}
	}
	var owners, unproved, aliases, unprovedAliases []claim
	for _, c := range claims {
		verified := p.IncludeUnverified || c.proof != Unproved && c.State != StatePending
		switch {
		case c.kind == Primary && verified:
			owners = append(owners, c)
		case c.kind == Primary:
			unproved = append(unproved, c)
		case verified:
			aliases = append(aliases, c)
		default:
			unprovedAliases = append(unprovedAliases, c)
		}
	}
	switch {
	case len(owners) > 0:
		return p.decideOwners(want, owners)
	case len(unproved) > 0:
		return shown(identity.Unverified, unproved)
	case len(aliases) > 0 && !p.MatchAliases:
		return shown(identity.Alias, aliases)
	case len(aliases) == 1:
		return settled(aliases[0])
	case len(aliases) > 1:
		return shown(identity.Ambiguous, aliases)
	case len(unprovedAliases) > 0:
		return shown(identity.Unverified, unprovedAliases)
	}
	var hidden []error // of accounts that may have the address
	for _, a := range candidates {
		if hidesAddresses(a) {
			hidden = append(hidden, unreadable(a))
		}
	}
	if len(hidden) > 0 {
		return Result{Status: identity.Failed, Err: firstByText(hidden)}
	}
	return Result{Status: identity.NotFound}
}

// firstByText returns the same error in whatever order they come.
func firstByText(errs []error) error {
	return slices.MinFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
}

// hidesAddresses reports whether a record cannot be read and shows no address.
func hidesAddresses(a Account) bool { return a.Unreadable != nil && len(a.Addresses) == 0 }

// decideOwners picks one of the accounts that have an address as their own.
func (p *policy) decideOwners(want string, owners []claim) Result {
	if len(owners) == 1 {
		return settled(owners[0])
	}
	if active, ok := only(owners, func(c claim) bool { return !c.inactive() }); ok && rehired(active, owners) {
		return settled(active)
	}
	if c, ok := only(owners, func(c claim) bool { return sameAddress(want, c.SignIn) }); ok {
		return settled(c)
	}
	return shown(identity.Ambiguous, owners)
}

// only returns the claim that a condition holds for, if it is exactly one.
func only(claims []claim, cond func(claim) bool) (c claim, ok bool) {
	i := slices.IndexFunc(claims, cond)
	if i < 0 || slices.ContainsFunc(claims[i+1:], cond) {
		return claim{}, false
	}
	return claims[i], true
}

// rehired reports whether all owners sign in by the name of the active one:
// somebody who left and came back.
func rehired(active claim, owners []claim) bool {
	return active.SignIn != "" && !slices.ContainsFunc(owners, func(c claim) bool { return foldSignIn(c.SignIn) != foldSignIn(active.SignIn) })
}

func foldSignIn(name string) string { return identity.FoldASCII(strings.TrimSpace(name)) }

// settled returns the result of a claim that nobody disputes.
func settled(c claim) Result {
	switch {
	case strings.TrimSpace(c.Identity) == "":
		return failed("%w: the account of the address has no id", ErrAnswer)
	case c.inactive():
		return Result{Status: identity.Inactive, Account: c.Account}
	}
	evidence := identity.EvidenceEmail
	switch {
	case c.kind == Alias:
		evidence = identity.EvidenceAlias
	case c.proof == Proved && c.State != StatePending:
		evidence = identity.EvidenceVerifiedEmail
	}
	return Result{Status: identity.Found, Account: c.Account, Evidence: evidence}
}

// shown returns a result that names accounts and picks none.
func shown(status identity.LookupStatus, claims []claim) Result {
	accounts := make([]Account, len(claims))
	for i, c := range claims {
		if accounts[i] = c.Account; strings.TrimSpace(c.Identity) == "" {
			return failed("%w: an account of the address has no id", ErrAnswer)
		}
	}
	slices.SortFunc(accounts, func(a, b Account) int {
		return cmp.Or(cmp.Compare(a.Identity, b.Identity), cmp.Compare(a.AccountID, b.AccountID))
	})
	return Result{Status: status, Candidates: accounts}
}

func failed(format string, args ...any) Result {
	return Result{Status: identity.Failed, Err: fmt.Errorf(format, args...)}
}

// claims merges the rows of every account and returns the accounts with the
// address that may match. It merges first: the row that says that an account is
// a bot may be another one than the row with the address. An account with the
// address that cannot be read is an error.
func (p *policy) claims(want string, candidates []Account) ([]claim, error) {
	var found []claim
	var broken []error
	for _, rows := range groupRows(candidates, p.foldID) {
		c, ok := p.claim(want, rows)
		switch {
		case !ok:
		case c.Unreadable != nil:
			broken = append(broken, unreadable(c.Account))
		default:
			found = append(found, c)
		}
	}
	if len(broken) > 0 {
		return nil, firstByText(broken)
	}
	return found, nil
}

// groupRows returns the rows of each account. Rows without an id are accounts of
// their own.
func groupRows(rows []Account, foldID func(string) string) [][]Account {
	var accounts [][]Account
	at := map[string]int{}
	for _, a := range rows {
		key := accountKey(a, foldID)
		i, known := at[key]
		if !known || key == "" {
			i, at[key] = len(accounts), len(accounts)
			accounts = append(accounts, nil)
		}
		accounts[i] = append(accounts[i], a)
	}
	return accounts
}

// accountKey returns what all rows of an account share and no other account
// has; "" if it has no id.
func accountKey(a Account, foldID func(string) string) string {
	switch {
	case a.AccountID != "":
		return "account " + a.AccountID
	case strings.TrimSpace(a.Identity) != "":
		return "identity " + foldID(a.Identity)
	}
	return ""
}

// unreadable returns the error of an account that cannot be read.
func unreadable(a Account) error {
	if errors.Is(a.Unreadable, ErrUnavailable) {
		return a.Unreadable
	}
	return fmt.Errorf("%w: the record of the account %q cannot be read: %w", ErrAnswer, a.Identity, a.Unreadable)
}

// claim merges the rows of an account and reports whether it has the address
// and a kind that matches.
func (p *policy) claim(want string, rows []Account) (c claim, ok bool) {
	c.Account = merge(rows, p.foldID)
	for _, row := range rows {
		if row.Kind != "" && row.Kind != KindPerson && !slices.Contains(p.Kinds, row.Kind) {
			return claim{}, false
		}
		for _, a := range row.Addresses {
			if !sameAddress(want, a.Email) {
				continue
			}
			ok, c.kind, c.proof = true, max(c.kind, a.Kind), max(c.proof, a.Proof)
		}
	}
	return c, ok
}

// merge makes one account of several rows; their order does not matter. It
// takes the most active state of any row. An account that has two names in one
// list was renamed while it was read: neither can be trusted.
func merge(rows []Account, foldID func(string) string) Account {
	if len(rows) == 1 {
		return rows[0]
	}
	rows = slices.SortedFunc(slices.Values(rows), compareRows)
	merged := rows[0]
	merged.Addresses = nil
	signIns := map[string]bool{}
	for _, row := range rows {
		merged.State = moreActive(merged.State, row.State)
		merged.Kind = max(merged.Kind, row.Kind)
		merged.Name = cmp.Or(merged.Name, row.Name)
		merged.SignIn = cmp.Or(merged.SignIn, row.SignIn)
		if row.SignIn != "" {
			signIns[foldSignIn(row.SignIn)] = true
		}
		if merged.Unreadable == nil {
			merged.Unreadable = row.Unreadable
		}
		if foldID(row.Identity) != foldID(merged.Identity) {
			merged.Unreadable = fmt.Errorf("%w as expected: it calls one account both %q and %q", ErrUnavailable, merged.Identity, row.Identity)
		}
		for _, a := range row.Addresses {
			if !slices.Contains(merged.Addresses, a) {
				merged.Addresses = append(merged.Addresses, a)
			}
		}
	}
	if len(signIns) > 1 {
		merged.SignIn = "" // nothing is known for sure
	}
	slices.SortFunc(merged.Addresses, compareAddresses)
	return merged
}

func compareRows(a, b Account) int {
	return cmp.Or(cmp.Compare(a.Identity, b.Identity), cmp.Compare(a.SignIn, b.SignIn), cmp.Compare(a.Name, b.Name),
		cmp.Compare(fmt.Sprint(a.Unreadable), fmt.Sprint(b.Unreadable)))
}

// compareAddresses puts primary addresses first.
func compareAddresses(a, b Address) int {
	return cmp.Or(cmp.Compare(b.Kind, a.Kind), cmp.Compare(a.Email, b.Email), cmp.Compare(a.Proof, b.Proof))
}

// moreActive returns the state of the two that is closer to an active account.
func moreActive(a, b State) State {
	rank := map[State]int{StateUnknown: 1, StatePending: 2, StateInvited: 3, StateActive: 4}
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
