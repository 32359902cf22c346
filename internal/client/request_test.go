// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func typed(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// TestFailures goes through what can go wrong with an answer. Each server
// repeats the token wherever it can; no error and no Exchange may.
func TestFailures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler   http.HandlerFunc
		transport http.RoundTripper
		timeout   time.Duration
		status    int
		code      identity.Code
		want      []string
	}{
		"HTML 502": {
			handler: typed(502, "text/html; charset=utf-8", "<html><head><title>Bad Gateway "+testToken+"</title></head></html>"),
			status:  502, code: identity.CodeUnavailable, want: []string{"the answer was not JSON (text/html, 502): Bad Gateway [secret]"},
		},
		"HTML without title": {
			handler: typed(503, "text/html", "<p>Down\n for <b>"+html.EscapeString(testToken)+"</b></p>"),
			status:  503, code: identity.CodeUnavailable, want: []string{"Down for [secret]"},
		},
		"HTML 404": {
			handler: typed(404, "text/html", "<html>no "+url.QueryEscape(testToken)+"</html>"),
			status:  404, code: identity.CodeMissing, want: []string{"not JSON (text/html, 404)"},
		},
		"HTML 200": {
			handler: typed(200, "text/html", "<title>Sign in</title>"),
			status:  200, code: identity.CodeInternal, want: []string{"the answer was not JSON (text/html, 200): Sign in"},
		},
		"binary": {
			handler: typed(500, "application/octet-stream", "\x00\x01"+testToken),
			status:  500, code: identity.CodeInternal, want: []string{"(application/octet-stream, 500)"},
		},
		"empty 500": {handler: typed(500, "text/plain", ""), status: 500, code: identity.CodeInternal, want: []string{"(empty, 500)"}},
		"empty 200": {handler: typed(200, "application/json", ""), status: 200, code: identity.CodeInternal, want: []string{"(empty, 200)"}},
		"truncated JSON": {
			handler: typed(200, "application/json", `{"org":"acme","role":"`+testToken),
			status:  200, code: identity.CodeInternal, want: []string{"not valid JSON (application/json, 200"},
		},
		"truncated error": {
			handler: typed(409, "application/json", `{"error":true,"message":"`+testToken),
			status:  409, code: identity.CodeInvalid, want: []string{"not valid JSON (application/json, 409"},
		},
		"array":        {handler: typed(200, "application/json", `["`+testToken+`"]`), status: 200, code: identity.CodeInternal, want: []string{"makes no sense"}},
		"empty object": {handler: typed(200, "application/json", `{}`), status: 200, code: identity.CodeInternal, want: []string{"may not be that of an identity API"}},
		"wrong type":   {handler: typed(200, "application/json", `{"org":["`+testToken+`"]}`), status: 200, code: identity.CodeInternal, want: []string{"makes no sense"}},
		"error at 200": {
			handler: typed(200, "application/json", `{"error":true,"message":"no `+testToken+`","code":"User:INVALID"}`),
			status:  200, code: identity.CodeUserInvalid, want: []string{"no [secret]"},
		},
		"401": {
			handler: typed(401, "application/json", `{"error":true,"message":"You must be logged in to perform this action.","code":"Authentication:INVALID_JWT","status_code":401,"is_retryable":false}`),
			status:  401, code: identity.CodeUnauthenticated, want: []string{"You must be logged in"},
		},
		"401 of a gateway": {handler: typed(401, "application/json", `{"message":"Unauthorized `+testToken+`"}`), status: 401, code: identity.CodeUnauthenticated, want: []string{"Unauthorized [secret]"}},
		"401 of an OAuth proxy": {
			handler: typed(401, "application/json", `{"error":"invalid_token","error_description":"The token expired"}`),
			status:  401, code: identity.CodeUnauthenticated, want: []string{"The token expired"},
		},
		"403": {
			handler: typed(403, "application/json", `{"error":true,"message":"You are not authorized to perform this action.","code":"Auth:FORBIDDEN"}`),
			status:  403, code: identity.CodeForbidden, want: []string{"not authorized"},
		},
		"403 problem": {handler: typed(403, "application/problem+json", `{"title":"Forbidden","detail":"policy 7"}`), status: 403, code: identity.CodeForbidden, want: []string{"policy 7"}},
		"404 JSON without code": {
			handler: typed(404, "application/json", `{"message":"Missing entity (404)."}`),
			status:  404, code: identity.CodeMissing, want: []string{"Missing entity"},
		},
		"unknown code": {handler: typed(418, "application/json", `{"message":"m","code":"Tea:`+testToken+`"}`), status: 418, code: "Tea:[secret]", want: []string{"m"}},
		"control characters": {
			handler: typed(400, "application/json", `{"message":"a\nb\u0007\u202ec","code":"Request:INVALID"}`),
			status:  400, code: identity.CodeInvalid, want: []string{"a b c"},
		},
		"token in the request id": {
			handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set(symapi.RequestIDHeader, testToken)
				typed(500, "application/json", `{"message":"m"}`)(w, r)
			}, status: 500, code: identity.CodeInternal, want: []string{"request [secret]"},
		},
		"redirect": {
			handler: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://sso.example.com/login?next="+url.QueryEscape(testToken), http.StatusFound)
			}, status: 302, code: identity.CodeInternal, want: []string{"leads elsewhere, to https://sso.example.com"},
		},
		"transport error": {
			transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("proxy refused %s", testToken) }),
			code:      identity.CodeUnavailable, want: []string{"got no answer", "proxy refused [secret]"},
		},
		"transport panic": {
			transport: roundTripper(func(r *http.Request) (*http.Response, error) { panic(fmt.Sprintf("cannot send %v", r.Header)) }),
			code:      identity.CodeUnavailable, want: []string{"got no answer", "a way that it must not", "Bearer [secret]"},
		},
		"timeout": {
			handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			timeout: 50 * time.Millisecond, code: identity.CodeUnavailable, want: []string{"did not answer within 50ms"},
		},
		"broken off": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				_, _ = w.Write([]byte(`{"org":"` + testToken))
			}, code: identity.CodeUnavailable, want: []string{"broke off"},
		},
		"hung up": {
			handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			code:    identity.CodeUnavailable, want: []string{"did not answer: EOF"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{BaseURL: "http://identity.example.com/api/v1", Token: StaticToken(testToken), Transport: test.transport, Timeout: test.timeout}
			if test.handler != nil {
				server := httptest.NewServer(test.handler)
				t.Cleanup(server.Close)
				cfg.BaseURL = server.URL + "/api/v1"
			}
			var observed []Exchange
			cfg.Observe = func(_ context.Context, e Exchange) { observed = append(observed, e) }
			c, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			err = login(c)
			e := apiError(t, err)
			if e.Method != "GET" || e.Path != "/api/v1/auth/login" || e.Status != test.status || e.Attempts != 1 || e.RequestID == "" {
				t.Errorf("got %+v", e)
			}
			wantCode(t, err, test.code)
			for _, want := range append(test.want, "GET /api/v1/auth/login", e.RequestID) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if test.status != 0 && !strings.Contains(err.Error(), fmt.Sprint(test.status)) {
				t.Errorf("%q lacks the status", err)
			}
			checkNoToken(t, err)
			for _, o := range observed {
				checkNoToken(t, fmt.Errorf("%+v %w", o, errors.Join(o.Err)))
			}
			if len(observed) != 1 || observed[0].Status != test.status {
				t.Errorf("observed %+v", observed)
			}
		})
	}
}

