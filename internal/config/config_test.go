// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var update = flag.Bool("update", false, "write the diagnostics of testdata anew")

// head is a configuration's first two lines; cases go on at line 3.
const head = "org = \"acme\"\nstore = \"sqlite:identities.db\"\n"

const validHash = "e53eedba38acb6fb91caa36f0d2b12f4c34cb83911a8ddecd68a038e4fdef167"

// secretValue is what the tests' environment holds; it may appear in no text.
const secretValue = "s3cr3t-V4lue/+with space"

func testEnv(name string) (string, bool) {
	switch name {
	case "SECRET":
		return secretValue, true
	case "SECRET_LINE":
		return secretValue + "\r\n", true
	case "EMPTY":
		return "", true
	case "DATABASE_URL":
		return "postgres://sym:" + secretValue + "@db.acme.com/sym", true
	}
	return "", false
}

func load(t *testing.T, src string, opts Options) (*Config, error) {
	t.Helper()
	if opts.LookupEnv == nil {
		opts.LookupEnv = testEnv
	}
	return parse([]byte(src), "id.hcl", filepath.FromSlash("/etc/sym"), opts)
}

// problems are the lines of a *DiagnosticsError; nil where there is none.
func problems(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var found *DiagnosticsError
	if !errors.As(err, &found) {
		t.Fatalf("the error is a %T, not a *DiagnosticsError: %v", err, err)
	}
	lines := make([]string, len(found.Diagnostics))
	for i, d := range found.Diagnostics {
		lines[i] = d.String()
	}
	return lines
}

func TestLoadDiagnostics(t *testing.T) {
	t.Parallel()
	for _, file := range diagnosticCases(t) {
		t.Run(file.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(t, file.src, Options{})
			if cfg != nil {
				t.Error("a broken configuration was loaded")
			}
			got := problems(t, err)
			if *update {
				file.write(t, got)
			} else if diff := cmp.Diff(file.want, got); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			for _, line := range got {
				for _, secret := range []string{"s3cr3t", "hunter2"} {
					if strings.Contains(line, secret) {
						t.Errorf("%q holds a secret", line)
					}
				}
			}
		})
	}
}

type diagnosticCase struct {
	name, path, src string
	want            []string
}

const divider = "-----\n"

func (c diagnosticCase) write(t *testing.T, got []string) {
	t.Helper()
	text := c.src + divider + strings.Join(got, "\n") + "\n"
	if err := os.WriteFile(c.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// diagnosticCases reads testdata/diagnostics: each file holds a configuration,
// a line of dashes, and the diagnostics it must give.
func diagnosticCases(t *testing.T) []diagnosticCase {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "diagnostics", "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}
	cases := make([]diagnosticCase, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		src, want, ok := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), divider)
		if !ok {
			t.Fatalf("%s has no line of dashes", path)
		}
		cases[i] = diagnosticCase{
			name: strings.TrimSuffix(filepath.Base(path), ".txt"),
			path: path,
			src:  src,
			want: strings.Split(strings.TrimSpace(want), "\n"),
		}
	}
	return cases
}

