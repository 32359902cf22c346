// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TestAccCIRecipe runs the script of examples/ci with the built provider
// against a local API, as the recipes for GitHub and GitLab do, and reads the
// comment that it writes.
func TestAccCIRecipe(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	cli := devOverrides(t)

	const one = `
data "sym_resolved_identity" "nora" {
  user         = "nora.lindqvist@acme.example"
  service_type = "okta"
  external_id  = "acme.okta.com"
  on_unmapped  = "%s"
}
`
	const many = `
data "sym_resolved_identities" "all" {
  users       = ["ada.martin@acme.example", "nora.lindqvist@acme.example", "a|b@acme.example"]
  services    = [{ service_type = "okta", external_id = "acme.okta.com" }]
  on_unmapped = "%s"
}
`
	tests := map[string]struct {
		config   string
		change   func(*testServer)
		argument string // of terraform plan
		fails    bool
		changes  bool // ends with 2
		comment  []string
		notThere []string
		pages    []string // in people-report
	}{
		"a plan that passes has a table": {
			config: fmt.Sprintf(many, "warn") + fmt.Sprintf(one, "ignore"),
			comment: []string{
				"## 2 people are unmapped\n", "| `nora.lindqvist@acme.example` | `okta:acme.okta.com` | not_found |\n",
				"`data.sym_resolved_identities.all`, `1-all.html`:\n", "**2 of 3 people** without", "| `okta:acme.okta.com` | 33 % | 1 | 2 | 0 |\n",
				"| `nora.lindqvist@acme.example` | `okta:acme.okta.com` | `not_found` |", "| `a\\|b@acme.example` | `okta:acme.okta.com` |",
				"HCL that maps the unmapped people of `data.sym_resolved_identities.all`</summary>\n\n````hcl\nresource \"sym_identity\" ", "\nresource \"sym_identity\" \"nora_lindqvist_okta\" {\n",
			},
			notThere: []string{"ada.martin", "Everybody is mapped", "The plan failed"},
			pages:    []string{"1-all.html"},
		},
		"nobody is mapped in what waits for apply": {
			config: fmt.Sprintf(one, "ignore") + `
resource "terraform_data" "team" {}
data "sym_resolved_identities" "later" {
  users      = ["ada.martin@acme.example"]
  services   = [{ service_type = "okta", external_id = "acme.okta.com" }]
  depends_on = [terraform_data.team]
}
`,
			change: func(s *testServer) {
				s.mapping("nora.lindqvist@acme.example", "okta:acme.okta.com", "00u9", identity.Manual)
			},
			comment:  []string{"## 1 data source was not read\n", "- `data.sym_resolved_identities.later`\n"},
			notThere: []string{"Everybody is mapped", "nora"},
		},
		"nor in what fails in a check": {
			config:   "check \"people\" {\n" + fmt.Sprintf(many, "ignore") + "  assert {\n    condition     = data.sym_resolved_identities.all.unmapped_count == 0\n    error_message = \"x\"\n  }\n}\n",
			change:   func(s *testServer) { s.failNext(1000, "POST", "identities/lookup", 503, "{}") },
			comment:  []string{"## 1 data source was not read\n", "- `data.sym_resolved_identities.all`"},
			notThere: []string{"Everybody is mapped"},
		},
		"a plan that fails is quoted": {
			config:   fmt.Sprintf(many, "error"),
			fails:    true,
			comment:  []string{"## Unmapped people\n", "nora.lindqvist@acme.example", `resource "sym_identity"`},
			notThere: []string{"## The plan failed", "Everybody is mapped"},
		},
		"the blocks at the end of a long list are quoted as well": {
			config: `
data "sym_resolved_identities" "all" {
  users    = [for i in range(50) : "nora.lindqvist${i}@acme.example"]
  services = [{ service_type = "okta", external_id = "acme.okta.com" }]
  declared = {}
}
`,
			fails:    true,
			comment:  []string{"nora.lindqvist49@acme.example in okta:acme.okta.com: not_found", "\n    \"nora.lindqvist49@acme.example\" = \"\" # fill in"},
			notThere: []string{"did not fit"},
		},
		"what does not fit into the comment is in the log": {
			config: `
data "sym_resolved_identities" "all" {
  count    = 20
  users    = [for i in range(50) : "nora.lindqvist${i}@acme.example"]
  services = [{ service_type = "okta", external_id = "acme.okta.com" }]
}
`,
			fails:   true,
			comment: []string{"`data.sym_resolved_identities.all[19]`", "this e-mail\n… The rest did not fit: the log of the job has it.\n````\n"},
		},
		"one person": {
			config:   fmt.Sprintf(one, "error"),
			fails:    true,
			comment:  []string{"## Unmapped people\n", "`data.sym_resolved_identity.nora`", "nora.lindqvist@acme.example has no identity"},
			notThere: []string{"## The plan failed"},
		},
		"everybody is mapped": {
			config: fmt.Sprintf(one, "error"),
			change: func(s *testServer) {
				s.mapping("nora.lindqvist@acme.example", "okta:acme.okta.com", "00u9", identity.Manual)
			},
			comment:  []string{"## Everybody is mapped"},
			notThere: []string{"nora", "failed"},
		},
		"one person who lacks two accounts is one person": {
			config: `
data "sym_resolved_identities" "all" {
  users       = ["Nora.Lindqvist@acme.example"]
  services    = [{ service_type = "okta", external_id = "acme.okta.com" }, { service_type = "pagerduty", external_id = "acme" }]
  on_unmapped = "warn"
}
` + fmt.Sprintf(one, "ignore"),
			change:  func(s *testServer) { s.register("pagerduty:acme") },
			comment: []string{"## 1 person is unmapped\n", "### Unmapped (2)\n"},
			pages:   []string{"1-all.html"},
		},
		"the comment names who left, though everybody is mapped": {
			config: `
data "sym_resolved_identities" "all" {
  users_from = { service_type = "okta", external_id = "acme.okta.com" }
  services   = [{ service_type = "okta", external_id = "acme.okta.com" }]
}
`,
			change: func(s *testServer) {
				s.mapping("leo.berg@acme.example", "okta:acme.okta.com", "00u2", identity.Manual)
			},
			comment:  []string{"## 1 person who left holds accounts\n", "| `leo.berg@acme.example` | `inactive` | `okta:acme.okta.com` | `00u2` |"},
			notThere: []string{"Everybody is mapped"},
			pages:    []string{"1-all.html"},
		},
		"two data sources have two reports": {
			config:  fmt.Sprintf(many, "ignore") + strings.Replace(fmt.Sprintf(many, "ignore"), `"all"`, `"others"`, 1),
			comment: []string{"## 2 people are unmapped\n", "`data.sym_resolved_identities.all`, `1-all.html`:\n", "`data.sym_resolved_identities.others`, `2-others.html`:\n"},
			pages:   []string{"1-all.html", "2-others.html"},
		},
		"a plan with changes passes": {
			config:   fmt.Sprintf(one, "ignore") + "output \"changed\" { value = 1 }\n",
			argument: "-detailed-exitcode",
			changes:  true,
			comment:  []string{"## 1 person is unmapped\n", "| `nora.lindqvist@acme.example` | `okta:acme.okta.com` | not_found |\n"},
			notThere: []string{"Everybody is mapped"},
		},
		"a plan that fails has no changes": {
			config:   fmt.Sprintf(one, "error") + "output \"changed\" { value = 1 }\n",
			argument: "-detailed-exitcode",
			fails:    true,
			comment:  []string{"## Unmapped people\n"},
			notThere: []string{"Everybody is mapped"},
		},
		"an outage is no unmapped person": {
			config:   fmt.Sprintf(one, "error"),
			change:   func(s *testServer) { s.failNext(1000, "POST", "identities/lookup", 503, "{}") },
			fails:    true,
			comment:  []string{"## The plan failed", "data.sym_resolved_identity.nora"},
			notThere: []string{"Unmapped", "unmapped\n", "Everybody is mapped"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			okta, _ := kept("okta:acme.okta.com",
				oneOf("00u1", "Ada Martin", worksHere, "ada.martin@acme.example"), oneOf("00u2", "Leo Berg", wasHere, "leo.berg@acme.example"))
			s := newTestServer(t, withDirectory("okta:acme.okta.com", okta)).register("okta:acme.okta.com")
			if tt.change != nil {
				tt.change(s)
			}
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "main.tf"),
				"terraform {\n  required_providers {\n    sym = { source = \"sym-identity/sym\" }\n  }\n}\n"+s.provider("max_retries = 0", "read_only = true")+tt.config)
			want := 0
			switch {
			case tt.fails:
				want = 1
			case tt.changes:
				want = 2
			}
			out, status := runCIRecipe(t, dir, cli, tt.argument)
			if status != want {
				t.Fatalf("the script ended with %d, want %d\n%s", status, want, out)
			}
			comment := readFile(t, filepath.Join(dir, "comment.md"))
			if !strings.HasPrefix(comment, "<!-- sym: unmapped people -->\n#") {
				t.Error("the first line does not mark the comment")
			}
			for _, want := range tt.comment {
				if !strings.Contains(comment, want) {
					t.Errorf("the comment lacks %q", want)
				}
			}
			for _, bad := range tt.notThere {
				if strings.Contains(comment, bad) {
					t.Errorf("the comment has %q", bad)
				}
			}
			pages, _ := filepath.Glob(filepath.Join(dir, "people-report/*"))
			for i, page := range pages {
				if content := readFile(t, page); !strings.HasPrefix(content, "<!doctype html>") || !strings.HasSuffix(content, "</html>\n") {
					t.Errorf("%s is no page:\n%s", page, content)
				}
				pages[i] = filepath.Base(page)
			}
			if !slices.Equal(pages, tt.pages) {
				t.Errorf("the pages are %q, want %q", pages, tt.pages)
			}
			if t.Failed() {
				t.Logf("%s\n\n%s", comment, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "plan.tfplan")); (err != nil) != tt.fails {
				t.Errorf("plan.tfplan: %v", err)
			}
		})
	}
}

