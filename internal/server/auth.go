// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
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
	token := bearer(r)
	from, networked := clientNetwork(r)
	guess := networked && token != "" && len(token) < unguessable
	if guess && !s.throttle.admit(token, from) {
		return identity.Principal{}, s.refuseUnread(r)
	}
	p, err := s.Authenticate(r)
	if guess {
		s.throttle.settle(token, from, err)
	}
	var known *identity.Error
	switch {
	case refused(err):
		errors.As(err, &known)
		return identity.Principal{}, s.refuse(r, known)
	case err != nil:
		return identity.Principal{}, err
	case p.Org != "" && p.Org != s.Org, !p.Role.Allows(need):
		return p, forbidden()
	}
	return p, nil
}

// refused reports whether an error says that a credential is wrong, and not that
// it could not be checked.
func refused(err error) bool {
	code := identity.CodeOf(err)
	return code == identity.CodeUnauthenticated || code == identity.CodeForbidden
}

const (
	// unguessable is the length in bytes from which on nobody guesses a token.
	// Those of `sym-identityd token new` and JWTs are longer, and are compared
	// however many others are wrong.
	unguessable = 40
	// maxGuesses bounds the shorter tokens in a window that are wrong, from all
	// addresses together. The bound of one address is maxFailures.
	maxGuesses = 600

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

// authThrottle slows failed logins by address and bounds guesses. A good
// credential is never slowed, whatever others do, if it is too long to be guessed
// or was good before. Other ones are not looked at while there are too many
// wrong ones: if they were, a flood of guesses would find them.
type authThrottle struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	slots chan struct{} // held by failures that wait

	mu     sync.Mutex
	since  time.Time
	failed map[netip.Prefix]int
	others int // failures of the addresses beyond maxAddresses

	guesses map[netip.Prefix]int // short tokens in this window that are wrong or not compared yet
	guessed int                  // the sum of guesses
	told    bool                 // that short tokens are refused unread in this window
	good    map[[sha256.Size]byte]struct{}
}

func newAuthThrottle() *authThrottle {
	return &authThrottle{now: time.Now, sleep: httpx.Sleep, slots: make(chan struct{}, maxDelayed), good: map[[sha256.Size]byte]struct{}{}}
}

// add counts a failure. It returns the count in this window and how long the
// window still lasts.
func (a *authThrottle) add(from netip.Prefix) (count int, left time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	left = a.roll()
	if _, known := a.failed[from]; !known && len(a.failed) >= maxAddresses {
		a.others++
		return a.others, left
	}
	a.failed[from]++
	return a.failed[from], left
}

// roll begins a new window if the last one is over. It returns how long this one
// still lasts. The caller holds mu.
func (a *authThrottle) roll() (left time.Duration) {
	now := a.now()
	if age := now.Sub(a.since); age >= failureWindow || age < 0 {
		a.since, a.failed, a.others = now, map[netip.Prefix]int{}, 0
		a.guesses, a.guessed, a.told = map[netip.Prefix]int{}, 0, false
	}
	return failureWindow - now.Sub(a.since)
}

// admit reports whether a short token may be compared. The token is
// taken for a guess until settle says how it went, so that many at once do not get past the bound.
func (a *authThrottle) admit(token string, from netip.Prefix) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roll()
	if _, good := a.good[sha256.Sum256([]byte(token))]; good {
		return true
	}
	if a.guesses[from] >= maxFailures || a.guessed >= maxGuesses {
		return false
	}
	a.guesses[from]++
	a.guessed++
	return true
}

// settle says what became of a token that admit let through.
func (a *authThrottle) settle(token string, from netip.Prefix, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	hash := sha256.Sum256([]byte(token))
	_, good := a.good[hash]
	switch {
	case refused(err):
		if good { // its block is gone
			delete(a.good, hash)
			a.guesses[from]++
			a.guessed++
		}
	case !good:
		if a.guesses[from] > 0 { // the window may be another by now
			a.guesses[from]--
			a.guessed--
		}
		if err == nil {
			a.good[hash] = struct{}{}
		}
	}
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
		s.log.WarnContext(r.Context(), "too many failed logins from this address; for a while they are slowed down, and not each one is logged",
			"address", from.Addr().String(), "for", left, "request_id", infoOf(r.Context()).requestID)
	}
	s.slow(r)
	return &identity.Error{
		Code: identity.CodeLimited, Retryable: true, RetryAfter: left,
		Message: "Too many logins from this address failed",
		Hint:    "The credential of this request is not valid either. Renew it, then try again.",
	}
}

// refuseUnread returns the error for a token that is not compared, because too
// many were wrong.
func (s *service) refuseUnread(r *http.Request) *identity.Error {
	s.throttle.mu.Lock()
	left := s.throttle.roll()
	first := !s.throttle.told
	s.throttle.told = true
	s.throttle.mu.Unlock()
	if first {
		s.log.WarnContext(r.Context(), "too many failed logins; for a while short tokens that were not in use before are refused without a check",
			"address", addressOf(r), "for", left, "request_id", infoOf(r.Context()).requestID)
	}
	s.slow(r)
	return &identity.Error{
		Code: identity.CodeLimited, Retryable: true, RetryAfter: left,
		Message: "Too many wrong tokens were sent, so this one was not checked",
		Hint:    "Wait, then try again. Tokens of `sym-identityd token new` are always checked.",
	}
}

// slow makes a failed login wait, as long as few wait.
func (s *service) slow(r *http.Request) {
	s.meter.slowed.Inc()
	select {
	case s.throttle.slots <- struct{}{}:
		_ = s.throttle.sleep(r.Context(), failureDelay) // the context ends only with the connection
		<-s.throttle.slots
	default:
	}
}

// clientNetwork returns the network that a request comes from: its IPv4 address,
// or the /64 of an IPv6 address, which belongs to one subscriber.
func clientNetwork(r *http.Request) (netip.Prefix, bool) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	addr := from.Addr().Unmap().WithZone("")
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	return prefix, err == nil
}
