// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package okta_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/okta"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}

func config(base string) okta.Config {
	return okta.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Domain: service.ExternalID, Token: directorytest.Secret}
}

// limit is Okta's refusal: the end of the wait is a Unix time by its own clock.
func limit(w http.ResponseWriter, wait time.Duration) {
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	w.Header().Set("Date", now.Format(http.TimeFormat))
	w.Header().Set("X-Rate-Limit-Reset", strconv.FormatInt(now.Add(wait).Unix(), 10))
	fake{}.fail(w, http.StatusTooManyRequests, "E0000047", "API call exceeded rate limit")
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:    "okta",
		SignsIn: true,
		Service: service,
		Limit:   limit,
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return okta.Open(cfg)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

func TestTraps(t *testing.T) {
	t.Parallel()
	const address = "ann.lee@example.com"
	twins := func(inactive bool) directorytest.World {
		return directorytest.World{People: []directorytest.Person{
			{ID: "00uANN", Emails: []string{address}, Inactive: inactive}, {ID: "00uSVC", Emails: []string{address}}}}
	}
	named := func(w directorytest.World, byID map[string]string, ask directorytest.Ask) directorytest.Scene {
		return directorytest.Scene{Fake: fake{world: w, change: logins(byID)}, Asks: []directorytest.Ask{ask}}
	}
	directorytest.Traps(t, subject(), map[directorytest.Trap]directorytest.Cell{
		directorytest.Unverified: directorytest.Cannot("Okta does not show whether an address is confirmed; its administrators set logins and e-mails"),
		directorytest.Pending:    directorytest.Cannot("no state of Okta means that somebody has yet to approve the account"),
		directorytest.Guest:      directorytest.Cannot("Okta has no guests"),
		directorytest.ShortList: directorytest.Scenes(directorytest.Scene{
			Fake: fake{world: twins(false), breaks: true}, Ways: []string{directorytest.ByWalk},
			Asks: []directorytest.Ask{directorytest.Email("bob@example.com", identity.Failed), directorytest.Email(address, identity.Failed)},
		}),
		directorytest.InactiveTwin: directorytest.Scenes(
			named(twins(true), map[string]string{"00uANN": "ann.old@example.com"}, directorytest.Email(address, identity.Found, "00uSVC")),
			named(twins(true), map[string]string{"00uSVC": "ann.new@example.com"}, directorytest.Email(address, identity.Inactive, "00uANN")),
		),
		directorytest.TwoMatches: directorytest.Scenes(
			named(twins(false), map[string]string{"00uANN": "ann.martin@example.com", "00uSVC": "svc-backup"}, directorytest.Email(address, identity.Ambiguous, "00uANN", "00uSVC")),
			named(twins(false), map[string]string{"00uSVC": "svc-backup"}, directorytest.Email(address, identity.Found, "00uANN")),
		),
	})
}

func find(t *testing.T, h http.Handler, email string) identity.LookupResult {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	d, err := okta.Open(config(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	answers, err := directory.Lookup(t.Context(), d, service, []string{email})
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

// TestLimitByCode proves that Okta's own code of a limit counts with any status.
func TestLimitByCode(t *testing.T) {
	t.Parallel()
	n := 0
	f := fake{world: directorytest.World{People: []directorytest.Person{{ID: "00u1", Emails: []string{"ann@example.com"}}}}}
	got := find(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			f.fail(w, http.StatusForbidden, "E0000047", "API call exceeded rate limit due to too many requests")
			return
		}
		f.ServeHTTP(w, r)
	}), "ann@example.com")
	if got.Status != identity.Found {
		t.Errorf("got %+v after %d requests", got, n)
	}
}

// TestSearchLags proves that an account that was created a moment ago is found,
// even if the search shows another one with the address as second e-mail.
func TestSearchLags(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{
		{ID: "00u2", Emails: []string{"bob@example.com", "ann@example.com"}}, {ID: "00u1", Emails: []string{"ann@example.com"}}}}
	if got := find(t, fake{world: world, lags: true}, "ann@example.com"); got.Status != identity.Found || got.Matcher["user_id"] != "00u1" {
		t.Errorf("got %+v", got)
	}
}

