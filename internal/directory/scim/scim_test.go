// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package scim_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/scim"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "scim", ExternalID: "acme"}

func subject(server func(directorytest.World) http.Handler) directorytest.Subject {
	return directorytest.Subject{
		Kind:    "scim",
		SignsIn: true,
		Service: service,
		Fake:    server,
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			return scim.Open(scim.Config{Settings: apiclient.Settings{BaseURL: env.BaseURL + "/scim/v2/", AllowHTTP: true, Clock: env.Clock}, Token: env.Secret})
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject(func(w directorytest.World) http.Handler { return fake{world: w} }))
}

// A server that filters by userName only serves all cases but one.
func TestConformanceUserNameOnly(t *testing.T) {
	t.Parallel()
	s := subject(func(w directorytest.World) http.Handler { return fake{world: w, userNameOnly: true} })
	s.Variant = "filters by userName only"
	s.Lacks = directorytest.Lacking("the server cannot search for aliases", directorytest.Alias)
	directorytest.Run(t, s)
}

// A server that ignores filters answers every search with its whole list.
func TestConformanceFilterIgnored(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject(func(w directorytest.World) http.Handler { return fake{world: w, ignoresFilter: true} }))
}

// A server that compares case serves all cases: the connector notices.
func TestConformanceCased(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject(func(w directorytest.World) http.Handler { return fake{world: w, cased: true} }))
}

func open(t *testing.T, h http.Handler, change func(*scim.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := scim.Config{Settings: apiclient.Settings{BaseURL: server.URL + "/scim/v2", AllowHTTP: true, Clock: directorytest.NewClock()}, Token: directorytest.Secret}
	if change != nil {
		change(&cfg)
	}
	d, err := scim.Open(cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return d
}

func answering(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestIDAttribute(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "7", Emails: []string{"ann@example.com"}}}}
	for attribute, want := range map[string]string{"": "7", "id": "7", "userName": "ann@example.com", "externalId": "ext-7"} {
		t.Run(attribute, func(t *testing.T) {
			t.Parallel()
			d := open(t, fake{world: world}, func(c *scim.Config) { c.IDAttribute = attribute })
			answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(identity.Matcher{"user_id": want}, answers[0].Matcher); diff != "" {
				t.Errorf("matcher (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want []directory.Account // of each of the two searches
		fail bool
	}{
		"no Resources":   {body: `{"totalResults":0}`},
		"null Resources": {body: `{"totalResults":0,"Resources":null}`},
		"active as a string": {
			body: `{"totalResults":1,"Resources":[{"id":"1","userName":"ann","active":"False","emails":[{"value":"ann@example.com"}]}]}`,
			want: []directory.Account{{Identity: "1", SignIn: "ann", Addresses: directory.Primaries("ann@example.com"), State: directory.StateInactive}},
		},
		"active missing, id a number": {
			body: `{"totalResults":1,"Resources":[{"id":12345678901234567890,"userName":"ann@example.com"}]}`,
			want: []directory.Account{{Identity: "12345678901234567890", SignIn: "ann@example.com", Addresses: directory.Primaries("ann@example.com")}},
		},
		"primary and sign-in name": {
			body: `{"totalResults":1,"Resources":[{"id":"1","userName":"u@example.com","active":true,"emails":[{"value":"a@example.com"},{"value":"b@example.com","primary":true},{"value":null}]}]}`,
			want: []directory.Account{
				{Identity: "1", SignIn: "u@example.com", Addresses: append(directory.Primaries("b@example.com", "u@example.com"), directory.Aliases("a@example.com")...), State: directory.StateActive},
			},
		},
		"none is primary": {
			body: `{"totalResults":1,"Resources":[{"id":"1","userName":"u","active":true,"emails":[{"value":"a@example.com"},{"value":"b@example.com"}]}]}`,
			want: []directory.Account{
				{Identity: "1", SignIn: "u", Addresses: directory.Primaries("a@example.com", "b@example.com"), State: directory.StateActive},
			},
		},
		"an error with status 200":   {body: `{"error":"try later"}`, fail: true},
		"an empty object":            {body: `{}`, fail: true},
		"null":                       {body: `null`, fail: true},
		"negative count":             {body: `{"totalResults":-1}`, fail: true},
		"counted but not listed":     {body: `{"totalResults":1}`, fail: true},
		"active is neither":          {body: `{"totalResults":1,"Resources":[{"id":"1","active":"maybe"}]}`, fail: true},
		"id is an object":            {body: `{"totalResults":1,"Resources":[{"id":{}}]}`, fail: true},
		"more after the first value": {body: `{"totalResults":0}{}`, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := open(t, answering(200, tc.body), nil).Find(t.Context(), "ann@example.com")
			if tc.fail {
				if !errors.Is(err, directory.ErrUnavailable) {
					t.Fatalf("Find = %+v, %v, want ErrUnavailable", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append(tc.want, tc.want...), got); diff != "" {
				t.Errorf("Find (-want +got):\n%s", diff)
			}
		})
	}
}

// Only invalidFilter, and only for the second search, is no failure.
func TestRefusedFilter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, second string // body of a 400; "" = an empty list
		fail          bool
	}{
		"second invalid":        {second: `{"scimType":"invalidFilter","status":"400"}`},
		"second too many":       {second: `{"scimType":"tooMany","status":"400"}`, fail: true},
		"second without a type": {second: `{"status":"400"}`, fail: true},
		"second not JSON":       {second: `invalidFilter`, fail: true},
		"first invalid":         {first: `{"scimType":"invalidFilter","status":"400"}`, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := tc.second
				if !r.URL.Query().Has("filter") {
					body = ""
				}
				if strings.HasPrefix(r.URL.Query().Get("filter"), "userName") {
					body = tc.first
				}
				if body == "" {
					_, _ = io.WriteString(w, `{"totalResults":0}`)
					return
				}
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, body)
			}), nil)
			if got, err := d.Find(t.Context(), "ann@example.com"); (err != nil) != tc.fail || len(got) > 0 {
				t.Errorf("Find = %+v, %v, want failure %t", got, err, tc.fail)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*scim.Config)
		want   string
	}{
		"no URL":      {func(c *scim.Config) { c.BaseURL = "" }, "base_url: "},
		"plain http":  {func(c *scim.Config) { c.BaseURL = "http://example.com" }, "base_url: "},
		"userinfo":    {func(c *scim.Config) { c.BaseURL = "https://me:hunter22@example.com" }, "base_url: "},
		"query":       {func(c *scim.Config) { c.BaseURL = "https://example.com/?key=hunter22" }, "base_url: "},
		"no host":     {func(c *scim.Config) { c.BaseURL = "example.com/scim" }, "base_url: "},
		"no token":    {func(c *scim.Config) { c.Token = " " }, "token: "},
		"attribute":   {func(c *scim.Config) { c.IDAttribute = "username" }, "id_attribute: "},
		"bad timeout": {func(c *scim.Config) { c.Timeout = -1 }, "timeout: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := scim.Config{Settings: apiclient.Settings{BaseURL: "https://example.com/scim/v2"}, Token: "t"}
			if _, err := scim.Open(cfg); err != nil {
				t.Fatalf("Open of a good configuration: %v", err)
			}
			tc.change(&cfg)
			_, err := scim.Open(cfg)
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter22") {
				t.Errorf("Open: %v, want an error that begins with %q and shows no password", err, tc.want)
			}
		})
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject(func(w directorytest.World) http.Handler { return fake{world: w} }))
}
