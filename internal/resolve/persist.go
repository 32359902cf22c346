// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Persist stores what rules and lookups gave, in one transaction where the API
// can. It asks holds before each write whether the resolutions are good as a
// whole, and stops when they are not: a write that is refused may have changed
// them. Answers that are stored come from the store then, as every later run
// will have them.
func (p *Pass) Persist(ctx context.Context, holds func([]Resolution) bool) error {
	var pending []*candidate // service by service
	for _, r := range p.services {
		pending = append(pending, r.pending()...)
	}
	for len(pending) > 0 && holds(p.Resolutions) {
		writes := make([]identity.Write, len(pending))
		for i, c := range pending {
			a := c.answer
			writes[i] = identity.Write{
				User: a.User, UserID: p.users[a.User].ID, Service: a.Service, Matcher: a.Matcher, AccountID: a.AccountID,
				Source: identity.Source(a.Source), Rule: a.Rule,
				Conditions: identity.Conditions{IfAbsent: true, IfUnclaimed: true},
			}
		}
		stored, err := p.chain.API.Write(ctx, writes)
		var batch *identity.BatchError
		if err != nil && (!errors.As(err, &batch) || len(batch.Items) == 0) {
			return err
		}
		rest := applyWriteResults(pending, stored, batch)
		if len(rest) == len(pending) {
			return err // the failures name none of these writes: repeating them would not end
		}
		pending = rest
	}
	return nil
}

// pending returns the answers that are not stored yet.
func (r *serviceResolver) pending() []*candidate {
	return slices.DeleteFunc(slices.Clone(r.candidates), func(c *candidate) bool {
		return c.stored != nil || !c.answer.Mapped() || c.answer.NotStored != ""
	})
}

// holdBackShared keeps answers from being stored unless the service's whole list
// shows that nobody else gets the account: the user's own e-mail is the only
// address of the account's own.
func (r *serviceResolver) holdBackShared(ctx context.Context) {
	pending := r.pending()
	var emails []string
	for _, c := range pending {
		if email := c.answer.User.Email(); email != "" && !r.service.NoDirectory {
			emails = append(emails, email)
		}
	}
	var byEmail map[string]identity.LookupResult
	var err error
	if len(emails) > 0 {
		byEmail, err = r.lookup(ctx, emails, r.chain.API.LookupInList)
	}
	for _, c := range pending {
		a := c.answer
		switch found := byEmail[a.User.Email()]; {
		case err != nil:
			a.NotStored = fmt.Sprintf("its list of accounts could not be read: %s", err)
		case found.Status == identity.Failed && found.Err != nil:
			a.NotStored = fmt.Sprintf("its list of accounts could not be read: %s", found.Err)
		case found.Status != identity.Found || !found.Matcher.Equal(a.Service.Type, a.Matcher):
			a.NotStored = fmt.Sprintf("its list of accounts does not show that %s is the account's own address", a.User)
		case !found.Unique:
			a.NotStored = "the account may be somebody else's as well: it has further addresses of its own, or the service shows no whole list of accounts"
		}
	}
}

// showPending shows rules of the services that follow what Persist will store,
// as the next run will find it.
func (r *serviceResolver) showPending() {
	for _, c := range r.pending() {
		a := c.answer
		u, known := r.users[a.User]
		if !known {
			u = identity.User{Key: a.User, Type: a.User.Type(), Role: identity.Member}
		}
		u.Mappings = append(slices.Clip(u.Mappings), identity.Mapping{
			Service: a.Service, Matcher: a.Matcher, AccountID: a.AccountID, Source: identity.Source(a.Source), Rule: a.Rule,
		})
		r.users[a.User] = u
	}
}

// applyWriteResults records what was stored and what failed, and returns the
// other candidates, which are to be sent again.
func applyWriteResults(pending []*candidate, stored []identity.User, batch *identity.BatchError) (rest []*candidate) {
	failures := map[int]*identity.Error{}
	if batch != nil {
		for _, c := range batch.Items {
			failures[c.Index] = c.Err
		}
	}
	misled := map[identity.UserKey]bool{} // users whose rules were shown an identity that is not stored
	for i, c := range pending {
		a := c.answer
		failure, failed := failures[i]
		switch {
		case failed:
			written := a.Matcher
			c.applyWriteError(failure)
			if !written.Equal(a.Service.Type, a.Matcher) {
				misled[a.User] = true
			}
		case batch == nil || i < len(stored) && stored[i].Name != "":
			c.adoptStored(identity.Mapping{Matcher: a.Matcher, AccountID: a.AccountID, Source: identity.Source(a.Source), Rule: a.Rule})
		case misled[a.User] && c.origin == Rule:
			a.fail(Rule, fmt.Errorf("the rule saw an identity of %s in another service that could not be stored; run again", a.User))
		default:
			rest = append(rest, c)
		}
	}
	return rest
}

func (c *candidate) applyWriteError(failure *identity.Error) {
	a := c.answer
	switch {
	case failure.Code == identity.CodeIdentityConflict && failure.Stored != nil:
		// Somebody stored an answer in the meantime, and stored wins.
		c.adoptStored(*failure.Stored)
	case failure.Code == identity.CodeIdentityClaimed && c.resolver.freed[failure.Holder]:
		// Apply frees the account, which it could not if this were an error; a
		// later run stores the answer.
	case failure.Code == identity.CodeIdentityClaimed:
		c.withdraw(identity.Holder{User: failure.Holder})
	default:
		a.fail(a.Source, fmt.Errorf("the answer could not be stored: %w", failure))
	}
}

// adoptStored rewrites an answer to what a run finds that starts now.
func (c *candidate) adoptStored(m identity.Mapping) {
	a := c.answer
	var trace []Step
	if len(a.Steps) > 0 {
		trace = a.Steps[1:] // without the store's miss
	}
	a.Steps = a.Steps[:0:0] // nil stays nil: no trace is asked for
	if !m.Matcher.Equal(a.Service.Type, a.Matcher) {
		a.Account = "" // what is known is about the other account
	}
	a.applyStored(m)
	if !c.resolver.CheckStale {
		a.LookupEmail = ""
		return
	}
	a.Steps = append(a.Steps, trace...)
	c.stored, c.source = m.Matcher, m.Source.OrManual()
	if c.origin != Rule {
		c.noteAccount(c.matcher, c.accountID, identity.AccountActive)
	}
	c.setStale()
}
