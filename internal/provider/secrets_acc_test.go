// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// What must show nowhere. The characters are those that URLs, pages and JSON
// write in their own ways.
const (
	secretToken   = "s3cr3t/t0ken+of=the&admin<1>"
	secretHeader  = "g4teway/key+for=this&test<2>"
	secretProxied = "pr0xy-passw0rd-of-this-test"
)

const secretsConfig = `
terraform {
  required_providers {
    sym = { source = "sym-identity/sym" }
  }
}
variable "key" {
  type      = string
  sensitive = true
}
provider "sym" {
  org          = "acme"
  max_retries  = 1
  http_headers = { X-Gateway-Key = var.key }
}
resource "sym_identity" "ada" {
  user         = "ada@acme.example"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u1"
}
data "sym_users" "all" {}
`

// echo answers what it was sent, as badly made gateways do.
func echo(status int, kind string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Get("Authorization") + " " + r.Header.Get("X-Gateway-Key")
		w.Header().Set("Content-Type", kind)
		w.Header().Set("X-Sym-Request-Id", url.QueryEscape(sent))
		w.Header().Set("Location", "https://sso.example.com/?"+url.QueryEscape(sent))
		w.WriteHeader(status)
		if kind == "application/json" {
			fmt.Fprintf(w, `{"error":true,"message":%q,"code":"Authentication:INVALID_JWT"}`, sent)
			return
		}
		fmt.Fprintf(w, "<html><title>%s</title>%s</html>", html.EscapeString(sent), url.QueryEscape(sent))
	}
}

type secretsTest struct {
	answer func(http.ResponseWriter, *http.Request) // in place of the API; nil is the API
	env    map[string]string
	crash  bool   // the provider dies in the middle of its first request
	want   string // in what Terraform prints; "" = it applies
}

// TestAccSecrets runs the built provider in a real CLI that logs all it can,
// and looks for the token, in all spellings, in everything that is left behind.
func TestAccSecrets(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	program, cli := builtProvider(t), devOverrides(t)

	tests := map[string]secretsTest{
		"success":         {},
		"token_file":      {env: map[string]string{"SYM_JWT": "", "SYM_TOKEN_FILE": "FILE"}},
		"401":             {answer: echo(http.StatusUnauthorized, "application/json"), want: "does not accept the token from the variable SYM_JWT"},
		"403 page":        {answer: echo(http.StatusForbidden, "text/html"), want: "Unable to Connect"},
		"502 page":        {answer: echo(http.StatusBadGateway, "text/html"), want: "Unable to Connect"},
		"200 page":        {answer: echo(http.StatusOK, "text/html"), want: "not that of an identity API"},
		"redirect":        {answer: echo(http.StatusFound, "text/html"), want: "Unable to Connect"},
		"dead proxy":      {env: map[string]string{"SYM_API_URL": "http://identity.acme.test/api/v1", "SYM_ALLOW_HTTP": "true", "HTTP_PROXY": "http://me:" + secretProxied + "@127.0.0.1:1"}, want: "proxyconnect"},
		"through a proxy": {env: map[string]string{"SYM_API_URL": "http://identity.acme.test/api/v1", "SYM_ALLOW_HTTP": "true", "HTTP_PROXY": "PROXY"}},
		"past a proxy":    {env: map[string]string{"HTTP_PROXY": "http://me:" + secretProxied + "@127.0.0.1:1", "NO_PROXY": "127.0.0.1"}},
	}
	if runtime.GOOS == "linux" { // it finds the process in /proc
		// "Plugin did not respond" or "Request cancelled": the CLI says what it notices first.
		tests["crash"] = secretsTest{crash: true, want: "The plugin"}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newSecretsRun(t, tt, cli, program)
			out, err := r.terraform("apply", "-auto-approve", "-no-color", "-input=false")
			if said := strings.Join(strings.Fields(out), " "); (err != nil) != (tt.want != "") || !strings.Contains(said, tt.want) {
				t.Errorf("apply: %v, want %q:\n%s", err, tt.want, out)
			}
			if tt.want == "" {
				r.showPlan()
				if want := name == "through a proxy"; r.proxied.Load() != want {
					t.Errorf("requests went through the proxy: %t, want %t", !want, want)
				}
			}
			if tt.crash {
				r.look("SIGQUIT: quit")
			} else {
				r.look("identity API request")
			}
		})
	}
}