// checkNoToken looks for the token in every spelling of every error of a chain.
func checkNoToken(t *testing.T, err error) {
	t.Helper()
	if strings.ContainsAny(err.Error(), "\r\n\t") {
		t.Errorf("more than one line: %q", err)
	}
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			for _, form := range []string{testToken, url.QueryEscape(testToken), html.EscapeString(testToken), testToken[:20]} {
				if strings.Contains(text, form) {
					t.Errorf("the token shows in %s", text)
				}
			}
		}
		switch e := err.(type) { //nolint:errorlint // it walks the chain itself
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		}
	}
	walk(err)
}

func TestTokenThatCannotBeSent(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(request) answer { return ok(symapi.Login{Org: "acme"}) }}
	for name, token := range map[string]string{"empty": "", "line feed": testToken + "\n", "return": testToken + "\rX: y", "space": testToken + " x", "not ASCII": testToken + "é"} {
		err := login(f.client(t, retries(3), func(c *Config) { c.Token = StaticToken(token) }))
		e := apiError(t, err)
		if e.Attempts != 0 || !strings.Contains(err.Error(), "was not sent") || !strings.Contains(err.Error(), "the token") {
			t.Errorf("%s: %v", name, err)
		}
		checkNoToken(t, err)
	}
	f.wantCalls(t)

	broken := errors.New("vault is sealed")
	err := login(f.client(t, func(c *Config) { c.Token = func(context.Context) (string, error) { return "", broken } }))
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestHeaderValuesStayOutOfErrors(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(request) answer { return coded(400, identity.CodeInvalid, "bad key gateway-key-1, true") }}
	err := login(f.client(t, func(c *Config) { c.Headers = map[string]string{"X-Key": "gateway-key-1", "X-Debug": "true"} }))
	if !strings.Contains(err.Error(), "bad key [secret], true") {
		t.Errorf("got %v", err)
	}
}

func TestQueryStaysOutOfErrors(t *testing.T) {
	t.Parallel()
	c, err := New(Config{BaseURL: "http://identity.example.com/api/v1", Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, errors.New("broken")
	})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.do(context.Background(), call{method: "GET", path: []string{"users"}, query: url.Values{"email": {"zoe@example.com"}}})
	if err == nil || strings.Contains(err.Error(), "zoe") { // not hex digits, as the request id is
		t.Errorf("got %v", err)
	}
}

// Every proper beginning of an object is unfinished, and the whole is not.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{}`, `{"a":"}","b":["{\"",{"c":"\\"}]}`, " {\n\"a\" : [ ] }\n"} {
		if unfinished([]byte(text)) || !json.Valid([]byte(text)) {
			t.Errorf("%s counts as unfinished", text)
		}
		for n := range text {
			part := text[:n]
			if opened := len(part) > 0 && part[0] == '{' || len(part) > 1 && part[1] == '{'; opened && !json.Valid([]byte(part)) && !unfinished([]byte(part)) {
				t.Errorf("%q counts as finished", part)
			}
		}
	}
	for _, text := range []string{"", "null", "<html>", `"`} {
		if unfinished([]byte(text)) {
			t.Errorf("%q is not the beginning of an object", text)
		}
	}
}
