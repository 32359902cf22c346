// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const testIdentityAddress = "sym_identity.test"

// identityHCL is a sym_identity block named test.
func identityHCL(user, id string, more ...string) string {
	return identityHCLNamed("test", user, id, more...)
}

func identityHCLNamed(name, user, id string, more ...string) string {
	block := fmt.Sprintf("resource \"sym_identity\" %q {\n  user         = %q\n  service_type = \"okta\"\n  external_id  = \"acme.okta.com\"\n  identity     = %q\n", name, user, id)
	for _, m := range more {
		block += "  " + m + "\n"
	}
	return block + "}\n"
}

func identityValue(attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(testIdentityAddress, tfjsonpath.New(attribute), check)
}

func planAction(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testIdentityAddress, action)}}
}

var emptyPlan = resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}

func TestAccIdentity_lifecycle(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	sameID, sameRevision := statecheck.CompareValue(compare.ValuesSame()), statecheck.CompareValue(compare.ValuesSame())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:           s.provider() + identityHCL("Ada@acme.com", "00u1"),
				ConfigPlanChecks: planAction(plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					identityValue("user", knownvalue.StringExact("Ada@acme.com")),
					identityValue("id", knownvalue.StringExact("ada@acme.com,okta:acme.okta.com")),
					identityValue("service", knownvalue.StringExact(testOkta)),
					identityValue("identity", knownvalue.StringExact("00u1")),
					identityValue("matcher", knownvalue.Null()),
					identityValue("source", knownvalue.StringExact("manual")),
					identityValue("revision", knownvalue.NotNull()),
					sameRevision.AddStateValue(testIdentityAddress, tfjsonpath.New("revision")),
					identityValue("updated_at", knownvalue.StringRegexp(regexp.MustCompile(`^\d{4}-\d\d-\d\dT.*Z$`))),
					sameID.AddStateValue(testIdentityAddress, tfjsonpath.New("id")),
				},
			},
			{ // case and outer spaces change state alone
				Config:           s.provider() + identityHCL(" ADA@Acme.com ", "00u1"),
				ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					identityValue("user", knownvalue.StringExact(" ADA@Acme.com ")),
					sameRevision.AddStateValue(testIdentityAddress, tfjsonpath.New("revision")),
				},
			},
			{ // in place
				Config:            s.provider() + identityHCL("ADA@acme.com", "00u2"),
				ConfigPlanChecks:  planAction(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{identityValue("identity", knownvalue.StringExact("00u2")), sameID.AddStateValue(testIdentityAddress, tfjsonpath.New("id"))},
			},
			{ // the other form of the same value
				Config:           s.provider() + "resource \"sym_identity\" \"test\" {\n  user = \"ada@acme.com\"\n  service_type = \"okta\"\n  external_id = \"acme.okta.com\"\n  matcher = { user_id = \"00u2\" }\n}\n",
				ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					identityValue("identity", knownvalue.Null()),
					identityValue("matcher", knownvalue.MapExact(map[string]knownvalue.Check{"user_id": knownvalue.StringExact("00u2")})),
				},
			},
			{ // another person, same account: replaced, never claimed from oneself
				Config:           s.provider() + identityHCL("ada.byron@acme.com", "00u2"),
				ConfigPlanChecks: planAction(plancheck.ResourceActionDestroyBeforeCreate),
			},
		},
	})
	if m, ok := s.stored("ada.byron@acme.com", testOkta); ok {
		t.Errorf("stored after destroy: %v", m)
	}
}

func TestAccIdentity_disappears(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: s.provider() + identityHCL("ada@acme.com", "00u1")},
			{
				PreConfig:        func() { s.unmap("ada@acme.com", testOkta) },
				Config:           s.provider() + identityHCL("ada@acme.com", "00u1"),
				ConfigPlanChecks: planAction(plancheck.ResourceActionCreate),
			},
			{
				PreConfig:        func() { s.mapping("ada@acme.com", testOkta, "00u9", identity.Manual) },
				Config:           s.provider() + identityHCL("ada@acme.com", "00u1"),
				ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
			},
		},
	})
}

func TestAccIdentity_adoption(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	s.mapping("ada@acme.com", testOkta, "00u9", identity.Manual)
	s.mapping("bob@acme.com", testOkta, "00u8", identity.FromEmail)
	s.mapping("eve@acme.com", testOkta, "00u7", identity.Manual)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:      s.provider() + identityHCL("ada@acme.com", "00u1"),
				PlanOnly:    true,
				ExpectError: regexp.MustCompile(`(?s)Another Identity Is Stored.*00u9.*00u1.*terraform import ADDRESS`),
			},
			{
				Config:      s.provider() + identityHCL("ada@acme.com", "00u7", "overwrite = true"),
				PlanOnly:    true,
				ExpectError: regexp.MustCompile(`(?s)Account Belongs to Another User.*eve@acme.com`),
			},
			{
				Config: s.provider() + identityHCL("ada@acme.com", "00u1", "overwrite = true") +
					identityHCLNamed("automatic", "bob@acme.com", "00u2") + identityHCLNamed("equal", "eve@acme.com", "00u7"),
			},
		},
	})
}

