// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package gitlab_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/gitlab"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "gitlab", ExternalID: "gitlab.example.com"}

// fake is an instance. Its ids are numbers; its search finds parts, as it
// does in names.
type fake struct {
	world  directorytest.World
	change func(map[string]any)
	member bool   // the token is no administrator's
	page   string // of the token's user, where it is not the instance's own
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("PRIVATE-TOKEN") != directorytest.Secret {
		directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"message": "401 Unauthorized"})
		return
	}
	q := r.URL.Query()
	switch r.URL.Path {
	case "/api/v4/user":
		me := map[string]any{"id": 1, "username": "root", "web_url": cmp.Or(f.page, "https://gitlab.example.com/root")}
		if !f.member {
			me["is_admin"] = true
		}
		directorytest.SendJSON(w, http.StatusOK, me)
		return
	case "/api/v4/users":
	default:
		if id, ok := strings.CutPrefix(r.URL.Path, "/api/v4/users/"); ok {
			f.one(w, id)
			return
		}
		directorytest.SendJSON(w, http.StatusNotFound, map[string]any{"message": "404 Not Found"})
		return
	}
	size, _ := strconv.Atoi(q.Get("per_page"))
	start, _ := strconv.Atoi(q.Get("cursor"))
	people, next, more := f.world.Slice(f.world.Containing(q.Get("search")), start, size)
	if more {
		q.Set("cursor", strconv.Itoa(next))
		following := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: q.Encode()}
		w.Header().Set("Link", fmt.Sprintf("<%s>; rel=\"next\", <%s>; rel=\"first\"", &following, r.URL))
	}
	users := make([]any, len(people))
	for i, p := range people {
		users[i] = f.user(p)
	}
	directorytest.SendJSON(w, http.StatusOK, users)
}

func (f fake) one(w http.ResponseWriter, id string) {
	for _, p := range f.world.People {
		if p.ID == id {
			directorytest.SendJSON(w, http.StatusOK, f.user(p))
			return
		}
	}
	directorytest.SendJSON(w, http.StatusNotFound, map[string]any{"message": "404 User Not Found"})
}

func (f fake) user(p directorytest.Person) map[string]any {
	id, _ := strconv.Atoi(p.ID)
	u := map[string]any{"id": id, "username": "user-" + p.ID, "email": p.Emails[0], "public_email": p.Emails[len(p.Emails)-1], "state": "active",
		"confirmed_at": "2026-01-02T03:04:05Z", "bot": false}
	switch {
	case p.Inactive:
		u["state"] = "blocked"
	case p.Pending:
		u["state"] = "blocked_pending_approval"
	}
	if p.Unproved {
		u["confirmed_at"] = nil
	}
	if f.change != nil {
		f.change(u)
	}
	return u
}

func config(base string) gitlab.Config {
	return gitlab.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Domain: service.ExternalID, Token: directorytest.Secret}
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:    "gitlab",
		Service: service,
		ID:      func(n int) string { return strconv.Itoa(n + 10) },
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return gitlab.Open(cfg)
		},
		Limit: func(w http.ResponseWriter, wait time.Duration) {
			now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
			w.Header().Set("Date", now.Format(http.TimeFormat))
			w.Header().Set("RateLimit-Reset", strconv.FormatInt(now.Add(wait).Unix(), 10)) // a Unix time
			w.WriteHeader(http.StatusTooManyRequests)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

func open(t *testing.T, h http.Handler, change func(*gitlab.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := gitlab.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A token that sees no private addresses would call everybody absent.
func TestCheckOtherInstance(t *testing.T) {
	t.Parallel()
	if err := open(t, fake{page: "https://gitlab.example.net/root"}, nil).Check(t.Context()); !errors.Is(err, directory.ErrForeign) {
		t.Errorf("Check: %v, want ErrForeign", err)
	}
}

// With Admin Mode on, a token without admin_mode is an administrator's and
// sees no private address.
func TestCheckAdminMode(t *testing.T) {
	t.Parallel()
	w := directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{"ann@example.com"}}}}
	hidden := func(u map[string]any) { u["email"], u["public_email"] = nil, nil }
	if err := open(t, fake{world: w, change: hidden}, nil).Check(t.Context()); !errors.Is(err, directory.ErrPermission) || !strings.Contains(err.Error(), "admin_mode") {
		t.Errorf("Check: %v, want ErrPermission that asks for admin_mode", err)
	}
}

