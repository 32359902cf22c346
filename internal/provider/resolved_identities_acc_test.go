// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// bulkHCL is a data source block; users is an HCL expression, "" for everybody.
func bulkHCL(name, users string, services []string, more ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "data \"sym_resolved_identities\" %q {\n", name)
	if users != "" {
		fmt.Fprintf(&b, "  users = %s\n", users)
	}
	b.WriteString("  services = [\n")
	for _, service := range services {
		key := mustService(service)
		fmt.Fprintf(&b, "    { service_type = %q, external_id = %q },\n", key.Type, key.ExternalID)
	}
	fmt.Fprintf(&b, "  ]\n  %s\n}\noutput %q {\n  value = data.sym_resolved_identities.%s\n}\n", strings.Join(more, "\n  "), name, name)
	return b.String()
}

func bulkValue(name, attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("data.sym_resolved_identities."+name, tfjsonpath.New(attribute), check)
}

func exactly(pairs ...string) knownvalue.Check {
	out := map[string]knownvalue.Check{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = knownvalue.StringExact(pairs[i+1])
	}
	return knownvalue.MapExact(out)
}

func TestAccResolvedIdentities_mixed(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testOkta, directoryOf("ada@acme.com", "00u1"))).register(testOkta, testGitHub)
	s.mapping("stored@acme.com", testOkta, "00u5", identity.FromEmail)
	s.mapping("stored@acme.com", testGitHub, "octo", identity.Manual)
	config := s.provider(`rules = [{ name = "all", service_type = "okta", match = "eve@.*", identity = "p-eve" }]`) +
		bulkHCL("some", `["Stored@acme.com", "ada@acme.com", "eve@acme.com", "nobody@acme.com"]`, []string{testOkta, testGitHub}, `on_unmapped = "warn"`) +
		bulkHCL("all", "", []string{testOkta})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				bulkValue("some", "identities", knownvalue.MapExact(map[string]knownvalue.Check{
					"Stored@acme.com": exactly(testOkta, "00u5", testGitHub, "octo"), "ada@acme.com": exactly(testOkta, "00u1"),
					"eve@acme.com": exactly(testOkta, "p-eve"), "nobody@acme.com": exactly(),
				})),
				bulkValue("some", "by_service", knownvalue.MapExact(map[string]knownvalue.Check{
					testOkta: exactly("Stored@acme.com", "00u5", "ada@acme.com", "00u1", "eve@acme.com", "p-eve"), testGitHub: exactly("Stored@acme.com", "octo"),
				})),
				bulkValue("some", "by_source", knownvalue.MapPartial(map[string]knownvalue.Check{"store": knownvalue.Int64Exact(2), "rule": knownvalue.Int64Exact(1), "email": knownvalue.Int64Exact(1), "declared": knownvalue.Int64Exact(0)})),
				bulkValue("some", "unmapped", knownvalue.ListPartial(map[int]knownvalue.Check{0: knownvalue.ObjectExact(map[string]knownvalue.Check{
					"user": knownvalue.StringExact("nobody@acme.com"), "service": knownvalue.StringExact(testOkta), "reason": knownvalue.StringExact("not_found"),
					"candidates": knownvalue.ListExact([]knownvalue.Check{}),
				})})),
				bulkValue("some", "unmapped_count", knownvalue.Int64Exact(4)),
				bulkValue("some", "stale", knownvalue.Null()),
				bulkValue("some", "collisions", knownvalue.ListSizeExact(0)),
				bulkValue("all", "identities", knownvalue.MapExact(map[string]knownvalue.Check{"stored@acme.com": exactly(testOkta, "00u5")})),
				bulkValue("all", "hcl", knownvalue.StringExact("")),
			}},
			{Config: config, ConfigPlanChecks: emptyPlan},
		},
	})
	if writes := s.requests("PATCH users"); len(writes) > 0 {
		t.Errorf("reading wrote %v", writes)
	}
}

func exactlyObject(pairs ...string) knownvalue.Check {
	out := map[string]knownvalue.Check{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = knownvalue.StringExact(pairs[i+1])
	}
	return knownvalue.ObjectExact(out)
}

