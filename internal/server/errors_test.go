// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	h := start(t)
	const missing = "Missing entity (404). There is nothing at this path; the API is under /api/v1."
	for _, path := range []string{"/", "/api/v1", "/api/v1/nothing", "/api/v1/users/", "/api/v1//users", "/api/v1/../v1/users", "/users", "/api/v1/identities/nothing"} {
		h.send(admin, http.MethodGet, path, nil).wantError(t, http.StatusNotFound, identity.CodeMissing, missing)
	}
	a := h.api(admin, http.MethodDelete, "/users", nil)
	a.wantError(t, http.StatusMethodNotAllowed, identity.CodeMethod, "This path does not take DELETE requests. It takes GET, HEAD, PATCH.")
	if got := a.header.Get("Allow"); got != "GET, HEAD, PATCH" {
		t.Errorf("Allow %q", got)
	}
	h.api(admin, "BREW", "/auth/login", nil).
		wantError(t, http.StatusMethodNotAllowed, identity.CodeMethod, "This path does not take such requests. It takes GET, HEAD.")
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, tt := range map[string]struct{ body, message string }{
		"malformed":      {`{"users":[}`, "The request is invalid: body: invalid character '}' looking for beginning of value"},
		"truncated":      {`{"users":[`, "The request is invalid: body: unexpected end of JSON input"},
		"trailing":       {`{"users":[]} x`, "The request is invalid: body: invalid character 'x' after top-level value"},
		"empty":          {``, "The request is invalid: request body is required"},
		"not an object":  {`[]`, "The request is invalid: body: expected object"},
		"missing field":  {`{}`, "The request is invalid: body: expected required property users to be present"},
		"wrong type":     {`{"users":{}}`, "The request is invalid: body.users: expected array"},
		"no int":         {`{"users":[{"identities":[{"service_type":"okta","external_id":"a","matcher":{},"if_revision":1e3}]}]}`, "The request is invalid: body: number 1e3 is too large, or not written as a whole number"},
		"no float":       {`{"users":[],"x":1e999}`, "The request is invalid: body: number 1e999 is too large, or not written as a whole number"},
		"compressed":     {"\x1f\x8b\x08", "The request's body is not valid UTF-8. Encode the JSON as UTF-8, and do not compress it."},
		"several wrongs": {`{"users":[{"id":1},{"identities":[{"service_type":"okta","external_id":"a","matcher":{"user_id":7}}]}]}`, "The request is invalid: body.users[0].id: expected string; body.users[1].identities[0].matcher.user_id: expected string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.api(admin, http.MethodPatch, "/users", tt.body).wantError(t, http.StatusBadRequest, identity.CodeInvalid, tt.message)
		})
	}
}

func TestManyProblemsAreCutShort(t *testing.T) {
	t.Parallel()
	body := `{"users":[` + strings.TrimSuffix(strings.Repeat(`{"id":1},`, 25), ",") + `]}`
	a := start(t).api(admin, http.MethodPatch, "/users", body)
	message, _ := a.body["message"].(string)
	if !strings.HasSuffix(message, "body.users[19].id: expected string; and 5 more") {
		t.Errorf("message %q", message)
	}
}

func authorized(more ...string) http.Header {
	h := http.Header{}
	h.Set("Authorization", "Bearer "+admin)
	h.Set(symapi.RequestIDHeader, requestID)
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	h := start(t)
	const path, body = symapi.BasePath + "/users/search", `{"emails":[]}`
	h.sendHeader(authorized("Content-Type", "text/plain"), http.MethodPost, path, body).wantError(t, http.StatusUnsupportedMediaType,
		identity.CodeInvalid, "The request's body is not declared as JSON. Send the header Content-Type: application/json.")
	for _, accepted := range []string{"application/json; charset=utf-8", ""} {
		header := authorized()
		if accepted != "" {
			header.Set("Content-Type", accepted)
		}
		h.sendHeader(header, http.MethodPost, path, body).want(t, http.StatusOK, `{"users":[]}`)
	}
	for _, accept := range []string{"text/html", "application/xml;q=0.9", "*/*", "application/cbor"} {
		h.sendHeader(authorized("Content-Type", "application/json", "Accept", accept), http.MethodPost, path, body).want(t, http.StatusOK, `{"users":[]}`)
		h.sendHeader(authorized("Accept", accept), http.MethodGet, symapi.BasePath+"/users?type=x", nil).
			wantError(t, http.StatusBadRequest, identity.CodeInvalid, `The request is invalid: query.type: expected value to be one of "normal, bot, any"`)
	}
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	h := start(t)
	padded := func(size int) string {
		const head, tail = `{"emails":[],"pad":"`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	h.api(admin, http.MethodPost, "/users/search", padded(symapi.MaxBodyBytes)).want(t, http.StatusOK, `{"users":[]}`)

	// In process: over a connection the server may close it while we still send.
	handler := inProcess(t, h.store)
	r := httptest.NewRequest(http.MethodPost, symapi.BasePath+"/users/search", strings.NewReader(padded(symapi.MaxBodyBytes+1)))
	r.Header = authorized("Content-Type", "application/json")
	serve(t, handler, r).wantError(t, http.StatusRequestEntityTooLarge, identity.CodeTooLarge,
		"The request's body is larger than 16777216 bytes. Send it in parts.")
}

// inProcess is the handler without a connection.
func inProcess(t *testing.T, st store.Store, adjust ...func(*server.Config)) http.Handler {
	t.Helper()
	cfg := server.Config{Org: org, Store: st, Authenticate: server.StaticTokens(testTokens(), org)}
	for _, a := range adjust {
		a(&cfg)
	}
	handler, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func serve(t *testing.T, handler http.Handler, r *http.Request) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	return parse(rec)
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) {
	return 0, errors.New("connection reset by a secret peer")
}

func TestBodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, symapi.BasePath+"/users/search", brokenBody{})
	r.Header = authorized("Content-Type", "application/json")
	serve(t, inProcess(t, start(t).store), r).wantError(t, http.StatusBadRequest, identity.CodeInvalid,
		"The request's body ended early or could not be read. Send the whole body again.")
}

