// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Only a host of the vendor's own tells whose it is.
func TestBelongs(t *testing.T) {
	t.Parallel()
	for base, foreign := range map[string]bool{
		"":                              false,
		"https://acme.okta.com":         false,
		"https://ACME.okta.com/":        false,
		"https://other.okta.com":        true,
		"https://acme.oktapreview.com":  true,
		"https://login.acme.com":        false,
		"https://notokta.com":           false,
		"https://acme.okta.com.example": false,
		"http://127.0.0.1:8080":         false,
	} {
		s := apiclient.Settings{BaseURL: base}
		if err := s.Belongs("organization", "acme.okta.com", "okta.com", "oktapreview.com"); errors.Is(err, directory.ErrForeign) != foreign {
			t.Errorf("%q: %v, want foreign: %t", base, err, foreign)
		}
		if err := s.Belongs("organization", "", "okta.com"); err != nil {
			t.Errorf("%q without an external ID: %v", base, err)
		}
	}
}

func TestAuthoritiesOfOpen(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		empty:                                   "ca_file: " + empty + " holds no certificate in PEM form",
		filepath.Join(t.TempDir(), "other.pem"): "ca_file: open ",
	} {
		_, err := apiclient.Settings{CAFile: file}.Open("https://api.example.com", apiclient.Config{})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
