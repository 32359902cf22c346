// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

const checkedSecret = "s3cr3t-V4lue/+with space"

// loadConfig writes and loads a configuration, with a value for every env().
func loadConfig(t *testing.T, text, env string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "id.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, config.Options{LookupEnv: func(string) (string, bool) { return env, true }})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// One directory works and two do not. The first of the two answers with the
// secret it was sent.
func TestRunChecks(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte("no: " + r.Header.Get("Authorization")))
	}))
	t.Cleanup(echo.Close)
	cfg := loadConfig(t, `
org   = "acme"
store = "sqlite:identities.db"
service "scim" "acme" {
  directory "scim" {
    base_url   = "`+echo.URL+`"
    token      = env("SECRET")
    allow_http = true
  }
}
service "google" "acme.com" {
  directory "file" {
    path = "google.csv"
  }
}
service "github" "acme" {
  directory "file" {
    path = "github.csv"
  }
}
`, checkedSecret)
	if err := os.WriteFile(filepath.Join(filepath.Dir(cfg.Path), "google.csv"), []byte("email,id\nada@acme.com,ada@acme.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	results := new(program).runChecks(t.Context(), cfg, nil)
	want := []struct {
		subject string
		err     error
	}{
		{"store " + cfg.Store.Name(), nil},
		{"directory scim:acme (scim)", directory.ErrCredential},
		{"directory google:acme.com (file)", nil},
		{"directory github:acme (file)", fs.ErrNotExist},
	}
	if len(results) != len(want) {
		t.Fatalf("got %d results, want %d: %+v", len(results), len(want), results)
	}
	for i, r := range results {
		if r.subject != want[i].subject || !errors.Is(r.err, want[i].err) || (r.err == nil) != (want[i].err == nil) {
			t.Errorf("result %d: %s: %v, want %s: %v", i, r.subject, r.err, want[i].subject, want[i].err)
		}
		if r.err != nil && strings.Contains(r.err.Error(), checkedSecret) {
			t.Errorf("%s shows its secret: %v", r.subject, r.err)
		}
	}
	if results[0].note == "" {
		t.Error("nothing says that the store does not exist yet")
	}
	if _, err := os.Stat(cfg.Store.File); !errors.Is(err, fs.ErrNotExist) {
		t.Error("check created the store")
	}
}

func TestCheckStoreFailures(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]string{
		"folder missing": `"sqlite:none/identities.db"`,
		"a folder":       `"sqlite:."`,
		"not a database": `"sqlite:id.hcl"`,
		"password":       `env("DATABASE_URL")`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := loadConfig(t, "org = \"acme\"\nstore = "+store+"\n"+strings.Repeat("# more than a page\n", 500),
				"postgres://sym:"+checkedSecret+"@db.acme.com/sym")
			before, err := os.ReadFile(cfg.Path)
			if err != nil {
				t.Fatal(err)
			}
			results := new(program).runChecks(t.Context(), cfg, nil)
			if len(results) != 1 || results[0].err == nil {
				t.Fatalf("check found %+v", results)
			}
			if strings.Contains(results[0].err.Error()+results[0].subject, checkedSecret) {
				t.Error("a message holds the password")
			}
			if after, err := os.ReadFile(cfg.Path); err != nil || string(after) != string(before) {
				t.Errorf("the file that is no database was changed: %v", err)
			}
		})
	}
}

func TestCheckWithoutMigrations(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"SQLite": "sqlite:identities.db", "Postgres": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if url == "" {
				url = pgtest.URL(t)
			}
			cfg := loadConfig(t, "org = \"acme\"\nstore = env(\"STORE\")\nstore_options {\n  migrate = false\n}\n", url)
			if r := new(program).runChecks(t.Context(), cfg, nil); name == "Postgres" && (r[0].err == nil || !strings.Contains(r[0].err.Error(), "sym-identityd migrate")) {
				t.Errorf("got %+v", r[0])
			}
			if _, err := identityd.Migrate(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			if r := new(program).runChecks(t.Context(), cfg, nil); r[0].err != nil || r[0].note != "" {
				t.Errorf("got %+v", r[0])
			}
		})
	}
}

