// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/redact/redacttest"
)

const pathSecret = "T0k3n/path+of=24bytes~x9"

// echo is a service that repeats the key of its URL, in one encoding, in one way
// of failing: the e-mail that is asked for says which.
func echo(t *testing.T) *httptest.Server {
	t.Helper()
	spoken := map[string]string{"cut-at-the-end": pathSecret[:18], "cut-at-the-beginning": pathSecret[8:]}
	for name, text := range redacttest.Encodings(pathSecret) {
		spoken[word(name)] = text
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		way, rest, _ := strings.Cut(r.URL.Query().Get("email"), "_")
		name, _, _ := strings.Cut(rest, "@")
		said, ok := spoken[name]
		if !ok {
			t.Errorf("asked for %q", r.URL)
		}
		answer := func(status int, body any) {
			w.Header().Set("Content-Type", "application/json; said="+url.QueryEscape(said))
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body)
		}
		switch way {
		case "denied":
			answer(http.StatusForbidden, map[string]any{"error": "the key " + said + " may not"})
		case "failed":
			answer(http.StatusBadRequest, map[string]any{"error": strings.Repeat("long ", 24) + said})
		case "badid":
			answer(http.StatusOK, map[string]any{"id": said + "\u200b"})
		case "ownid":
			answer(http.StatusOK, map[string]any{"id": pathSecret})
		case "cel":
			answer(http.StatusOK, map[string]any{"id": map[string]any{said: said}})
		case "text":
			_, _ = io.WriteString(w, "no JSON but "+said)
		case "redirect":
			http.Redirect(w, r, "http://"+url.PathEscape(said)+".example.com/"+said, http.StatusFound)
		default:
			t.Errorf("asked for %q", r.URL)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func word(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "-", `\/`, "slash").Replace(name))
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// A key in the path of a URL leaves by no exit, whatever its service does with it:
// not in replies, which plans print in embedded mode, not in the log, not in
// metrics.
func TestKeysInPathsAreNeverTold(t *testing.T) {
	t.Parallel()
	service := echo(t)
	closed := httptest.NewServer(nil)
	closed.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "sym-identityd.hcl")
	var text strings.Builder
	fmt.Fprintf(&text, `
org   = "acme"
store = "sqlite:identities.db"
service "custom" "header" {
  directory "http" {
    url           = "%s/users?email={email}"
    headers       = { X-Key = env("KEY") }
    identity      = "response.id"
    allow_http    = true
    allow_private = true
  }
}
`, service.URL)
	for name, base := range map[string]string{
		"echo": service.URL, "closed": closed.URL, "tls": strings.Replace(service.URL, "http:", "https:", 1),
		"dns": "http://no-such-host.invalid",
	} {
		fmt.Fprintf(&text, `
service "custom" %q {
  directory "http" {
    url           = "%s/${env("KEY")}/users?email={email}"
    identity      = "response.id"
    allow_http    = true
    allow_private = true
    timeout       = "5s"
  }
}
`, name, base)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, config.Options{LookupEnv: func(string) (string, bool) { return pathSecret, true }, Embedded: true})
	if err != nil {
		t.Fatal(err)
	}
	var log buffer
	instance, err := identityd.Open(t.Context(), c, identityd.Options{
		Logger:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Principal: &identity.Principal{Name: "terraform", Role: identity.Admin},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = instance.Close() })
	send := func(method, path, body string) string {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		instance.Handler().ServeHTTP(w, r)
		return fmt.Sprintf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	names := []string{"cut-at-the-end", "cut-at-the-beginning"}
	for name := range redacttest.Encodings(pathSecret) {
		names = append(names, word(name))
	}
	asks := map[string]string{ // what must be said, by service and e-mail
		"closed ann@acme.example": "connection refused", "dns ann@acme.example": "lookup no-such-host.invalid",
		"tls ann@acme.example": "HTTP response to HTTPS client", "header ownid_raw@acme.example": "identity gives a secret",
	}
	for way, says := range map[string]string{
		"denied": "lacks a permission", "failed": "refused the request", "badid": "custom:echo", "cel": "the expression gives a map",
		"text": "not the JSON expected", "redirect": "GET http://127.0.0.1",
	} {
		for _, name := range names {
			asks[fmt.Sprintf("echo %s_%s@acme.example", way, name)] = says
		}
	}
	var group sync.WaitGroup
	for ask, says := range asks {
		group.Go(func() {
			name, email, _ := strings.Cut(ask, " ")
			reply := send(http.MethodPost, "/api/v1/identities/lookup", fmt.Sprintf(`{"service_type":"custom","external_id":%q,"emails":[%q]}`, name, email))
			if !strings.Contains(reply, says) {
				t.Errorf("%s does not say %q: %s", ask, says, reply)
			}
			if told := redacttest.Told(reply, pathSecret); told != nil {
				t.Errorf("%s tells the key (%v): %s", ask, told, reply)
			}
		})
	}
	group.Wait()
	logged := log.text()
	if !strings.Contains(logged, "request failed") {
		t.Error("the log does not tell the failures")
	}
	for exit, said := range map[string]string{"log": logged, "metrics": send(http.MethodGet, "/metrics", "")} {
		if told := redacttest.Told(said, pathSecret); told != nil {
			t.Errorf("the %s tells the key: %v", exit, told)
		}
	}
}
