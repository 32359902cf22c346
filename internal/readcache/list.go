// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"sync"
	"time"
)

// How many single reads come before everybody is read. A run does not know how
// much it will ask, so little is spent on an attempt as long as little was spent
// on single reads.
//
// The first attempt follows enoughReads different questions or enoughRequests
// requests; Terraform asks ten at a time, so that is about the same. An attempt
// may cost as many pages as single reads have cost requests, at least firstPages,
// which covers an organization below 20,000 users. It is dropped where the list
// is longer, and the next one waits until twice its pages have been spent on
// single reads. So all attempts together never waste more than 8 pages and twice
// what single reads cost.
const (
	enoughReads    = 48
	enoughRequests = 12
	firstPages     = 8
	pageSize       = 2500 // users of one page, as the client asks for them
)

// listPolicy decides when to read everybody.
type listPolicy struct {
	mu       sync.Mutex
	asked    map[string]struct{} // different questions, until there are enough
	requests int                 // for single reads
	next     int                 // requests before the next attempt
	never    bool                // there are too many users to hold
}

// ask notes questions that are about to be asked, and reports whether to read
// everybody first.
func (p *listPolicy) ask(questions ...string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked == nil {
		p.asked = make(map[string]struct{}, enoughReads)
	}
	for _, q := range questions {
		if len(p.asked) < enoughReads {
			p.asked[q] = struct{}{}
		}
	}
	return p.due()
}

func (p *listPolicy) due() bool {
	return !p.never && p.requests >= p.next && (len(p.asked) >= enoughReads || p.requests >= enoughRequests)
}

// spend notes the requests for n questions.
func (p *listPolicy) spend(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests += (n + maxBatch - 1) / maxBatch
}

// pages returns how many pages an attempt may cost now, 0 where none is due.
func (p *listPolicy) pages() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.due() {
		return 0
	}
	return max(firstPages, p.requests)
}

// failed notes an attempt that was allowed pages. No other one is made where
// there are too many users to hold.
func (p *listPolicy) failed(pages int, tooLarge bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = 2 * max(pages, p.requests)
	p.never = p.never || tooLarge
}

// list tries to read everybody, once for all who wait for it. The caller goes on
// without a snapshot after an error, which says why there is none.
func (r *Reader) list(ctx context.Context) error {
	_, err := r.lists.get(ctx, []struct{}{{}}, false)
	if ctx.Err() != nil {
		return nil // the caller's own end says nothing about the list
	}
	return err
}

// tryList reads everybody for lists.
func (r *Reader) tryList(ctx context.Context, _ []struct{}) (map[struct{}]struct{}, error) {
	pages := r.policy.pages()
	if _, _, held := r.cache.find(nil); held || pages == 0 {
		return nil, nil // another attempt has just ended
	}
	s := newSnapshot(time.Now(), r.cache.now())
	for u, err := range r.api.AllUsers(ctx) {
		if err != nil {
			if ctx.Err() == nil { // else it says nothing about the next attempt
				r.policy.failed(pages, false)
			}
			return nil, err
		}
		err := s.add(u)
		tooLarge := s.bytes > r.maxBytes
		if err != nil || tooLarge || s.users.Len() >= pages*pageSize {
			r.policy.failed(pages, tooLarge)
			return nil, nil
		}
	}
	r.cache.install(s)
	return nil, nil
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
		if _, err := r.ask(ctx, stale, false); err != nil {
			return false, err
		}
	}
	return false, nil
}
