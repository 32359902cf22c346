// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Holders finds who has a stored mapping that claims an account of the
// service; claims are as identity.Matcher.Claim gives them. Once there is a
// snapshot, a service that is not registered is one whose accounts nobody
// holds; before, it is the API's error.
func (r *Reader) Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error) {
	claims = distinct(claims)
	if len(claims) == 0 {
		return nil, nil
	}
	if service == identity.SymCloud() {
		return r.api.Holders(ctx, service, claims) // users do not hold their own record as a mapping
	}
	found, held, err := r.heldBy(ctx, service, claims)
	if held || err != nil {
		return found, err
	}
	var lost error
	if len(claims) <= single {
		questions := make([]string, len(claims))
		for i, claim := range claims {
			questions[i] = service.String() + " " + claim
		}
		if r.memory.read(questions...) {
			lost = r.snapshot(ctx)
			if found, held, err = r.heldBy(ctx, service, claims); held || err != nil {
				return found, err
			}
		}
	}
	if len(claims) > single {
		return r.api.Holders(ctx, service, claims)
	}
	byClaim, err := r.holdersOf(service).get(ctx, claims, false)
	if err != nil {
		return nil, beside(err, lost)
	}
	for _, claim := range claims {
		found = append(found, byClaim[claim]...)
	}
	return found, nil
}

// heldBy answers from the snapshot; held is false where it cannot.
func (r *Reader) heldBy(ctx context.Context, service identity.ServiceKey, claims []string) (found []identity.Holder, held bool, err error) {
	for range refills {
		found, unsure, ok := r.memory.holders(service, claims)
		if !ok || len(unsure) > pageSize { // asking for these claims is cheaper
			return nil, false, nil
		}
		if len(unsure) == 0 {
			return found, true, nil
		}
		if err := r.refill(ctx, unsure); err != nil {
			return nil, false, err
		}
	}
	return nil, false, nil
}

// holdersOf is the batcher of one service: a request can ask only one.
func (r *Reader) holdersOf(service identity.ServiceKey) *batcher[string, []identity.Holder] {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.holders[service]
	if b == nil {
		b = newBatcher(func(ctx context.Context, claims []string) (map[string][]identity.Holder, error) {
			return r.askHolders(ctx, service, claims)
		})
		b.clock = r.memory.now
		b.serves = func(_ string, sent uint64) bool { return r.memory.untouched(sent) }
		r.holders[service] = b
	}
	return b
}

func (r *Reader) askHolders(ctx context.Context, service identity.ServiceKey, claims []string) (map[string][]identity.Holder, error) {
	r.memory.spend(len(claims))
	holders, err := r.api.Holders(ctx, service, claims)
	if err != nil {
		return nil, err
	}
	held := make(map[string][]identity.Holder, len(holders))
	for _, h := range holders {
		claim := h.Mapping.Matcher.AccountKey(service.Type)
		held[claim] = append(held[claim], h)
	}
	byClaim := make(map[string][]identity.Holder, len(claims))
	for _, claim := range claims {
		byClaim[claim] = held[identity.FoldIdentity(service.Type, claim)]
	}
	return byClaim, nil
}