func TestPanic(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *server.Config) {
		c.Store = fakeStore{Store: c.Store, users: func() ([]identity.User, string, error) { panic("the secret reason") }}
	})
	a := h.api(guest, http.MethodGet, "/users", nil)
	a.wantError(t, http.StatusInternalServerError, identity.CodeInternal, "an internal error occurred")
	if logs := h.logs.String(); !strings.Contains(logs, "the secret reason") || !strings.Contains(logs, "goroutine") || !strings.Contains(logs, requestID) {
		t.Errorf("the log lacks the panic: %s", logs)
	}
	h.api(guest, http.MethodGet, "/auth/login", nil).want(t, http.StatusOK, `{"organization":"acme","username":"reader","org":"acme","role":"guest","name":"reader","store_id":"<uuid>"}`)
}

func TestAbortedHandlerStaysAborted(t *testing.T) {
	t.Parallel()
	handler := inProcess(t, fakeStore{Store: start(t).store, users: func() ([]identity.User, string, error) { panic(http.ErrAbortHandler) }})
	r := httptest.NewRequest(http.MethodGet, symapi.BasePath+"/users", nil)
	r.Header = authorized()
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // the very value counts
			t.Errorf("recovered %v", got)
		}
	}()
	handler.ServeHTTP(httptest.NewRecorder(), r)
}

func TestErrorsHideTheirCause(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err     error
		status  int
		code    identity.Code
		message string
		retry   bool
	}{
		"unknown error": {errors.New("password=hunter2"), 500, identity.CodeInternal, "an internal error occurred", false},
		"unavailable": {&identity.Error{Code: identity.CodeUnavailable, Message: "the store could not answer", Retryable: true, Cause: errors.New("password=hunter2")},
			503, identity.CodeUnavailable, "the store could not answer", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, func(c *server.Config) {
				c.Store = fakeStore{Store: c.Store, users: func() ([]identity.User, string, error) { return nil, "", tt.err }}
			})
			a := h.api(guest, http.MethodGet, "/users", nil)
			if a.status != tt.status || a.body["code"] != string(tt.code) || a.body["message"] != tt.message || a.body["is_retryable"] != tt.retry {
				t.Errorf("status %d: %s", a.status, a.raw)
			}
			if !strings.Contains(h.logs.String(), "hunter2") {
				t.Error("the cause is not in the log")
			}
		})
	}
}

func TestCancelledRequest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	handler := inProcess(t, fakeStore{Store: start(t).store, users: func() ([]identity.User, string, error) {
		cancel()
		return nil, "", context.Canceled
	}})
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, symapi.BasePath+"/users", nil)
	r.Header = authorized()
	if a := serve(t, handler, r); a.status != http.StatusServiceUnavailable || a.body["is_retryable"] != true {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, tt := range map[string]struct {
		sent string
		kept bool
	}{
		"uuid":         {uuid.NewString(), true},
		"visible":      {`a~!"#b`, true},
		"longest":      {strings.Repeat("x", 128), true},
		"none":         {"", false},
		"too long":     {strings.Repeat("x", 129), false},
		"space inside": {"a b", false},
		"not ASCII":    {"ä", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if tt.sent != "" {
				header.Set(symapi.RequestIDHeader, tt.sent)
			}
			a := h.sendHeader(header, http.MethodGet, symapi.BasePath+"/users", nil)
			got := a.header.Get(symapi.RequestIDHeader)
			if a.body["request_id"] != got {
				t.Errorf("the body says %v, the header %q", a.body["request_id"], got)
			}
			if tt.kept != (got == tt.sent) {
				t.Errorf("sent %q, got %q", tt.sent, got)
			}
			if _, err := uuid.Parse(got); !tt.kept && err != nil {
				t.Errorf("made up %q", got)
			}
		})
	}
}
