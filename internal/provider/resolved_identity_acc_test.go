// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// resolveHCL is a data source block; user is an HCL expression.
func resolveHCL(name, user, service string, more ...string) string {
	key := mustService(service)
	return fmt.Sprintf("data \"sym_resolved_identity\" %q {\n  user         = %s\n  service_type = %q\n  external_id  = %q\n  %s\n}\n",
		name, user, key.Type, key.ExternalID, strings.Join(more, "\n  "))
}

// wholeOutput holds everything the data source says but stored_source, which
// tells what is stored and so changes when it is stored.
func wholeOutput(name string) string {
	return fmt.Sprintf("output %q {\n  value = { for k, v in data.sym_resolved_identity.%s : k => v if k != \"stored_source\" }\n}\n", name, name)
}

func resolvedValue(name, attribute string, want any) statecheck.StateCheck {
	var check knownvalue.Check = knownvalue.Null()
	switch want := want.(type) {
	case string:
		check = knownvalue.StringExact(want)
	case bool:
		check = knownvalue.Bool(want)
	}
	return statecheck.ExpectKnownValue("data.sym_resolved_identity."+name, tfjsonpath.New(attribute), check)
}

// saysInOrder matches an error that holds the parts in this order, however
// Terraform wraps its lines.
func saysInOrder(parts ...string) *regexp.Regexp {
	for i, part := range parts {
		words := strings.Fields(part)
		for j := range words {
			words[j] = regexp.QuoteMeta(words[j])
		}
		parts[i] = strings.Join(words, `[\s│]+`)
	}
	return regexp.MustCompile(`(?s)` + strings.Join(parts, `.*`))
}

func TestAccResolvedIdentity_sources(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testOkta, directoryOf("ada@acme.com", "00u1")), withDirectory("custom:pager", directoryOf("ada@acme.com", "P1"))).
		register(testOkta, "custom:pager")
	s.mapping("stored@acme.com", testOkta, "00u5", identity.FromEmail)
	rules := `rules = [
    { name = "provider", service_type = "okta", match = "(eve|mallory)@acme\\.com", identity = "p-$1" },
  ]`
	config := s.provider(rules) +
		resolveHCL("declared", `"ada@acme.com"`, testOkta, `declared = { "ADA@acme.com" = "00u2" }`) +
		resolveHCL("store", `" Stored@acme.com "`, testOkta) +
		resolveHCL("rule", `"eve@acme.com"`, testOkta) +
		resolveHCL("own", `"mallory@acme.com"`, testOkta, `rules = [{ name = "own", service_type = "okta", match = "(.*)@.*", identity = "o-$1" }]`) +
		resolveHCL("email", `"ada@acme.com"`, testOkta) +
		resolveHCL("remote", `"ada@acme.com"`, "custom:pager") +
		resolveHCL("ignored", `"nobody@acme.com"`, testOkta, `on_unmapped = "ignore"`)
	checks := []statecheck.StateCheck{}
	for name, want := range map[string]map[string]any{
		"declared": {"identity": "00u2", "source": "declared", "stored_source": nil, "mapped": true},
		"store":    {"identity": "00u5", "source": "store", "stored_source": "email", "user": " Stored@acme.com "},
		"rule":     {"identity": "p-eve", "source": "rule", "rule": "provider"},
		"own":      {"identity": "o-mallory", "source": "rule", "rule": "own"},
		"email":    {"identity": "00u1", "source": "email", "rule": nil, "reason": nil, "stale": nil},
		"remote":   {"identity": "P1", "source": "fetch_remote_identity"},
		"ignored":  {"identity": nil, "matcher": nil, "source": nil, "mapped": false, "reason": "not_found"},
	} {
		for attribute, value := range want {
			checks = append(checks, resolvedValue(name, attribute, value))
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: checks},
			{Config: config, ConfigPlanChecks: emptyPlan},
		},
	})
	if writes := s.requests("PATCH users"); len(writes) > 0 {
		t.Errorf("reading wrote %v", writes)
	}
}

