// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package entra_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/entra"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const tenant = "11111111-2222-3333-4444-555555555555"

var service = identity.ServiceKey{Type: "entra", ExternalID: tenant}

const accessToken = "eyJ0-access-token"

// fake is a tenant: its token endpoint and its users. The first address of a
// person is mail, the others are aliases.
type fake struct {
	world  directorytest.World
	change func(directorytest.Person, map[string]any)
	tokens *int
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
		f.token(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+accessToken {
		fail(w, http.StatusUnauthorized, "InvalidAuthenticationToken")
		return
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/v1.0/users/"); ok {
		for _, p := range f.world.People {
			if p.ID == id {
				directorytest.SendJSON(w, http.StatusOK, f.user(p))
				return
			}
		}
	}
	if r.URL.Path != "/v1.0/users" {
		fail(w, http.StatusNotFound, "Request_ResourceNotFound")
		return
	}
	q := r.URL.Query()
	people := f.world.People
	if q.Has("$filter") {
		people = f.filtered(q.Get("$filter"))
	}
	size, _ := strconv.Atoi(q.Get("$top"))
	start, _ := strconv.Atoi(q.Get("$skiptoken"))
	page, next, more := f.world.Slice(people, start, size)
	value := make([]any, len(page))
	for i, p := range page {
		value[i] = f.user(p)
	}
	answer := map[string]any{"value": value}
	if more {
		q.Set("$skiptoken", strconv.Itoa(next))
		following := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: q.Encode()}
		answer["@odata.nextLink"] = following.String()
	}
	directorytest.SendJSON(w, http.StatusOK, answer)
}

func principalName(p directorytest.Person) string { return p.ID + "@acme.onmicrosoft.example" }

func (f fake) user(p directorytest.Person) map[string]any {
	proxies := []string{"SMTP:" + p.Emails[0], "X500:/o=acme"}
	for _, alias := range p.Emails[1:] {
		proxies = append(proxies, "smtp:"+alias)
	}
	u := map[string]any{"id": p.ID, "displayName": "Some Body", "mail": p.Emails[0], "userPrincipalName": principalName(p), "proxyAddresses": proxies,
		"accountEnabled": !p.Inactive, "userType": "Member"}
	if p.Guest {
		u["userType"], u["userPrincipalName"] = "Guest", p.ID+"_example.com#EXT#@acme.onmicrosoft.example"
	}
	if f.change != nil {
		f.change(p, u)
	}
	return u
}

// filtered reads the two filters that there are, and compares without case.
func (f fake) filtered(filter string) []directorytest.Person {
	unquote := func(s string) string {
		return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(s, "'"), "'"), "''", "'")
	}
	var found []directorytest.Person
	alias, isAlias := strings.CutPrefix(filter, "proxyAddresses/any(p:p eq ")
	mail, _, _ := strings.Cut(strings.TrimPrefix(filter, "mail eq "), " or userPrincipalName eq ")
	for _, p := range f.world.People {
		u := f.user(p)
		address, _ := u["mail"].(string)
		proxies, _ := u["proxyAddresses"].([]string)
		if isAlias && slices.ContainsFunc(proxies, func(proxy string) bool { return strings.EqualFold(proxy, unquote(strings.TrimSuffix(alias, ")"))) }) ||
			!isAlias && (strings.EqualFold(address, unquote(mail)) || strings.EqualFold(u["userPrincipalName"].(string), unquote(mail))) {
			found = append(found, p)
		}
	}
	return found
}

func (f fake) token(w http.ResponseWriter, r *http.Request) {
	if f.tokens != nil {
		*f.tokens++
	}
	if r.URL.Path != "/"+tenant+"/oauth2/v2.0/token" || r.FormValue("client_id") != "app" || r.FormValue("client_secret") != directorytest.Secret ||
		r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != directorytest.Origin(r)+"/.default" {
		directorytest.SendJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."})
		return
	}
	directorytest.SendJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": accessToken})
}

func fail(w http.ResponseWriter, status int, code string) {
	directorytest.SendJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": "refused"}})
}

func config(base string) entra.Config {
	return entra.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Tenant: tenant, ClientID: "app", ClientSecret: directorytest.Secret}
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:    "entra",
		Service: service,
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return entra.Open(cfg)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

