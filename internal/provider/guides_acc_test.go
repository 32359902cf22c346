// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/pem"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const guides = "../../templates/guides"

// guide is what a reader can copy from a guide: each block of Terraform or HCL
// by the file name in its first line.
type guide map[string]string

var (
	fence     = regexp.MustCompile("(?ms)^```(terraform|hcl)\n(.*?)^```$")
	firstLine = regexp.MustCompile(`^# ([\w./-]+\.(?:tf|hcl|tfrc)\b.*)\n`)
)

func readGuide(t *testing.T, name string) guide {
	t.Helper()
	g := guide{}
	for _, block := range fence.FindAllStringSubmatch(readFile(t, filepath.Join(guides, name)), -1) {
		file := firstLine.FindStringSubmatch(block[2])
		if file == nil {
			t.Fatalf("%s: a block does not start with its file's name:\n%s", name, block[2])
		}
		if _, twice := g[file[1]]; twice {
			t.Fatalf("%s has two blocks %s", name, file[1])
		}
		g[file[1]] = block[2]
	}
	return g
}

// take joins blocks.
func (g guide) take(t *testing.T, files ...string) string {
	t.Helper()
	var config strings.Builder
	for _, file := range files {
		block, ok := g[file]
		if !ok {
			t.Fatalf("there is no block %s", file)
		}
		config.WriteString(block)
	}
	return config.String()
}

// allUsed fails where a block is in none of the files.
func (g guide) allUsed(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range slices.Sorted(maps.Keys(g)) {
		if !slices.Contains(files, file) {
			t.Errorf("nothing tests the block %s", file)
		}
	}
}

// TestGuides_allTested wants every block of every guide in a test.
func TestGuides_allTested(t *testing.T) {
	t.Parallel()
	tested := map[string][]string{
		"quick-start.md.tmpl":   {"sym-identityd.hcl", "main.tf", "mappings.tf", "mappings.tf, with Nora"},
		"sym-identityd.md.tmpl": {"sym-identityd.hcl", "provider.tf", "pipeline.tf"},
		"reducer-rules.md.tmpl": {"sym-identityd.hcl", "iam.tf", "github.tf", "pagerduty.tf", "conditions.tf", "lookup.tf", "main.tf", "try.tf"},
		"ci.md.tmpl":            {"error.tf", "locals.tf", "warn.tf", "threshold.tf", "check.tf", "strict.tf"},
		"test-offline.md.tmpl":  {"tests/overridden.tftest.hcl", "everybody.tf", "tests/unmapped.tftest.hcl", "tests/fixture/sym-identityd.hcl", "rules.tf", "try.tf"},
		"bootstrap.md.tmpl":     {"provider.tf", "company.tf"},
		"offboarding.md":        {"main.tf", "check.tf", "orphans.tf", "stale.tf"},
		"install.md.tmpl":       {"cli.tfrc", "main.tf", "both.tf"},
		"upgrade.md.tmpl":       {"main.tf"},
		"renames.md":            {"marriage.tf", "mapping.tf", "domain.tf", "lookup.tf"},
		"move-resources.md":     {"single.tf", "bulk.tf", "back.tf", "renamed.tf", "imported.tf"},
	}
	files, err := os.ReadDir(guides)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if blocks, ok := tested[file.Name()]; ok {
			readGuide(t, file.Name()).allUsed(t, blocks...)
		} else if file.Name() != filepath.Base(guidePath) {
			serverGuide(t, file.Name())
		}
	}
}

// serverGuide is a guide about sym-identityd alone: its HCL is a configuration
// of it, or a part of one.
func serverGuide(t *testing.T, name string) {
	t.Helper()
	for _, block := range fence.FindAllStringSubmatch(readFile(t, filepath.Join(guides, name)), -1) {
		config := block[2]
		switch {
		case block[1] != "hcl":
			t.Errorf("no test runs the Terraform in %s; name its blocks after files and add them", name)
		case regexp.MustCompile(`(?m)^org `).MatchString(config):
			loadServerConfig(t, name, config)
		case regexp.MustCompile(`(?m)^store `).MatchString(config):
			loadServerConfig(t, name, "org = \"acme\"\n"+config)
		default:
			loadServerConfig(t, name, "org = \"acme\"\nstore = \"sqlite:identities.db\"\n"+config)
		}
	}
}