func TestAccIdentity_import(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: s.provider() + identityHCL("Ada@acme.com", "00u1")},
			{
				ResourceName: testIdentityAddress, ImportState: true, ImportStateVerify: true,
				ImportStateId: "ada@acme.com,okta:acme.okta.com", ImportStateVerifyIgnore: []string{"user"},
			},
			{
				ResourceName: testIdentityAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithID,
				ImportStateId: "ada@acme.com,okta:acme.okta.com",
			},
			{
				ResourceName: testIdentityAddress, ImportState: true, ImportStateId: "bob@acme.com,okta:acme.okta.com",
				ExpectError: regexp.MustCompile("Identity Mapping Not Found"),
			},
		},
	})
}

func TestAccIdentity_importByIdentity(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		Steps: []resource.TestStep{
			{
				Config: s.provider() + identityHCL("Ada@acme.com", "00u1"),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentity(testIdentityAddress, map[string]knownvalue.Check{
					"user": knownvalue.StringExact("ada@acme.com"), "service_type": knownvalue.StringExact("okta"), "external_id": knownvalue.StringExact("acme.okta.com"),
				})},
			},
			{ResourceName: testIdentityAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
		},
	})
}

// A mapping moved to another resource stays stored, whichever goes first.
func TestAccIdentity_move(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	still := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: s.provider() + identityHCLNamed("one", "ada@acme.com", "00u1")},
			{Config: s.provider() + identityHCLNamed("two", "ada@acme.com", "00u1"), ConfigPlanChecks: still},
			{ // the new one waits for the old one's destruction
				Config: s.provider() + identityHCLNamed("three", "ada@acme.com", "00u1"), ConfigPlanChecks: still,
			},
			{
				Config: s.provider() + "moved {\n  from = sym_identity.three\n  to = sym_identity.four\n}\n" +
					identityHCLNamed("four", "ada@acme.com", "00u1"),
				ConfigPlanChecks: emptyPlan,
			},
		},
	})
}

// Staging and production of one organization: a resource that loses its provider
// is neither read nor changed nor destroyed in the other store.
func TestAccIdentity_anotherStore(t *testing.T) {
	t.Parallel()
	staging, production := newTestServer(t).register(testOkta), newTestServer(t).register(testOkta)
	staging.mapping("ada@acme.com", testOkta, "00uSTAGING", identity.Manual)
	providers := staging.provider() + production.provider(`alias = "production"`)
	refused := regexp.MustCompile(`(?s)State Belongs to Another Store.*` + nameOf(t, production, testOrg) + `.*` + nameOf(t, staging, testOrg))
	mapping := identityHCLNamed("one", "ada@acme.com", "00u1")
	inProduction := strings.Replace(mapping, "{\n", "{\n  provider = sym.production\n", 1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: providers + inProduction},
			{Config: providers + mapping, ExpectError: refused},
			{Config: providers + mapping, PlanOnly: true, ExpectError: refused},
			{Config: staging.provider(`alias = "production"`) + inProduction, ExpectError: refused},
			{Config: staging.provider(`alias = "production"`), ExpectError: refused}, // destroys it
			{Config: providers + inProduction, ConfigPlanChecks: emptyPlan},
		},
	})
	if m, stored := staging.stored("ada@acme.com", testOkta); !stored || m.Matcher["user_id"] != "00uSTAGING" {
		t.Errorf("staging holds %v", m.Matcher)
	}
}

func TestAccIdentity_unknownInputs(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{{
			ConfigVariables: config.Variables{"id": config.StringVariable("00u1")},
			Config: s.provider() + `
variable "id" { type = string }
resource "terraform_data" "id" { input = var.id }
resource "terraform_data" "user" { input = "Ada@acme.com" }
resource "sym_identity" "test" {
  user         = terraform_data.user.output
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = terraform_data.id.output
}
output "all" { value = sym_identity.test }
`,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectUnknownValue(testIdentityAddress, tfjsonpath.New("id"))},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{identityValue("id", knownvalue.StringExact("ada@acme.com,okta:acme.okta.com"))},
		}},
	})
}

// The service may be registered in the same run.
func TestAccIdentity_serviceInTheSameRun(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:      s.provider() + identityHCL("ada@acme.com", "00u1"),
				ExpectError: regexp.MustCompile(`(?s)Service Is Not Registered.*okta:acme.okta.com`),
			},
			{
				Config: s.provider() + `
resource "sym_service" "okta" {
  service_type = "okta"
  external_id  = "acme.okta.com"
  label        = "Okta"
}
resource "sym_identity" "test" {
  user         = "ada@acme.com"
  service_type = sym_service.okta.service_type
  external_id  = sym_service.okta.external_id
  identity     = "00u1"
}
`,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
		},
	})
}
