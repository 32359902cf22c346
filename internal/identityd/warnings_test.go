// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Each file that holds secrets or people is for its owner alone, and no file
// that decides anything may be changed by others.
func TestWarningsOfFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // modes mean nothing there
	}
	text := `
org   = "acme"
store = "sqlite:link.db"
tls {
  cert_file = "tls.crt"
  key_file  = "tls.key"
}
service "google" "acme.com" {
  directory "google" {
    impersonate      = "admin@acme.com"
    credentials_file = "google.json"
  }
}
service "okta" "acme.okta.com" {
  directory "file" {
    path = "okta.csv"
  }
}
`
	dir := filepath.Dir(writeConfig(t, text, nil))
	at := func(name string) string { return filepath.Join(dir, name) }
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	main := entries[0].Name()
	if err := os.Symlink(at("identities.db"), at("link.db")); err != nil {
		t.Fatal(err)
	}
	others := []string{"tls.crt", "tls.key", "google.json", "okta.csv", "identities.db", "identities.db-wal", "identities.db-shm"}
	for _, name := range others {
		writeFile(t, at(name), "")
	}
	secret := map[string]bool{"tls.key": true, "google.json": true, "identities.db": true, "identities.db-wal": true, "identities.db-shm": true}
	for _, name := range append(others, main) {
		for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o644: "read", 0o640: "read", 0o620: "change", 0o666: "change"} {
			if want == "read" && !secret[name] {
				want = ""
			}
			for _, other := range append(others, main) {
				if err := os.Chmod(at(other), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(at(name), mode); err != nil {
				t.Fatal(err)
			}
			found := Warnings(t.Context(), mustLoad(t, at(main), config.Options{}))
			switch {
			case want == "" && len(found) > 0:
				t.Errorf("%s with mode %o: %q", name, mode, found)
			case want != "" && (len(found) != 1 || !strings.Contains(found[0], "can "+want+" the file "+at(name)+" ") || !strings.Contains(found[0], "chmod go-rwx "+at(name))):
				t.Errorf("%s with mode %o: %q, want one that others can %s it", name, mode, found, want)
			}
		}
	}
}

func TestWarningsOfCertificates(t *testing.T) {
	t.Parallel()
	for lives, want := range map[time.Duration]string{29 * 24 * time.Hour: "ends in 28 days", 31 * 24 * time.Hour: ""} {
		path := writeConfig(t, "org = \"acme\"\nstore = \"sqlite:identities.db\"\ntls {\n  cert_file = \"tls.crt\"\n  key_file = \"tls.key\"\n}\n", nil)
		cert, key := authntest.NewAuthority(t, "acme").Issue(t, authntest.Leaf{CommonName: "server", Server: true, Lives: lives})
		writeFile(t, filepath.Join(filepath.Dir(path), "tls.crt"), string(cert))
		writeFile(t, filepath.Join(filepath.Dir(path), "tls.key"), string(key))
		found := strings.Join(Warnings(t.Context(), mustLoad(t, path, config.Options{})), "\n")
		if want == "" && found != "" || !strings.Contains(found, want) {
			t.Errorf("a certificate of %s: %q, want %q", lives, found, want)
		}
	}
}

// A service whose block was removed is named, until somebody else owns it.
func TestWarningsOfRemovedServices(t *testing.T) {
	t.Parallel()
	kept := head + tokenBlock("ci", "first", "admin") + "service \"github\" \"acme\" {}\n"
	path := writeConfig(t, kept+"service \"okta\" \"acme.okta.com\" {}\n", nil)
	var logs logBuffer
	instance := mustOpen(t, mustLoad(t, path, config.Options{}), Options{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	api := store.Actor{Name: "token:ci"}
	for _, external := range []string{"T1", "T2"} {
		if _, err := instance.store.CreateService(t.Context(), api, identity.ServiceKey{Type: "slack", ExternalID: external}, ""); err != nil {
			t.Fatal(err)
		}
	}
	found := func() string { return strings.Join(Warnings(t.Context(), mustLoad(t, path, config.Options{})), "\n") }
	if text := found(); text != "" {
		t.Errorf("nothing was removed: %s", text)
	}
	writeFile(t, path, kept)
	if text, want := found(), path+" does not have: okta:acme.okta.com. "; !strings.Contains(text, want) || strings.Contains(text, "slack") {
		t.Errorf("got %q, want %q", text, want)
	}
	if _, err := instance.Reload(t.Context()); err != nil || !strings.Contains(logs.String(), "does not have: okta:acme.okta.com. ") {
		t.Errorf("the log of a reload lacks it: %v\n%s", err, &logs)
	}
	label := "Okta"
	if _, err := instance.store.UpdateService(t.Context(), api, store.ServiceUpdate{Key: identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}, Label: &label}); err != nil {
		t.Fatal(err)
	}
	if text := found(); text != "" {
		t.Errorf("the API owns it now: %s", text)
	}
}
