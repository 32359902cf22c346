// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"go.yaml.in/yaml/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TestAccCIRecipe_steps runs the shell steps of the recipes as they are printed,
// as a runner would: the provider comes from a mirror with a committed lock
// file, the identity API and the API of GitHub or GitLab are on this machine.
// On one pull request somebody is unmapped, twice, and then mapped; the comment
// must stay one. On another everybody is mapped, and nothing is said.
func TestAccCIRecipe_steps(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed here: the recipe for GitLab comments with it")
	}
	mirror := providerMirror(t)
	for name, run := range map[string]func(*testing.T, *pipeline) error{"GitHub Actions": runGitHub, "GitLab": runGitLab} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada.martin@acme.example", "00u1"))).register("okta:acme.okta.com")
			p := newPipeline(t, s, mirror)

			p.onUnmapped("warn")
			p.must(run(t, p))
			first := p.comments.own()
			if len(first) != 1 || !strings.Contains(first[0].Body, "| `nora.lindqvist@acme.example` | `okta:acme.okta.com` | `not_found` |") {
				t.Fatalf("the comments are %v", first)
			}
			if page := readFile(t, filepath.Join(p.dir, p.uploaded, "1-people.html")); !strings.Contains(page, "<bdi>nora.lindqvist@acme.example</bdi>") {
				t.Errorf("the report is\n%s", page)
			}
			if name == "GitHub Actions" && !strings.HasSuffix(first[0].Body, "\n[The whole report as HTML]("+artifactURL+")\n") {
				t.Errorf("the comment does not end with a link to the report:\n%s", first[0].Body)
			}
			p.onUnmapped("error")
			if err := run(t, p); err == nil {
				t.Error("the pipeline passes, although the plan failed")
			}
			second := p.comments.own()
			if len(second) != 1 || second[0].ID != first[0].ID || !strings.Contains(second[0].Body, `resource "sym_identity"`) {
				t.Fatalf("the comments are %v", second)
			}
			if got := s.requests("PATCH"); len(got) > 0 {
				t.Errorf("a plan wrote: %v", got)
			}
			s.mapping("nora.lindqvist@acme.example", "okta:acme.okta.com", "00u9", identity.Manual)
			p.must(run(t, p))
			third := p.comments.own()
			if len(third) != 1 || third[0].ID != first[0].ID || !strings.Contains(third[0].Body, "## Everybody is mapped\n") {
				t.Fatalf("the comments are %v", third)
			}
			p.comments.reset()
			p.must(run(t, p))
			if got := p.comments.own(); len(got) > 0 {
				t.Errorf("where everybody is mapped, it comments %v", got)
			}
		})
	}
}

// providerMirror is a mirror of files that holds the provider of this tree, and
// the CLI's configuration that names it.
func providerMirror(t *testing.T) (cliConfig string) {
	t.Helper()
	dir := t.TempDir()
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		file := filepath.Join(dir, host, "sym-identity/sym/0.0.1", runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-sym_v0.0.1")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.Link(builtProvider(t), file)); err != nil {
			t.Fatal(err)
		}
	}
	cliConfig = filepath.Join(dir, "cli.tfrc")
	writeFile(t, cliConfig, fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", dir))
	return cliConfig
}

// pipeline is a checked-out repository with the recipe in ci/, and what a runner
// gives to its steps.
type pipeline struct {
	t        *testing.T
	api      *testServer
	dir, bin string
	env      []string
	comments *comments
	host     string // of GitHub's and GitLab's API
	uploaded string // directory of the artifact
}

func newPipeline(t *testing.T, api *testServer, cliConfig string) *pipeline {
	t.Helper()
	p := &pipeline{t: t, api: api, dir: t.TempDir(), bin: t.TempDir(), comments: &comments{}}
	p.comments.reset()
	host := httptest.NewServer(p.comments)
	t.Cleanup(host.Close)
	p.host = host.URL

	p.must(os.CopyFS(filepath.Join(p.dir, "ci"), os.DirFS(filepath.Join(examples, "ci"))))

	absolute := func(path string) string {
		full, err := filepath.Abs(path)
		p.must(err)
		return full
	}
	program := func(name, script string) {
		writeFile(t, filepath.Join(p.bin, name), "#!/bin/sh\n"+script+"\n")
		p.must(os.Chmod(filepath.Join(p.bin, name), 0o755))
	}
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		terraform = "terraform"
	}
	program("terraform", `exec '`+terraform+`' "$@"`)
	// gojq reads what jq reads, and needs nothing installed. It starts in tools.
	program("jq", `here=$PWD; for a; do shift; case $a in *.jq|*.json) case $a in /*) ;; *) a=$here/$a ;; esac ;; esac; set -- "$@" "$a"; done
exec go tool -C '`+absolute("../../tools")+`' gojq "$@"`)
	program("apk", `[ "$*" = "add --no-cache bash curl jq" ]`)
	program("gh", `exec '`+absolute("testdata/ci/gh")+`' "$@"`)
	p.env = append(os.Environ(), "PATH="+p.bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"TF_CLI_CONFIG_FILE="+cliConfig, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")

	p.onUnmapped("warn")
	p.must(p.run("sh", "terraform init -input=false", nil)) // the lock file that a repository holds
	return p
}

