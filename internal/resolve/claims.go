// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// applyClaims makes candidates answers, unless somebody else holds the account.
// Where several people get one account, the owner of its primary address has it;
// if there is no such owner, or more than one, nobody has it. The order of the
// users decides nothing.
func (r *serviceResolver) applyClaims(ctx context.Context) error {
	holders, err := r.holders(ctx)
	if err != nil {
		return err
	}
	contested := map[string][]identity.UserKey{} // accounts that nobody of the pass has
	r.settle(holders, contested, func(c *candidate) bool { return c.stored == nil })
	for _, c := range r.candidates {
		if a := c.answer; c.stored == nil && c.claimsAccount() {
			a.Matcher, a.Source, a.Rule = c.matcher, c.origin, c.rule
			a.AccountID, a.Evidence = c.accountID, c.evidence
		}
	}
	// After the others: a stored value stays the answer, whatever else its user
	// would get, and takes no account away from anybody.
	r.settle(holders, contested, func(c *candidate) bool { return c.stored != nil })
	for _, c := range r.candidates {
		if c.stored != nil && c.answer.Err == nil {
			c.setStale()
		}
	}
	return nil
}

// settle withdraws candidates whose account is somebody else's or contested. It
// adds the accounts that users get to holders, and those that nobody gets to
// contested. Accounts compare by name, then by id: one that is renamed while people
// are looked up is one account under both names.
func (r *serviceResolver) settle(holders map[string]identity.Holder, contested map[string][]identity.UserKey, concerns func(*candidate) bool) {
	for by := range 2 {
		claims := map[string][]*candidate{}
		for _, c := range r.candidates {
			if !concerns(c) || !c.claimsAccount() || c.withdrawIfHeld(holders) {
				continue
			}
			if keys := c.accountKeys(); by < len(keys) {
				claims[keys[by]] = append(claims[keys[by]], c)
			}
		}
		settleClaims(claims, holders, contested)
	}
}

// settleClaims settles claims, which have the keys of the accounts.
func settleClaims(claims map[string][]*candidate, holders map[string]identity.Holder, contested map[string][]identity.UserKey) {
	for account, claimants := range claims {
		owner := primaryOwner(claimants)
		if rivals, before := contested[account]; before || owner == nil {
			for _, c := range claimants {
				rivals = append(rivals, c.answer.User)
			}
			slices.Sort(rivals)
			contested[account] = rivals
			for _, c := range claimants {
				c.withdrawContested(rivals)
			}
			continue
		}
		holders[account] = identity.Holder{User: owner.answer.User, Mapping: identity.Mapping{Matcher: owner.matcher}}
		for _, c := range claimants {
			c.withdrawIfHeld(holders)
		}
	}
}

// primaryOwner returns the only candidate, or the only one who owns the primary
// address of the account; nil if it is not clear who has the account.
func primaryOwner(claimants []*candidate) *candidate {
	if len(claimants) == 1 {
		return claimants[0]
	}
	var owner *candidate
	for _, c := range claimants {
		switch {
		case !c.ownsAddress():
		case owner != nil:
			return nil
		default:
			owner = c
		}
	}
	return owner
}

// ownsAddress reports whether the service says that the user's own e-mail is the
// primary address of the account.
func (c *candidate) ownsAddress() bool {
	return c.lookupRule == "" && (c.evidence == identity.EvidenceVerifiedEmail || c.evidence == identity.EvidenceEmail)
}

// accountKey returns the key by which the account is compared with others.
func (c *candidate) accountKey() string {
	return c.matcher.AccountKey(c.answer.Service.Type)
}

// accountKeys returns the keys of the account: by name and, where it is known, by id.
func (c *candidate) accountKeys() []string {
	if c.accountID == "" {
		return []string{c.accountKey()}
	}
	return []string{c.accountKey(), pinKey(c.accountID)}
}

// claimsAccount reports whether the user would take an account that is not stored
// for them, which somebody else may hold.
func (c *candidate) claimsAccount() bool {
	return c.answer.Err == nil && c.matcher != nil &&
		(c.stored == nil || !c.matcher.Equal(c.answer.Service.Type, c.stored))
}

