// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runAsCommand, in the environment of the test binary, makes it the command.
const runAsCommand = "SYM_IDENTITYD_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(runAsCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// output is what one run printed and returned.
type output struct {
	code           int
	stdout, stderr string
}

func runCommand(ctx context.Context, env map[string]string, args ...string) output {
	var stdout, stderr bytes.Buffer
	lookup := func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	code := run(ctx, args, strings.NewReader(""), &stdout, &stderr, lookup)
	return output{code, stdout.String(), stderr.String()}
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// writeConfig writes a configuration that serves on a free port, with the
// token "admin-token", and returns its path.
func writeConfig(t *testing.T, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "id.hcl")
	text := `org    = "acme"
listen = "127.0.0.1:0"
store  = "sqlite:identities.db"
token "ci" {
  sha256 = "` + hashOf("admin-token") + `"
  role   = "admin"
}
service "okta" "acme.okta.com" {
  label = "Okta"
}
` + more
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no command":        {nil, "a command is missing"},
		"unknown command":   {[]string{"server"}, `"server" is not a command`},
		"serve no config":   {[]string{"serve"}, "serve needs -config FILE"},
		"check no config":   {[]string{"check"}, "check needs -config FILE"},
		"unknown flag":      {[]string{"serve", "-conf", "x"}, "flag provided but not defined: -conf"},
		"argument":          {[]string{"check", "-config", config, "more"}, `check takes no argument "more"`},
		"log format":        {[]string{"serve", "-config", config, "-log-format", "xml"}, "-log-format is text or json"},
		"format":            {[]string{"import", "-config", config, "-format", "xml"}, "-format is jsonl or csv\n\nFills an empty store"}, // and its flags
		"log level":         {[]string{"serve", "-config", config, "-log-level", "loud"}, "invalid value"},
		"token alone":       {[]string{"token"}, "token has one command"},
		"token old":         {[]string{"token", "old"}, "token has one command"},
		"token role":        {[]string{"token", "new", "-role", "owner"}, "A token's role must be admin"},
		"token name":        {[]string{"token", "new", "-name", ""}, "must not be empty"},
		"version argument":  {[]string{"version", "1"}, "takes no argument"},
		"token newline":     {[]string{"token", "new", "-name", "a\nb"}, "control characters"},
		"token extra words": {[]string{"token", "new", "ci"}, `token new takes no argument "ci"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runCommand(t.Context(), nil, test.args...)
			if got.code != exitUsage || !strings.Contains(got.stderr, test.want) || !strings.Contains(got.stderr, "Usage:\n  sym-identityd ") {
				t.Errorf("exit %d, want 2 and %q:\n%s", got.code, test.want, got.stderr)
			}
			if got.stdout != "" {
				t.Errorf("printed %q", got.stdout)
			}
		})
	}
}

// A file that is missing is named with where its path starts, or with the flag to change.
func TestMissingFilesHaveARemedy(t *testing.T) {
	t.Parallel()
	fine := writeConfig(t, "")
	certificates := `
tls {
  cert_file = "none.pem"
  key_file  = "none.pem"
}
`
	directory := `
service "okta" "lab.okta.com" {
  directory "okta" {
    token   = env("OKTA_TOKEN")
    ca_file = "none.pem"
  }
}
`
	ok(t, nil, "migrate", "-config", fine)
	const folder = "A relative path starts at the folder of the configuration file"
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"configuration": {[]string{"serve", "-config", fine + ".none"}, "a relative path starts at the working directory"},
		"certificate":   {[]string{"check", "-config", writeConfig(t, certificates)}, strings.ToLower(folder[:1]) + folder[1:]},
		"authority":     {[]string{"check", "-config", writeConfig(t, directory)}, folder},
		"import":        {[]string{"import", "-config", fine, "-in", fine + ".none"}, "Check the path of -in"},
		"export":        {[]string{"export", "-config", fine, "-out", fine + "/none"}, "The folder of -out must exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runCommand(t.Context(), map[string]string{"OKTA_TOKEN": "hunter2"}, test.args...)
			if said := got.stdout + got.stderr; got.code != exitFailed || !strings.Contains(said, test.want) {
				t.Errorf("exit %d, want %d and %q:\n%s", got.code, exitFailed, test.want, said)
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		if got := runCommand(t.Context(), nil, args...); got.code != exitOK || got.stdout != usage() || got.stderr != "" {
			t.Errorf("%q: %+v", args, got)
		}
	}
	seen := map[string]bool{}
	for _, c := range commands() {
		if !strings.Contains(usage(), "\n  sym-identityd "+c.name+" ") {
			t.Errorf("the help does not name %s", c.name)
		}
		words := strings.Fields(c.name)
		page := runCommand(t.Context(), nil, append([]string{"help"}, words...)...)
		if page.code != exitOK || page.stderr != "" || !strings.HasPrefix(page.stdout, c.does+"\n\nUsage:\n  sym-identityd "+c.name+" ") || !strings.Contains(page.stdout, "\nFlags:\n  -") || seen[page.stdout] {
			t.Errorf("help %s: %+v", c.name, page)
		}
		seen[page.stdout] = true
		for _, args := range [][]string{append(words, "-h"), append(words, "--help"), {words[0], "-help"}, {"help", words[0]}} {
			if got := runCommand(t.Context(), nil, args...); got != page {
				t.Errorf("%q: %+v, want %+v", args, got, page)
			}
		}
	}
	var parts map[string]string
	if got := runCommand(t.Context(), nil, "version", "-json"); got.code != exitOK || json.Unmarshal([]byte(got.stdout), &parts) != nil || parts["version"] == "" || parts["commit"] == "" || parts["go"] == "" {
		t.Errorf("version -json: %+v", got)
	}
	got := runCommand(t.Context(), nil, "version")
	if got.code != exitOK || !regexp.MustCompile(`^sym-identityd \S+ \(commit \S+, go\S+\)\n$`).MatchString(got.stdout) {
		t.Errorf("version: %+v", got)
	}
}

func TestTokenNew(t *testing.T) {
	t.Parallel()
	got := runCommand(t.Context(), nil, "token", "new", "-name", `a "b" ${c}`, "-role", "member")
	if got.code != exitOK {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	parts := regexp.MustCompile(`(?s)^token:  (sym_[A-Za-z0-9_-]{43})\nsha256: ([0-9a-f]{64})\n.*\n\n(token .*)$`).FindStringSubmatch(got.stdout)
	if parts == nil {
		t.Fatalf("printed:\n%s", got.stdout)
	}
	token, hash, block := parts[1], parts[2], parts[3]
	if hash != hashOf(token) {
		t.Errorf("%s is not the hash of %s", hash, token)
	}
	if n := strings.Count(got.stdout, token); n != 1 {
		t.Errorf("the token stands there %d times", n)
	}
	want := "token \"a \\\"b\\\" $${c}\" {\n  sha256 = \"" + hash + "\"\n  role   = \"member\"\n}\n"
	if diff := cmp.Diff(want, block); diff != "" {
		t.Errorf("block (-want +got):\n%s", diff)
	}
	if again := runCommand(t.Context(), nil, "token", "new"); strings.Contains(again.stdout, token) || !strings.Contains(again.stdout, `= "member"`) {
		t.Errorf("a token of another role than member, or the same token twice:\n%s", again.stdout)
	}
	var parsed struct{ Token, SHA256, Block string }
	if got := runCommand(t.Context(), nil, "token", "new", "-role", "admin", "-json"); got.code != exitOK || json.Unmarshal([]byte(got.stdout), &parsed) != nil ||
		parsed.SHA256 != hashOf(parsed.Token) || !strings.Contains(parsed.Block, parsed.SHA256) || !strings.Contains(parsed.Block, `= "admin"`) {
		t.Errorf("token new -json: %+v", got)
	}
	// What it prints is a configuration that works.
	path := writeConfig(t, block)
	if got := runCommand(t.Context(), nil, "check", "-config", path); got.code != exitOK || !strings.Contains(got.stdout, "2 tokens") {
		t.Errorf("check of the pasted block: %+v", got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, `
service "google" "acme.com" {
  directory "file" {
    path = "none.csv"
  }
}
service "github" "acme" {
  directory "file" {
    path = "github.csv"
  }
}
`)
	dir := filepath.Dir(path)
	if err := os.WriteFile(filepath.Join(dir, "github.csv"), []byte("email,id\nada@acme.com,ada\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := runCommand(t.Context(), nil, "check", "-config", path)
	if got.code != exitFailed || got.stderr != "" {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
	want := []string{
		"ok    configuration " + path + ": org acme, 3 services, 1 token",
		"ok    store sqlite:" + filepath.Join(dir, "identities.db") + ": it does not exist yet; the first start creates it",
		"FAIL  directory google:acme.com (file): cannot be opened",
		"      path: ",
		"ok    directory github:acme (file): the file can be read",
	}
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != len(want) {
		t.Fatalf("printed:\n%s", got.stdout)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %q, want %q", i, line, want[i])
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "none.csv"), []byte("email,id\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runCommand(t.Context(), nil, "check", "-config", path); got.code != exitOK {
		t.Errorf("exit %d:\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-value"
	path := writeConfig(t, `
service "scim" "acme" {
  directory "scim" {
    base_url = env("SCIM_URL")
    token    = env("SCIM_TOKEN")
  }
}
stor = env("SCIM_URL")
`)
	env := map[string]string{"SCIM_URL": "ftp://" + secret + "/"}
	places := []string{path + ":15:16: The environment variable SCIM_TOKEN is not set", path + ":18:1: Unsupported argument"}
	for _, command := range []string{"serve", "check"} {
		got := runCommand(t.Context(), env, command, "-config", path)
		text := got.stdout + got.stderr
		if got.code != exitFailed {
			t.Errorf("%s: exit %d", command, got.code)
		}
		for _, place := range places {
			if !strings.Contains(text, place) {
				t.Errorf("%s does not say %q:\n%s", command, place, text)
			}
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s shows a secret:\n%s", command, text)
		}
	}
	if got := runCommand(t.Context(), nil, "serve", "-config", path+".none"); got.code != exitFailed || !strings.Contains(got.stderr, "no such file") {
		t.Errorf("a missing file: %+v", got)
	}
}

func TestWithoutTokens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "id.hcl")
	if err := os.WriteFile(path, []byte("org = \"acme\"\nstore = \"sqlite:identities.db\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runCommand(t.Context(), nil, "serve", "-config", path); got.code != exitFailed || !strings.Contains(got.stderr, "sym-identityd token new") {
		t.Errorf("serve: %+v", got)
	}
	if got := runCommand(t.Context(), nil, "check", "-config", path); got.code != exitOK || !strings.Contains(got.stdout, "sym-identityd token new") {
		t.Errorf("check: %+v", got)
	}
}
