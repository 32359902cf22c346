// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Functions need Terraform 1.8, which also knows import blocks with for_each.
var withFunctions = []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_8_0)}

func TestAccIdentitiesCSV_outputs(t *testing.T) {
	t.Parallel()
	const csv = `"\ufeffUser ID,sym:cloud,okta:acme.okta.com,ldap:x\r\n1,Ada@acme.com,00u1,` + "`cn=Ada, ou=x`" + `\r\n2,bob@acme.com,,"`
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: `
output "identities" {
  value = provider::sym::identities_from_csv(` + csv + `)
}
output "csv" {
  value = provider::sym::identities_to_csv(provider::sym::identities_from_csv(` + csv + `))
}
output "literal" {
  value = provider::sym::identities_to_csv({ "okta:x" = { "ada@acme.com" = "1", "bob@acme.com" = null }, "github:acme" = {} })
}
`,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownOutputValue("identities", knownvalue.MapExact(map[string]knownvalue.Check{
						"okta:acme.okta.com": knownvalue.MapExact(map[string]knownvalue.Check{"Ada@acme.com": knownvalue.StringExact("00u1")}),
						"ldap:x":             knownvalue.MapExact(map[string]knownvalue.Check{"Ada@acme.com": knownvalue.StringExact("cn=Ada, ou=x")}),
					})),
					statecheck.ExpectKnownOutputValue("csv", knownvalue.StringExact("sym:cloud,ldap:x,okta:acme.okta.com\nAda@acme.com,\"cn=Ada, ou=x\",00u1\n")),
					statecheck.ExpectKnownOutputValue("literal", knownvalue.StringExact("sym:cloud,github:acme,okta:x\nada@acme.com,,1\n")),
				},
			},
			{
				Config:      `output "x" { value = provider::sym::identities_from_csv("sym:cloud,okta:x\nada@acme.com\n") }`,
				ExpectError: regexp.MustCompile(`(?s)text.*Line\s+2:\s+the\s+row\s+has\s+1\s+cell`),
			},
		},
	})
}

const guidePath = "../../templates/guides/migrate-from-symflow.md"

// guideBlock is the block of the guide that starts with "# file", so that what
// readers copy is what is tested. The CSV is looked for in dir.
func guideBlock(t *testing.T, file, dir string) string {
	t.Helper()
	guide, err := os.ReadFile(guidePath)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(guide), "```terraform\n# "+file+"\n")
	block, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatalf("the guide has no block %s", file)
	}
	return strings.ReplaceAll(block, "${path.module}", filepath.ToSlash(dir))
}

// exported is a list-identities file of so many people and what it says, by
// user and service key. Everybody has an Okta account, a part have others.
func exported(people int) (csv string, stored map[[2]string]string) {
	services := []string{"aws_sso:arn:aws:sso:::instance/ssoins-1", "github:acme", "okta:acme.okta.com"}
	stored = map[[2]string]string{}
	lines := []string{"sym:cloud," + strings.Join(services, ",") + ",slack:T23456789,User ID"}
	for i := range people {
		first := string(rune('a'+i%26)) + string(rune('a'+i/26))
		user := fmt.Sprintf("%s.Lindqvist@acme.example", first)
		cells := []string{"", "", fmt.Sprintf("00u%d", i)}
		if i%2 == 0 {
			cells[0] = fmt.Sprintf("9067-%d", i)
		}
		if i%3 == 0 {
			cells[1] = first + "-lindqvist-acme" // as the guide's rule gives it
		} else if i%3 == 1 {
			cells[1] = "nightowl-" + first
		}
		for s, id := range cells {
			if id != "" {
				stored[[2]string{user, services[s]}] = id
			}
		}
		lines = append(lines, fmt.Sprintf("%s,%s,,id-%d", user, strings.Join(cells, ","), i))
	}
	return strings.Join(lines, "\r\n") + "\r\n", stored
}

// migration is a store as symflow left it, and its export in a directory.
func migration(t *testing.T, people int) (s *testServer, dir string, stored map[[2]string]string) {
	t.Helper()
	csv, stored := exported(people)
	dir = t.TempDir()
	writeFile(t, filepath.Join(dir, "identities.csv"), csv)
	s = newTestServer(t).register("aws_sso:arn:aws:sso:::instance/ssoins-1", "github:acme", "okta:acme.okta.com", "slack:T23456789")
	for key, id := range stored {
		source := identity.Manual
		if key[1] == "okta:acme.okta.com" {
			source = identity.FromEmail // symflow's export does not say
		}
		s.mapping(key[0], key[1], id, source)
	}
	s.forget()
	return s, dir, stored
}

