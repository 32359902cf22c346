// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package auth0_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/auth0"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "custom", ExternalID: "acme"}

const accessToken = "eyJ0-access-token"

// fake is a tenant. users-by-email compares with case, the search without.
type fake struct {
	world       directorytest.World
	connections []string // of the n-th person
	change      func(user map[string]any)
	missing     int  // people that the list counts and does not show
	ownCount    bool // the list's count is the page's
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, message string) {
		directorytest.SendJSON(w, status, map[string]any{"statusCode": status, "error": http.StatusText(status), "message": message})
	}
	q := r.URL.Query()
	if r.URL.Path == "/oauth/token" {
		var body map[string]string
		if json.NewDecoder(r.Body).Decode(&body) != nil || body["client_id"] != "app" || body["client_secret"] != directorytest.Secret || body["audience"] != directorytest.Origin(r)+"/api/v2/" {
			directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"error": "access_denied"})
			return
		}
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"access_token": accessToken, "expires_in": 86400})
		return
	}
	if auth := r.Header.Get("Authorization"); auth != "Bearer "+accessToken && auth != "Bearer "+directorytest.Secret {
		fail(http.StatusUnauthorized, "Invalid token")
		return
	}
	people := f.world.People
	switch {
	case r.URL.Path == "/api/v2/users-by-email":
		people = nil
		for _, p := range f.world.People {
			if p.Emails[0] == q.Get("email") {
				people = append(people, p)
			}
		}
		directorytest.SendJSON(w, http.StatusOK, f.rows(people))
		return
	case r.URL.Path != "/api/v2/users":
		fail(http.StatusNotFound, "Not Found")
		return
	case q.Has("q"):
		var address string
		if json.Unmarshal([]byte(strings.TrimPrefix(q.Get("q"), "email:")), &address) != nil {
			fail(http.StatusBadRequest, "Failed to parse query")
			return
		}
		people = f.world.Holders(address)
	}
	size, _ := strconv.Atoi(q.Get("per_page"))
	if f.world.PageSize > 0 {
		size = min(size, f.world.PageSize)
	}
	number, _ := strconv.Atoi(q.Get("page"))
	if (number+1)*size > 1000 {
		fail(http.StatusBadRequest, "You can only page through the first 1000 records.")
		return
	}
	page, _, _ := f.world.Slice(people, number*size, size)
	if q.Get("include_totals") != "true" {
		directorytest.SendJSON(w, http.StatusOK, f.rows(page))
		return
	}
	total := len(people) + f.missing
	if f.ownCount {
		total = len(page)
	}
	directorytest.SendJSON(w, http.StatusOK, map[string]any{"start": number * size, "limit": size, "length": len(page), "total": total, "users": f.rows(page)})
}

func (f fake) rows(people []directorytest.Person) []any {
	rows := []any{}
	for i, p := range people {
		connection := "Username-Password-Authentication"
		if i < len(f.connections) {
			connection = f.connections[i]
		}
		row := map[string]any{"user_id": p.ID, "email": p.Emails[0], "email_verified": !p.Unproved, "name": "Some Body", "blocked": p.Inactive,
			"identities": []any{map[string]any{"provider": "x", "connection": connection, "user_id": "1"}}}
		if f.change != nil {
			f.change(row)
		}
		rows = append(rows, row)
	}
	return rows
}

func config(base string) auth0.Config {
	return auth0.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()}, ClientID: "app", ClientSecret: directorytest.Secret}
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:    "auth0",
		Service: service,
		ID:      func(n int) string { return "auth0|" + strconv.Itoa(n+10) },
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return auth0.Open(cfg)
		},
		Limit: func(w http.ResponseWriter, wait time.Duration) {
			now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
			w.Header().Set("Date", now.Format(http.TimeFormat))
			w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(now.Add(wait).Unix(), 10))
			w.WriteHeader(http.StatusTooManyRequests)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

func TestConformanceWithToken(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, directorytest.Subject{
		Kind:    "auth0",
		Variant: "a token in place of an application",
		Service: service,
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile, cfg.Token, cfg.ClientID, cfg.ClientSecret = env.Clock, env.CAFile, env.Secret, "", ""
			return auth0.Open(cfg)
		},
	})
}

