// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"go.yaml.in/yaml/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

const (
	examples   = "../../examples"
	exampleAPI = "https://identity.acme.example/api/v1"
	exampleID  = "6f1c1c7e-2b54-4c8e-9a70-0d6c1c0a7b11" // of a user
)

// exampleServer is the company of the examples: who can be looked up where, and
// its services but for those that the configuration itself registers.
func exampleServer(t *testing.T, config string) *testServer {
	t.Helper()
	s := newTestServer(t,
		withDirectory("okta:acme.okta.com", listedDirectory{directoryOf("ada.martin@acme.example", "00u1", "mei.tanaka@acme.example", "00u2")}),
		withDirectory("github:acme", directoryOf("ada.martin@acme.example", "ada-martin")),
	)
	s.register("okta:acme.okta.com", "pagerduty:acme", "aws_iam:123456789012", "ldap:ldap.acme.example")
	if !strings.Contains(config, `resource "sym_service" "github"`) {
		s.register("github:acme")
	}
	return s
}

var terraformBlock = regexp.MustCompile(`(?ms)^terraform \{\n.*?^\}\n`)

// here is a configuration as printed, with the test's API in place of Acme's.
// The test framework itself says where the provider is, so terraform blocks go.
func (s *testServer) here(config string) string {
	config = terraformBlock.ReplaceAllString(config, "")
	config = strings.ReplaceAll(config, exampleAPI, s.URL)
	if !regexp.MustCompile(`(?m)^provider "sym"`).MatchString(config) {
		config = s.provider() + config
	}
	return config
}

// applies applies a configuration, wants a second plan to be empty, and takes
// everything away again, which the test framework cannot do with for_each.
func (s *testServer) applies(config string, checks ...tfversion.TerraformVersionCheck) {
	s.t.Helper()
	resource.Test(s.t, resource.TestCase{
		TerraformVersionChecks:   append(checks, withFunctions...),
		ProtoV6ProviderFactories: testProviderFactories(map[string]string{"SYM_JWT": testToken}),
		Steps:                    []resource.TestStep{{Config: s.here(config)}, {Config: s.provider()}},
	})
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// exampleKinds says, for each file under examples/, which test uses it. The
// order counts: the first that matches.
var exampleKinds = []struct{ pattern, by string }{
	{`^resources/\w+/resource\.tf$`, "apply"},
	{`^data-sources/\w+/data-source(_\w+)?\.tf$`, "apply"},
	{`^functions/\w+/function\.tf$`, "apply"},
	{`^provider/provider\.tf$`, "apply"},
	{`^provider/provider_embedded\.tf$`, "TestAccExamples_embedded"},
	{`^resources/\w+/import(-by-string-id\.tf|-by-identity\.tf|\.sh)$`, "import"},
	{`^list-resources/\w+/list-resource\.tfquery\.hcl$`, "TestExamples_lists"},
	{`^demo/`, "TestAccExamples_demo"},
	{`^sym-identityd/sym-identityd\.hcl$`, "identityd.TestExampleFiles"},
	{`^sym-identityd/(okta|github)-users\.csv$`, "TestAccExamples_embedded"},
	{`^sym-identityd/(jwt|tls)\.hcl$`, "identityd.TestAccessExamples"},
	{`^sym-identityd/(kubernetes\.yaml|sym-identityd\.service)$`, "TestExamples_deployment"},
	{`^ci/`, "TestAccCIRecipe"},
	{`^modules/team-identities/`, "TestAccModule_tests"},
	{`^modules/company/`, "TestAccModule_company"},
}

// TestAccExamples runs every example as it is printed in the documentation. A
// file that no test knows fails it.
func TestAccExamples(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(os.DirFS(examples), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, kind := range exampleKinds {
			if !regexp.MustCompile(kind.pattern).MatchString(name) {
				continue
			}
			switch kind.by {
			case "apply":
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					config := readFile(t, filepath.Join(examples, name))
					if strings.HasPrefix(name, "provider/") { // Terraform configures only what is used
						config += "data \"sym_services\" \"all\" {}\n"
					}
					exampleStored(t, config).applies(config)
				})
			case "import":
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					importExample(t, filepath.Join(examples, name))
				})
			}
			return nil
		}
		t.Errorf("no test uses examples/%s", name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// exampleStored is exampleServer with what the examples read.
func exampleStored(t *testing.T, config string) *testServer {
	t.Helper()
	s := exampleServer(t, config)
	s.addUser("sam.okafor@acme.example")
	if _, registered := s.service("github:acme"); registered {
		ada := mustUser("ada.martin@acme.example")
		s.upsert(store.UserWrite{Key: ada, Name: string(ada), Type: ada.Type(), Mappings: []store.MappingWrite{{
			Service: mustService("github:acme"), Matcher: identity.NewMatcher("github", "ada-martin"), Source: identity.FromRule, Rule: "logins",
		}}})
	}
	if !strings.Contains(config, `username = "deploy-bot"`) {
		s.addUser("deploy-bot")
	}
	return s
}

var exampleImport = regexp.MustCompile(`(?m)^terraform import (\S+) '(.+)'$`)

// importExample imports, into the resource's own example, what is stored.
func importExample(t *testing.T, file string) {
	s := newTestServer(t).register("okta:acme.okta.com", "github:acme", "ldap:ldap.acme.example")
	nora := s.userWith("nora.lindqvist@acme.example", "Nora", "Lindqvist", identity.Admin)
	target := readFile(t, filepath.Join(filepath.Dir(file), "resource.tf"))
	if !strings.Contains(target, `resource "sym_user"`) { // which would not be deleted with its identities
		s.mapping("nora.lindqvist@acme.example", "okta:acme.okta.com", "00uaj8gxbenyx4k2q5d7", identity.Manual)
	}
	if !strings.Contains(target, `username = "deploy-bot"`) {
		s.addUser("deploy-bot") // a bot must be there before it is mapped
	}
	config := strings.ReplaceAll(readFile(t, file), exampleID, nora.ID)
	if command := exampleImport.FindStringSubmatch(config); command != nil {
		config = "import {\n  to = " + command[1] + "\n  id = \"" + command[2] + "\"\n}\n"
	} else if strings.HasSuffix(file, ".sh") {
		t.Fatalf("%s has no import command", file)
	}
	config += target
	var checks []tfversion.TerraformVersionCheck
	if strings.HasSuffix(file, "import-by-identity.tf") {
		checks = append(checks, tfversion.SkipBelow(tfversion.Version1_12_0))
	}
	s.applies(config, checks...)
}

func TestAccExamples_embedded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, readFile(t, filepath.Join(examples, "sym-identityd/sym-identityd.hcl")))
	for _, export := range []string{"okta-users.csv", "github-users.csv"} {
		writeFile(t, filepath.Join(filepath.Dir(file), export), readFile(t, filepath.Join(examples, "sym-identityd", export)))
	}
	config := strings.ReplaceAll(readFile(t, filepath.Join(examples, "provider/provider_embedded.tf")), `"sym-identityd.hcl"`, `"`+filepath.ToSlash(file)+`"`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{{
			Config: config + "data \"sym_services\" \"all\" {\n  provider = sym.embedded\n}\n",
		}},
	})
}