// TestAccQuickStart follows the quick start with the real CLI, which installs the provider from a
// mirror: the plan that fails, and the one that passes. A module finds the provider there too.
func TestAccQuickStart(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	g, dir, mirror := readGuide(t, "quick-start.md.tmpl"), t.TempDir(), t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "../../scripts/install-mirror", mirror).CombinedOutput(); err != nil ||
		!strings.Contains(string(out), "export TF_CLI_CONFIG_FILE="+mirror+"/cli.tfrc\n") {
		t.Fatalf("scripts/install-mirror: %v\n%s", err, out)
	}
	run := func(want int, arguments ...string) string {
		t.Helper()
		cmd, out := terraformIn(t, dir, filepath.Join(mirror, "cli.tfrc"), append(arguments, "-no-color")...)
		if _ = cmd.Run(); cmd.ProcessState.ExitCode() != want {
			t.Fatalf("%s: status %d, want %d\n%s", arguments, cmd.ProcessState.ExitCode(), want, out)
		}
		return out.String()
	}
	_, csv, _ := strings.Cut(readFile(t, filepath.Join(guides, "quick-start.md.tmpl")), "```csv\n")
	csv, _, _ = strings.Cut(csv, "```\n")
	writeFile(t, filepath.Join(dir, "okta-users.csv"), csv)
	for _, file := range []string{"sym-identityd.hcl", "main.tf", "mappings.tf"} {
		writeFile(t, filepath.Join(dir, file), g.take(t, file))
	}
	run(0, "init")
	if out := run(1, "plan"); !regexp.MustCompile(`(?s)Unmapped Users.*nora\.lindqvist@acme\.example`).MatchString(out) {
		t.Errorf("the plan does not name Nora:\n%s", out)
	}
	writeFile(t, filepath.Join(dir, "mappings.tf"), g.take(t, "mappings.tf, with Nora"))
	run(0, "apply", "-auto-approve")
	run(0, "plan", "-detailed-exitcode")

	if err := os.CopyFS(filepath.Join(dir, "team"), os.DirFS("../../examples/modules/team-identities")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "team.tf"), `module "team" {
  source  = "./team"
  people  = ["ada.martin@acme.example"]
  service = { service_type = "okta", external_id = "acme.okta.com" }
}
`)
	run(0, "init")
	run(0, "plan")
}

// TestAccReadme plans over two exports as the README says, and pastes what the plan prints.
func TestAccReadme(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var blocks []string
	for _, block := range regexp.MustCompile("(?ms)^   ```hcl\n(.*?)^   ```$").FindAllStringSubmatch(readFile(t, "../../README.md"), -1) {
		blocks = append(blocks, strings.ReplaceAll(strings.TrimPrefix(block[1], "   "), "\n   ", "\n"))
	}
	if len(blocks) != 2 {
		t.Fatalf("the README has %d indented blocks of HCL, want sym-identityd.hcl and main.tf", len(blocks))
	}
	writeFile(t, filepath.Join(dir, "sym-identityd.hcl"), blocks[0])
	writeFile(t, filepath.Join(dir, "google-users.csv"), "First Name [Required],Last Name [Required],Email Address [Required],Status [READ ONLY]\n"+
		"Ada,Martin,ada.martin@acme.example,Active\nNora,Lindqvist,nora.lindqvist@acme.example,Active\n")
	writeFile(t, filepath.Join(dir, "slack-members.csv"), "username,email,status,userid,fullname\n"+
		"ada,ada.martin@acme.example,Member,U01ADA,Ada Martin\nnora,nora.olsen@acme.example,Member,U02NORA,Nora Lindqvist\n")
	main := strings.ReplaceAll(terraformBlock.ReplaceAllString(blocks[1], ""), `"sym-identityd.hcl"`, `"`+filepath.ToSlash(filepath.Join(dir, "sym-identityd.hcl"))+`"`)
	mapped := strings.Replace(main, "mapped_by_hand = {}", `mapped_by_hand = { "slack:T024BE7LD" = { "nora.lindqvist@acme.example" = "U02NORA" } }`, 1)
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: main, ExpectError: regexp.MustCompile(`(?s)Unmapped Users.*"slack:T024BE7LD" = \{\s+"nora\.lindqvist@acme\.example" = ""`)},
			{Config: mapped},
			{Config: mapped, ConfigPlanChecks: emptyPlan},
		},
	})
}

