// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func TestValidateProvider(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config map[string]any
		want   []string
	}{
		"empty":   {},
		"unknown": {config: map[string]any{"org": unknown, "api_url": unknown, "embedded": unknown, "rules": unknown, "http_headers": unknown, "max_retries": unknown, "request_timeout": unknown}},
		"unknown inside": {config: map[string]any{
			"embedded": map[string]any{"config": unknown}, "http_headers": map[string]any{"X-A": unknown},
			"rules": []any{map[string]any{"name": "r", "service_type": "okta", "identity": unknown}},
		}},
		"files are not looked for": {config: map[string]any{"token_file": "nowhere", "ca_cert_file": "nowhere", "embedded": map[string]any{"config": "nowhere"}}},
		"URL with a password": {
			config: map[string]any{"api_url": "https://u:hunter2@api.example.com"},
			want:   []string{`ERROR AttributeName("api_url") … must not hold a user name or password`},
		},
		"URL without a scheme": {
			config: map[string]any{"api_url": "identity.example.com/api/v1"},
			want:   []string{`AttributeName("api_url") … http or https URL`},
		},
		"numbers": {
			config: map[string]any{"max_retries": -1, "max_concurrency": 0, "requests_per_second": -0.5},
			want:   []string{`AttributeName("max_concurrency")`, `AttributeName("max_retries")`, `AttributeName("requests_per_second")`},
		},
		"duration": {
			config: map[string]any{"request_timeout": "-3s"},
			want:   []string{`AttributeName("request_timeout") … "-3s" is not a duration above zero`},
		},
		"headers": {
			config: map[string]any{"http_headers": map[string]any{"authorization": "Bearer hunter2", "Bad Name": "v", "X-Ok": "v", "X-Null": nil}},
			want: []string{
				`AttributeName("http_headers").ElementKeyString("Bad Name") … is not a header name`,
				`ElementKeyString("X-Null") … null`,
				`ElementKeyString("authorization") … cannot be set beside a token`,
			},
		},
		"token with a line break": {
			config: map[string]any{"token": "hunter2\n"},
			want:   []string{`AttributeName("token") … line break`},
		},
		"empty strings": {
			config: map[string]any{"org": "", "token": "", "token_file": ""},
			want:   []string{`AttributeName("org") … empty`, `AttributeName("token") … empty`, `AttributeName("token_file") … empty`},
		},
		"two targets": {
			config: map[string]any{"api_url": "https://api.example.com", "embedded": map[string]any{"config": "f"}},
			want:   []string{`AttributeName("embedded") … exclude each other`},
		},
		"a bad rule": {
			config: map[string]any{"rules": []any{
				map[string]any{"name": "ok", "service_type": "okta", "identity": "$0"},
				map[string]any{"name": "bad", "service_type": "okta", "match": "(", "identity": "x"},
			}},
			want: []string{`AttributeName("rules").ElementKeyInt(1).AttributeName("match")`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := newProtocolServer(t, nil, nil).validateProvider(tt.config)
			wantDiagnostics(t, got, tt.want...)
			for _, d := range got {
				if strings.Contains(describeDiagnostic(d), "hunter2") {
					t.Errorf("a secret is repeated: %s", describeDiagnostic(d))
				}
			}
		})
	}
}

func TestConfigure_filesAndUnknowns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	notPEM := filepath.Join(dir, "not.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "https://api.example.com"
	tests := map[string]struct {
		config map[string]any
		env    map[string]string
		want   []string
	}{
		"nothing is needed yet": {config: map[string]any{}},
		"token file":            {config: map[string]any{"api_url": url, "token_file": dir + "/none"}, want: []string{`AttributeName("token_file") … none`}},
		"token file is a folder": {
			config: map[string]any{"api_url": url, "token_file": dir}, want: []string{`AttributeName("token_file") … is a folder`},
		},
		"embedded": {
			config: map[string]any{"embedded": map[string]any{"config": dir + "/none"}},
			want:   []string{`AttributeName("embedded").AttributeName("config") … none`},
		},
		"CA":             {config: map[string]any{"api_url": url, "ca_cert_file": notPEM}, want: []string{`AttributeName("ca_cert_file") … PEM`}},
		"CA missing":     {config: map[string]any{"api_url": url, "ca_cert_file": dir + "/none"}, want: []string{`AttributeName("ca_cert_file") … none`}},
		"client":         {config: map[string]any{"api_url": url, "client_cert_file": notPEM, "client_key_file": notPEM}, want: []string{`AttributeName("client_cert_file") … cannot be loaded`}},
		"insecure warns": {config: map[string]any{"api_url": url, "insecure": true}, want: []string{`WARNING AttributeName("insecure") … can read the token`}},
		"bad variable":   {config: map[string]any{}, env: map[string]string{"SYM_MAX_RETRIES": "many"}, want: []string{`AttributeName("max_retries") … SYM_MAX_RETRIES`}},
		"unknown rule": {
			config: map[string]any{"rules": []any{map[string]any{"name": "r", "service_type": "okta", "identity": unknown}}},
			want:   []string{`AttributeName("rules") … not known`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostics(t, newProtocolServer(t, tt.env, nil).configure(tt.config), tt.want...)
		})
	}
}

