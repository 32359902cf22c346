// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const testIdentitiesAddress = "sym_identities.test"

// identitiesHCL is a sym_identities block named test.
func identitiesHCL(rows map[string]string, more ...string) string {
	block := "resource \"sym_identities\" \"test\" {\n  service_type = \"okta\"\n  external_id  = \"acme.okta.com\"\n  identities = {\n"
	for _, user := range slices.Sorted(maps.Keys(rows)) {
		block += fmt.Sprintf("    %q = %q\n", user, rows[user])
	}
	block += "  }\n"
	for _, m := range more {
		block += "  " + m + "\n"
	}
	return block + "}\n"
}

func identitiesAction(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{
		PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(testIdentitiesAddress, action)},
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
}

func identitiesRows(rows map[string]string) statecheck.StateCheck {
	want := map[string]knownvalue.Check{}
	for user, value := range rows {
		want[user] = knownvalue.StringExact(value)
	}
	return statecheck.ExpectKnownValue(testIdentitiesAddress, tfjsonpath.New("identities"), knownvalue.MapExact(want))
}

func TestAccIdentities_lifecycle(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta, "okta:other.okta.com")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:           s.provider() + identitiesHCL(map[string]string{"Ada@acme.com": "00u1", "bob@acme.com": "00u2"}),
				ConfigPlanChecks: identitiesAction(plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					identitiesRows(map[string]string{"Ada@acme.com": "00u1", "bob@acme.com": "00u2"}),
					statecheck.ExpectKnownValue(testIdentitiesAddress, tfjsonpath.New("id"), knownvalue.StringExact(testOkta)),
					statecheck.ExpectKnownValue(testIdentitiesAddress, tfjsonpath.New("service"), knownvalue.StringExact(testOkta)),
				},
			},
			{ // case and outer spaces change state alone
				Config:            s.provider() + identitiesHCL(map[string]string{" ADA@acme.com": "00u1", "BOB@acme.com ": "00u2"}),
				ConfigPlanChecks:  identitiesAction(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{identitiesRows(map[string]string{" ADA@acme.com": "00u1", "BOB@acme.com ": "00u2"})},
			},
			{ // one changes, one comes, one goes; its account passes on
				Config:            s.provider() + identitiesHCL(map[string]string{"ADA@acme.com": "00u3", "eve@acme.com": "00u2"}),
				ConfigPlanChecks:  identitiesAction(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{identitiesRows(map[string]string{"ADA@acme.com": "00u3", "eve@acme.com": "00u2"})},
			},
			{ // another service
				Config: s.provider() + "resource \"sym_identities\" \"test\" {\n  service_type = \"okta\"\n  external_id = \"other.okta.com\"\n" +
					"  identities = { \"ada@acme.com\" = \"00u3\" }\n}\n",
				ConfigPlanChecks: identitiesAction(plancheck.ResourceActionDestroyBeforeCreate),
			},
		},
	})
	s.wantAbsent("ada@acme.com", "eve@acme.com")
}

func TestAccIdentities_driftAndDisappears(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	cfg := s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u1", "bob@acme.com": "00u2"})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: cfg},
			{
				PreConfig:        func() { s.mapping("ada@acme.com", testOkta, "00u9", identity.Manual) },
				Config:           cfg,
				ConfigPlanChecks: identitiesAction(plancheck.ResourceActionUpdate),
			},
			{
				PreConfig:        func() { s.unmap("ada@acme.com", testOkta); s.unmap("bob@acme.com", testOkta) },
				Config:           cfg,
				ConfigPlanChecks: identitiesAction(plancheck.ResourceActionUpdate),
			},
		},
	})
}

func TestAccIdentities_adoption(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	s.mapping("ada@acme.com", testOkta, "00u9", identity.Manual)
	s.mapping("bob@acme.com", testOkta, "00u8", identity.FromEmail)
	s.mapping("eve@acme.com", testOkta, "00u7", identity.Manual)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:      s.provider() + identitiesHCL(map[string]string{"Ada@acme.com": "00u1", " ada@acme.com": "00u1", "bob": "\t"}),
				ExpectError: regexp.MustCompile(`(?s)Invalid Identity Mappings.*2 of 3 entries.*identities\["Ada@acme.com"\].*identities\["bob"\]`),
			},
			{
				Config: s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "cy@acme.com": "00u7"}),
				ExpectError: regexp.MustCompile(
					`(?s)Conflict With What Is Stored.*ada@acme.com: stored 00u9.*cy@acme.com: 00u7 belongs to eve@acme.com.*terraform import ADDRESS`),
			},
			{
				Config:           s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "eve@acme.com": "00u7"}, "overwrite = true"),
				ConfigPlanChecks: identitiesAction(plancheck.ResourceActionCreate),
			},
		},
	})
}

