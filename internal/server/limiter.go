// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	// DefaultMaxRequests bounds the requests that run at the same time.
	DefaultMaxRequests = 256
	// maxQueued bounds the requests that wait, each for queueTime at most.
	maxQueued = 4096
	queueTime = 10 * time.Second
	// retryBusy is the Retry-After of a request that found the queue full.
	retryBusy = 2 * time.Second
)

// limiter shares something scarce, such as turns or memory, among principals.
// Nobody holds more than their share. Who wants more waits for what they hold
// themselves, in nobody's way.
type limiter struct {
	all   *semaphore.Weighted
	share int64 // of each principal
	queue chan struct{}
	wait  time.Duration

	mu  sync.Mutex
	own map[string]*ownShare // of principals that hold or want something
}

// ownShare is what one principal may hold.
type ownShare struct {
	left   *semaphore.Weighted
	queued int
	users  int // requests that hold it or wait for it
}

func newLimiter(most, share int64, queued int) *limiter {
	return &limiter{all: semaphore.NewWeighted(most), share: share, queue: make(chan struct{}, queued), wait: queueTime,
		own: map[string]*ownShare{}}
}

// acquire waits until a principal may have n, which is at most their share. The
// caller must call release.
func (l *limiter) acquire(ctx context.Context, who string, n int64) (release func(), err error) {
	own := l.enter(who)
	gave := func() { l.all.Release(n); own.left.Release(n); l.leave(who, own) }
	if own.left.TryAcquire(n) {
		if l.all.TryAcquire(n) {
			return gave, nil
		}
		own.left.Release(n)
	}
	if !l.line(own) {
		l.leave(who, own)
		return nil, busy()
	}
	defer l.unline(own)
	waiting, cancel := context.WithTimeout(ctx, l.wait)
	defer cancel()
	if err := own.left.Acquire(waiting, n); err != nil {
		l.leave(who, own)
		return nil, gaveUp(ctx)
	}
	if err := l.all.Acquire(waiting, n); err != nil {
		own.left.Release(n)
		l.leave(who, own)
		return nil, gaveUp(ctx)
	}
	return gave, nil
}

func (l *limiter) enter(who string) *ownShare {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.own[who]
	if own == nil {
		own = &ownShare{left: semaphore.NewWeighted(l.share)}
		l.own[who] = own
	}
	own.users++
	return own
}

func (l *limiter) leave(who string, own *ownShare) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(l.own, who)
	}
}

// line takes a place in the queue. Half of the queue is the most that one
// principal has.
func (l *limiter) line(own *ownShare) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if own.queued > cap(l.queue)/2 {
		return false
	}
	select {
	case l.queue <- struct{}{}:
		own.queued++
		return true
	default:
		return false
	}
}

func (l *limiter) unline(own *ownShare) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own.queued--
	<-l.queue
}

// gaveUp returns why a request waited in vain.
func gaveUp(ctx context.Context) error {
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return busy()
}

func busy() *identity.Error {
	return &identity.Error{Code: identity.CodeBusy, Retryable: true, RetryAfter: retryBusy,
		Message: "the server is busy with other requests; send this one again later"}
}

// pools are the limiters of one kind of request. What guests do in theirs does
// not touch the administrators'.
type pools struct {
	turns   *limiter // requests that run
	bodies  *limiter // bytes of bodies in memory
	streams *limiter // lists that are streamed, each with a connection of the store
	writes  *limiter // writes in the store, which are done one after the other; nil = no bound
	// processor is held while a reply is made, not while it is sent; nil = no bound.
	processor chan struct{}
}

const (
	// bodyBudget bounds the bytes of bodies in memory: an administrator's writes
	// are large. Decoding takes some five times as much.
	adminBodyBudget = 2 * maxWriteBytes
	bodyBudget      = 4 * maxReadBytes
	// leastBody is what the smallest body takes of the budget.
	leastBody = 64 << 10

	maxStreams     = 2
	maxStreamQueue = 16
	// writeShare is how many small writes of one administrator the store does at
	// the same time; a large one takes them all. Others wait behind these alone.
	writeShare = 4
	smallWrite = 64 << 10 // bytes of its body

	// leastShare lets one principal do a few things at a time, however small the
	// server is.
	leastShare = 3
)

// limits holds the pools of a server.
type limits struct{ admins, lookups, readers *pools }

// newLimits divides a server that runs most requests at a time. Reads take the
// processor and get few turns; lookups wait for others and get more.
func newLimits(most int64) *limits {
	turns := func(n int64) *limiter { n = max(n, leastShare); return newLimiter(n, max(n/4, leastShare), maxQueued) }
	admins := &pools{turns: newLimiter(most, max(most/2, leastShare), maxQueued),
		bodies:  newLimiter(adminBodyBudget, adminBodyBudget/2, maxQueued),
		streams: newLimiter(maxStreams, maxStreams, maxStreamQueue),
		writes:  newLimiter(most*writeShare, writeShare, maxQueued)}
	bodies := newLimiter(bodyBudget, bodyBudget/2, maxQueued)
	// One list more than a principal may read, so that nobody keeps all others out.
	streams := newLimiter(maxStreams+1, maxStreams, maxStreamQueue)
	return &limits{admins: admins,
		lookups: &pools{turns: turns(most / 2), bodies: bodies, streams: streams},
		readers: &pools{turns: turns(most / 8), bodies: bodies, streams: streams,
			processor: make(chan struct{}, max(runtime.GOMAXPROCS(0), leastShare))}}
}

// of returns the pools for a request that needs a role.
func (l *limits) of(p identity.Principal, need identity.Role) *pools {
	switch {
	case p.Role == identity.Admin:
		return l.admins
	case need == identity.Member:
		return l.lookups
	}
	return l.readers
}
