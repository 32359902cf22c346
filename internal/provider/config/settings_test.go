// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var embeddedTypes = map[string]attr.Type{"config": types.StringType}

func embeddedObject(config attr.Value) types.Object {
	return types.ObjectValueMust(embeddedTypes, map[string]attr.Value{"config": config})
}

// emptyModel is a provider block without arguments.
func emptyModel() Model {
	return Model{
		Embedded: types.ObjectNull(embeddedTypes), Rules: types.ListNull(types.StringType), HTTPHeaders: types.MapNull(types.StringType), AcceptStoreIDs: types.ListNull(types.StringType),
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	defaults := func(change func(*Settings)) Settings {
		s := Settings{
			MaxRetries: 5, MaxConcurrency: 10, RequestTimeout: 30 * time.Second, Token: tokenSetting{Kind: tokenSymflow, From: "symflow's login file"},
		}
		if change != nil {
			change(&s)
		}
		return s
	}
	full := map[string]string{
		"SYM_ORG": "env-org", "SYM_API_URL": "https://env.example.com/api/v1", "SYM_JWT": "env-token", "SYM_READ_ONLY": "true",
		"SYM_MAX_RETRIES": "1", "SYM_REQUESTS_PER_SECOND": "2.5", "SYM_MAX_CONCURRENCY": "3", "SYM_REQUEST_TIMEOUT": "4s",
		"SYM_SKIP_CREDENTIALS_VALIDATION": "1", "SYM_CA_CERT_FILE": "env-ca", "SYM_CLIENT_CERT_FILE": "env-cert",
		"SYM_CLIENT_KEY_FILE": "env-key", "SYM_INSECURE": "true",
	}
	tests := map[string]struct {
		config func(*Model)
		env    map[string]string
		want   Settings
	}{
		"nothing": {want: defaults(nil)},
		"everything from the environment": {
			env: full,
			want: Settings{
				Org: "env-org", APIURL: "https://env.example.com/api/v1", Token: tokenSetting{tokenStatic, "env-token", "the variable SYM_JWT"}, ReadOnly: true,
				MaxRetries: 1, RequestsPerSecond: 2.5, MaxConcurrency: 3, RequestTimeout: 4 * time.Second, SkipCredentialsValidation: true,
				CACertFile: "env-ca", ClientCertFile: "env-cert", ClientKeyFile: "env-key", Insecure: true,
			},
		},
		"configuration beats the environment": {
			env: full,
			config: func(m *Model) {
				m.Org, m.APIURL, m.Token = types.StringValue("org"), types.StringValue("https://api.example.com"), types.StringValue("token")
				m.ReadOnly, m.Insecure, m.SkipCredentialsValidation = types.BoolValue(false), types.BoolValue(false), types.BoolValue(false)
				m.MaxRetries, m.MaxConcurrency, m.RequestsPerSecond = types.Int64Value(0), types.Int64Value(9), types.Float64Value(0)
				m.RequestTimeout = types.StringValue("2m")
				m.CACertFile, m.ClientCertFile, m.ClientKeyFile = types.StringValue("ca"), types.StringValue("cert"), types.StringValue("key")
				m.HTTPHeaders = types.MapValueMust(types.StringType, map[string]attr.Value{"X-Team": types.StringValue("infra")})
			},
			want: Settings{
				Org: "org", APIURL: "https://api.example.com", Token: tokenSetting{tokenStatic, "token", "the attribute token"}, MaxConcurrency: 9,
				RequestTimeout: 2 * time.Minute, CACertFile: "ca", ClientCertFile: "cert", ClientKeyFile: "key",
				Headers: map[string]string{"X-Team": "infra"},
			},
		},
		"empty variables are not set": {
			env:  map[string]string{"SYM_ORG": "", "SYM_API_URL": "", "SYM_JWT": "", "SYM_MAX_RETRIES": "", "SYM_READ_ONLY": "", "SYM_REQUEST_TIMEOUT": ""},
			want: defaults(nil),
		},
		"embedded needs no token": {
			env:    map[string]string{"SYM_JWT": "t", "SYM_API_URL": "https://env.example.com"},
			config: func(m *Model) { m.Embedded = embeddedObject(types.StringValue("sym.hcl")) },
			want: defaults(func(s *Settings) {
				s.EmbeddedConfig, s.Token = "sym.hcl", tokenSetting{Kind: tokenNotAsked}
			}),
		},
		"embedded from the environment": {
			env: map[string]string{"SYM_EMBEDDED_CONFIG": "env.hcl"},
			want: defaults(func(s *Settings) {
				s.EmbeddedConfig, s.Token = "env.hcl", tokenSetting{Kind: tokenNotAsked}
			}),
		},
		"api_url switches off the variable of embedded": {
			env:    map[string]string{"SYM_EMBEDDED_CONFIG": "env.hcl"},
			config: func(m *Model) { m.APIURL = types.StringValue("https://api.example.com") },
			want:   defaults(func(s *Settings) { s.APIURL = "https://api.example.com" }),
		},
		"token before token_file": {
			env: map[string]string{"SYM_JWT": "env"},
			config: func(m *Model) {
				m.Token, m.TokenFile, m.JWTEnvVar = types.StringValue("t"), types.StringValue("f"), types.StringValue("V")
			},
			want: defaults(func(s *Settings) { s.Token = tokenSetting{tokenStatic, "t", "the attribute token"} }),
		},
		"token_file before jwt_env_var": {
			env:    map[string]string{"SYM_JWT": "env", "V": "named"},
			config: func(m *Model) { m.TokenFile, m.JWTEnvVar = types.StringValue("f"), types.StringValue("V") },
			want:   defaults(func(s *Settings) { s.Token = tokenSetting{tokenFile, "f", "the file f (token_file)"} }),
		},
		"jwt_env_var before SYM_JWT": {
			env:    map[string]string{"SYM_JWT": "env", "V": "named", "SYM_TOKEN_FILE": "f"},
			config: func(m *Model) { m.JWTEnvVar = types.StringValue("V") },
			want:   defaults(func(s *Settings) { s.Token = tokenSetting{tokenStatic, "named", "the variable V (jwt_env_var)"} }),
		},
		"jwt_env_var never falls back": {
			env:    map[string]string{"SYM_JWT": "somebody else's"},
			config: func(m *Model) { m.JWTEnvVar = types.StringValue("V") },
			want:   defaults(func(s *Settings) { s.Token = tokenSetting{Kind: tokenMissing, Value: "V"} }),
		},
		"SYM_JWT before SYM_TOKEN_FILE": {
			env:  map[string]string{"SYM_JWT": "env", "SYM_TOKEN_FILE": "f"},
			want: defaults(func(s *Settings) { s.Token = tokenSetting{tokenStatic, "env", "the variable SYM_JWT"} }),
		},
		"SYM_TOKEN_FILE before symflow": {
			env:  map[string]string{"SYM_TOKEN_FILE": "f"},
			want: defaults(func(s *Settings) { s.Token = tokenSetting{tokenFile, "f", "the file f (SYM_TOKEN_FILE)"} }),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := emptyModel()
			if tt.config != nil {
				tt.config(&m)
			}
			got, diags := Resolve(t.Context(), m, lookupIn(tt.env))
			if len(diags) != 0 {
				t.Fatalf("diagnostics: %v", diags)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

// The token goes over http only to this machine, unless somebody says otherwise.
func TestResolve_allowsHTTP(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"http://localhost:8080/api/v1", "http://127.0.0.1/api/v1", "http://[::1]:1/api/v1", "https://identity.acme.example"} {
		m := emptyModel()
		m.APIURL = types.StringValue(address)
		if s, diags := Resolve(t.Context(), m, lookupIn(nil)); diags.HasError() || s.APIURL != address {
			t.Errorf("%s: %v", address, diags)
		}
	}
	env := map[string]string{"SYM_API_URL": "http://identity.acme.example", "SYM_ALLOW_HTTP": "true"}
	if s, diags := Resolve(t.Context(), emptyModel(), lookupIn(env)); diags.HasError() || s.APIURL != env["SYM_API_URL"] {
		t.Errorf("allowed by the environment: %v", diags)
	}
}

func TestResolve_refuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config func(*Model)
		env    map[string]string
		want   []string // "path: words"
	}{
		"bad variables, all at once": {
			env: map[string]string{
				"SYM_API_URL": "https://u:hunter2@x.example.com", "SYM_READ_ONLY": "maybe", "SYM_MAX_RETRIES": "-1", "SYM_REQUESTS_PER_SECOND": "NaN",
				"SYM_MAX_CONCURRENCY": "0", "SYM_REQUEST_TIMEOUT": "soon", "SYM_INSECURE": "2", "SYM_SKIP_CREDENTIALS_VALIDATION": "x",
			},
			want: []string{
				"read_only: SYM_READ_ONLY", "max_retries: SYM_MAX_RETRIES", "requests_per_second: SYM_REQUESTS_PER_SECOND",
				"max_concurrency: SYM_MAX_CONCURRENCY", "request_timeout: SYM_REQUEST_TIMEOUT",
				"skip_credentials_validation: SYM_SKIP_CREDENTIALS_VALIDATION", "insecure: SYM_INSECURE", "api_url: SYM_API_URL",
			},
		},
		"http to another machine": {
			env:  map[string]string{"SYM_API_URL": "http://identity.acme.example/api/v1"},
			want: []string{"api_url: begins with http://"},
		},
		"http to a name that begins as this machine's": {
			config: func(m *Model) { m.APIURL = types.StringValue("HTTP://localhost.acme.example:8080") },
			want:   []string{"api_url: begins with http://"},
		},
		"http in the block, allowed by nobody": {
			env: map[string]string{"SYM_ALLOW_HTTP": "true"},
			config: func(m *Model) {
				m.APIURL, m.AllowHTTP = types.StringValue("http://10.0.0.1/api/v1"), types.BoolValue(false)
			},
			want: []string{"api_url: begins with http://"},
		},
		"certificate without key": {
			config: func(m *Model) { m.ClientCertFile = types.StringValue("cert") },
			want:   []string{"client_cert_file: needs both"},
		},
		"key without certificate": {
			env:  map[string]string{"SYM_CLIENT_KEY_FILE": "key"},
			want: []string{"client_key_file: needs both"},
		},
		"two targets": {
			config: func(m *Model) {
				m.APIURL, m.Embedded = types.StringValue("https://api.example.com"), embeddedObject(types.StringValue("f"))
			},
			want: []string{"embedded: exclude each other"},
		},
		"two targets in the environment": {
			env:  map[string]string{"SYM_API_URL": "https://api.example.com", "SYM_EMBEDDED_CONFIG": "f"},
			want: []string{": SYM_API_URL and SYM_EMBEDDED_CONFIG"},
		},
		"unknown, each apart": {
			config: func(m *Model) {
				m.APIURL, m.Token, m.MaxRetries = types.StringUnknown(), types.StringUnknown(), types.Int64Unknown()
				m.Embedded = embeddedObject(types.StringUnknown())
				m.HTTPHeaders = types.MapValueMust(types.StringType, map[string]attr.Value{"X-A": types.StringUnknown()})
				m.Rules = types.ListUnknown(types.StringType)
			},
			want: []string{
				"api_url: from SYM_API_URL", "embedded: not known", "http_headers: not known", "max_retries: not known",
				"rules: not known", "token: not known",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := emptyModel()
			if tt.config != nil {
				tt.config(&m)
			}
			_, diags := Resolve(t.Context(), m, lookupIn(tt.env))
			if len(diags) != len(tt.want) {
				t.Fatalf("got %d diagnostics, want %d: %v", len(diags), len(tt.want), diags)
			}
			for i, want := range tt.want {
				at, words, _ := strings.Cut(want, ": ")
				if got := pathOf(diags[i]); got != at || !strings.Contains(diags[i].Detail(), words) {
					t.Errorf("diagnostic %d at %q: %s\nwant at %q: %s", i, got, diags[i].Detail(), at, words)
				}
				if strings.Contains(diags[i].Detail(), "hunter2") {
					t.Errorf("diagnostic %d repeats a password", i)
				}
			}
		})
	}
}

func pathOf(d diag.Diagnostic) string {
	if with, ok := d.(diag.DiagnosticWithPath); ok {
		return with.Path().String()
	}
	return ""
}

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
}

func TestEnvironment_namesAttributes(t *testing.T) {
	t.Parallel()
	values := Model{}.values()
	for attribute := range environment {
		if _, ok := values[attribute]; !ok {
			t.Errorf("a variable stands for %s, which is no attribute", attribute)
		}
	}
}
