// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// head is the first two lines of a configuration.
const head = "org = \"acme\"\nstore = \"sqlite:identities.db\"\n"

// validHash is the hash of validToken.
const validHash = "e53eedba38acb6fb91caa36f0d2b12f4c34cb83911a8ddecd68a038e4fdef167"

// secretValue is the secret of the tests' environment; no text may show it.
const secretValue = "s3cr3t-V4lue/+with space"

func testEnv(name string) (string, bool) {
	switch name {
	case "SECRET":
		return secretValue, true
	case "DATABASE_URL":
		return "postgres://sym:" + secretValue + "@db.acme.com/sym", true
	}
	return "", false
}

// problems returns the lines of a *config.DiagnosticsError.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var found *config.DiagnosticsError
	if !errors.As(err, &found) {
		t.Fatalf("the error is a %T, not a *DiagnosticsError: %v", err, err)
	}
	lines := make([]string, len(found.Diagnostics))
	for i, d := range found.Diagnostics {
		lines[i] = d.String()
	}
	return lines
}

// embedded and asTerraform are the options of the provider's embedded mode.
var embedded = config.Options{Embedded: true}

func asTerraform() Options {
	return Options{Version: "1.2.3", Principal: &identity.Principal{Name: "terraform", Role: identity.Admin}}
}

// writeConfig puts files into a new folder and returns the configuration's path.
func writeConfig(t *testing.T, config string, others map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "sym-identityd.hcl")
	for name, text := range others {
		writeFile(t, filepath.Join(dir, name), text)
	}
	writeFile(t, path, config)
	return path
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustLoad(t *testing.T, path string, opts config.Options) *config.Config {
	t.Helper()
	if opts.LookupEnv == nil {
		opts.LookupEnv = testEnv
	}
	cfg, err := config.Load(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func mustOpen(t *testing.T, cfg *config.Config, opts Options) *Instance {
	t.Helper()
	instance, err := Open(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := instance.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return instance
}

// call sends one request to an instance and decodes the reply.
func call(t *testing.T, i *Instance, method, path, token, body string, reply any) int {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, symapi.BasePath+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	i.Handler().ServeHTTP(rec, req)
	if reply != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), reply); err != nil {
			t.Fatalf("%s %s answered %d: %s", method, path, rec.Code, rec.Body)
		}
	}
	return rec.Code
}

func labels(t *testing.T, st store.Store) map[string]string {
	t.Helper()
	services, err := st.Services(t.Context(), store.ServiceFilter{})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string, len(services))
	for _, s := range services {
		if s.Key != identity.SymCloud() {
			found[s.Key.String()] = s.Label
		}
	}
	return found
}

const googleConfig = head + `
service "google" "acme.com" {
  label = "Google"
  directory "file" {
    path = "google.csv"
  }
}
service "okta" "acme.okta.com" {
}
`

const googleCSV = "email,id\nada@acme.com,ada@acme.com\n"

func TestOpenEmbedded(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, googleConfig, map[string]string{"google.csv": googleCSV})
	opts := asTerraform()
	cfg := mustLoad(t, path, embedded)
	instance := mustOpen(t, cfg, opts)
	if !instance.StoreCreated() || cfg.Org != "acme" {
		t.Errorf("created %v, org %q", instance.StoreCreated(), cfg.Org)
	}
	if want := "sqlite:" + filepath.Join(filepath.Dir(path), "identities.db"); cfg.Store.Name() != want {
		t.Errorf("the store is %s, want %s", cfg.Store.Name(), want)
	}
	var login struct{ Org, Role string }
	if status := call(t, instance, http.MethodGet, "/auth/login", "", "", &login); status != http.StatusOK || login.Org != "acme" || login.Role != "admin" {
		t.Errorf("auth/login answered %d %+v", status, login)
	}
	var looked struct {
		Results []struct{ Status string }
	}
	call(t, instance, http.MethodPost, "/identities/lookup", "",
		`{"service_type":"google","external_id":"acme.com","emails":["ada@acme.com","bob@acme.com"]}`, &looked)
	if len(looked.Results) != 2 || looked.Results[0].Status != "found" || looked.Results[1].Status != "not_found" {
		t.Errorf("the lookup answered %+v", looked)
	}
	if again := mustOpen(t, cfg, opts); again.StoreCreated() {
		t.Error("the second process created the store again")
	}
}

