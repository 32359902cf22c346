// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"errors"
	"sync"
)

// Session connects when the API is first needed. Terraform asks many resources
// at once: those that come while an attempt is under way wait for it and share
// its result, so that a wrong token is sent once and not once per resource. A
// failure is not kept: the next call tries again.
type Session struct {
	connect func(context.Context) (*Connection, error)

	mu      sync.Mutex
	attempt *attempt // under way or successful; nil = the next call makes one
	closed  bool
}

// attempt is one call of connect. Its results may be read once done is closed.
type attempt struct {
	done       chan struct{}
	connection *Connection
	err        error
	cancelled  bool // its caller gave up, which says nothing to the others
}

// ErrClosed reports that the provider was configured again or is about to end.
var ErrClosed = errors.New("the connection is closed")

// Current returns the open connection, nil where there is none.
func (s *Session) Current() *Connection {
	s.mu.Lock()
	a := s.attempt
	s.mu.Unlock()
	if a == nil {
		return nil
	}
	select {
	case <-a.done:
		return a.connection
	default:
		return nil
	}
}

// Connect returns the connection. The first call opens it, which starts the
// embedded instance or builds the HTTP client, and verifies token and org.
func (s *Session) Connect(ctx context.Context) (*Connection, error) {
	for {
		a, first, err := s.join()
		if err != nil {
			return nil, err
		}
		if first {
			s.run(ctx, a)
			return a.connection, a.err
		}
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !a.cancelled {
			return a.connection, a.err
		}
	}
}

// join returns the attempt that is under way or has succeeded. Where there is
// none it returns a new one, and the caller is the first, who must run it.
func (s *Session) join() (a *attempt, first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, ErrClosed
	}
	if s.attempt == nil {
		s.attempt = &attempt{done: make(chan struct{})}
		return s.attempt, true, nil
	}
	return s.attempt, false, nil
}

func (s *Session) run(ctx context.Context, a *attempt) {
	a.connection, a.err = s.connect(ctx)
	a.cancelled = a.err != nil && ctx.Err() != nil
	if a.err != nil {
		s.mu.Lock()
		s.attempt = nil
		s.mu.Unlock()
	}
	close(a.done)
}

// Close closes the connection, which stops an embedded instance, and refuses
// new ones. An attempt under way is waited for.
func (s *Session) Close() error {
	s.mu.Lock()
	a := s.attempt
	s.attempt, s.closed = nil, true
	s.mu.Unlock()
	if a == nil {
		return nil
	}
	<-a.done
	if a.connection == nil {
		return nil
	}
	return a.connection.Close()
}