func TestTraps(t *testing.T) {
	t.Parallel()
	const ann = "ann.lee@example.com"
	owner := directorytest.Person{ID: "auth0|1", Emails: []string{ann}}
	blocked := directorytest.Person{ID: "google-oauth2|1", Emails: []string{"Ann.Lee@Example.com"}, Inactive: true}
	var full directorytest.World
	for n := range 150 {
		full.People = append(full.People, directorytest.Person{ID: "auth0|" + strconv.Itoa(n), Emails: []string{"p" + strconv.Itoa(n) + "@example.com"}})
	}
	short := func(f fake) directorytest.Scene {
		return directorytest.Scene{Fake: f, Ways: []string{directorytest.ByWalk}, Asks: []directorytest.Ask{
			directorytest.Email(ann, identity.Failed), directorytest.Email("p7@example.com", identity.Failed), directorytest.Stored("auth0|999", "", identity.AccountFailed)}}
	}
	directorytest.Traps(t, subject(), map[directorytest.Trap]directorytest.Cell{
		directorytest.Pending: directorytest.Cannot("Auth0 has no approval of users; whoever registers with an address shows in email_verified"),
		directorytest.Guest:   directorytest.Cannot("Auth0 does not tell guests from others"),
		// The connections of one person may spell the address differently.
		directorytest.InactiveTwin: directorytest.Scenes(directorytest.Scene{
			World: directorytest.World{People: []directorytest.Person{owner, blocked}},
			Asks:  []directorytest.Ask{directorytest.Email(ann, identity.Ambiguous, owner.ID, blocked.ID)},
		}),
		directorytest.InactiveOwner: directorytest.Cannot("users have one address"),
		directorytest.ShortList:     directorytest.Scenes(short(fake{world: full, missing: 1}), short(fake{world: full, ownCount: true}), short(fake{missing: 2})),
	})
}

// TestUnverified proves that whoever registers with the address of another is not
// found, that a service without the flag is believed, and what a person decides.
func TestUnverified(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "auth0|x", Emails: []string{"ceo@example.com"}}}}
	for value, want := range map[any]identity.LookupStatus{true: identity.Found, false: identity.Unverified, nil: identity.Found,
		"true": identity.Found, "false": identity.Unverified, "ceo@example.com": identity.Failed} {
		d := open(t, fake{world: world, change: func(u map[string]any) { u["email_verified"] = value }}, nil)
		for name, way := range map[string]directory.Directory{"lookup": d, "walk": directorytest.ListOnly(d)} {
			answers, err := directory.Lookup(t.Context(), way, service, []string{"ceo@example.com"})
			if err != nil || answers[0].Status != want || (answers[0].Evidence == identity.EvidenceVerifiedEmail) != (value == true || value == "true") {
				t.Errorf("%s, %v: %+v, %v, want %s", name, value, answers, err, want)
			}
		}
	}
}

func open(t *testing.T, h http.Handler, change func(*auth0.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := auth0.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// One person has a row for every connection; a setting picks one of them.
func TestConnections(t *testing.T) {
	t.Parallel()
	f := fake{connections: []string{"google-oauth2", "samlp-acme"}, world: directorytest.World{People: []directorytest.Person{
		{ID: "google-oauth2|1", Emails: []string{"ann@example.com"}}, {ID: "samlp|acme|2", Emails: []string{"ann@example.com"}}}}}
	for connection, want := range map[string]identity.LookupStatus{"": identity.Ambiguous, "samlp-acme": identity.Found, "github": identity.NotFound} {
		d := open(t, f, func(c *auth0.Config) { c.Connection = connection })
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		if err != nil || answers[0].Status != want {
			t.Errorf("%q: %+v, %v, want %s", connection, answers, err, want)
		}
	}
	// An account may be in the connection if its connections cannot be read.
	torn := fake{world: directorytest.World{People: f.world.People[:1]}, change: func(u map[string]any) { u["identities"] = []any{map[string]any{"connection": 7}} }}
	d := open(t, torn, func(c *auth0.Config) { c.Connection = "samlp-acme" })
	answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
	if err != nil || answers[0].Status != identity.Failed {
		t.Errorf("connections that cannot be read: %+v, %v", answers, err)
	}
}

// A tenant with more users than Auth0 lists is looked up, not called empty.
func TestMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	var w directorytest.World
	for n := range 1000 {
		w.People = append(w.People, directorytest.Person{ID: "auth0|" + strconv.Itoa(n), Emails: []string{"p" + strconv.Itoa(n) + "@example.com"}})
	}
	d := open(t, fake{world: w}, nil)
	var last error
	for _, err := range d.(directory.Lister).Pages(t.Context()) {
		last = err
	}
	if !errors.Is(last, directory.ErrTruncated) {
		t.Errorf("the list ended with %v, want ErrTruncated", last)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]auth0.Config{
		"base_url: ":      {Token: "t"},
		"token: ":         {Domain: "acme.auth0.com", Token: "t", ClientID: "c"},
		"client_id: ":     {Domain: "acme.auth0.com"},
		"client_secret: ": {Domain: "acme.auth0.com", ClientID: "c"},
	} {
		if _, err := auth0.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}
