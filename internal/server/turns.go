// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"net/http"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	// DefaultMaxRequests is how many requests are answered at the same time.
	DefaultMaxRequests = 256
	// maxQueued and queueTime are how many more wait for their turn, and how
	// long at most.
	maxQueued = 4096
	queueTime = 10 * time.Second
	// retryBusy is when a request that was turned away may come again.
	retryBusy = 2 * time.Second
)

// turns bounds the requests that are answered at the same time. Whoever is not
// known takes none: nobody can keep others out without a credential.
type turns struct {
	slots chan struct{}
	queue chan struct{}
	wait  time.Duration
}

func newTurns(most, queued int) *turns {
	return &turns{slots: make(chan struct{}, most), queue: make(chan struct{}, queued), wait: queueTime}
}

// take waits for a turn. It must be given back.
func (t *turns) take(ctx context.Context) error {
	select {
	case t.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case t.queue <- struct{}{}:
		defer func() { <-t.queue }()
	default:
		return busy()
	}
	timer := time.NewTimer(t.wait)
	defer timer.Stop()
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return busy()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) give() { <-t.slots }

func busy() *identity.Error {
	return &identity.Error{Code: identity.CodeBusy, Retryable: true, RetryAfter: retryBusy,
		Message: "the server answers as many requests as it can; send this one again later"}
}

// admit says who sends a request and takes a turn for it. The caller gives the
// turn back where there is no error.
func (s *service) admit(r *http.Request, need identity.Role) (identity.Principal, error) {
	p, err := s.authorize(r, need)
	if err == nil {
		err = s.turns.take(r.Context())
	}
	return p, err
}
