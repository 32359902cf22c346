// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const (
	testOrg         = "acme"
	testToken       = "test-token-of-an-admin"
	testGuestToken  = "test-token-of-a-guest"
	testMemberToken = "test-token-of-a-member"
)

// testAccProtoV6ProviderFactories runs the provider in the test's process,
// with an empty environment: nothing of the developer's machine leaks in.
var testAccProtoV6ProviderFactories = testProviderFactories(nil)

func testProviderFactories(env map[string]string) map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){
		"sym": func() (tfprotov6.ProviderServer, error) {
			return newTestProviderServer(env), nil
		},
	}
}

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
}

// testServer is the real API over a store of its own, behind a recorder that
// can also make requests fail.
type testServer struct {
	t     *testing.T
	URL   string // of the API, with /api/v1
	Store *sqlstore.Store

	mu      sync.Mutex
	seen    []testRequest
	faults  []*fault
	latency time.Duration
	hook    func(*http.Request)
}

// testRequest is one request as it arrived. Path is below /api/v1.
type testRequest struct {
	Method, Path, Query string
	Header              http.Header
	Body                string
}

func (r testRequest) String() string { return r.Method + " " + r.Path }

type fault struct {
	left         int
	method, path string // "" = any
	answer       http.HandlerFunc
}

// newTestServer starts the API; adjust may add directories or owned services.
func newTestServer(t *testing.T, adjust ...func(*server.Config)) *testServer {
	t.Helper()
	s, handler := newTestHandler(t, adjust...)
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	s.URL = srv.URL + symapi.BasePath
	return s
}

// newTestHandler is newTestServer without a network.
func newTestHandler(t *testing.T, adjust ...func(*server.Config)) (*testServer, http.Handler) {
	t.Helper()
	st, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "identities.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	cfg := server.Config{
		Org: testOrg, Version: "test", Store: st,
		Directories: map[identity.ServiceKey]directory.Directory{}, Configured: map[identity.ServiceKey]bool{},
		Authenticate: server.StaticTokens([]server.Token{
			{Name: "ci", SHA256: hashOf(testToken), Role: identity.Admin},
			{Name: "reader", SHA256: hashOf(testGuestToken), Role: identity.Guest},
			{Name: "member", SHA256: hashOf(testMemberToken), Role: identity.Member},
		}, testOrg),
	}
	for _, a := range adjust {
		a(&cfg)
	}
	handler, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if other, replaced := cfg.Store.(*sqlstore.Store); replaced {
		st = other
	}
	s := &testServer{t: t, Store: st}
	return s, s.record(handler)
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// withDirectory gives a service a directory with these accounts.
func withDirectory(service string, d directory.Directory) func(*server.Config) {
	return func(cfg *server.Config) { cfg.Directories[mustService(service)] = d }
}

// withOwned makes services the configuration file's own.
func withOwned(services ...string) func(*server.Config) {
	return func(cfg *server.Config) {
		for _, s := range services {
			cfg.Configured[mustService(s)] = true
		}
	}
}

// testDirectory answers from a map of e-mail to accounts. Set Err, under Lock,
// to make it fail.
type testDirectory struct {
	sync.Mutex
	Accounts map[string][]directory.Account
	Err      error
}

func (*testDirectory) Describe() directory.Descriptor {
	return directory.Descriptor{Lookup: true, LookupSeesInactive: true}
}

func (d *testDirectory) Check(context.Context) error { return nil }

func (d *testDirectory) Find(_ context.Context, email string) ([]directory.Account, error) {
	d.Lock()
	defer d.Unlock()
	return d.Accounts[email], d.Err
}

// listedDirectory also shows its accounts as one list.
type listedDirectory struct{ *testDirectory }

func (d listedDirectory) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		d.Lock()
		page, err := slices.Concat(slices.Collect(maps.Values(d.Accounts))...), d.Err
		d.Unlock()
		yield(page, err)
	}
}

func (s *testServer) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		path := strings.TrimPrefix(r.URL.Path, symapi.BasePath+"/")
		s.mu.Lock()
		s.seen = append(s.seen, testRequest{r.Method, path, r.URL.RawQuery, r.Header.Clone(), string(body)})
		answer, hook, latency := s.fault(r.Method, path), s.hook, s.latency
		s.mu.Unlock()
		time.Sleep(latency)
		if hook != nil {
			hook(r)
		}
		if answer != nil {
			answer(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *testServer) fault(method, path string) http.HandlerFunc {
	for _, f := range s.faults {
		if f.left > 0 && (f.method == "" || f.method == method) && (f.path == "" || f.path == path) {
			f.left--
			return f.answer
		}
	}
	return nil
}

// failNext makes the next n requests to method and path ("" = any) fail with a
// body; JSON where it looks like it, else HTML.
func (s *testServer) failNext(n int, method, path string, status int, body string) {
	s.answerNext(n, method, path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if strings.HasPrefix(body, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		w.Header().Set(symapi.RequestIDHeader, r.Header.Get(symapi.RequestIDHeader))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// answerNext answers the next n requests to method and path in place of the API.
func (s *testServer) answerNext(n int, method, path string, answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{n, method, path, answer})
}

// setLatency delays every answer from now on.
func (s *testServer) setLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = d
}

// onRequest runs f before each request is answered: the place for another
// writer to come in between.
func (s *testServer) onRequest(f func(*http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = f
}

// requests are all requests so far, or only those of one "METHOD path".
func (s *testServer) requests(only ...string) []testRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []testRequest
	for _, r := range s.seen {
		if len(only) == 0 || r.String() == only[0] {
			out = append(out, r)
		}
	}
	return out
}

// forget empties the record.
func (s *testServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

// patience is how long a request may take on a machine however busy.
const patience = "1h"

// provider is a provider block for this server, with further arguments.
func (s *testServer) provider(arguments ...string) string {
	return fmt.Sprintf("provider \"sym\" {\n  org     = %q\n  api_url = %q\n  token   = %q\n  request_timeout = %q\n  %s\n}\n",
		testOrg, s.URL, testToken, patience, strings.Join(arguments, "\n  "))
}

// settings is the same for newProtocolServer.
func (s *testServer) settings(more ...map[string]any) map[string]any {
	config := map[string]any{"org": testOrg, "api_url": s.URL, "token": testToken, "max_retries": 0, "request_timeout": patience}
	for _, m := range more {
		for k, v := range m {
			config[k] = v
		}
	}
	return config
}
