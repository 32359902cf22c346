// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package datadog_test

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
	"github.com/sym-identity/terraform-provider-sym/internal/directory/datadog"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "datadog", ExternalID: "abc123"}

const apiKey = "0123456789abcdef"

type fake struct {
	world   directorytest.World
	change  func(map[string]any)
	noCount bool // the answer has no meta
	hidden  int  // users that are counted and not listed
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("DD-API-KEY") != apiKey || r.Header.Get("DD-APPLICATION-KEY") != directorytest.Secret {
		directorytest.SendJSON(w, http.StatusForbidden, map[string]any{"errors": []string{"Forbidden"}})
		return
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/api/v2/users/"); ok {
		for _, p := range f.world.People {
			if p.ID == id {
				directorytest.SendJSON(w, http.StatusOK, map[string]any{"data": f.user(p)})
				return
			}
		}
	}
	if r.URL.Path != "/api/v2/users" {
		directorytest.SendJSON(w, http.StatusNotFound, map[string]any{"errors": []string{"Not Found"}})
		return
	}
	q := r.URL.Query()
	size, _ := strconv.Atoi(q.Get("page[size]"))
	if f.world.PageSize > 0 {
		size = min(size, f.world.PageSize)
	}
	number, _ := strconv.Atoi(q.Get("page[number]"))
	all := f.world.Containing(q.Get("filter"))
	people, _, _ := f.world.Slice(all, number*size, size)
	data := make([]any, len(people))
	for i, p := range people {
		data[i] = f.user(p)
	}
	answer := map[string]any{"data": data, "included": []any{map[string]any{"type": "orgs", "id": "org-uuid", "attributes": map[string]any{"name": "Acme", "public_id": "abc123"}}}}
	if !f.noCount {
		answer["meta"] = map[string]any{"page": map[string]any{"total_count": len(f.world.People), "total_filtered_count": len(all) + f.hidden}}
	}
	directorytest.SendJSON(w, http.StatusOK, answer)
}

func (f fake) user(p directorytest.Person) map[string]any {
	status := "Active"
	if p.Inactive {
		status = "Disabled"
	}
	attributes := map[string]any{"email": p.Emails[0], "handle": p.Emails[0], "status": status, "disabled": p.Inactive, "service_account": false, "verified": !p.Unproved}
	if f.change != nil {
		f.change(attributes)
	}
	return map[string]any{"type": "users", "id": p.ID, "attributes": attributes}
}

func config(base string) datadog.Config {
	return datadog.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Organization: service.ExternalID, Token: apiKey, ClientSecret: directorytest.Secret}
}

func subject(fake func(directorytest.World) http.Handler) directorytest.Subject {
	return directorytest.Subject{
		Kind:    "datadog",
		SignsIn: true,
		Service: service,
		Fake:    fake,
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return datadog.Open(cfg)
		},
		Limit: func(w http.ResponseWriter, wait time.Duration) {
			w.Header().Set("X-Ratelimit-Reset", strconv.Itoa(int(wait/time.Second))) // seconds to wait
			directorytest.SendJSON(w, http.StatusTooManyRequests, map[string]any{"errors": []string{"Rate limit exceeded"}})
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject(func(w directorytest.World) http.Handler { return fake{world: w} }))
}

func TestConformanceWithoutCount(t *testing.T) {
	t.Parallel()
	s := subject(func(w directorytest.World) http.Handler { return fake{world: w, noCount: true} })
	s.Variant = "without a count"
	s.Lacks = directorytest.Lacking("its answers have no count", directorytest.NeedsCount()...)
	directorytest.Run(t, s)
}