// TestAccResolvedIdentity_declared is what the data source is for: a plan that
// names the unmapped, the same plan with the mapping added, and no change
// after it is applied.
func TestAccResolvedIdentity_declared(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testOkta, directoryOf("ada@acme.com", "00u1"))).register(testOkta)
	s.mapping("carol@acme.com", testOkta, "00u7", identity.FromRule) // replaced by what is declared
	config := func(declared ...string) string {
		out := s.provider() + "locals {\n  declared = {" + strings.Join(declared, "\n") + "}\n}\n"
		for _, user := range []string{"ada", "bob", "carol", "dan"} {
			out += resolveHCL(user, fmt.Sprintf("\"%s@acme.com\"", user), testOkta, "declared = local.declared", "check_stale = true",
				`rules = [{ name = "carol's old one", service_type = "okta", match = "dan@acme\\.com", identity = "00u7" }]`) + wholeOutput(user)
		}
		for i, d := range declared { // for_each would do, but the test framework cannot read its results
			user, id, _ := strings.Cut(d, " = ")
			out += fmt.Sprintf("resource \"sym_identity\" \"manual%d\" {\n  user = %s\n  service_type = \"okta\"\n  external_id = \"acme.okta.com\"\n  identity = %s\n}\n", i, user, id)
		}
		return out
	}
	mapped := config(`"Bob@acme.com" = "00u2"`, `"carol@acme.com" = "00u3"`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: config(),
				ExpectError: saysInOrder("bob@acme.com has no identity in okta:acme.okta.com: no account there has this e-mail (reason: not_found).",
					"email miss: no account has the e-mail bob@acme.com", "map that declared takes", `"bob@acme.com" = "" # fill in the Okta user ID`),
			},
			{
				Config: mapped,
				ConfigStateChecks: []statecheck.StateCheck{
					resolvedValue("bob", "source", "declared"), resolvedValue("bob", "stored_source", nil),
					resolvedValue("carol", "source", "declared"), resolvedValue("carol", "stored_source", "rule"),
					resolvedValue("ada", "source", "email"),
					// Carol's mapping frees her old account in this very run.
					resolvedValue("dan", "identity", "00u7"), resolvedValue("dan", "source", "rule"),
				},
			},
			{
				Config: mapped, ConfigPlanChecks: emptyPlan,
				ConfigStateChecks: []statecheck.StateCheck{
					resolvedValue("bob", "source", "declared"), resolvedValue("bob", "stored_source", "manual"), resolvedValue("carol", "stored_source", "manual"),
				},
			},
		},
	})
}

// TestAccResolvedIdentity_persist: the run that stores an answer already tells
// it as the store does, so outputs do not flip.
func TestAccResolvedIdentity_persist(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testOkta, listedDirectory{directoryOf("ada@acme.com", "00u1", "ada.byron@acme.com", "00u7", "bob@acme.com", "r-bob")})).register(testOkta)
	config := s.provider() +
		resolveHCL("ada", `"ada@acme.com"`, testOkta, "persist = true") +
		resolveHCL("eve", `"eve@acme.com"`, testOkta, "persist = true", `rules = [{ name = "married", service_type = "okta", match = "eve@acme.com", lookup_email = "ada.byron@acme.com" }]`) +
		resolveHCL("bob", `"bob@acme.com"`, testOkta, "persist = true", "check_stale = true", `rules = [{ name = "r", service_type = "okta", identity = "r-$${local}" }]`) +
		"output \"ada\" {\n  value = data.sym_resolved_identity.ada\n}\noutput \"bob\" {\n  value = data.sym_resolved_identity.bob\n}\n"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				resolvedValue("ada", "source", "store"), resolvedValue("ada", "stored_source", "email"), resolvedValue("ada", "lookup_email", nil),
				resolvedValue("eve", "source", "email"), resolvedValue("eve", "stored_source", nil), resolvedValue("eve", "evidence", "email"),
				resolvedValue("bob", "source", "store"), resolvedValue("bob", "stored_source", "rule"), resolvedValue("bob", "rule", "r"), resolvedValue("bob", "stale", false),
			}},
			{Config: config, ConfigPlanChecks: emptyPlan},
		},
	})
	if writes := s.requests("PATCH users"); len(writes) != 2 {
		t.Errorf("%d writes", len(writes))
	}
	if m, ok := s.stored("bob@acme.com", testOkta); !ok || m.Rule != "r" || m.Source != identity.FromRule {
		t.Errorf("stored %+v", m)
	}
}

