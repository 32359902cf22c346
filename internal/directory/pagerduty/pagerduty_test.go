// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package pagerduty_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/pagerduty"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "pagerduty", ExternalID: "acme.pagerduty.com"}

// fake is an account. Its search finds parts of addresses, its limit is 25 unless
// asked for more, and the total is sent only if asked for.
type fake struct {
	world   directorytest.World
	noCount bool
	hidden  int // users that are counted and not listed
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Token token="+directorytest.Secret {
		f.fail(w, http.StatusUnauthorized, 2006, "Unauthorized")
		return
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/users/"); ok {
		for _, p := range f.world.People {
			if p.ID == id {
				directorytest.SendJSON(w, http.StatusOK, map[string]any{"user": user(p)})
				return
			}
		}
	}
	if r.URL.Path != "/users" {
		f.fail(w, http.StatusNotFound, 2100, "Not Found")
		return
	}
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		limit = 25
	}
	offset, _ := strconv.Atoi(q.Get("offset"))
	if offset+limit > 10_000 {
		f.fail(w, http.StatusBadRequest, 2001, "Offset is too large")
		return
	}
	all := f.world.Containing(q.Get("query"))
	people, _, more := f.world.Slice(all, offset, min(limit, 100))
	users := make([]any, len(people))
	for i, p := range people {
		users[i] = user(p)
	}
	var total any
	if q.Get("total") == "true" && !f.noCount {
		total = len(all) + f.hidden
	}
	directorytest.SendJSON(w, http.StatusOK, map[string]any{"users": users, "limit": limit, "offset": offset, "more": more, "total": total})
}

func user(p directorytest.Person) map[string]any {
	return map[string]any{"id": p.ID, "type": "user", "name": "Somebody", "email": p.Emails[0], "role": "user", "invitation_sent": false,
		"html_url": "https://acme.pagerduty.com/users/" + p.ID}
}

func (fake) fail(w http.ResponseWriter, status, code int, message string) {
	directorytest.SendJSON(w, status, map[string]any{"error": map[string]any{"message": message, "code": code, "errors": []string{}}})
}

func config(base string) pagerduty.Config {
	return pagerduty.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Subdomain: service.ExternalID, Token: directorytest.Secret}
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:    "pagerduty",
		Service: service,
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return pagerduty.Open(cfg)
		},
		Limit: func(w http.ResponseWriter, wait time.Duration) {
			w.Header().Set("ratelimit-reset", strconv.Itoa(int(wait/time.Second))) // seconds to wait, no time
			fake{}.fail(w, http.StatusTooManyRequests, 2020, "Rate limit exceeded")
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

func TestConformanceWithoutCount(t *testing.T) {
	t.Parallel()
	s := subject()
	s.Variant = "without a count"
	s.Lacks = directorytest.Lacking("its answers have no count", directorytest.NeedsCount()...)
	s.Fake = func(w directorytest.World) http.Handler { return fake{world: w, noCount: true} }
	directorytest.Run(t, s)
}

func open(t *testing.T, h http.Handler, change func(*pagerduty.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := pagerduty.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCheckOfTheAccount(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "P1", Emails: []string{"ann@example.com"}}}}
	for subdomain, want := range map[string]error{"acme": nil, "Acme.pagerduty.com": nil, "": nil, "other": directory.ErrForeign} {
		err := open(t, fake{world: world}, func(c *pagerduty.Config) { c.Subdomain = subdomain }).Check(t.Context())
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", subdomain, err, want)
		}
	}
}

// A list that ends at PagerDuty's own limit is replaced by lookups, which find
// people beyond the limit. Where PagerDuty counts, the first page shows it.
func TestMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	world := directorytest.World{}
	for n := range 10_050 {
		world.People = append(world.People, directorytest.Person{ID: "P" + strconv.Itoa(n), Emails: []string{"p" + strconv.Itoa(n) + "@example.com"}})
	}
	for noCount, want := range map[bool]int{true: 10_000, false: 0} {
		d := open(t, fake{world: world, noCount: noCount}, nil)
		last := 0
		var err error
		for page, pageErr := range d.(directory.Lister).Pages(t.Context()) {
			last += len(page)
			err = pageErr
		}
		if !errors.Is(err, directory.ErrTruncated) || last != want {
			t.Errorf("the list ended after %d with %v, want ErrTruncated after %d", last, err, want)
		}
		answers, err := directory.Lookup(t.Context(), d, service, []string{"p10049@example.com"})
		if err != nil || answers[0].Status != identity.Found {
			t.Errorf("Lookup = %+v, %v", answers, err)
		}
	}
}

func TestTraps(t *testing.T) {
	t.Parallel()
	deleted := directorytest.Cannot("users are deleted, not disabled")
	directorytest.Traps(t, subject(), map[directorytest.Trap]directorytest.Cell{
		directorytest.Unverified:    directorytest.Cannot("the service does not say whether an address is proved; administrators invite the addresses"),
		directorytest.Pending:       directorytest.Cannot("nobody registers by themselves: administrators invite people"),
		directorytest.Guest:         directorytest.Cannot("an account has no guests: stakeholders are users"),
		directorytest.InactiveTwin:  deleted,
		directorytest.InactiveOwner: deleted,
		directorytest.ShortList: directorytest.Scenes(
			directorytest.Scene{Fake: endsEarly{}, Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Failed)}},
			directorytest.Scene{Fake: fake{world: directorytest.World{People: []directorytest.Person{{ID: "P1", Emails: []string{"ann@example.com"}}}}, hidden: 3},
				Ways: []string{directorytest.ByWalk}, Asks: []directorytest.Ask{directorytest.Email("nobody@example.com", identity.Failed)}},
		),
	})
}

// endsEarly says that more users follow, and sends none.
type endsEarly struct{}

func (endsEarly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	users := []any{}
	if r.URL.Query().Get("offset") == "0" {
		users = append(users, user(directorytest.Person{ID: "P1", Emails: []string{"ann@example.com"}}))
	}
	directorytest.SendJSON(w, http.StatusOK, map[string]any{"users": users, "more": true})
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}

// BenchmarkPages reads a list of 50 pages that take 100 ms each, several
// pages at once and, where PagerDuty does not count, one after the other.
func BenchmarkPages(b *testing.B) {
	var world directorytest.World
	for n := range 50 * 100 {
		world.People = append(world.People, directorytest.Person{ID: "P" + strconv.Itoa(n), Emails: []string{"p" + strconv.Itoa(n) + "@example.com"}})
	}
	read := func(noCount bool) time.Duration {
		requests := 0
		var mu sync.Mutex
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			requests++
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			fake{world: world, noCount: noCount}.ServeHTTP(w, r)
		}))
		defer server.Close()
		cfg := config(server.URL)
		cfg.Clock = nil
		d, err := pagerduty.Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		accounts, err := directory.All(d.(directory.Lister).Pages(b.Context()))
		took := time.Since(began)
		if err != nil || len(accounts) != len(world.People) || requests != 50 {
			b.Fatalf("%d accounts, %d requests, %v", len(accounts), requests, err)
		}
		return took
	}
	var atOnce, inTurn time.Duration
	for b.Loop() {
		atOnce += read(false)
		inTurn += read(true)
	}
	b.ReportMetric(atOnce.Seconds()/float64(b.N), "s")
	b.ReportMetric(atOnce.Seconds()/inTurn.Seconds(), "of-one-by-one")
	b.ReportMetric(0, "ns/op")
}
