// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
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
		got, err := i.Reload()
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
		if _, err := i.Reload(); err == nil || !strings.Contains(err.Error(), because) {
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
	if _, err := i.Reload(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
	expect("after bad files", map[string]string{"first": "guest", "second": "admin", "jwt": "member"})

	// Settings that take effect at start only are named; the others take effect.
	issuer.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
	reload("# moved\n"+strings.Replace(head, "identities.db", "others.db", 1)+"listen = \"127.0.0.1:1\"\nmask_emails_in_logs = true\n"+
		"service \"okta\" \"acme.okta.com\" {}\n"+tokenBlock("b", "second", "admin")+jwtBlock(issuer, "admin"),
		"listen", "mask_emails_in_logs", "service", "store")
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
	restart, err := i.Reload()
	if err != nil || len(restart) != 1 || !strings.HasPrefix(restart[0], "tls") || i.TLS() != nil {
		t.Errorf("got %q, %v", restart, err)
	}
	if status, _ := login(t, i, "second"); status != http.StatusOK {
		t.Errorf("the new token: status %d", status)
	}
	other := mustOpen(t, mustLoad(t, path, config.Options{}), Options{})
	writeFile(t, path, head+tokenBlock("a", "first", "admin"))
	restart, err = other.Reload()
	if err != nil || len(restart) != 1 || other.TLS() == nil {
		t.Errorf("got %q, %v", restart, err)
	}
	if _, err := mustOpen(t, mustLoad(t, path, embedded), asTerraform()).Reload(); err == nil {
		t.Error("embedded mode has nobody to let in")
	}
}
