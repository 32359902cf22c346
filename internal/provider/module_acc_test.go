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
)

// TestAccModule_tests runs the example module's own tests as its users do: by
// terraform test, with the built provider.
func TestAccModule_tests(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	module := t.TempDir()
	if err := os.CopyFS(module, os.DirFS("../../examples/modules/team-identities")); err != nil {
		t.Fatal(err)
	}
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		terraform = "terraform"
	}
	cmd := exec.CommandContext(t.Context(), terraform, "test", "-no-color")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+devOverrides(t), "CHECKPOINT_DISABLE=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "6 passed, 0 failed") {
		t.Fatalf("terraform test: %v\n%s", err, out)
	}
}

// TestAccModule_company follows the guide from no mapping to a reviewed file of exceptions: what
// terraform output writes is what the module reads back.
func TestAccModule_company(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	okta, _ := kept(testOkta, oneOf("00u1", "Ada Martin", worksHere, "ada@acme.example"),
		oneOf("00u2", "Nora Lindqvist", worksHere, "nora@acme.example"), oneOf("00u3", "Leo Berg", worksHere, "leo@acme.example"))
	github, _ := kept(testGitHub, oneOf("ada-m", "Ada Martin", worksHere, "ada@acme.example"), oneOf("nora-l", "Nora Lindqvist", worksHere, "nora@home.example"))
	s := newTestServer(t, withDirectory(testOkta, okta), withDirectory(testGitHub, github)).register(testOkta, testGitHub)

	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "company"), os.DirFS("../../examples/modules/company")); err != nil {
		t.Fatal(err)
	}
	const api = `"https://identity.acme.example/api/v1" # the token is in SYM_JWT`
	module := readGuide(t, "bootstrap.md.tmpl").take(t, "provider.tf", "company.tf")
	writeFile(t, filepath.Join(dir, "main.tf"), strings.Replace(module, api, fmt.Sprintf("%q\n  token = %q", s.URL, testToken), 1))
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		terraform = "terraform"
	}
	cli := devOverrides(t)
	run := func(want int, arguments ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), terraform, arguments...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "TF_CLI_CONFIG_FILE="+cli, "CHECKPOINT_DISABLE=1")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != want {
			t.Fatalf("terraform %s: %v, want status %d\n%s%s", strings.Join(arguments, " "), err, want, out, stderr.String())
		}
		return string(out) + stderr.String()
	}
	output := func() string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), terraform, "output", "-raw", "exceptions")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "TF_CLI_CONFIG_FILE="+cli, "CHECKPOINT_DISABLE=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	file := filepath.Join(dir, "exceptions.yaml")

	run(0, "get")
	run(0, "apply", "-auto-approve", "-no-color")
	first := output()
	const blank = `- "candidates": []
  "exempt": ""
  "identity": ""
  "reason": "not_found"
  "service": "github:acme"
  "user": "leo@acme.example"
- "candidates":
  - "nora-l (same_local_part)"
  "exempt": ""
  "identity": ""
  "reason": "not_found"
  "service": "github:acme"
  "user": "nora@acme.example"
`
	if first != blank {
		t.Fatalf("the file to review is\n%s", first)
	}

	// A file that nobody has filled in changes nothing.
	writeFile(t, file, first)
	run(0, "plan", "-detailed-exitcode", "-no-color")

	leo, nora, _ := strings.Cut(first, "\n- ")
	filled := strings.Replace(leo, `"exempt": ""`, `"exempt": "writes no code"`, 1) + "\n- " + strings.Replace(nora, `"identity": ""`, `"identity": "nora-l"`, 1)
	writeFile(t, file, filled)
	run(0, "apply", "-auto-approve", "-no-color")
	m, _ := s.stored("nora@acme.example", testGitHub)
	if id, _ := m.Matcher.Identity("github"); id != "nora-l" {
		t.Errorf("Nora's mapping is %v", m)
	}
	second := output()
	const reviewed = `- "exempt": "writes no code"
  "identity": ""
  "service": "github:acme"
  "user": "leo@acme.example"
- "exempt": ""
  "identity": "nora-l"
  "service": "github:acme"
  "user": "nora@acme.example"
`
	if second != reviewed {
		t.Fatalf("the reviewed file is\n%s", second)
	}
	writeFile(t, file, second)
	run(0, "plan", "-detailed-exitcode", "-no-color")

	entry := func(user, what string) string {
		return fmt.Sprintf("- {service: %q, user: %q, %s}\n", "github:acme", user, what)
	}
	for content, want := range map[string]string{
		"":              "missing start of document",
		"null":          "holds no list of entries",
		"{}":            "holds no list of entries",
		"[a@b.example]": "holds no list of entries",
		`[{service: "github:acm", user: a@b.example}]`:                              "services that are not in services: github:acm.",
		`[{service: "github:acme", user: a@b.example, identiy: x}]`:                 "something other than service",
		`[{service: "github:acme", user: a@b.example, identity: x, exempt: y}]`:     "both an identity and a reason",
		`[{service: "github:acme", identity: x}]`:                                   "has no user",
		entry("a@b.example", "identity: 0123"):                                      "reads as a number, or as true or false, such as 0123, 1e5 or no. Put it in quotes",
		entry("a@b.example", "exempt: no"):                                          "Put it in quotes",
		entry("a@b.example", "identity: x") + entry("a@b.example", "identity: x"):   "twice: a@b.example and a@b.example in github:acme. Keep one",
		entry("a@b.example", "identity: x") + entry(" A@b.example ", "identity: y"): "twice: a@b.example and A@b.example in github:acme. Keep one",
		entry("a@b.example", "identity: x") + entry("a@B.example", "exempt: y"):     "twice: a@b.example and a@B.example in github:acme. Keep one",
	} {
		writeFile(t, file, content)
		if out := strings.Join(strings.Fields(run(1, "plan", "-no-color")), " "); !strings.Contains(out, want) {
			t.Errorf("%q: no %q in\n%s", content, want, out)
		}
	}
}
