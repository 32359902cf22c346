// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/aptible"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/auth0"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/entra"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/okta"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/onelogin"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/tailscale"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TestUnreadableRecord proves that a record with a field of another type than
// expected concerns its own people, and nobody else in the list.
func TestUnreadableRecord(t *testing.T) {
	t.Parallel()
	const token = `{"access_token":"t","expires_in":3600,"token_type":"Bearer"}`
	for name, tc := range map[string]struct {
		open func(apiclient.Settings) (directory.Directory, error)
		list string
	}{
		"okta": {
			func(s apiclient.Settings) (directory.Directory, error) {
				return okta.Open(okta.Config{Settings: s, Token: "t"})
			},
			`[{"id":"1","status":7,"profile":{"login":"ann@example.com"}},{"id":"2","status":"ACTIVE","profile":{"login":"bob@example.com"}}]`,
		},
		"entra": {
			func(s apiclient.Settings) (directory.Directory, error) {
				return entra.Open(entra.Config{Settings: s, Tenant: "acme.com", ClientID: "a", ClientSecret: "b"})
			},
			`{"value":[{"id":"1","userPrincipalName":"ann@example.com","accountEnabled":"yes"},{"id":"2","mail":"bob@example.com","accountEnabled":true}]}`,
		},
		"auth0": {
			func(s apiclient.Settings) (directory.Directory, error) {
				return auth0.Open(auth0.Config{Settings: s, Token: "t"})
			},
			`{"total":2,"users":[{"user_id":"1","email":"ann@example.com","email_verified":"no"},{"user_id":"2","email":"bob@example.com","email_verified":true}]}`,
		},
		"onelogin": {
			func(s apiclient.Settings) (directory.Directory, error) {
				return onelogin.Open(onelogin.Config{Settings: s, Subdomain: "acme", ClientID: "a", ClientSecret: "b"})
			},
			`[{"id":1,"email":"ann@example.com","status":"suspended"},{"id":2,"email":"bob@example.com","status":1}]`,
		},
		"aptible": {
			func(s apiclient.Settings) (directory.Directory, error) {
				return aptible.Open(aptible.Config{Settings: s, Organization: "o", Token: "t"})
			},
			`{"_embedded":{"users":[{"id":"1","email":"ann@example.com","verified":[]},{"id":"2","email":"bob@example.com","verified":true}]}}`,
		},
		"tailscale": {
			func(s apiclient.Settings) (directory.Directory, error) {
				return tailscale.Open(tailscale.Config{Settings: s, Token: "t"})
			},
			`{"users":[{"id":"1","loginName":"ann@example.com","status":false},{"id":"2","loginName":"bob@example.com","status":"active"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := tc.list
				switch {
				case strings.Contains(r.URL.Path, "token"):
					body = token
				case r.URL.Query().Has("filter"): // the deprovisioned users of Okta
					body = "[]"
				}
				_, _ = w.Write([]byte(body))
			}))
			t.Cleanup(server.Close)
			d, err := tc.open(apiclient.Settings{BaseURL: server.URL, AllowHTTP: true, Clock: directorytest.NewClock()})
			if err != nil {
				t.Fatal(err)
			}
			service := identity.ServiceKey{Type: "other", ExternalID: "x"}
			answers, err := directory.Lookup(t.Context(), directorytest.ListOnly(d), service, []string{"ann@example.com", "bob@example.com", "eve@example.com"})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []identity.LookupStatus{identity.Failed, identity.Found, identity.NotFound} {
				if answers[i].Status != want {
					t.Errorf("%s: %s (%v), want %s", answers[i].Email, answers[i].Status, answers[i].Err, want)
				}
			}
		})
	}
}