func TestAccGuide_reducerRules(t *testing.T) {
	t.Parallel()
	g := readGuide(t, "reducer-rules.md.tmpl")
	config := g.take(t, "iam.tf", "github.tf", "pagerduty.tf", "conditions.tf", "lookup.tf", "main.tf", "try.tf")
	config += `
output "holds" {
  value = "holds"
  precondition {
    condition     = provider::sym::reduce(local.github_logins, { email = "Wei.Chen@globex.example" }, { service_type = "github", external_id = "acme" }).identity == "wei-chen-globex"
    error_message = "The guide prints another result."
  }
  precondition {
    condition     = provider::sym::reduce(local.conditions, { email = "kofi@contractor.example", identities = { "okta:acme.okta.com" = "00u1" } }, { service_type = "github", external_id = "acme" }).identity == "contractor-00u1"
    error_message = "The expression gives another identity."
  }
  precondition {
    condition     = provider::sym::reduce(local.conditions, { email = "kofi@contractor.example" }, { service_type = "github", external_id = "acme" }).identity == null
    error_message = "The expression gives an identity to somebody without Okta account."
  }
  precondition {
    condition     = provider::sym::reduce(local.conditions, { username = "deploy" }, { service_type = "github", external_id = "acme" }).identity == "acme-deploy"
    error_message = "Bots are named otherwise."
  }
  precondition {
    condition     = provider::sym::reduce(local.moved_domains, { email = "wei.chen@globex.example" }, { service_type = "okta", external_id = "acme.okta.com" }).lookup_email == "wei.chen@acme.example"
    error_message = "Another e-mail is looked up."
  }
  precondition {
    condition     = provider::sym::reduce(concat(local.iam_users, local.pagerduty_ids), { email = "Ada.Martin@acme.example" }, { service_type = "aws_iam", external_id = "123456789012" }).identity == "arn:aws:iam::123456789012:user/ada.martin"
    error_message = "Another ARN."
  }
}
`
	exampleServer(t, config).applies(config)
	loadServerConfig(t, "sym-identityd.hcl", g.take(t, "sym-identityd.hcl"))
}

// TestAccGuide_ci plans each way to react to unmapped people, alone and with
// somebody unmapped.
func TestAccGuide_ci(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"error.tf":     "Unmapped Users",
		"warn.tf":      "",
		"threshold.tf": `are\s+unmapped`,
		"check.tf":     "",
		"strict.tf":    "Unmapped Users",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			g := readGuide(t, "ci.md.tmpl")
			config := g.take(t, "locals.tf", file)

			nobody := newTestServer(t).register("okta:acme.okta.com") // which cannot be asked
			nobody.addUser("mei.tanaka@acme.example")
			step := resource.TestStep{Config: nobody.here(config)}
			if want != "" {
				step.ExpectError = regexp.MustCompile(want)
			}
			// The data source of a check is read once more in each apply, and its plan says so.
			step.ExpectNonEmptyPlan = file == "check.tf"
			nobody.runs(step)

			everybody := newTestServer(t).register("okta:acme.okta.com")
			for _, user := range regexp.MustCompile(`"([\w.]+@acme\.example)"`).FindAllStringSubmatch(config, -1) {
				everybody.mapping(user[1], "okta:acme.okta.com", "00u-"+user[1], identity.Manual)
			}
			everybody.runs(resource.TestStep{Config: everybody.here(config), ExpectNonEmptyPlan: file == "check.tf"})
		})
	}
}

// runs runs one step that leaves no resource.
func (s *testServer) runs(step resource.TestStep) {
	s.t.Helper()
	resource.Test(s.t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps:                    []resource.TestStep{step},
	})
}

