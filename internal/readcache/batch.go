// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// How long questions wait for company.
const (
	// window is how long the very first question waits.
	window = 2 * time.Millisecond
	// linger is how long the callers whom the last request answered are
	// expected back with their next question. It ends as soon as they are.
	linger = 5 * time.Millisecond
	// patience is how long a question waits for the request under way; a
	// request that hangs must not hold up everybody else.
	patience = 250 * time.Millisecond
)

const (
	// maxBatch is how many questions one request of the API takes.
	maxBatch = 1000
	// maxSplits bounds the further requests that find out whose question
	// spoiled a batch: enough to find one among maxBatch.
	maxSplits = 24
)

// batcher puts questions that come at about the same time into one request.
// While a request is under way the next questions gather; a question that is
// being asked already is not asked again. Nothing is remembered once a request
// has been answered.
type batcher[K comparable, V any] struct {
	// ask answers all keys. A key that is missing in its answer has the zero V.
	ask func(ctx context.Context, keys []K) (map[K]V, error)
	// clock and serves tell whether an answer may serve one who comes while it
	// is still under way: clock is read before the request is sent, serves is
	// told what it said.
	clock  func() uint64
	serves func(key K, sent uint64) bool

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

func newBatcher[K comparable, V any](ask func(ctx context.Context, keys []K) (map[K]V, error)) *batcher[K, V] {
	return &batcher[K, V]{
		ask:    ask,
		clock:  func() uint64 { return 0 },
		serves: func(K, uint64) bool { return true },
	}
}

// get answers distinct keys. Where fresh is set the answer is asked for after
// the call, whatever is under way. It returns as soon as ctx ends; the others
// who asked the same get their answer all the same.
func (b *batcher[K, V]) get(ctx context.Context, keys []K, fresh bool) (map[K]V, error) {
	if ctx.Err() != nil {
		return nil, stopped(ctx)
	}
	from, batches := b.join(ctx, keys, fresh)
	for i, joined := range batches {
		select {
		case <-joined.done:
		case <-ctx.Done():
			b.leave(batches[i:])
			return nil, stopped(ctx)
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

// stopped is why the caller's context ended.
func stopped(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

func (b *batcher[K, V]) join(ctx context.Context, keys []K, fresh bool) (from map[K]*batch[K, V], batches []*batch[K, V]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from = make(map[K]*batch[K, V], len(keys))
	for _, key := range keys {
		joined := b.flights[key]
		if joined == nil || fresh || !b.serves(key, joined.sent) {
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
		return patience
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
	if b.flights == nil {
		b.flights = map[K]*batch[K, V]{}
	}
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
	b.land(g)
	b.underway--
	b.expected = max(g.waiters, 1)
	if next := b.gathering; next != nil {
		b.expected += next.waiters
		next.timer.Reset(linger)
	}
	close(g.done)
}

// land forgets that a batch's questions are being asked.
func (b *batcher[K, V]) land(g *batch[K, V]) {
	for _, key := range g.keys {
		if b.flights[key] == g {
			delete(b.flights, key)
		}
	}
}

// answer asks for keys. A failure is everybody's, unless it is about what one
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

// aboutOne reports whether a request may have failed for a single one of its
// elements: one that the server refuses, or whose record makes no sense.
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

// leave stops waiting for batches. A request for which nobody waits any more is
// cancelled, or never sent.
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
		b.land(g) // whoever comes now must not share the cancellation
	}
}