// TestOpenEmbeddedServesSymflow makes the calls of existing clients in the provider's
// process, where the handler is the server's.
func TestOpenEmbeddedServesSymflow(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, googleConfig, map[string]string{"google.csv": googleCSV})
	instance := mustOpen(t, mustLoad(t, path, embedded), asTerraform())
	const (
		ada = `{"service_type":"sym","external_id":"cloud","matcher":{"email":"ada@acme.com"},"profile":{}}`
		bot = `{"service_type":"sym","external_id":"cloud","matcher":{"username":"deployer"},"profile":{}}`
	)
	for _, c := range []struct {
		call, body string
		status     int
	}{
		{"POST /track/symflow", `{"command":"users create"}`, http.StatusNoContent},
		{"GET /services", "", http.StatusOK},
		{"PATCH /users", `{"users":[{"id":"1","type":"normal","identities":[` + ada + `,{"service_type":"google","external_id":"acme.com","matcher":{"email":"ada@acme.com"},"profile":{}}]}]}`, http.StatusOK},
		{"PATCH /users", `{"users":[{"id":"2","type":"bot","identities":[` + bot + `]}]}`, http.StatusOK},
		{"GET /tokens", "", http.StatusOK},
		{"POST /tokens", `{"username":"deployer","expiry":60}`, http.StatusBadRequest},
		{"POST /users/delete", `{"users":[{"identity":{"service_type":"sym","matcher":{"username":"deployer"}}}]}`, http.StatusOK},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		if status := call(t, instance, method, path, "", c.body, nil); status != c.status {
			t.Errorf("%s answered %d, want %d", c.call, status, c.status)
		}
	}
	var login struct{ Organization, Username string }
	call(t, instance, http.MethodGet, "/auth/login", "", "", &login)
	if login.Organization != "acme" || login.Username == "" {
		t.Errorf("auth/login answered %+v", login)
	}
	var people, bots struct {
		Users []struct {
			Identities []struct{ Matcher map[string]string }
		}
	}
	call(t, instance, http.MethodGet, "/users", "", "", &people)
	call(t, instance, http.MethodGet, "/users?type=bot", "", "", &bots)
	if len(people.Users) != 1 || len(people.Users[0].Identities) != 2 || people.Users[0].Identities[0].Matcher["email"] != "ada@acme.com" || len(bots.Users) != 0 {
		t.Errorf("stored are %+v and %+v", people, bots)
	}
}

func TestOpenStaticTokens(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, head+"token \"ci\" {\n  sha256 = \""+validHash+"\"\n  role = \"guest\"\n}\n", nil)
	instance := mustOpen(t, mustLoad(t, path, config.Options{}), Options{})
	for token, want := range map[string]int{"": 401, "wrong": 401, validToken: 200} {
		if status := call(t, instance, http.MethodGet, "/auth/login", token, "", nil); status != want {
			t.Errorf("token %q: status %d, want %d", token, status, want)
		}
	}
	if status := call(t, instance, http.MethodPost, "/services", validToken, `{"service_type":"okta","external_id":"a","label":"A"}`, nil); status != http.StatusForbidden {
		t.Errorf("a guest wrote: status %d", status)
	}
}

// service blocks own their labels; what the file does not name stays.
func TestOpenRegistersServices(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, googleConfig, map[string]string{"google.csv": googleCSV})
	opts := asTerraform()
	first := mustOpen(t, mustLoad(t, path, embedded), opts)
	if diff := cmp.Diff(map[string]string{"google:acme.com": "Google", "okta:acme.okta.com": ""}, labels(t, first.store)); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	if status := call(t, first, http.MethodPost, "/services/delete", "", `{"service_type":"google","external_id":"acme.com"}`, nil); status != http.StatusConflict {
		t.Errorf("a service of the file was deleted: status %d", status)
	}
	writeFile(t, path, head+"service \"okta\" \"acme.okta.com\" {\n  label = \"Okta\"\n}\n")
	second := mustOpen(t, mustLoad(t, path, embedded), opts)
	if diff := cmp.Diff(map[string]string{"google:acme.com": "Google", "okta:acme.okta.com": "Okta"}, labels(t, second.store)); diff != "" {
		t.Errorf("services after the change (-want +got):\n%s", diff)
	}
}

// Many Terraform processes may start on one new store.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, googleConfig, map[string]string{"google.csv": googleCSV})
	opts := asTerraform()
	cfg := mustLoad(t, path, embedded)
	var wg sync.WaitGroup
	created := make(chan bool, 8)
	for range cap(created) {
		wg.Go(func() {
			instance, err := Open(t.Context(), cfg, opts)
			if err != nil {
				t.Error(err)
				return
			}
			created <- instance.StoreCreated()
			if err := instance.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(created)
	n := 0
	for c := range created {
		if c {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of the processes created the store, want 1", n)
	}
}

func TestOpenFailures(t *testing.T) {
	t.Parallel()
	text := head + `
service "google" "acme.com" {
  directory "file" {
    path = "none.csv"
  }
}
service "github" "acme" {
  directory "file" {
    path = "broken.json"
  }
}
`
	path := writeConfig(t, text, map[string]string{"broken.json": "{"})
	cfg := mustLoad(t, path, config.Options{})
	_, err := Open(t.Context(), cfg, Options{})
	lines := problems(t, err)
	if len(lines) != 2 || !strings.HasPrefix(lines[0], path+":6:12: The directory of google:acme.com cannot be opened. path: ") ||
		!strings.HasPrefix(lines[1], path+":11:12: ") {
		t.Errorf("got %q", lines)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is not in the chain")
	}
	if _, err := os.Stat(cfg.Store.File); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a store was created although a directory failed")
	}
}

func TestOpenStoreFailures(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]string{
		"folder missing": `"sqlite:none/identities.db"`,
		"a folder":       `"sqlite:."`,
		"not a database": `"sqlite:sym-identityd.hcl"`,
		"password":       `env("DATABASE_URL")`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeConfig(t, "org = \"acme\"\nstore = "+store+"\n"+strings.Repeat("# more than a page\n", 500), nil)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cfg := mustLoad(t, path, config.Options{})
			_, err = Open(t.Context(), cfg, Options{})
			lines := problems(t, err)
			if len(lines) != 1 || !strings.HasPrefix(lines[0], path+":2:9: The store cannot be opened. ") {
				t.Errorf("got %q", lines)
			}
			if strings.Contains(err.Error(), secretValue) {
				t.Error("a message holds the password")
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the file that is no database was changed: %v", err)
			}
		})
	}
}

func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, writeConfig(t, head, nil), config.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, cfg, Options{}); err == nil {
		t.Error("opened in a cancelled context")
	}
}