func TestAccGuide_testOffline(t *testing.T) {
	t.Parallel()
	g := readGuide(t, "test-offline.md.tmpl")
	newTestServer(t).applies(g.take(t, "rules.tf"))
	loadServerConfig(t, "sym-identityd.hcl", g.take(t, "tests/fixture/sym-identityd.hcl"))
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/modules/team-identities")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"everybody.tf", "tests/unmapped.tftest.hcl", "tests/overridden.tftest.hcl"} {
		writeFile(t, filepath.Join(dir, name), g.take(t, name))
	}
	const people = `variables {
  people  = ["ada.martin@acme.example", "nora.lindqvist@acme.example"]
  service = { service_type = "okta", external_id = "acme.okta.com" }
}
`
	const mock = "mock_provider \"sym\" {}\n" + people
	run := func(name, body string) string { return fmt.Sprintf("run %q {\n%s\n}\n", name, body) }
	for name, tc := range map[string]struct{ config, want string }{
		"unmapped": {"", "1 passed, 0 failed"},
		"overridden": {people + run("values", `command = plan
  assert {
    condition     = output.accounts["ada.martin@acme.example"] == "00u1"
    error_message = "no override"
  }`), "1 passed, 0 failed"},
		"arguments": {mock + run("wrong", "command = plan\nvariables { on_unmapped = \"eror\" }"), "Attribute on_unmapped value must be one of"},
		"defaults": {mock + run("empty", `command = plan
  assert {
    condition     = length(data.sym_resolved_identities.team.identities) == 0 && data.sym_resolved_identities.team.mapped_count == 0 && data.sym_resolved_identities.team.hcl != ""
    error_message = "no defaults"
  }`), "1 passed, 0 failed"},
		"failures": {"provider \"sym\" {\n  embedded = { config = \"tests/fixture/sym-identityd.hcl\" }\n}\n" + people +
			run("unmapped", "command = plan\nexpect_failures = [data.sym_resolved_identities.team]"), "Error: Unmapped Users"},
		"planned": {mock + run("unknown", `command = plan
  module { source = "./joiner" }
  assert {
    condition     = data.sym_resolved_identities.joiner.mapped_count == 0
    error_message = "no default"
  }`), "could not be evaluated at this time"},
		"applied": {mock + run("known", `module { source = "./joiner" }
  assert {
    condition     = data.sym_resolved_identities.joiner.mapped_count == 0
    error_message = "no default"
  }
  assert {
    condition     = output.reduced == "ada"
    error_message = "a function is mocked"
  }`), "1 passed, 0 failed"},
	} {
		file := "tests/" + name + ".tftest.hcl"
		text := tc.config
		if written, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
			text = string(written) + tc.config
		}
		writeFile(t, filepath.Join(dir, file), text)
		if name == "planned" || name == "applied" {
			writeFile(t, filepath.Join(dir, "joiner", "main.tf"), `terraform {
  required_providers {
    sym = { source = "sym-identity/sym" }
  }
}
variable "people" { type = list(string) }
variable "service" { type = object({ service_type = string, external_id = string }) }
resource "terraform_data" "joiner" {
  input = "leo@acme.example"
}
data "sym_resolved_identities" "joiner" {
  users    = [terraform_data.joiner.output]
  services = [var.service]
}
output "reduced" {
  value = provider::sym::reduce([{ name = "r", service_type = "okta", identity = "$${local}" }], { email = "ada@acme.example" }, var.service).identity
}
`)
		}
		runCLI(t, dir, "", "get")
		if out := runCLI(t, dir, "", "test", "-no-color", "-filter="+file); !strings.Contains(out, tc.want) {
			t.Errorf("%s: no %q in:\n%s", name, tc.want, out)
		}
	}

	console := t.TempDir()
	writeFile(t, filepath.Join(console, "main.tf"), "terraform {\n  required_providers {\n    sym = { source = \"sym-identity/sym\" }\n  }\n}\n"+g.take(t, "rules.tf", "try.tf"))
	const ada = `"arn:aws:iam::123456789012:user/ada.martin"`
	if out := runCLI(t, console, "local.ada.identity\n", "console"); !strings.Contains(out, ada) {
		t.Errorf("a local value:\n%s", out)
	}
	call := "provider::sym::reduce(local.rules, { email = \"ada.martin@acme.example\" }, { service_type = \"aws_iam\", external_id = \"123456789012\" }).identity\n"
	isOpenTofu := strings.Contains(runCLI(t, console, "", "version"), "OpenTofu")
	if out := runCLI(t, console, call, "console"); strings.Contains(out, ada) == isOpenTofu {
		t.Errorf("a call, OpenTofu %t:\n%s", isOpenTofu, out)
	}
}

// runCLI runs the CLI with the built provider, whatever comes of it, and returns what
// it prints.
func runCLI(t *testing.T, dir, stdin string, arguments ...string) string {
	t.Helper()
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		terraform = "terraform"
	}
	cmd := exec.CommandContext(t.Context(), terraform, arguments...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+devOverrides(t), "CHECKPOINT_DISABLE=1")
	out, _ := cmd.CombinedOutput()
	return string(out)
}

