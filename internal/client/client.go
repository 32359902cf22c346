// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package client speaks the identity API over HTTP. It retries what may be
// repeated, keeps tokens out of every error and log, and says so where an
// API lacks the extensions that the provider needs.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Defaults and limits of a client.
const (
	DefaultConcurrency = 10 // as many as Terraform runs at once
	DefaultTimeout     = 30 * time.Second
	maxReplyBytes      = 64 << 20
	minHeaderSecret    = 8 // bytes; shorter header values are words such as "true"
)

// Config says how to reach an identity API. Only BaseURL is required.
type Config struct {
	// BaseURL is where the API is mounted, as in https://identity.acme.dev/api/v1.
	BaseURL string
	// Token gives the bearer token of each request; nil sends none. It is
	// called for every attempt, possibly by several goroutines at once.
	Token func(ctx context.Context) (string, error)
	// Credential says for errors what tells the API who asks: a token and where it
	// comes from, or a certificate.
	Credential string
	// Transport sends the requests; nil is http.DefaultTransport, which honours
	// HTTPS_PROXY.
	Transport http.RoundTripper
	UserAgent string            // "" = Go's own
	Headers   map[string]string // sent with every request; their values are kept out of errors

	MaxRetries        int           // further attempts after the first; 0 = none
	RequestsPerSecond float64       // 0 = unlimited
	MaxConcurrency    int           // requests at once; 0 = DefaultConcurrency
	Timeout           time.Duration // of one attempt, its answer included; 0 = DefaultTimeout

	// ReadOnly makes every write fail with ErrReadOnly before it is sent.
	ReadOnly bool
	// Observe is called after every attempt, for logs, possibly by several
	// goroutines at once.
	Observe func(ctx context.Context, e Exchange)
}

// Exchange is one attempt of one request, without bodies, query or token.
type Exchange struct {
	Method    string
	Path      string
	Status    int // 0 where there was no answer
	Attempt   int // 1 for the first
	Duration  time.Duration
	RequestID string
	Err       error // why there was no complete answer; nil where there was one, whatever its status
}

// Client calls one identity API. It is safe for concurrent use.
type Client struct {
	cfg      Config // with its defaults
	base     *url.URL
	http     *http.Client
	headers  http.Header
	secrets  []string // header values that no error may show
	slots    *semaphore.Weighted
	limiter  *rate.Limiter
	maxReply int // bytes of an answer's body
	// extended says that an extension answered. Before the first write it has to:
	// an API that ignores the conditions of a write would overwrite.
	extended atomic.Bool
}

// New checks a configuration and makes a client of it. It sends nothing.
func New(cfg Config) (*Client, error) {
	base, err := parseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if cfg.MaxRetries < 0 || cfg.MaxConcurrency < 0 || cfg.Timeout < 0 {
		return nil, errors.New("retries, concurrency and timeout must not be negative")
	}
	if cfg.RequestsPerSecond < 0 || math.IsNaN(cfg.RequestsPerSecond) {
		return nil, errors.New("requests per second must not be negative")
	}
	headers, err := fixedHeaders(cfg)
	if err != nil {
		return nil, err
	}
	cfg.MaxConcurrency = cmp.Or(cfg.MaxConcurrency, DefaultConcurrency)
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	if cfg.Observe == nil {
		cfg.Observe = func(context.Context, Exchange) {}
	}
	perSecond := cmp.Or(rate.Limit(cfg.RequestsPerSecond), rate.Inf)
	c := &Client{
		cfg: cfg, base: base, headers: headers, maxReply: maxReplyBytes,
		http:  &http.Client{Transport: cfg.Transport, CheckRedirect: checkRedirect},
		slots: semaphore.NewWeighted(int64(cfg.MaxConcurrency)), limiter: rate.NewLimiter(perSecond, 1),
	}
	for _, value := range cfg.Headers {
		if len(value) >= minHeaderSecret {
			c.secrets = append(c.secrets, value)
		}
	}
	return c, nil
}

// parseBaseURL never repeats the URL in its errors: a URL that is wrong may
// hold a password.
func parseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return nil, errors.New("the API URL must be an http or https URL with a host, as in https://identity.acme.dev/api/v1")
	case u.User != nil:
		return nil, errors.New("the API URL must not hold a user name or password; the token is set apart from it")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, errors.New("the API URL must not have a query or fragment")
	}
	return u, nil
}

// fixedHeaders returns the headers of every request, the client's own included.
func fixedHeaders(cfg Config) (http.Header, error) {
	h := http.Header{}
	for name, value := range cfg.Headers {
		canonical := http.CanonicalHeaderKey(name)
		switch canonical {
		case "Host", "Content-Type", "Content-Length", "Transfer-Encoding", "Connection", http.CanonicalHeaderKey(symapi.RequestIDHeader):
			return nil, fmt.Errorf("the header %s cannot be set: the client sets it itself", canonical)
		case "Authorization":
			if cfg.Token != nil {
				return nil, errors.New("the header Authorization cannot be set beside a token")
			}
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("%q is not a header name", name)
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("the value of the header %s holds a line break or another control character", canonical)
		}
		h.Set(name, value)
	}
	h.Set("Accept", "application/json")
	if cfg.UserAgent != "" {
		h.Set("User-Agent", cleanLine(cfg.UserAgent, maxMessage))
	}
	return h, nil
}

const maxRedirects = 10

// checkRedirect follows a redirect only to the same host, as the token must not
// go elsewhere, and with the same method: a PATCH that turns into a GET would
// look like a success.
func checkRedirect(next *http.Request, via []*http.Request) error {
	if httpx.SameHost(maxRedirects)(next, via) != nil || next.Method != via[0].Method {
		return http.ErrUseLastResponse
	}
	return nil
}

// inChunks asks for keys in chunks of symapi.MaxBatch, as many at once as the
// client sends requests. It returns the results in order. The first error stops
// the others.
func inChunks[K, R any](ctx context.Context, c *Client, keys []K, ask func(context.Context, []K) ([]R, error)) ([]R, error) {
	results := make([][]R, (len(keys)+symapi.MaxBatch-1)/symapi.MaxBatch)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.cfg.MaxConcurrency)
	for i := range results {
		group.Go(func() (err error) {
			results[i], err = ask(ctx, keys[i*symapi.MaxBatch:min((i+1)*symapi.MaxBatch, len(keys))])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(results...), nil
}
