// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/google/go-github/v92/github"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// rest serves the members of a fake as GitHub's REST API lists them, beside
// its GraphQL.
func rest(f fake) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/graphql", f)
	mux.HandleFunc("GET /orgs/acme/members", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+directorytest.Secret {
			directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"message": "Bad credentials"})
			return
		}
		number, size := max(1, number(r, "page")), number(r, "per_page")
		page, _, more := f.world.Slice(f.world.People, (number-1)*size, size)
		users := make([]any, len(page))
		for i, p := range page {
			u := f.user(p)
			users[i] = map[string]any{"login": u["login"], "id": u["databaseId"], "node_id": u["id"], "type": "User"}
		}
		if more {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s/orgs/acme/members?page=%d&per_page=%d>; rel="next"`, r.Host, number+1, size))
		}
		directorytest.SendJSON(w, http.StatusOK, users)
	})
	return mux
}

func number(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.FormValue(name))
	return n
}

func client(t *testing.T, h http.Handler, token string) *sdk.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	base := server.URL + "/"
	c, err := sdk.NewClient(sdk.WithAuthToken(token), sdk.WithURLs(&base, &base))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// go-github reads the same members, over REST as this
// connector does over GraphQL.
func TestSDKReadsTheSame(t *testing.T) {
	t.Parallel()
	var w directorytest.World
	for n := range 7 {
		w.People = append(w.People, directorytest.Person{ID: fmt.Sprintf("login-%d", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	f := fake{world: w, noSAML: true}
	var theirs, ours []string
	c := client(t, rest(f), directorytest.Secret)
	opts := &sdk.ListMembersOptions{ListOptions: sdk.ListOptions{PerPage: 3}}
	for {
		users, resp, err := c.Organizations.ListMembers(t.Context(), "acme", opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range users {
			theirs = append(theirs, u.GetLogin())
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	accounts, err := directory.All(open(t, rest(f), nil).(directory.Lister).Pages(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		ours = append(ours, a.Identity)
	}
	if diff := cmp.Diff(theirs, ours); diff != "" || len(ours) != 7 {
		t.Errorf("members (-SDK +ours):\n%s", diff)
	}
}

// go-github takes GitHub's refusals for what this connector takes them for.
func TestSDKReadsRefusals(t *testing.T) {
	t.Parallel()
	reset := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	for name, tc := range map[string]struct {
		status int
		header map[string]string
		body   string
		theirs func(error) bool
		ours   func(error) bool
	}{
		"primary limit": {http.StatusForbidden, map[string]string{"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset},
			`{"message":"API rate limit exceeded for user ID 1."}`, as[*sdk.RateLimitError], as[*directory.RateLimitError]},
		"secondary limit": {http.StatusForbidden, map[string]string{"Retry-After": "3600"},
			`{"message":"You have exceeded a secondary rate limit.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`,
			as[*sdk.AbuseRateLimitError], as[*directory.RateLimitError]},
		"credential": {http.StatusUnauthorized, nil, `{"message":"Bad credentials"}`, as[*sdk.ErrorResponse],
			func(err error) bool { return errors.Is(err, directory.ErrCredential) }},
		"single sign-on": {http.StatusForbidden, map[string]string{"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso"},
			`{"message":"Resource protected by organization SAML enforcement."}`, as[*sdk.ErrorResponse],
			func(err error) bool { return errors.Is(err, directory.ErrPermission) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range tc.header {
					w.Header().Set(name, value)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			})
			if _, _, err := client(t, h, directorytest.Secret).Organizations.ListMembers(t.Context(), "acme", nil); !tc.theirs(err) {
				t.Errorf("the SDK read it as %T: %v", err, err)
			}
			if _, err := open(t, h, nil).Find(t.Context(), "ann@example.com"); !tc.ours(err) {
				t.Errorf("the connector read it as %v", err)
			}
		})
	}
}

func as[E error](err error) bool {
	var want E
	return errors.As(err, &want)
}