const noBody = "-"

// TestConnect_failures: whatever is wrong with the API shows as one diagnostic
// that says where, and never as a missing service.
func TestConnect_failures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		want   string
	}{
		"401":            {401, `{"error":true,"message":"token is expired","code":"Auth:UNAUTHENTICATED"}`, "does not accept the token … jwt_env_var … The server said: token is expired … status 401"},
		"403":            {403, `{"error":true,"message":"no","code":"Auth:FORBIDDEN"}`, "role does not allow … status 403"},
		"404 HTML":       {404, "<html><title>Not here</title></html>", "does not know this call … /api/v1 … Not here … status 404"},
		"200 HTML":       {200, "<html><title>Please log in</title></html>", "not that of an identity API … Please log in … status 200"},
		"truncated JSON": {200, `{"org": "acme", "ro`, "not that of an identity API … not valid JSON … status 200"},
		"empty object":   {200, `{}`, "not that of an identity API … status 200"},
		"empty":          {200, "", "not that of an identity API … empty … status 200"},
		"502 HTML":       {502, "<h1>Bad Gateway</h1>", "not available … Bad Gateway … status 502"},
		"500":            {500, `{"error":true,"message":"an internal error occurred","code":"Internal:ERROR"}`, "The server failed … status 500"},
		"429":            {429, `{"error":true,"message":"slow down"}`, "limits how many requests … requests_per_second … status 429"},
		"redirect":       {302, noBody, "not that of an identity API … status 302"},
		"echoes token":   {400, `{"error":true,"message":"bad token ` + testToken + `"}`, "Bad token [secret] … status 400"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newTestServer(t).register("okta:acme.okta.com")
			api.failNext(1000, "", "", tt.status, strings.TrimPrefix(tt.body, noBody))
			p := newProtocolServer(t, nil, api.settings())
			state, diags := p.read("sym_service", oktaServiceState())
			wantDiagnostics(t, diags, "ERROR … Unable to Connect to the Identity API … Request: GET /api/v1/auth/login … request ID … "+tt.want)
			if state == nil {
				t.Error("a failure looked like a deleted service")
			}
			for _, d := range diags {
				if strings.Contains(describeDiagnostic(d), testToken) {
					t.Errorf("the token is shown: %s", describeDiagnostic(d))
				}
			}
		})
	}
}

func oktaServiceState() map[string]any {
	return map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "id": "00000000-0000-0000-0000-000000000000", "key": "okta:acme.okta.com"}
}

func TestConnect_unreachable(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, map[string]any{"api_url": "http://127.0.0.1:1/api/v1", "token": testToken, "max_retries": 0})
	_, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "ERROR … The API did not answer: dial … Check that api_url … Request: GET /api/v1/auth/login, request ID ")
}

