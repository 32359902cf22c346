// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// JSON decodes the answer into into, and passes over a byte order mark before it.
// Numbers in an any keep their literal text, as json.Number. An answer that is not
// one complete JSON value of the expected shape matches directory.ErrUnavailable.
func (r *Response) JSON(into any) error {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(r.Body, []byte("\ufeff"))))
	dec.UseNumber()
	err := dec.Decode(into)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return r.Unexpected("there is more after the JSON")
	}
	var shape *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(r.Body)) == 0:
		return r.Unexpected("it is empty")
	case r.html():
		return r.Unexpected("it is an HTML page, not JSON")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return r.Unexpected("its JSON is cut off")
	case errors.As(err, &shape):
		return r.Unexpected(fmt.Sprintf("its JSON has another type than expected at %q", shape.Field))
	}
	return r.Unexpected("it is not the JSON expected")
}

// Unexpected returns the error for an answer with a good status that is not the
// service's own; it matches directory.ErrUnavailable.
func (r *Response) Unexpected(why string) error {
	contentType := r.Header.Get("Content-Type")
	if r.private {
		contentType, _, _ = strings.Cut(contentType, ";")
	}
	text := fmt.Sprintf("%s: unexpected answer: %s (status %d, content type %q)", r.at, why, r.Status,
		r.redact.Line(contentType, 60))
	if excerpt := r.excerpt(); excerpt != "" {
		text += ": " + excerpt
	}
	return redact.WithText(directory.ErrUnavailable, text)
}

// Redact returns err with a text without the secrets of the request, for errors
// that quote the answer. It still matches what err matches.
func (r *Response) Redact(err error) error {
	if err == nil {
		return nil
	}
	return redact.WithText(err, r.redact.Line(err.Error(), 600))
}

func (r *Response) html() bool {
	return bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("<"))
}

const (
	excerptLength = 160
	excerptSource = 64 << 10 // a larger body gives no excerpt
)

// excerpt returns the beginning of the body as one short line. Secrets are
// replaced before it is cut, so that no half of one is left.
func (r *Response) excerpt() string {
	if r.private || r.html() || len(r.Body) > excerptSource {
		return ""
	}
	return r.redact.Line(string(r.Body), excerptLength)
}

// StatusError is an answer whose status is not 2xx, or a rate limit with any
// status. It matches the error of the directory package for its status.
// Connectors whose service uses a status differently read Status and JSON.
type StatusError struct {
	Status  int
	Header  http.Header
	class   error
	at      string
	excerpt string
	body    []byte
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s answered %d %s: %s", e.at, e.Status, http.StatusText(e.Status), e.class)
	if e.excerpt != "" {
		text += fmt.Sprintf(" (%s)", e.excerpt)
	}
	return text
}

// Unwrap returns the class of the failure.
func (e *StatusError) Unwrap() error { return e.class }

// Body returns the answer's body. It may repeat secrets: no error quotes it.
func (e *StatusError) Body() []byte { return e.body }

// JSON decodes the answer's body. As of Body, no error quotes it.
func (e *StatusError) JSON(into any) error { return json.Unmarshal(e.body, into) }

// StatusOf returns the status of the answer that err is about, 0 if there is
// none.
func StatusOf(err error) int {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.Status
	}
	return 0
}

// asksToWait reports whether an answer asks for a wait: a 429, or a 503 or 403
// with Retry-After. Services under load and services with limits send those too.
func (c *Client) asksToWait(r *Response) bool {
	_, ok := httpx.RetryAfter(r.Header, c.cfg.Clock.Now())
	return r.Status == http.StatusTooManyRequests || ok && (r.Status == http.StatusServiceUnavailable || r.Status == http.StatusForbidden)
}

// statusError maps statuses to errors. A 404 is never "no such user" here: only
// connectors know which of their URLs name a person.
func (c *Client) statusError(r *Response, limited bool) error {
	e := &StatusError{Status: r.Status, Header: r.Header, at: r.at, body: r.Body, excerpt: r.excerpt()}
	switch {
	case limited:
		wait, ok := c.cfg.RetryAfter(r.Header, c.cfg.Clock.Now())
		if ok {
			c.pauseFor(wait)
		}
		e.class = &directory.RateLimitError{RetryAfter: max(wait, 0)}
	case r.Status == http.StatusUnauthorized:
		e.class = directory.ErrCredential
	case r.Status == http.StatusForbidden:
		e.class = directory.ErrPermission
	case r.Status == http.StatusRequestTimeout, r.Status >= 500:
		e.class = directory.ErrUnavailable
	default:
		e.class = directory.ErrRefused
	}
	return e
}

// transportFailure is a request that got no answer.
type transportFailure struct {
	class error
	text  string
	final bool // trying again cannot help
}

func (e *transportFailure) Error() string { return e.class.Error() + ": " + e.text }
func (e *transportFailure) Unwrap() error { return e.class }

const firstBackoff = 500 * time.Millisecond

// retry reports whether to try again after a failed attempt, and after what
// wait.
func (c *Client) retry(err error, attempt int) (time.Duration, bool) {
	if attempt >= c.cfg.Retries {
		return 0, false
	}
	backoff := min(c.cfg.Jitter(firstBackoff<<attempt), c.cfg.MaxWait)
	var limit *directory.RateLimitError
	var status *StatusError
	var failure *transportFailure
	switch {
	case errors.As(err, &limit):
		if limit.RetryAfter > c.cfg.MaxWait {
			return 0, false
		}
		if limit.RetryAfter > 0 {
			return 0, true // pace waits
		}
		return backoff, true
	case errors.As(err, &status):
		// A 501 does not pass with time.
		return backoff, errors.Is(err, directory.ErrUnavailable) && status.Status != http.StatusNotImplemented
	case errors.As(err, &failure):
		return backoff, errors.Is(err, directory.ErrUnavailable) && !failure.final
	}
	return 0, false
}

// NotFound reports whether err is a 404 and decodes its body into body. The
// connector then checks that the body is the service's own: a wrong base URL or
// a proxy may give a 404 too.
func NotFound(err error, body any) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound && status.JSON(body) == nil
}
