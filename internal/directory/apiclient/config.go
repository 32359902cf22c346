// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package apiclient is the HTTP side of directories: one client for one service
// and credential, which keeps its pace, retries what may pass, bounds what it
// reads, and turns every bad answer into the directory package's errors
// without the credential in them.
package apiclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
)

// Defaults of Config.
const (
	DefaultTimeout   = 30 * time.Second
	DefaultMaxBody   = 32 << 20
	DefaultRetries   = 3
	DefaultMaxWait   = 30 * time.Second
	DefaultUserAgent = "sym-identityd (+https://github.com/sym-identity/terraform-provider-sym)"
)

// Clock is time as a client sees it; tests bring their own.
type Clock interface {
	Now() time.Time
	// Sleep returns early, with the context's error, when ctx ends.
	Sleep(ctx context.Context, d time.Duration) error
}

// Config describes one service. Zero values mean the defaults above; BaseURL
// has none.
type Config struct {
	// BaseURL is what the paths of requests are appended to. It holds neither
	// a credential nor a query.
	BaseURL string
	// AllowHTTP accepts a base URL that is not https.
	AllowHTTP bool
	// PublicOnly refuses to connect to loopback, private and other addresses
	// that are not public, checked on what the name resolves to, at every
	// connection. Proxy settings of the environment are not used then: a proxy
	// would resolve the name itself, out of the check's reach.
	PublicOnly bool

	// Auth sets the credential's headers. It is called for every attempt.
	Auth func(http.Header)
	// Bearer fetches an access token, which is kept until shortly before it
	// expires and renewed once when the service rejects it.
	Bearer func(ctx context.Context) (AccessToken, error)
	// Secrets are texts that no error shows, nor the values that Auth sets.
	Secrets []string
	// Header is sent with every request.
	Header    http.Header
	UserAgent string

	// Every is the steady spacing of requests, after a burst of Burst (at
	// least 1); 0 = no limit.
	Every time.Duration
	Burst int
	// MaxInFlight bounds requests under way; 0 = no bound.
	MaxInFlight int

	Timeout time.Duration // of one attempt, its body included
	MaxBody int64         // bytes of an answer
	Retries int           // attempts after the first; negative = none
	// MaxWait is the longest pause that is waited for. A service that wants a
	// longer one gives a *directory.RateLimitError at once.
	MaxWait time.Duration
	// RetryAfter reads the wait from the headers of a 429, for services with
	// headers of their own. nil reads Retry-After, in seconds or as a date.
	RetryAfter func(h http.Header, now time.Time) (time.Duration, bool)
	// Limited recognises the answers that are rate limits without being a 429.
	// It is asked about every other answer, those with a good status too.
	Limited func(status int, h http.Header, body []byte) bool

	Clock  Clock
	Jitter func(d time.Duration) time.Duration // nil = half to all of d, at random
}

// Client talks to one service. It is safe for concurrent use; the pace and
// the pauses the service asked for are shared by all its users.
type Client struct {
	cfg      Config
	base     *url.URL
	http     *http.Client
	limiter  *rate.Limiter
	inFlight chan struct{}
	bearer   *bearer // nil = none

	mu          sync.Mutex
	pausedUntil time.Time
}

// New checks the configuration. Its errors speak of the base URL without
// naming a setting: connectors call it what their users do.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.BaseURL, cfg.AllowHTTP)
	if err != nil {
		return nil, err
	}
	cfg.Timeout = positive(cfg.Timeout, DefaultTimeout)
	cfg.MaxWait = positive(cfg.MaxWait, DefaultMaxWait)
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Retries == 0 {
		cfg.Retries = DefaultRetries
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = DefaultUserAgent
	}
	if cfg.Clock == nil {
		cfg.Clock = wallClock{}
	}
	if cfg.Jitter == nil {
		cfg.Jitter = func(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
	}
	if cfg.RetryAfter == nil {
		cfg.RetryAfter = httpx.RetryAfter
	}
	c := &Client{cfg: cfg, base: base, limiter: rate.NewLimiter(rate.Inf, 1)}
	if cfg.Every > 0 {
		c.limiter = rate.NewLimiter(rate.Every(cfg.Every), max(cfg.Burst, 1))
	}
	if cfg.MaxInFlight > 0 {
		c.inFlight = make(chan struct{}, cfg.MaxInFlight)
	}
	if cfg.Bearer != nil {
		c.bearer = &bearer{fetch: cfg.Bearer, clock: cfg.Clock}
	}
	c.http = &http.Client{Transport: transport(cfg.PublicOnly), CheckRedirect: httpx.SameHost(maxRedirects)}
	return c, nil
}

func parseBase(raw string, allowHTTP bool) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("the URL is empty")
	}
	base, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the URL cannot be read") // err repeats it, and it may hold a password
	case base.User != nil:
		return nil, errors.New("the URL holds a user or password; give the credential in its own setting")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("the URL holds a query or fragment")
	case base.Scheme != "https" && base.Scheme != "http" || base.Hostname() == "":
		return nil, fmt.Errorf("%q is not a URL such as https://api.example.com", base.Redacted())
	case base.Scheme == "http" && !allowHTTP:
		return nil, fmt.Errorf("%s://%s is not https: a credential would travel in the clear", base.Scheme, base.Host)
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), strings.TrimRight(base.RawPath, "/")
	return base, nil
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error { return httpx.Sleep(ctx, d) }
