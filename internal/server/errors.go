// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

var errPanicked = errors.New("a handler panicked")

// failure is an error reply. It is an error too, so that it passes through the
// framework, which asks it for status and headers.
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

// headersOf returns the headers that some errors have.
func headersOf(e *identity.Error) http.Header {
	h := http.Header{}
	if e.Code == identity.CodeUnauthenticated {
		h.Set("WWW-Authenticate", "Bearer")
	}
	after := e.RetryAfter
	if limit, ok := errors.AsType[*directory.RateLimitError](e); ok {
		after = max(after, limit.RetryAfter)
	}
	if after > 0 {
		seconds := int64((after + time.Second - 1) / time.Second)
		h.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	return h
}

// fail makes the reply of a call that failed, and logs the causes that callers
// must not see.
func (s *service) fail(ctx context.Context, err error) *failure {
	var done *failure
	if errors.As(err, &done) {
		return done
	}
	info := infoOf(ctx)
	if ctx.Err() != nil && identity.CodeOf(err) == "" {
		// The caller has gone, or the server is shutting down.
		return newFailure(&identity.Error{Code: identity.CodeUnavailable, Retryable: true,
			Message: "the request was cancelled before it was done", Cause: err}, info.requestID)
	}
	e := identity.AsError(err)
	if fromElsewhere(e) {
		e = s.clean(e)
	}
	if symapi.Status(e.Code) >= http.StatusInternalServerError {
		s.log.ErrorContext(ctx, "request failed", "request_id", info.requestID, "address", info.address, "code", string(e.Code), "error", e.Message, "cause", e.Cause)
	}
	return newFailure(e, info.requestID)
}

// fromElsewhere reports whether the text of an error is a directory's or the
// store's, and not about what the caller sent.
func fromElsewhere(e *identity.Error) bool {
	switch e.Code {
	case identity.CodeDirectoryFailed, identity.CodeDirectoryDenied, identity.CodeDirectoryLimited:
		return true
	}
	return symapi.Status(e.Code) >= http.StatusInternalServerError
}

// clean returns an error without secrets of the configuration. It accepts nil.
func (s *service) clean(e *identity.Error) *identity.Error {
	if e == nil {
		return nil
	}
	clean := *e
	clean.Message, clean.Hint = s.Secrets.Text(e.Message), s.Secrets.Text(e.Hint)
	return &clean
}

// writeError writes an error reply outside the framework.
func writeError(w http.ResponseWriter, info *requestInfo, e *identity.Error) {
	newFailure(e, info.requestID).write(w)
}

func (f *failure) write(w http.ResponseWriter) {
	for name, values := range f.header {
		w.Header()[name] = values
	}
	writeJSON(w, f.status, f.body)
}

// writeJSON writes a reply outside the framework. It ignores a caller that has
// gone.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}

// bulkError makes the reply of a bulk call of n elements that failed. Where err
// names the elements at fault it has a result for each, to which complete adds
// what only the request knows.
func (s *service) bulkError(ctx context.Context, err error, n int, complete func(*symapi.BulkResult)) error {
	var batch *identity.BatchError
	if !errors.As(err, &batch) || len(batch.Items) == 0 {
		return err
	}
	reply := symapi.BulkFailure(batch.Items, n)
	for i := range reply.Results {
		complete(&reply.Results[i])
	}
	reply.RequestID = infoOf(ctx).requestID
	return &failure{status: reply.StatusCode, body: reply, text: strings.Join(reply.Errors[:min(1, len(reply.Errors))], "")}
}

// encodeErrors gives every error the API's body. It is a huma.Transformer.
func encodeErrors(ctx huma.Context, _ string, v any) (any, error) {
	switch v := v.(type) {
	case *failure:
		return v.body, nil
	case *huma.ErrorModel:
		info := infoOf(ctx.Context())
		f := frameworkError(v, info)
		info.status = f.status
		return f.body, nil
	}
	return v, nil
}

func frameworkError(m *huma.ErrorModel, info *requestInfo) *failure {
	switch {
	case m.Status == http.StatusUnsupportedMediaType:
		body := symapi.EncodeError(identity.Invalid(identity.CodeInvalid, "The request's body is not declared as JSON",
			"Send the header Content-Type: application/json."), info.requestID)
		body.StatusCode = m.Status
		return &failure{status: m.Status, body: body, text: body.Message}
	case m.Status < http.StatusInternalServerError:
		return newFailure(identity.Invalid(identity.CodeInvalid, explain(m), ""), info.requestID)
	}
	return newFailure(identity.AsError(errors.New(m.Detail)), info.requestID)
}

// maxProblems bounds how many problems of one request a message lists.
const maxProblems = 20

// explain lists the problems of a request by their place. It quotes no values:
// messages end up in logs, and values may be people or secrets.
func explain(m *huma.ErrorModel) string {
	var problems []string
	for _, d := range m.Errors {
		if d != nil {
			problem := d.Message
			if number, _, ok := strings.Cut(problem, " into Go "); ok { // encoding/json names Go's types
				problem = strings.TrimPrefix(number, "json: cannot unmarshal ") + " is too large, or not written as a whole number"
			}
			problems = append(problems, strings.TrimPrefix(d.Location+": "+problem, ": "))
		}
	}
	if len(problems) == 0 {
		return "The request is invalid: " + m.Detail
	}
	return "The request is invalid: " + joinProblems(problems)
}

func joinProblems(problems []string) string {
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(problems, "; ")
}
