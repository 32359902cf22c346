// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package apiclient is the HTTP client of directories, one for each service and
// credential. It keeps the service's pace, retries temporary failures, bounds
// answers, and turns every bad answer into the directory package's errors
// without the credential in them.
package apiclient

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
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

// Config describes one service. Zero values mean the defaults above, and
// BaseURL is required.
type Config struct {
	Settings
	URLSetting string // what errors call BaseURL; "" = base_url
	Example    string // of an external id that is the service's host; "" = it is none
	// PublicOnly refuses to connect to addresses that are not public, such as
	// loopback and private ones. It checks every address a name resolves to,
	// and ignores the environment's proxy, which would resolve the name itself.
	PublicOnly bool

	// Auth sets the credential's headers, for every attempt.
	Auth func(http.Header)
	// Bearer fetches an access token. The client keeps it until shortly before
	// it expires, and renews it once if the service rejects it.
	Bearer func(ctx context.Context) (AccessToken, error)
	// Secrets are texts that no error shows, nor the values that Auth sets.
	Secrets []string
	// HidePath keeps the paths of requests out of errors: they may hold keys.
	HidePath bool
	// Header is sent with every request.
	Header http.Header

	// Every is the steady spacing of requests, after a burst of Burst (at
	// least 1); 0 = no limit.
	Every time.Duration
	Burst int
	// MaxInFlight bounds requests under way; 0 = no bound.
	MaxInFlight int64

	// Grant says what a missing permission needs; errors end with it.
	Grant string

	MaxBody int64 // bytes of an answer
	Retries int   // attempts after the first; negative = none
	// MaxWait bounds a pause. A service that wants a longer one gives a
	// *directory.RateLimitError at once.
	MaxWait time.Duration
	// RetryAfter reads the wait from the headers of a 429, for services with
	// headers of their own. nil reads Retry-After, in seconds or as a date.
	RetryAfter func(h http.Header, now time.Time) (time.Duration, bool)
	// Limited recognises rate limits with another status than 429, including
	// good ones.
	Limited func(status int, h http.Header, body []byte) bool

	Jitter func(d time.Duration) time.Duration // nil = half to all of d, at random
}

// Client talks to one service. It is safe for concurrent use; all its users
// share the pace and the pauses that the service asks for.
type Client struct {
	cfg      Config
	secrets  *redact.Redactor // of the configuration
	base     *url.URL
	http     *http.Client
	limiter  *rate.Limiter
	inFlight *semaphore.Weighted
	bearer   *bearer // nil = none

	mu          sync.Mutex
	pausedUntil time.Time
}

