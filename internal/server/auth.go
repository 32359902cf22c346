// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Token is one static bearer token. Only its hash is known.
type Token struct {
	Name   string        // for logs and updated_by
	SHA256 string        // hex, of the token's bytes; anything else matches no token
	Role   identity.Role // what its holder may do
}

// StaticTokens authenticates requests by their bearer token. It compares every
// token in constant time and never stops early, so that the time it takes
// reveals nothing.
func StaticTokens(tokens []Token, org string) func(*http.Request) (identity.Principal, error) {
	type known struct {
		hash      []byte
		principal identity.Principal
	}
	all := make([]known, 0, len(tokens))
	for _, t := range tokens {
		hash, err := hex.DecodeString(t.SHA256)
		if err != nil || len(hash) != sha256.Size {
			continue
		}
		all = append(all, known{hash, identity.Principal{Name: t.Name, Org: org, Role: t.Role, Via: "token", Kind: "token"}})
	}
	return func(r *http.Request) (identity.Principal, error) {
		token := bearer(r)
		hash := sha256.Sum256([]byte(token))
		match := -1
		for i, k := range all {
			match = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], k.hash), i, match)
		}
		if token == "" || match < 0 {
			return identity.Principal{}, unauthenticated()
		}
		return all[match].principal, nil
	}
}

// bearer returns the request's bearer token, "" where it has none.
func bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func unauthenticated() *identity.Error {
	return &identity.Error{Code: identity.CodeUnauthenticated, Message: "You must be logged in to perform this action."}
}

func forbidden() *identity.Error {
	return &identity.Error{Code: identity.CodeForbidden, Message: "You are not authorized to perform this action."}
}

// authorize returns the sender of a request, or an error where they may not send
// it. A token of another organization is refused, whatever its role.
func (s *service) authorize(r *http.Request, need identity.Role) (identity.Principal, error) {
	p, err := s.Authenticate(r)
	var known *identity.Error
	switch {
	case errors.As(err, &known) && (known.Code == identity.CodeUnauthenticated || known.Code == identity.CodeForbidden):
		return identity.Principal{}, s.refuse(r, known)
	case err != nil:
		return identity.Principal{}, err
	case p.Org != "" && p.Org != s.Org, !p.Role.Allows(need):
		return p, forbidden()
	}
	return p, nil
}

const (
	// maxFailures is how many failed logins an address has in a window.
	maxFailures   = 20
	failureWindow = time.Minute
	// maxAddresses bounds the bookkeeping; further addresses share one count.
	maxAddresses = 10_000

	// Each further failure waits before its answer, so that guessing on few
	// connections is slow too. Few wait at the same time: held connections must
	// not exhaust the server.
	failureDelay = time.Second
	maxDelayed   = 100
)

// authThrottle slows failed logins by address. A good credential is never
// slowed, whatever others behind the same address do.
type authThrottle struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	slots chan struct{} // held by failures that wait

	mu     sync.Mutex
	since  time.Time
	failed map[netip.Prefix]int
	others int // failures of the addresses beyond maxAddresses
}

func newAuthThrottle() *authThrottle {
	return &authThrottle{now: time.Now, sleep: httpx.Sleep, slots: make(chan struct{}, maxDelayed)}
}

// add counts a failure. It returns the count in this window and how long the
// window still lasts.
func (a *authThrottle) add(from netip.Prefix) (count int, left time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if age := now.Sub(a.since); age >= failureWindow || age < 0 {
		a.since, a.failed, a.others = now, map[netip.Prefix]int{}, 0
	}
	left = failureWindow - now.Sub(a.since)
	if _, known := a.failed[from]; !known && len(a.failed) >= maxAddresses {
		a.others++
		return a.others, left
	}
	a.failed[from]++
	return a.failed[from], left
}

// refuse counts and logs a failed login. It returns the error to answer with:
// the failure itself, or that there were too many.
func (s *service) refuse(r *http.Request, failure *identity.Error) *identity.Error {
	from, ok := clientNetwork(r)
	if !ok {
		return failure // not from a network
	}
	count, left := s.throttle.add(from)
	switch {
	case count <= maxFailures:
		s.log.WarnContext(r.Context(), "authentication failed", "address", from.Addr().String(), "why", failure.Error(),
			"cause", failure.Cause, "request_id", infoOf(r.Context()).requestID)
		return failure
	case count == maxFailures+1:
		s.log.WarnContext(r.Context(), "too many failed attempts; this address's failed ones are slowed and not logged one by one for a while",
			"address", from.Addr().String(), "for", left, "request_id", infoOf(r.Context()).requestID)
	}
	s.meter.slowed.Inc()
	select {
	case s.throttle.slots <- struct{}{}:
		_ = s.throttle.sleep(r.Context(), failureDelay) // the context ends only with the connection
		<-s.throttle.slots
	default:
	}
	return &identity.Error{
		Code: identity.CodeLimited, Retryable: true, RetryAfter: left,
		Message: "Too many requests from this address were not logged in",
		Hint:    "The credential of this request was not accepted either; renew it before you go on.",
	}
}

// clientNetwork returns the network that a request comes from: its IPv4 address,
// or the /64 of an IPv6 address, which belongs to one subscriber.
func clientNetwork(r *http.Request) (netip.Prefix, bool) {
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
