// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/store/jsonlines"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

const people = `sym:cloud,custom:VictorOps,okta:acme.okta.com
Alice@example.com,"Smith, Alice",00u1
bob@example.com,'=1+1,00u2
`

// ok runs a command that must succeed and returns what it printed.
func ok(t *testing.T, env map[string]string, args ...string) output {
	t.Helper()
	got := runCommand(t.Context(), env, args...)
	if got.code != exitOK {
		t.Fatalf("%q: exit %d\n%s%s", args, got.code, got.stdout, got.stderr)
	}
	return got
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const victorOps = "service \"custom\" \"VictorOps\" {}\n"

// register starts and ends a server, which registers the services of its file.
func register(t *testing.T, env []string, config string) {
	t.Helper()
	d := startDaemonWith(t, env, config)
	if err := d.stop(t, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// From CSV into a new store on SQLite, to PostgreSQL, and back: nothing is lost.
func TestExportAndImport(t *testing.T) {
	t.Parallel()
	env := map[string]string{storeVariable: pgtest.URL(t)}
	first, middle, last := writeConfig(t, victorOps), postgresConfig(t, victorOps), writeConfig(t, victorOps)
	got := ok(t, nil, "import", "-config", first, "-format", "csv", "-in", writeFile(t, people))
	if want := "imported 2 services, 2 users and 4 mappings from"; !strings.Contains(got.stderr, want) {
		t.Errorf("printed %q, want %q", got.stderr, want)
	}
	if got := ok(t, nil, "export", "-config", first, "-format", "csv"); got.stdout != people {
		t.Errorf("the CSV became:\n%s", got.stdout)
	}
	file := filepath.Join(t.TempDir(), "export.jsonl")
	ok(t, nil, "export", "-config", first, "-out", file)
	ok(t, env, "migrate", "-config", middle)
	ok(t, env, "import", "-config", middle, "-in", file)
	refused := runCommand(t.Context(), nil, "export", "-config", last, "-out", file)
	if refused.code != exitFailed || !strings.Contains(refused.stderr, file+" exists already") {
		t.Errorf("an export over another one: %+v", refused)
	}
	ok(t, nil, "export", "-config", first, "-out", file, "-force")
	again := ok(t, env, "export", "-config", middle)
	if want := "exported 3 services, 2 users, 4 mappings and 4 changes to standard output"; !strings.Contains(again.stderr, want) {
		t.Errorf("printed %q, want %q", again.stderr, want)
	}
	ok(t, nil, "import", "-config", last, "-in", writeFile(t, again.stdout))
	original, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := body(string(original)), body(ok(t, nil, "export", "-config", last).stdout); a != b {
		t.Errorf("it began as\n%s\nand ended as\n%s", a, b)
	}
	if a, b := storeID(t, string(original)), storeID(t, ok(t, nil, "export", "-config", last).stdout); a != b || a == "" {
		t.Errorf("the store's id was %q and became %q", a, b)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the export has mode %v (%v)", info.Mode(), err)
	}
	if got := ok(t, nil, "export", "-config", last, "-history=false"); strings.Contains(got.stdout, `{"change"`) {
		t.Errorf("the history is in\n%s", got.stdout)
	}
}

// storeID returns the id that an export names.
func storeID(t *testing.T, text string) string {
	t.Helper()
	r, err := jsonlines.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return r.Header().StoreID
}

// A copy of a store that stays in use keeps an id of its own, and so does one that
// was filled from an export without an id.
func TestImportNewStoreID(t *testing.T) {
	t.Parallel()
	original, copied, old := writeConfig(t, ""), writeConfig(t, ""), writeConfig(t, "")
	ok(t, nil, "migrate", "-config", original)
	text := ok(t, nil, "export", "-config", original).stdout
	id := storeID(t, text)
	ok(t, nil, "import", "-config", copied, "-new-store-id", "-in", writeFile(t, text))
	ok(t, nil, "import", "-config", old, "-in", writeFile(t, strings.Replace(text, `"store_id":"`+id+`",`, "", 1)))
	for _, config := range []string{copied, old} {
		if got := storeID(t, ok(t, nil, "export", "-config", config).stdout); got == id || got == "" {
			t.Errorf("the copy of %q has the id %q", id, got)
		}
	}
}

// Exporting changes nothing: a store that is not there is an error, so that the last
// export stays, and one of an older release is not migrated.
func TestExportWithoutStore(t *testing.T) {
	t.Parallel()
	config, last := writeConfig(t, ""), writeFile(t, "the last good one")
	got := runCommand(t.Context(), nil, "export", "-config", config, "-out", last, "-force")
	if got.code != exitFailed || !strings.Contains(got.stderr, "does not exist yet, so there is nothing to export") {
		t.Errorf("%+v", got)
	}
	if kept, err := os.ReadFile(last); err != nil || string(kept) != "the last good one" {
		t.Errorf("the last export is %q (%v)", kept, err)
	}
	if made, err := filepath.Glob(filepath.Join(filepath.Dir(config), "*.db*")); err != nil || len(made) > 0 {
		t.Errorf("the export made %v (%v)", made, err)
	}
}

// A CSV of more people than one page comes through standard input, which cannot
// be read twice, and out again; its last row may stop all of it.
func TestLongCSV(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, victorOps)
	var text strings.Builder
	text.WriteString("sym:cloud,custom:VictorOps,okta:acme.okta.com\n")
	for i := range 2500 {
		fmt.Fprintf(&text, "person%04d@acme.com,,00u%d\n", i, i)
	}
	read := func(text string) output {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"import", "-config", config, "-format", "csv"}, strings.NewReader(text), &stdout, &stderr, os.LookupEnv)
		return output{code, stdout.String(), stderr.String()}
	}
	for last, says := range map[string]string{
		"PERSON0007@acme.com,,x\n": `line 2502, column sym:cloud: "PERSON0007@acme.com" is the same user as "person0007@acme.com" on line 9`,
		"bot,,00u1\n":              "Unknown bot: bot",
	} {
		if got := read(text.String() + last); got.code != exitFailed || !strings.Contains(got.stderr, says) {
			t.Errorf("%q: %+v", last, got)
		}
	}
	if got := ok(t, nil, "export", "-config", config, "-format", "csv"); strings.Count(got.stdout, "\n") != 1 {
		t.Errorf("after failed imports there is\n%.200s", got.stdout)
	}
	if got := read(text.String()); got.code != exitOK || !strings.Contains(got.stderr, "imported 2 services, 2500 users and 2500 mappings from standard input") {
		t.Fatalf("got %+v", got)
	}
	if got := ok(t, nil, "export", "-config", config, "-format", "csv"); got.stdout != text.String() {
		t.Errorf("the CSV became:\n%.200s", got.stdout)
	}
}

