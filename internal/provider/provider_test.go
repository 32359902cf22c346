// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
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
		"token file": {config: map[string]any{"api_url": url, "token_file": dir + "/none"}, want: []string{`AttributeName("token_file") … none`}},
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
		"insecure warns": {config: map[string]any{"api_url": url, "token": "of-nobody", "insecure": true, "skip_credentials_validation": true}, want: []string{`WARNING AttributeName("insecure") … can read the token`}},
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
// of Configure that says where.
func TestConnect_failures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		want   string
	}{
		"401":            {401, `{"error":true,"message":"token is expired","code":"Authentication:INVALID_JWT"}`, "Unable to Authenticate to the Identity API … does not accept the token from the attribute token … The server said: token is expired … status 401"},
		"403":            {403, `{"error":true,"message":"no","code":"Auth:FORBIDDEN"}`, "The role of the token from the attribute token does not allow … status 403"},
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
			diags := tryConfigure(t, nil, api.settings())
			title := "Unable to Connect to the Identity API … "
			if tt.status == http.StatusUnauthorized {
				title = ""
			}
			wantDiagnostics(t, diags, "ERROR … "+title+"Request: GET /api/v1/auth/login … request ID … "+tt.want)
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
	diags := tryConfigure(t, nil, map[string]any{"api_url": "http://127.0.0.1:1/api/v1", "token": testToken, "max_retries": 0})
	wantDiagnostics(t, diags, "ERROR … The API did not answer: dial … Nothing listens there … api_url … Request: GET /api/v1/auth/login, request ID ")
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
		"no token at all":     {env: map[string]string{"SYM_API_URL": "URL", "SYM_JWT": "Bearer " + testToken}, want: []string{"Unable to Connect … the token from the variable SYM_JWT holds a space"}},
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
			wantDiagnostics(t, tryConfigure(t, env, config), tt.want...)
			if len(tt.want) > 0 && len(api.requests("GET services")) > 0 {
				t.Error("the API was used although the configuration is wrong")
			}
		})
	}
}

// TestConnect_symflowLogin uses symflow's own login, and APIs whose auth/login answers
// symflow's keys only: one has the extensions, the other is one clear error.
func TestConnect_symflowLogin(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	writeFile(t, filepath.Join(home, ".config", "symflow", "default", "config.yml"),
		"auth_token:\n  access_token: "+testToken+"\n  expires_in: 86400\n  refresh_token: none\n  scope: offline_access\n  token_type: Bearer\nemail: ada@acme.example\norg: acme\n")
	const login = `{"organization":"acme","username":"ada@acme.example","role":"admin"}`
	env := map[string]string{"HOME": home}

	t.Run("with the extensions", func(t *testing.T) {
		t.Parallel()
		api := newTestServer(t).register(testOkta)
		api.failNext(1, http.MethodGet, "auth/login", http.StatusOK, login)
		p := newProtocolServer(t, env, map[string]any{"api_url": api.URL, "org": "acme"})
		_, diags := p.apply("sym_identity", nil, oktaConfig("ada@acme.example", "00u1"))
		wantDiagnostics(t, diags)
		api.wantStored("ada@acme.example", testOkta, "00u1", identity.Manual)
		for _, r := range api.requests() {
			if r.Header.Get("Authorization") != "Bearer "+testToken {
				t.Errorf("%s was sent with another token", r)
			}
		}
	})
	t.Run("without the extensions", func(t *testing.T) {
		t.Parallel()
		var mu sync.Mutex
		var sent []string
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			sent = append(sent, r.Method+" "+r.URL.Path)
			mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			switch r.Method + " " + r.URL.Path {
			case "GET /api/v1/auth/login":
				_, _ = io.WriteString(w, login)
			case "GET /api/v1/users": // which would look as if everybody were gone
				_, _ = io.WriteString(w, `{"users":[]}`)
			default:
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, `{"error":true,"message":"Missing entity (404).","code":"Entity:MISSING","status_code":404,"is_retryable":false}`)
			}
		}))
		t.Cleanup(api.Close)
		diags := tryConfigure(t, env, map[string]any{"api_url": api.URL + "/api/v1", "org": "acme"})
		wantDiagnostics(t, diags, "Unable to Connect to the Identity API … The API at "+api.URL+"/api/v1 lacks users/search, which the provider needs … Use sym-identityd … check that the URL leads there")
		if diff := cmp.Diff([]string{"GET /api/v1/auth/login", "POST /api/v1/users/search"}, sent); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
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
	if n := len(api.requests("GET auth/login")); n != 1 {
		t.Fatalf("configuring asked auth/login %d times, want once", n)
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
	diags := tryConfigure(t, nil, api.settings(map[string]any{"request_timeout": "50ms"}))
	wantDiagnostics(t, diags, "did not answer within 50ms … request_timeout … GET /api/v1/auth/login")
}

