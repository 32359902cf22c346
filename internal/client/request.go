// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/sethvargo/go-retry"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// call is one logical request.
type call struct {
	method   string
	path     []string // segments below the base, not yet escaped
	query    url.Values
	body     any  // marshalled as JSON; nil sends none
	write    bool // changes what is stored
	repeat   bool // a repetition after a lost answer does no harm
	extends  bool // an extension, which Sym's own API lacks
	elements int  // of a bulk call: how many its outer list has
}

// reply is the answer to a call that succeeded.
type reply struct {
	*attempt
	attempts int
}

// attempt is one sending of a call and what came of it.
type attempt struct {
	c         *Client
	request   call
	url       *url.URL
	payload   []byte
	number    int
	requestID string // the server's where it gave one, else the one sent

	status int
	header http.Header
	body   []byte
	redact redactor
}

// do sends a call until it succeeds, may not be repeated, or has been repeated
// often enough. Every error is an *Error.
func (c *Client) do(ctx context.Context, request call) (*reply, error) {
	first, err := c.prepare(request)
	if err == nil && request.write && c.readOnly {
		err = ErrReadOnly
	}
	if err != nil {
		return nil, &Error{Method: request.method, Path: first.url.EscapedPath(), Err: err}
	}
	var (
		last    = first
		lastErr error // of the last attempt
		cause   error // why the last complete attempt failed
		sent    int
	)
	backoff := newBackoff(c.maxRetries, func() time.Duration { return retryAfter(last.header, time.Now()) })
	err = retry.Do(ctx, backoff, func(ctx context.Context) error {
		last = first
		last.number = sent + 1
		var left bool
		left, lastErr = last.send(ctx)
		if left {
			sent++
		}
		if lastErr == nil || !left || ctx.Err() != nil {
			return lastErr
		}
		cause = lastErr
		if refusedUnread(last.status, lastErr) || request.repeat && passing(last.status, lastErr) {
			return retry.RetryableError(lastErr)
		}
		return lastErr
	})
	if err == nil {
		return &reply{attempt: &last, attempts: sent}, nil
	}
	if end := stopped(ctx); end != nil {
		lastErr = end
	}
	if cause != nil && !errors.Is(lastErr, cause) {
		lastErr = fmt.Errorf("%w; the last attempt failed: %w", lastErr, cause)
	}
	return nil, last.failed(sent, lastErr)
}

// stopped is why the caller's context ended, nil while it has not.
func stopped(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); err != nil && !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// prepare makes what all attempts of a call share. Its attempt has a URL even
// when it fails.
func (c *Client) prepare(request call) (attempt, error) {
	a := attempt{c: c, request: request, requestID: uuid.NewString(), redact: redactor{redact.New(c.secrets...)}}
	u := *c.base
	raw := strings.TrimRight(u.EscapedPath(), "/")
	bad := false
	for _, segment := range request.path {
		bad = bad || segment == "" || segment == "." || segment == ".."
		raw += "/" + url.PathEscape(segment)
	}
	path, err := url.PathUnescape(raw)
	u.Path, u.RawPath, u.RawQuery = path, raw, request.query.Encode()
	a.url = &u
	switch {
	case err != nil:
		return a, err
	case bad:
		return a, identity.Invalid(identity.CodeInvalid, "an id is empty or consists of dots", "Pass an id that the API gave.")
	}
	if request.body != nil {
		if a.payload, err = json.Marshal(request.body); err != nil {
			return a, fmt.Errorf("encoding the request: %w", err)
		}
	}
	return a, nil
}

// send makes one attempt, once there is room for it. sent is false where it
// never left.
func (a *attempt) send(ctx context.Context) (sent bool, err error) {
	if err := a.c.slots.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer a.c.slots.Release(1)
	if err := a.c.limiter.Wait(ctx); err != nil {
		return false, fmt.Errorf("waiting for the rate limit: %w", err)
	}
	token, err := a.c.bearer(ctx)
	if err != nil {
		return false, err
	}
	a.redact = redactor{redact.New(append([]string{token}, a.c.secrets...)...)}

	start := time.Now()
	err = a.exchange(ctx, token)
	a.c.observe(ctx, Exchange{
		Method: a.request.method, Path: a.url.EscapedPath(), Status: a.status, Attempt: a.number,
		Duration: time.Since(start), RequestID: a.requestID, Err: err,
	})
	if err == nil {
		err = a.failureSaid()
	}
	return true, err
}

// bearer is the token of one attempt, "" where none is sent. A token that
// cannot stand in a header is refused without repeating it.
func (c *Client) bearer(ctx context.Context) (string, error) {
	if c.token == nil {
		return "", nil
	}
	token, err := c.token(ctx)
	if err != nil {
		return "", fmt.Errorf("no token: %w", err)
	}
	switch {
	case token == "":
		return "", errors.New("the token is empty")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", errors.New("the token holds a space, a line break or another character that no token has")
	}
	return token, nil
}

// exchange sends the request and reads the whole answer. Its errors name
// neither URL nor token.
func (a *attempt) exchange(ctx context.Context, token string) error {
	bounded, cancel := context.WithTimeout(ctx, a.c.timeout)
	defer cancel()
	err := a.roundTrip(bounded, token)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // it repeats the URL, with e-mails in its query
	}
	err = a.redact.failure(err)
	message := "the API did not answer: " + err.Error()
	if bounded.Err() != nil {
		message = fmt.Sprintf("the API did not answer within %s", a.c.timeout)
	}
	return &identity.Error{Code: identity.CodeUnavailable, Message: cleanLine(message, maxSaid), Retryable: true, Cause: err}
}

func (a *attempt) roundTrip(ctx context.Context, token string) (err error) {
	// A panic would print its value, which may be the request with its token.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the transport failed in a way that it must not: %v", p)
		}
	}()
	var body io.Reader
	if a.payload != nil {
		body = bytes.NewReader(a.payload)
	}
	req, err := http.NewRequestWithContext(ctx, a.request.method, a.url.String(), body)
	if err != nil {
		return err
	}
	req.Header = a.c.headers.Clone()
	req.Header.Set(symapi.RequestIDHeader, a.requestID)
	if a.payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if a.request.repeat {
		// Without a value it is not sent, but tells the transport that it may
		// replace an idle connection that the server has just closed.
		req.Header["Idempotency-Key"] = nil
	}
	resp, err := a.c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, int64(a.c.maxReply)+1))
	if err != nil {
		return fmt.Errorf("the answer (%d) broke off: %w", resp.StatusCode, err)
	}
	a.status, a.header, a.body = resp.StatusCode, resp.Header, content
	if id := cleanLine(a.redact.Text(resp.Header.Get(symapi.RequestIDHeader)), maxID); id != "" {
		a.requestID = id
	}
	return nil
}
