// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// mistake is what somebody new writes, under a title.
type mistake struct{ title, input string }

// TestAccMistakes makes the mistakes of newcomers through the real CLI and
// sym-identityd. Each brings one message. The golden file shows all of them beside
// their input: UPDATE_GOLDEN=1 writes it, and a reader judges it.
func TestAccMistakes(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	directory := listedDirectory{directoryOf("ada@acme.com", "00u1", "on-call@acme.com", "00u7")}
	s := newTestServer(t, withDirectory(testOkta, directory)).register(testOkta, testGitHub, "okta:acme.oktapreview.com")
	s.mapping("bob@acme.com", testOkta, "00u2", identity.Manual)
	s.mapping("eve@acme.com", testOkta, "00u3", identity.Manual)
	port := regexp.MustCompile(`127\.0\.0\.1:(\d+)`).FindStringSubmatch(s.URL)[1]
	place := strings.NewReplacer("PORT", port, "ADMIN", testToken, "GUEST", testGuestToken)

	var out strings.Builder
	out.WriteString("# Mistakes and messages\n\n" +
		"What somebody new may write, and what they read then. `TestAccMistakes` writes this file.\n")
	counted := 0
	record := func(section, language string, mistakes []mistake, messages func(t *testing.T) [][]string) {
		found := messages(t)
		fmt.Fprintf(&out, "\n## %s\n", section)
		for i, m := range mistakes {
			counted++
			if len(found[i]) != 1 {
				t.Errorf("%s: %d messages:\n%s", m.title, len(found[i]), strings.Join(found[i], "\n---\n"))
			}
			fmt.Fprintf(&out, "\n### %d. %s\n\n```%s\n%s\n```\n\n```text\n%s\n```\n", counted, m.title, language, m.input, strings.Join(found[i], "\n---\n"))
		}
	}
	settings := "provider \"sym\" {\n  org     = \"acme\"\n  api_url = \"http://127.0.0.1:PORT/api/v1\"\n  token   = \"ADMIN\"\n}\n"
	for _, stage := range []struct {
		section   string
		arguments []string
		mistakes  []mistake
	}{
		{"terraform validate", []string{"validate", "-json"}, mistakesOfValidate},
		{"terraform plan", []string{"plan", "-json", "-input=false"}, mistakesOfPlan},
	} {
		record(stage.section, "hcl", stage.mistakes, func(t *testing.T) [][]string {
			return cliMessages(t, settings, stage.mistakes, place, stage.arguments...)
		})
	}
	record("sym-identityd", "hcl", mistakesOfServer, func(t *testing.T) [][]string { return serverMessages(t, mistakesOfServer) })
	if counted < 40 {
		t.Errorf("%d mistakes", counted)
	}
	text := strings.NewReplacer(port, "PORT", testToken, "TOKEN", testGuestToken, "TOKEN").Replace(out.String())
	text = regexp.MustCompile(`request ID [0-9a-f-]{36}`).ReplaceAllString(text, "request ID ID")
	text = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`).ReplaceAllString(text, "TIME")
	wantGolden(t, filepath.Join("testdata", "mistakes.golden.md"), text)
}

// cliMessages puts each mistake into a file of one configuration, runs the CLI once,
// and returns the diagnostics of each file.
func cliMessages(t *testing.T, settings string, mistakes []mistake, place *strings.Replacer, arguments ...string) [][]string {
	t.Helper()
	dir, home := t.TempDir(), t.TempDir()
	main := "terraform {\n  required_providers {\n    sym = { source = \"sym-identity/sym\" }\n  }\n}\n" + place.Replace(settings)
	writeFile(t, filepath.Join(dir, "broken.hcl"), "org = \"acme\nstore = \"sqlite:identities.db\"\n")
	writeFile(t, filepath.Join(dir, "sym-identityd.hcl"), "org = \"acme\"\nstore = \"sqlite:missing/identities.db\"\n")
	for i, m := range mistakes {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("m%02d.tf", i)), place.Replace(m.input)+"\n")
		if alias := regexp.MustCompile(`alias += "(\w+)"`).FindStringSubmatch(m.input); alias != nil {
			main += fmt.Sprintf("data \"sym_services\" %q {\n  provider = sym.%s\n}\n", alias[1], alias[1])
		}
	}
	writeFile(t, filepath.Join(dir, "main.tf"), main)
	cmd, output := terraformIn(t, dir, devOverrides(t), arguments...)
	cmd.Env = append(cmd.Env, "HOME="+home, "SYM_TOKEN="+testToken)
	_ = cmd.Run() // it reports errors
	found := make([][]string, len(mistakes))
	for _, d := range jsonDiagnostics(t, output.Bytes()) {
		if d.Summary == "Provider development overrides are in effect" {
			continue
		}
		var i int
		if d.Range.Filename == "" { // of an import, which the CLI gives no place
			i = slices.IndexFunc(mistakes, func(m mistake) bool { return strings.HasPrefix(m.input, "import ") })
		} else if _, err := fmt.Sscanf(d.Range.Filename, "m%d.tf", &i); err != nil {
			t.Errorf("of no mistake: %s", d)
			continue
		}
		found[i] = append(found[i], strings.ReplaceAll(d.String(), dir, "DIR"))
	}
	return found
}

// cliDiagnostic is a diagnostic as the CLI prints it with -json.
type cliDiagnostic struct {
	Severity, Summary, Detail string
	Range                     struct {
		Filename string
		Start    struct{ Line int }
	}
	Snippet struct{ Code string }
}

func (d cliDiagnostic) String() string {
	text := strings.ToUpper(d.Severity[:1]) + d.Severity[1:] + ": " + d.Summary
	if d.Range.Filename != "" {
		text += fmt.Sprintf("\n  on line %d: %s", d.Range.Start.Line, strings.TrimSpace(d.Snippet.Code))
	}
	return strings.TrimSpace(text + "\n\n" + d.Detail)
}

// jsonDiagnostics reads the document of validate or the lines of plan.
func jsonDiagnostics(t *testing.T, output []byte) (all []cliDiagnostic) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for decoder.More() {
		var line struct {
			Diagnostics []cliDiagnostic
			Diagnostic  *cliDiagnostic
		}
		if err := decoder.Decode(&line); err != nil {
			t.Fatalf("%v:\n%s", err, output)
		}
		all = append(all, line.Diagnostics...)
		if line.Diagnostic != nil {
			all = append(all, *line.Diagnostic)
		}
	}
	return all
}

// failureLine begins what sym-identityd prints of one problem.
var failureLine = regexp.MustCompile(`(?m)^(FAIL  (store|directory) |sym-identityd\.hcl:\d|sym-identityd: )`)

// serverMessages runs sym-identityd check on each configuration, or serve where it
// listens, and returns what that prints.
func serverMessages(t *testing.T, mistakes []mistake) [][]string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sym-identityd")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/sym-identityd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := make([][]string, len(mistakes))
	for i, m := range mistakes {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "sym-identityd.hcl"), m.input+"\n")
		writeFile(t, filepath.Join(dir, "people.csv"), "email;id\nada@acme.com;#N/A\n")
		command := "check"
		if strings.Contains(m.input, "listen") {
			command = "serve"
		}
		cmd := exec.CommandContext(t.Context(), program, command, "-config", "sym-identityd.hcl")
		cmd.Dir, cmd.Env = dir, []string{"DATABASE_URL=postgres://sym:secret-of-the-store@127.0.0.1:1/sym"}
		out, err := cmd.CombinedOutput()
		if failures := failureLine.FindAll(out, -1); err == nil || len(failures) != 1 {
			t.Errorf("%s: %d failures:\n%s", m.title, len(failures), out)
		}
		found[i] = []string{strings.TrimSpace(strings.ReplaceAll(string(out), dir, "DIR"))}
	}
	return found
}