// TestConnect_retriesAfterFailure: the next walk tries again.
func TestConnect_retriesAfterFailure(t *testing.T) {
	t.Parallel()
	api := newTestServer(t).register("okta:acme.okta.com")
	api.failNext(1, http.MethodGet, "auth/login", http.StatusUnauthorized, "{}")
	p := newProtocolServer(t, nil, nil)
	wantDiagnostics(t, p.configure(api.settings()), "Unable to Authenticate to the Identity API")
	wantDiagnostics(t, p.configure(api.settings()))
	_, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags)
}

func embeddedSettings(file string, more map[string]any) map[string]any {
	config := map[string]any{"embedded": map[string]any{"config": file}}
	for k, v := range more {
		config[k] = v
	}
	return config
}

func TestEmbedded_createdStoreIsToldWithWhatIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "sym-identityd.hcl")
	writeFile(t, file, "org = \"acme\"\nstore = \"sqlite:identities.db\"\n")

	p := newProtocolServer(t, nil, embeddedSettings(file, map[string]any{"org": "acme"}))
	_, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "Service Is Gone … was created empty … check the store setting … the next apply registers it again")

	second := newProtocolServer(t, nil, embeddedSettings(file, nil)) // as the next run
	_, diags = second.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "Service Is Gone")
	if strings.Contains(diags[0].Detail, "created empty") {
		t.Error("a store that was there is said to be new")
	}
}

func TestEmbedded_anotherOrgOpensNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "sym-identityd.hcl")
	writeFile(t, file, testEmbeddedConfig)
	for _, skip := range []bool{false, true} {
		diags := tryConfigure(t, nil, embeddedSettings(file, map[string]any{"org": "globex", "skip_credentials_validation": skip}))
		wantDiagnostics(t, diags, `Another Organization … "globex" … `+file+` … "acme"`)
	}
	if _, err := os.Stat(filepath.Join(dir, "identities.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another org's store was created: %v", err)
	}
}

func TestEmbedded_badFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, `org   = "acme"
store = "sqlite:identities.db"
service "okta" "acme.okta.com" {
  directory "http" {
    url      = "https://okta.example.com/?email={email}"
    headers  = { Authorization = env("OKTA_TOKEN") }
    identity = "response.id"
  }
}
service "slack" "lower" {}
`)
	diags := tryConfigure(t, map[string]string{"OTHER": "hunter2"}, embeddedSettings(file, nil))
	wantDiagnostics(t, diags, "Unable to Open the Embedded Identity API … "+file+":6: … OKTA_TOKEN … "+file+":10: … Must start with 'T'")
}

func TestEmbedded_readsTheProvidersEnvironment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, "org = env(\"MY_ORG\")\nstore = \"sqlite:identities.db\"\n")
	env := map[string]string{"MY_ORG": "acme", "SYM_EMBEDDED_CONFIG": file, "SYM_ORG": "acme"}
	p := newProtocolServer(t, env, map[string]any{})
	state, diags := p.apply("sym_service", nil, oktaServiceConfig("Okta"))
	wantDiagnostics(t, diags)
	if state["key"] != "okta:acme.okta.com" {
		t.Errorf("state: %v", state)
	}
}

// jwtFor is a token that nobody has signed.
func jwtFor(audience string) string {
	claims, _ := json.Marshal(map[string]any{"aud": audience, "exp": time.Now().Add(time.Hour).Unix()})
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc(claims) + "." + enc([]byte("signature"))
}

// tokenAPI accepts every token and remembers them. Below /actions it is GitHub.
type tokenAPI struct {
	url     string
	actions int // tokens asked for

	mu   sync.Mutex
	seen map[string]bool
}

func newTokenAPI(t *testing.T) *tokenAPI {
	t.Helper()
	api := &tokenAPI{seen: map[string]bool{}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.mu.Lock()
		defer api.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if strings.HasPrefix(r.URL.Path, "/actions") {
			api.actions++
			if bearer != "grant" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			fmt.Fprintf(w, `{"value":%q}`, jwtFor(r.URL.Query().Get("audience")))
			return
		}
		api.seen[bearer] = true
		fmt.Fprint(w, `{"org":"acme","role":"admin","name":"ci","users":[],"services":[{"id":"1","slug":"okta","external_id":"acme.okta.com","label":""}]}`)
	}))
	t.Cleanup(srv.Close)
	api.url = srv.URL
	return api
}