// TestCIRecipe_noReason: a CLI that is killed, or not there, says nothing. That is
// no plan that has nobody to map.
func TestCIRecipe_noReason(t *testing.T) {
	t.Parallel()
	filter, err := filepath.Abs(filepath.Join(examples, "ci/unmapped.jq"))
	if err != nil {
		t.Fatal(err)
	}
	for status, heading := range map[string]string{"0": "## Everybody is mapped", "2": "## Everybody is mapped", "1": "## The plan failed", "137": "## The plan failed"} {
		cmd := exec.CommandContext(t.Context(), "go", "tool", "-C", "../../tools", "gojq", "-rs", "--argjson", "status", status, "-f", filter)
		cmd.Stdin = strings.NewReader("[]\n")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Split(string(out), "\n")[1] != heading {
			t.Errorf("status %s: %v\n%s", status, err, out)
		}
	}
}

// runCIRecipe runs the script in dir, with the pinned gojq in place of jq: it
// needs nothing installed, and reads what jq reads. It returns what the script
// printed, and its status.
func runCIRecipe(t *testing.T, dir, cli, argument string) (string, int) {
	t.Helper()
	absolute := func(path string) string {
		full, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		return full
	}
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		terraform = "terraform"
	}
	cmd := exec.CommandContext(t.Context(), "bash", absolute(filepath.Join(examples, "ci/unmapped-people.sh")))
	if argument != "" {
		cmd.Args = append(cmd.Args, argument)
	}
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+cli, "CHECKPOINT_DISABLE=1", "TERRAFORM="+terraform,
		"JQ=go tool -C "+absolute("../../tools")+" gojq")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
