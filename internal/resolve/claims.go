// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"errors"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// applyClaims makes candidates answers, unless somebody else holds the account.
// Of two users who get one account in the same request the first has it.
func (r *serviceResolver) applyClaims(ctx context.Context) error {
	holders, err := r.holders(ctx)
	if err != nil {
		return err
	}
	for _, c := range r.candidates {
		if c.stored != nil || !c.claimsAccount() || c.withdrawIfHeld(holders) {
			continue
		}
		a := c.answer
		holders[c.accountKey()] = a.User
		a.Matcher, a.Source, a.Rule = c.matcher, c.origin, c.rule
	}
	// After the others, so that the order of the users does not decide who is
	// called stale.
	for _, c := range r.candidates {
		if c.stored == nil || c.answer.Err != nil {
			continue
		}
		if c.claimsAccount() {
			c.withdrawIfHeld(holders)
		}
		c.setStale()
	}
	return nil
}

// accountKey returns the key by which the account is compared with others.
func (c *candidate) accountKey() string {
	return c.matcher.AccountKey(c.answer.Service.Type)
}

// claimsAccount reports whether the user would take an account that is not stored
// for them, which somebody else may hold.
func (c *candidate) claimsAccount() bool {
	return c.answer.Err == nil && c.matcher != nil &&
		(c.stored == nil || !c.matcher.Equal(c.answer.Service.Type, c.stored))
}

// withdrawIfHeld withdraws a candidate whose account somebody else holds.
func (c *candidate) withdrawIfHeld(holders map[string]identity.UserKey) bool {
	holder, held := holders[c.accountKey()]
	if !held || holder == c.answer.User {
		return false
	}
	c.withdraw(holder)
	return true
}

// withdraw makes a hit a miss, because the account is the holder's.
func (c *candidate) withdraw(holder identity.UserKey) {
	a := c.answer
	if n := len(a.Steps); n > 0 {
		a.Steps[n-1].Outcome = Miss
		a.Steps[n-1].Detail += ", which belongs to " + string(holder)
	}
	if c.stored != nil {
		a.FreshReason = Claimed
	} else {
		a.Matcher, a.Source, a.Rule = nil, "", ""
		a.Reason, a.Holder, a.Candidates = Claimed, holder, []identity.Matcher{c.matcher}
	}
	c.matcher = nil
}

// holders returns who has each account that a candidate claims, once this
// configuration is applied: the store's holders, except where declared mappings
// replace what is stored.
func (r *serviceResolver) holders(ctx context.Context) (map[string]identity.UserKey, error) {
	held := map[string]identity.UserKey{}
	var accounts []string
	for _, c := range r.candidates {
		if c.claimsAccount() {
			accounts = append(accounts, c.accountKey())
		}
	}
	if len(accounts) == 0 {
		return held, nil
	}
	found, err := r.chain.API.Holders(ctx, r.service.Key, distinct(accounts))
	if err != nil {
		return nil, err
	}
	add := func(account string, user identity.UserKey) {
		// A shared account has several holders; naming always the same one
		// keeps plans stable.
		if known, ok := held[account]; !ok || user < known {
			held[account] = user
		}
	}
	for _, h := range found {
		if _, replaced := r.declared[h.User]; !replaced {
			add(h.Mapping.AccountKey(), h.User)
		}
	}
	for user, matcher := range r.declared {
		add(matcher.AccountKey(r.service.Key.Type), user)
	}
	return held, nil
}

// frees reports whether applying the declared mappings takes an account away
// from its holder.
func (r *serviceResolver) frees(account string, holder identity.UserKey) bool {
	declared, ok := r.declared[holder]
	return ok && declared.AccountKey(r.service.Key.Type) != account
}

// persist stores what rules and lookups gave. The answers then come from the
// store, as every later run will have them.
func (r *serviceResolver) persist(ctx context.Context) error {
	var pending []*candidate
	for _, c := range r.candidates {
		if c.stored == nil && c.answer.Mapped() {
			pending = append(pending, c)
		}
	}
	for len(pending) > 0 {
		writes := make([]identity.Write, len(pending))
		for i, c := range pending {
			a := c.answer
			writes[i] = identity.Write{
				User: a.User, UserID: r.users[a.User].ID, Service: a.Service, Matcher: a.Matcher,
				Source: identity.Source(a.Source), Rule: a.Rule,
				Conditions: identity.Conditions{IfAbsent: true, IfUnclaimed: true},
			}
		}
		stored, err := r.chain.API.Write(ctx, writes)
		var batch *identity.BatchError
		if err != nil && (!errors.As(err, &batch) || len(batch.Items) == 0) {
			return err
		}
		rest := r.applyWriteResults(pending, stored, batch)
		if len(rest) == len(pending) {
			return err // the failures name none of these writes: repeating them would not end
		}
		pending = rest
	}
	return nil
}

// applyWriteResults records what was stored and what failed, and returns the
// other candidates, which are sent again.
func (r *serviceResolver) applyWriteResults(pending []*candidate, stored []identity.User, batch *identity.BatchError) (rest []*candidate) {
	failures := map[int]*identity.Error{}
	if batch != nil {
		for _, c := range batch.Items {
			failures[c.Index] = c.Err
		}
	}
	for i, c := range pending {
		failure, failed := failures[i]
		switch {
		case failed:
			r.applyWriteError(c, failure)
		case batch == nil || i < len(stored) && stored[i].Name != "":
			a := c.answer
			r.adoptStored(c, identity.Mapping{Matcher: a.Matcher, Source: identity.Source(a.Source), Rule: a.Rule})
			if i < len(stored) && stored[i].Key == a.User {
				r.users[a.User] = stored[i] // rules of the next service see what is stored now
			}
		default:
			rest = append(rest, c)
		}
	}
	return rest
}

func (r *serviceResolver) applyWriteError(c *candidate, failure *identity.Error) {
	a := c.answer
	switch {
	case failure.Code == identity.CodeIdentityConflict && failure.Stored != nil:
		// Somebody stored an answer in the meantime, and stored wins.
		r.adoptStored(c, *failure.Stored)
	case failure.Code == identity.CodeIdentityClaimed && r.frees(c.accountKey(), failure.Holder):
		// Apply frees the account, which it could not if this were an error; a
		// later run stores the answer.
	case failure.Code == identity.CodeIdentityClaimed:
		c.withdraw(failure.Holder)
	default:
		a.fail(a.Source, fmt.Errorf("the answer could not be stored: %w", failure))
	}
}

// adoptStored rewrites an answer to what a run finds that starts now.
func (r *serviceResolver) adoptStored(c *candidate, m identity.Mapping) {
	a := c.answer
	var trace []Step
	if len(a.Steps) > 0 {
		trace = a.Steps[1:] // without the store's miss
	}
	a.Steps = a.Steps[:0:0] // nil stays nil: no trace is asked for
	a.applyStored(m)
	if !r.checkStale {
		a.LookupEmail = ""
		return
	}
	a.Steps = append(a.Steps, trace...)
	c.stored, c.source = m.Matcher, m.Source.OrManual()
	if c.origin != Rule {
		c.noteAccountState(c.matcher, identity.AccountActive)
	}
	c.setStale()
}