// TestTokenSources: which token reaches the API, of all that are there. The
// rows follow the order that the documentation tells.
func TestTokenSources(t *testing.T) {
	t.Parallel()
	home, file := t.TempDir(), filepath.Join(t.TempDir(), "token")
	writeFile(t, filepath.Join(home, ".config", "symflow", "default", "config.yml"), "org: acme\nauth_token: {access_token: from-symflow}\n")
	writeFile(t, file, "from-file\n")
	job, other := jwtFor("sym"), jwtFor("vault")

	// Everything that can be there, by the name of its variable.
	all := map[string]string{
		"V": "from-named", "SYM_JWT": "from-variable", "SYM_TOKEN_FILE": file, "HOME": home, "SYM_OIDC_AUDIENCE": "sym",
		"TFC_WORKLOAD_IDENTITY_TOKEN_SYM": job, "TFC_WORKLOAD_IDENTITY_TOKEN": job, "TFC_RUN_ID": "run-1",
		"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "URL/actions?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "grant",
	}
	without := func(names ...string) map[string]string {
		env := map[string]string{}
		for k, v := range all {
			env[k] = v
		}
		for _, name := range names {
			delete(env, name)
		}
		return env
	}
	with := func(env map[string]string, name, value string) map[string]string {
		env[name] = value
		return env
	}
	explicit := []string{"SYM_JWT", "SYM_TOKEN_FILE"}
	noTFC := slices.Concat(explicit, []string{"TFC_WORKLOAD_IDENTITY_TOKEN_SYM", "TFC_WORKLOAD_IDENTITY_TOKEN", "TFC_RUN_ID"})
	noCI := slices.Concat(noTFC, []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"})
	tests := map[string]struct {
		config map[string]any
		env    map[string]string
		want   string // the token
		fails  string
	}{
		"1 token":             {config: map[string]any{"token": "from-token", "token_file": file, "jwt_env_var": "V"}, env: all, want: "from-token"},
		"2 token_file":        {config: map[string]any{"token_file": file, "jwt_env_var": "V"}, env: all, want: "from-file"},
		"3 jwt_env_var":       {config: map[string]any{"jwt_env_var": "V"}, env: all, want: "from-named"},
		"3 jwt_env_var alone": {config: map[string]any{"jwt_env_var": "V"}, env: without("V"), fails: "No Token … names the variable V"},
		"4 SYM_JWT":           {env: all, want: "from-variable"},
		"5 SYM_TOKEN_FILE":    {env: without("SYM_JWT"), want: "from-file"},
		"6 HCP Terraform":     {env: without(explicit...), want: job},
		"6 HCP Terraform, tagged first": {
			env: with(without(explicit...), "TFC_WORKLOAD_IDENTITY_TOKEN", other), want: job,
		},
		"6 HCP Terraform, another audience": {
			env:   with(without(append(explicit, "TFC_WORKLOAD_IDENTITY_TOKEN_SYM")...), "TFC_WORKLOAD_IDENTITY_TOKEN", other),
			fails: `No Token … TFC_WORKLOAD_IDENTITY_TOKEN holds … another audience than "sym" … TFC_WORKLOAD_IDENTITY_AUDIENCE_SYM`,
		},
		"6 GitHub Actions":            {env: without(noTFC...), want: jwtFor("sym")},
		"6 GitHub Actions, attribute": {config: map[string]any{"oidc_audience": "other"}, env: without(noTFC...), want: jwtFor("other")},
		"6 GitHub Actions, half": {
			env: without(append(noTFC, "ACTIONS_ID_TOKEN_REQUEST_TOKEN")...), fails: "No Token … ACTIONS_ID_TOKEN_REQUEST_TOKEN … id-token: write",
		},
		"6 GitHub Actions, denied": {
			env: with(without(noTFC...), "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "expired"), fails: `Unable to Connect … GitHub Actions gave no OIDC token for the audience "sym": it answered 403`,
		},
		"6 GitHub Actions, not permitted": {env: without(append(noCI, "HOME")...), fails: "No Token … without the permission id-token: write"},
		"7 symflow":                       {env: without(noCI...), want: "from-symflow"},
		"7 symflow, no audience":          {env: without(append(explicit, "SYM_OIDC_AUDIENCE")...), want: "from-symflow"},
		"7 symflow, of another org":       {config: map[string]any{"org": "globex"}, env: without(noCI...), fails: `Another Organization … symflow's login`},
		"nothing, in a job":               {env: with(without(append([]string{"SYM_OIDC_AUDIENCE"}, explicit...)...), "HOME", ""), fails: "No Token … With oidc_audience"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newTokenAPI(t)
			env := map[string]string{}
			for k, v := range tt.env {
				env[k] = strings.Replace(v, "URL", api.url, 1)
			}
			config := map[string]any{"api_url": api.url + "/api/v1"}
			for k, v := range tt.config {
				config[k] = v
			}
			diags := tryConfigure(t, env, config)
			if tt.fails != "" {
				wantDiagnostics(t, diags, "ERROR … "+tt.fails)
			} else {
				wantDiagnostics(t, diags)
			}
			if tt.fails == "" && (len(api.seen) != 1 || !api.seen[tt.want] && !sameClaims(api.seen, tt.want)) || tt.fails != "" && len(api.seen) > 0 {
				t.Errorf("the API saw %v, want %q", api.seen, tt.want)
			}
			if asked := api.actions > 0; asked != strings.HasPrefix(name, "6 GitHub Actions") && asked {
				t.Error("GitHub was asked for a token that is not used")
			}
			for _, d := range diags {
				for _, secret := range []string{"from-", job, other, "grant"} {
					if strings.Contains(describeDiagnostic(d), secret) {
						t.Errorf("%s shows in %s", secret, describeDiagnostic(d))
					}
				}
			}
		})
	}
}

// sameClaims compares a JWT that was made at another second.
func sameClaims(seen map[string]bool, want string) bool {
	audience := func(token string) string {
		var claims struct{ Aud string }
		parts := strings.Split(token, ".")
		if len(parts) == 3 {
			raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
			_ = json.Unmarshal(raw, &claims)
		}
		return claims.Aud
	}
	for token := range seen {
		if a := audience(token); a != "" && a == audience(want) {
			return true
		}
	}
	return false
}

// TestTransport_TLS: a private CA is accepted when named, and a client
// certificate is shown.
func TestTransport_TLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile, clientCert := clientCertificate(t, dir)
	clients := x509.NewCertPool()
	clients.AddCert(clientCert)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/needs-token/auth/login" && r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":true,"message":"there is no token","code":"Authentication:INVALID_JWT"}`))
			return
		}
		_, _ = w.Write([]byte(`{"org":"acme","role":"admin","name":"ci","users":[],"services":[{"id":"1","slug":"okta","external_id":"acme.okta.com","label":""}]}`))
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	caFile := filepath.Join(dir, "ca.pem")
	writeFile(t, caFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))

	tests := map[string]struct {
		settings map[string]any
		want     []string
	}{
		"everything named": {settings: map[string]any{"ca_cert_file": caFile, "client_cert_file": certFile, "client_key_file": keyFile}},
		"insecure":         {settings: map[string]any{"insecure": true, "client_cert_file": certFile, "client_key_file": keyFile}, want: []string{"WARNING … Certificates Are Not Checked"}},
		"unknown CA":       {settings: map[string]any{"client_cert_file": certFile, "client_key_file": keyFile}, want: []string{"certificate signed by unknown authority … ca_cert_file"}},
		"no certificate":   {settings: map[string]any{"ca_cert_file": caFile}, want: []string{"Unable to Connect … certificate required"}},
		"no token":         {settings: map[string]any{"token": nil, "ca_cert_file": caFile, "client_cert_file": certFile, "client_key_file": keyFile}},
		"no token, and the certificate is nobody's": {settings: map[string]any{"api_url": srv.URL + "/needs-token", "token": nil, "ca_cert_file": caFile, "client_cert_file": certFile, "client_key_file": keyFile},
			want: []string{"Unable to Authenticate to the Identity API … does not accept the client certificate " + certFile + " … The server said: there is no token"}},
		"another org, without a token": {settings: map[string]any{"org": "globex", "token": nil, "ca_cert_file": caFile, "client_cert_file": certFile, "client_key_file": keyFile},
			want: []string{"Another Organization … but the client certificate " + certFile + " is of the org \"acme\""}},
		"neither": {settings: map[string]any{"token": nil, "ca_cert_file": caFile}, want: []string{"No Token for the Identity API"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := map[string]any{"api_url": srv.URL + "/api/v1", "token": testToken, "max_retries": 0}
			for k, v := range tt.settings {
				config[k] = v
			}
			wantDiagnostics(t, tryConfigure(t, nil, config), tt.want...)
		})
	}
}

func clientCertificate(t *testing.T, dir string) (certFile, keyFile string, cert *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyRaw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(raw); err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	writeFile(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})))
	writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyRaw})))
	return certFile, keyFile, cert
}

// TestConfigure_closesTheLastInstance: a provider that is configured again lets
// go of the embedded store that it had open.
func TestConfigure_closesTheLastInstance(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, testEmbeddedConfig)
	sym := newProvider("test", lookupIn(nil))
	p := newProtocolServerOf(t, providerserver.NewProtocol6(sym)(), embeddedSettings(file, nil))
	p.apply("sym_service", nil, oktaServiceConfig("Okta"))
	first := sym.configured.Load()
	p.nextRun()
	var diags diag.Diagnostics
	if _, ok := first.connect(t.Context(), &diags); ok {
		t.Error("the first connection is open")
	}
	_, read := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, read)
	if err := sym.Close(); err != nil {
		t.Error(err)
	}
	_, read = p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, read, "Unable to Connect to the Identity API … is closed")
}
