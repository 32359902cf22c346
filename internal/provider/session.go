// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

// session is an open way to the identity API.
type session struct {
	client       *readcache.Reader
	storeCreated bool // the embedded store did not exist before
}

// opener opens a session when it is first needed. Terraform asks many
// resources at once: those that come while an attempt is under way wait for it
// and share how it ends, so a wrong token is sent once and not once per
// resource. A failure is not kept: whoever comes later tries again.
type opener struct {
	open func(ctx context.Context) (*session, diag.Diagnostics)

	mu      sync.Mutex
	opened  *session
	pending *attempt
}

// attempt is one call of open. Its results may be read once done is closed.
type attempt struct {
	done      chan struct{}
	session   *session
	diags     diag.Diagnostics
	cancelled bool // whoever made it gave up: it says nothing to the others
}

func (o *opener) current() *session {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opened
}

func (o *opener) session(ctx context.Context) (*session, diag.Diagnostics) {
	for {
		s, a, mine := o.join()
		if s != nil {
			return s, nil
		}
		if mine {
			o.run(ctx, a)
			return a.session, a.diags
		}
		select {
		case <-a.done:
		case <-ctx.Done():
			var diags diag.Diagnostics
			addFailure(&diags, "Connect to the Identity API", "", "", ctx.Err())
			return nil, diags
		}
		if a.session != nil {
			return a.session, nil
		}
		if !a.cancelled {
			return nil, a.diags
		}
	}
}

// join gives the open session, or else the attempt under way; mine says that
// the caller has to make it.
func (o *opener) join() (s *session, a *attempt, mine bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.opened != nil {
		return o.opened, nil, false
	}
	if o.pending == nil {
		o.pending = &attempt{done: make(chan struct{})}
		return nil, o.pending, true
	}
	return nil, o.pending, false
}

func (o *opener) run(ctx context.Context, a *attempt) {
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.opened, o.pending = a.session, nil
		close(a.done)
	}()
	a.session, a.diags = o.open(ctx)
	a.cancelled = a.session == nil && ctx.Err() != nil
}
