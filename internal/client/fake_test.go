// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const testToken = "s3cret/token+value-1234567890"

// fake is an API that answers as a test scripts it and keeps what was asked.
type fake struct {
	mu     sync.Mutex
	seen   []request
	answer func(r request) answer
}

type request struct {
	n       int // 1 for the first
	call    string
	query   string
	header  http.Header
	body    string
	ordinal int // among requests of the same call
}

type answer struct {
	status int
	header map[string]string
	body   any // string, or marshalled as JSON
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	seen := request{n: len(f.seen) + 1, call: r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1/"),
		query: r.URL.RawQuery, header: r.Header.Clone(), body: string(content), ordinal: 1}
	for _, earlier := range f.seen {
		if earlier.call == seen.call {
			seen.ordinal++
		}
	}
	f.seen = append(f.seen, seen)
	f.mu.Unlock()
	a := f.answer(seen)
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if text, plain := a.body.(string); plain {
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, text)
		return
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body)
}

func (f *fake) calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, r := range f.seen {
		out = append(out, r.call)
	}
	return out
}

func (f *fake) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// client is a client of the fake, in process.
func (f *fake) client(t *testing.T, edit ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{BaseURL: "https://identity.example.com/api/v1", Transport: InProcess(f), Token: StaticToken(testToken)}
	for _, e := range edit {
		e(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// extended is a client that has proved the extensions already.
func (f *fake) extended(t *testing.T) *Client {
	t.Helper()
	c := f.client(t)
	c.extended.Store(true)
	return c
}

func retries(n int) func(*Config) { return func(c *Config) { c.MaxRetries = n } }

func missing(request) answer {
	return answer{status: http.StatusNotFound, header: map[string]string{"Content-Type": "text/html"}, body: "<html><title>404 Not Found</title></html>"}
}

func coded(status int, code identity.Code, message string) answer {
	return answer{status: status, body: symapi.Error{IsError: true, Message: message, Code: string(code), StatusCode: status}}
}

var (
	okta   = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	github = identity.ServiceKey{Type: "github", ExternalID: "acme"}
)

// person is a user of the wire; identities are pairs of service key and value.
func person(id, email string, identities ...string) symapi.User {
	u := symapi.User{ID: id, Type: "normal", Role: "member", Identities: []symapi.Identity{{
		Service: symapi.ServiceRef{Slug: "sym", ExternalID: "cloud"}, Matcher: map[string]string{"email": email},
	}}}
	for i := 0; i < len(identities); i += 2 {
		kind, externalID, _ := strings.Cut(identities[i], ":")
		u.Identities = append(u.Identities, symapi.Identity{
			Service: symapi.ServiceRef{Slug: kind, ExternalID: externalID},
			Matcher: identity.NewMatcher(kind, identities[i+1]), Revision: 1,
		})
	}
	return u
}

func users(list ...symapi.User) symapi.UserList { return symapi.UserList{Users: list} }

func decode[T any](t *testing.T, r request) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Errorf("body of %s: %v", r.call, err)
	}
	return v
}

// emails is e-mails 0 to n-1.
func emails(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("p%04d@example.com", i)
	}
	return out
}

func keysOf(list []string) []identity.UserKey {
	out := make([]identity.UserKey, len(list))
	for i, s := range list {
		out[i] = identity.UserKey(s)
	}
	return out
}

func wantCode(t *testing.T, err error, code identity.Code) {
	t.Helper()
	if got := identity.CodeOf(err); got != code {
		t.Errorf("code %q, want %q; error: %v", got, code, err)
	}
}

func apiError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("want a *client.Error, got %T: %v", err, err)
	}
	return e
}

func login(c *Client) error {
	_, err := c.Login(context.Background())
	return err
}