// Warnings fail nothing, and the server repeats them in its log.
func TestWarningsAreTold(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // modes mean nothing there
	}
	path := writeConfig(t, "")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	const want = "others than its owner can change the file "
	if got := runCommand(t.Context(), nil, "check", "-config", path); got.code != exitOK || !strings.Contains(got.stdout, "\nwarn  "+want+path) {
		t.Errorf("check: %+v", got)
	}
	d := startDaemon(t, path)
	waitFor(t, want, func() bool { return strings.Contains(d.stderr.String(), want) })
}

// While a server has an SQLite store open, check says how to copy it. It does
// not afterwards, when the file alone is the store.
func TestCheckOfAStoreInUse(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, "")
	d := startDaemon(t, path)
	if status, body, err := d.call(t.Context(), http.MethodPatch, "/api/v1/users", upsert(1)); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v %s", status, err, body)
	}
	const want = `.backup COPY"`
	if got := runCommand(t.Context(), nil, "check", "-config", path); got.code != exitOK || !strings.Contains(got.stdout, want) {
		t.Errorf("in use: %+v", got)
	}
	if err := d.stop(t, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := runCommand(t.Context(), nil, "check", "-config", path); got.code != exitOK || strings.Contains(got.stdout, want) {
		t.Errorf("not in use: %+v", got)
	}
}

// The token block of the documentation lets in somebody else.
func TestExampleTokenIsRefused(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "token \"example\" {\n  sha256 = \"3d7a7f2cbf93955ac252643e1baafb1ed07c209b7683805134c42fcba8b33c62\"\n  role   = \"admin\"\n}\n")
	for _, command := range []string{"check", "serve"} {
		out := runCommand(t.Context(), nil, command, "-config", config)
		if said := out.stdout + out.stderr; out.code != exitFailed || !strings.Contains(said, "documentation's examples") || !strings.Contains(said, "sym-identityd token new") {
			t.Errorf("%s: exit %d: %s", command, out.code, said)
		}
	}
}

// checkDocument is what programs read from check -json.
type checkDocument struct {
	Status string
	Checks []struct{ Check, Place, Status, Message string }
}

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	check := func(wantCode int, path string) checkDocument {
		t.Helper()
		got := runCommand(t.Context(), nil, "check", "-config", path, "-json")
		var document checkDocument
		decoder := json.NewDecoder(strings.NewReader(got.stdout))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&document); err != nil || got.code != wantCode || got.stderr != "" || decoder.More() {
			t.Fatalf("%v: %+v", err, got)
		}
		for _, c := range document.Checks {
			if c.Check == "" || c.Message == "" || !strings.HasPrefix(c.Place, path) {
				t.Errorf("incomplete: %+v", c)
			}
		}
		return document
	}
	expect := func(document checkDocument, status string, want ...string) {
		t.Helper()
		var got []string
		for _, c := range document.Checks {
			got = append(got, c.Status+" "+c.Check+" at "+c.Place)
		}
		if diff := cmp.Diff(want, got); diff != "" || document.Status != status {
			t.Errorf("status %s, checks (-want +got):\n%s", document.Status, diff)
		}
	}
	path := writeConfig(t, "service \"google\" \"acme.com\" {\n  directory \"file\" {\n    path = \"none.csv\"\n  }\n}\n")
	store := "sqlite:" + filepath.Join(filepath.Dir(path), "identities.db")
	failed := check(exitFailed, path)
	expect(failed, "error", "ok configuration "+path+" at "+path, "ok store "+store+" at "+path+":3:10",
		"error directory google:acme.com (file) at "+path+":12:3")
	if last := failed.Checks[len(failed.Checks)-1].Message; !strings.HasPrefix(last, "cannot be opened: path: ") {
		t.Errorf("the directory: %s", last)
	}

	path = writeConfig(t, "token \"b\" {\n  role = \"emperor\"\n}\n")
	expect(check(exitFailed, path), "error", "error configuration "+path+" at "+path+":11:11", "error configuration "+path+" at "+path+":12:10")

	path = writeConfig(t, "")
	store = "sqlite:" + filepath.Join(filepath.Dir(path), "identities.db")
	expect(check(exitOK, path), "ok", "ok configuration "+path+" at "+path, "ok store "+store+" at "+path+":3:10")
	if runtime.GOOS == "windows" {
		return // modes mean nothing there
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	expect(check(exitOK, path), "warning", "ok configuration "+path+" at "+path, "ok store "+store+" at "+path+":3:10", "warning setup at "+path)
}