// principalNames returns a change of the principal names of users, by id.
func principalNames(byID map[string]string) func(directorytest.Person, map[string]any) {
	return func(p directorytest.Person, u map[string]any) {
		if name, ok := byID[p.ID]; ok {
			u["userPrincipalName"] = name
		}
	}
}

func TestTraps(t *testing.T) {
	t.Parallel()
	const ann, boss = "ann.lee@example.com", "boss@example.com"
	scene := func(people []directorytest.Person, change func(directorytest.Person, map[string]any), asks ...directorytest.Ask) directorytest.Scene {
		return directorytest.Scene{Fake: fake{world: directorytest.World{People: people}, change: change}, Asks: asks}
	}
	twins := []directorytest.Person{{ID: "old", Emails: []string{ann}, Inactive: true}, {ID: "new", Emails: []string{ann}}}
	// An old account of a guest has no type, and a leaver's mailbox is gone.
	untyped := func(_ directorytest.Person, u map[string]any) { u["userType"] = nil }
	noMailbox := func(p directorytest.Person, u map[string]any) {
		if p.ID == "ANN" {
			u["userPrincipalName"], u["mail"], u["proxyAddresses"] = ann, nil, []string{}
		}
	}
	directorytest.Traps(t, subject(), map[directorytest.Trap]directorytest.Cell{
		directorytest.Unverified: directorytest.Cannot("only administrators set the addresses of members of a tenant"),
		directorytest.Pending:    directorytest.Cannot("nobody registers as a member of a tenant by themselves"),
		directorytest.ShortList:  directorytest.Cannot("every page of Microsoft Graph but the last one links to the next"),
		directorytest.Guest: directorytest.Scenes(
			scene([]directorytest.Person{{ID: "1", Emails: []string{ann}, Guest: true}}, nil, directorytest.Email(ann, identity.NotFound)),
			scene([]directorytest.Person{{ID: "1", Emails: []string{ann}, Guest: true}}, untyped, directorytest.Email(ann, identity.NotFound)),
		),
		directorytest.InactiveTwin: directorytest.Scenes(
			scene(twins, principalNames(map[string]string{"new": ann}), directorytest.Email(ann, identity.Found, "new")),
			scene(twins, principalNames(map[string]string{"old": ann}), directorytest.Email(ann, identity.Inactive, "old")),
			scene(twins, nil, directorytest.Email(ann, identity.Ambiguous, "new", "old")),
		),
		directorytest.InactiveOwner: directorytest.Scenes(
			scene([]directorytest.Person{{ID: "ANN", Emails: []string{ann}, Inactive: true}, {ID: "BOSS", Emails: []string{boss, ann}}}, noMailbox,
				directorytest.Email(ann, identity.Inactive, "ANN"), directorytest.Email(boss, identity.Found, "BOSS")),
		),
	})
}

// TestInvitedGuests proves that a guest counts before accepting the invitation.
func TestInvitedGuests(t *testing.T) {
	t.Parallel()
	guest := directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{"ann@example.com"}, Guest: true}}}
	for state, want := range map[any]directory.State{"PendingAcceptance": directory.StateInvited, "Accepted": directory.StateActive, nil: directory.StateActive} {
		f := fake{world: guest, change: func(_ directorytest.Person, u map[string]any) { u["externalUserState"] = state }}
		d := open(t, f, func(c *entra.Config) { c.IncludeGuests = true })
		if got, err := d.Find(t.Context(), "ann@example.com"); err != nil || len(got) == 0 || got[0].State != want || got[0].Name != "Some Body" {
			t.Errorf("%v: Find = %+v, %v, want %s", state, got, err, want)
		}
	}
}

