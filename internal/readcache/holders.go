// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Holders finds who has a stored mapping that claims an account of the
// service; claims are as identity.Matcher.AccountKey returns them. Once there is a
// snapshot, nobody holds the accounts of a service that is not registered; before,
// it is the API's error.
func (r *Reader) Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error) {
	claims = identity.Distinct(claims)
	if len(claims) == 0 {
		return nil, nil
	}
	if service == identity.SymCloud() {
		return r.api.Holders(ctx, service, claims) // users do not hold their own record as a mapping
	}
	var found []identity.Holder
	accountKeys := make([]string, len(claims))
	for i, claim := range claims {
		accountKeys[i] = identity.FoldIdentity(service.Type, claim)
	}
	fromSnapshot := func(s *snapshot) { found = s.users.Holders(service, accountKeys...) }
	if held, err := r.view(ctx, fromSnapshot); held || err != nil {
		return found, err
	}
	if len(claims) > single {
		return r.api.Holders(ctx, service, claims)
	}
	var listErr error
	questions := make([]string, len(claims))
	for i, claim := range claims {
		questions[i] = service.String() + " " + claim
	}
	if r.policy.ask(questions...) {
		listErr = r.list(ctx)
		if held, err := r.view(ctx, fromSnapshot); held || err != nil {
			return found, err
		}
	}
	byClaim, err := r.holders.of(service).get(ctx, claims, false)
	if err != nil {
		return nil, withListError(err, listErr)
	}
	for _, claim := range claims {
		found = append(found, byClaim[claim]...)
	}
	return found, nil
}

func (r *Reader) askHolders(ctx context.Context, service identity.ServiceKey, claims []string) (map[string][]identity.Holder, error) {
	r.policy.spend(len(claims))
	holders, err := r.api.Holders(ctx, service, claims)
	if err != nil {
		return nil, err
	}
	held := identity.HoldersByAccount(holders)
	byClaim := make(map[string][]identity.Holder, len(claims))
	for _, claim := range claims {
		byClaim[claim] = held[identity.FoldIdentity(service.Type, claim)]
	}
	return byClaim, nil
}
