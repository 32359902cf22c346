// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient_test

import (
	"errors"
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
