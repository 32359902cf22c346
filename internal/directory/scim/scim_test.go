// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package scim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
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
			return scim.Open(scim.Config{Settings: apiclient.Settings{BaseURL: env.BaseURL + "/scim/v2/", AllowHTTP: true, CAFile: env.CAFile, Clock: env.Clock}, Token: env.Secret})
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject(func(w directorytest.World) http.Handler { return fake{world: w} }))
}

// A server that filters by userName only serves all cases: the list answers for
// what it cannot search for.
func TestConformanceUserNameOnly(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject(func(w directorytest.World) http.Handler { return fake{world: w, userNameOnly: true} }))
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
		want []directory.Account
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
		"an e-mail that looks like the sign-in name": {
			body: `{"totalResults":1,"Resources":[{"id":"1","userName":"kim@example.com","active":true,"emails":[{"value":"\u212aim@example.com"}]}]}`,
			want: []directory.Account{
				{Identity: "1", SignIn: "kim@example.com", Addresses: directory.Primaries("\u212aim@example.com", "kim@example.com"), State: directory.StateActive},
			},
		},
		"none is primary": {
			body: `{"totalResults":1,"Resources":[{"id":"1","userName":"u","active":true,"emails":[{"value":"a@example.com"},{"value":"b@example.com"}]}]}`,
			want: []directory.Account{
				{Identity: "1", SignIn: "u", Addresses: directory.Primaries("a@example.com", "b@example.com"), State: directory.StateActive},
			},
		},
		"an error with status 200": {body: `{"error":"try later"}`, fail: true},
		"an empty object":          {body: `{}`, fail: true},
		"null":                     {body: `null`, fail: true},
		"a count as a string": {
			body: `{"totalResults":"1","Resources":[{"id":"1","userName":"ann@example.com"}]}`,
			want: []directory.Account{{Identity: "1", SignIn: "ann@example.com", Addresses: directory.Primaries("ann@example.com")}},
		},
		"addresses without objects": {
			body: `{"totalResults":1,"Resources":[{"id":"1","userName":"u","displayName":"Ann Lee","emails":["a@example.com",{"value":"b@example.com","primary":true}]}]}`,
			want: []directory.Account{{Identity: "1", SignIn: "u", Name: "Ann Lee", Addresses: append(directory.Primaries("b@example.com"), directory.Aliases("a@example.com")...)}},
		},
		"one address, not a list": {
			body: `{"totalResults":1,"Resources":[{"id":"1","userName":"u","emails":"a@example.com"}]}`,
			want: []directory.Account{{Identity: "1", SignIn: "u", Addresses: directory.Primaries("a@example.com")}},
		},
		"a byte order mark":          {body: "\ufeff" + `{"totalResults":0}`},
		"negative count":             {body: `{"totalResults":-1}`, fail: true},
		"count that is none":         {body: `{"totalResults":"many"}`, fail: true},
		"counted but not listed":     {body: `{"totalResults":1}`, fail: true},
		"fewer counted than listed":  {body: `{"totalResults":1,"Resources":[{"id":"1"},{"id":"2"}]}`, fail: true},
		"a record without an id":     {body: `{"totalResults":1,"Resources":[{"id":{}}]}`, fail: true},
		"a record that is null":      {body: `{"totalResults":1,"Resources":[null]}`, fail: true},
		"more after the first value": {body: `{"totalResults":0}{}`, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, answering(200, tc.body), nil)
			got, err := directory.All(d.(directory.Lister).Pages(t.Context()))
			if tc.fail {
				if !errors.Is(err, directory.ErrUnavailable) {
					t.Fatalf("Pages = %+v, %v, want ErrUnavailable", got, err)
				}
				if got, err := directory.Lookup(t.Context(), directorytest.LookupsOnly(d), service, []string{"ann@example.com"}); !errors.Is(err, directory.ErrUnavailable) {
					t.Fatalf("Lookup = %+v, %v, want ErrUnavailable", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Pages (-want +got):\n%s", diff)
			}
		})
	}
}

