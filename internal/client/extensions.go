// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// support is what is known of a server.
type support uint32

const (
	unknown support = iota
	present         // it answered users/search
	absent          // it does not have users/search, but does serve the API
)

// extensions remembers whether the server has the extensions of the contract.
type extensions struct {
	known   atomic.Uint32 // a support
	probing chan struct{} // holds the one right to probe, so that waiting for it ends with the context
}

func (e *extensions) get() support   { return support(e.known.Load()) }
func (e *extensions) note(s support) { e.known.Store(uint32(s)) }

// ListsOnly reports whether the server is known to lack users/search, so that
// every FindUsers reads everybody. It sends nothing: before the first call that
// needs the extensions it is false.
func (c *Client) ListsOnly() bool { return c.extensions.get() == absent }

// hasExtensions tells whether the server has the extensions. It asks once and
// remembers the answer, but not a failure to get one.
func (c *Client) hasExtensions(ctx context.Context) (bool, error) {
	if s := c.extensions.get(); s != unknown {
		return s == present, nil
	}
	select {
	case c.extensions.probing <- struct{}{}:
		defer func() { <-c.extensions.probing }()
	case <-ctx.Done():
		return false, stopped(ctx)
	}
	if s := c.extensions.get(); s != unknown { // another call has found out meanwhile
		return s == present, nil
	}
	s, err := c.probe(ctx)
	if err != nil {
		return false, err
	}
	c.extensions.note(s)
	return s == present, nil
}

// probe searches for nobody. A server without that call must prove that it is
// the API with one that every server has: a proxy in front of a server that is
// just restarting answers 404 to everything.
func (c *Client) probe(ctx context.Context) (support, error) {
	_, err := c.search(ctx, nil)
	if err == nil {
		return present, nil
	}
	if !lacksCall(err) {
		return unknown, err
	}
	if _, err := c.Services(ctx); err != nil {
		return unknown, err
	}
	return absent, nil
}

// lacksCall reports whether the answer to an extension says that the server
// does not have it: 404 or 405 without one of the codes that only a server
// which does have it gives.
func lacksCall(err error) bool {
	var e *Error
	if !errors.As(err, &e) || (e.Status != http.StatusNotFound && e.Status != http.StatusMethodNotAllowed) {
		return false
	}
	switch identity.CodeOf(err) {
	case identity.CodeUserNotFound, identity.CodeServiceNotFound, identity.CodeIdentityNotFound, identity.CodeNoDirectory:
		return false
	}
	return true
}

// search asks users/search for keys, at most symapi.MaxBatch.
func (c *Client) search(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	var body symapi.UserSearch
	for _, k := range keys {
		if k.IsEmail() {
			body.Emails = append(body.Emails, string(k))
		} else {
			body.Usernames = append(body.Usernames, string(k))
		}
	}
	r, err := c.do(ctx, call{method: http.MethodPost, path: []string{"users", "search"}, body: body, repeat: true})
	if err != nil {
		return nil, err
	}
	users, _, err := r.users()
	return users, err
}
