// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// noteAccount records what a lookup happened to say of the stored account. An
// account id that is not the one kept beside the stored identity shows that
// the identity is another account's now, or that the account has another name.
func (c *candidate) noteAccount(account identity.Matcher, accountID string, state identity.AccountState) {
	if c.stored == nil || len(account) == 0 {
		return
	}
	a := c.answer
	sameName := account.Equal(a.Service.Type, c.stored)
	pinned := c.pin != "" && accountID != ""
	switch {
	case sameName && pinned && accountID != c.pin:
		a.Account = identity.AccountReused
	case sameName:
		a.Account = state
		if a.AccountID == "" {
			a.AccountID = accountID
		}
	case pinned && accountID == c.pin:
		a.Account = identity.AccountRenamed
	}
}

// checkAccounts asks the service for the accounts of stored and declared values
// that no lookup saw. Lookups go by e-mail, and an account that a person mapped
// by hand nearly always has another one. What a rule gives is checked as well,
// where it is to be stored, also if it is then held back.
func (r *serviceResolver) checkAccounts(ctx context.Context) error {
	var ask []*Resolution
	var queries []identity.AccountQuery
	for i := range r.answers {
		a := &r.answers[i]
		if id, plain := a.Identity(); r.needsAccountCheck(a) && plain {
			ask, queries = append(ask, a), append(queries, identity.AccountQuery{Identity: id, AccountID: a.AccountID})
		}
	}
	if len(ask) > 0 {
		statuses, err := r.accountStatus(ctx, identity.Distinct(queries))
		if err != nil {
			return err
		}
		for i, a := range ask {
			a.applyAccountStatus(queries[i].Identity, statuses[queries[i]])
		}
	}
	for i := range r.answers {
		if a := &r.answers[i]; a.NotStored == "" && (a.Source != Declared || a.Account == identity.AccountRenamed) {
			a.setStaleAccount()
		}
	}
	return r.withdrawChecked(ctx)
}

// withdrawChecked withdraws what rules gave if somebody else holds the account under
// an earlier name: a rule gives a name alone, and only the check tells the id.
func (r *serviceResolver) withdrawChecked(ctx context.Context) error {
	var checked []*candidate
	for _, c := range r.candidates {
		if c.stored == nil && c.claimsAccount() && c.accountID == "" && c.answer.AccountID != "" {
			c.accountID = c.answer.AccountID
			checked = append(checked, c)
		}
	}
	if len(checked) == 0 {
		return nil
	}
	holders, err := r.holders(ctx)
	if err != nil {
		return err
	}
	for _, c := range checked {
		if c.withdrawIfHeld(holders) {
			c.answer.NotStored = ""
		}
	}
	return nil
}

// setStaleAccount marks a value stale, stored or about to be, whose account is not
// what it was.
func (a *Resolution) setStaleAccount() {
	if a.Retired() || a.Reused() || a.Account == identity.AccountRenamed {
		a.Stale = true
	}
}

func (r *serviceResolver) needsAccountCheck(a *Resolution) bool {
	// A renamed account's old name may be another account's already.
	unclear := a.Account == "" || a.Account == identity.AccountRenamed
	return a.Err == nil && unclear && !r.service.Key.Managed() && !r.service.NoDirectory &&
		(a.Source == Store || a.Source == Declared || a.Source == Rule && r.Persist)
}

// accountStatus returns the status by query, nil where nobody can be asked.
func (r *serviceResolver) accountStatus(ctx context.Context, queries []identity.AccountQuery) (map[identity.AccountQuery]identity.AccountStatus, error) {
	found, err := r.chain.API.Status(ctx, r.service.Key, queries)
	switch identity.CodeOf(err) {
	case identity.CodeNoDirectory,
		identity.CodeServiceNotFound: // all are declared: the same run may be about to register it
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return byQuestion(r.service.Key, "identities", queries, found)
}

// applyAccountStatus records what the service says of an account. A failure to
// ask is an error of the person, as with lookups.
func (a *Resolution) applyAccountStatus(id string, found identity.AccountStatus) {
	renamed := a.Account == identity.AccountRenamed // as the lookup has shown
	switch found.Status {
	case "", identity.AccountUnknown:
		return
	case identity.AccountActive:
		a.step(Account, Hit, "the account %s is active", id)
	case identity.AccountInactive:
		a.step(Account, Miss, "the account %s is inactive", id)
	case identity.AccountAbsent:
		a.step(Account, Miss, "%s has no account %s", a.Service, id)
	case identity.AccountRenamed:
		a.step(Account, Miss, "the account %s is called %s now", id, found.NewIdentity)
		now := identity.NewMatcher(a.Service.Type, found.NewIdentity)
		switch {
		case found.NewIdentity == "":
		case a.Fresh == nil, a.StoredSource == identity.Manual:
			a.Fresh = now
		case !a.Fresh.Equal(a.Service.Type, now):
			return // rules or the lookup give another account than the one that has a new name
		}
	case identity.AccountReused:
		a.step(Account, Miss, "%s is the name of another account now (%s, and not %s)", id, found.AccountID, a.AccountID)
	default:
		a.failToAsk(Account, "the account "+id, string(found.Status), found.Err)
		return
	}
	if !renamed || found.Status == identity.AccountReused {
		a.Account = found.Status
	}
	if a.AccountID == "" {
		a.AccountID = identity.PinOf(a.Service.Type, a.Matcher, found.AccountID)
	}
}
