// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// StatusError is an answer whose status is not 2xx, or a rate limit with any
// status. It matches the error of
// the directory package that its status stands for; connectors whose service
// means something else by a status look at Status and JSON.
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

// Unwrap is the class of the failure.
func (e *StatusError) Unwrap() error { return e.class }

// JSON decodes the answer's body, for services that explain themselves there.
// The text is the service's own: it goes into no error unseen.
func (e *StatusError) JSON(into any) error { return json.Unmarshal(e.body, into) }

// StatusOf is the status of the answer that err is about, 0 where there is none.
func StatusOf(err error) int {
	var status *StatusError
	if !errors.As(err, &status) {
		return 0
	}
	return status.Status
}

// statusError is the one table from statuses to errors. A 404 is never "no
// such user" here: only connectors know which of their URLs name a person.
func (c *Client) statusError(r *Response, limited bool) error {
	e := &StatusError{Status: r.Status, Header: r.Header, at: r.at, body: r.Body, excerpt: r.excerpt()}
	switch {
	case limited:
		wait, told := c.cfg.RetryAfter(r.Header, c.cfg.Clock.Now())
		if told {
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

func certificateError(err error) bool {
	var bad *tls.CertificateVerificationError
	return errors.As(err, &bad)
}

const firstBackoff = 500 * time.Millisecond

// again decides whether a failed attempt is worth another one, and after what
// wait.
func (c *Client) again(err error, attempt int) (time.Duration, bool) {
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
			return 0, true // pace waits, for everybody
		}
		return backoff, true
	case errors.As(err, &status):
		// A 501 is a service that will not have learnt it by then.
		return backoff, errors.Is(err, directory.ErrUnavailable) && status.Status != http.StatusNotImplemented
	case errors.As(err, &failure):
		return backoff, errors.Is(err, directory.ErrUnavailable) && !failure.final
	}
	return 0, false
}

// NotFound reports whether err is a 404 whose body decodes into body, which
// the connector then asks whether it is the service's own: a 404 may also be a
// wrong base URL's, or a proxy's.
func NotFound(err error, body any) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound && status.JSON(body) == nil
}

// Body is the answer's body, for services that explain themselves in another
// form than JSON. As JSON says, it goes into no error unseen.
func (e *StatusError) Body() []byte { return e.body }
