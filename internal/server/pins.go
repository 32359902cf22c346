// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Mappings of identities that are reusable names keep the id of the account
// (the pin), so that another account under the name is noticed. Mappings of
// earlier releases, and those that people declare, have none: they get it when
// the service is next seen to have the account.

// pinFound pins the mappings of people whose account a lookup found. It leaves
// out mappings of somebody else to that account, because the lookup says nothing
// about them.
func (s *service) pinFound(ctx context.Context, service identity.ServiceKey, keys []identity.UserKey, results []identity.LookupResult) {
	accounts := map[identity.UserKey]identity.LookupResult{}
	var wanted []identity.UserKey
	for i, r := range results {
		if r.Status == identity.Found && identity.PinOf(service.Type, r.Matcher, r.AccountID) != "" {
			accounts[keys[i]] = r
			wanted = append(wanted, keys[i])
		}
	}
	if len(wanted) == 0 {
		return
	}
	users, err := s.Store.FindUsers(ctx, wanted)
	s.pin(ctx, service, users, err, func(u identity.User, m identity.Mapping) string {
		r := accounts[u.Key]
		if r.Matcher.AccountKey(service.Type) != m.AccountKey() {
			return ""
		}
		return r.AccountID
	})
}

// pinActive pins the mappings of accounts that a service shows to be active.
func (s *service) pinActive(ctx context.Context, service identity.ServiceKey, statuses []identity.AccountStatus) {
	accounts := map[string]string{} // ids by account key
	var claims []string
	for _, a := range statuses {
		m := identity.NewMatcher(service.Type, a.Identity)
		if a.Status == identity.AccountActive && identity.PinOf(service.Type, m, a.AccountID) != "" {
			claim := m.AccountKey(service.Type)
			accounts[claim] = a.AccountID
			claims = append(claims, claim)
		}
	}
	if len(claims) == 0 {
		return
	}
	users, err := s.Store.Holders(ctx, service, identity.Named(claims...))
	s.pin(ctx, service, users, err, func(_ identity.User, m identity.Mapping) string { return accounts[m.AccountKey()] })
}

// pinLimit bounds the wait for a store whose standby is away.
const pinLimit = 2 * time.Second

// pin stores the account ids of those users' mappings that have none. A store
// that cannot do it now does not fail the call: the account is seen again.
func (s *service) pin(ctx context.Context, service identity.ServiceKey, users []identity.User, err error,
	accountOf func(identity.User, identity.Mapping) string,
) {
	var pins []store.Pin
	for _, u := range users {
		m, mapped := u.Mapping(service)
		if !mapped || m.AccountID != "" {
			continue
		}
		if id := accountOf(u, m); id != "" {
			pins = append(pins, store.Pin{UserID: u.ID, Service: service, Matcher: m.Matcher, Revision: m.Revision, AccountID: id})
		}
	}
	if err == nil && len(pins) > 0 {
		limited, cancel := context.WithTimeout(ctx, pinLimit)
		defer cancel()
		err = s.Store.PinAccounts(limited, pins)
	}
	if err != nil {
		s.log.WarnContext(ctx, "account ids could not be stored", "request_id", infoOf(ctx).requestID, "service", service.String(), "error", err)
	}
}
