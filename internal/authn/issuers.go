// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// How long an issuer's keys count, and how often it is asked.
const (
	// freshFor is when keys are asked for again, so that a withdrawn one stops
	// to count.
	freshFor = 10 * time.Minute
	// usableFor is how long known keys still count while the issuer does not
	// answer.
	usableFor = time.Hour
	// askAgain is the least time between two requests for keys, whatever key
	// ids tokens name.
	askAgain = 10 * time.Second
	// maxRedirects bounds the redirects of one request.
	maxRedirects = 3
	// maxWaiting bounds the requests that wait for an issuer at the same time.
	maxWaiting = 64
)

// Issuer is where an issuer is, and how to reach it.
type Issuer struct {
	URL       string // as tokens name it
	AllowHTTP bool   // http to this machine, for tests
	CAFile    string // PEM; "" trusts the system's authorities
}

// Issuers keeps the keys of issuers. They outlive the configuration that names
// the issuers, so that a reload needs no request.
type Issuers struct {
	mu   sync.Mutex
	sets map[Issuer]*keySet
	now  func() time.Time
}

// NewIssuers makes an empty collection. Nothing is asked before the first token.
func NewIssuers(now func() time.Time) *Issuers {
	if now == nil {
		now = time.Now
	}
	return &Issuers{sets: map[Issuer]*keySet{}, now: now}
}

// Keep forgets all issuers but these.
func (i *Issuers) Keep(issuers []Issuer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	kept := make(map[Issuer]*keySet, len(issuers))
	for _, issuer := range issuers {
		if set, ok := i.sets[issuer]; ok {
			kept[issuer] = set
		}
	}
	i.sets = kept
}

// Check asks an issuer for its keys.
func (i *Issuers) Check(ctx context.Context, issuer Issuer) error {
	_, err := fetchKeys(ctx, issuer)
	return err
}

func (i *Issuers) keys(issuer Issuer) *keySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	set, ok := i.sets[issuer]
	if !ok {
		set = &keySet{issuer: issuer, now: i.now,
			fetch: func(ctx context.Context) ([]jose.JSONWebKey, error) { return fetchKeys(ctx, issuer) }}
		i.sets[issuer] = set
	}
	return set
}

// keySet is one issuer's keys as they were last seen.
type keySet struct {
	issuer  Issuer
	now     func() time.Time
	fetch   func(context.Context) ([]jose.JSONWebKey, error)
	flight  httpx.Flight[struct{}]
	waiting atomic.Int32

	mu   sync.Mutex
	last lookedAt
}

// lookedAt is what asking gave.
type lookedAt struct {
	keys  []jose.JSONWebKey
	at    time.Time // when they came
	tried time.Time // when they were last asked for
	err   error     // of the last time; nil where it worked
}

// find are the keys of an id, or all of them where a token names none.
func (l lookedAt) find(id string) []jose.JSONWebKey {
	if id == "" {
		return l.keys
	}
	var found []jose.JSONWebKey
	for _, key := range l.keys {
		if key.KeyID == id {
			found = append(found, key)
		}
	}
	return found
}

// lookup gives the keys that may have signed a token. That the issuer has no
// such key, and that it could not be asked, are different errors.
func (s *keySet) lookup(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	seen := s.seen()
	if keys, done, err := s.decide(seen, id); done {
		return keys, err
	}
	if s.waiting.Add(1) > maxWaiting {
		s.waiting.Add(-1)
		return nil, s.unavailable(fmt.Errorf("more than %d requests wait for it", maxWaiting))
	}
	defer s.waiting.Add(-1)
	if _, err := s.flight.Do(ctx, func(ctx context.Context) (struct{}, error) {
		if s.seen().tried.Equal(seen.tried) {
			s.ask(ctx)
		}
		return struct{}{}, nil
	}); err != nil {
		return nil, s.unavailable(err)
	}
	keys, done, err := s.decide(s.seen(), id)
	if !done { // the clock ran on meanwhile
		return nil, s.unavailable(nil)
	}
	return keys, err
}

// decide answers from what is known; done is false where the issuer must be
// asked first.
func (s *keySet) decide(seen lookedAt, id string) (keys []jose.JSONWebKey, done bool, err error) {
	now := s.now()
	found := seen.find(id)
	age := now.Sub(seen.at)
	askedLately := !seen.tried.IsZero() && now.Sub(seen.tried) < askAgain
	switch {
	case len(found) > 0 && age < freshFor, len(found) > 0 && age < usableFor && askedLately:
		return found, true, nil
	case askedLately && seen.err != nil:
		return nil, true, s.unavailable(seen.err)
	case askedLately:
		return nil, true, unauthenticated("The JWT is signed with a key that its issuer does not have.")
	}
	return nil, false, nil
}

// ask fetches the keys. It goes on when the request that caused it ends:
// others wait for the answer.
func (s *keySet) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.tried, s.last.err = s.now(), err
	if err == nil {
		s.last.keys, s.last.at = keys, s.last.tried
	}
}

func (s *keySet) seen() lookedAt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *keySet) unavailable(cause error) *identity.Error {
	return &identity.Error{
		Code: identity.CodeAuthUnavailable, Retryable: true, RetryAfter: askAgain, Cause: cause,
		Message: "the JWT cannot be verified now: the keys of its issuer, " + s.issuer.URL + ", cannot be had",
	}
}