// TestAccResolvedIdentity_unknownInputs: what is not known yet defers the data
// source to apply, and is no error before.
func TestAccResolvedIdentity_unknownInputs(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testOkta, directoryOf("ada@acme.com", "00u1"))).register(testOkta)
	config := s.provider() + `
resource "terraform_data" "later" {
  input = {
    user = "ada@acme.com"
    id   = "00u2"
    rule = { name = "r", service_type = "okta", identity = "r-$${local}" }
  }
}
` + resolveHCL("user", "terraform_data.later.output.user", testOkta) +
		resolveHCL("declared", `"bob@acme.com"`, testOkta, `declared = { "bob@acme.com" = terraform_data.later.output.id }`) +
		resolveHCL("rule", `"carol@acme.com"`, testOkta, `rules = [{ name = "known", service_type = "okta", match = "x", identity = "y" }, terraform_data.later.output.rule]`)
	deferred := func(name string) plancheck.PlanCheck {
		return plancheck.ExpectResourceAction("data.sym_resolved_identity."+name, plancheck.ResourceActionRead)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:           config,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{deferred("user"), deferred("declared"), deferred("rule")}},
				ConfigStateChecks: []statecheck.StateCheck{
					resolvedValue("user", "identity", "00u1"), resolvedValue("declared", "identity", "00u2"), resolvedValue("rule", "identity", "r-carol"),
				},
			},
			{Config: config, ConfigPlanChecks: emptyPlan},
		},
	})
}

func TestAccResolvedIdentity_reasons(t *testing.T) {
	t.Parallel()
	people := directoryOf("twice@acme.com", "00u1", "twice@acme.com", "00u2", "left@acme.com", "00u3", "taken@acme.com", "00u4")
	s := newTestServer(t, withDirectory(testOkta, people.deactivate("left@acme.com"))).register(testOkta, "github:acme")
	s.mapping("holder@acme.com", testOkta, "00u4", identity.Manual)
	missing := map[string]string{
		"not_found": "nobody@acme.com", "inactive": "left@acme.com", "ambiguous": "twice@acme.com", "claimed": "taken@acme.com", "no_email": "deploy-bot",
	}
	config := func(mode string) string {
		out := s.provider() + resolveHCL("no_directory", `"ada@acme.com"`, "github:acme", mode)
		for reason, user := range missing {
			out += resolveHCL(reason, fmt.Sprintf("%q", user), testOkta, mode)
		}
		return out
	}
	checks := []statecheck.StateCheck{resolvedValue("no_directory", "reason", "no_directory")}
	var steps []resource.TestStep
	for reason, user := range missing {
		checks = append(checks, resolvedValue(reason, "reason", reason), resolvedValue(reason, "mapped", false), resolvedValue(reason, "identity", nil))
		steps = append(steps, resource.TestStep{
			Config:      s.provider() + resolveHCL("one", fmt.Sprintf("%q", user), testOkta),
			ExpectError: saysInOrder("Error: Unmapped User", user+" has no identity in okta:acme.okta.com:", "(reason: "+reason+")", `resource "sym_identity"`),
		})
	}
	steps = append(steps,
		resource.TestStep{Config: config(`on_unmapped = "warn"`), ConfigStateChecks: checks},
		resource.TestStep{Config: config(`on_unmapped = "ignore"`), ConfigStateChecks: checks},
	)
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: testAccProtoV6ProviderFactories, Steps: steps})
}

