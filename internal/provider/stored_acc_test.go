// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/querycheck"
	"github.com/hashicorp/terraform-plugin-testing/querycheck/queryfilter"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TestAccStoredDataSources reads what is stored as configurations do: one
// feeds the other, and maps are read through try.
func TestAccStoredDataSources(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	configuration := s.provider() + `
data "sym_users" "people" { type = "normal" }
data "sym_users" "some" { emails = ["ADA@acme.com", "nobody@acme.com"] }
data "sym_user" "first" { email = data.sym_users.people.users[0].email }
data "sym_identities" "all" {}
data "sym_identities" "okta" {
  service_type = "okta"
  external_id  = "acme.okta.com"
  source       = "manual"
}
data "sym_services" "okta" { service_type = "okta" }
data "sym_service" "github" {
  service_type = "github"
  external_id  = "acme"
}
output "people" { value = [for u in data.sym_users.people.users : u.email] }
output "missing" { value = data.sym_users.some.missing }
output "ada" { value = data.sym_user.first.identities }
output "grace_okta" { value = try(data.sym_identities.all.by_user["grace@acme.com"]["okta:acme.okta.com"], null) }
output "zoe_okta" { value = try(data.sym_identities.all.by_user["zoe@acme.com"]["okta:acme.okta.com"], "unmapped") }
output "manual" { value = data.sym_identities.okta.identities[*].user }
output "okta" { value = data.sym_services.okta.services[*].key }
output "github" { value = data.sym_service.github.key }
`
	texts := func(values ...string) knownvalue.Check {
		checks := make([]knownvalue.Check, len(values))
		for i, v := range values {
			checks[i] = knownvalue.StringExact(v)
		}
		return knownvalue.ListExact(checks)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: configuration,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownOutputValue("people", texts("ada@acme.com", "Grace@acme.com", "zoe@acme.com")),
					statecheck.ExpectKnownOutputValue("missing", texts("nobody@acme.com")),
					statecheck.ExpectKnownOutputValue("ada", knownvalue.MapExact(map[string]knownvalue.Check{
						testOkta: knownvalue.StringExact("00u1"), "github:acme": knownvalue.StringExact("Ada-L"),
					})),
					statecheck.ExpectKnownOutputValue("grace_okta", knownvalue.StringExact("00u2")),
					statecheck.ExpectKnownOutputValue("zoe_okta", knownvalue.StringExact("unmapped")),
					statecheck.ExpectKnownOutputValue("manual", texts("ada@acme.com")),
					statecheck.ExpectKnownOutputValue("okta", texts(testOkta, "okta:beta.okta.com")),
					statecheck.ExpectKnownOutputValue("github", knownvalue.StringExact("github:acme")),
				},
			},
			{
				Config:           configuration,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{
				Config:      s.provider() + `data "sym_user" "x" { email = "nobody@acme.com" }`,
				ExpectError: regexp.MustCompile(`(?s)User Not Found.*"nobody@acme\.com"`),
			},
		},
	})
}

// TestAccIdentityQuery lists through terraform query.
func TestAccIdentityQuery(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
	s.mapping("grace@acme.com", testOkta, "00u2", identity.FromEmail)
	ada := map[string]knownvalue.Check{
		"user": knownvalue.StringExact("ada@acme.com"), "service_type": knownvalue.StringExact("okta"), "external_id": knownvalue.StringExact("acme.okta.com"),
	}
	query := s.provider() + `
list "sym_identity" "all" {
  provider         = sym
  include_resource = true
}
list "sym_identity" "manual" {
  provider         = sym
  include_resource = true
  config {
    service_type = "okta"
    source       = "manual"
  }
}
`
	const manual = "list.sym_identity.manual"
	byUser := queryfilter.ByResourceIdentity(ada)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: []resource.TestStep{{
			Query: true, Config: query,
			QueryResultChecks: []querycheck.QueryResultCheck{
				querycheck.ExpectLength("list.sym_identity.all", 2),
				querycheck.ExpectLength(manual, 1),
				querycheck.ExpectIdentity(manual, ada),
				querycheck.ExpectResourceDisplayName(manual, byUser, knownvalue.StringExact("ada@acme.com in okta:acme.okta.com: 00u1")),
				querycheck.ExpectResourceKnownValues(manual, byUser, []querycheck.KnownValueCheck{
					{Path: tfjsonpath.New("identity"), KnownValue: knownvalue.StringExact("00u1")},
					{Path: tfjsonpath.New("matcher"), KnownValue: knownvalue.Null()},
				}),
			},
		}},
	})
}
