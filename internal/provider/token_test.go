// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

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
		fmt.Fprint(w, `{"org":"acme","role":"admin","name":"ci","services":[{"id":"1","slug":"okta","external_id":"acme.okta.com","label":""}]}`)
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
			_, diags := newProtocolServer(t, env, config).read("sym_service", oktaServiceState())
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
