// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest_test

import (
	"cmp"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/datadog"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/entra"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/gitlab"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/okta"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/pagerduty"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/scim"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/slack"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// asked is one answer of a fake, by the path and query it is for.
type asked struct {
	at, body string
	status   int // 0 = 200
}

// Each service is asked for accounts by id in its own way; only its own words
// say that there is none.
func TestFindID(t *testing.T) {
	t.Parallel()
	const token = `{"access_token":"t","expires_in":3600,"token_type":"Bearer"}`
	for name, tc := range map[string]struct {
		open                             func(apiclient.Settings) (directory.Directory, error)
		id                               string
		active, inactive, absent, others asked
		lacksInactive                    bool
	}{
		"okta": {
			open: func(s apiclient.Settings) (directory.Directory, error) {
				return okta.Open(okta.Config{Settings: s, Token: "t"})
			},
			id: "00u1", active: asked{at: "/api/v1/users/00u1", body: `{"id":"00u1","status":"ACTIVE","profile":{"login":"a@x.com"}}`},
			inactive: asked{body: `{"id":"00u1","status":"DEPROVISIONED","profile":{"login":"a@x.com"}}`},
			absent:   asked{status: 404, body: `{"errorCode":"E0000007","errorSummary":"Not found"}`},
			others:   asked{body: `{"id":"00u2","status":"ACTIVE","profile":{"login":"00u1"}}`},
		},
		"slack": {
			open: func(s apiclient.Settings) (directory.Directory, error) {
				return slack.Open(slack.Config{Settings: s, Token: "xoxb-t"})
			},
			id: "U1", active: asked{at: "/users.info?user=U1", body: `{"ok":true,"user":{"id":"U1"}}`},
			inactive: asked{body: `{"ok":true,"user":{"id":"U1","deleted":true}}`},
			absent:   asked{body: `{"ok":false,"error":"user_not_found"}`}, others: asked{body: `{"ok":true,"user":{"id":"U2"}}`},
		},
		"entra": {
			open: func(s apiclient.Settings) (directory.Directory, error) {
				return entra.Open(entra.Config{Settings: s, Tenant: "acme.com", ClientID: "a", ClientSecret: "b"})
			},
			id: "5d1f", active: asked{at: "/v1.0/users/5d1f", body: `{"id":"5d1f","accountEnabled":true,"userType":"Guest"}`},
			inactive: asked{body: `{"id":"5d1f","accountEnabled":false}`},
			absent:   asked{status: 404, body: `{"error":{"code":"Request_ResourceNotFound","message":"Resource '5d1f' does not exist"}}`},
			others:   asked{body: `{"id":"77","userPrincipalName":"5d1f","accountEnabled":true}`},
		},
		"pagerduty": {
			open: func(s apiclient.Settings) (directory.Directory, error) {
				return pagerduty.Open(pagerduty.Config{Settings: s, Token: "t"})
			},
			id: "PX1", active: asked{at: "/users/PX1", body: `{"user":{"id":"PX1","email":"a@x.com"}}`}, lacksInactive: true,
			absent: asked{status: 404, body: `{"error":{"message":"Not Found","code":2100}}`}, others: asked{body: `{"user":{"id":"PX2"}}`},
		},
		"gitlab": {
			open: func(s apiclient.Settings) (directory.Directory, error) {
				return gitlab.Open(gitlab.Config{Settings: s, Token: "t", Domain: "gitlab.acme.com"})
			},
			id: "7", active: asked{at: "/api/v4/users/7", body: `{"id":7,"state":"active","bot":true}`},
			inactive: asked{body: `{"id":7,"state":"blocked"}`},
			absent:   asked{status: 404, body: `{"message":"404 User Not Found"}`}, others: asked{body: `{"id":8,"state":"active"}`},
		},
		"datadog": {
			open: func(s apiclient.Settings) (directory.Directory, error) {
				return datadog.Open(datadog.Config{Settings: s, Token: "t", ClientSecret: "u"})
			},
			id: "a-1", active: asked{at: "/api/v2/users/a-1", body: `{"data":{"id":"a-1","attributes":{"status":"Active"}}}`},
			inactive: asked{body: `{"data":{"id":"a-1","attributes":{"disabled":true}}}`},
			absent:   asked{status: 404, body: `{"errors":["user not found"]}`}, others: asked{body: `{"data":{"id":"a-2","attributes":{}}}`},
		},
		"scim": {
			open: func(s apiclient.Settings) (directory.Directory, error) {
				return scim.Open(scim.Config{Settings: apiclient.Settings{BaseURL: s.BaseURL, AllowHTTP: true}, Token: "t"})
			},
			id: "1", active: asked{at: `/Users?count=` + "*" + `&filter=id+eq+%221%22&startIndex=1`, body: `{"totalResults":1,"Resources":[{"id":"1","active":true}]}`},
			inactive: asked{body: `{"totalResults":1,"Resources":[{"id":"1","active":false}]}`},
			absent:   asked{body: `{"totalResults":0}`}, others: asked{body: `{"totalResults":1,"Resources":[{"id":"11","active":true}]}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := []struct {
				name   string
				answer asked
				want   identity.AccountState
			}{
				{"active", tc.active, identity.AccountActive},
				{"inactive", tc.inactive, identity.AccountInactive},
				{"absent", tc.absent, identity.AccountAbsent},
				{"another account", tc.others, identity.AccountAbsent},
				{"a proxy's 404", asked{status: 404, body: "<html>no such page</html>"}, ""},
				{"somebody else's 404", asked{status: 404, body: `{"message":"no route"}`}, ""},
				{"no user", asked{body: `{}`}, ""},
				{"no JSON", asked{body: `{"id":`}, ""},
			}
			for _, step := range steps {
				if step.name == "inactive" && tc.lacksInactive {
					continue
				}
				var wrong string
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPost { // the token of entra
						_, _ = w.Write([]byte(token))
						return
					}
					if name != "scim" && name != "entra" && r.URL.String() != tc.active.at || r.URL.Path != pathOf(tc.active.at) {
						wrong = r.URL.String()
					}
					w.WriteHeader(cmp.Or(step.answer.status, http.StatusOK))
					_, _ = w.Write([]byte(step.answer.body))
				}))
				d, err := tc.open(apiclient.Settings{BaseURL: server.URL, AllowHTTP: true})
				if err != nil {
					t.Fatal(err)
				}
				service := identity.ServiceKey{Type: "other", ExternalID: "x"}
				// Without a list the account is asked for itself.
				got, err := directory.Status(t.Context(), onlyByID{d, d.(directory.IDFinder)}, service, []identity.AccountQuery{{Identity: tc.id}}, "")
				server.Close()
				if wrong != "" {
					t.Errorf("%s: asked %s, want %s", step.name, wrong, tc.active.at)
				}
				switch {
				case step.want == "":
					var e *identity.Error
					if !errors.As(err, &e) && (err != nil || got[0].Status != identity.AccountFailed) {
						t.Errorf("%s: %+v, %v, want an error", step.name, got, err)
					}
				case err != nil || got[0].Status != step.want:
					t.Errorf("%s: %+v, %v, want %s", step.name, got, err, step.want)
				}
			}
		})
	}
}

func pathOf(at string) string {
	r, err := http.NewRequest(http.MethodGet, at, nil)
	if err != nil {
		return at
	}
	return r.URL.Path
}

// onlyByID hides the list of a directory.
type onlyByID struct {
	directory.Directory
	directory.IDFinder
}
