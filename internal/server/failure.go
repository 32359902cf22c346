// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

var errPanicked = errors.New("a handler panicked")

// failure is a reply that is not a success, ready to be written. As an error
// it travels through the framework, which asks it for status and headers.
type failure struct {
	status int
	header http.Header
	body   any
	text   string
}

func (f *failure) Error() string           { return f.text }
func (f *failure) GetStatus() int          { return f.status }
func (f *failure) GetHeaders() http.Header { return f.header }

func newFailure(e *identity.Error, requestID string) *failure {
	body := symapi.EncodeError(e, requestID)
	return &failure{status: body.StatusCode, header: headersOf(e), body: body, text: body.Message}
}

// headersOf are the headers HTTP wants beside some errors.
func headersOf(e *identity.Error) http.Header {
	h := http.Header{}
	if e.Code == identity.CodeUnauthenticated {
		h.Set("WWW-Authenticate", "Bearer")
	}
	after := e.RetryAfter
	var limit *directory.RateLimitError
	if errors.As(e, &limit) {
		after = max(after, limit.RetryAfter)
	}
	if after > 0 {
		seconds := int64((after + time.Second - 1) / time.Second)
		h.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	return h
}

// fail turns whatever a call ended with into its reply, and logs what the
// caller is not told.
func (s *service) fail(ctx context.Context, err error) *failure {
	var done *failure
	if errors.As(err, &done) {
		return done
	}
	x := exchangeOf(ctx)
	if ctx.Err() != nil && identity.CodeOf(err) == "" {
		// Whoever hears this hears it from a server that is shutting down.
		return newFailure(&identity.Error{Code: identity.CodeUnavailable, Retryable: true,
			Message: "the request was cancelled before it was done", Cause: err}, x.requestID)
	}
	e := identity.AsError(err)
	if symapi.Status(e.Code) >= http.StatusInternalServerError {
		s.log.ErrorContext(ctx, "request failed", "request_id", x.requestID, "code", string(e.Code), "error", e.Message, "cause", e.Cause)
	}
	return newFailure(e, x.requestID)
}

// writeError writes an error reply outside the framework.
func writeError(w http.ResponseWriter, x *exchange, e *identity.Error) {
	newFailure(e, x.requestID).write(w)
}

func (f *failure) write(w http.ResponseWriter) {
	for name, values := range f.header {
		w.Header()[name] = values
	}
	writeJSON(w, f.status, f.body)
}

// writeJSON writes a reply outside the framework. A caller that went away is
// nobody's error.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}
