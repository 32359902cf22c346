// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	freshFor  = 10 * time.Minute // after which keys are fetched again, in case one was withdrawn
	usableFor = time.Hour        // of known keys while the issuer does not answer
	retryWait = 10 * time.Second // between two fetches, whatever key ids tokens name

	fetchTimeout   = 10 * time.Second // of metadata and keys together
	maxWaiting     = 64               // requests that wait for one issuer
	maxRedirects   = 3                // of one request
	maxAnswerBytes = 1 << 20
)

// Issuer says how to reach an issuer.
type Issuer struct {
	URL       string `hcl:"issuer"`                       // as tokens name it
	AllowHTTP bool   `hcl:"allow_http,optional"`          // http to this machine, for tests
	CAFile    string `hcl:"ca_file,optional" kind:"path"` // PEM; "" trusts the system's authorities
}

// Issuers keeps the keys of issuers. They outlive the configuration that names
// the issuers, so that a reload needs no request.
type Issuers struct {
	mu   sync.Mutex
	sets map[Issuer]*keySet
	now  func() time.Time
}

// NewIssuers returns an empty collection. The first token of an issuer fetches
// its keys.
func NewIssuers(now func() time.Time) *Issuers {
	if now == nil {
		now = time.Now
	}
	return &Issuers{sets: map[Issuer]*keySet{}, now: now}
}

// Keep forgets all other issuers.
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

func (i *Issuers) keys(issuer Issuer) *keySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	set, ok := i.sets[issuer]
	if !ok {
		set = &keySet{issuer: issuer, now: i.now}
		i.sets[issuer] = set
	}
	return set
}

// keySet keeps the keys of one issuer.
type keySet struct {
	issuer  Issuer
	now     func() time.Time
	flight  httpx.Flight[struct{}]
	waiting atomic.Int32

	mu   sync.Mutex
	last fetched
}

// fetched is the result of fetching keys.
type fetched struct {
	keys  []jose.JSONWebKey
	at    time.Time // of the keys
	tried time.Time // of the last fetch
	err   error     // of the last fetch
}

// find returns the keys of an id, or all of them if a token names none.
func (l fetched) find(id string) []jose.JSONWebKey {
	return slices.DeleteFunc(slices.Clone(l.keys), func(key jose.JSONWebKey) bool { return id != "" && key.KeyID != id })
}

// lookup returns the keys that may have signed a token. An issuer that has no
// such key and one that does not answer give different errors.
func (s *keySet) lookup(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	known := s.known()
	if keys, done, err := s.answer(known, id); done {
		return keys, err
	}
	if s.waiting.Add(1) > maxWaiting {
		s.waiting.Add(-1)
		return nil, s.unavailable(fmt.Errorf("more than %d requests wait for it", maxWaiting))
	}
	defer s.waiting.Add(-1)
	if _, err := s.flight.Do(ctx, func(ctx context.Context) (struct{}, error) {
		if s.known().tried.Equal(known.tried) {
			s.refresh(ctx)
		}
		return struct{}{}, nil
	}); err != nil {
		return nil, s.unavailable(err)
	}
	keys, done, err := s.answer(s.known(), id)
	if !done { // the clock ran on meanwhile
		return nil, s.unavailable(nil)
	}
	return keys, err
}

// answer returns the result of lookup from the known keys. done is false if the
// keys must be fetched first.
func (s *keySet) answer(known fetched, id string) (keys []jose.JSONWebKey, done bool, err error) {
	now := s.now()
	found := known.find(id)
	age := now.Sub(known.at)
	triedLately := !known.tried.IsZero() && now.Sub(known.tried) < retryWait
	switch {
	case len(found) > 0 && age < freshFor, len(found) > 0 && age < usableFor && triedLately:
		return found, true, nil
	case triedLately && known.err != nil:
		return nil, true, s.unavailable(known.err)
	case triedLately:
		return nil, true, unauthenticated("The JWT is signed with a key that its issuer does not have.")
	}
	return nil, false, nil
}

// refresh fetches the keys. It goes on when the request that caused it ends:
// others wait for the result.
func (s *keySet) refresh(ctx context.Context) {
	keys, err := fetchKeys(context.WithoutCancel(ctx), s.issuer)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.tried, s.last.err = s.now(), err
	if err == nil {
		s.last.keys, s.last.at = keys, s.last.tried
	}
}

func (s *keySet) known() fetched {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *keySet) unavailable(cause error) *identity.Error {
	return &identity.Error{
		Code: identity.CodeAuthUnavailable, Retryable: true, RetryAfter: retryWait, Cause: cause,
		Message: "the JWT cannot be verified now: the keys of its issuer, " + s.issuer.URL + ", cannot be fetched",
	}
}

// Check fetches the issuer's keys.
func (i Issuer) Check(ctx context.Context) error {
	_, err := fetchKeys(ctx, i)
	return err
}

// CheckURL returns why an issuer's URL cannot be used, nil if it can: https, or
// http to this machine if that is allowed.
func (i Issuer) CheckURL() error {
	u, err := url.Parse(i.URL)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("it is not a URL such as https://issuer.example.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return errors.New("it holds a user, a query or a fragment")
	}
	return i.allowed(u)
}

func (i Issuer) allowed(u *url.URL) error {
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("%q is not https", u.Scheme)
	case !i.AllowHTTP:
		return errors.New("it is not https, so anyone on the network between could replace the issuer's keys")
	case !httpx.Loopback(u.Hostname()):
		return errors.New("allow_http is for an issuer on this machine, as in tests")
	}
	return nil
}

// fetchKeys fetches the metadata of an issuer, and then its keys.
func fetchKeys(ctx context.Context, issuer Issuer) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	client, err := issuer.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	var metadata struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	err = issuer.get(ctx, client, strings.TrimSuffix(issuer.URL, "/")+"/.well-known/openid-configuration", &metadata)
	if err == nil && metadata.Issuer != issuer.URL {
		err = fmt.Errorf("it is of the issuer %s", quote(metadata.Issuer))
	}
	if err != nil {
		return nil, fmt.Errorf("the issuer's metadata: %w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := issuer.get(ctx, client, metadata.KeysURL, &set); err != nil {
		return nil, fmt.Errorf("its keys: %w", err)
	}
	return usableKeys(set.Keys)
}

// get decodes the JSON at an address.
func (i Issuer) get(ctx context.Context, client *http.Client, at string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	if err := i.allowed(req.URL); err != nil {
		return fmt.Errorf("%s is refused: %w", req.URL.Host, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := httpx.ReadBody(resp.Body, maxAnswerBytes)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %s", resp.Status)
	}
	return json.Unmarshal(body, into)
}

// client returns an HTTP client for one fetch from one issuer.
func (i Issuer) client() (*http.Client, error) {
	authorities, err := httpx.Authorities(i.CAFile)
	if err != nil {
		return nil, fmt.Errorf("its authorities: %w", err)
	}
	sameHost := httpx.SameHost(maxRedirects)
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities},
			TLSHandshakeTimeout: fetchTimeout, ResponseHeaderTimeout: fetchTimeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if err := i.allowed(next.URL); err != nil {
				return err
			}
			return sameHost(next, via)
		},
		Timeout: fetchTimeout,
	}, nil
}