// TestAccExamples_demo plans the demo before and after its second step.
func TestAccExamples_demo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(examples, "demo"))); err != nil {
		t.Fatal(err)
	}
	main := terraformBlock.ReplaceAllString(readFile(t, filepath.Join(dir, "main.tf")), "")
	for _, file := range []string{"sym-identityd.hcl", "people.csv"} {
		main = strings.ReplaceAll(main, `"`+file+`"`, `"`+filepath.ToSlash(filepath.Join(dir, file))+`"`)
	}
	_, provider, _ := strings.Cut(main, `provider "sym"`)
	provider, _, _ = strings.Cut(provider, "\n}\n")
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   withFunctions,
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: main + readFile(t, filepath.Join(dir, "mappings.tf")), ExpectError: regexp.MustCompile(`(?s)Unmapped User.*nora\.lindqvist@acme\.example`)},
			{Config: main + readFile(t, filepath.Join(dir, "step2/mappings.tf"))},
			{Config: "provider \"sym\"" + provider + "\n}\n"},
		},
	})
}

// TestExamples_lists validates list blocks by the provider's schema: terraform
// query, which runs them, is newer than most CLIs.
func TestExamples_lists(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(examples, "list-resources/*/*.tfquery.hcl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: %v", files, err)
	}
	p := newProtocolServer(t, nil, nil)
	for _, name := range files {
		file, diags := hclsyntax.ParseConfig([]byte(readFile(t, name)), name, hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, block := range file.Body.(*hclsyntax.Body).Blocks {
			config := map[string]any{}
			for _, inner := range block.Body.Blocks {
				for attribute, expr := range inner.Body.Attributes {
					value, diags := expr.Expr.Value(nil)
					if diags.HasErrors() {
						t.Fatal(diags)
					}
					config[attribute] = value.AsString()
				}
			}
			schema := p.schema.ListResourceSchemas[block.Labels[0]]
			if block.Type != "list" || schema == nil || len(config) == 0 {
				t.Fatalf("%s: block %s %v with %v", name, block.Type, block.Labels, config)
			}
			resp, err := p.lister().ValidateListResourceConfig(t.Context(), &tfprotov6.ValidateListResourceConfigRequest{
				TypeName: block.Labels[0], Config: p.value(schema, config),
			})
			p.must(err)
			wantDiagnostics(t, resp.Diagnostics)
		}
	}
}

// TestExamples_deployment loads the configuration in the Kubernetes manifest,
// and wants the manifest and the systemd unit to agree with the program.
func TestExamples_deployment(t *testing.T) {
	t.Parallel()
	decoder := yaml.NewDecoder(strings.NewReader(readFile(t, filepath.Join(examples, "sym-identityd/kubernetes.yaml"))))
	var kinds []string
	for {
		var manifest struct {
			Kind string            `yaml:"kind"`
			Data map[string]string `yaml:"data"`
		}
		if err := decoder.Decode(&manifest); err != nil {
			break
		}
		kinds = append(kinds, manifest.Kind)
		for name, content := range manifest.Data {
			loadServerConfig(t, name, content)
		}
	}
	if want := []string{"ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "Ingress"}; !slices.Equal(kinds, want) {
		t.Errorf("the manifest has %v, want %v", kinds, want)
	}
	unit := readFile(t, filepath.Join(examples, "sym-identityd/sym-identityd.service"))
	if want := "ExecStart=/usr/local/bin/sym-identityd serve -config /etc/sym-identityd/sym-identityd.hcl -log-format json\n"; !strings.Contains(unit, want) {
		t.Errorf("the unit does not start %s", want)
	}
}

// loadServerConfig checks a configuration of sym-identityd whose secrets are
// all set.
func loadServerConfig(t *testing.T, name, content string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(name))
	writeFile(t, file, content)
	secret := func(name string) (string, bool) {
		if name == "DATABASE_URL" || name == "SYM_STORE_URL" {
			return "postgres://sym@127.0.0.1:5432/sym", true
		}
		return "a-secret-of-the-test", true
	}
	if _, err := config.Load(file, config.Options{LookupEnv: secret}); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}
