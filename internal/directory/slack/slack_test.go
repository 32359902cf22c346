// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package slack_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/slack"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "slack", ExternalID: team}

func config(base string) slack.Config {
	return slack.Config{Settings: apiclient.Settings{BaseURL: base + "/api", AllowHTTP: true, Clock: directorytest.NewClock()},
		Token: directorytest.Secret, Workspace: team}
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:    "slack",
		ID:      func(n int) string { return "U" + strconv.Itoa(n) },
		SignsIn: true,
		Service: service,
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return slack.Open(cfg)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

func openOn(t *testing.T, h http.Handler, change func(*slack.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := slack.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func ann() directorytest.World {
	return directorytest.World{People: []directorytest.Person{{ID: "U1", Emails: []string{"ann@example.com"}}}}
}

// A list without addresses is a token without a scope, not a workspace
// without people.
func TestListWithoutAddresses(t *testing.T) {
	t.Parallel()
	d := openOn(t, fake{world: ann(), noEmails: true}, nil)
	for name, asked := range map[string]directory.Directory{"lookup": d, "list": directorytest.ListOnly(d)} {
		_, err := directory.Lookup(t.Context(), asked, service, []string{"ann@example.com"})
		if !errors.Is(err, directory.ErrPermission) || !strings.Contains(err.Error(), "users:read.email") {
			t.Errorf("%s: %v, want ErrPermission that names the scope", name, err)
		}
	}
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrPermission) {
		t.Errorf("Check: %v, want ErrPermission", err)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	guests := func(c *slack.Config) { c.IncludeGuests = true }
	bots := func(c *slack.Config) { c.IncludeBots = true }
	for name, tc := range map[string]struct {
		key    string
		value  any
		config func(*slack.Config)
		found  bool
	}{
		"bot":                 {"is_bot", true, nil, false},
		"bot wanted":          {"is_bot", true, bots, true},
		"guest":               {"is_restricted", true, nil, false},
		"guest wanted":        {"is_restricted", true, guests, true},
		"single channel":      {"is_ultra_restricted", true, nil, false},
		"slackbot":            {"id", "USLACKBOT", nil, false},
		"another workspace":   {"team_id", "T0OTHER", nil, false},
		"stranger":            {"is_stranger", true, guests, false},
		"invited":             {"is_invited_user", true, nil, true},
		"nothing out of line": {"tz", "Europe/Vienna", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openOn(t, fake{world: ann(), change: func(_ directorytest.Person, u map[string]any) { u[tc.key] = tc.value }}, tc.config)
			answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
			if err != nil || (answers[0].Status == identity.Found) != tc.found {
				t.Errorf("Lookup = %+v, %v, want found %t", answers, err, tc.found)
			}
		})
	}
}

// In an organization of several workspaces a user belongs to all it lists.
func TestEnterprise(t *testing.T) {
	t.Parallel()
	d := openOn(t, fake{world: ann(), change: func(_ directorytest.Person, u map[string]any) {
		u["team_id"] = "T0FIRST"
		u["enterprise_user"] = map[string]any{"teams": []string{"T0FIRST", team}}
	}}, nil)
	answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
	if err != nil || answers[0].Status != identity.Found {
		t.Errorf("Lookup = %+v, %v", answers, err)
	}
}

// A page that is too long for Slack is asked for again, as short as Slack advises.
func TestPageTooLong(t *testing.T) {
	t.Parallel()
	var w directorytest.World
	for n := range 1100 {
		w.People = append(w.People, directorytest.Person{ID: fmt.Sprintf("U%d", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	for name, tc := range map[string]struct {
		fails  func(w http.ResponseWriter)
		limits []string
	}{
		"no failure":   {nil, []string{"999", "999"}},
		"in the body":  {func(w http.ResponseWriter) { fake{}.fail(w, "internal_error") }, []string{"999", "999", "200"}},
		"by its shape": {func(w http.ResponseWriter) { directorytest.SendJSON(w, http.StatusOK, []int{}) }, []string{"999", "999", "200"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var limits []string
			d := openOn(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				limit := r.FormValue("limit")
				limits = append(limits, limit)
				if tc.fails != nil && limit == "999" && r.FormValue("cursor") != "" {
					tc.fails(rw)
					return
				}
				fake{world: w}.ServeHTTP(rw, r)
			}), nil)
			all, err := directory.All(d.(directory.Lister).Pages(t.Context()))
			if diff := cmp.Diff(tc.limits, limits); err != nil || len(all) != 1100 || diff != "" {
				t.Errorf("%d accounts, %v; limits (-want +got):\n%s", len(all), err, diff)
			}
		})
	}
}

func TestCheckOtherWorkspace(t *testing.T) {
	t.Parallel()
	d := openOn(t, fake{world: ann()}, func(c *slack.Config) { c.Workspace = "T0OTHER" })
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrForeign) || !strings.Contains(err.Error(), team) {
		t.Errorf("Check: %v, want ErrForeign that names the workspace", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]error{
		"account_inactive": directory.ErrCredential, "token_revoked": directory.ErrCredential, "no_permission": directory.ErrPermission,
		"fatal_error": directory.ErrUnavailable, "limit_required": directory.ErrRefused, "": directory.ErrUnavailable,
	} {
		d := openOn(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fake{}.fail(w, code) }), nil)
		if _, err := d.Find(t.Context(), "ann@example.com"); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", code, err, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*slack.Config){
		"token: ":    func(c *slack.Config) { c.Token = " " },
		"base_url: ": func(c *slack.Config) { c.BaseURL = "http://slack.example.com"; c.AllowHTTP = false },
		"timeout: ":  func(c *slack.Config) { c.Timeout = -1 },
	} {
		cfg := slack.Config{Token: "t"}
		if _, err := slack.Open(cfg); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if _, err := slack.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Open: %v, want %q", err, want)
		}
	}
}

func slackOpen(base string) (directory.Directory, error) { return slack.Open(config(base)) }

func TestTraps(t *testing.T) {
	t.Parallel()
	directorytest.Traps(t, subject(), map[directorytest.Trap]directorytest.Cell{
		directorytest.Pending:    directorytest.Cannot("nobody waits for approval: members are invited, or join with an address of an allowed domain"),
		directorytest.TwoMatches: directorytest.Cannot("an address is one member's in a workspace"),
		directorytest.ShortList: directorytest.Scenes(
			directorytest.Scene{World: directorytest.World{People: ann().People, Repeats: true}, Ways: []string{directorytest.ByWalk},
				Asks: []directorytest.Ask{directorytest.Email("nobody@example.com", identity.Failed)}},
			directorytest.Scene{Fake: fake{world: ann(), noEmails: true},
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Failed)}},
		),
	})
}

// An address that nobody confirmed is not believed, unless the member was
// invited with it.
func TestProof(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		confirmed any
		invited   bool
		want      identity.LookupStatus
		evidence  identity.Evidence
	}{
		"confirmed":    {true, false, identity.Found, identity.EvidenceVerifiedEmail},
		"unconfirmed":  {false, false, identity.Unverified, ""},
		"invited":      {false, true, identity.Found, identity.EvidenceEmail},
		"does not say": {nil, false, identity.Found, identity.EvidenceEmail},
	} {
		d := openOn(t, fake{world: ann(), change: func(_ directorytest.Person, u map[string]any) {
			u["is_email_confirmed"], u["is_invited_user"] = tc.confirmed, tc.invited
		}}, nil)
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		if err != nil || answers[0].Status != tc.want || answers[0].Evidence != tc.evidence {
			t.Errorf("%s: %+v, %v, want %s by %q", name, answers, err, tc.want, tc.evidence)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}
