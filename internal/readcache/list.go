// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"sync"
)

// When to read everybody: after enoughReads different questions or enoughRequests
// requests for them (Terraform asks ten at a time, so that is about the same). An
// attempt is dropped where there are more than maxPages of users, or it fails. There is
// no other one then, so it wastes no more than maxPages.
const (
	enoughReads    = 48
	enoughRequests = 12
	maxPages       = 8
	pageSize       = 2500 // users of one page, as the client asks for them
)

// listPolicy decides when to read everybody.
type listPolicy struct {
	mu       sync.Mutex
	asked    map[any]struct{} // different questions, until there are enough
	requests int              // for single reads
	never    bool             // an attempt was dropped
}

// ask notes questions that are about to be asked, and reports whether to read
// everybody first.
func ask[K comparable](p *listPolicy, questions []K) bool {
	if len(questions) > single {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked == nil {
		p.asked = make(map[any]struct{}, enoughReads)
	}
	for _, q := range questions {
		if len(p.asked) < enoughReads {
			p.asked[q] = struct{}{}
		}
	}
	return !p.never && (len(p.asked) >= enoughReads || p.requests >= enoughRequests)
}

// spend notes a request for questions.
func (p *listPolicy) spend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
}

// giveUp ends the attempts.
func (p *listPolicy) giveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.never = true
}

// list tries to read everybody, once for all who wait for it. The caller goes on
// without a snapshot after an error, which says why there is none.
func (r *Reader) list(ctx context.Context) error {
	_, err := r.lists.Do(ctx, r.tryList)
	if ctx.Err() != nil {
		return nil // the caller's own end says nothing about the list
	}
	return err
}

// tryList reads everybody, for lists.
func (r *Reader) tryList(ctx context.Context) (none struct{}, err error) {
	if _, _, held := r.cache.find(nil); held || !ask[string](&r.policy, nil) {
		return none, nil // another attempt has just ended
	}
	s := r.newSnapshot()
	for u, err := range r.API.AllUsers(ctx) {
		if err != nil {
			if ctx.Err() == nil { // else it says nothing about the next attempt
				r.policy.giveUp()
			}
			return none, err
		}
		if !s.add(u) || s.users.Len() > maxPages*pageSize {
			r.policy.giveUp()
			return none, nil
		}
	}
	r.cache.install(s)
	return none, nil
}

// maxRefills bounds how often stale users are read anew before the API is asked
// instead: writes under way may make more of them stale each time.
const maxRefills = 3

// view calls read with a snapshot that is whole, after reading anew who is stale.
// It reports false where there is none.
func (r *Reader) view(ctx context.Context, read func(*snapshot)) (bool, error) {
	for range maxRefills {
		stale, ok := r.cache.view(read)
		if !ok || len(stale) > pageSize { // asking the API is cheaper
			return false, nil
		}
		if len(stale) == 0 {
			return true, nil
		}
		if _, err := r.finds.get(ctx, stale); err != nil {
			return false, err
		}
	}
	return false, nil
}