// TestCSVKeepsMatchers exports and imports matchers of several keys: in JSON for a
// type of our own. A cell of plain text leaves the further keys as they are stored.
func TestCSVKeepsMatchers(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "service \"scim\" \"example\" {}\n")
	const text = "sym:cloud,okta:acme.okta.com,scim:example\nalice@example.com,00u1,\"{\"\"realm\"\":\"\"a\"\",\"\"user_id\"\":\"\"2819\"\"}\"\n"
	ok(t, nil, "import", "-config", config, "-format", "csv", "-in", writeFile(t, text))
	stored := func(want string) {
		t.Helper()
		if got := ok(t, nil, "export", "-config", config, "-format", "csv"); got.stdout != want {
			t.Errorf("stored is\n%s, want\n%s", got.stdout, want)
		}
	}
	stored(text)
	ok(t, nil, "import", "-config", config, "-format", "csv", "-in", writeFile(t, "sym:cloud,scim:example,User ID\nalice@example.com,2819,1\n"))
	stored(text)
	got := runCommand(t.Context(), nil, "import", "-config", config, "-format", "csv", "-in", writeFile(t, "sym:cloud,okta:acme.okta.com,scim:example\nalice@example.com,00u2,2820\n"))
	if want := `line 2, column scim:example: "2820" would replace the stored matcher "realm=a, user_id=2819", which has other keys.`; got.code != exitFailed || !strings.Contains(got.stderr, want) {
		t.Errorf("exit %d, want %q in\n%s", got.code, want, got.stderr)
	}
	stored(text)
	ok(t, nil, "import", "-config", config, "-format", "csv", "-in", writeFile(t, "sep=;\r\nsym:cloud;scim:example\r\nalice@example.com;\"{\"\"user_id\"\":\"\"2820\"\"}\"\r\n")) // as a spreadsheet saves it
	stored("sym:cloud,okta:acme.okta.com,scim:example\nalice@example.com,00u1,2820\n")
}

// TestCSVGivesOneAccountToTwo: an import warns about accounts of several users, also
// of those that it does not name.
func TestCSVGivesOneAccountToTwo(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "")
	imported := func(text string) string {
		return ok(t, nil, "import", "-config", config, "-format", "csv", "-in", writeFile(t, text)).stderr
	}
	if got := imported("sym:cloud,okta:acme.okta.com\nalice@example.com,00u1\nbob@example.com,00u2\n"); strings.Contains(got, "warning") {
		t.Errorf("nobody shares an account: %s", got)
	}
	const want = `warning: "00u1" in okta:acme.okta.com is the account of 2 users, such as alice@example.com and carol@example.com.`
	if got := imported("sym:cloud,okta:acme.okta.com\ncarol@example.com,00u1\n"); !strings.Contains(got, want) {
		t.Errorf("want %q in\n%s", want, got)
	}
	rows := "sym:cloud,okta:acme.okta.com\n"
	for n := range 42 {
		rows += fmt.Sprintf("p%d@example.com,00x%d\n", n, n/2)
	}
	if got := imported(rows); strings.Count(got, "is the account of 2 users") != maxFailures || !strings.Contains(got, "warning: further accounts of several users: 1\n") {
		t.Errorf("of 21 shared accounts:\n%s", got)
	}
}

