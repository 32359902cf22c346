// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Clock is an apiclient.Clock whose sleeps take no time: they set the clock
// forward.
type Clock struct {
	mu    sync.Mutex
	start time.Time
	now   time.Time
}

// NewClock returns a clock that starts at a fixed time.
func NewClock() *Clock {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &Clock{start: start, now: start}
}

// Now implements apiclient.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep implements apiclient.Clock.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return nil
}

// Slept returns the sum of all sleeps.
func (c *Clock) Slept() time.Duration { return c.Now().Sub(c.start) }

// faulty is a fake whose requests pass through a fault.
type faulty struct {
	fault fault
	fake  http.Handler

	mu sync.Mutex
	n  int
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.n++
	n := f.n
	f.mu.Unlock()
	f.fault(n, w, r, f.fake)
}
