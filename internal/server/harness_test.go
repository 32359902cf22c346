// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const (
	org       = "acme"
	requestID = "test-request-1"
)

var (
	okta   = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	github = identity.ServiceKey{Type: "github", ExternalID: "acme"}
	// As long as those of sym-identityd token new: shorter ones may be guesses.
	admin  = "sym_admin-token-0123456789012345678901234567890"
	member = "sym_member-token-012345678901234567890123456789"
	guest  = "sym_guest-token-0123456789012345678901234567890"
)

// harness is the real handler over a real store, served over HTTP.
type harness struct {
	t       *testing.T
	store   store.Store
	handler http.Handler
	url     string
	logs    *buffer
}

// buffer collects log lines from several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func testTokens() []server.Token {
	return []server.Token{
		{Name: "ci", SHA256: hashOf(admin), Role: identity.Admin},
		{Name: "resolver", SHA256: hashOf(member), Role: identity.Member},
		{Name: "reader", SHA256: hashOf(guest), Role: identity.Guest},
	}
}

// start serves a fresh store; adjust may change the configuration.
func start(t *testing.T, adjust ...func(*server.Config)) *harness {
	t.Helper()
	st, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "identities.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	logs := &buffer{}
	cfg := server.Config{
		Org: org, Version: "1.2.3", Store: st,
		Authenticate: server.StaticTokens(testTokens(), org),
		Logger:       slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, a := range adjust {
		a(&cfg)
	}
	handler, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return &harness{t: t, store: st, handler: handler, url: srv.URL, logs: logs}
}

// register registers services in the store, behind the API.
func (h *harness) register(keys ...identity.ServiceKey) *harness {
	h.t.Helper()
	for _, k := range keys {
		if _, err := h.store.CreateService(h.t.Context(), store.Actor{Name: "test"}, k, k.Type); err != nil {
			h.t.Fatal(err)
		}
	}
	return h
}

// person stores a user with one okta identity and returns it.
func (h *harness) person(email, oktaID string) identity.User {
	h.t.Helper()
	w := store.UserWrite{Key: identity.UserKey(email), Name: email}
	if oktaID != "" {
		w.Mappings = []store.MappingWrite{{Service: okta, Matcher: identity.NewMatcher("okta", oktaID), Source: identity.Manual}}
	}
	users, err := h.store.UpsertUsers(h.t.Context(), store.Actor{Name: "test"}, []store.UserWrite{w})
	if err != nil {
		h.t.Fatal(err)
	}
	return users[0]
}

type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// send makes a request with a token and, unless body is nil, a JSON body; a
// string is sent as it is.
func (h *harness) send(token, method, path string, body any) answer {
	h.t.Helper()
	header := http.Header{}
	header.Set(symapi.RequestIDHeader, requestID)
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	return h.sendHeader(header, method, path, body)
}

func (h *harness) sendHeader(header http.Header, method, path string, body any) answer {
	h.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, reader)
	if err != nil {
		h.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := http.DefaultTransport.RoundTrip(r) // no redirects are followed
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &a.body) // want fails where a body was expected
	return a
}

func (h *harness) api(token, method, path string, body any) answer {
	h.t.Helper()
	return h.send(token, method, symapi.BasePath+path, body)
}

// want compares the whole reply, ids, times and the size of revisions apart:
// want is JSON in which ids and times stand as <uuid> and <time>.
func (a answer) want(t *testing.T, status int, want string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.raw)
	}
	var parsed any
	if err := json.Unmarshal([]byte(want), &parsed); err != nil {
		t.Fatalf("the expected body is not JSON: %v\n%s", err, want)
	}
	if diff := cmp.Diff(mask(parsed), mask(a.body)); diff != "" {
		t.Errorf("body (-want +got):\n%s\n%s", diff, a.raw)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	if strings.Contains(a.raw, "$schema") {
		t.Errorf("the reply names a schema: %s", a.raw)
	}
}

// wantError compares an error body.
func (a answer) wantError(t *testing.T, status int, code identity.Code, message string) {
	t.Helper()
	text, _ := json.Marshal(symapi.Error{IsError: true, Message: message, Code: string(code), StatusCode: status, RequestID: requestID})
	a.want(t, status, string(text))
}

// mask replaces what differs from run to run.
func mask(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return nil
		}
		out := map[string]any{}
		for k, e := range v {
			out[k] = mask(e)
			if n, ok := e.(float64); ok && (k == "revision" || k == "id") && n > 0 { // a change's id is a revision
				out[k] = "<revision>"
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = mask(e)
		}
		return out
	case string:
		if _, err := uuid.Parse(v); err == nil {
			return "<uuid>"
		}
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return "<time>"
		}
	}
	return v
}

// accounts is a directory over a map from e-mail to accounts.
type accounts struct {
	found   map[string][]directory.Account
	refused map[string]error // by e-mail
	err     error            // of everything
}

func (a accounts) Describe() directory.Descriptor {
	return directory.Descriptor{Lookup: true, LookupSeesInactive: true}
}
func (a accounts) Check(context.Context) error { return a.err }
func (a accounts) Find(_ context.Context, email string) ([]directory.Account, error) {
	return a.found[email], stdcmp.Or(a.err, a.refused[email])
}

// byID are accounts that can be asked for by id, too.
type byID struct{ accounts }

func (a byID) FindID(_ context.Context, id string) ([]directory.Account, error) {
	for _, found := range a.found {
		for _, account := range found {
			if account.Identity == id {
				return []directory.Account{account}, a.err
			}
		}
	}
	return nil, stdcmp.Or(a.err, a.refused[id])
}

// withDirectory gives okta a directory.
func withDirectory(d directory.Directory) func(*server.Config) {
	return func(c *server.Config) { c.Directories = map[identity.ServiceKey]directory.Directory{okta: d} }
}