// TestCSVNamesWhatItCannotHold: a type of Sym's own has a matcher of several keys.
func TestCSVNamesWhatItCannotHold(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "")
	register(t, nil, config)
	file := filepath.Join(t.TempDir(), "export.jsonl")
	ok(t, nil, "import", "-config", config, "-format", "csv", "-in", writeFile(t, "sym:cloud,okta:acme.okta.com\nalice@example.com,00u1\n"))
	ok(t, nil, "export", "-config", config, "-out", file)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copied := writeConfig(t, "")
	ok(t, nil, "import", "-config", copied, "-in", writeFile(t, strings.ReplaceAll(string(content), `{"user_id":"00u1"}`, `{"realm":"a","user_id":"00u1"}`)))
	got := runCommand(t.Context(), nil, "export", "-config", copied, "-format", "csv")
	const want = `service "okta:acme.okta.com", user "alice@example.com": the matcher "realm=a, user_id=00u1" has more keys than user_id`
	if got.code != exitFailed || got.stdout != "" || !strings.Contains(got.stderr, want) {
		t.Errorf("exit %d, want %q in\n%s%s", got.code, want, got.stdout, got.stderr)
	}
}

// An import that waits for its input ends with its context, as it does by a signal.
func TestInterruptedImport(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "")
	ok(t, nil, "migrate", "-config", config)
	whole := ok(t, nil, "export", "-config", config).stdout
	for _, format := range []string{formatJSON, formatCSV} {
		ctx, interrupt := context.WithCancel(t.Context())
		in, out := io.Pipe()
		go func() {
			_, _ = io.WriteString(out, whole[:len(whole)-10]) // and nothing further
			interrupt()
		}()
		var stderr bytes.Buffer
		code := run(ctx, []string{"import", "-config", config, "-format", format}, in, io.Discard, &stderr, os.LookupEnv)
		if code != exitFailed || !strings.Contains(stderr.String(), "the import was interrupted") {
			t.Errorf("%s: exit %d, %s", format, code, stderr.String())
		}
		_ = out.Close()
	}
}

// body is an export without its first line, which holds the time.
func body(text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	return rest
}

func TestImportFailures(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "")
	register(t, nil, config)
	whole := ok(t, nil, "export", "-config", config).stdout
	for name, c := range map[string]struct {
		args []string
		text string
		says string
	}{
		"cut off":              {nil, whole[:len(whole)-10], "cut off"},
		"a future time":        {nil, strings.Replace(whole, "1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z", 1), "line 2 of the export: the service sym:cloud has the time 9999-01-01T00:00:00Z"},
		"a huge revision":      {nil, strings.Replace(whole, `"label":`, `"revision":9223372036854775807,"label":`, 1), "line 2 of the export: a service has a value that is not valid: the key \"sym:cloud\""},
		"another organization": {nil, strings.Replace(whole, `"acme"`, `"other"`, 1), `organization "other"`},
		"a CSV":                {nil, people, "-format csv"},
		"a broken CSV":         {[]string{"-format", "csv"}, "sym:cloud,okta:acme.okta.com\nalice,bob,carol\n", "line 2"},
		"unregistered service": {[]string{"-format", "csv"}, people, "alice@example.com in custom:VictorOps: No service is registered"},
		"an unknown bot":       {[]string{"-format", "csv"}, "sym:cloud,okta:acme.okta.com\nbot,00u1\n", "Unknown bot: bot"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runCommand(t.Context(), nil, append([]string{"import", "-config", config, "-in", writeFile(t, c.text)}, c.args...)...)
			if got.code != exitFailed || !strings.Contains(got.stderr, c.says) {
				t.Errorf("exit %d, want 1 and %q:\n%s", got.code, c.says, got.stderr)
			}
		})
	}
	t.Run("nowhere to write", func(t *testing.T) {
		t.Parallel()
		got := runCommand(t.Context(), nil, "export", "-config", config, "-out", filepath.Join(t.TempDir(), "none", "x"))
		if got.code != exitFailed || !strings.Contains(got.stderr, "cannot be written") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("no file to replace", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		link := filepath.Join(folder, "latest.jsonl")
		if os.Symlink(writeFile(t, "older"), link) != nil { // as on Windows
			link = folder
		}
		for _, args := range [][]string{{folder}, {folder, "-force"}, {link}, {link, "-force"}} {
			got := runCommand(t.Context(), nil, append([]string{"export", "-config", config, "-out"}, args...)...)
			if want := args[0] + " is a folder, a link or a device. Name a file, or leave out -out for standard output"; got.code != exitFailed || !strings.Contains(got.stderr, want) {
				t.Errorf("%q: %+v", args, got)
			}
		}
	})
	t.Run("format", func(t *testing.T) {
		t.Parallel()
		for _, command := range []string{"export", "import"} {
			if got := runCommand(t.Context(), nil, command, "-config", config, "-format", "xml"); got.code != exitUsage {
				t.Errorf("%s: %+v", command, got)
			}
		}
	})
	t.Cleanup(func() {
		// Parallel subtests have ended: none of them left anything behind. The
		// test's own context has ended too.
		if got := runCommand(context.Background(), nil, "export", "-config", config); got.code != exitOK || body(got.stdout) != body(whole) {
			t.Errorf("after failed imports: %+v", got)
		}
	})
}
