// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"errors"
	"time"
)

// Call is one call of a connector: a lookup, or a walk of the whole list with all
// its pages. Answers from the cache are no calls.
type Call struct {
	List bool // a walk; else a lookup
	Took time.Duration
	Err  error
}

// Observe calls f after each call of the connector that was not cancelled. It is
// called before the first lookup; f is safe for concurrent use.
func (c *Cached) Observe(f func(Call)) { c.observe = f }

// ListKept returns how many accounts the kept list has and when it was read. ok is
// false if no list is kept.
func (c *Cached) ListKept() (accounts int, asOf time.Time, ok bool) {
	list, _ := c.current()
	if list == nil {
		return 0, time.Time{}, false
	}
	return len(list.rows), list.asOf, true
}

func (c *Cached) report(call Call) {
	if c.observe != nil && !errors.Is(call.Err, context.Canceled) {
		c.observe(call)
	}
}

// observed calls a connector's lookup and reports it. ErrNeedsList is no answer of
// the service.
func observed[T any](c *Cached, lookup func() (T, error)) (T, error) {
	began := time.Now()
	found, err := lookup()
	if !errors.Is(err, ErrNeedsList) {
		c.report(Call{Took: time.Since(began), Err: err})
	}
	return found, err
}
