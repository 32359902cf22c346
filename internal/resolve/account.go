// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// seen notes what the lookup said of the stored account, by the way.
func (prop *proposal) seen(account identity.Matcher, state identity.AccountState) {
	if prop.stored != nil && len(account) > 0 && account.Equal(prop.answer.Service.Type, prop.stored) {
		prop.answer.Account = state
	}
}

// checkAccounts asks the service for the accounts of stored and declared
// values of which the lookup did not tell: it knows e-mails, and a value that a
// person mapped by hand is nearly always an account with another one.
func (p *pass) checkAccounts(ctx context.Context, answers []Resolution) error {
	var ask []*Resolution
	var ids []string
	seen := map[string]bool{}
	for i := range answers {
		a := &answers[i]
		if id, plain := a.Identity(); p.asksAccount(a) && plain {
			ask = append(ask, a)
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	if len(ids) > 0 {
		states, err := p.accounts(ctx, ids)
		if err != nil {
			return err
		}
		for _, a := range ask {
			id, _ := a.Identity()
			a.takeAccount(id, states[id])
		}
	}
	for i := range answers {
		if a := &answers[i]; a.Source == Store && a.Retired() {
			a.Stale = true
		}
	}
	return nil
}

func (p *pass) asksAccount(a *Resolution) bool {
	return a.Err == nil && (a.Source == Store || a.Source == Declared) && a.Account == "" &&
		!p.service.Key.Managed() && !p.service.NoDirectory
}

// accounts is empty where nobody can be asked.
func (p *pass) accounts(ctx context.Context, ids []string) (map[string]identity.AccountStatus, error) {
	found, err := p.chain.API.Status(ctx, p.service.Key, ids)
	switch identity.CodeOf(err) {
	case identity.CodeNoDirectory:
		return nil, nil
	case identity.CodeServiceNotFound: // all are declared: the same run may be about to register it
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(found) != len(ids) {
		return nil, fmt.Errorf("the API answered %d of %d identities asked in %s", len(found), len(ids), p.service.Key)
	}
	states := make(map[string]identity.AccountStatus, len(found))
	for i, a := range found {
		states[ids[i]] = a
	}
	return states, nil
}

// takeAccount notes what the service says of an account. A failure to ask is
// one, as with lookups; that nobody can be asked changes nothing.
func (a *Resolution) takeAccount(id string, found identity.AccountStatus) {
	switch found.Status {
	case "", identity.AccountUnknown:
	case identity.AccountActive:
		a.Account = found.Status
		a.step(Account, Hit, "the account %s is active", id)
	case identity.AccountInactive:
		a.Account = found.Status
		a.step(Account, Miss, "the account %s is inactive", id)
	case identity.AccountAbsent:
		a.Account = found.Status
		a.step(Account, Miss, "%s has no account %s any more", a.Service, id)
	default:
		err := error(found.Err)
		if found.Err == nil {
			err = fmt.Errorf("the API answered with the status %q", found.Status)
		}
		a.fail(Account, fmt.Errorf("%s could not be asked for the account %s: %w", a.Service, id, err))
	}
}