func TestAccIdentities_exclusive(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	s.mapping("old@acme.com", testOkta, "00u8", identity.Manual)
	rows := map[string]string{"ada@acme.com": "00u1"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: s.provider() + identitiesHCL(rows, "exclusive = true"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(testIdentitiesAddress, plancheck.ResourceActionCreate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{identitiesRows(rows)},
				// The next plan shows what goes away.
				ExpectNonEmptyPlan: true,
			},
			{
				PreConfig:        func() { s.wantManual(map[string]any{"old@acme.com": "00u8"}) },
				Config:           s.provider() + identitiesHCL(rows, "exclusive = true"),
				ConfigPlanChecks: identitiesAction(plancheck.ResourceActionUpdate),
			},
			{
				PreConfig:        func() { s.wantAbsent("old@acme.com"); s.mapping("late@acme.com", testOkta, "00u7", identity.Manual) },
				Config:           s.provider() + identitiesHCL(rows, "exclusive = true"),
				ConfigPlanChecks: identitiesAction(plancheck.ResourceActionUpdate),
			},
			{
				PreConfig:        func() { s.wantAbsent("late@acme.com") },
				Config:           s.provider() + identitiesHCL(rows),
				ConfigPlanChecks: identitiesAction(plancheck.ResourceActionUpdate),
			},
			{
				PreConfig:        func() { s.mapping("late@acme.com", testOkta, "00u7", identity.Manual) },
				Config:           s.provider() + identitiesHCL(rows),
				ConfigPlanChecks: emptyPlan,
			},
		},
	})
	s.wantStored("late@acme.com", testOkta, "00u7", identity.Manual)
}

func TestAccIdentities_import(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	cfg := s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u1", "bob@acme.com": "00u2"})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: cfg},
			{ResourceName: testIdentitiesAddress, ImportState: true, ImportStateVerify: true, ImportStateId: testOkta},
			{ResourceName: testIdentitiesAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: testOkta},
			{
				ResourceName: testIdentitiesAddress, ImportState: true, ImportStateId: "okta:none.okta.com",
				ExpectError: regexp.MustCompile("Identity Mappings Not Found"),
			},
		},
	})
}

func TestAccIdentities_importByIdentity(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		Steps: []resource.TestStep{
			{
				Config: s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u1"}),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentity(testIdentitiesAddress, map[string]knownvalue.Check{
					"service_type": knownvalue.StringExact("okta"), "external_id": knownvalue.StringExact("acme.okta.com"),
				})},
			},
			{ResourceName: testIdentitiesAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
		},
	})
}

// Mappings move from sym_identity to sym_identities and back in one apply.
func TestAccIdentities_moveFromSingleResources(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	single := s.provider() + identityHCLNamed("ada", "ada@acme.com", "00u1") + identityHCLNamed("bob", "bob@acme.com", "00u2")
	still := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	both := map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2"}
	stays := func() { s.wantManual(both) }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: single},
			{Config: s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u1", "bob@acme.com": "00u2"}), ConfigPlanChecks: still},
			{
				PreConfig: stays,
				Config:    s.provider() + identityHCLNamed("ada", "ada@acme.com", "00u1") + identitiesHCL(map[string]string{"bob@acme.com": "00u2"}), ConfigPlanChecks: still,
			},
			{PreConfig: stays, Config: single, ConfigPlanChecks: still},
			{PreConfig: stays, Config: single, ConfigPlanChecks: emptyPlan},
		},
	})
}

// A create that fails in part is not tainted: the next apply adopts.
func TestAccIdentities_createFailsInPart(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:      s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u1", "no-such-bot": "00u2"}),
				ExpectError: regexp.MustCompile(`(?s)Unable to Create Identity Mappings.*1\s+change\s+could\s+not\s+be\s+made\s+and\s+1\s+was\s+made.*adopts`),
			},
			{
				PreConfig:        func() { s.wantManual(map[string]any{"ada@acme.com": "00u1"}) },
				Config:           s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u1", "eve@acme.com": "00u2"}),
				ConfigPlanChecks: identitiesAction(plancheck.ResourceActionCreate),
			},
		},
	})
}

// On an update state holds what was written, and the next apply does the rest.
func TestAccIdentities_updateFailsInPart(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	unknownBot := map[string]string{"ada@acme.com": "00u5", "no-such-bot": "00u6"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u1"})},
			{
				Config:      s.provider() + identitiesHCL(unknownBot),
				ExpectError: regexp.MustCompile(`(?s)Unable to Update Identity Mappings.*1 change could not be made and 1 was made.*Unknown bot: no-such-bot`),
			},
			{
				PreConfig:        func() { s.wantManual(map[string]any{"ada@acme.com": "00u5"}) },
				Config:           s.provider() + identitiesHCL(map[string]string{"ada@acme.com": "00u5"}),
				ConfigPlanChecks: emptyPlan,
			},
		},
	})
}

// An unknown value, an unknown map and an unknown service at plan.
func TestAccIdentities_unknownAtPlan(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{{
			ConfigVariables: config.Variables{"id": config.StringVariable("00u1")},
			Config: s.provider() + `
variable "id" { type = string }
resource "terraform_data" "id" { input = var.id }
resource "terraform_data" "domain" { input = "acme.okta.com" }
resource "terraform_data" "all" { input = { "bob@acme.com" = "00u2" } }
resource "sym_service" "okta" {
  service_type = "okta"
  external_id  = "acme.okta.com"
}
resource "sym_identities" "test" {
  service_type = sym_service.okta.service_type
  external_id  = sym_service.okta.external_id
  identities   = { "ada@acme.com" = terraform_data.id.output }
}
resource "sym_identities" "all" {
  service_type = sym_service.okta.service_type
  external_id  = terraform_data.domain.output
  identities   = terraform_data.all.output
  depends_on   = [sym_service.okta]
}
`,
			ConfigPlanChecks:  resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			ConfigStateChecks: []statecheck.StateCheck{identitiesRows(map[string]string{"ada@acme.com": "00u1"})},
		}},
		CheckDestroy: func(*terraform.State) error { s.wantAbsent("ada@acme.com", "bob@acme.com"); return nil },
	})
}