// TestAccResolvedIdentities_paste is what hcl is for: a plan fails and says
// what to add, it is pasted with the accounts filled in, and after it is
// applied nothing is left to do and no output has changed.
func TestAccResolvedIdentities_paste(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testOkta, directoryOf("ada@acme.com", "00u1"))).register(testOkta, testGitHub)
	users := `["ada@acme.com", "Bob@acme.com", "bob@other.com"]`
	services := []string{testOkta, testGitHub}
	// Terraform wraps what it prints, so the blocks come from the attribute.
	p := newProtocolServer(t, nil, s.settings())
	got, diags := p.readData(resolvedMany, bulkOf([]string{"ada@acme.com", "Bob@acme.com", "bob@other.com"}, services, ignoring))
	wantDiagnostics(t, diags)
	n := 0
	pasted := regexp.MustCompile(`identity( *)= ""`).ReplaceAllStringFunc(got["hcl"].(string), func(string) string {
		n++
		return fmt.Sprintf(`identity = "acct-%d"`, n)
	})
	_, comment, _ := strings.Cut(pasted, "next plan passes:\n#\n")
	declared := "declared = {\n" + strings.ReplaceAll(comment, "# ", "") + "}\n"
	full := s.provider() + bulkHCL("all", users, services, declared) + pasted
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: s.provider() + bulkHCL("all", users, services),
				ExpectError: saysInOrder("Unmapped Users", "No identity was found for 5 of 6 pairs of user and service:", "service no_directory not_found", "okta:acme.okta.com 0 2", "Bob@acme.com in okta:acme.okta.com: not_found, no account there has this e-mail",
					"ada@acme.com in github:acme: no_directory", `resource "sym_identity" "ada_github" {`, "everybody"),
			},
			{
				Config: full,
				ConfigStateChecks: []statecheck.StateCheck{
					bulkValue("all", "mapped_count", knownvalue.Int64Exact(6)), bulkValue("all", "unmapped_count", knownvalue.Int64Exact(0)),
					bulkValue("all", "by_source", knownvalue.MapPartial(map[string]knownvalue.Check{"declared": knownvalue.Int64Exact(5), "email": knownvalue.Int64Exact(1)})),
				},
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{Config: full, ConfigPlanChecks: emptyPlan},
		},
	})
}

// TestAccUnmapped_paste pastes what the error of a plan prints, with the blanks
// filled in: the next plan passes. With a map in declared it is an entry of that
// map, without one it is the block and declared.
func TestAccUnmapped_paste(t *testing.T) {
	t.Parallel()
	single := "data \"sym_resolved_identity\" \"ada\" {\n  user = \"nora@acme.example\"\n  service_type = \"okta\"\n  external_id = \"acme.okta.com\"\n%s\n}\n"
	bulk := bulkHCL("all", `["nora@acme.example", "omar@acme.example"]`, []string{testOkta, testGitHub}, "%s")
	fill := func(text string) string { return regexp.MustCompile(`= ""( |\n)`).ReplaceAllString(text, `= "acct"$1`) }
	for name, tt := range map[string]struct {
		config      string
		typeName    string
		request     map[string]any
		hasDeclared bool
	}{
		"one":              {single, resolved, resolveConfig("nora@acme.example", testOkta), false},
		"one, with a map":  {single, resolved, resolveConfig("nora@acme.example", testOkta, map[string]any{"declared": map[string]any{}}), true},
		"many":             {bulk, resolvedMany, bulkOf([]string{"nora@acme.example", "omar@acme.example"}, []string{testOkta, testGitHub}), false},
		"many, with a map": {bulk, resolvedMany, bulkOf([]string{"nora@acme.example", "omar@acme.example"}, []string{testOkta, testGitHub}, map[string]any{"declared": map[string]any{}}), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, withDirectory(testOkta, directoryOf("omar@acme.example", "00uo"))).register(testOkta, testGitHub)
			s.mapping("omar@acme.example", testGitHub, "omar", identity.Manual)
			s.mapping("omar@acme.example", testOkta, "00uo", identity.Manual)
			_, diags := newProtocolServer(t, nil, s.settings()).readData(tt.typeName, tt.request)
			if len(diags) != 1 {
				t.Fatalf("%d diagnostics", len(diags))
			}
			_, pasted, found := strings.Cut(diags[0].Detail, "fill in the blanks:\n\n")
			if !found {
				t.Fatal(diags[0].Detail)
			}
			pasted = fill(pasted + "\n")
			blocks, declared, _ := strings.Cut(pasted, "  declared = {")
			declared = "declared = {" + declared
			if tt.hasDeclared {
				blocks, declared = "", "declared = {\n"+pasted+"\n}"
			}
			full := s.provider() + fmt.Sprintf(tt.config, declared) + blocks
			steps := []resource.TestStep{
				{Config: s.provider() + fmt.Sprintf(tt.config, ""), ExpectError: regexp.MustCompile("Unmapped User")},
				{Config: full},
			}
			if !tt.hasDeclared {
				steps = append(steps, resource.TestStep{Config: full, ConfigPlanChecks: emptyPlan})
			}
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: testAccProtoV6ProviderFactories, Steps: steps})
		})
	}
}