// New checks the configuration. Its errors begin with the setting at fault.
func New(cfg Config) (*Client, error) {
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("timeout: %s is not a duration to wait", cfg.Timeout)
	}
	base, err := parseBase(cfg.BaseURL, cfg.AllowHTTP)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmp.Or(cfg.URLSetting, "base_url"), err)
	}
	authorities, err := Authorities(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	cfg.Timeout, cfg.MaxWait = orDefault(cfg.Timeout, DefaultTimeout), orDefault(cfg.MaxWait, DefaultMaxWait)
	cfg.MaxBody = orDefault(cfg.MaxBody, DefaultMaxBody)
	cfg.Retries = cmp.Or(cfg.Retries, DefaultRetries)
	if cfg.Clock == nil {
		cfg.Clock = wallClock{}
	}
	if cfg.Jitter == nil {
		cfg.Jitter = func(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
	}
	if cfg.RetryAfter == nil {
		cfg.RetryAfter = httpx.RetryAfter
	}
	c := &Client{cfg: cfg, secrets: cfg.Redactor.With(cfg.Secrets...), base: base, limiter: rate.NewLimiter(rate.Inf, 1),
		inFlight: semaphore.NewWeighted(orDefault(cfg.MaxInFlight, math.MaxInt64))}
	if cfg.Every > 0 {
		c.limiter = rate.NewLimiter(rate.Every(cfg.Every), max(cfg.Burst, 1))
	}
	if cfg.Bearer != nil {
		c.bearer = &bearer{fetch: cfg.Bearer, clock: cfg.Clock}
	}
	c.http = &http.Client{Transport: transport(cfg.PublicOnly, authorities), CheckRedirect: httpx.SameHost(maxRedirects)}
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

func orDefault[T ~int64](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error { return httpx.Sleep(ctx, d) }

// Request is one call of a service.
type Request struct {
	Method string // "" = GET
	// Path is appended to the base URL unchanged: callers escape its segments
	// with url.PathEscape.
	Path  string
	Query url.Values
	// URL replaces Path and Query, for services that give the URL of the next
	// page. It must have the base URL's scheme and host.
	URL        string
	Header     http.Header
	Body       []byte
	Repeatable bool     // a request that is not a GET may be sent again
	Secrets    []string // texts of this request that no error shows
	Private    bool     // the answer holds a secret: no error quotes it
}

// Response holds an answer with a 2xx status, read in full.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	at     string // method and URL, for errors
	redact *redact.Redactor

	private bool
}

// Do sends a request, again if the failure is temporary and the request may be
// repeated, and returns an answer with a 2xx status. Any other status is a
// *StatusError, which wraps a *directory.RateLimitError where the service asks for
// a wait. All errors match the directory package's, except ctx's own.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	resp, err := c.do(ctx, r)
	if c.cfg.Grant != "" {
		err = directory.NeedsGrant(err, c.cfg.Grant)
	}
	return resp, err
}

func (c *Client) do(ctx context.Context, r Request) (*Response, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	target, err := c.target(r)
	if err != nil {
		return nil, err
	}
	if c.inFlight.Acquire(ctx, 1) != nil {
		return nil, context.Cause(ctx)
	}
	defer c.inFlight.Release(1)

	repeatable := r.Repeatable || r.Method == http.MethodGet
	renewed := false
	for attempt := 0; ; attempt++ {
		if err := c.pace(ctx); err != nil {
			return nil, err
		}
		bearer, err := c.bearer.get(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := c.attempt(ctx, r, target, bearer)
		if err == nil {
			return resp, nil
		}
		if c.bearer != nil && errors.Is(err, directory.ErrCredential) && !renewed {
			c.bearer.forget(bearer) // it may have been revoked before its time
			renewed = true
			continue
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", c.at(r.Method, target), context.Cause(ctx))
		}
		wait, retry := c.retry(err, attempt)
		if !retry || !repeatable {
			return nil, err
		}
		if wait > 0 {
			if err := c.cfg.Clock.Sleep(ctx, wait); err != nil {
				return nil, err
			}
		}
	}
}

func (c *Client) target(r Request) (*url.URL, error) {
	if r.URL == "" {
		raw := c.base.String() + r.Path
		if len(r.Query) > 0 {
			raw += "?" + r.Query.Encode()
		}
		target, err := url.Parse(raw)
		if err != nil || target.Host != c.base.Host {
			return nil, fmt.Errorf("%w: a URL cannot be made of it", directory.ErrRefused)
		}
		return target, nil
	}
	target, err := url.Parse(r.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w as expected: it gave a URL that cannot be read", directory.ErrUnavailable)
	case target.Scheme != c.base.Scheme || target.Host != c.base.Host || target.User != nil:
		return nil, fmt.Errorf("%w as expected: it gave a URL of another host, %q", directory.ErrUnavailable, c.secrets.Text(target.Host))
	}
	return target, nil
}

// attempt sends a request once.
func (c *Client) attempt(ctx context.Context, r Request, target *url.URL, bearer string) (*Response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("no answer within %s", c.cfg.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, target.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not a request", directory.ErrRefused, r.Method)
	}
	req.Header.Set("User-Agent", DefaultUserAgent)
	req.Header.Set("Accept", "application/json")
	maps.Copy(req.Header, c.cfg.Header)
	maps.Copy(req.Header, r.Header)
	credential := http.Header{}
	if c.cfg.Auth != nil {
		c.cfg.Auth(credential)
	}
	if bearer != "" {
		credential.Set("Authorization", "Bearer "+bearer)
	}
	maps.Copy(req.Header, credential)
	at := c.at(r.Method, target)
	secrets := c.secrets.With(slices.Concat(redact.HeaderSecrets(credential), r.Secrets)...)

	answer, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, c.transportError(ctx, secrets, err))
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := httpx.ReadBody(answer.Body, c.cfg.MaxBody)
	switch {
	case errors.Is(err, httpx.ErrTooLarge):
		return nil, fmt.Errorf("%s: %w as expected: its answer is larger than %d bytes", at, directory.ErrUnavailable, c.cfg.MaxBody)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", at, c.transportError(ctx, secrets, err))
	}
	resp := &Response{Status: answer.StatusCode, Header: answer.Header, Body: body, at: at, redact: secrets, private: r.Private}
	limited := c.asksToWait(resp) || c.cfg.Limited != nil && c.cfg.Limited(resp.Status, resp.Header, resp.Body)
	if limited || resp.Status < 200 || resp.Status > 299 {
		return nil, c.statusError(resp, limited)
	}
	return resp, nil
}

// transportError returns why no answer came. The error of net/http repeats the
// URL with its query, so only the error that it wraps is shown.
func (c *Client) transportError(ctx context.Context, secrets *redact.Redactor, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, httpx.ErrRedirect):
		return &transportFailure{class: directory.ErrUnavailable, text: secrets.Text(err.Error()), final: true}
	case errors.Is(err, errNotPublic):
		return &transportFailure{class: directory.ErrRefused, text: "the target is refused: " + errNotPublic.Error(), final: true}
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return &transportFailure{class: directory.ErrUnavailable, text: UnknownAuthority, final: true}
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return &transportFailure{class: directory.ErrUnavailable, text: secrets.Text(err.Error()), final: errors.As(err, new(*tls.CertificateVerificationError))}
}

