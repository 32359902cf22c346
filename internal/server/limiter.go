// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"time"

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

// limiter bounds how many requests run at the same time; more wait in a queue.
// Only authenticated requests count: nobody can keep others out without a
// credential.
type limiter struct {
	running chan struct{}
	queue   chan struct{}
	wait    time.Duration
}

func newLimiter(most, queued int) *limiter {
	return &limiter{running: make(chan struct{}, most), queue: make(chan struct{}, queued), wait: queueTime}
}

// acquire waits until the request may run. The caller must release it.
func (l *limiter) acquire(ctx context.Context) error {
	select {
	case l.running <- struct{}{}:
		return nil
	default:
	}
	select {
	case l.queue <- struct{}{}:
		defer func() { <-l.queue }()
	default:
		return busy()
	}
	timer := time.NewTimer(l.wait)
	defer timer.Stop()
	select {
	case l.running <- struct{}{}:
		return nil
	case <-timer.C:
		return busy()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *limiter) release() { <-l.running }

func busy() *identity.Error {
	return &identity.Error{Code: identity.CodeBusy, Retryable: true, RetryAfter: retryBusy,
		Message: "the server answers as many requests as it can; send this one again later"}
}
