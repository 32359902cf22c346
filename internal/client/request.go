// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/sethvargo/go-retry"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
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
	repeat   bool // may be sent again after a lost answer
	walks    bool // and after a timeout: the API goes on reading a service's list for the next attempt
	extends  bool // an extension, which Sym's own API lacks
	elements int  // of a bulk call: how many its outer list has
}

// attempt is one request of a call and its answer.
type attempt struct {
	c         *Client
	request   call
	url       *url.URL
	payload   []byte
	number    int    // of the attempts, this one included
	requestID string // the server's where it gave one, else the one sent

	status int
	header http.Header
	body   []byte
	redact redactor

	timedOut bool // after Config.Timeout
}

// do sends a call, and again while a retry may help and is allowed. Every error
// is an *Error.
func (c *Client) do(ctx context.Context, request call) (*attempt, error) {
	first, err := c.prepare(request)
	if err == nil && request.write && c.cfg.ReadOnly {
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
		unsure  bool // an attempt may have been carried out
	)
	backoff := newBackoff(c.cfg.MaxRetries, func() time.Duration { return retryAfter(last.header, time.Now()) })
	err = retry.Do(ctx, backoff, func(ctx context.Context) error {
		last = first
		last.number = sent + 1
		var left bool
		left, lastErr = last.send(ctx)
		if left {
			sent++
			unsure = unsure || last.unsure(lastErr)
		}
		if lastErr == nil || !left || ctx.Err() != nil {
			return lastErr
		}
		cause = lastErr
		if refusedUnread(last.status, lastErr) || request.repeat && temporary(last.status, lastErr) || request.walks && last.timedOut {
			return retry.RetryableError(lastErr)
		}
		return lastErr
	})
	if err == nil {
		return &last, nil
	}
	if end := httpx.Stopped(ctx); end != nil {
		lastErr = end
	}
	if cause != nil && !errors.Is(lastErr, cause) {
		lastErr = fmt.Errorf("%w; the last attempt failed: %w", lastErr, cause)
	}
	last.number = sent
	failed := last.failed(lastErr)
	failed.MayBeStored = request.write && unsure
	return nil, failed
}

// unsure reports whether an attempt that failed with err may have been carried
// out: the server did not answer, or not with a refusal.
func (a *attempt) unsure(err error) bool {
	return err != nil && (a.status == 0 && !dialFailed(err) || a.status >= 500 || a.status/100 == 2)
}

// prepare makes the part that all attempts of a call share. The attempt has a URL
// even on an error.
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

// send makes one attempt, as soon as the limits allow. sent is false where the
// request was not sent.
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
	a.c.cfg.Observe(ctx, Exchange{
		Method: a.request.method, Path: a.url.EscapedPath(), Status: a.status, Attempt: a.number,
		Duration: time.Since(start), RequestID: a.requestID, Err: err,
	})
	if err == nil {
		err = a.checkReply()
	}
	return true, err
}

// bearer returns the token of one attempt, "" for none. It refuses a token that
// cannot be sent in a header, without repeating it.
func (c *Client) bearer(ctx context.Context) (string, error) {
	if c.cfg.Token == nil {
		return "", nil
	}
	token, err := c.cfg.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("no token: %w", err)
	}
	switch name := cmp.Or(c.cfg.Credential, "the token"); {
	case token == "":
		return "", errors.New(name + " is empty")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", errors.New(name + " holds a space, a line break or another character that no token has")
	}
	return token, nil
}

// exchange sends the request and reads the whole answer. Its errors name
// neither URL nor token.
func (a *attempt) exchange(ctx context.Context, token string) error {
	bounded, cancel := context.WithTimeout(ctx, a.c.cfg.Timeout)
	defer cancel()
	err := a.roundTrip(bounded, token)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return httpx.Stopped(ctx)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // it repeats the URL, with e-mails in its query
	}
	err = a.redact.failure(err)
	message := "the API did not answer: " + err.Error()
	if a.timedOut = bounded.Err() != nil; a.timedOut {
		message = fmt.Sprintf("the API did not answer within %s", a.c.cfg.Timeout)
	}
	return &identity.Error{Code: identity.CodeUnavailable, Message: cleanLine(message, maxMessage), Retryable: true, Cause: err}
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

