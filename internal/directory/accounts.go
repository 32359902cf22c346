// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// AccountList is a service's whole list of accounts. Rows of one account are
// merged. It is safe for concurrent use.
type AccountList struct {
	AsOf time.Time // the start of the walk

	cache   *Cached
	service identity.ServiceKey
	list    *snapshot
	kept    bool // it was walked for somebody else
	order   accountOrder
}

// Accounts returns the whole list of a service. A Cached gives the list that it
// keeps for as long as it may call somebody absent (Settings.Misses).
//
// version is "", or the Version of a list that a caller has begun to read. Then a
// list of another version is CodeListChanged, and one of the same version is
// returned however old it is: the pages of a reader fit together.
//
// Its errors are *identity.Error, CodeNoList if the directory has no list or one
// that is cut off.
func Accounts(ctx context.Context, d Directory, service identity.ServiceKey, version string) (*AccountList, error) {
	c, release := withCache(d, service)
	defer release()
	list, kept, err := c.accounts(ctx, version)
	if err != nil {
		return nil, AsIdentityError(service, err)
	}
	return &AccountList{AsOf: list.asOf, cache: c, service: service, list: list, kept: kept, order: list.sorted()}, nil
}

// accounts returns the list that is kept if it is fresh, or of any age if it is of
// the version asked for. Otherwise it walks. A list of another version is
// ErrListChanged.
func (c *Cached) accounts(ctx context.Context, version string) (list *snapshot, kept bool, err error) {
	if c.lister() == nil {
		return nil, false, ErrNoList
	}
	list = c.inMemory()
	kept = list != nil && (version != "" || c.settings.fresh(time.Since(list.ended), false))
	if !kept {
		list, err = c.walk(ctx, 0)
	}
	switch {
	case errors.Is(err, ErrTruncated):
		return nil, false, fmt.Errorf("%w: %w", ErrNoList, err)
	case err == nil && version != "" && version != list.sorted().version:
		return nil, false, ErrListChanged
	}
	return list, kept, err
}

// Len returns the number of accounts.
func (l *AccountList) Len() int { return len(l.order.first) }

// Version returns a text that lists of equal accounts share.
func (l *AccountList) Version() string { return l.order.version }

// At returns the i-th account, ordered by identity and account id. HeldBy is
// empty: the service does not know who holds it.
func (l *AccountList) At(i int) identity.Account {
	return describeAccount(l.service, l.list.account(l.order.first[i]))
}

// describeAccount returns an account as callers of the API see it.
func describeAccount(service identity.ServiceKey, a Account) identity.Account {
	out := identity.Account{
		AccountID: accountID(service.Type, a), SignIn: a.SignIn, Name: a.Name,
		State: cmp.Or(a.State.String(), "unknown"), Kind: string(cmp.Or(a.Kind, KindPerson)),
		Emails: make([]identity.AccountEmail, len(a.Addresses)),
	}
	for i, address := range a.Addresses {
		out.Emails[i] = identity.AccountEmail{Address: address.Email, Primary: address.Kind == Primary, Proved: address.Proof.proved()}
	}
	if out.Matcher = identity.NewMatcher(service.Type, a.Identity); strings.TrimSpace(a.Identity) == "" {
		out.Matcher, out.Unreadable = nil, "the account has no id"
	}
	if a.Unreadable != nil {
		out.Unreadable = a.Unreadable.Error()
	}
	return out
}

// proved returns whether a service proved an address, nil if it does not say.
func (p Proof) proved() *bool {
	if p == ProofUnknown {
		return nil
	}
	return new(p == Proved)
}

// Held returns the places of the accounts that a stored mapping holds: the one
// with its account id, under whatever name, or those with its identity. An
// account under the name, but with another id than the mapping keeps, is somebody
// else's. None is a mapping without an account.
func (l *AccountList) Held(m identity.Mapping) []int {
	if m.AccountID != "" {
		if rows := l.list.byKey[accountKey(Account{AccountID: m.AccountID}, nil)]; len(rows) > 0 {
			return []int{l.order.place[rows[0]]}
		}
	}
	var places []int
	for _, row := range l.list.byIdentity[m.AccountKey()] {
		place := l.order.place[row]
		if id := l.list.rows[row].AccountID; (m.AccountID == "" || id == "" || id == m.AccountID) && !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places
}

// Confirm searches a service whose list may lack accounts for a few people who
// should be in it. It returns an error, and the list is not kept, if one of them
// has an account that the list lacks. The error is retryable if a new walk may
// help: the account may be younger than a list that was kept. A service without
// such searches is believed.
func (l *AccountList) Confirm(ctx context.Context, people []identity.UserKey) error {
	var emails []string
	for _, key := range people {
		if key.IsEmail() && l.cache.settings.covers(key.Email()) {
			emails = append(emails, key.Email())
		}
	}
	look := &lookup{cache: l.cache, service: l.service, policy: l.cache.policy()}
	err := look.search(ctx, l.list, emails)
	if err == nil {
		return nil
	}
	e := AsIdentityError(l.service, err)
	if errors.Is(err, errContradicted) {
		e.Retryable = l.kept
	}
	return e
}

// accountOrder numbers the accounts of a list.
type accountOrder struct {
	first   []int32 // a row of each account, in order
	place   []int   // of each row's account in first
	version string
}

// order merges the rows of accounts, sorts the accounts and fingerprints them.
func (s *snapshot) order() accountOrder {
	o := accountOrder{place: make([]int, len(s.rows))}
	for row := range int32(len(s.rows)) {
		if s.rowsOf(row)[0] == row {
			o.first = append(o.first, row)
		}
	}
	slices.SortStableFunc(o.first, func(a, b int32) int {
		x, y := s.rows[a], s.rows[b]
		return cmp.Or(cmp.Compare(x.Identity, y.Identity), cmp.Compare(x.AccountID, y.AccountID))
	})
	hash := sha256.New()
	for place, row := range o.first {
		for _, same := range s.rowsOf(row) {
			o.place[same] = place
		}
		a := s.account(row)
		fmt.Fprintf(hash, "%q%q%q%q%d%q%v%q\n", a.AccountID, a.Identity, a.SignIn, a.Name, a.State, a.Kind, a.Addresses, fmt.Sprint(a.Unreadable))
	}
	o.version = base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:16])
	return o
}
