// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		fails    bool
		comment  []string
		notThere []string
	}{
		"a plan that passes has a table": {
			config: fmt.Sprintf(many, "warn") + fmt.Sprintf(one, "ignore"),
			comment: []string{
				"### 2 unmapped\n", "| `nora.lindqvist@acme.example` | `okta:acme.okta.com` | not_found |\n",
				"| `a b@acme.example` | `okta:acme.okta.com` |",
			},
			notThere: []string{"ada.martin", "Everybody is mapped", "The plan failed"},
		},
		"a plan that fails is quoted": {
			config:   fmt.Sprintf(many, "error"),
			fails:    true,
			comment:  []string{"### Unmapped people\n", "nora.lindqvist@acme.example", `resource "sym_identity"`},
			notThere: []string{"### The plan failed", "Everybody is mapped"},
		},
		"one person": {
			config:   fmt.Sprintf(one, "error"),
			fails:    true,
			comment:  []string{"### Unmapped people\n", "`data.sym_resolved_identity.nora`", "nora.lindqvist@acme.example has no identity"},
			notThere: []string{"### The plan failed"},
		},
		"everybody is mapped": {
			config: fmt.Sprintf(one, "error"),
			change: func(s *testServer) {
				s.mapping("nora.lindqvist@acme.example", "okta:acme.okta.com", "00u9", identity.Manual)
			},
			comment:  []string{"### Everybody is mapped"},
			notThere: []string{"nora", "failed"},
		},
		"an outage is no unmapped person": {
			config:   fmt.Sprintf(one, "error"),
			change:   func(s *testServer) { s.failNext(1000, "POST", "identities/lookup", 503, "{}") },
			fails:    true,
			comment:  []string{"### The plan failed", "data.sym_resolved_identity.nora"},
			notThere: []string{"Unmapped", "unmapped\n", "Everybody is mapped"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada.martin@acme.example", "00u1"))).register("okta:acme.okta.com")
			if tt.change != nil {
				tt.change(s)
			}
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "main.tf"),
				"terraform {\n  required_providers {\n    sym = { source = \"sym-identity/sym\" }\n  }\n}\n"+s.provider("max_retries = 0", "read_only = true")+tt.config)
			out, err := runCIRecipe(t, dir, cli)
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) || (err != nil) != tt.fails {
				t.Fatalf("the script ended with %v\n%s", err, out)
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
			if t.Failed() {
				t.Logf("%s\n\n%s", comment, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "plan.tfplan")); (err != nil) != tt.fails {
				t.Errorf("plan.tfplan: %v", err)
			}
		})
	}
}

// runCIRecipe runs the script in dir, with the pinned gojq in place of jq: it
// needs nothing installed, and reads what jq reads.
func runCIRecipe(t *testing.T, dir, cli string) (string, error) {
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
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+cli, "CHECKPOINT_DISABLE=1", "TERRAFORM="+terraform,
		"JQ=go tool -C "+absolute("../../tools")+" gojq")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
