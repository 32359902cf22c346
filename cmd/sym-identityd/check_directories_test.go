// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestCheckDirectories runs the check over every kind of directory, on
// services that are fine, take no credential, lack a permission, belong to
// somebody else, limit requests, and are not there.
func TestCheckDirectories(t *testing.T) {
	t.Parallel()
	for scenario, of := range map[string]func(stub) []route{
		"fine":       func(s stub) []route { return s.fine },
		"credential": func(s stub) []route { return s.credential },
		"permission": func(s stub) []route { return s.permission },
		"foreign":    func(s stub) []route { return s.foreign },
		"limited":    func(stub) []route { return []route{{"", http.StatusTooManyRequests, `{}`}} },
	} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			config, replace := "", []string{}
			for _, kind := range slices.Sorted(maps.Keys(stubs())) {
				s := stubs()[kind]
				routes := of(s)
				if routes == nil {
					continue // the kind cannot be wrong in this way, or cannot tell
				}
				server := httptest.NewServer(s.handler(routes))
				t.Cleanup(server.Close)
				replace = append(replace, server.URL, "https://"+kind)
				config += s.config(kind, server.URL)
			}
			checkGolden(t, scenario, config, replace)
		})
	}
	t.Run("absent", func(t *testing.T) {
		t.Parallel()
		config := ""
		for _, kind := range slices.Sorted(maps.Keys(stubs())) {
			config += stubs()[kind].config(kind, "http://127.0.0.1:1")
		}
		checkGolden(t, "absent", config+`
service "ldap" "acme" {
  directory "ldap" {
    base_url = "ldaps://127.0.0.1:1"
    username = "cn=sym,dc=acme,dc=com"
    password = env("SECRET")
    base_dn  = "dc=acme,dc=com"
  }
}
service "file" "acme" {
  directory "file" {
    path = "missing.csv"
  }
}
`, nil)
	})
}

// handler sends the first route that matches.
func (s stub) handler(routes []route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text := fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Header.Get("X-Amz-Target"), " ", string(body))
		for _, route := range routes {
			if !strings.Contains(text, route.match) {
				continue
			}
			if route.status == http.StatusTooManyRequests {
				value := strings.NewReplacer("{in}", "3600", "{at}", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)).Replace(s.limited[1])
				w.Header().Set(s.limited[0], value)
			}
			w.WriteHeader(route.status)
			_, _ = io.WriteString(w, route.body)
			return
		}
		w.WriteHeader(http.StatusTeapot) // the table lacks a route
	})
}

func (s stub) config(kind, base string) string {
	setting := "base_url"
	if kind == "http" {
		setting, base = "url", base+"/?email={email}"
	}
	serviceType := cmp.Or(s.serviceType, kind)
	return fmt.Sprintf("\nservice %q %q {\n  directory %q {\n    %s = %q\n    allow_http = true\n    %s\n  }\n}\n", serviceType, s.externalID, kind, setting, base, s.attributes)
}

var (
	secondsLeft = regexp.MustCompile(`try again in (59m|1h0m)[0-9]+s`)
	// Errors of a dial differ between systems.
	dialled = regexp.MustCompile(`(dial tcp [0-9.:]+): .*`)
)

func checkGolden(t *testing.T, scenario, config string, replace []string) {
	t.Helper()
	const secret = "s3cr3t-value"
	path := filepath.Join(t.TempDir(), "id.hcl")
	head := "org = \"acme\"\nstore = \"sqlite:identities.db\"\n"
	if err := os.WriteFile(path, []byte(head+config), 0o600); err != nil {
		t.Fatal(err)
	}
	base := ""
	for i, text := range replace {
		if text == "https://google" {
			base = replace[i-1]
		}
	}
	if base == "" {
		base = "http://127.0.0.1:1"
	}
	writeServiceAccount(t, filepath.Join(filepath.Dir(path), "key.json"), base+"/token")

	got := runCommand(t.Context(), map[string]string{"SECRET": secret}, "check", "-config", path)
	if wantCode := map[bool]int{true: exitOK, false: exitFailed}[scenario == "fine"]; got.code != wantCode || got.stderr != "" {
		t.Errorf("exit %d, want %d: %s", got.code, wantCode, got.stderr)
	}
	text := strings.NewReplacer(append(replace, path, "id.hcl", filepath.Dir(path)+string(filepath.Separator), "")...).Replace(got.stdout)
	text = dialled.ReplaceAllString(secondsLeft.ReplaceAllString(text, "try again in 1h0m0s"), "$1: refused")
	if strings.Contains(text, secret) {
		t.Errorf("the output shows the secret:\n%s", text)
	}
	golden := filepath.Join("testdata", "check", scenario+".golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), text); diff != "" {
		t.Errorf("output (-golden +got; UPDATE_GOLDEN=1 writes it):\n%s", diff)
	}
}