// withdrawIfHeld withdraws a candidate whose account somebody else holds.
func (c *candidate) withdrawIfHeld(holders map[string]identity.Holder) bool {
	for _, account := range c.accountKeys() {
		if holder, held := holders[account]; held && holder.User != c.answer.User {
			c.withdraw(holder)
			return true
		}
	}
	return false
}

// withdraw makes a hit a miss, because the account is the holder's.
func (c *candidate) withdraw(holder identity.Holder) {
	why, as := "which belongs to "+string(holder.User), holder.Mapping.Matcher
	if as.AccountKey(c.answer.Service.Type) == c.accountKey() {
		as = nil
	}
	if as != nil {
		why += " under the name " + as.String()
	}
	c.miss(Claimed, why)
	if c.stored == nil {
		c.answer.Holder, c.answer.HolderAs = holder.User, as
	}
}

// withdrawContested makes a hit a miss, because others get the same account.
func (c *candidate) withdrawContested(claimants []identity.UserKey) {
	some := slices.Clone(claimants[:min(len(claimants), maxRivals+1)])
	some = slices.DeleteFunc(some, func(user identity.UserKey) bool { return user == c.answer.User })
	rivals := Resolution{Rivals: some[:min(len(some), maxRivals)]}
	rivals.MoreRivals = len(claimants) - 1 - len(rivals.Rivals)
	c.miss(Ambiguous, "as "+rivals.ListRivals()+" would, so nobody has it")
	if c.stored == nil {
		c.answer.Rivals, c.answer.MoreRivals = rivals.Rivals, rivals.MoreRivals
	}
}

// miss turns the last step, a hit, into a miss, and adds why to its text.
func (c *candidate) miss(reason Reason, why string) {
	a := c.answer
	if n := len(a.Steps); n > 0 {
		a.Steps[n-1].Outcome = Miss
		a.Steps[n-1].Detail += ", " + why
	}
	c.setReason(reason, identity.Candidate{Matcher: c.matcher, AccountID: c.accountID})
	if c.stored == nil {
		a.Matcher, a.AccountID, a.Source, a.Rule, a.Evidence, a.Stale = nil, "", "", "", "", false
	}
	c.matcher = nil
}

// holders returns who has each account that a candidate claims, once this
// configuration is applied: the store's holders, except where declared mappings
// replace what is stored. Accounts are held by their pins too.
func (r *serviceResolver) holders(ctx context.Context) (map[string]identity.Holder, error) {
	held := map[string]identity.Holder{}
	var accounts []identity.AccountQuery
	for _, c := range r.candidates {
		if c.claimsAccount() {
			accounts = append(accounts, identity.AccountQuery{Identity: c.accountKey(), AccountID: identity.PinOf(r.service.Key.Type, c.matcher, c.accountID)})
		}
	}
	if len(accounts) == 0 {
		return held, nil
	}
	found, err := r.chain.API.Holders(ctx, r.service.Key, identity.Distinct(accounts))
	if err != nil {
		return nil, err
	}
	add := func(account string, holder identity.Holder) {
		// A shared account has several holders; naming always the same one
		// keeps plans stable.
		if known, ok := held[account]; !ok || holder.User < known.User {
			held[account] = holder
		}
	}
	for _, h := range found {
		if matcher, declared := r.declared[h.User]; !declared || matcher.Equal(r.service.Key.Type, h.Mapping.Matcher) {
			add(h.Mapping.AccountKey(), h)
			if h.Mapping.AccountID != "" {
				add(pinKey(h.Mapping.AccountID), h)
			}
		} else {
			r.freed[h.User] = true
		}
	}
	for user, matcher := range r.declared {
		add(matcher.AccountKey(r.service.Key.Type), identity.Holder{User: user, Mapping: identity.Mapping{Matcher: matcher}})
	}
	for _, a := range r.answers { // whatever the account is called now
		if a.AccountID != "" && (a.Source == Declared || a.Source == Store) {
			add(pinKey(a.AccountID), identity.Holder{User: a.User, Mapping: identity.Mapping{Matcher: a.Matcher}})
		}
	}
	return held, nil
}

// pinKey returns the key of an account id, which no identity equals.
func pinKey(accountID string) string { return "\x00" + accountID }
