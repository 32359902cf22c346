// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// secrets are one of each kind that the server is given, by name.
type secrets map[string]string

// in finds those that a text holds, in any of the forms a text may have.
func (s secrets) in(text string) (found []string) {
	for name, secret := range s {
		for _, form := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(fmt.Sprintf("%q", secret), `"`),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("sym:" + secret)),
		} {
			if strings.Contains(text, form) {
				found = append(found, name)
				break
			}
		}
	}
	return found
}

// chatty is a service that repeats what it was sent, credentials too, and
// fails in the ways services do.
func chatty(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.RawQuery, "gone"):
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
			return
		case strings.Contains(r.URL.RawQuery, "denied"):
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(r.URL.RawQuery, "odd"):
			w.Header().Set("Content-Type", "text/html")
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, `{"error":"bad request %s with %v"}`, r.URL, r.Header)
	}))
	t.Cleanup(s.Close)
	return s
}

// A server that is given one secret of every kind, and meets success, failure,
// bad files and its own crash at the finest log level, tells none of them: not
// in its output, not in an answer, not in its history.
func TestSecretsAreNeverTold(t *testing.T) {
	t.Parallel()
	service, issuer, authority := chatty(t), authntest.Start(t), authntest.NewAuthority(t, "acme")
	secret := secrets{
		"database password": "db-p4ss/w0rd+x", "directory token": "scim-t0k3n.abc=", "directory header": "k3y/with+odd chars", "URL's path": "h00k/T0123ABC~x",
		"static token": "admin-token", "wrong token": "sym_almost-the-r1ght-one",
		"jwt":         issuer.Sign(t, issuer.Claims("sym", map[string]any{"repository": "acme/infra"})),
		"expired jwt": issuer.Sign(t, issuer.Claims("sym", map[string]any{"repository": "acme/infra", "exp": time.Now().Add(-time.Hour).Unix()})),
		"foreign jwt": issuer.Sign(t, issuer.Claims("sym", map[string]any{"repository": "evil/infra"})),
	}
	database, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal("the test's database URL cannot be understood")
	}
	if password, has := database.User.Password(); has {
		secret["database password"] = password // the server wants its own
	} else {
		database.User = url.UserPassword(database.User.Username(), secret["database password"])
	}
	env := map[string]string{storeVariable: database.String(), "SCIM_TOKEN": secret["directory token"], "KEY": secret["directory header"], "HOOK": secret["URL's path"]}
	config := postgresConfig(t, fmt.Sprintf(`
tls {
  cert_file = "server.pem"
  key_file  = "server.key"
}
jwt {
  issuer     = %[2]q
  audience   = "sym"
  allow_http = true
  role "admin" {
    claims = { repository = "acme/infra" }
  }
}
service "scim" "acme" {
  directory "scim" {
    base_url   = %[1]q
    token      = env("SCIM_TOKEN")
    allow_http = true
  }
}
service "custom" "chatty" {
  directory "http" {
    url           = "%[1]s/${env("HOOK")}/users?email={email}"
    headers       = { X-Key = env("KEY") }
    identity      = "response.id"
    allow_http    = true
    allow_private = true
  }
}
`, service.URL, issuer.URL))
	dir := filepath.Dir(config)
	keyFile := filepath.Join(dir, "server.key")
	authority.WriteServer(t, filepath.Join(dir, "server.pem"), keyFile)
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	secret["TLS key"] = strings.Split(string(key), "\n")[1] // a line of its PEM
	var environment []string
	for name, value := range env {
		environment = append(environment, name+"="+value)
	}
	var told strings.Builder // everything anybody was told

	// Commands, on good and bad files.
	bad := filepath.Join(dir, "bad.hcl")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, []byte(strings.Replace(string(text), `role   = "admin"`, `role   = env("SCIM_TOKEN")`, 1)+"x = env(\"KEY\") + 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	unreachable := map[string]string{storeVariable: "postgres://sym:" + url.QueryEscape(secret["database password"]) + "@127.0.0.1:1/sym?connect_timeout=1", "SCIM_TOKEN": env["SCIM_TOKEN"], "KEY": env["KEY"], "HOOK": env["HOOK"]}
	for _, out := range []output{
		runCommand(t.Context(), env, "migrate", "-config", config),
		runCommand(t.Context(), env, "check", "-config", config),
		runCommand(t.Context(), unreachable, "check", "-config", config),
		runCommand(t.Context(), unreachable, "serve", "-config", config, "-log-level", "debug"),
		runCommand(t.Context(), env, "serve", "-config", bad),
	} {
		fmt.Fprintf(&told, "exit %d\n%s\n%s\n", out.code, out.stdout, out.stderr)
	}

	d := startDaemonWith(t, append(environment, "GOTRACEBACK=all"), config, "-log-level", "debug")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}}}
	send := func(token, method, path, body string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, d.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatalf("%v\n%s", err, d.stderr)
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		fmt.Fprintf(&told, "%s %v %s\n", resp.Status, resp.Header, answer)
		return resp.StatusCode
	}
	for _, attempt := range []struct {
		secret string
		status int
	}{{"static token", 200}, {"jwt", 200}, {"wrong token", 401}, {"expired jwt", 401}, {"foreign jwt", 403}} {
		if got := send(secret[attempt.secret], http.MethodPatch, "/api/v1/users", upsert(1)); got != attempt.status {
			t.Errorf("%s: status %d, want %d", attempt.secret, got, attempt.status)
		}
	}
	admin := secret["jwt"]
	for _, who := range []string{"gone@acme.com", "denied@acme.com", "odd@acme.com", "other@acme.com"} {
		for _, s := range []string{`"scim","external_id":"acme"`, `"custom","external_id":"chatty"`} {
			send(admin, http.MethodPost, "/api/v1/identities/lookup", fmt.Sprintf(`{"service_type":%s,"emails":[%q]}`, s, who))
		}
	}
	send(admin, http.MethodGet, "/api/v1/none/"+url.PathEscape(admin)+"?token="+url.QueryEscape(admin), "")
	send(admin, http.MethodPatch, "/api/v1/users", `{"users": "`+admin+`"`)
	send(admin, http.MethodGet, "/api/v1/identities/history", "")
	send(admin, http.MethodGet, "/api/v1/users", "")
	send("", http.MethodGet, "/metrics", "")
	send("", http.MethodGet, "/api/openapi.json", "")

	// A bad file at a reload, a bad key, and the end of all goroutines.
	if err := os.Rename(bad, config); err != nil {
		t.Fatal(err)
	}
	d.hangup(t, "the previous one stays in use")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, append(key, "and more\n"+string(key[:40])...), 0o600); err != nil {
		t.Fatal(err)
	}
	d.hangup(t, "reload")
	if err := d.stop(t, syscall.SIGQUIT); err == nil {
		t.Error("SIGQUIT ended it cleanly")
	}
	crash := d.stderr.String()
	if !strings.Contains(crash, "goroutine ") {
		t.Errorf("it did not crash:\n%s", crash)
	}
	told.WriteString(crash)
	export := runCommand(t.Context(), env, "export", "-config", config)
	fmt.Fprintf(&told, "exit %d\n%s\n%s\n", export.code, export.stdout, export.stderr)

	everything := told.String()
	for _, proof := range []string{ // that each path was really taken
		"authentication failed", "The JWT expired at", `repository is \"evil/infra\"`, "not reloaded", "FAIL  directory scim:acme",
		"FAIL  store", "repo:acme/infra:ref:refs/heads/main", "Directory:", "The request is invalid",
	} {
		if !strings.Contains(everything, proof) {
			t.Errorf("nothing says %q", proof)
		}
	}
	for _, name := range secret.in(everything) {
		t.Errorf("the %s was told", name)
		for _, line := range strings.Split(everything, "\n") {
			if (secrets{name: secret[name]}).in(line) != nil {
				t.Logf("%.400s", line)
			}
		}
	}
}