func (p *pipeline) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pipeline) onUnmapped(what string) {
	writeFile(p.t, filepath.Join(p.dir, "main.tf"), fmt.Sprintf(`
terraform {
  required_providers {
    sym = { source = "sym-identity/sym" }
  }
}

provider "sym" {
  org     = "acme"
  api_url = %q
}

data "sym_resolved_identities" "people" {
  users       = ["ada.martin@acme.example", "nora.lindqvist@acme.example"]
  services    = [{ service_type = "okta", external_id = "acme.okta.com" }]
  on_unmapped = %q
}

# A plan with changes passes.
output "unmapped" {
  value = data.sym_resolved_identities.people.unmapped_count
}
`, p.api.URL, what))
}

// run runs a script in the repository.
func (p *pipeline) run(shell, script string, env map[string]string) error {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), shell, "-e", "-c", script)
	cmd.Dir, cmd.Env = p.dir, p.env
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w in:\n%s\n%s", err, script, out)
	}
	return err
}

// step is one of a workflow or of a composite action.
type step struct {
	ID, If, Uses, Run string
	Env, With         map[string]string
	Directory         string `yaml:"working-directory"`
}

const artifactURL = "https://github.example/artifacts/1"

// runGitHub runs the steps of the workflow that are commands, and those of the
// action beside it. Other actions bring what is there already, or upload.
func runGitHub(t *testing.T, p *pipeline) error {
	var workflow struct {
		Jobs map[string]struct {
			Env   map[string]string
			Steps []step
		}
	}
	p.must(yaml.Unmarshal([]byte(readFile(t, filepath.Join(examples, "ci/github-actions.yml"))), &workflow))
	values := map[string]string{
		"secrets.SYM_JWT_MEMBER": testMemberToken, "github.token": hostToken,
		"github.repository": "acme/people", "github.event.pull_request.number": "3",
	}
	job := workflow.Jobs["plan"]
	env := map[string]string{"GITHUB_REPOSITORY": "acme/people", "GH_API": p.host}
	for name, value := range job.Env {
		env[name] = expanded(t, value, values)
	}
	return runSteps(t, p, job.Steps, env, values)
}

// runSteps runs steps until one fails, and after that those that always run.
func runSteps(t *testing.T, p *pipeline, steps []step, env, values map[string]string) (failed error) {
	for _, step := range steps {
		always := strings.HasPrefix(step.If, "always()")
		if step.If != "" && step.If != "always()" && step.If != "always() && github.event_name == 'pull_request'" {
			t.Fatalf("the test does not know the condition %q", step.If)
		}
		if failed != nil && !always {
			continue
		}
		var err error
		switch {
		case step.Run != "":
			err = runCommand(t, p, step, env, values)
		case strings.HasPrefix(step.Uses, "./"):
			err = runAction(t, p, step, env, values)
		case strings.HasPrefix(step.Uses, "actions/upload-artifact@"):
			p.uploaded = expanded(t, step.With["path"], values)
			if _, err := os.Stat(filepath.Join(p.dir, p.uploaded)); err == nil {
				values["steps."+step.ID+".outputs.artifact-url"] = artifactURL
			} else {
				values["steps."+step.ID+".outputs.artifact-url"] = ""
			}
		}
		if err != nil && always {
			t.Fatal(err)
		}
		if failed == nil {
			failed = err
		}
	}
	return failed
}

func runCommand(t *testing.T, p *pipeline, step step, env, values map[string]string) error {
	all := maps.Clone(env)
	for name, value := range step.Env {
		all[name] = expanded(t, value, values)
	}
	return p.run("bash", "cd '"+cmp.Or(expanded(t, step.Directory, values), ".")+"'\n"+step.Run, all)
}

// runAction runs the steps of a composite action of the repository.
func runAction(t *testing.T, p *pipeline, use step, env, values map[string]string) error {
	dir := filepath.Join(p.dir, use.Uses)
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct{ Steps []step }
	}
	p.must(yaml.Unmarshal([]byte(readFile(t, filepath.Join(dir, "action.yml"))), &action))
	inside := maps.Clone(values)
	for name, input := range action.Inputs {
		inside["inputs."+name] = expanded(t, input.Default, values)
	}
	for name, value := range use.With {
		if _, ok := action.Inputs[name]; !ok {
			t.Errorf("the action has no input %s", name)
		}
		inside["inputs."+name] = expanded(t, value, values)
	}
	all := maps.Clone(env)
	all["GITHUB_ACTION_PATH"], all["GITHUB_OUTPUT"] = dir, filepath.Join(t.TempDir(), "output")
	return runSteps(t, p, action.Runs.Steps, all, inside)
}