// checkReply returns what a complete answer says went wrong; nil for a success.
func (a *attempt) checkReply() error {
	switch {
	case len(a.body) > a.c.maxReply:
		return &identity.Error{Code: identity.CodeInternal, Message: fmt.Sprintf("the answer is larger than %d MiB", a.c.maxReply>>20)}
	case a.status >= 200 && a.status < 300:
		return a.checkComplete()
	case a.status >= 300 && a.status < 400:
		return a.redact.failure(&identity.Error{Code: identity.CodeInternal, Message: "the answer leads elsewhere" + a.redirectHost(),
			Hint: "Redirects are followed only on the same host and with the same method; set the API URL to where it leads."})
	}
	if a.request.elements > 0 {
		if batch := symapi.ParseItemErrors(a.body, a.request.elements); batch != nil {
			return a.redact.failure(batch)
		}
	}
	e, isJSON := symapi.ParseError(a.status, a.body)
	if !isJSON {
		e, _ = symapi.ParseError(a.status, []byte("{}"))
		e.Message = a.notJSON()
	}
	if a.request.extends && lacksCall(a.status, e.Code) {
		name := strings.Join(a.request.path, "/")
		e.Message = fmt.Sprintf("the API at %s lacks %s, which the provider needs (%s)", a.c.base, name, e.Message)
		e.Hint = fmt.Sprintf("Use sym-identityd, of this release or a later one, or another API that has %s; check that the URL leads there.", name)
	}
	return a.redact.failure(e)
}

// lacksCall reports whether the answer to an extension says that the server
// does not have it: 404 or 405 without one of the codes that only a server
// which has it gives.
func lacksCall(status int, code identity.Code) bool {
	if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		return false
	}
	switch code {
	case identity.CodeUserNotFound, identity.CodeServiceNotFound, identity.CodeIdentityNotFound, identity.CodeNoDirectory, identity.CodeNoList:
		return false
	}
	return true
}

// checkComplete returns an error for a success whose JSON ends too early: the
// connection broke, and no header had announced the length. It is retryable.
func (a *attempt) checkComplete() error {
	if kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); kind != "application/json" || !unfinished(a.body) {
		return nil
	}
	return &identity.Error{Code: identity.CodeInternal, Message: a.notJSON(), Retryable: true, Cause: io.ErrUnexpectedEOF}
}

// unfinished reports whether text is the beginning of a JSON object.
func unfinished(text []byte) bool {
	if json.Valid(text) || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return false
	}
	var object json.RawMessage
	return errors.Is(json.NewDecoder(bytes.NewReader(text)).Decode(&object), io.ErrUnexpectedEOF)
}

func (a *attempt) redirectHost() string {
	to, err := a.url.Parse(a.header.Get("Location"))
	if err != nil || to.Host == "" || a.header.Get("Location") == "" {
		return ""
	}
	return fmt.Sprintf(", to %s://%s", to.Scheme, to.Host)
}

// notJSON describes a body that is not JSON: its type, the status, and how it
// begins.
func (a *attempt) notJSON() string {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || kind == "" {
		kind = "no content type"
	}
	if len(a.body) == 0 {
		kind = "empty"
	}
	if kind == "application/json" { // what there is of it is data, not a message
		return fmt.Sprintf("the answer was not valid JSON (%s, %d, %d bytes)", kind, a.status, len(a.body))
	}
	message := fmt.Sprintf("the answer was not JSON (%s, %d)", kind, a.status)
	if text := a.redact.excerpt(a.body); text != "" {
		message += ": " + text
	}
	return message
}

// failed wraps err with what identifies the request.
func (a *attempt) failed(err error) *Error {
	return &Error{
		Method: a.request.method, Path: a.url.EscapedPath(), Status: a.status,
		RequestID: a.requestID, Attempts: a.number, Credential: a.c.cfg.Credential, Err: err,
	}
}

// fetch sends a call and decodes a success, which must have the field.
func fetch[T any](ctx context.Context, c *Client, request call, field string) (value T, r *attempt, err error) {
	if r, err = c.do(ctx, request); err == nil {
		err = r.invalid(symapi.ParseReply(r.status, r.body, field, &value))
	}
	return value, r, err
}

// invalid returns the error of a success whose body cannot be used because of
// err; nil for nil.
func (a *attempt) invalid(err error) error {
	if err == nil {
		return nil
	}
	var known *identity.Error
	var batch *identity.BatchError
	switch {
	case errors.As(err, &batch):
		err = batch
	case errors.As(err, &known):
		err = known
	case !json.Valid(a.body):
		err = &identity.Error{Code: identity.CodeInternal, Message: a.notJSON()}
	default:
		err = &identity.Error{Code: identity.CodeInternal, Message: "the answer makes no sense: " + err.Error(), Cause: err}
	}
	failed := a.failed(a.redact.failure(err))
	failed.MayBeStored = a.request.write
	return failed
}