// A record that cannot be read concerns its own people.
func TestUnreadableRecord(t *testing.T) {
	t.Parallel()
	d := open(t, answering(200, `{"totalResults":3,"Resources":[{"id":"1","userName":"ann@example.com"},
		{"id":"2","userName":"bob@example.com","active":"maybe"},{"id":"3","userName":"carol","emails":[7.5,{"value":{}},{"value":"carol@example.com"}]}]}`), nil)
	emails := []string{"ann@example.com", "bob@example.com", "carol@example.com", "eve@example.com"}
	answers, err := directory.Lookup(t.Context(), directorytest.ListOnly(d), service, emails)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []identity.LookupStatus{identity.Found, identity.Failed, identity.Failed, identity.NotFound} {
		if answers[i].Status != want {
			t.Errorf("Lookup = %+v, want %s", answers[i], want)
		}
	}
}

// bob signs in by a name that is no address. However a server refuses to filter
// by e-mail, or hides that it cannot, one person gets the answer that many get.
func TestFilterByEmailRefused(t *testing.T) {
	t.Parallel()
	send := func(status int, body string) func(http.ResponseWriter, string) bool {
		return func(w http.ResponseWriter, filter string) bool {
			if strings.HasPrefix(filter, "userName") {
				return false
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	for name, refuses := range map[string]func(http.ResponseWriter, string) bool{
		"finds nobody":       send(200, `{"totalResults":0}`),
		"invalid filter":     send(400, `{"scimType":"invalidFilter","status":"400"}`),
		"without a type":     send(400, `{"status":"400"}`),
		"too many":           send(400, `{"scimType":"tooMany","status":"400"}`),
		"not JSON":           send(400, `invalidFilter`),
		"forbidden":          send(403, `{"status":"403"}`),
		"not implemented":    send(501, ``),
		"any filter refused": func(w http.ResponseWriter, _ string) bool { w.WriteHeader(http.StatusBadRequest); return true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{"bob@example.com"}}, {ID: "2", Emails: []string{"ann@example.com"}}}}
			d := open(t, fake{world: world, userNames: map[string]string{"1": "bob"}, refuses: refuses}, nil)
			for way, d := range map[string]directory.Directory{"lookup": directorytest.LookupsOnly(d), "walk": directorytest.ListOnly(d)} {
				answers, err := directory.Lookup(t.Context(), d, service, []string{"bob@example.com", "ann@example.com", "eve@example.com"})
				if err != nil || answers[0].Status != identity.Found || answers[1].Status != identity.Found || answers[2].Status != identity.NotFound {
					t.Errorf("%s: %+v, %v", way, answers, err)
				}
			}
		})
	}
}

// A server that cannot filter by id, and says so or finds nobody, has not lost its
// users: what it stores is absent only if its list lacks it.
func TestFilterByIDRefused(t *testing.T) {
	t.Parallel()
	// A server that answers any address with something else proves nothing by that.
	world := directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{"ann@example.com"}}}}
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Query().Get("filter"), "id ") || r.URL.Path != "/scim/v2/Users" {
			_, _ = io.WriteString(w, `{"totalResults":0}`)
			return
		}
		fake{world: world}.ServeHTTP(w, r)
	}), nil)
	if states, err := directory.Status(t.Context(), d, service, []identity.AccountQuery{{Identity: "1"}}, ""); err != nil || states[0].Status != identity.AccountActive {
		t.Errorf("%+v, %v, want active", states, err)
	}
	for name, body := range map[string]string{"finds nobody": `{"totalResults":0}`, "refused": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{"ann@example.com"}}, {ID: "2", Emails: []string{"bob@example.com"}, Inactive: true}}}
			d := open(t, fake{world: world, refuses: func(w http.ResponseWriter, filter string) bool {
				if !strings.HasPrefix(filter, "id ") {
					return false
				}
				if body == "" {
					w.WriteHeader(http.StatusBadRequest)
				}
				_, _ = io.WriteString(w, body)
				return true
			}}, nil)
			for id, want := range map[string]identity.AccountState{"1": identity.AccountActive, "2": identity.AccountInactive, "3": identity.AccountAbsent} {
				states, err := directory.Status(t.Context(), d, service, []identity.AccountQuery{{Identity: id}}, "")
				if err != nil || states[0].Status != want {
					t.Errorf("%s: %+v, %v, want %s", id, states, err, want)
				}
				if states, err = directory.Status(t.Context(), withoutList{d, d.(directory.IDFinder)}, service, []identity.AccountQuery{{Identity: id}}, ""); err != nil || states[0].Status != identity.AccountFailed {
					t.Errorf("%s without a list: %+v, %v, want failed", id, states, err)
				}
			}
		})
	}
}

