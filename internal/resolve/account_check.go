// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// noteAccountState records what the lookup happened to say of the stored
// account.
func (c *candidate) noteAccountState(account identity.Matcher, state identity.AccountState) {
	if c.stored != nil && len(account) > 0 && account.Equal(c.answer.Service.Type, c.stored) {
		c.answer.Account = state
	}
}

// checkAccounts asks the service for the accounts of stored and declared values
// that no lookup saw. Lookups go by e-mail, and an account that a person mapped
// by hand nearly always has another one.
func (r *serviceResolver) checkAccounts(ctx context.Context, answers []Resolution) error {
	var ask []*Resolution
	var ids []string
	for i := range answers {
		a := &answers[i]
		if id, plain := a.Identity(); r.needsAccountCheck(a) && plain {
			ask, ids = append(ask, a), append(ids, id)
		}
	}
	if len(ids) > 0 {
		statuses, err := r.accountStatus(ctx, distinct(ids))
		if err != nil {
			return err
		}
		for _, a := range ask {
			id, _ := a.Identity()
			a.applyAccountStatus(id, statuses[id])
		}
	}
	for i := range answers {
		if a := &answers[i]; a.Source == Store && a.Retired() {
			a.Stale = true
		}
	}
	return nil
}

func (r *serviceResolver) needsAccountCheck(a *Resolution) bool {
	return a.Err == nil && (a.Source == Store || a.Source == Declared) && a.Account == "" &&
		!r.service.Key.Managed() && !r.service.NoDirectory
}

// accountStatus returns the status by identity, nil where nobody can be asked.
func (r *serviceResolver) accountStatus(ctx context.Context, ids []string) (map[string]identity.AccountStatus, error) {
	found, err := r.chain.API.Status(ctx, r.service.Key, ids)
	switch identity.CodeOf(err) {
	case identity.CodeNoDirectory,
		identity.CodeServiceNotFound: // all are declared: the same run may be about to register it
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return byText(r.service.Key, "identities", ids, found)
}

// applyAccountStatus records what the service says of an account. A failure to
// ask is an error of the person, as with lookups.
func (a *Resolution) applyAccountStatus(id string, found identity.AccountStatus) {
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
		a.failToAsk(Account, "the account "+id, string(found.Status), found.Err)
	}
}
