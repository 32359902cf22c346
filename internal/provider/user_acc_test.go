// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
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

const testUserAddress = "sym_user.test"

// userHCL is a sym_user block named test.
func userHCL(arguments ...string) string {
	return "resource \"sym_user\" \"test\" {\n  " + strings.Join(arguments, "\n  ") + "\n}\n"
}

func userValue(attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(testUserAddress, tfjsonpath.New(attribute), check)
}

func userAction(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testUserAddress, action)}}
}

func TestAccUser_lifecycle(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	id := tfjsonpath.New("id")
	sameID, newID := statecheck.CompareValue(compare.ValuesSame()), statecheck.CompareValue(compare.ValuesDiffer())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: s.provider() + userHCL(`email = "Ada@acme.com"`, `first_name = "Ada"`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(testUserAddress, plancheck.ResourceActionCreate),
					plancheck.ExpectKnownValue(testUserAddress, tfjsonpath.New("type"), knownvalue.StringExact("normal")),
					plancheck.ExpectUnknownValue(testUserAddress, id),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					userValue("email", knownvalue.StringExact("Ada@acme.com")),
					userValue("username", knownvalue.Null()),
					userValue("first_name", knownvalue.StringExact("Ada")),
					userValue("last_name", knownvalue.Null()),
					userValue("role", knownvalue.StringExact("member")),
					userValue("created_at", knownvalue.StringRegexp(regexp.MustCompile(`^\d{4}-\d\d-\d\dT.*Z$`))),
					sameID.AddStateValue(testUserAddress, id),
				},
			},
			{ // case and outer spaces are no change
				Config: s.provider() + userHCL(`email = " ADA@acme.com"`, `first_name = "Ada"`), ConfigPlanChecks: emptyPlan,
			},
			{ // what is left out stays
				Config: s.provider() + userHCL(`email = "ada@acme.com"`), ConfigPlanChecks: emptyPlan,
			},
			{ // renamed in place
				Config:            s.provider() + userHCL(`email = "ada.byron@acme.com"`, `last_name = "Byron"`, `role = "admin"`),
				ConfigPlanChecks:  userAction(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{sameID.AddStateValue(testUserAddress, id), newID.AddStateValue(testUserAddress, id), userValue("first_name", knownvalue.StringExact("Ada"))},
			},
			{ // drift of what is declared is put right
				PreConfig: func() {
					s.userWith("ada.byron@acme.com", "Ada", "King", identity.Guest)
				},
				Config:            s.provider() + userHCL(`email = "ada.byron@acme.com"`, `last_name = "Byron"`, `role = "admin"`),
				ConfigPlanChecks:  userAction(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{userValue("role", knownvalue.StringExact("admin")), userValue("last_name", knownvalue.StringExact("Byron"))},
			},
			{ // a bot is another user
				Config:            s.provider() + userHCL(`username = "deploy-bot"`),
				ConfigPlanChecks:  userAction(plancheck.ResourceActionReplace),
				ConfigStateChecks: []statecheck.StateCheck{newID.AddStateValue(testUserAddress, id), userValue("type", knownvalue.StringExact("bot")), userValue("email", knownvalue.Null())},
			},
			{Config: s.provider() + userHCL(`username = "deploy-bot"`), ConfigPlanChecks: emptyPlan},
		},
	})
	for _, name := range []string{"ada.byron@acme.com", "deploy-bot"} {
		if u, there := s.storedUser(name); there {
			t.Errorf("stored after destroy: %+v", u)
		}
	}
}

func TestAccUser_import(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: s.provider() + userHCL(`email = "ada@acme.com"`, `first_name = "Ada"`, `role = "guest"`)},
			{ResourceName: testUserAddress, ImportState: true, ImportStateId: "ADA@acme.com", ImportStateVerify: true},
			{ResourceName: testUserAddress, ImportState: true, ImportStateVerify: true}, // by id
		},
	})
}

func TestAccUser_importByIdentity(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		Steps: []resource.TestStep{
			{
				Config:            s.provider() + userHCL(`email = "ada@acme.com"`),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentityValueMatchesState(testUserAddress, tfjsonpath.New("id"))},
			},
			{ResourceName: testUserAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
			{ // the identity stays when the user is renamed
				Config:            s.provider() + userHCL(`email = "ada.byron@acme.com"`),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentityValueMatchesState(testUserAddress, tfjsonpath.New("id"))},
			},
		},
	})
}

func TestAccUser_disappears(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	configuration := s.provider() + userHCL(`email = "ada@acme.com"`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: configuration},
			{
				PreConfig: func() {
					u, _ := s.storedUser("ada@acme.com")
					s.dropUser(u)
				},
				Config: configuration, ConfigPlanChecks: userAction(plancheck.ResourceActionCreate),
			},
			{
				PreConfig: func() {
					u, _ := s.storedUser("ada@acme.com")
					s.renameUser(u, "countess@acme.com")
				},
				Config: configuration, ConfigPlanChecks: userAction(plancheck.ResourceActionUpdate),
			},
		},
	})
}

// TestAccUser_unknown gives the user a name that is known only after apply.
func TestAccUser_unknown(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	configuration := s.provider() + `
variable "name" { type = string }
resource "terraform_data" "name" { input = "${var.name}@acme.com" }
` + userHCL(`email = terraform_data.name.output`, `first_name = terraform_data.name.id`)
	variables := func(name string) config.Variables { return config.Variables{"name": config.StringVariable(name)} }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: configuration, ConfigVariables: variables("ada"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectUnknownValue(testUserAddress, tfjsonpath.New("email")),
					plancheck.ExpectKnownValue(testUserAddress, tfjsonpath.New("type"), knownvalue.StringExact("normal")),
				}},
			},
			{ // renamed to what is known only after apply
				Config: configuration, ConfigVariables: variables("ada.byron"),
				ConfigPlanChecks:  userAction(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{userValue("email", knownvalue.StringExact("ada.byron@acme.com"))},
			},
		},
	})
}

// TestAccUser_withIdentities: identities of the same configuration go before
// their user does; others stop the destroy.
func TestAccUser_withIdentities(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta, "github:acme")
	bot := userHCL(`username = "deploy-bot"`)
	mapped := bot + `
resource "sym_identity" "bot" {
  user         = sym_user.test.username
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u1"
}
data "sym_user" "bot" {
  username   = sym_user.test.username
  depends_on = [sym_identity.bot]
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: s.provider() + mapped,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("data.sym_user.bot", tfjsonpath.New("identities"), knownvalue.MapExact(map[string]knownvalue.Check{
						testOkta: knownvalue.StringExact("00u1"),
					})),
				},
			},
			{Config: s.provider()}, // both at once
			{Config: s.provider() + bot},
			{
				PreConfig:   func() { s.mapping("deploy-bot", "github:acme", "acme-bot", identity.Manual) },
				Config:      s.provider(),
				ExpectError: regexp.MustCompile(`(?s)User Still Has Identities.*github:acme: acme-bot.*delete_identities = true`),
			},
			{Config: s.provider() + userHCL(`username = "deploy-bot"`, `delete_identities = true`)},
		},
	})
	if u, there := s.storedUser("deploy-bot"); there {
		t.Errorf("stored after destroy: %+v", u)
	}
}