// withoutList is a directory that can be asked for one account at a time only.
type withoutList struct {
	directory.Directory
	directory.IDFinder
}

// A server that compares case may hide the owner of an address and show another
// user who has it as an alias. No such address stands on the first page.
func TestCaseIsProbedBeforeAnAnswer(t *testing.T) {
	t.Parallel()
	world := directorytest.World{}
	for n := range 120 {
		world.People = append(world.People, directorytest.Person{ID: fmt.Sprint("p", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	world.People = append(world.People,
		directorytest.Person{ID: "alias", Emails: []string{"other@example.com", "case.alias@example.com"}},
		directorytest.Person{ID: "owner", Emails: []string{"Case.Alias@Example.Com"}})
	d := open(t, fake{world: world, cased: true}, nil)
	answers, err := directory.Lookup(t.Context(), directorytest.LookupsOnly(d), service, []string{"case.alias@example.com"})
	if err != nil || answers[0].Status != identity.Found || answers[0].Matcher["user_id"] != "owner" {
		t.Errorf("Lookup = %+v, %v, want the owner", answers, err)
	}
}

// A filter that finds only primary addresses answers nobody by another one. The
// first page shows no such address.
func TestOtherAddressesAreProbed(t *testing.T) {
	t.Parallel()
	world := directorytest.World{}
	for n := range 120 {
		world.People = append(world.People, directorytest.Person{ID: fmt.Sprint("p", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	world.People = append(world.People, directorytest.Person{ID: "late", Emails: []string{"late@example.com", "x@example.com"}})
	f := fake{world: world, userNames: map[string]string{}}
	for _, p := range world.People {
		f.userNames[p.ID] = p.ID + "-name"
	}
	f.refuses = func(w http.ResponseWriter, filter string) bool {
		if filter == `emails.value eq "x@example.com"` {
			f.send(w, http.StatusOK, map[string]any{"totalResults": 0, "Resources": []any{}})
			return true
		}
		return false
	}
	answers, err := directory.Lookup(t.Context(), open(t, f, nil), service, []string{"x@example.com"})
	if err != nil || answers[0].Status != identity.Alias {
		t.Errorf("Lookup = %+v, %v, want an alias", answers, err)
	}
}

// A list that ends before its own count is no list.
func TestListTooShort(t *testing.T) {
	t.Parallel()
	world := directorytest.World{}
	for n := range 250 {
		world.People = append(world.People, directorytest.Person{ID: fmt.Sprint("p", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	d := open(t, fake{world: world, hides: 150}, nil)
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("Check: %v, want ErrUnavailable", err)
	}
	if answers, err := directory.Lookup(t.Context(), directorytest.ListOnly(d), service, []string{"p200@example.com"}); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("Lookup = %+v, %v, want ErrUnavailable", answers, err)
	}
	if answers, err := directory.Status(t.Context(), directorytest.ListOnly(d), service, []identity.AccountQuery{{Identity: "p200"}}, ""); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("Status = %+v, %v, want ErrUnavailable", answers, err)
	}
}

// A warehouse lists its service accounts only, and filters all users. A list that
// a search contradicts is not used: nobody is absent from it.
func TestListContradicted(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{"synthesis"}, Inactive: true}}}
	var emails []string
	var stored []identity.AccountQuery
	for n := range 80 {
		emails = append(emails, fmt.Sprintf("p%d@example.com", n))
		stored = append(stored, identity.AccountQuery{Identity: fmt.Sprint("p", n)})
		world.People = append(world.People, directorytest.Person{ID: fmt.Sprint("p", n), Emails: emails[n : n+1]})
	}
	noIDs := func(w http.ResponseWriter, filter string) bool {
		if strings.HasPrefix(filter, "id ") {
			fake{}.fail(w, http.StatusBadRequest, "invalidFilter", "no filter by id")
			return true
		}
		return false
	}
	for name, tc := range map[string]struct {
		names   map[string]string
		refuses func(http.ResponseWriter, string) bool
	}{"address as name": {}, "name of its own": {names: map[string]string{"p0": "zero", "p1": "one"}}, "no filter by id": {refuses: noIDs}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := tc.names
			f := fake{world: world, userNames: names, refuses: tc.refuses, byPath: tc.refuses != nil}
			d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/scim/v2/Users" && !r.URL.Query().Has("filter") {
					f.send(w, http.StatusOK, map[string]any{"totalResults": 1, "Resources": []any{
						map[string]any{"id": "1", "userName": "synthesis", "active": false}}})
					return
				}
				f.ServeHTTP(w, r)
			}), nil)
			answers, err := directory.Lookup(t.Context(), d, service, append(slices.Clone(emails), "nobody@example.com"))
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range answers {
				want := identity.Found
				if i == 80 || names[fmt.Sprint("p", i)] != "" {
					want = identity.Failed // only the list could show them
				}
				if a.Status != want {
					t.Errorf("%+v, want %s", a, want)
				}
			}
			states, err := directory.Status(t.Context(), d, service, stored, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range states {
				if s.Status != identity.AccountActive {
					t.Errorf("%+v, want active", s)
				}
			}
		})
	}
}

// Accounts that a list lacks are absent only if a few of them were asked for. A server
// that cannot answer that question, or refuses the filter, has said nothing.
func TestListNotConfirmed(t *testing.T) {
	t.Parallel()
	var world directorytest.World
	var stored []identity.AccountQuery
	for n := range 3000 {
		id := fmt.Sprint("p", n)
		stored = append(stored, identity.AccountQuery{Identity: id})
		world.People = append(world.People, directorytest.Person{ID: id, Emails: []string{id + "@example.com"}})
	}
	for name, tc := range map[string]struct {
		refuses func(http.ResponseWriter, string) bool
		total   int // of the list without a filter
		many    int // accounts, so that the list is read
		want    identity.AccountState
	}{
		"the question fails": {func(w http.ResponseWriter, _ string) bool {
			fake{}.fail(w, http.StatusServiceUnavailable, "", "busy")
			return true
		}, 1, 3000, identity.AccountFailed},
		"an empty list, and no filter by id": {func(w http.ResponseWriter, filter string) bool {
			if strings.HasPrefix(filter, "id ") {
				fake{}.fail(w, http.StatusBadRequest, "invalidFilter", "no filter by id")
				return true
			}
			return false
		}, 0, 80, identity.AccountActive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fake{world: world, refuses: tc.refuses, byPath: true}
			d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/scim/v2/Users" && !r.URL.Query().Has("filter") {
					some := []any{map[string]any{"id": "1", "userName": "synthesis@example.com", "active": true}}
					f.send(w, http.StatusOK, map[string]any{"totalResults": tc.total, "Resources": some[:tc.total]})
					return
				}
				f.ServeHTTP(w, r)
			}), nil)
			for _, queries := range [][]identity.AccountQuery{stored[:tc.many], stored[:1]} {
				states, err := directory.Status(t.Context(), d, service, queries, "")
				if err != nil {
					if tc.want != identity.AccountFailed {
						t.Errorf("%d: %v", len(queries), err)
					}
					continue
				}
				for _, s := range states {
					if s.Status != tc.want {
						t.Errorf("%d: %+v, want %s", len(queries), s, tc.want)
						break
					}
				}
			}
		})
	}
}

