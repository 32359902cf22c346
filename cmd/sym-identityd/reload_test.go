// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
)

// hangup sends SIGHUP and waits until the log says a text once more.
func (d *daemon) hangup(t *testing.T, text string) {
	t.Helper()
	before := strings.Count(d.stderr.String(), text)
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, text, func() bool { return strings.Count(d.stderr.String(), text) > before })
}

// Tokens, issuers and the certificate change while the server runs; a bad file
// changes nothing and the log says what is wrong with it.
func TestServeReloads(t *testing.T) {
	t.Parallel()
	issuer, authority := authntest.Start(t), authntest.NewAuthority(t, "acme")
	jwt := issuer.Sign(t, issuer.Claims("sym", map[string]any{"repository": "acme/infra"}))
	const block = "tls {\n  cert_file = \"server.pem\"\n  key_file  = \"server.key\"\n}\n"
	config := writeConfig(t, block)
	original, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(config)
	write := func() { authority.WriteServer(t, filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")) }
	write()
	d := startDaemon(t, config)
	if !strings.HasPrefix(d.url, "https://") {
		t.Fatalf("it listens on %s", d.url)
	}
	login := func(token string) (status int, serial string) {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}, DisableKeepAlives: true}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/api/v1/auth/login", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatalf("%v\n%s", err, d.stderr)
		}
		_ = resp.Body.Close()
		return resp.StatusCode, resp.TLS.PeerCertificates[0].SerialNumber.String()
	}
	expect := func(when string, want map[string]int) {
		t.Helper()
		for token, status := range want {
			if got, _ := login(token); got != status {
				t.Errorf("%s: a token is answered %d, want %d", when, got, status)
			}
		}
	}
	rewrite := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect("at first", map[string]int{"admin-token": 200, "next-token": 401, jwt: 401})
	_, first := login("admin-token")

	rewrite(strings.Replace(string(original), hashOf("admin-token"), "not a hash", 1))
	d.hangup(t, "the one before stays in force")
	if logs := d.stderr.String(); !strings.Contains(logs, "id.hcl:5:12: sha256 must be 64 hexadecimal digits") || strings.Contains(logs, "not a hash") {
		t.Errorf("the log does not say what is wrong:\n%s", logs)
	}
	expect("after a bad file", map[string]int{"admin-token": 200, "next-token": 401, jwt: 401})

	write()
	rewrite(strings.Replace(string(original), hashOf("admin-token"), hashOf("next-token"), 1) + fmt.Sprintf(
		"jwt {\n  issuer     = %q\n  audience   = \"sym\"\n  allow_http = true\n  role \"guest\" {\n    claims = { repository = \"acme/infra\" }\n  }\n}\n", issuer.URL))
	d.hangup(t, "reloaded tokens")
	expect("after a good one", map[string]int{"admin-token": 401, "next-token": 200, jwt: 200})
	if _, second := login("next-token"); second == first {
		t.Error("the old certificate is still served")
	}

	rewrite(strings.Replace(string(original), `listen = "127.0.0.1:0"`, `listen = "127.0.0.1:1"`, 1))
	d.hangup(t, "count after a restart")
	if logs := d.stderr.String(); !strings.Contains(logs, "settings=listen") {
		t.Errorf("the log does not say what needs a restart:\n%s", logs)
	}
	expect("after a file that needs a restart", map[string]int{"admin-token": 200, "next-token": 401, jwt: 401})
	if err := d.stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("it did not end cleanly: %v\n%s", err, d.stderr)
	}
}
