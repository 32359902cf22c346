// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TestDocs_permissions holds the documentation to what it says a token needs:
// with the role it works, with the one below it is refused.
func TestDocs_permissions(t *testing.T) {
	t.Parallel()
	type (
		values = map[string]any
		action = func(p *protocolServer) []*tfprotov6.Diagnostic
	)
	okta := values{"service_type": "okta", "external_id": "acme.okta.com"}
	with := func(more values) values {
		all := maps.Clone(okta)
		maps.Copy(all, more)
		return all
	}
	plan := func(typeName string, config values) action {
		return func(p *protocolServer) []*tfprotov6.Diagnostic { return p.plan(typeName, nil, config).Diagnostics }
	}
	imports := func(typeName, id string) action {
		return func(p *protocolServer) []*tfprotov6.Diagnostic {
			state, diags := p.importState(typeName, id)
			if state != nil {
				_, read := p.read(typeName, state)
				diags = append(diags, read...)
			}
			return diags
		}
	}
	reads := func(typeName string, config values) action {
		return func(p *protocolServer) []*tfprotov6.Diagnostic {
			_, diags := p.readData(typeName, config)
			return diags
		}
	}
	const guest, member, admin = identity.Guest, identity.Member, identity.Admin
	tokens := map[identity.Role]string{guest: testGuestToken, member: testMemberToken, admin: testToken}
	below := map[identity.Role]identity.Role{member: guest, admin: member}

	people := values{"users": []any{"ada@acme.com", "bob@acme.com"}, "services": []any{okta}, "on_unmapped": "ignore"}
	tests := map[string]struct {
		needs identity.Role
		action
	}{
		"import sym_identity":                {guest, imports("sym_identity", "ada@acme.com,okta:acme.okta.com")},
		"import sym_identities":              {guest, imports("sym_identities", "okta:acme.okta.com")},
		"import sym_service":                 {guest, imports("sym_service", "okta:acme.okta.com")},
		"import sym_user":                    {guest, imports("sym_user", "ada@acme.com")},
		"plan sym_service":                   {guest, plan("sym_service", values{"service_type": "github", "external_id": "acme"})},
		"plan sym_user":                      {guest, plan("sym_user", values{"email": "new@acme.com"})},
		"plan sym_identity":                  {member, plan("sym_identity", with(values{"user": "bob@acme.com", "identity": "00u2"}))},
		"plan sym_identities":                {member, plan("sym_identities", with(values{"identities": values{"bob@acme.com": "00u2"}}))},
		"data sym_identities":                {guest, reads("sym_identities", values{})},
		"data sym_users":                     {guest, reads("sym_users", values{})},
		"data sym_user":                      {guest, reads("sym_user", values{"email": "ada@acme.com"})},
		"data sym_accounts":                  {member, reads("sym_accounts", okta)},
		"data sym_services":                  {guest, reads("sym_services", values{})},
		"data sym_service":                   {guest, reads("sym_service", okta)},
		"data sym_resolved_identity, stored": {guest, reads("sym_resolved_identity", with(values{"user": "ada@acme.com"}))},
		"data sym_resolved_identity":         {member, reads("sym_resolved_identity", with(values{"user": "bob@acme.com"}))},
		"data sym_resolved_identities":       {member, reads("sym_resolved_identities", people)},
		"persist = true":                     {admin, reads("sym_resolved_identity", with(values{"user": "bob@acme.com", "persist": true}))},
		"list sym_identity": {guest, func(p *protocolServer) []*tfprotov6.Diagnostic {
			_, diags := p.list("sym_identity", values{}, 10, false, 10)
			return diags
		}},
		"list sym_service": {guest, func(p *protocolServer) []*tfprotov6.Diagnostic {
			_, diags := p.list("sym_service", values{}, 10, false, 10)
			return diags
		}},
		"list sym_user": {guest, func(p *protocolServer) []*tfprotov6.Diagnostic {
			_, diags := p.list("sym_user", values{}, 10, false, 10)
			return diags
		}},
		"create sym_identity": {admin, func(p *protocolServer) []*tfprotov6.Diagnostic {
			_, diags := p.apply("sym_identity", nil, with(values{"user": "bob@acme.com", "identity": "00u2"}))
			return diags
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(role identity.Role) (refused bool) {
				t.Helper()
				s := newTestServer(t, withDirectory("okta:acme.okta.com", listedDirectory{directoryOf("bob@acme.com", "00u2")})).register("okta:acme.okta.com")
				s.mapping("ada@acme.com", "okta:acme.okta.com", "00u1", identity.Manual)
				diags := tt.action(newProtocolServer(t, nil, s.settings(map[string]any{"token": tokens[role]})))
				for _, d := range diags {
					if strings.Contains(d.Detail, "from the attribute token does not allow this") {
						return true
					}
					t.Errorf("as %s: %s", role, describeDiagnostic(d))
				}
				return false
			}
			if run(tt.needs) {
				t.Errorf("a %s may not", tt.needs)
			}
			if less, ok := below[tt.needs]; ok && !run(less) {
				t.Errorf("a %s may, too", less)
			}
		})
	}
}
