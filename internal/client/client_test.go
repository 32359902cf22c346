// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	const good = "https://identity.example.com/api/v1"
	tests := map[string]struct {
		cfg  Config
		want string
	}{
		"empty":            {Config{}, "http or https"},
		"no scheme":        {Config{BaseURL: "identity.example.com/api/v1"}, "http or https"},
		"other scheme":     {Config{BaseURL: "ftp://identity.example.com"}, "http or https"},
		"no host":          {Config{BaseURL: "https:///api/v1"}, "http or https"},
		"port alone":       {Config{BaseURL: "https://:8080/api/v1"}, "http or https"},
		"password":         {Config{BaseURL: "https://u:hunter2@identity.example.com"}, "user name or password"},
		"broken, password": {Config{BaseURL: "https://u:hunter2@identity.example.com:port"}, "http or https"},
		"query":            {Config{BaseURL: good + "?a=1"}, "query"},
		"empty query":      {Config{BaseURL: good + "?"}, "query"},
		"fragment":         {Config{BaseURL: good + "#x"}, "fragment"},
		"empty fragment":   {Config{BaseURL: good + "#"}, "fragment"},
		"retries":          {Config{BaseURL: good, MaxRetries: -1}, "negative"},
		"concurrency":      {Config{BaseURL: good, MaxConcurrency: -1}, "negative"},
		"timeout":          {Config{BaseURL: good, Timeout: -time.Second}, "negative"},
		"rate":             {Config{BaseURL: good, RequestsPerSecond: -1}, "negative"},
		"rate NaN":         {Config{BaseURL: good, RequestsPerSecond: math.NaN()}, "negative"},
		"header name":      {Config{BaseURL: good, Headers: map[string]string{"a b": "c"}}, "not a header name"},
		"header value":     {Config{BaseURL: good, Headers: map[string]string{"A": "hunter2\r\nB: c"}}, "line break"},
		"own header":       {Config{BaseURL: good, Headers: map[string]string{"host": "x"}}, "sets it itself"},
		"two credentials":  {Config{BaseURL: good, Token: StaticToken("t"), Headers: map[string]string{"authorization": "x"}}, "Authorization"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(test.cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a secret: %v", err)
			}
		})
	}
}

func TestNewDefaults(t *testing.T) {
	t.Parallel()
	c, err := New(Config{BaseURL: " http://localhost:8080/api/v1/ "})
	if err != nil {
		t.Fatal(err)
	}
	if c.cfg.MaxConcurrency != DefaultConcurrency || c.cfg.Timeout != DefaultTimeout {
		t.Errorf("defaults: concurrency %d, timeout %s", c.cfg.MaxConcurrency, c.cfg.Timeout)
	}
}

func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		return answer{status: 200, header: map[string]string{symapi.RequestIDHeader: r.header.Get(symapi.RequestIDHeader)},
			body: symapi.Login{Org: "acme", Role: "admin", Name: "ci", StoreID: "s-1"}}
	}}
	var got []Exchange
	c := f.client(t, func(c *Config) {
		c.BaseURL += "//"
		c.UserAgent = "terraform-provider-sym/1.0"
		c.Headers = map[string]string{"x-gateway": "g"}
		c.Observe = func(_ context.Context, e Exchange) { got = append(got, e) }
	})
	who, err := c.Login(context.Background())
	if err != nil || who != (identity.Session{Principal: identity.Principal{Name: "ci", Org: "acme", Role: identity.Admin}, StoreID: "s-1"}) {
		t.Fatalf("got %+v, %v", who, err)
	}
	f.wantCalls(t, "GET auth/login")
	h := f.seen[0].header
	want := map[string]string{"Authorization": "Bearer " + testToken, "User-Agent": "terraform-provider-sym/1.0", "X-Gateway": "g", "Accept": "application/json", "Content-Type": ""}
	for name, value := range want {
		if h.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, h.Get(name), value)
		}
	}
	id := h.Get(symapi.RequestIDHeader)
	if len(id) != 36 || len(got) != 1 || got[0].RequestID != id {
		t.Errorf("request id %q, observed %+v", id, got)
	}
	if e := got[0]; e.Method != "GET" || e.Path != "/api/v1/auth/login" || e.Status != 200 || e.Attempt != 1 || e.Err != nil {
		t.Errorf("observed %+v", e)
	}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(request) answer { return ok(symapi.Login{Org: "acme"}) }}
	if err := login(f.client(t, func(c *Config) { c.Token = nil })); err != nil {
		t.Fatal(err)
	}
	if _, sent := f.seen[0].header["Authorization"]; sent {
		t.Error("an Authorization header was sent")
	}
}

func TestPathSegmentsAreEscaped(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(request) answer { return ok(person("u1", "a@example.com")) }}
	c := f.client(t)
	if _, err := c.SetRole(context.Background(), "o'brien+x%/@example.com", identity.Member); err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "POST users/o%27brien+x%25%2F@example.com/set-role")
	for _, id := range []string{"", ".", ".."} {
		_, err := c.References(context.Background(), id)
		wantCode(t, err, identity.CodeInvalid)
	}
	f.wantCalls(t, "POST users/o%27brien+x%25%2F@example.com/set-role")
}