// writeServiceAccount makes a key file as Google gives them.
func writeServiceAccount(t *testing.T, path, tokenURI string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "sym@acme.example", "private_key_id": "k1",
		"token_uri": tokenURI, "private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCheckEmail runs the check over services that answer, and whose answers
// would leave people out: each fails with its own line.
func TestCheckEmail(t *testing.T) {
	t.Parallel()
	const (
		ann    = `{"id":"1","userName":"ann@acme.com","emails":[{"value":"ann@acme.com","primary":true}],"active":true}`
		synth  = `{"id":"9","userName":"synthesis","active":false}`
		bob    = `{"id":"2","userName":"bob","emails":[{"value":"bob@acme.com","primary":true}],"active":true}`
		nobody = `{"totalResults":0,"Resources":[]}`
	)
	scim := func(people ...string) string {
		return fmt.Sprintf(`{"totalResults":%d,"Resources":[%s]}`, len(people), strings.Join(people, ","))
	}
	email := func(name string) string { return "emails.value+eq+%22" + name }
	for name, tc := range map[string]struct {
		routes     []route
		email      string
		attributes string // of an http directory; "" = scim
		want       string // part of the line; "" = it works
	}{
		"works":      {routes: []route{good("eq+%22ann", scim(ann)), good("filter=", nobody), good("", scim(ann))}, email: "ann@acme.com"},
		"unknown":    {routes: []route{good("eq+%22ann", scim(ann)), good("filter=", nobody), good("", scim(ann))}, email: "eve@acme.com", want: "eve@acme.com: no account has the address"},
		"short list": {routes: []route{good("startIndex=1&", `{"totalResults":250,"Resources":[`+ann+`]}`), good("", `{"totalResults":250,"Resources":[]}`)}, want: "in full"},
		"list shows nobody, search does": {
			routes: []route{good("userName+eq+%22ann", scim(ann)), good("filter=", nobody), good("", scim(synth))},
			email:  "ann@acme.com", want: "list",
		},
		"filter answers nobody": {routes: []route{good("filter=", nobody), good("", scim(bob))}, email: "eve@acme.com", want: "eve@acme.com"},
		"filter is forbidden":   {routes: []route{{email(""), 403, `{"status":"403"}`}, good("filter=", nobody), good("", scim(bob))}, email: "eve@acme.com", want: "eve@acme.com"},
		"typo in an expression": {routes: []route{good("", `{"users":[]}`)}, attributes: `identity = "response.usrs[0].id"`, want: "reachable, answer cannot be read"},
		"wrong field":           {routes: []route{good("", `{"users":[]}`)}, attributes: `identity = "response.users[0].id"`, email: "ann@acme.com", want: "ann@acme.com: no account has the address"},
		"right field":           {routes: []route{good("ann", `{"users":[{"id":"1"}]}`), good("", `{"users":[]}`)}, attributes: `identity = "response.users[0].id"`, email: "ann@acme.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stub{externalID: "acme", attributes: token}
			kind := "scim"
			if tc.attributes != "" {
				kind, s.attributes = "http", tc.attributes+"\n    allow_private = true"
			}
			server := httptest.NewServer(s.handler(tc.routes))
			t.Cleanup(server.Close)
			path := filepath.Join(t.TempDir(), "id.hcl")
			if err := os.WriteFile(path, []byte("org = \"acme\"\nstore = \"sqlite:identities.db\"\n"+s.config(kind, server.URL)), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"check", "-config", path}
			if tc.email != "" {
				args = append(args, "-email", tc.email)
			}
			got := runCommand(t.Context(), map[string]string{"SECRET": "s3cr3t"}, args...)
			switch {
			case tc.want == "" && (got.code != exitOK || !strings.Contains(got.stdout, "; "+tc.email+" is 1\n")):
				t.Errorf("exit %d:\n%s", got.code, got.stdout)
			case tc.want != "" && (got.code != exitFailed || !strings.Contains(got.stdout, "FAIL") || !strings.Contains(got.stdout, tc.want)):
				t.Errorf("exit %d, want %d with %q:\n%s", got.code, exitFailed, tc.want, got.stdout)
			}
		})
	}
}

// The flag takes e-mails, and needs a directory.
func TestCheckEmailFlag(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "id.hcl")
	if err := os.WriteFile(path, []byte("org = \"acme\"\nstore = \"sqlite:identities.db\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runCommand(t.Context(), nil, "check", "-config", path, "-email", "deploy-bot"); got.code != exitUsage || !strings.Contains(got.stderr, "not an e-mail") {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
	got := runCommand(t.Context(), nil, "check", "-config", path, "-email", "Ann@Acme.com", "-email", "bob@acme.com")
	if got.code != exitFailed || !strings.Contains(got.stdout, "FAIL  email ann@acme.com, bob@acme.com: no service has a directory") {
		t.Errorf("exit %d: %s", got.code, got.stdout)
	}
}