// TestAccContradicted_paste pastes what the errors print about stored values that are
// stale or reused, with the blanks filled in: the next plan passes, though the store
// still has the old value.
func TestAccContradicted_paste(t *testing.T) {
	t.Parallel()
	users := []string{"nora@acme.example"}
	stale := map[string]any{"check_stale": true, "on_stale": "error"}
	hasMap := map[string]any{"declared": map[string]any{}}
	lines := "check_stale = true\n  on_stale = \"error\"\n"
	single := "data \"sym_resolved_identity\" \"nora\" {\n  user = \"nora@acme.example\"\n  service_type = \"%s\"\n  external_id = \"%s\"\n" + lines + "%s\n}\n"
	for name, tt := range map[string]struct {
		service     string
		typeName    string
		source      identity.Source
		hasDeclared bool
	}{
		"stale, one":              {testOkta, resolved, identity.FromEmail, false},
		"stale, one with a map":   {testOkta, resolved, identity.FromEmail, true},
		"stale, many":             {testOkta, resolvedMany, identity.FromEmail, false},
		"stale, many with a map":  {testOkta, resolvedMany, identity.FromEmail, true},
		"reused, one":             {testGitHub, resolved, identity.Manual, false},
		"reused, one with a map":  {testGitHub, resolved, identity.Manual, true},
		"reused, many":            {testGitHub, resolvedMany, identity.Manual, false},
		"reused, many with a map": {testGitHub, resolvedMany, identity.FromEmail, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			okta, github := directoryOf("nora@acme.example", "00unew"), directoryOf("zoe@acme.example", "old", "nora@acme.example", "acct")
			github.Accounts["zoe@acme.example"][0].AccountID = "9999"
			s := newTestServer(t, withDirectory(testOkta, okta), withDirectory(testGitHub, listedDirectory{github})).register(testOkta, testGitHub)
			s.upsert(store.UserWrite{Key: "nora@acme.example", Name: "nora@acme.example", Type: identity.Normal, Mappings: []store.MappingWrite{
				{Service: mustService(tt.service), Matcher: identity.Matcher{"user_id": "old"}, AccountID: map[string]string{testGitHub: "4711"}[tt.service], Source: tt.source}}})
			key := mustService(tt.service)
			request, config := resolveConfig("nora@acme.example", tt.service, stale), fmt.Sprintf(single, key.Type, key.ExternalID, "%s")
			if tt.typeName == resolvedMany {
				request, config = bulkOf(users, []string{tt.service}, stale), bulkHCL("all", `["nora@acme.example"]`, []string{tt.service}, lines, "%s")
			}
			if tt.hasDeclared {
				maps.Copy(request, hasMap)
			}
			_, diags := newProtocolServer(t, nil, s.settings()).readData(tt.typeName, request)
			if len(diags) != 1 || diags[0].Severity != tfprotov6.DiagnosticSeverityError {
				t.Fatalf("diagnostics: %v", diags)
			}
			_, pasted, found := strings.Cut(diags[0].Detail, "fill in the blanks:\n\n")
			if !found {
				t.Fatal(diags[0].Detail)
			}
			pasted = regexp.MustCompile(`= ""( |\n)`).ReplaceAllString(pasted+"\n", `= "acct"$1`)
			blocks, declared, _ := strings.Cut(pasted, "  declared = {")
			declared = "declared = {" + declared
			if tt.hasDeclared {
				blocks, declared = "", "declared = {\n"+pasted+"\n}"
			}
			full := s.provider() + fmt.Sprintf(config, declared) + blocks
			steps := []resource.TestStep{{Config: full}}
			if !tt.hasDeclared {
				steps = append(steps, resource.TestStep{Config: full, ConfigPlanChecks: emptyPlan})
			}
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: testAccProtoV6ProviderFactories, Steps: steps})
		})
	}
}