func TestConnect_configuration(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	loginFile := filepath.Join(home, ".config", "symflow", "default", "config.yml")
	writeFile(t, loginFile, "email: ada@example.com\norg: globex\nauth_token:\n  access_token: "+testToken+"\n")
	mine := t.TempDir()
	writeFile(t, filepath.Join(mine, ".config", "symflow", "default", "config.yml"), "org: acme\nauth_token: {access_token: "+testToken+"}\n")
	tokenFile := filepath.Join(t.TempDir(), "token")
	writeFile(t, tokenFile, testToken+"\n")

	tests := map[string]struct {
		config map[string]any
		env    map[string]string
		want   []string
	}{
		"nothing":             {want: []string{"No Identity API Configured … api_url … embedded"}},
		"no token":            {config: map[string]any{"api_url": "URL"}, want: []string{"No Token … SYM_JWT; token_file … symflow login"}},
		"named variable":      {config: map[string]any{"api_url": "URL", "jwt_env_var": "CI_JWT"}, env: map[string]string{"SYM_JWT": testToken}, want: []string{"No Token … CI_JWT"}},
		"another org":         {config: map[string]any{"api_url": "URL", "token": testToken, "org": "globex"}, want: []string{`Another Organization … "globex" … "acme"`}},
		"symflow another org": {config: map[string]any{"api_url": "URL", "org": "acme"}, env: map[string]string{"HOME": home}, want: []string{`Another Organization … symflow … "globex"`}},
		"symflow":             {config: map[string]any{"api_url": "URL", "org": "acme"}, env: map[string]string{"HOME": mine}},
		"token file":          {config: map[string]any{"api_url": "URL", "token_file": tokenFile}},
		"environment":         {env: map[string]string{"SYM_API_URL": "URL", "SYM_JWT": testToken, "SYM_ORG": "acme"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newTestServer(t).register("okta:acme.okta.com")
			env, config := map[string]string{}, map[string]any{}
			for k, v := range tt.env {
				env[k] = strings.Replace(v, "URL", api.URL, 1)
			}
			for k, v := range tt.config {
				config[k] = v
				if v == "URL" {
					config[k] = api.URL
				}
			}
			state, diags := newProtocolServer(t, env, config).read("sym_service", oktaServiceState())
			wantDiagnostics(t, diags, tt.want...)
			if state == nil {
				t.Error("the service was dropped from state")
			}
			if len(tt.want) > 0 && len(api.requests("GET services")) > 0 {
				t.Error("the API was used although the configuration is wrong")
			}
		})
	}
}

func writeFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConnect_requests(t *testing.T) {
	t.Parallel()
	api := newTestServer(t).register("okta:acme.okta.com")
	p := newProtocolServer(t, nil, api.settings(map[string]any{"http_headers": map[string]any{"X-Team": "infra"}}))
	if n := len(api.requests()); n != 0 {
		t.Fatalf("configuring sent %d requests", n)
	}
	for range 3 {
		_, diags := p.read("sym_service", oktaServiceState())
		wantDiagnostics(t, diags)
	}
	if n := len(api.requests("GET auth/login")); n != 1 {
		t.Errorf("auth/login was asked %d times, want once", n)
	}
	for _, r := range api.requests() {
		if got := r.Header.Get("User-Agent"); got != "terraform-provider-sym/test Terraform/1.14.0" {
			t.Errorf("User-Agent: %q", got)
		}
		if r.Header.Get("X-Team") != "infra" || r.Header.Get("Authorization") != "Bearer "+testToken || r.Header.Get(symapi.RequestIDHeader) == "" {
			t.Errorf("headers of %s: %v", r, r.Header)
		}
	}
}

func TestConnect_skipCredentialsValidation(t *testing.T) {
	t.Parallel()
	api := newTestServer(t).register("okta:acme.okta.com")
	api.failNext(1000, http.MethodGet, "auth/login", http.StatusNotFound, "{}")
	p := newProtocolServer(t, nil, api.settings(map[string]any{"skip_credentials_validation": true}))
	_, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags)
	if n := len(api.requests("GET auth/login")); n != 0 {
		t.Errorf("auth/login was asked %d times", n)
	}
}

func TestConnect_readOnly(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings(map[string]any{"read_only": true}))
	_, diags := p.apply("sym_service", nil, map[string]any{"service_type": "okta", "external_id": "acme.okta.com"})
	wantDiagnostics(t, diags, "Unable to Create Service … For okta:acme.okta.com: the provider is read-only … SYM_READ_ONLY")
	for _, r := range api.requests() {
		if r.Method != http.MethodGet {
			t.Errorf("%s was sent", r)
		}
	}
}

func TestConnect_timeout(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	api.setLatency(2 * time.Second)
	p := newProtocolServer(t, nil, api.settings(map[string]any{"request_timeout": "50ms"}))
	_, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "did not answer within 50ms … request_timeout … GET /api/v1/auth/login")
}

// TestConnect_retriesAfterFailure: the next resource tries again.
func TestConnect_retriesAfterFailure(t *testing.T) {
	t.Parallel()
	api := newTestServer(t).register("okta:acme.okta.com")
	api.failNext(1, http.MethodGet, "auth/login", http.StatusUnauthorized, "{}")
	p := newProtocolServer(t, nil, api.settings())
	_, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "Unable to Connect")
	_, diags = p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags)
}
