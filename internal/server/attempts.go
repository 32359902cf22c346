// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	// attemptsAllowed is how many failed attempts an address has in a window.
	attemptsAllowed = 20
	attemptsWindow  = time.Minute
	// maxAddresses bounds the bookkeeping; further addresses share one count.
	maxAddresses = 10_000

	// Each failed attempt beyond those allowed waits before its answer, so that
	// guessing on few connections is slow, too. Few wait at the same time:
	// holding connections must not be a way to wear the server out.
	attemptDelay = time.Second
	maxDelayed   = 100
)

// attempts slows those who fail to say who they are. Only failures are counted
// and only failures are slowed: whoever shows a good credential is served,
// whatever others behind the same address do.
type attempts struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration)
	slots chan struct{} // those waiting

	mu     sync.Mutex
	since  time.Time
	failed map[netip.Prefix]int
	others int // of the addresses that found no room
}

func newAttempts() *attempts {
	return &attempts{now: time.Now, sleep: sleep, slots: make(chan struct{}, maxDelayed)}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// add counts a failure. It returns how many there were in this window and how
// long the window still lasts.
func (a *attempts) add(from netip.Prefix) (count int, left time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if age := now.Sub(a.since); age >= attemptsWindow || age < 0 {
		a.since, a.failed, a.others = now, map[netip.Prefix]int{}, 0
	}
	left = attemptsWindow - now.Sub(a.since)
	if _, known := a.failed[from]; !known && len(a.failed) >= maxAddresses {
		a.others++
		return a.others, left
	}
	a.failed[from]++
	return a.failed[from], left
}

// refuse counts and logs a failure to say who one is, and gives the error to
// answer with: the failure itself, or that there were too many.
func (s *service) refuse(r *http.Request, failure *identity.Error) *identity.Error {
	from, ok := client(r)
	if !ok {
		return failure // not from a network
	}
	count, left := s.attempts.add(from)
	switch {
	case count <= attemptsAllowed:
		s.log.WarnContext(r.Context(), "authentication failed", "address", from.Addr().String(), "why", failure.Error(),
			"cause", failure.Cause, "request_id", exchangeOf(r.Context()).requestID)
		return failure
	case count == attemptsAllowed+1:
		s.log.WarnContext(r.Context(), "too many failed attempts; this address's failed ones are slowed and not logged one by one for a while",
			"address", from.Addr().String(), "for", left, "request_id", exchangeOf(r.Context()).requestID)
	}
	s.meter.slowed.Inc()
	select {
	case s.attempts.slots <- struct{}{}:
		s.attempts.sleep(r.Context(), attemptDelay)
		<-s.attempts.slots
	default:
	}
	return &identity.Error{
		Code: identity.CodeLimited, Retryable: true, RetryAfter: left,
		Message: "Too many requests from this address were not logged in",
		Hint:    "The credential of this request was not accepted either; renew it before you go on.",
	}
}

// client is the network a request comes from: its address, or of an IPv6 one
// the /64 that one subscriber has.
func client(r *http.Request) (netip.Prefix, bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}, false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}, false
	}
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	return prefix, err == nil
}
