// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Request is one call of a service.
type Request struct {
	Method string // "" = GET
	// Path is appended to the base URL as it stands: its segments are escaped
	// with url.PathEscape by whoever builds it.
	Path  string
	Query url.Values
	// URL is used in place of Path and Query, for services that hand out the
	// address of the next page. It must have the base URL's scheme and host.
	URL    string
	Header http.Header
	Body   []byte
	// Repeatable says that a request which is not a GET may be sent again.
	Repeatable bool
	// Secrets are texts of this request that no error shows.
	Secrets []string
	// Private says that the answer holds a secret: no error quotes it.
	Private bool
}

// Response is an answer with a 2xx status, read in full.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	at     string // method and URL, for errors
	redact *redact.Redactor

	private bool
}

// Do sends a request, again if the failure may pass and the request may be
// repeated, and returns an answer with a 2xx status. Any other status is a
// *StatusError, or for a 429 wraps a *directory.RateLimitError; all errors
// match those of the directory package, except that the end of ctx is ctx's
// own error.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	target, err := c.target(r)
	if err != nil {
		return nil, err
	}
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	defer c.leave()

	repeatable := r.Repeatable || r.Method == http.MethodGet
	renewed := false
	for attempt := 0; ; attempt++ {
		if err := c.pace(ctx); err != nil {
			return nil, err
		}
		bearer, fetched, err := c.bearer.get(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := c.once(ctx, r, target, bearer)
		if err == nil {
			return resp, nil
		}
		if c.bearer != nil && errors.Is(err, directory.ErrCredential) && !renewed && !fetched {
			c.bearer.forget(bearer) // it may have been revoked before its time
			renewed = true
			continue
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Method, shown(target), context.Cause(ctx))
		}
		wait, again := c.again(err, attempt)
		if !again || !repeatable {
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
		return nil, fmt.Errorf("%w as expected: it gave a URL of another host, %q", directory.ErrUnavailable, target.Host)
	}
	return target, nil
}

// once is one attempt.
func (c *Client) once(ctx context.Context, r Request, target *url.URL, bearer string) (*Response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("no answer within %s", c.cfg.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, target.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not a request", directory.ErrRefused, r.Method)
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
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
	at := r.Method + " " + shown(target)
	secrets := redact.New(slices.Concat(redact.HeaderSecrets(credential), c.cfg.Secrets, r.Secrets)...)

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
	limited := resp.Status == http.StatusTooManyRequests ||
		c.cfg.Limited != nil && c.cfg.Limited(resp.Status, resp.Header, resp.Body)
	if limited || resp.Status < 200 || resp.Status > 299 {
		return nil, c.statusError(resp, limited)
	}
	return resp, nil
}

// transportError says why no answer came. The error of net/http repeats the
// URL with its query, so only what it wraps is told.
func (c *Client) transportError(ctx context.Context, secrets *redact.Redactor, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, httpx.ErrRedirect):
		return &transportFailure{class: directory.ErrUnavailable, text: secrets.Text(err.Error()), final: true}
	case errors.Is(err, errNotPublic):
		return &transportFailure{class: directory.ErrRefused, text: "the target is refused: " + errNotPublic.Error(), final: true}
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return &transportFailure{class: directory.ErrUnavailable, text: secrets.Text(err.Error()), final: certificateError(err)}
}

// enter waits for one of the places for requests under way.
func (c *Client) enter(ctx context.Context) error {
	if c.inFlight == nil {
		return ctx.Err()
	}
	select {
	case c.inFlight <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Client) leave() {
	if c.inFlight != nil {
		<-c.inFlight
	}
}

// pace waits until the service's documented spacing, and any pause it asked
// for, allow a request.
func (c *Client) pace(ctx context.Context) error {
	now := c.cfg.Clock.Now()
	c.mu.Lock()
	pause := c.pausedUntil.Sub(now)
	c.mu.Unlock()
	if pause > c.cfg.MaxWait {
		return &directory.RateLimitError{RetryAfter: pause}
	}
	slot := c.limiter.ReserveN(now, 1)
	wait := max(pause, slot.DelayFrom(now))
	if wait <= 0 {
		return ctx.Err()
	}
	if err := c.cfg.Clock.Sleep(ctx, wait); err != nil {
		slot.CancelAt(c.cfg.Clock.Now())
		return err
	}
	return nil
}

// pauseFor keeps all users of the client from asking before the wait is over.
func (c *Client) pauseFor(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := c.cfg.Clock.Now().Add(wait); until.After(c.pausedUntil) {
		c.pausedUntil = until
	}
}

// shown is a URL as errors may name it: without user, query and fragment.
func shown(u *url.URL) string {
	return strings.ToValidUTF8((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String(), "")
}
