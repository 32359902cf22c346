// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// settle turns proposals into answers, unless somebody else holds the account.
// Of two users that propose one account in the same pass the first has it.
func (p *pass) settle(ctx context.Context) error {
	held, err := p.held(ctx)
	if err != nil {
		return err
	}
	for _, prop := range p.open {
		if prop.stored != nil || !prop.contests() || prop.refused(held) {
			continue
		}
		a := prop.answer
		held[prop.claim()] = a.User
		a.Matcher, a.Source, a.Rule = prop.matcher, prop.from, prop.rule
	}
	// After the others, so that the order of the users does not decide who is
	// called stale.
	for _, prop := range p.open {
		if prop.stored == nil || prop.answer.Err != nil {
			continue
		}
		if prop.contests() {
			prop.refused(held)
		}
		prop.compare()
	}
	return nil
}

// claim is what tells the proposed account from others.
func (prop *proposal) claim() string {
	return prop.matcher.AccountKey(prop.answer.Service.Type)
}

// contests reports whether the user would take an account that is not stored
// for them, which somebody else may hold.
func (prop *proposal) contests() bool {
	return prop.answer.Err == nil && prop.matcher != nil &&
		(prop.stored == nil || !prop.matcher.Equal(prop.answer.Service.Type, prop.stored))
}

// refused withdraws a proposal whose account somebody else holds.
func (prop *proposal) refused(held map[string]identity.UserKey) bool {
	holder, taken := held[prop.claim()]
	if !taken || holder == prop.answer.User {
		return false
	}
	prop.withdraw(holder)
	return true
}

// withdraw makes a hit a miss, because the account is the holder's.
func (prop *proposal) withdraw(holder identity.UserKey) {
	a := prop.answer
	if n := len(a.Steps); n > 0 {
		a.Steps[n-1].Outcome = Miss
		a.Steps[n-1].Detail += ", which belongs to " + string(holder)
	}
	if prop.stored != nil {
		a.FreshReason = Claimed
	} else {
		a.Matcher, a.Source, a.Rule = nil, "", ""
		a.Reason, a.Holder, a.Candidates = Claimed, holder, []identity.Matcher{prop.matcher}
	}
	prop.matcher = nil
}

// held maps claims to who has the account once this configuration is applied:
// the store's holders, where declared mappings replace what is stored.
func (p *pass) held(ctx context.Context) (map[string]identity.UserKey, error) {
	held := map[string]identity.UserKey{}
	var claims []string
	asked := map[string]bool{}
	for _, prop := range p.open {
		if !prop.contests() {
			continue
		}
		if claim := prop.claim(); !asked[claim] {
			asked[claim] = true
			claims = append(claims, claim)
		}
	}
	if len(claims) == 0 {
		return held, nil
	}
	holders, err := p.chain.API.Holders(ctx, p.service.Key, claims)
	if err != nil {
		return nil, err
	}
	note := func(claim string, user identity.UserKey) {
		// A shared account has several holders; naming always the same one
		// keeps plans stable.
		if known, ok := held[claim]; !ok || user < known {
			held[claim] = user
		}
	}
	for _, h := range holders {
		if _, replaced := p.declared[h.User]; !replaced {
			note(h.Mapping.Matcher.AccountKey(p.service.Key.Type), h.User)
		}
	}
	for user, matcher := range p.declared {
		note(matcher.AccountKey(p.service.Key.Type), user)
	}
	return held, nil
}

// frees reports whether a declared mapping takes an account away from its
// holder once it is applied.
func (p *pass) frees(claim string, holder identity.UserKey) bool {
	declared, ok := p.declared[holder]
	return ok && declared.AccountKey(p.service.Key.Type) != claim
}