// Who gives up does not wait for the probe of another one.
func TestProbeIsShared(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 10), make(chan struct{})
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-release
		fake{}.ServeHTTP(w, r)
	}), nil)
	first := make(chan error)
	go func() {
		_, err := d.Find(t.Context(), "ann@example.com")
		first <- err
	}()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	go func() {
		_, err := d.Find(ctx, "bob@example.com")
		second <- err
	}()
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	close(release)
	<-first
}

// A server that counts from 0 leaves out the first user, and one that counts the
// users of a page hides those of the next one. A server that knows no pages sends
// everybody each time.
func TestCounts(t *testing.T) {
	t.Parallel()
	world := directorytest.World{}
	for n := range 150 {
		world.People = append(world.People, directorytest.Person{ID: fmt.Sprint("p", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	f := fake{world: world}
	page := func(from, to, total int) map[string]any {
		var resources []any
		for _, p := range world.People[min(from, 150):min(to, 150)] {
			resources = append(resources, f.resource(p))
		}
		return map[string]any{"totalResults": total, "Resources": resources}
	}
	for name, tc := range map[string]struct {
		answer func(start, count int) map[string]any
		want   error
	}{
		"right":              {func(start, count int) map[string]any { return page(start-1, start-1+count, 150) }, nil},
		"no pages":           {func(int, int) map[string]any { return page(0, 150, 150) }, nil},
		"from 0":             {func(start, count int) map[string]any { return page(start, start+count, 150) }, directory.ErrUnavailable},
		"numbers pages":      {func(start, count int) map[string]any { return page((start-1)*count, start*count, 150) }, directory.ErrUnavailable},
		"counts a page":      {func(start, count int) map[string]any { return page(start-1, start-1+count, min(count, 151-start)) }, directory.ErrUnavailable},
		"the number changed": {func(start, count int) map[string]any { return page(start-1, start-1+count, 150-start/2) }, directory.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				start, _ := strconv.Atoi(r.FormValue("startIndex"))
				count, _ := strconv.Atoi(r.FormValue("count"))
				f.send(w, http.StatusOK, tc.answer(start, count))
			}), nil)
			if got, err := directory.All(d.(directory.Lister).Pages(t.Context())); !errors.Is(err, tc.want) || err == nil && len(got) != 150 {
				t.Errorf("%d accounts, %v, want %v", len(got), err, tc.want)
			}
		})
	}
}

