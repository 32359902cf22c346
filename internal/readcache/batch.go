// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// How long questions wait for others to share their request.
const (
	// window is the wait of the very first question.
	window = 2 * time.Millisecond
	// linger is the wait for the callers of the last request to come back with
	// their next question. It ends as soon as they are all there.
	linger = 5 * time.Millisecond
	// maxWait is the wait for the request under way: a request that hangs must
	// not hold up everybody else.
	maxWait = 250 * time.Millisecond
)

const (
	// maxBatch bounds the questions of one request, as the API does.
	maxBatch = 2500
	// maxSplits bounds the further requests that find the one question for which
	// a batch failed: enough to find one among maxBatch.
	maxSplits = 24
)

// batcher sends questions that come at about the same time as one request. While
// a request is under way the next questions gather. A question under way is not
// asked again, unless clock has moved since it was sent. Answers are not kept.
type batcher[K comparable, V any] struct {
	// ask answers all keys. A key that is missing in its answer has the zero V.
	ask   func(ctx context.Context, keys []K) (map[K]V, error)
	clock func() uint64

	mu        sync.Mutex
	gathering *batch[K, V] // not sent yet; nil where nobody waits
	underway  int          // requests
	expected  int          // callers who will probably ask next; 0 before the first request
	flights   map[K]*batch[K, V]
}

// batch is the questions of one request and those who wait for it.
type batch[K comparable, V any] struct {
	keys    []K
	holds   map[K]bool
	waiters int // guarded by the batcher
	timer   *time.Timer
	sent    uint64

	// The request lasts as long as anybody waits, whoever asked first, but
	// keeps what that one's context carries, such as a logger.
	ctx    context.Context
	cancel context.CancelFunc

	done     chan struct{}
	outcomes map[K]outcome[V] // may be read once done is closed
}

type outcome[V any] struct {
	value V
	err   error
}

func newBatcher[K comparable, V any](ask func(ctx context.Context, keys []K) (map[K]V, error), clock func() uint64) *batcher[K, V] {
	return &batcher[K, V]{ask: ask, clock: clock, flights: map[K]*batch[K, V]{}}
}

// get answers distinct keys. It returns as soon as ctx ends; others who asked the same
// still get their answer.
func (b *batcher[K, V]) get(ctx context.Context, keys []K) (map[K]V, error) {
	if ctx.Err() != nil {
		return nil, httpx.Stopped(ctx)
	}
	from, batches := b.join(ctx, keys)
	for i, joined := range batches {
		select {
		case <-joined.done:
		case <-ctx.Done():
			b.leave(batches[i:])
			return nil, httpx.Stopped(ctx)
		}
	}
	values := make(map[K]V, len(keys))
	for _, key := range keys {
		o := from[key].outcomes[key]
		if o.err != nil {
			return nil, o.err
		}
		values[key] = o.value
	}
	return values, nil
}

func (b *batcher[K, V]) join(ctx context.Context, keys []K) (from map[K]*batch[K, V], batches []*batch[K, V]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from = make(map[K]*batch[K, V], len(keys))
	now := b.clock()
	for _, key := range keys {
		joined := b.flights[key]
		if joined == nil || joined.sent != now {
			joined = b.queue(ctx, key)
		}
		from[key] = joined
		if !slices.Contains(batches, joined) {
			joined.waiters++
			batches = append(batches, joined)
		}
	}
	if g := b.gathering; g != nil && b.underway == 0 && b.expected > 0 && g.waiters >= b.expected {
		b.send()
	}
	return from, batches
}

// queue adds a key to the batch that gathers. The lock is held, here and in
// what it calls.
func (b *batcher[K, V]) queue(ctx context.Context, key K) *batch[K, V] {
	g := b.gathering
	if g == nil {
		g = &batch[K, V]{holds: map[K]bool{}, done: make(chan struct{})}
		g.ctx, g.cancel = context.WithCancel(context.WithoutCancel(ctx))
		g.timer = time.AfterFunc(b.delay(), func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.gathering == g {
				b.send()
			}
		})
		b.gathering = g
	}
	if !g.holds[key] {
		g.holds[key] = true
		g.keys = append(g.keys, key)
		if len(g.keys) == maxBatch {
			b.send()
		}
	}
	return g
}

func (b *batcher[K, V]) delay() time.Duration {
	switch {
	case b.underway > 0:
		return maxWait
	case b.expected > 0:
		return linger
	}
	return window
}

// send sends the batch that gathers.
func (b *batcher[K, V]) send() {
	g := b.gathering
	b.gathering = nil
	g.timer.Stop()
	g.sent = b.clock()
	for _, key := range g.keys {
		b.flights[key] = g
	}
	b.underway++
	go b.run(g)
}

func (b *batcher[K, V]) run(g *batch[K, V]) {
	g.outcomes = make(map[K]outcome[V], len(g.keys))
	splits := maxSplits
	b.answer(g, g.keys, &splits)
	g.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finish(g)
	b.underway--
	b.expected = max(g.waiters, 1)
	if next := b.gathering; next != nil {
		b.expected += next.waiters
		next.timer.Reset(linger)
	}
	close(g.done)
}

// finish forgets that a batch's questions are under way.
func (b *batcher[K, V]) finish(g *batch[K, V]) {
	for _, key := range g.keys {
		if b.flights[key] == g {
			delete(b.flights, key)
		}
	}
}

// answer asks for keys. A failure is that of all, unless it is about what one
// of them asked: then the halves are asked apart until it is found.
func (b *batcher[K, V]) answer(g *batch[K, V], keys []K, splits *int) {
	values, err := b.ask(g.ctx, keys)
	if err != nil && len(keys) > 1 && *splits > 1 && aboutOne(err) {
		*splits -= 2
		half := len(keys) / 2
		b.answer(g, keys[:half], splits)
		b.answer(g, keys[half:], splits)
		return
	}
	for _, key := range keys {
		g.outcomes[key] = outcome[V]{values[key], err}
	}
}

// aboutOne reports whether a request may have failed for one of its elements: one
// that the server refuses, or whose record is invalid.
func aboutOne(err error) bool {
	var failed *client.Error
	switch identity.CodeOf(err) {
	case identity.CodeInvalid, identity.CodeTooLarge, identity.CodeUserInvalid, identity.CodeUserConflict, identity.CodeIdentityInvalid:
		return true
	case identity.CodeInternal:
		return errors.As(err, &failed) && failed.Status == http.StatusOK
	}
	return false
}

// leave stops waiting for batches. A request that nobody waits for is cancelled,
// or never sent.
func (b *batcher[K, V]) leave(batches []*batch[K, V]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range batches {
		g.waiters--
		if g.waiters > 0 {
			continue
		}
		g.cancel()
		if b.gathering == g {
			b.gathering = nil
			g.timer.Stop()
		}
		b.finish(g) // whoever comes now must not share the cancellation
	}
}