func TestAccGuide_symIdentityd(t *testing.T) {
	t.Parallel()
	g := readGuide(t, "sym-identityd.md.tmpl")
	loadServerConfig(t, "sym-identityd.hcl", g.take(t, "sym-identityd.hcl"))
	ca := filepath.Join(t.TempDir(), "acme-ca.pem")
	tls := httptest.NewTLSServer(nil)
	tls.Close()
	writeFile(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw})))
	config := strings.ReplaceAll(g.take(t, "provider.tf"), `"acme-ca.pem"`, `"`+filepath.ToSlash(ca)+`"`)
	exampleServer(t, config).applies(config + "data \"sym_services\" \"all\" {}\n")
	config = g.take(t, "pipeline.tf")
	exampleServer(t, config).applies(config + "data \"sym_services\" \"all\" {}\n") // outside of a pipeline SYM_JWT is the token
}

// TestGuides_installAndUpgrade: where the provider comes from is the CLI's
// business, so these blocks can only be read here. make test-release installs.
func TestGuides_installAndUpgrade(t *testing.T) {
	t.Parallel()
	install := readGuide(t, "install.md.tmpl")
	for _, file := range []string{"cli.tfrc", "main.tf", "both.tf"} {
		parses(t, install.take(t, file))
	}
	parses(t, readGuide(t, "upgrade.md.tmpl").take(t, "main.tf"))
}

func parses(t *testing.T, config string) {
	t.Helper()
	if _, diags := hclsyntax.ParseConfig([]byte(config), "block", hcl.InitialPos); diags.HasErrors() {
		t.Errorf("%v in:\n%s", diags, config)
	}
}

// TestAccGuide_renames renames users as the guide says: their mappings stay, and lookups use the earlier address.
func TestAccGuide_renames(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testGitHub, directoryOf("wei.chen@globex.example", "wei-chen", "isla.murray@globex.example", "isla-m"))).register(testOkta, testGitHub)
	s.mapping("nora.olsen@acme.example", testGitHub, "nora-o", identity.FromEmail)
	s.mapping("wei.chen@globex.example", testOkta, "00uWEI", identity.Manual)
	s.addUser("isla.murray@globex.example")
	g := readGuide(t, "renames.md")
	config := s.provider() + g.take(t, "marriage.tf", "mapping.tf", "domain.tf", "lookup.tf")
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: s.provider() + strings.Replace(g.take(t, "mapping.tf"), "sym_user.nora.email", `"nora.olsen@acme.example"`, 1)},
			{Config: config},
			{
				PreConfig: func() {
					s.wantStored("nora.lindqvist@acme.example", testOkta, "00uaj8gxbenyx4k2q5d7", identity.Manual)
					s.wantStored("nora.lindqvist@acme.example", testGitHub, "nora-o", identity.FromEmail)
					s.wantStored("wei.chen@acme.example", testOkta, "00uWEI", identity.Manual)
				},
				Config:           config,
				ConfigPlanChecks: emptyPlan,
			},
			{Config: s.provider() + "removed {\n  from = sym_user.nora\n  lifecycle {\n    destroy = false\n  }\n}\nremoved {\n  from = sym_user.moved\n  lifecycle {\n    destroy = false\n  }\n}\n"},
		},
	})
}

// TestAccGuide_moveResources applies the guide's blocks one after another. Each mapping is stored after each.
func TestAccGuide_moveResources(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	s.mapping("ada.martin@acme.example", testOkta, "00u1cmxq3h2vbd8wk5d7", identity.FromEmail)
	g := readGuide(t, "move-resources.md")
	locals, _, _ := strings.Cut(g.take(t, "back.tf"), "resource")
	stays := func() {
		t.Helper()
		s.wantStored("nora.lindqvist@acme.example", testOkta, "00uaj8gxbenyx4k2q5d7", identity.Manual)
		s.wantStored("sam.okafor@acme.example", testOkta, "00ub2m7tqkdw90zx1c5e", identity.Manual)
		s.wantStored("ada.martin@acme.example", testOkta, "00u1cmxq3h2vbd8wk5d7", identity.FromEmail)
	}
	step := func(config string) resource.TestStep {
		return resource.TestStep{PreConfig: stays, Config: s.provider() + config}
	}
	last := locals + g.take(t, "renamed.tf", "imported.tf")
	steps := []resource.TestStep{
		{Config: s.provider() + g.take(t, "single.tf")},
		step(g.take(t, "bulk.tf")),
		step(g.take(t, "back.tf")),
		step(last),
		step(last),
		step(""), // the framework cannot destroy instances of for_each
	}
	steps[4].ConfigPlanChecks = emptyPlan
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps:                    steps,
	})
}
