// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// TestOutage_foldsInPlans: when the API fails in the middle of a plan, the first
// resource reports an error and the others warn. None of them leaves state, and
// an apply reports each failure.
func TestOutage_foldsInPlans(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"the token expires": 401, "the server is down": 503} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newTestServer(t).register(testOkta)
			p := newProtocolServer(t, nil, api.settings())
			api.failNext(1000, "", "", status, "{}")
			_, diags := p.read("sym_service", oktaServiceState())
			wantDiagnostics(t, diags, "ERROR … Unable to Read Service")
			asked := len(api.requests())

			const folded = "WARNING: Further Resources Were Not Read … the first one"
			for range 3 {
				state, diags := p.read("sym_identity", oktaState("ada@acme.example", "00u1", 1))
				wantDiagnostics(t, diags, strings.ReplaceAll(folded, "the first", "The error about the first"))
				if state["identity"] != "00u1" {
					t.Errorf("state: %v", state)
				}
			}
			planned := p.plan("sym_identity", nil, oktaConfig("ada@acme.example", "00u1"))
			wantDiagnostics(t, planned.Diagnostics, "WARNING: Further Resources Were Not Read")
			if n := len(api.requests()) - asked; n > 0 {
				t.Errorf("%d requests were sent after the failure", n)
			}
			_, diags = p.applyPlan("sym_identity", nil, oktaConfig("ada@acme.example", "00u1"), planned)
			wantDiagnostics(t, diags, "ERROR … Unable to Create Identity Mapping")

			p.config["skip_credentials_validation"] = true
			p.nextRun() // starts afresh
			_, diags = p.read("sym_service", oktaServiceState())
			wantDiagnostics(t, diags, "ERROR … Unable to Read Service")
		})
	}
}

// TestOutage_onlyOfTheWholeRun: what concerns one resource is an error of each.
func TestOutage_onlyOfTheWholeRun(t *testing.T) {
	t.Parallel()
	api := newTestServer(t).register(testOkta)
	p := newProtocolServer(t, nil, api.settings())
	api.failNext(1000, "", "", 400, "{}")
	for range 2 {
		_, diags := p.read("sym_service", oktaServiceState())
		wantDiagnostics(t, diags, tfprotov6.DiagnosticSeverityError.String()+" … Unable to Read Service")
	}
}

// TestAccOutage plans 200 resources through the real CLI where the API cannot be
// used: one error, quickly.
func TestAccOutage(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	cli := devOverrides(t)
	for name, tt := range map[string]struct{ settings, want string }{
		"wrong token":  {"org = \"acme\"\n api_url = \"URL\"\n token = \"wrong-token-of-nobody\"", "does not accept the token"},
		"another org":  {"org = \"globex\"\n api_url = \"URL\"\n token = \"" + testToken + "\"", "Another Organization"},
		"nobody there": {"api_url = \"http://127.0.0.1:1/api/v1\"\n token = \"" + testToken + "\"\n max_retries = 0", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t).register(testOkta)
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "main.tf"), "terraform {\n required_providers {\n  sym = { source = \"sym-identity/sym\" }\n }\n}\nprovider \"sym\" {\n "+strings.Replace(tt.settings, "URL", s.URL, 1)+`
}
resource "sym_identity" "okta" {
  count        = 200
  user         = "person${count.index}@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u${count.index}"
}
`)
			before := len(s.requests())
			cmd, out := terraformIn(t, dir, cli, "plan", "-no-color", "-input=false")
			began := time.Now()
			err := cmd.Run()
			text := out.String()
			if err == nil || strings.Count(text, "Error: ") != 1 || !strings.Contains(text, tt.want) {
				t.Errorf("plan: %v:\n%s", err, text)
			}
			if lines := strings.Count(text, "\n"); lines >= 40 {
				t.Errorf("%d lines:\n%s", lines, text)
			}
			if sent := len(s.requests()) - before; sent > 1 {
				t.Errorf("%d requests", sent)
			}
			t.Logf("%d lines in %s", strings.Count(text, "\n"), time.Since(began).Round(10*time.Millisecond))
		})
	}
}
