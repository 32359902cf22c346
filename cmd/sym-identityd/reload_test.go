// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
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
	d.hangup(t, "the previous one stays in use")
	if logs := d.stderr.String(); !strings.Contains(logs, "id.hcl:5:12: sha256 must be 64 hexadecimal digits") || strings.Contains(logs, "not a hash") {
		t.Errorf("the log does not say what is wrong:\n%s", logs)
	}
	expect("after a bad file", map[string]int{"admin-token": 200, "next-token": 401, jwt: 401})

	write()
	rewrite(strings.Replace(string(original), hashOf("admin-token"), hashOf("next-token"), 1) + fmt.Sprintf(
		"jwt {\n  issuer     = %q\n  audience   = \"sym\"\n  allow_http = true\n  role \"guest\" {\n    claims = { repository = \"acme/infra\" }\n  }\n}\n", issuer.URL))
	d.hangup(t, "reloaded the configuration")
	expect("after a good one", map[string]int{"admin-token": 401, "next-token": 200, jwt: 200})
	if _, second := login("next-token"); second == first {
		t.Error("the old certificate is still served")
	}

	rewrite(strings.Replace(string(original), `listen = "127.0.0.1:0"`, `listen = "127.0.0.1:1"`, 1))
	d.hangup(t, "restart to use")
	if logs := d.stderr.String(); !strings.Contains(logs, "settings=listen") {
		t.Errorf("the log does not say what needs a restart:\n%s", logs)
	}
	expect("after a file that needs a restart", map[string]int{"admin-token": 200, "next-token": 401, jwt: 401})
	if err := d.stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("it did not end cleanly: %v\n%s", err, d.stderr)
	}
}

// A request that is under way at a reload ends with the directory that it began
// with, the next one on the same connection is answered by the new one.
func TestServeReloadsDirectories(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		_, _ = io.WriteString(w, `{"id":"old"}`)
	}))
	t.Cleanup(old.Close)
	fresh := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":"new"}`) }))
	t.Cleanup(fresh.Close)
	service := func(url, identity string) string {
		return fmt.Sprintf("service \"custom\" \"x\" {\n  directory \"http\" {\n    url = \"%s/?q={email}\"\n    identity = %q\n    allow_http = true\n    allow_private = true\n  }\n}\n", url, identity)
	}
	const id = "response.id"
	config := writeConfig(t, service(old.URL, id))
	original, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, config)
	rewrite := func(service string) {
		t.Helper()
		text, _, _ := strings.Cut(string(original), "service \"custom\"")
		if err := os.WriteFile(config, []byte(text+service), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	var connections atomic.Int32
	lookup := func() string {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{ConnectStart: func(string, string) { connections.Add(1) }})
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/api/v1/identities/lookup",
			strings.NewReader(`{"service_type":"custom","external_id":"x","emails":["ann@acme.com"]}`))
		if err != nil {
			return err.Error()
		}
		r.Header.Set("Authorization", "Bearer admin-token")
		r.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(r)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", string(text), err)
	}
	underWay := make(chan string)
	go func() { underWay <- lookup() }()
	<-asked

	rewrite(service(fresh.URL, "response.id +"))
	d.hangup(t, "the previous one stays in use")
	if logs := d.stderr.String(); !strings.Contains(logs, "id.hcl:14:") || strings.Count(logs, "level=ERROR") != 1 {
		t.Errorf("not one error with its place:\n%s", logs)
	}
	rewrite(service(fresh.URL, id))
	d.hangup(t, "msg=\"reloaded the configuration\"")
	close(answer)
	if got := <-underWay; !strings.Contains(got, `"old"`) {
		t.Errorf("the request under way: %s", got)
	}
	if got := lookup(); !strings.Contains(got, `"new"`) {
		t.Errorf("the next request: %s", got)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections, want one", n)
	}
}
