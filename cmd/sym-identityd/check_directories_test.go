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