// TestSearchLagsBehindTheOwner proves that an account whose login is the address
// has it, even if the search shows only another one with it as its e-mail.
func TestSearchLagsBehindTheOwner(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{
		{ID: "00uSVC", Emails: []string{"ann@example.com"}}, {ID: "00uANN", Emails: []string{"ann@example.com"}}}}
	f := fake{world: world, change: logins(map[string]string{"00uSVC": "svc-backup"}), hides: "00uANN"}
	if got := find(t, f, "ann@example.com"); got.Status != identity.Found || got.Matcher["user_id"] != "00uANN" {
		t.Errorf("got %+v", got)
	}
}

// A login that only looks like the address is another one: the long s is no s.
func TestSearchFindsALookAlike(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "00u1", Emails: []string{"sam@example.com"}}, {ID: "00u2", Emails: []string{"\u017fam@example.com"}}}}
	if got := find(t, fake{world: world, hides: "00u1"}, "sam@example.com"); got.Status != identity.Found || got.Matcher["user_id"] != "00u1" {
		t.Errorf("got %+v", got)
	}
}

// The account whose login is the address comes before one that has it as its
// e-mail only.
func TestLoginBeforeEmail(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{
		{ID: "00u1", Emails: []string{"ann@example.com"}},
		{ID: "00u2", Emails: []string{"ann@example.com"}},
	}}
	got := find(t, fake{world: world, change: logins(map[string]string{"00u1": "shared@example.com"})}, "ann@example.com")
	if id, _ := got.Matcher.Identity("okta"); got.Status != identity.Found || id != "00u2" {
		t.Errorf("got %+v", got)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]identity.LookupStatus{
		"ACTIVE": identity.Found, "PASSWORD_EXPIRED": identity.Found, "LOCKED_OUT": identity.Found, "RECOVERY": identity.Found,
		"STAGED": identity.Found, "PROVISIONED": identity.Found, "NEW_ONE": identity.Found,
		"SUSPENDED": identity.Inactive, "DEPROVISIONED": identity.Inactive,
	} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v1/users" {
				fake{}.fail(w, http.StatusNotFound, "E0000007", "Not found")
				return
			}
			directorytest.SendJSON(w, http.StatusOK, []any{map[string]any{"id": "00u1", "status": status, "profile": map[string]any{"login": "ann", "email": "ann@example.com"}}})
		})
		if got := find(t, h, "ann@example.com"); got.Status != want {
			t.Errorf("%s: %s, want %s", status, got.Status, want)
		}
	}
}

// A token for another organization than the service's is not even sent.
func TestCheckOtherOrganization(t *testing.T) {
	t.Parallel()
	d, err := okta.Open(okta.Config{Settings: apiclient.Settings{BaseURL: "https://other.okta.com"}, Domain: service.ExternalID, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrForeign) {
		t.Errorf("Check: %v, want ErrForeign", err)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*okta.Config)
		want   string
	}{
		"no token":     {func(c *okta.Config) { c.Token = "" }, "token: "},
		"line break":   {func(c *okta.Config) { c.Token = "a\nb" }, "token: "},
		"no domain":    {func(c *okta.Config) { c.Domain = "acme" }, "base_url: "},
		"path":         {func(c *okta.Config) { c.Domain = "evil.example.com/acme.okta.com" }, "base_url: "},
		"user":         {func(c *okta.Config) { c.Domain = "acme.okta.com@evil.example.com" }, "base_url: "},
		"console":      {func(c *okta.Config) { c.Domain = "acme-admin.okta.com" }, "base_url: "},
		"bad base_url": {func(c *okta.Config) { c.BaseURL = "acme.okta.com" }, "base_url: "},
	} {
		cfg := okta.Config{Domain: "acme.okta.com", Token: "t"}
		if _, err := okta.Open(cfg); err != nil {
			t.Fatal(err)
		}
		tc.change(&cfg)
		if _, err := okta.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}
