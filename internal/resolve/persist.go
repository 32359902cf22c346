// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"errors"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// persist stores what rules and lookups gave. Afterwards the store has the
// answer, so it is told as every later run will tell it.
func (p *pass) persist(ctx context.Context) error {
	var pending []*proposal
	for _, prop := range p.open {
		if prop.stored == nil && prop.answer.Mapped() {
			pending = append(pending, prop)
		}
	}
	for len(pending) > 0 {
		writes := make([]identity.Write, len(pending))
		for i, prop := range pending {
			a := prop.answer
			writes[i] = identity.Write{
				User: a.User, UserID: p.users[a.User].ID, Service: a.Service, Matcher: a.Matcher,
				Source: identity.Source(a.Source), Rule: a.Rule,
				Conditions: identity.Conditions{IfAbsent: true, IfUnclaimed: true},
			}
		}
		stored, err := p.chain.API.Write(ctx, writes)
		var batch *identity.BatchError
		if err != nil && (!errors.As(err, &batch) || len(batch.Items) == 0) {
			return err
		}
		rest := p.settleWrites(pending, stored, batch)
		if len(rest) == len(pending) {
			return err // the failures are none of ours; sending them again would not end
		}
		pending = rest
	}
	return nil
}

// settleWrites tells the answers that were written as the store will, gives
// each failure its answer, and returns the others, which are sent again.
func (p *pass) settleWrites(pending []*proposal, stored []identity.User, batch *identity.BatchError) (rest []*proposal) {
	failures := map[int]*identity.Error{}
	if batch != nil {
		for _, c := range batch.Items {
			failures[c.Index] = c.Err
		}
	}
	for i, prop := range pending {
		failure, failed := failures[i]
		switch {
		case failed:
			p.settleItemError(prop, failure)
		case batch == nil || i < len(stored) && stored[i].Name != "":
			a := prop.answer
			p.toldByStore(prop, identity.Mapping{Matcher: a.Matcher, Source: identity.Source(a.Source), Rule: a.Rule})
			if i < len(stored) && stored[i].Key == a.User {
				p.users[a.User] = stored[i] // rules of the next service see what is stored now
			}
		default:
			rest = append(rest, prop)
		}
	}
	return rest
}

func (p *pass) settleItemError(prop *proposal, failure *identity.Error) {
	a := prop.answer
	switch {
	case failure.Code == identity.CodeIdentityConflict && failure.Stored != nil:
		// Somebody stored an answer in the meantime, and stored wins.
		p.toldByStore(prop, *failure.Stored)
	case failure.Code == identity.CodeIdentityClaimed && p.frees(prop.claim(), failure.Holder):
		// Apply frees the account, which it could not if this were an error; a
		// later run stores the answer.
	case failure.Code == identity.CodeIdentityClaimed:
		prop.withdraw(failure.Holder)
	default:
		a.fail(a.Source, fmt.Errorf("the answer could not be stored: %w", failure))
	}
}

// toldByStore rewrites an answer to what a run finds that starts now.
func (p *pass) toldByStore(prop *proposal, m identity.Mapping) {
	a := prop.answer
	var trace []Step
	if len(a.Steps) > 0 {
		trace = a.Steps[1:] // without the store's miss
	}
	a.Steps = a.Steps[:0:0] // nil stays nil: no trace is asked for
	a.fromStore(m)
	if !p.checkStale {
		a.LookupEmail = ""
		return
	}
	a.Steps = append(a.Steps, trace...)
	prop.stored, prop.source = m.Matcher, m.Source.OrManual()
	if prop.from != Rule {
		prop.seen(prop.matcher, identity.AccountActive)
	}
	prop.compare()
}
