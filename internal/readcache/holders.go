// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Holders finds who has a stored mapping that claims an account of the
// service; claims are as identity.Matcher.AccountKey returns them. Once there is a
// snapshot, nobody holds the accounts of a service that is not registered; before,
// it is the API's error.
func (r *Reader) Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error) {
	claims = identity.Distinct(claims)
	if len(claims) == 0 || service == identity.SymCloud() { // users do not hold their own record as a mapping
		return r.API.Holders(ctx, service, claims)
	}
	accountKeys := make([]string, len(claims))
	for i, claim := range claims {
		accountKeys[i] = identity.FoldIdentity(service.Type, claim)
	}
	var found []identity.Holder
	fromSnapshot := func(s *snapshot) { found = s.users.Holders(service, accountKeys...) }
	if held, err := r.view(ctx, fromSnapshot); held || err != nil {
		return found, err
	}
	var listErr error
	if ask(&r.policy, claims) {
		listErr = r.list(ctx)
		if held, err := r.view(ctx, fromSnapshot); held || err != nil {
			return found, err
		}
	}
	byClaim, err := r.holders.get(ctx, service, claims)
	if err != nil {
		return nil, withListError(err, listErr)
	}
	return slices.Concat(byClaim...), nil
}

// askHolders asks the API who holds accounts, for holders.
func (r *Reader) askHolders(ctx context.Context, service identity.ServiceKey, claims []string) ([][]identity.Holder, error) {
	r.policy.spend()
	holders, err := r.API.Holders(ctx, service, claims)
	if err != nil {
		return nil, err
	}
	held := identity.HoldersByAccount(holders)
	byClaim := make([][]identity.Holder, len(claims))
	for i, claim := range claims {
		byClaim[i] = held[identity.FoldIdentity(service.Type, claim)]
	}
	return byClaim, nil
}
