// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
	"github.com/sym-identity/terraform-provider-sym/internal/config"
)

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func tokenBlock(name, token, role string) string {
	return fmt.Sprintf("token %q {\n  sha256 = %q\n  role   = %q\n}\n", name, hashOf(token), role)
}

func jwtBlock(issuer *authntest.Issuer, role string) string {
	return fmt.Sprintf("jwt {\n  issuer     = %q\n  audience   = \"sym\"\n  allow_http = true\n  role %q {\n    claims = { repository = \"acme/infra\" }\n  }\n}\n",
		issuer.URL, role)
}

func login(t *testing.T, i *Instance, token string) (status int, role string) {
	t.Helper()
	var who struct{ Role string }
	status = call(t, i, http.MethodGet, "/auth/login", token, "", &who)
	return status, who.Role
}

func TestReload(t *testing.T) {
	t.Parallel()
	issuer := authntest.Start(t)
	jwt := issuer.Sign(t, issuer.Claims("sym", map[string]any{"repository": "acme/infra"}))
	path := writeConfig(t, head+tokenBlock("a", "first", "admin"), nil)
	i := mustOpen(t, mustLoad(t, path, config.Options{}), Options{})
	expect := func(when string, want map[string]string) {
		t.Helper()
		got := map[string]string{}
		for name, token := range map[string]string{"first": "first", "second": "second", "jwt": jwt} {
			status, role := login(t, i, token)
			if got[name] = role; role == "" {
				got[name] = fmt.Sprint(status)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	reload := func(config string, restart ...string) {
		t.Helper()
		writeFile(t, path, config)
		got, err := i.Reload(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(restart, got); diff != "" {
			t.Errorf("to restart for (-want +got):\n%s", diff)
		}
	}
	refuse := func(config, because string) {
		t.Helper()
		writeFile(t, path, config)
		if _, err := i.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), because) {
			t.Errorf("got %v, want %q", err, because)
		}
	}
	expect("at first", map[string]string{"first": "admin", "second": "401", "jwt": "401"})
	reload(head + tokenBlock("a", "first", "guest") + tokenBlock("b", "second", "admin") + jwtBlock(issuer, "member"))
	expect("both tokens and an issuer", map[string]string{"first": "guest", "second": "admin", "jwt": "member"})

	refuse(head+tokenBlock("a", "third", "emperor"), ":5:12: A token's role")
	refuse("org = ", "hcl:1")
	refuse(head, "nobody could call the server")
	refuse(strings.Replace(head, "acme", "globex", 1)+tokenBlock("a", "first", "admin"), "globex")
	refuse(head+tokenBlock("a", "first", "admin")+"service \"scim\" \"x\" {\n  label = env(\"UNSET\")\n}\n", "UNSET")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Reload(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
	expect("after bad files", map[string]string{"first": "guest", "second": "admin", "jwt": "member"})

	// Settings that take effect at start only are named; the others take effect.
	issuer.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
	reload("# moved\n"+strings.Replace(head, "identities.db", "others.db", 1)+"listen = \"127.0.0.1:1\"\nmask_emails_in_logs = true\n"+
		"service \"okta\" \"acme.okta.com\" {}\n"+tokenBlock("b", "second", "admin")+jwtBlock(issuer, "admin"),
		"listen", "store")
	expect("without the first token; the issuer is not asked again", map[string]string{"first": "401", "second": "admin", "jwt": "admin"})
	reload("/* laid out otherwise */ org   =   \"acme\"\nstore = \"sqlite:identities.db\" # the same\n" + tokenBlock("b", "second", "admin"))
	expect("without the issuer", map[string]string{"first": "401", "second": "admin", "jwt": "401"})
}

func TestReloadTLSNeedsARestart(t *testing.T) {
	t.Parallel()
	servers := authntest.NewAuthority(t, "servers")
	cert, key := servers.Issue(t, authntest.Leaf{Server: true})
	tls := "tls {\n  cert_file = \"server.pem\"\n  key_file  = \"server.key\"\n}\n"
	path := writeConfig(t, head+tokenBlock("a", "first", "admin"), map[string]string{"server.pem": string(cert), "server.key": string(key)})
	i := mustOpen(t, mustLoad(t, path, config.Options{}), Options{})
	writeFile(t, path, head+tls+tokenBlock("b", "second", "admin"))
	restart, err := i.Reload(t.Context())
	if err != nil || len(restart) != 1 || !strings.HasPrefix(restart[0], "tls") || i.TLS() != nil {
		t.Errorf("got %q, %v", restart, err)
	}
	if status, _ := login(t, i, "second"); status != http.StatusOK {
		t.Errorf("the new token: status %d", status)
	}
	other := mustOpen(t, mustLoad(t, path, config.Options{}), Options{})
	writeFile(t, path, head+tokenBlock("a", "first", "admin"))
	restart, err = other.Reload(t.Context())
	if err != nil || len(restart) != 1 || other.TLS() == nil {
		t.Errorf("got %q, %v", restart, err)
	}
	if _, err := mustOpen(t, mustLoad(t, path, embedded), asTerraform()).Reload(t.Context()); err == nil {
		t.Error("embedded mode has nobody to let in")
	}
}

// Services and directories follow the file. A list is kept where its block stays,
// and a directory that cannot be opened changes nothing.
func TestReloadDirectories(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	lists := map[string]int{} // by tailnet and token
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tailnet, token := strings.Split(r.URL.Path, "/")[4], r.Header.Get("Authorization")
		mu.Lock()
		lists[tailnet+" "+strings.TrimPrefix(token, "Bearer ")]++
		mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"users":[{"id":"1","loginName":"ann@%s","status":"active","type":"member","role":"member"}]}`, tailnet)
	}))
	t.Cleanup(srv.Close)
	service := func(tailnet, variable, more string) string {
		return fmt.Sprintf("service \"tailscale\" %q {\n  label = \"now %[2]s\"\n  directory \"tailscale\" {\n    token = env(%[2]q)\n    base_url = %[3]q\n    allow_http = true\n%s  }\n}\n",
			tailnet, variable, srv.URL, more)
	}
	admin := tokenBlock("a", "first", "admin")
	path := writeConfig(t, head+admin+service("a.com", "TOKEN_A", "")+service("b.com", "TOKEN_B", ""), nil)
	env := func(name string) (string, bool) { return "value-of-" + name, true }
	i := mustOpen(t, mustLoad(t, path, config.Options{LookupEnv: env}), Options{})
	lookup := func() {
		t.Helper()
		for _, tailnet := range []string{"a.com", "b.com"} {
			var reply struct{ Results []struct{ Status string } }
			status := call(t, i, http.MethodPost, "/identities/lookup", "first",
				fmt.Sprintf(`{"service_type":"tailscale","external_id":%q,"emails":["ann@%[1]s"]}`, tailnet), &reply)
			if status != http.StatusOK || len(reply.Results) != 1 || reply.Results[0].Status != "found" {
				t.Errorf("%s: status %d, %+v", tailnet, status, reply)
			}
		}
	}
	expect := func(when string, want map[string]int) {
		t.Helper()
		lookup()
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff(want, lists); diff != "" {
			t.Errorf("%s: lists read by tailnet and token (-want +got):\n%s", when, diff)
		}
	}
	expect("at first", map[string]int{"a.com value-of-TOKEN_A": 1, "b.com value-of-TOKEN_B": 1})

	writeFile(t, path, "# moved\n"+head+admin+service("a.com", "TOKEN_A", "")+service("b.com", "TOKEN_C", "")+"service \"okta\" \"acme.okta.com\" {}\n")
	if restart, err := i.Reload(t.Context()); err != nil || restart != nil {
		t.Fatalf("%v, %v", restart, err)
	}
	want := map[string]int{"a.com value-of-TOKEN_A": 1, "b.com value-of-TOKEN_B": 1, "b.com value-of-TOKEN_C": 1}
	expect("with another token of b.com", want)
	var services struct {
		Services []struct {
			ExternalID string `json:"external_id"`
			Label      string
			Configured bool
		}
	}
	call(t, i, http.MethodGet, "/services", "first", "", &services)
	got := map[string]string{}
	for _, s := range services.Services {
		got[s.ExternalID] = fmt.Sprint(s.Label, s.Configured)
	}
	if diff := cmp.Diff(map[string]string{"cloud": "Symfalse", "a.com": "now TOKEN_Atrue", "b.com": "now TOKEN_Ctrue", "acme.okta.com": "true"}, got); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}

	writeFile(t, path, head+admin+service("a.com", "TOKEN_A", "    ca_file = \"none.pem\"\n")+service("b.com", "TOKEN_D", ""))
	if _, err := i.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), filepath.Base(path)+":") {
		t.Errorf("a directory that cannot be opened: %v", err)
	}
	expect("after a file with a bad directory", want)

	rec := httptest.NewRecorder()
	i.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`sym_identityd_directory_calls_total{call="list",outcome="ok",service="tailscale:a.com"} 1`,
		`sym_identityd_directory_calls_total{call="list",outcome="ok",service="tailscale:b.com"} 2`,
		`sym_identityd_directory_list_accounts{service="tailscale:b.com"} 1`,
	} {
		if !strings.Contains(rec.Body.String(), line+"\n") {
			t.Errorf("no %s in the metrics", line)
		}
	}
}