// pace waits until the service's documented spacing, and any pause it asked
// for, allow a request.
func (c *Client) pace(ctx context.Context) error {
	slot, wait, err := c.reserve()
	if err != nil || wait <= 0 {
		return cmp.Or(err, ctx.Err())
	}
	if err := c.cfg.Clock.Sleep(ctx, wait); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		slot.CancelAt(c.cfg.Clock.Now())
		return err
	}
	return nil
}

// reserve takes the next slot of the pace. One caller at a time reads the clock: the
// limiter counts time twice where it gets times in another order.
func (c *Client) reserve() (slot *rate.Reservation, wait time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Clock.Now()
	pause := c.pausedUntil.Sub(now)
	if pause > c.cfg.MaxWait {
		return nil, 0, &directory.RateLimitError{RetryAfter: pause}
	}
	slot = c.limiter.ReserveN(now, 1)
	return slot, max(pause, slot.DelayFrom(now)), nil
}

// pauseFor delays all requests of the client.
func (c *Client) pauseFor(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := c.cfg.Clock.Now().Add(wait); until.After(c.pausedUntil) {
		c.pausedUntil = until
	}
}

// at returns a method and a URL as errors show them: without user, query and
// fragment, and without secrets.
func (c *Client) at(method string, u *url.URL) string {
	shown, hidden := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}, ""
	if c.cfg.HidePath && len(u.Path) > 1 {
		shown.Path, shown.RawPath, hidden = "", "", "/…"
	}
	return c.secrets.Text(method + " " + strings.ToValidUTF8(shown.String(), "") + hidden)
}

var errNotPublic = errors.New("the address is not public; where it may be asked all the same, set allow_private = true")

const maxRedirects = 5

// dialer returns a dialer; publicOnly refuses addresses that are not public.
func dialer(publicOnly bool) *net.Dialer {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if publicOnly {
		d.Control = controlPublic
	}
	return d
}

// transport returns what connects. Servers' certificates are verified with
// authorities, nil for the system's.
func transport(publicOnly bool, authorities *x509.CertPool) *http.Transport {
	t := &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
		DialContext:           dialer(publicOnly).DialContext,
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	if publicOnly {
		t.Proxy = nil
	}
	return t
}

// controlPublic runs after the name is resolved and before the connection is
// made, for each address tried: a name that changes between a check and the
// connection does not get past it.
func controlPublic(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || !public(target.Addr()) {
		return fmt.Errorf("%w: %s", errNotPublic, address)
	}
	return nil
}

// reserved returns the ranges of private or unusable addresses that the
// predicates of netip do not know.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), // benchmarks
		netip.MustParsePrefix("240.0.0.0/4"),   // with the broadcast address
		netip.MustParsePrefix("fec0::/10"),     // site-local
		netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("100::/64"),
	}
}

func public(addr netip.Addr) bool {
	addr = embedded(addr.Unmap().WithZone(""))
	return addr.IsGlobalUnicast() && !addr.IsPrivate() &&
		!slices.ContainsFunc(reserved(), func(p netip.Prefix) bool { return p.Contains(addr) })
}

// embedded returns the IPv4 address inside a NAT64, 6to4 or IPv4-compatible
// address, else addr itself.
func embedded(addr netip.Addr) netip.Addr {
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6]))
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr), netip.MustParsePrefix("::/96").Contains(addr) && !addr.IsLoopback():
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return addr
}
