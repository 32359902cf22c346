// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"errors"
	"sync"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
)

// Session connects when the API is first needed. Terraform asks many resources
// at once: those that come during an attempt wait for it and share its result,
// so that a wrong token is sent once and not once per resource. A failure is not
// kept: the next call tries again.
type Session struct {
	connect  func(context.Context) (*Connection, error)
	attempts httpx.Flight[*Connection]

	mu         sync.Mutex
	connection *Connection // nil until an attempt succeeds
	closed     bool
}

// ErrClosed reports that the provider was configured again or is about to end.
var ErrClosed = errors.New("the connection is closed")

// Current returns the open connection, nil where there is none.
func (s *Session) Current() *Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connection
}

// Connect returns the connection. The first call opens it, which starts the
// embedded instance or builds the HTTP client, and verifies token and org.
func (s *Session) Connect(ctx context.Context) (*Connection, error) {
	if c := s.Current(); c != nil {
		return c, nil
	}
	return s.attempts.Do(ctx, func(ctx context.Context) (*Connection, error) {
		if c, err := s.keep(s.Current()); c != nil || err != nil {
			return c, err
		}
		c, err := s.connect(ctx)
		if err != nil {
			return nil, err
		}
		return s.keep(c)
	})
}

// keep keeps a connection for later calls, or closes it where the session was
// closed meanwhile.
func (s *Session) keep(c *Connection) (*Connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(ErrClosed, c.Close())
	}
	s.connection = c
	return c, nil
}

// Close closes the connection, which stops an embedded instance, and refuses
// new ones.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.connection
	s.connection, s.closed = nil, true
	return c.Close()
}