func (s *testServer) wantAllStored(stored map[[2]string]string) {
	s.t.Helper()
	for key, want := range stored {
		m, ok := s.stored(key[0], key[1])
		if got, _ := m.Matcher.Identity(m.Service.Type); !ok || got != want {
			s.t.Errorf("%s in %s is %q, want %q", key[0], key[1], got, want)
		}
	}
}

// onlyImports checks that a plan takes so many mappings into state and changes
// none of them.
type onlyImports int

func (want onlyImports) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	imports := 0
	for _, rc := range req.Plan.ResourceChanges {
		if rc.Change.Importing == nil || !rc.Change.Actions.NoOp() {
			resp.Error = fmt.Errorf("%s: %v, importing %v", rc.Address, rc.Change.Actions, rc.Change.Importing)
			return
		}
		imports++
	}
	if imports != int(want) {
		resp.Error = fmt.Errorf("%d imports, want %d", imports, want)
	}
}

// The last step of these tests takes everything away again: the test framework
// cannot destroy what for_each made.

func TestAccMigrateGuide_importBlocks(t *testing.T) {
	t.Parallel()
	s, dir, stored := migration(t, 60)
	declared := s.provider() + guideBlock(t, "locals.tf", dir) + guideBlock(t, "mappings.tf", dir) + guideBlock(t, "outputs.tf", dir)
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:           declared + guideBlock(t, "import.tf", dir),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{onlyImports(len(stored))}},
			},
			{ // the import blocks are gone
				PreConfig: func() {
					if writes := s.requests("PATCH users"); len(writes) > 0 {
						t.Errorf("the import wrote %d times, first %s", len(writes), writes[0].Body)
					}
				},
				Config:           declared,
				ConfigPlanChecks: emptyPlan,
			},
			{PreConfig: func() { s.wantAllStored(stored) }, Config: s.provider()},
		},
	})
}

func TestAccMigrateGuide_declaring(t *testing.T) {
	t.Parallel()
	s, dir, stored := migration(t, 12)
	config := s.provider() + guideBlock(t, "locals.tf", dir) + guideBlock(t, "mappings.tf", dir)
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: func() {
					s.wantAllStored(stored)
					if m, _ := s.stored("aa.lindqvist@acme.example", "okta:acme.okta.com"); m.Source != identity.Manual {
						t.Errorf("adopted as %q", m.Source)
					}
				},
				Config:           config,
				ConfigPlanChecks: emptyPlan,
			},
			{Config: s.provider()},
		},
	})
}

func TestAccMigrateGuide_bulk(t *testing.T) {
	t.Parallel()
	s, dir, stored := migration(t, 60)
	config := s.provider() + guideBlock(t, "locals.tf", dir) + guideBlock(t, "identities.tf", dir)
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config},
			{PreConfig: func() { s.wantAllStored(stored) }, Config: config, ConfigPlanChecks: emptyPlan},
			{Config: s.provider()},
		},
	})
}

// A new store: services.tf registers what the file names, then the mappings come.
func TestAccMigrateGuide_newStore(t *testing.T) {
	t.Parallel()
	csv, stored := exported(6)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "identities.csv"), csv)
	s := newTestServer(t)
	mappings := strings.Replace(guideBlock(t, "mappings.tf", dir), "resource \"sym_identity\" \"this\" {\n", "resource \"sym_identity\" \"this\" {\n  depends_on = [sym_service.this]\n", 1)
	config := s.provider() + guideBlock(t, "locals.tf", dir) + guideBlock(t, "services.tf", dir) + mappings
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config},
			{PreConfig: func() { s.wantAllStored(stored) }, Config: config, ConfigPlanChecks: emptyPlan},
			{Config: s.provider()},
		},
	})
}

func TestAccMigrateGuide_byHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "identities.csv"), "sym:cloud,github:acme,okta:acme.okta.com\nNora.Lindqvist@acme.example,nora-lindqvist-acme,00u1\nkofi.mensah@acme.example,nightowl-42,00u2\ndeploy-bot,acme-deploy,\n")
	text := knownvalue.StringExact
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{{
			Config: guideBlock(t, "locals.tf", dir) + guideBlock(t, "by_hand.tf", dir) + "output \"by_hand\" {\n  value = local.by_hand\n}\n",
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownOutputValue("by_hand", knownvalue.ObjectExact(map[string]knownvalue.Check{
				"github:acme":        knownvalue.ObjectExact(map[string]knownvalue.Check{"kofi.mensah@acme.example": text("nightowl-42"), "deploy-bot": text("acme-deploy")}),
				"okta:acme.okta.com": knownvalue.ObjectExact(map[string]knownvalue.Check{"kofi.mensah@acme.example": text("00u2"), "Nora.Lindqvist@acme.example": text("00u1")}),
			}))},
		}},
	})
}
