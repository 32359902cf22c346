// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// TestResolvedIdentity_failures: whatever fails is one error that names the
// request, and nobody is called unmapped, not even with on_unmapped = "ignore".
func TestResolvedIdentity_failures(t *testing.T) {
	t.Parallel()
	status := func(status int, body string) func(*testServer, string, string) {
		return func(s *testServer, method, path string) { s.failNext(100, method, path, status, body) }
	}
	answer := func(handler http.HandlerFunc) func(*testServer, string, string) {
		return func(s *testServer, method, path string) { s.answerNext(100, method, path, handler) }
	}
	failures := map[string]struct {
		fails func(s *testServer, method, path string)
		want  string
	}{
		"401":              {status(401, `{"error":true,"message":"the token expired","code":"Auth:UNAUTHENTICATED","status_code":401}`), "does not accept the token … status 401"},
		"403":              {status(403, `{"error":true,"message":"members only","code":"Auth:FORBIDDEN","status_code":403}`), "role does not allow this … status 403"},
		"404 without JSON": {status(404, "404 page not found"), "status 404"},
		"404 of a proxy":   {status(404, "<html><title>Not Found</title></html>"), "status 404"},
		"429":              {status(429, `{"error":true,"message":"slow down","code":"Request:RATE_LIMITED","status_code":429,"is_retryable":true}`), "limits how many requests … status 429"},
		"500 HTML":         {status(500, "<html><title>Internal Server Error "+testToken+"</title></html>"), "status 500"},
		"503":              {status(503, ""), "status 503"},
		"200 HTML":         {status(200, "<html><title>Log in to ACME</title></html>"), "not that of an identity API … status 200"},
		"200 empty":        {status(200, ""), "status 200"},
		"200 null":         {status(200, "null"), "status 200"},
		"200 other JSON":   {status(200, `{"hello":"world"}`), "status 200"},
		"truncated JSON": {answer(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set(symapi.RequestIDHeader, r.Header.Get(symapi.RequestIDHeader))
			_, _ = io.WriteString(w, `{"users":[{"id":"`)
		}), "status 200"},
		"broken off": {answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"users":[`)
		}), "(200) broke off"},
		"hung up": {answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "did not answer"},
	}
	calls := []string{"GET auth/login", "GET services", "POST users/search", "POST identities/lookup", "POST identities/search", "PATCH users"}
	for name, failure := range failures {
		for _, call := range calls {
			t.Run(name+" to "+call, func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada@acme.com", "00u1"))).register("okta:acme.okta.com")
				method, path, _ := strings.Cut(call, " ")
				failure.fails(s, method, path)
				p := newProtocolServer(t, nil, s.settings())
				_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"persist": true, "on_unmapped": "ignore"}))
				wantFailure(t, diags, "Request: … "+path+" … "+failure.want+" … request ID ")
			})
		}
	}
}

// wantFailure checks for exactly one error that contains the parts, in any
// order, and says nothing wrong.
func wantFailure(t *testing.T, diags []*tfprotov6.Diagnostic, parts string) {
	t.Helper()
	wantDiagnostics(t, diags, "ERROR: Unable to … "+parts)
	for _, d := range diags {
		if text := describeDiagnostic(d); strings.Contains(strings.ToLower(text), "unmapped") || strings.Contains(text, testToken) || strings.Contains(text, "resource \"sym_identity\"") {
			t.Errorf("says too much: %s", text)
		}
	}
}

func TestResolvedIdentity_unreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, skip := range []bool{false, true} {
		p := newProtocolServer(t, nil, map[string]any{
			"api_url": "http://" + address + symapi.BasePath, "token": testToken, "max_retries": 0, "skip_credentials_validation": skip,
		})
		_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"on_unmapped": "ignore"}))
		wantFailure(t, diags, "connection refused … Request: GET /api/v1/ … request ID")
	}
}

// TestResolvedIdentity_directoryFails: the API works, what it asks does not.
func TestResolvedIdentity_directoryFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		want string
	}{
		"down":         {directory.ErrUnavailable, "did not answer … status 503"},
		"credential":   {directory.ErrCredential, "credential was rejected … Renew the credential"},
		"permission":   {directory.ErrPermission, "lacks a permission … Grant the permission"},
		"rate limited": {&directory.RateLimitError{}, "limits requests … status 429"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, service := range []string{"okta:acme.okta.com", "custom:pager"} {
				s := newTestServer(t, withDirectory(service, &testDirectory{Err: test.err})).register(service)
				p := newProtocolServer(t, nil, s.settings())
				_, diags := p.readData(resolved, resolveConfig("ada@acme.com", service, map[string]any{"on_unmapped": "ignore"}))
				wantFailure(t, diags, "ada@acme.com … "+service+" … "+test.want+" … Request: POST /api/v1/identities/lookup … request ID")

				// Whoever is stored needs no directory, unless asked to compare.
				s.mapping("ada@acme.com", service, "00u1", "manual")
				_, diags = p.readData(resolved, resolveConfig("ada@acme.com", service))
				wantDiagnostics(t, diags)
				_, diags = p.readData(resolved, resolveConfig("ada@acme.com", service, map[string]any{"check_stale": true}))
				wantFailure(t, diags, test.want)
			}
		})
	}
	t.Run("one answer cannot be used", func(t *testing.T) {
		t.Parallel()
		s := newTestServer(t, withDirectory("okta:acme.okta.com", &testDirectory{Err: directory.ErrAnswer})).register("okta:acme.okta.com")
		p := newProtocolServer(t, nil, s.settings())
		_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"on_unmapped": "ignore"}))
		wantFailure(t, diags, "Resolve Identity … For ada@acme.com in okta:acme.okta.com … cannot be used")
	})
}

func TestResolvedIdentity_ruleFails(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada@acme.com", "00u1"))).register("okta:acme.okta.com", "aws_iam:123456789012")
	p := newProtocolServer(t, nil, s.settings())
	tests := map[string]struct {
		service string
		rule    map[string]any
		want    string
	}{
		"expression": {
			"okta:acme.okta.com", map[string]any{"name": "cel", "service_type": "okta", "expression": `user.identities["github:acme"]`},
			`The rule "cel" failed for ada@acme.com in okta:acme.okta.com: expression: no such key`,
		},
		"what it gives is no identity": {
			"aws_iam:123456789012", map[string]any{"name": "arn", "service_type": "aws_iam", "identity": "$0"},
			`The rule "arn" failed for ada@acme.com in aws_iam:123456789012: it gave "ada@acme.com"`,
		},
	}
	for name, test := range tests {
		_, diags := p.readData(resolved, resolveConfig("ada@acme.com", test.service, map[string]any{"on_unmapped": "ignore", "rules": []any{test.rule}}))
		wantDiagnostics(t, diags, "ERROR: Reducer Rule Failed | "+test.want)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestResolvedIdentity_withoutExtensions asks a server that is Sym's own, so
// to say: it has none of the calls that are marked ext.
func TestResolvedIdentity_withoutExtensions(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada@acme.com", "00u1"))).register("okta:acme.okta.com")
	s.mapping("bob@acme.com", "okta:acme.okta.com", "00u2", "manual")
	for _, path := range []string{"users/search", "identities/lookup", "identities/search"} {
		s.failNext(1000, "POST", path, 404, `{"error":true,"message":"Missing","status_code":404}`)
	}
	p := newProtocolServer(t, nil, s.settings())
	_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com"))
	wantDiagnostics(t, diags, "ERROR: Unmapped User | … email  skipped: this API has no directories … (reason: no_directory)")
	got, diags := p.readData(resolved, resolveConfig("bob@acme.com", "okta:acme.okta.com"))
	wantDiagnostics(t, diags)
	if got["identity"] != "00u2" {
		t.Errorf("got %v", got)
	}
	// The holder is found without a search, too.
	_, diags = p.readData(resolved, resolveConfig("carol@acme.com", "okta:acme.okta.com", map[string]any{
		"rules": []any{map[string]any{"name": "r", "service_type": "okta", "identities": map[string]any{"carol@acme.com": "00u2"}}},
	}))
	wantDiagnostics(t, diags, "ERROR: Unmapped User | … 00u2, belongs to bob@acme.com (reason: claimed)")
}
