// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Holders finds who has a stored mapping of accounts of the service, under their
// names, which are as identity.Matcher.AccountKey returns them, or by their ids. Once
// there is a snapshot, nobody holds the accounts of a service that is not registered;
// before, it is the API's error.
func (r *Reader) Holders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.Holder, error) {
	accounts = identity.Distinct(accounts)
	if len(accounts) == 0 || service == identity.SymCloud() { // users do not hold their own record as a mapping
		return r.API.Holders(ctx, service, accounts)
	}
	var found []identity.Holder
	fromSnapshot := func(s *snapshot) { found = s.users.Holders(service, folded(service, accounts)...) }
	if held, err := r.view(ctx, fromSnapshot); held || err != nil {
		return found, err
	}
	var listErr error
	if ask(&r.policy, accounts) {
		listErr = r.list(ctx)
		if held, err := r.view(ctx, fromSnapshot); held || err != nil {
			return found, err
		}
	}
	byAccount, err := r.holders.get(ctx, service, accounts)
	if err != nil {
		return nil, withListError(err, listErr)
	}
	return slices.Concat(byAccount...), nil
}

// askHolders asks the API who holds accounts, for holders.
func (r *Reader) askHolders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([][]identity.Holder, error) {
	r.policy.spend()
	holders, err := r.API.Holders(ctx, service, accounts)
	if err != nil {
		return nil, err
	}
	index := identity.NewIndex()
	for _, h := range holders {
		index.Put(identity.User{Key: h.User, Mappings: []identity.Mapping{h.Mapping}})
	}
	byAccount := make([][]identity.Holder, len(accounts))
	for i, account := range folded(service, accounts) {
		byAccount[i] = index.Holders(service, account)
	}
	return byAccount, nil
}

// folded returns accounts with their identities as identity.Index compares them.
func folded(service identity.ServiceKey, accounts []identity.AccountQuery) []identity.AccountQuery {
	accounts = slices.Clone(accounts)
	for i, a := range accounts {
		accounts[i].Identity = identity.FoldIdentity(service.Type, a.Identity)
	}
	return accounts
}
