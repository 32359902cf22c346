// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// FuzzAuthenticate: whatever the header holds, nobody is let in who has no
// signature of the issuer, and every refusal is an answer of the API.
func FuzzAuthenticate(f *testing.F) {
	issuer := authntest.Start(f)
	a := authenticator(nil, trust(issuer))
	good := issuer.Sign(f, issuer.Claims("sym", map[string]any{"repository": "acme/infra"}))
	for _, seed := range []string{"", "Bearer", "Bearer .", "Bearer ..", "Bearer " + good[:len(good)-2], "bearer eyJhbGciOiJub25lIn0.e30.", "Basic " + good,
		"Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOjF9.x", "Bearer " + good + "." + good} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{header}
		p, err := a.Authenticate(r)
		if err == nil {
			t.Fatalf("%q is %+v", header, p)
		}
		switch identity.CodeOf(err) {
		case identity.CodeUnauthenticated, identity.CodeForbidden:
		default:
			t.Fatalf("%q: %v", header, err)
		}
	})
}