func TestTraps(t *testing.T) {
	t.Parallel()
	s := subject(func(w directorytest.World) http.Handler { return fake{world: w} })
	crowd := directorytest.World{}
	for n := range 30 {
		crowd.People = append(crowd.People, directorytest.Person{ID: fmt.Sprint("p", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	byName := func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
		return scim.Open(scim.Config{Settings: apiclient.Settings{BaseURL: env.BaseURL + "/scim/v2", AllowHTTP: true, CAFile: env.CAFile, Clock: env.Clock}, Token: env.Secret, IDAttribute: "userName"})
	}
	people := func(some ...directorytest.Person) directorytest.World { return directorytest.World{People: some} }
	directorytest.Traps(t, s, map[directorytest.Trap]directorytest.Cell{
		directorytest.Rename: directorytest.Scenes(
			directorytest.Scene{World: people(directorytest.Person{ID: "7", Emails: []string{"ann.martin@example.com"}}), Open: byName,
				Asks: []directorytest.Ask{directorytest.Stored("ann@example.com", "7", identity.AccountRenamed)}},
			s.DefaultScenes(directorytest.Rename)[0]),
		directorytest.RenameReuse: directorytest.Scenes(
			directorytest.Scene{World: people(directorytest.Person{ID: "7", Emails: []string{"ann.martin@example.com"}}, directorytest.Person{ID: "8", Emails: []string{"ann@example.com"}}), Open: byName,
				Asks: []directorytest.Ask{directorytest.Stored("ann@example.com", "7", identity.AccountReused)}},
			s.DefaultScenes(directorytest.RenameReuse)[0]),
		directorytest.Unverified: directorytest.Cannot("SCIM does not say whether an address is proved: administrators or an identity provider write them"),
		directorytest.Pending:    directorytest.Cannot("nobody registers by themselves"),
		directorytest.Guest:      directorytest.Cannot("SCIM knows no guests"),
		directorytest.ShortList: directorytest.Scenes(
			directorytest.Scene{Fake: fake{world: crowd, hides: 10}, Ways: []string{directorytest.ByWalk},
				Asks: []directorytest.Ask{directorytest.Email("p25@example.com", identity.Failed)}},
		),
	})
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