func TestLoad(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, head+`
listen = ":0"
token "ci" {
  sha256 = "`+strings.ToUpper(validHash)+`"
  role   = "admin"
}
service "aws_sso" "arn:aws:sso:::instance/ssoins-1" {
  label = "AWS"
}
service "custom" "victorops" {
  directory "http" {
    url              = "https://api.victorops.example.com/v2/user?email={email}"
    headers          = { X-VO-Api-Key = env("SECRET"), Authorization = "Bearer ${env("SECRET_LINE")}", Accept = "application/json" }
    identity         = "response.users[0].username"
    emails           = "response.users[0].emails"
    not_found_status = [404]
    timeout          = "3s"
    allow_private    = true
  }
}
service "scim" "acme" {
  directory "scim" {
    base_url = "https://people.acme.com/scim/v2"
    token    = env("SECRET")
  }
}
service "google" "acme.com" {
  directory "file" {
    path = "google.csv"
  }
}
`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, s := range cfg.Services {
		keys = append(keys, s.Key.String())
	}
	want := []string{"aws_sso:arn:aws:sso:::instance/ssoins-1", "custom:victorops", "scim:acme", "google:acme.com"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	if cfg.Org != "acme" || cfg.Listen != ":0" || len(cfg.Tokens) != 1 || len(cfg.Services) != 4 {
		t.Errorf("got org %q, listen %q, %d tokens, %d services", cfg.Org, cfg.Listen, len(cfg.Tokens), len(cfg.Services))
	}
	if got := cfg.Tokens[0]; got.Name != "ci" || got.SHA256 != validHash || got.Role != identity.Admin {
		t.Errorf("got the token %+v", got)
	}
	if want := filepath.FromSlash("/etc/sym/identities.db"); cfg.Store.File != want || cfg.Store.URL != "sqlite:"+want {
		t.Errorf("the store is %+v, want the file %s", cfg.Store, want)
	}
	if err := cfg.CheckServe(); err != nil {
		t.Errorf("CheckServe: %v", err)
	}
}

// The provider's embedded mode needs no listen, token or directory, and does
// not ask for variables that only the server needs.
func TestLoadEmbedded(t *testing.T) {
	t.Parallel()
	src := head + "listen = env(\"UNSET\")\ntoken \"ci\" {\n  sha256 = env(\"UNSET\")\n  role = \"admin\"\n}\n"
	if _, err := load(t, src, Options{}); err == nil {
		t.Error("the server did not miss the variable")
	}
	cfg, err := load(t, src, Options{Embedded: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Tokens) != 0 || cfg.Listen != DefaultListen {
		t.Errorf("embedded mode read %d tokens and listen %q", len(cfg.Tokens), cfg.Listen)
	}
	if err := cfg.CheckServe(); !errors.Is(err, ErrNoToken) {
		t.Errorf("CheckServe without tokens: %v", err)
	}
}

func TestLoadStore(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]struct{ url, name string }{
		`"sqlite:/var/lib/sym/id.db"`:   {"sqlite:/var/lib/sym/id.db", "sqlite:/var/lib/sym/id.db"},
		`"sqlite:///var/lib/sym/id.db"`: {"sqlite:/var/lib/sym/id.db", "sqlite:/var/lib/sym/id.db"},
		`"sqlite:../a b?#%41.db"`:       {"sqlite:/etc/a b?#%41.db", "sqlite:/etc/a b?#%41.db"},
		`"postgres://db.acme.com/sym"`:  {"postgres://db.acme.com/sym", "postgres://db.acme.com/sym"},
		`env("DATABASE_URL")`:           {"postgres://sym:" + secretValue + "@db.acme.com/sym", "postgres://sym@db.acme.com/sym"},
	} {
		cfg, err := load(t, "org = \"acme\"\nstore = "+value, Options{})
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		if cfg.Store.URL != want.url || cfg.Store.Name() != want.name {
			t.Errorf("%s: got url %q and name %q", value, cfg.Store.URL, cfg.Store.Name())
		}
	}
}

func TestLoadFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.hcl"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Load(dir, Options{}); err == nil {
		t.Error("a folder was loaded")
	}
	big := filepath.Join(dir, "big.hcl")
	if err := os.WriteFile(big, []byte(head+strings.Repeat("#", MaxFileBytes)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, Options{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a file that is too large: %v", err)
	}
	broken := filepath.Join(dir, "broken.hcl")
	if err := os.WriteFile(broken, []byte("org = \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(broken, Options{})
	if lines := problems(t, err); len(lines) != 1 || !strings.HasPrefix(lines[0], broken+":1:") {
		t.Errorf("a broken file: %q", lines)
	}
}

func TestStoreOptions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		src       string
		want      StoreOptions
		retention time.Duration
	}{
		"none":        {head, StoreOptions{Migrate: true}, 0},
		"empty block": {head + "store_options {}", StoreOptions{Migrate: true}, 0},
		"all": {head + `history_retention = "8760h"
store_options {
  max_connections   = 20
  connect_timeout   = "5s"
  statement_timeout = "1m"
  busy_timeout      = "30s"
  migrate           = false
}`, StoreOptions{MaxConnections: 20, ConnectTimeout: 5 * time.Second, StatementTimeout: time.Minute, BusyTimeout: 30 * time.Second}, 8760 * time.Hour},
		"migrate": {head + "store_options {\n  migrate = true\n}", StoreOptions{Migrate: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(t, tt.src, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, cfg.StoreOptions); diff != "" || cfg.Retention != tt.retention {
				t.Errorf("retention %s, options (-want +got):\n%s", cfg.Retention, diff)
			}
		})
	}
}
