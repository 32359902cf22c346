// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
)

func serviceBlockWith(arguments string) string {
	return fmt.Sprintf("resource \"sym_service\" \"okta\" {\n  service_type = \"okta\"\n  external_id  = \"acme.okta.com\"\n  %s\n}\n", arguments)
}

func TestAccService_lifecycle(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	const address = "sym_service.okta"
	sameID := statecheck.CompareValue(compare.ValuesSame())
	newID := statecheck.CompareValue(compare.ValuesDiffer())
	id := tfjsonpath.New("id")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: api.provider() + serviceBlockWith(`label = "Okta"`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("key"), knownvalue.StringExact("okta:acme.okta.com")),
					plancheck.ExpectUnknownValue(address, id),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("label"), knownvalue.StringExact("Okta")),
					sameID.AddStateValue(address, id),
				},
			},
			{
				Config: api.provider() + serviceBlockWith(""),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("label"), knownvalue.Null()),
					sameID.AddStateValue(address, id), newID.AddStateValue(address, id),
				},
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "okta:acme.okta.com", ImportStateVerify: true,
			},
			{
				PreConfig: func() { // deleted behind Terraform
					if _, err := api.Store.DeleteService(context.Background(), testActor, mustService("okta:acme.okta.com"), 0); err != nil {
						t.Fatal(err)
					}
				},
				Config: api.provider() + serviceBlockWith(""),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{newID.AddStateValue(address, id)},
			},
			{
				Config: api.provider() + "resource \"sym_service\" \"okta\" {\n  service_type = \"okta\"\n  external_id = \"beta.okta.com\"\n}\n",
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionReplace),
				}},
				ConfigStateChecks: []statecheck.StateCheck{newID.AddStateValue(address, id)},
			},
		},
	})
	for _, key := range []string{"okta:acme.okta.com", "okta:beta.okta.com"} {
		if _, there := api.service(key); there {
			t.Errorf("%s is left behind", key)
		}
	}
}

// TestAccService_unknown feeds attributes that are only known at apply.
func TestAccService_unknown(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{{
			Config: api.provider() + `
resource "terraform_data" "id" { input = "acme.okta.com" }
resource "sym_service" "okta" {
  service_type = "okta"
  external_id  = terraform_data.id.output
  label        = terraform_data.id.output
}`,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectUnknownValue("sym_service.okta", tfjsonpath.New("key"))},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("sym_service.okta", tfjsonpath.New("key"), knownvalue.StringExact("okta:acme.okta.com")),
			},
		}},
	})
}

func TestAccService_conflictThenImport(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	api.registerAs("okta:acme.okta.com", "Okta")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:      api.provider() + serviceBlockWith(`label = "Mine"`),
				ExpectError: regexp.MustCompile(`(?s)Registered With Another Label.*terraform import ADDRESS\s+'okta:acme\.okta\.com'`),
			},
			{
				Config:       api.provider() + serviceBlockWith(`label = "Mine"`),
				ResourceName: "sym_service.okta", ImportState: true, ImportStateId: "okta:acme.okta.com", ImportStatePersist: true,
			},
			{
				Config: api.provider() + serviceBlockWith(`label = "Mine"`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("sym_service.okta", plancheck.ResourceActionUpdate),
				}},
			},
		},
	})
}

func TestAccService_importByIdentity(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	api.registerAs("okta:acme.okta.com", "Okta")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		Steps: []resource.TestStep{
			{
				Config: api.provider() + serviceBlockWith(`label = "Okta"`),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectIdentity("sym_service.okta", map[string]knownvalue.Check{
						"service_type": knownvalue.StringExact("okta"), "external_id": knownvalue.StringExact("acme.okta.com"),
					}),
				},
			},
			{
				ResourceName: "sym_service.okta", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity,
			},
		},
	})
}

const testEmbeddedConfig = `
org   = "acme"
store = "sqlite:identities.db"

service "okta" "acme.okta.com" {
  label = "Okta"
}
`

// TestAccEmbedded runs without any server: two runs, as two processes would,
// on one store.
func TestAccEmbedded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, testEmbeddedConfig)
	provider := fmt.Sprintf("provider \"sym\" {\n  org = \"acme\"\n  embedded = { config = %q }\n}\n", file)
	all := provider + serviceBlockWith(`label = "Okta"`) + `
resource "sym_service" "github" {
  service_type = "github"
  external_id  = "acme"
}
resource "sym_identity" "ada" {
  user         = "Ada@acme.com"
  service_type = sym_service.github.service_type
  external_id  = sym_service.github.external_id
  identity     = "ada-l"
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: all},
			{
				Config:           all,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{ // the configuration file owns okta, so destroying it has to fail
				Config:      provider,
				ExpectError: regexp.MustCompile(`(?s)Unable to Delete Service.*configuration\s+file`),
			},
			{
				Config: provider + `removed {
  from = sym_service.okta
  lifecycle { destroy = false }
}`,
			},
		},
	})
}

func TestAccEmbedded_wrongOrg(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, testEmbeddedConfig)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{{
			ConfigVariables: config.Variables{"file": config.StringVariable(file)},
			Config: `
variable "file" { type = string }
provider "sym" {
  org                         = "globex"
  embedded                    = { config = var.file }
  skip_credentials_validation = true
}
` + serviceBlockWith(""),
			ExpectError: regexp.MustCompile(`(?s)Another Organization.*"globex".*"acme"`),
		}},
	})
}
