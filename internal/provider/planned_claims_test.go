// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"maps"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// TestPlannedClaims_resources: the resources of one run know each other at plan,
// in either order.
func TestPlannedClaims_resources(t *testing.T) {
	t.Parallel()
	type block struct {
		typeName string
		config   map[string]any
	}
	one := func(user, service, id string, more ...any) block {
		key := mustService(service)
		config := map[string]any{"user": user, "service_type": key.Type, "external_id": key.ExternalID, "identity": id}
		for i := 0; i < len(more); i += 2 {
			config[more[i].(string)] = more[i+1]
		}
		return block{"sym_identity", config}
	}
	many := func(service string, identities map[string]any, more ...any) block {
		key := mustService(service)
		config := map[string]any{"service_type": key.Type, "external_id": key.ExternalID, "identities": identities}
		for i := 0; i < len(more); i += 2 {
			config[more[i].(string)] = more[i+1]
		}
		return block{"sym_identities", config}
	}
	const (
		ldap        = "ldap:ldap.acme.com"
		twoUsers    = "ERROR: Account Planned for Two Users"
		twoAccounts = "ERROR: User Has Two Planned Identities"
	)
	bothNamed := func(summary, other string) string { return summary + " … ada@acme.com … " + other }
	tests := map[string]struct {
		a, b block
		want string // "" = both are planned
	}{
		"one account, two people":               {one("ada@acme.com", testOkta, "00u1"), one("bob@acme.com", testOkta, "00u1"), bothNamed(twoUsers, "bob@acme.com")},
		"without case where it does not matter": {one("ada@acme.com", testGitHub, "Ada"), one("bob@acme.com", testGitHub, "aDA"), bothNamed(twoUsers, "bob@acme.com")},
		"with case where it matters":            {one("ada@acme.com", testOkta, "00u1"), one("bob@acme.com", testOkta, "00U1"), ""},
		"one DN in two spellings":               {one("ada@acme.com", ldap, "uid=ada,dc=acme,dc=com"), one("bob@acme.com", ldap, "UID=ada, DC=acme, DC=com"), bothNamed(twoUsers, "bob@acme.com")},
		"a map and a block":                     {many(testOkta, map[string]any{"ada@acme.com": "00u1"}), one("bob@acme.com", testOkta, "00u1"), bothNamed(twoUsers, "bob@acme.com")},
		"two maps":                              {many(testOkta, map[string]any{"ada@acme.com": "00u1"}), many(testOkta, map[string]any{"bob@acme.com": "00u1"}), bothNamed(twoUsers, "bob@acme.com")},
		"matcher and identity":                  {one("ada@acme.com", testOkta, "00u1", "identity", nil, "matcher", map[string]any{"user_id": "00u1"}), one("bob@acme.com", testOkta, "00u1"), bothNamed(twoUsers, "bob@acme.com")},
		"one of them allows it":                 {one("ada@acme.com", testOkta, "00u1", "allow_shared", true), one("bob@acme.com", testOkta, "00u1"), bothNamed(twoUsers, "bob@acme.com")},
		"each allows it":                        {one("ada@acme.com", testOkta, "00u1", "allow_shared", true), one("bob@acme.com", testOkta, "00u1", "allow_shared", true), ""},
		"whether one allows it is unknown":      {one("ada@acme.com", testOkta, "00u1", "allow_shared", unknown), one("bob@acme.com", testOkta, "00u1", "allow_shared", true), ""},
		"two values for one person":             {one("ada@acme.com", testOkta, "00u1"), one("ADA@acme.com", testOkta, "00u2"), bothNamed(twoAccounts, "00u1 and 00u2")},
		"two values, both shared":               {one("ada@acme.com", testOkta, "00u1", "allow_shared", true), one("ada@acme.com", testOkta, "00u2", "allow_shared", true), bothNamed(twoAccounts, "00u")},
		"two values in a map and a block":       {one("ada@acme.com", testOkta, "00u1"), many(testOkta, map[string]any{"ada@acme.com": "00u2"}), bothNamed(twoAccounts, "00u")},
		"the same twice":                        {one("ada@acme.com", testOkta, "00u1"), one("Ada@acme.com", testOkta, "00u1"), ""},
		"another service":                       {one("ada@acme.com", testOkta, "00u1"), one("bob@acme.com", "okta:other.okta.com", "00u1"), ""},
		"an unknown value":                      {one("ada@acme.com", testOkta, unknown), one("bob@acme.com", testOkta, "00u1"), ""},
		"an unknown user":                       {one(unknown, testOkta, "00u1"), one("bob@acme.com", testOkta, "00u1"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // in either order
				s := newTestServer(t).register(testOkta, testGitHub, ldap, "okta:other.okta.com")
				p := newProtocolServerOf(t, newTestProviderServer(nil), s.settings())
				for range 2 { // one resource may be planned twice
					wantDiagnostics(t, p.planWith(test.a.typeName, nil, test.a.config, nil).Diagnostics)
				}
				var want []string
				if test.want != "" {
					want = append(want, test.want)
				}
				wantDiagnostics(t, p.planWith(test.b.typeName, nil, test.b.config, nil).Diagnostics, want...)
				p.nextRun() // which knows nothing of the last one
				wantDiagnostics(t, p.planWith(test.b.typeName, nil, test.b.config, nil).Diagnostics)
				test.a, test.b = test.b, test.a
				if test.want == bothNamed(twoAccounts, "00u1 and 00u2") {
					test.want = bothNamed(twoAccounts, "00u2 and 00u1")
				}
			}
		})
	}
}

// TestPlannedClaims_unchanged: what state has already is claimed as well, and a
// resource that takes another's place claims the same.
func TestPlannedClaims_unchanged(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	p := newProtocolServerOf(t, newTestProviderServer(nil), s.settings())
	ada := map[string]any{"user": "ada@acme.com", "service_type": "okta", "external_id": "acme.okta.com", "identity": "00u1"}
	bob := maps.Clone(ada)
	bob["user"] = "bob@acme.com"
	kept := &instance{typeName: "sym_identity"}
	wantDiagnostics(t, kept.apply(p, ada))
	p.nextRun()
	wantDiagnostics(t, kept.plan(p, ada).Diagnostics)
	wantDiagnostics(t, kept.plan(p, nil).Diagnostics)                         // destroyed under its old name
	wantDiagnostics(t, p.planWith("sym_identity", nil, ada, nil).Diagnostics) // and created under a new one
	got := p.planWith("sym_identity", nil, bob, nil).Diagnostics
	if !hasError(got) {
		t.Error("an account that state gives to one user was planned for another")
	}
	wantDiagnostics(t, got, "Account Planned for Two Users … 00u1 … ada@acme.com and bob@acme.com")
}

func TestAccPlannedClaims(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	config := s.provider() + `
resource "sym_identity" "each" {
  for_each     = { "ada@acme.com" = "00u1", "bob@acme.com" = "00u1" }
  user         = each.key
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = each.value
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps:                    []resource.TestStep{{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile(`Account Planned for Two Users`)}},
	})
	if s.writes() > 0 {
		t.Error("something was written")
	}
}
