// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// FuzzImportID: an id that is accepted is of a mapping that may be declared,
// and its normal form means the same mapping.
func FuzzImportID(f *testing.F) {
	for _, id := range []string{
		"ada@acme.com,okta:acme.okta.com", "Ada@Acme.com ,aws_sso:arn:aws:sso:::instance/ssoins-1", "bot,custom:a,b:c", "deploy-bot,slack:T0ACME",
		"ada@acme.com", ",", ",:", "a,b", "ada@acme.com,sym:cloud", "ada@acme.com,okta:", "\u200b@acme.com,okta:x", "ada@acme.com,okta:\xff", "",
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		key, err := parseImportID(id)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		if err := key.service.CheckDeclarable(); err != nil {
			t.Errorf("%q is accepted: %v", id, err)
		}
		if user, err := identity.ParseUser(string(key.user)); err != nil || user != key.user {
			t.Errorf("the user of %q is %q, which is not normal: %v", id, key.user, err)
		}
		again, err := parseImportID(key.String())
		if err != nil || again != key {
			t.Errorf("%q means %v, but %q means %v (%v)", id, key, key.String(), again, err)
		}
	})
}