func TestCheckNeedsAnAdministrator(t *testing.T) {
	t.Parallel()
	if err := open(t, fake{member: true}, nil).Check(t.Context()); !errors.Is(err, directory.ErrPermission) || !strings.Contains(err.Error(), "administrator") {
		t.Errorf("Check: %v, want ErrPermission that asks for an administrator", err)
	}
}

// The token of somebody who is no administrator any more finds people by public
// addresses only. Nobody is called absent by it, asked alone or among others.
func TestNoAdministratorAnyMore(t *testing.T) {
	t.Parallel()
	w := directorytest.World{People: []directorytest.Person{{ID: "7", Emails: []string{"ann@example.com", "public@example.com"}}, {ID: "8", Emails: []string{"bob@example.com"}}}}
	f := fake{world: w, change: func(u map[string]any) {
		delete(u, "email")
		delete(u, "confirmed_at")
		if u["id"] == 8 {
			u["public_email"] = ""
		}
	}}
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if search := r.URL.Query().Get("search"); search != "" && search != "public@example.com" {
			directorytest.SendJSON(w, http.StatusOK, []any{})
			return
		}
		f.ServeHTTP(w, r)
	}), nil)
	for name, way := range map[string]directory.Directory{"lookup": d, "walk": directorytest.ListOnly(d)} {
		for _, email := range []string{"bob@example.com", "public@example.com"} {
			if got, err := directory.Lookup(t.Context(), way, service, []string{email}); !errors.Is(err, directory.ErrPermission) {
				t.Errorf("%s: %+v, %v, want ErrPermission", name, got, err)
			}
		}
	}
}

func TestStatesAndKinds(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "7", Emails: []string{"ann@example.com"}}}}
	for name, tc := range map[string]struct {
		key   string
		value any
		bots  bool
		want  identity.LookupStatus
	}{
		"pending":       {"state", "blocked_pending_approval", false, identity.Unverified},
		"unconfirmed":   {"confirmed_at", nil, false, identity.Unverified},
		"deactivated":   {"state", "deactivated", false, identity.Inactive},
		"banned":        {"state", "banned", false, identity.Inactive},
		"state missing": {"state", nil, false, identity.Found},
		"bot":           {"bot", true, false, identity.NotFound},
		"bot wanted":    {"bot", true, true, identity.Found},
	} {
		d := open(t, fake{world: world, change: func(u map[string]any) { u[tc.key] = tc.value }}, func(c *gitlab.Config) { c.IncludeBots = tc.bots })
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		if err != nil || answers[0].Status != tc.want {
			t.Errorf("%s: %+v, %v, want %s", name, answers, err, tc.want)
		}
	}
}

func TestTraps(t *testing.T) {
	t.Parallel()
	s := subject()
	one, two := s.ID(1), s.ID(2)
	directorytest.Traps(t, s, map[directorytest.Trap]directorytest.Cell{
		directorytest.Guest: directorytest.Cannot("an instance has no guests: external users have accounts of their own"),
		directorytest.InactiveTwin: directorytest.Scenes(directorytest.Scene{
			World: directorytest.World{People: []directorytest.Person{{ID: one, Emails: []string{"ann@example.com"}, Inactive: true}, {ID: two, Emails: []string{"ann@example.com"}}}},
			Asks:  []directorytest.Ask{directorytest.Email("ann@example.com", identity.Ambiguous, one, two)},
		}),
		directorytest.ShortList: directorytest.Scenes(directorytest.Scene{
			World: directorytest.World{People: []directorytest.Person{{ID: one, Emails: []string{"ann@example.com"}}, {ID: two, Emails: []string{"ann.lee@example.com"}}}, PageSize: 1, Repeats: true},
			Asks:  []directorytest.Ask{directorytest.Email("ann.lee@example.com", identity.Failed)}, Ways: []string{directorytest.ByWalk},
		}),
	})
}

// A record that cannot be read concerns its own people.
func TestUnreadableRecord(t *testing.T) {
	t.Parallel()
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		directorytest.SendJSON(w, http.StatusOK, []any{
			map[string]any{"id": 7, "email": "bob@example.com", "state": []string{"active"}},
			map[string]any{"id": 8, "email": "ann@example.com", "state": "active"},
		})
	}), nil)
	answers, err := directory.Lookup(t.Context(), directorytest.ListOnly(d), service, []string{"ann@example.com", "bob@example.com", "eve@example.com"})
	if err != nil || answers[0].Status != identity.Found || answers[1].Status != identity.Failed || answers[2].Status != identity.NotFound {
		t.Errorf("Lookup = %+v, %v, want found, failed and not_found", answers, err)
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}