func open(t *testing.T, h http.Handler, change func(*entra.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := entra.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A guest with the same mail as a member is left out; alone it is found only
// where guests are wanted.
func TestGuests(t *testing.T) {
	t.Parallel()
	guest := func(p directorytest.Person, u map[string]any) {
		if p.ID == "guest" {
			u["userType"], u["userPrincipalName"] = "Guest", "ann_example.com#EXT#@acme.onmicrosoft.example"
		}
	}
	both := []directorytest.Person{{ID: "guest", Emails: []string{"ann@example.com"}}, {ID: "member", Emails: []string{"ann@example.com"}}}
	for name, tc := range map[string]struct {
		people []directorytest.Person
		guests bool
		want   identity.LookupStatus
	}{
		"beside a member": {both, false, identity.Found},
		"alone":           {both[:1], false, identity.NotFound},
		"wanted":          {both[:1], true, identity.Found},
		"both wanted":     {both, true, identity.Ambiguous},
	} {
		d := open(t, fake{world: directorytest.World{People: tc.people}, change: guest}, func(c *entra.Config) { c.IncludeGuests = tc.guests })
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		if err != nil || answers[0].Status != tc.want {
			t.Errorf("%s: %+v, %v, want %s", name, answers, err, tc.want)
		}
	}
}

// An address that is the principal name of one and the mail of another is that
// of the one who signs in by it.
func TestPrincipalNameOfAnother(t *testing.T) {
	t.Parallel()
	const address = "ann@acme.onmicrosoft.example"
	people := []directorytest.Person{{ID: "ann", Emails: []string{"ann@example.com"}}, {ID: "bob", Emails: []string{address}}}
	d := open(t, fake{world: directorytest.World{People: people}}, nil)
	for name, way := range map[string]directory.Directory{"lookup": d, "walk": directorytest.ListOnly(d)} {
		answers, err := directory.Lookup(t.Context(), way, service, []string{address})
		if err != nil || answers[0].Matcher["user_id"] != "ann" {
			t.Errorf("%s: %+v, %v, want ann", name, answers, err)
		}
	}
}

// One token serves many requests, and a rejected one is renewed once.
func TestTokens(t *testing.T) {
	t.Parallel()
	var tokens, requests int
	f := fake{tokens: &tokens, world: directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{"ann@example.com"}}}}}
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 3 {
			fail(w, http.StatusUnauthorized, "InvalidAuthenticationToken")
			return
		}
		f.ServeHTTP(w, r)
	}), nil)
	for range 3 {
		if got, err := d.Find(t.Context(), "ann@example.com"); err != nil || len(got) == 0 {
			t.Errorf("Find = %+v, %v", got, err)
		}
	}
	if tokens != 2 {
		t.Errorf("%d tokens were fetched, want one and one more after the 401", tokens)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	if err := open(t, fake{}, func(c *entra.Config) { c.ClientSecret = "wrong" }).Check(t.Context()); !errors.Is(err, directory.ErrCredential) {
		t.Errorf("Check with a wrong secret: %v, want ErrCredential", err)
	}
	if err := open(t, fake{}, func(c *entra.Config) { c.Tenant = "elsewhere.com" }).Check(t.Context()); !errors.Is(err, directory.ErrCredential) {
		t.Errorf("Check in another tenant: %v, want ErrCredential", err)
	}
}

// Graph hides from the permission User.ReadBasic.All who is disabled. Nobody is
// found, or called active, without that.
func TestHiddenStates(t *testing.T) {
	t.Parallel()
	f := fake{world: directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{"ann@example.com"}, Inactive: true}}},
		change: func(_ directorytest.Person, u map[string]any) { u["accountEnabled"], u["proxyAddresses"] = nil, nil }}
	d := open(t, f, nil)
	for name, way := range map[string]directory.Directory{"lookup": d, "walk": directorytest.ListOnly(d)} {
		if got, err := directory.Lookup(t.Context(), way, service, []string{"ann@example.com"}); !errors.Is(err, directory.ErrPermission) {
			t.Errorf("%s: %+v, %v, want ErrPermission", name, got, err)
		}
	}
	if got, err := directory.Status(t.Context(), d, service, []identity.AccountQuery{{Identity: "1"}}, ""); !errors.Is(err, directory.ErrPermission) {
		t.Errorf("Status = %+v, %v, want ErrPermission", got, err)
	}
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrPermission) {
		t.Errorf("Check: %v, want ErrPermission", err)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*entra.Config){
		"base_url: ":      func(c *entra.Config) { c.Tenant = "" },
		"base_url: there": func(c *entra.Config) { c.Tenant = "a/b" },
		"client_id: ":     func(c *entra.Config) { c.ClientID = "" },
		"client_secret: ": func(c *entra.Config) { c.ClientSecret = "" },
		"timeout: ":       func(c *entra.Config) { c.Timeout = -1 },
	} {
		cfg := entra.Config{Tenant: "acme.com", ClientID: "a", ClientSecret: "b"}
		if _, err := entra.Open(cfg); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if _, err := entra.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Open: %v, want %q", err, want)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}
