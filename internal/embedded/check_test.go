// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// checkConfig has one directory that works and two that do not, the first of
// which answers with the secret it was sent.
func checkConfig(t *testing.T) string {
	t.Helper()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte("no: " + r.Header.Get("Authorization")))
	}))
	t.Cleanup(echo.Close)
	return writeConfig(t, head+`
service "scim" "acme" {
  directory "scim" {
    base_url   = "`+echo.URL+`"
    token      = env("SECRET")
    allow_http = true
  }
}
service "google" "acme.com" {
  directory "file" {
    path = "google.csv"
  }
}
service "github" "acme" {
  directory "file" {
    path = "github.csv"
  }
}
`, map[string]string{"google.csv": googleCSV, "github.csv": "email,id\n"})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	path := checkConfig(t)
	if err := os.Remove(filepath.Join(filepath.Dir(path), "github.csv")); err != nil {
		t.Fatal(err)
	}
	cfg := mustLoad(t, path, Options{})
	results := cfg.Check(t.Context())
	checkResults(t, results)
	if results[0].Note == "" {
		t.Error("nothing says that the store does not exist yet")
	}
	if _, err := os.Stat(cfg.store.path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("check created the store")
	}
}

func TestInstanceCheck(t *testing.T) {
	t.Parallel()
	path := checkConfig(t)
	opts := Options{Principal: &identity.Principal{Name: "terraform", Role: identity.Admin}}
	instance := mustOpen(t, mustLoad(t, path, opts), opts)
	if err := os.Remove(filepath.Join(filepath.Dir(path), "github.csv")); err != nil {
		t.Fatal(err)
	}
	checkResults(t, instance.Check(t.Context()))
}

func checkResults(t *testing.T, results []CheckResult) {
	t.Helper()
	want := []struct {
		subject string
		err     error
	}{
		{SubjectStore, nil},
		{"scim:acme", directory.ErrCredential},
		{"google:acme.com", nil},
		{"github:acme", fs.ErrNotExist},
	}
	if len(results) != len(want) {
		t.Fatalf("got %d results, want %d: %+v", len(results), len(want), results)
	}
	for i, r := range results {
		if r.Subject != want[i].subject || !errors.Is(r.Err, want[i].err) || (r.Err == nil) != (want[i].err == nil) {
			t.Errorf("result %d: %s: %v, want %s: %v", i, r.Subject, r.Err, want[i].subject, want[i].err)
		}
		if r.Err != nil && strings.Contains(r.Err.Error(), secretValue) {
			t.Errorf("%s shows its secret: %v", r.Subject, r.Err)
		}
	}
}