func TestAccResolvedIdentity_stale(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testOkta, directoryOf("ada@acme.com", "00u2"))).register(testOkta)
	s.mapping("ada@acme.com", testOkta, "00u1", identity.FromEmail)
	config := s.provider() + resolveHCL("ada", `"ada@acme.com"`, testOkta, "check_stale = true") + wholeOutput("ada")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				resolvedValue("ada", "stale", true), resolvedValue("ada", "identity", "00u1"), resolvedValue("ada", "source", "store"),
			}},
			{Config: config, ConfigPlanChecks: emptyPlan},
		},
	})
}

// TestAccResolvedIdentity_unregistered: a service may be registered in the run
// that declares its first mapping.
func TestAccResolvedIdentity_unregistered(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register("okta:other.okta.com")
	config := s.provider() +
		resolveHCL("ada", `"ada@acme.com"`, testOkta, `declared = { "ada@acme.com" = "00u1" }`) + wholeOutput("ada") + `
resource "sym_service" "okta" {
  service_type = "okta"
  external_id  = "acme.okta.com"
}
resource "sym_identity" "ada" {
  user         = "ada@acme.com"
  service_type = sym_service.okta.service_type
  external_id  = sym_service.okta.external_id
  identity     = "00u1"
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config:      s.provider() + resolveHCL("ada", `"ada@acme.com"`, testOkta, `on_unmapped = "ignore"`),
				ExpectError: saysInOrder("Error: Service Is Not Registered", "okta:acme.okta.com", "Registered services of type okta:", "okta:other.okta.com"),
			},
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{resolvedValue("ada", "identity", "00u1"), resolvedValue("ada", "stored_source", nil)}},
			{Config: config, ConfigPlanChecks: emptyPlan},
		},
	})
}

func TestAccResolvedIdentity_failure(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	config := s.provider("max_retries = 0") + resolveHCL("ada", `"ada@acme.com"`, testOkta, `on_unmapped = "ignore"`)
	s.failNext(1000, "POST", "users/search", 502, "<html><title>Bad Gateway</title></html>")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{{
			Config: config,
			ExpectError: saysInOrder("Error: Unable to Resolve Identity", "For ada@acme.com in okta:acme.okta.com:",
				"Request: POST /api/v1/users/search, status 502 Bad Gateway, request ID"),
		}},
	})
}

func TestAccReduce(t *testing.T) {
	t.Parallel()
	config := `
locals {
  rules = [
    { name = "lookup", service_type = "okta", match = "(.*)@globex\\.com", lookup_email = "$1@acme.com" },
    { name = "people", service_type = "okta", identities = { "ada@acme.com" = "00u1" } },
    { name = "cel", service_type = "okta", expression = "user.role == 'admin' ? user.local : ''" },
  ]
}
output "ada" {
  value = provider::sym::reduce(local.rules, { email = "Ada@acme.com" }, { service_type = "okta", external_id = "acme.okta.com" })
}
output "bob" {
  value = provider::sym::reduce(local.rules, { email = "bob@globex.com", role = "member" }, { service_type = "okta", external_id = "acme.okta.com" })
}
output "none" {
  value = provider::sym::reduce([], { username = "deploy-bot" }, { service_type = "okta", external_id = "acme.okta.com" })
}
`
	result := func(id, rule, lookup knownvalue.Check) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{"identity": id, "rule": rule, "lookup_email": lookup})
	}
	text := knownvalue.StringExact
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownOutputValue("ada", result(text("00u1"), text("people"), knownvalue.Null())),
				statecheck.ExpectKnownOutputValue("bob", result(knownvalue.Null(), text("lookup"), text("bob@acme.com"))),
				statecheck.ExpectKnownOutputValue("none", result(knownvalue.Null(), knownvalue.Null(), knownvalue.Null())),
			}},
			{
				Config:      `output "bad" { value = provider::sym::reduce([{ name = "r", idenity = "x" }], { email = "ada@acme.com" }, { service_type = "okta", external_id = "x" }) }`,
				ExpectError: saysInOrder(`rules[0]: it has an unknown attribute "idenity"`),
			},
		},
	})
}
