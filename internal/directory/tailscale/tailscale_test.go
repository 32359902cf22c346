// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package tailscale_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/tailscale"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "tailscale", ExternalID: "example.com"}

// fake is a tailnet. It takes the token as Tailscale does: as a bearer, or as
// the user of a Basic pair.
type fake struct {
	world  directorytest.World
	change func(map[string]any)
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, _, _ := r.BasicAuth()
	switch {
	case r.URL.Path == "/api/v2/oauth/token":
		if r.FormValue("client_id") != "kid" || r.FormValue("client_secret") != directorytest.Secret {
			directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"message": "API token invalid"})
			return
		}
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"access_token": "tskey-" + directorytest.Secret, "expires_in": 3600})
		return
	case r.Header.Get("Authorization") != "Bearer "+directorytest.Secret && r.Header.Get("Authorization") != "Bearer tskey-"+directorytest.Secret && user != directorytest.Secret:
		directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"message": "API token invalid"})
		return
	case r.URL.Path != "/api/v2/tailnet/example.com/users" && r.URL.Path != "/api/v2/tailnet/-/users":
		directorytest.SendJSON(w, http.StatusNotFound, map[string]any{"message": "tailnet not found"})
		return
	}
	users := make([]any, len(f.world.People))
	for i, p := range f.world.People {
		status := "active"
		switch {
		case p.Inactive:
			status = "suspended"
		case p.Pending:
			status = "needs-approval"
		}
		u := map[string]any{"id": p.ID, "displayName": "Somebody", "loginName": p.Emails[0], "type": "member", "role": "member", "status": status}
		if f.change != nil {
			f.change(u)
		}
		users[i] = u
	}
	directorytest.SendJSON(w, http.StatusOK, map[string]any{"users": users})
}

func config(base string) tailscale.Config {
	return tailscale.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Tailnet: service.ExternalID, Token: directorytest.Secret}
}

func subject(change func(*tailscale.Config)) directorytest.Subject {
	return directorytest.Subject{
		Kind:        "tailscale",
		Service:     service,
		AddressIsID: true,
		Fake:        func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			change(&cfg)
			return tailscale.Open(cfg)
		},
	}
}

func conformance(t *testing.T, change func(*tailscale.Config)) {
	directorytest.Run(t, subject(change))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance(t, func(*tailscale.Config) {})
}

func TestConformanceOfAnOAuthClient(t *testing.T) {
	t.Parallel()
	conformance(t, func(c *tailscale.Config) { c.Token, c.ClientID, c.ClientSecret = "", "kid", directorytest.Secret })
}

func TestTraps(t *testing.T) {
	t.Parallel()
	const ann, other = "ann.lee@example.com", "ann.martin@example.com"
	scene := func(people []directorytest.Person, asks ...directorytest.Ask) directorytest.Cell {
		return directorytest.Scenes(directorytest.Scene{World: directorytest.World{People: people}, Asks: asks})
	}
	shared := func(u map[string]any) { u["type"] = "shared" }
	oneUser := directorytest.Cannot("a login name belongs to one user of a tailnet, and users have no other address")
	directorytest.Traps(t, subject(func(*tailscale.Config) {}), map[directorytest.Trap]directorytest.Cell{
		directorytest.Rename: scene([]directorytest.Person{{ID: "1", Emails: []string{other}}},
			directorytest.Stored(ann, "1", identity.AccountRenamed), directorytest.Email(ann, identity.NotFound), directorytest.Email(other, identity.Found, other)),
		directorytest.RenameReuse: scene([]directorytest.Person{{ID: "1", Emails: []string{other}}, {ID: "2", Emails: []string{ann}}},
			directorytest.Stored(ann, "1", identity.AccountReused), directorytest.Email(ann, identity.Found, ann)),
		directorytest.RecycledAddress: scene([]directorytest.Person{{ID: "2", Emails: []string{ann}}},
			directorytest.Stored(ann, "1", identity.AccountReused), directorytest.Email(ann, identity.Found, ann)),
		directorytest.Unverified: directorytest.Cannot("the identity provider of the tailnet proves the login name at every login"),
		directorytest.Guest: directorytest.Scenes(directorytest.Scene{
			Fake: fake{world: directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{ann}}}}, change: shared},
			Asks: []directorytest.Ask{directorytest.Email(ann, identity.NotFound)},
		}),
		directorytest.InactiveTwin:  oneUser,
		directorytest.InactiveOwner: oneUser,
		directorytest.TwoMatches:    oneUser,
		directorytest.ShortList:     directorytest.Cannot("the list is one answer, which is whole or cannot be read"),
	})
}

func open(t *testing.T, h http.Handler, change func(*tailscale.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := tailscale.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStatesAndKinds(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "7", Emails: []string{"ann@example.com"}}}}
	for name, tc := range map[string]struct {
		key, value string
		want       identity.LookupStatus
	}{
		"idle":         {"status", "idle", identity.Found},
		"to approve":   {"status", "needs-approval", identity.Unverified},
		"over billing": {"status", "over-billing-limit", identity.Inactive},
		"shared":       {"type", "shared", identity.NotFound},
	} {
		d := open(t, fake{world: world, change: func(u map[string]any) { u[tc.key] = tc.value }}, nil)
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		if err != nil || answers[0].Status != tc.want {
			t.Errorf("%s: %+v, %v, want %s", name, answers, err, tc.want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	named := func(names ...string) fake {
		f := fake{}
		for _, n := range names {
			f.world.People = append(f.world.People, directorytest.Person{ID: n, Emails: []string{n}})
		}
		return f
	}
	for name, tc := range map[string]struct {
		fake   fake
		change func(*tailscale.Config)
		want   error
	}{
		"people":       {named("ann@example.com", "bob@github"), nil, nil},
		"nobody":       {named(), nil, nil},
		"logins":       {named("ann@github", "bob@github"), nil, directory.ErrRefused},
		"own tailnet":  {named(), func(c *tailscale.Config) { c.Tailnet = "" }, nil},
		"another":      {named(), func(c *tailscale.Config) { c.Tailnet = "elsewhere.com" }, directory.ErrRefused},
		"wrong client": {named(), func(c *tailscale.Config) { c.Token, c.ClientID, c.ClientSecret = "", "kid", "wrong" }, directory.ErrCredential},
	} {
		if err := open(t, tc.fake, tc.change).Check(t.Context()); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestAssumed(t *testing.T) {
	t.Parallel()
	d, err := tailscale.Open(tailscale.Config{Tailnet: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com", "bob@example.org"})
	if err != nil || answers[0].Status != identity.Found || answers[1].Status != identity.NotFound || d.Check(t.Context()) != nil {
		t.Errorf("got %+v, %v", answers, err)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]tailscale.Config{
		"token: it is missing": {Tailnet: "acme.org.github"},
		"token: it is given":   {Token: "t", ClientID: "c"},
		"client_secret: ":      {ClientID: "c"},
		"client_id: ":          {ClientSecret: "c"},
		"base_url: ":           {Token: "t", Settings: apiclient.Settings{BaseURL: "example.com"}},
	} {
		if _, err := tailscale.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject(func(*tailscale.Config) {}))
}