var workflowExpression = regexp.MustCompile(`\$\{\{ (.*?) \}\}`)

// expanded returns a text with the values of its expressions.
func expanded(t *testing.T, text string, values map[string]string) string {
	return workflowExpression.ReplaceAllStringFunc(text, func(e string) string {
		v, ok := values[workflowExpression.FindStringSubmatch(e)[1]]
		if !ok {
			t.Fatalf("the test does not know %s", e)
		}
		return v
	})
}

// runGitLab runs the job as GitLab's runner does: before_script and script in one
// shell, after_script in another, whatever came before.
func runGitLab(t *testing.T, p *pipeline) error {
	var file map[string]struct {
		Before    []string `yaml:"before_script"`
		Script    []string
		After     []string `yaml:"after_script"`
		Variables map[string]string
		Artifacts struct{ Paths []string }
	}
	p.must(yaml.Unmarshal([]byte(readFile(t, filepath.Join(examples, "ci/gitlab-ci.yml"))), &file))
	job := file["people"]
	if len(job.Artifacts.Paths) != 1 {
		t.Fatalf("the artifacts are %v", job.Artifacts.Paths)
	}
	p.uploaded = job.Artifacts.Paths[0]
	env := map[string]string{
		"SYM_JWT_MEMBER": testMemberToken, "NOTES_TOKEN": hostToken,
		"CI_API_V4_URL": p.host + "/api/v4", "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "3",
	}
	for name, value := range job.Variables {
		env[name] = value
	}
	failed := p.run("sh", strings.Join(append(job.Before, job.Script...), "\n"), env)
	if err := p.run("sh", strings.Join(job.After, "\n"), env); err != nil {
		t.Fatal(err)
	}
	return failed
}

const hostToken = "token-for-comments"

// comments are those on one pull request, as GitHub's and GitLab's API have
// them. Those of other people fill the first pages.
type comments struct {
	mu  sync.Mutex
	all []comment
}

type comment struct {
	ID   int    `json:"id"`
	Body string `json:"body"`
}

func (c *comments) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = nil
	for id := range 110 {
		c.all = append(c.all, comment{ID: id + 1, Body: "Looks good to me"})
	}
}

// own are those that the pipeline made.
func (c *comments) own() []comment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]comment(nil), c.all[110:]...)
}

func (c *comments) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Header.Get("Authorization") != "token "+hostToken && r.Header.Get("Private-Token") != hostToken {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	var id int
	switch path := r.Method + " " + r.URL.Path; {
	case path == "GET /repos/acme/people/issues/3/comments":
		c.page(w, r, 30)
	case path == "GET /api/v4/projects/7/merge_requests/3/notes":
		c.page(w, r, 100)
	case path == "POST /repos/acme/people/issues/3/comments", path == "POST /api/v4/projects/7/merge_requests/3/notes":
		c.all = append(c.all, comment{ID: len(c.all) + 1, Body: bodyOf(r)})
		w.WriteHeader(http.StatusCreated)
	case scans(path, "PATCH /repos/acme/people/issues/comments/%d", &id), scans(path, "PUT /api/v4/projects/7/merge_requests/3/notes/%d", &id):
		if id < 1 || id > len(c.all) {
			http.NotFound(w, r)
			return
		}
		c.all[id-1].Body = bodyOf(r)
	default:
		http.Error(w, "no such call: "+path, http.StatusNotFound)
	}
}

func scans(path, format string, id *int) bool {
	n, err := fmt.Sscanf(path, format, id)
	return n == 1 && err == nil
}

func (c *comments) page(w http.ResponseWriter, r *http.Request, size int) {
	number := 1
	_, _ = fmt.Sscan(r.URL.Query().Get("page"), &number)
	from, to := min((number-1)*size, len(c.all)), min(number*size, len(c.all))
	if to < len(c.all) {
		w.Header().Set("X-Next-Page", fmt.Sprint(number+1))
	} else {
		w.Header().Set("X-Next-Page", "")
	}
	_ = json.NewEncoder(w).Encode(append([]comment{}, c.all[from:to]...))
}

// bodyOf is a comment's text: JSON for GitHub, a form for GitLab.
func bodyOf(r *http.Request) string {
	if strings.Contains(r.Header.Get("Content-Type"), "json") {
		var sent comment
		content, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(content, &sent)
		return sent.Body
	}
	return r.PostFormValue("body")
}
