// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TestDiagnostics_rare brings about what no other test needs: failures of calls
// that seldom fail alone. TestMain looks at what they say.
func TestDiagnostics_rare(t *testing.T) {
	t.Parallel()
	okta := func(identity string) map[string]any {
		return map[string]any{"user": "ada@acme.com", "service_type": "okta", "external_id": "acme.okta.com", "identity": identity}
	}
	tests := map[string]func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic{
		"Unable to Check Who Holds the Account": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			s.failNext(1, "POST", "identities/search", 503, "{}")
			return p.plan("sym_identity", nil, okta("00u1")).Diagnostics
		},
		"Unable to Update Identity Mapping": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			state, _ := p.apply("sym_identity", nil, okta("00u1"))
			s.failNext(1, "PATCH", "users", 503, "{}")
			_, diags := p.apply("sym_identity", state, okta("00u2"))
			return diags
		},
		"Unable to Delete Identity Mapping": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			state, _ := p.apply("sym_identity", nil, okta("00u1"))
			s.failNext(1, "POST", "users/identities/delete", 503, "{}")
			_, diags := p.apply("sym_identity", state, nil)
			return diags
		},
		"Unable to Import Service": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			p.nextRun() // which forgets the services
			s.failNext(1, "GET", "services", 503, "{}")
			_, diags := p.importState("sym_service", "okta:acme.okta.com")
			return diags
		},
		"Unable to Import User": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			s.failNext(9, "", "", 503, "{}")
			_, diags := p.importState("sym_user", "ada@acme.com")
			return diags
		},
		"Unable to Read Users": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			s.failNext(1, "GET", "users", 503, "{}")
			_, diags := p.readData("sym_users", map[string]any{})
			return diags
		},
		"Invalid Identity Mapping in State": func(_ *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			state := okta("00u1")
			state["user"] = "nobody at all"
			_, diags := p.read("sym_identity", state)
			return diags
		},
		"Invalid Identity Mappings in State": func(_ *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			_, diags := p.read("sym_identities", map[string]any{"service_type": "Okta!", "external_id": "acme.okta.com", "identities": map[string]any{}})
			return diags
		},
	}
	for summary, provoke := range tests {
		t.Run(summary, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t).register("okta:acme.okta.com")
			s.mapping("eve@acme.com", "okta:acme.okta.com", "00u7", identity.Manual)
			p := newProtocolServer(t, nil, s.settings(map[string]any{"max_retries": 0}))
			_, diags := p.readData("sym_services", map[string]any{}) // logs in
			wantDiagnostics(t, diags)
			wantDiagnostics(t, provoke(s, p), "ERROR: "+summary+" |")
		})
	}
	t.Run("Incomplete Client Certificate", func(t *testing.T) {
		t.Parallel()
		s := newTestServer(t)
		p := newProtocolServer(t, nil, nil)
		diags := p.configure(s.settings(map[string]any{"client_cert_file": "client.pem"}))
		if len(diags) == 0 {
			_, diags = p.readData("sym_services", map[string]any{})
		}
		wantDiagnostics(t, diags, "Incomplete Client Certificate")
	})
}

// TestDiagnostics_badShape shows that the look at what was told finds what it
// must.
func TestDiagnostics_badShape(t *testing.T) {
	t.Parallel()
	const e, w = tfprotov6.DiagnosticSeverityError, tfprotov6.DiagnosticSeverityWarning
	tests := map[string]struct {
		tfprotov6.Diagnostic
		want string
	}{
		"not in the inventory": {tfprotov6.Diagnostic{Severity: e, Summary: "Something New", Detail: "Try again."}, "inventory"},
		"names nobody":         {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "Try again."}, "names no user"},
		"no service":           {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Read Service", Detail: "Try again."}, "names no service"},
		"no remedy":            {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "For ada@acme.com: no."}, "no remedy"},
		"a variable":           {tfprotov6.Diagnostic{Severity: e, Summary: "User Is Gone: ada@acme.com", Detail: "ada@acme.com is gone; the next apply stores it."}, "names nobody"},
		"another person":       {tfprotov6.Diagnostic{Severity: w, Summary: "User Is Gone: ada@acme.com", Detail: "bob@acme.com is gone; the next apply stores it."}, "does not name ada@acme.com"},
		"a Go type":            {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "ada@acme.com: identity.Error{}. Try again."}, "inside of the program"},
		"repeats itself":       {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "Unable to Create User ada@acme.com. Try again."}, "repeats"},
		"good":                 {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "For ada@acme.com: no. Try again."}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := wrongIn(tt.Diagnostic)
			if tt.want == "" && len(wrong) > 0 || !strings.Contains(strings.Join(wrong, "; "), tt.want) {
				t.Errorf("got %q, want %q", wrong, tt.want)
			}
		})
	}
	record := &diagnosticsRecord{seen: map[tfprotov6.Diagnostic]bool{}}
	if some, all := record.problems(false), record.problems(true); len(some) > 0 || len(all) != len(inventory)-len(cannotHappen) {
		t.Errorf("of nothing told %d and %d of %d are missing", len(some), len(all), len(inventory))
	}
	record.add([]*tfprotov6.Diagnostic{{Severity: e, Summary: "Something New"}})
	if diff := cmp.Diff(1, len(record.problems(false))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
