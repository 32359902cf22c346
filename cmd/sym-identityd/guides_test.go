// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// guideCommand is a command of a guide, in a block or between backticks.
var guideCommand = regexp.MustCompile("(?m)(?:^|`)sym-identityd ((?:serve|check|migrate|export|import|token)(?: [^`|\n]*)?)")

// TestGuides_commands runs the commands of each guide in the order in which it
// prints them, in a directory of its own. sym-identityd.hcl and old.hcl name a
// store with a person in it, new.hcl an empty one.
func TestGuides_commands(t *testing.T) {
	t.Parallel()
	guides, err := filepath.Glob("../../docs/guides/*.md")
	if err != nil || len(guides) == 0 {
		t.Fatal(guides, err)
	}
	ran := 0
	for _, guide := range guides {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		commands := guideCommand.FindAllStringSubmatch(string(text), -1)
		ran += len(commands)
		if len(commands) == 0 {
			continue
		}
		t.Run(filepath.Base(guide), func(t *testing.T) {
			t.Parallel()
			dir := guideDirectory(t, strings.Contains(string(text), "sym-identityd export"))
			for i, command := range commands {
				line := strings.TrimSpace(regexp.MustCompile(` +#.*`).ReplaceAllString(command[1], ""))
				line = strings.ReplaceAll(line, "FILE", "sym-identityd.hcl")
				args := strings.Fields(line)
				if args[0] == "serve" || len(args) == 1 {
					continue // what serves is tested elsewhere; a name alone is no command
				}
				if args[0] == "import" && strings.Contains(line, "new.hcl") {
					removeStore(t, dir, "new.db") // each import of a guide wants an empty store
				}
				for j, arg := range args {
					if regexp.MustCompile(`\.(hcl|jsonl|csv)$`).MatchString(arg) {
						args[j] = filepath.Join(dir, arg)
					}
				}
				if out := runCommand(t.Context(), nil, args...); out.code != exitOK {
					t.Errorf("command %d, sym-identityd %s, ended with %d:\n%s%s", i+1, command[1], out.code, out.stdout, out.stderr)
				}
			}
		})
	}
	if ran < 10 {
		t.Errorf("the guides have %d commands; were there not more?", ran)
	}
}

func guideDirectory(t *testing.T, stored bool) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := func(db string) string {
		return "org    = \"acme\"\nlisten = \"127.0.0.1:0\"\nstore = \"sqlite:" + db + "\"\n" +
			"service \"okta\" \"acme.okta.com\" {\n  directory \"file\" {\n    path = \"people.csv\"\n  }\n}\n" +
			"token \"ci\" {\n  sha256 = \"" + hashOf("admin-token") + "\"\n  role = \"admin\"\n}\n"
	}
	write("people.csv", "email,id\nnora.lindqvist@acme.example,00u2\n")
	write("sym-identityd.hcl", config("identities.db"))
	write("old.hcl", config("identities.db"))
	write("new.hcl", config("new.db"))
	if !stored {
		return dir
	}
	write("first.csv", "sym:cloud,okta:acme.okta.com\nada.martin@acme.example,00u1\n")
	ok(t, nil, "import", "-config", filepath.Join(dir, "sym-identityd.hcl"), "-format", "csv", "-in", filepath.Join(dir, "first.csv"))
	return dir
}

func removeStore(t *testing.T, dir, db string) {
	t.Helper()
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.RemoveAll(filepath.Join(dir, db+end)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGuides_api runs the calls of the API's guide, each operation once, against a server.
func TestGuides_api(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/guides/api.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```shell\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	config := filepath.Join(guideDirectory(t, false), "sym-identityd.hcl")
	if err := os.WriteFile(filepath.Join(filepath.Dir(config), "people.csv"), []byte("email,id\nada.martin@acme.example,00u1cmxq3h2vbd8wk5d7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, config)
	id := func(list, query string) string {
		t.Helper()
		_, body, err := d.call(t.Context(), http.MethodGet, "/api/v1/"+list+query, "")
		var reply map[string][]struct{ ID string }
		if err != nil || json.Unmarshal(body, &reply) != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		if len(reply[list]) == 0 {
			return ""
		}
		return reply[list][0].ID
	}
	called := map[string]int{}
	for _, block := range blocks[1:] {
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", `curl() { command curl --write-out '%{stderr}%{method} %{url_effective} %{http_code}\n' "$@"; }`+"\n"+
			blocks[0][1]+"SYM_API_URL=$API SYM_JWT=admin-token\n"+block[1])
		cmd.Env = append(os.Environ(), "API="+d.url+"/api/v1", "user_id="+id("users", "?email=nora.lindqvist@acme.example"), "service_id="+id("services", "?service_type=github"))
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s%s%s", err, block[1], &stdout, &stderr)
		}
		calls := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		for i, want := range regexp.MustCompile(`(?m)^(?:# (\d{3}).*\n)?sym `).FindAllStringSubmatch(block[1], -1) {
			request, status, _ := strings.Cut(calls[i], " "+d.url+"/api/v1/")
			path, status, _ := strings.Cut(status, " ")
			if status != cmp.Or(want[1], "200") {
				t.Errorf("%s\nstatus %s\n%s", block[1], status, &stdout)
			}
			path, _, _ = strings.Cut(path, "?")
			called[request+" /"+regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(path, "{id}")]++
		}
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	_, body, err := d.call(t.Context(), http.MethodGet, "/api/openapi.json", "")
	if err != nil || json.Unmarshal(body, &document) != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	called["POST /identities/lookup"]-- // once more, for its error
	for path, operations := range document.Paths {
		for method := range operations {
			if n := called[strings.ToUpper(method)+" "+path]; n != 1 {
				t.Errorf("the guide calls %s %s %d times", method, path, n)
			}
		}
	}
}