// TestAccResolvedIdentities_persist: outputs are the same before and after the
// first run has stored what it found.
func TestAccResolvedIdentities_persist(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testOkta, directoryOf("ada@acme.com", "00u1"))).register(testOkta)
	config := s.provider() + bulkHCL("all", `["ada@acme.com", "bob@acme.com"]`, []string{testOkta}, "persist = true", "check_stale = true",
		`rules = [{ name = "r", service_type = "okta", match = "bob@.*", identity = "r-$${local}" }]`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				bulkValue("all", "by_source", knownvalue.MapPartial(map[string]knownvalue.Check{"store": knownvalue.Int64Exact(2)})),
				bulkValue("all", "stale", knownvalue.ListSizeExact(0)),
			}},
			{Config: config, ConfigPlanChecks: emptyPlan},
			{
				PreConfig: func() {
					s.unmap("ada@acme.com", testOkta)
					s.mapping("ada@acme.com", testOkta, "00u0", identity.FromEmail)
				},
				Config: config,
				ConfigStateChecks: []statecheck.StateCheck{
					bulkValue("all", "stale", knownvalue.ListExact([]knownvalue.Check{
						exactlyObject("user", "ada@acme.com", "service", testOkta, "stored", "00u0", "stored_source", "email", "current", "00u1", "reason", "changed"),
					})),
				},
			},
		},
	})
}

// TestAccResolvedIdentities_unknown: any element that apply will know defers
// the whole data source, and is no error before.
func TestAccResolvedIdentities_unknown(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	later := `
resource "terraform_data" "later" {
  input = { user = "ada@acme.com", id = "00u1", service = { service_type = "okta", external_id = "acme.okta.com" },
            rule = { name = "later", service_type = "okta", match = ".*", identity = "r-$${local}" } }
}
`
	config := s.provider() + later +
		bulkHCL("users", `["bob@acme.com", terraform_data.later.output.user]`, []string{testOkta}, `on_unmapped = "ignore"`) +
		bulkHCL("declared", `["ada@acme.com"]`, []string{testOkta}, `declared = { "okta:acme.okta.com" = { "ada@acme.com" = terraform_data.later.output.id } }`) +
		bulkHCL("rules", `["ada@acme.com"]`, []string{testOkta}, `rules = [terraform_data.later.output.rule]`) + `
data "sym_resolved_identities" "services" {
  users       = ["ada@acme.com"]
  services    = [terraform_data.later.output.service]
  on_unmapped = "ignore"
}
`
	var before []plancheck.PlanCheck
	for _, name := range []string{"users", "declared", "rules", "services"} {
		before = append(before, plancheck.ExpectResourceAction("data.sym_resolved_identities."+name, plancheck.ResourceActionRead))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{{
			Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: before, PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{
				bulkValue("users", "unmapped_count", knownvalue.Int64Exact(2)),
				bulkValue("declared", "identities", knownvalue.MapExact(map[string]knownvalue.Check{"ada@acme.com": exactly(testOkta, "00u1")})),
				bulkValue("rules", "identities", knownvalue.MapExact(map[string]knownvalue.Check{"ada@acme.com": exactly(testOkta, "r-ada")})),
				bulkValue("services", "unmapped_count", knownvalue.Int64Exact(1)),
			},
		}},
	})
}

// TestAccResolvedIdentities_oneWarning reads what Terraform prints: forty
// unmapped people are one warning, each of two data sources has its own, and
// so has what wants a second look.
func TestAccResolvedIdentities_oneWarning(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	s := newTestServer(t, withDirectory(testOkta, directoryOf())).register(testOkta, testGitHub)
	s.mapping("a@acme.com", testGitHub, "octo", identity.Manual)
	s.mapping("b@acme.com", testGitHub, "octo", identity.Manual)
	people := []string{`"a@acme.com"`, `"b@acme.com"`}
	for i := range 40 {
		people = append(people, fmt.Sprintf("\"p%02d@acme.com\"", i))
	}
	users := "[" + strings.Join(people, ", ") + "]"
	out := planOutput(t, "terraform {\n  required_providers {\n    sym = {\n      source = \"sym-identity/sym\"\n    }\n  }\n}\n"+s.provider()+
		bulkHCL("okta", users, []string{testOkta}, `on_unmapped = "warn"`)+bulkHCL("github", users, []string{testGitHub}, `on_unmapped = "warn"`))
	for _, want := range []string{
		"Warning: Unmapped Users: a@acme.com in okta:acme.okta.com and 41 more\n", "Warning: Unmapped Users: p00@acme.com in github:acme and 39 more\n",
		"Warning: Identities to Review: octo in github:acme\n", "octo in github:acme: a@acme.com, b@acme.com\n",
	} {
		if strings.Count(out, want) != 1 {
			t.Errorf("not shown once: %s", want)
		}
	}
	if n := strings.Count(out, "Warning: "); n != 3 {
		t.Errorf("%d warnings", n)
	}
	for _, person := range people[2:] {
		if !strings.Contains(out, strings.Trim(person, `"`)+" in okta:acme.okta.com: not_found") {
			t.Errorf("%s is not shown", person)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