func open(t *testing.T, h http.Handler, change func(*datadog.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := datadog.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCheckOfTheOrganization(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{"abc123": nil, "acme": nil, "ORG-uuid": nil, "": nil, "other": directory.ErrForeign} {
		err := open(t, fake{}, func(c *datadog.Config) { c.Organization = name }).Check(t.Context())
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", name, err, want)
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
		"pending":         {"status", "Pending", false, identity.Found},
		"unverified":      {"verified", false, false, identity.Unverified},
		"does not say":    {"verified", nil, false, identity.Found},
		"disabled":        {"disabled", true, false, identity.Inactive},
		"service account": {"service_account", true, false, identity.NotFound},
		"and wanted":      {"service_account", true, true, identity.Found},
	} {
		d := open(t, fake{world: world, change: func(u map[string]any) { u[tc.key] = tc.value }}, func(c *datadog.Config) { c.IncludeBots = tc.bots })
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		if err != nil || answers[0].Status != tc.want {
			t.Errorf("%s: %+v, %v, want %s", name, answers, err, tc.want)
		}
	}
}

// A user who is not verified has no proved address: neither the e-mail nor the handle.
func TestUnverifiedHandle(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "7", Emails: []string{"ceo@example.com"}}}}
	for verified, want := range map[any]identity.LookupStatus{true: identity.Found, false: identity.Unverified, nil: identity.Found} {
		d := open(t, fake{world: world, change: func(u map[string]any) { u["email"], u["verified"] = "new@else.example", verified }}, nil)
		answers, err := directory.Lookup(t.Context(), directorytest.ListOnly(d), service, []string{"ceo@example.com"})
		if err != nil || answers[0].Status != want || answers[0].Evidence == identity.EvidenceVerifiedEmail {
			t.Errorf("%v: %+v, %v, want %s", verified, answers, err, want)
		}
	}
}

// Fewer users than counted, and then an empty page, is no whole list.
func TestListTooShort(t *testing.T) {
	t.Parallel()
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"data": []any{}, "meta": map[string]any{"page": map[string]any{"total_filtered_count": 3}}})
	}), nil)
	if got, err := d.Find(t.Context(), "ann@example.com"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("Find = %+v, %v, want ErrUnavailable", got, err)
	}
}

func TestTraps(t *testing.T) {
	t.Parallel()
	people := []directorytest.Person{{ID: "u-1", Emails: []string{"ann@example.com"}}, {ID: "u-2", Emails: []string{"bob@example.com"}}}
	directorytest.Traps(t, subject(func(w directorytest.World) http.Handler { return fake{world: w} }), map[directorytest.Trap]directorytest.Cell{
		directorytest.Pending: directorytest.Cannot("nobody registers by themselves: pending users were invited by an administrator"),
		directorytest.Guest:   directorytest.Cannot("an organization has no guests"),
		directorytest.ShortList: directorytest.Scenes(
			directorytest.Scene{Fake: fake{world: directorytest.World{People: people}, hidden: 3},
				Asks: []directorytest.Ask{directorytest.Email("nobody@example.com", identity.Failed)}},
			directorytest.Scene{Fake: fromOne{fake{world: directorytest.World{People: people}}}, Ways: []string{directorytest.ByWalk}, // pages count from 0
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Failed)}},
		),
	})
}

// fromOne is a service that counts its pages from 1 and takes 0 for 1.
type fromOne struct{ fake }

func (f fromOne) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number, _ := strconv.Atoi(q.Get("page[number]"))
	q.Set("page[number]", strconv.Itoa(max(number-1, 0)))
	r.URL.RawQuery = q.Encode()
	f.world.PageSize = 1
	f.fake.ServeHTTP(w, r)
}

// The address of somebody invited is the administrator's word.
func TestInvitedIsBelieved(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "7", Emails: []string{"ann@example.com"}, Unproved: true}}}
	d := open(t, fake{world: world, change: func(u map[string]any) { u["status"] = "Pending" }}, nil)
	answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
	if err != nil || answers[0].Status != identity.Found || answers[0].Evidence != identity.EvidenceEmail {
		t.Errorf("Lookup = %+v, %v", answers, err)
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject(func(w directorytest.World) http.Handler { return fake{world: w} }))
}
