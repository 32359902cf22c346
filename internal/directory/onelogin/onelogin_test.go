// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package onelogin_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/onelogin"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "onelogin", ExternalID: "acme"}

const accessToken = "ol-access-token"

// fake is an account. A star in the address asked for is a wildcard.
type fake struct {
	world  directorytest.World
	change func(map[string]any)
	hidden int // people that the list counts and does not show
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/auth/oauth2/v2/token" {
		if id, secret, _ := r.BasicAuth(); id != "app" || secret != directorytest.Secret {
			directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"status": map[string]any{"error": true, "code": 401, "type": "Unauthorized", "message": "Authentication Failure"}})
			return
		}
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"access_token": accessToken, "expires_in": 36000, "token_type": "bearer"})
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+accessToken || r.URL.Path != "/api/2/users" {
		directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"statusCode": 401, "name": "UnauthorizedError", "message": "Unauthorized"})
		return
	}
	q := r.URL.Query()
	people := f.world.People
	switch {
	case q.Has("email"):
		before, _, wild := strings.Cut(q.Get("email"), "*")
		if people = f.world.Holders(before); wild {
			people = f.world.Containing(before)
		}
	case q.Has("username"):
		people = nil
		for _, p := range f.world.People {
			if strings.EqualFold(f.user(p)["username"].(string), q.Get("username")) {
				people = append(people, p)
			}
		}
	}
	w.Header().Set("Total-Count", strconv.Itoa(len(people)+f.hidden))
	size, _ := strconv.Atoi(q.Get("limit"))
	if f.world.PageSize > 0 {
		size = min(size, f.world.PageSize)
	}
	number, _ := strconv.Atoi(q.Get("page"))
	page, next, more := f.world.Slice(people, (number-1)*size, min(size, 50))
	if more {
		w.Header().Set("After-Cursor", strconv.Itoa(next))
	}
	users := make([]any, len(page))
	for i, p := range page {
		users[i] = f.user(p)
	}
	directorytest.SendJSON(w, http.StatusOK, users)
}

func (f fake) user(p directorytest.Person) map[string]any {
	id, _ := strconv.Atoi(p.ID)
	status, state := 1, 1
	if p.Inactive {
		status = 2
	}
	if p.Pending {
		status, state = 0, 0
	}
	u := map[string]any{"id": id, "email": p.Emails[0], "username": "n-" + p.ID, "firstname": "Some", "lastname": "Body", "status": status, "state": state}
	if f.change != nil {
		f.change(u)
	}
	return u
}

func config(base string) onelogin.Config {
	return onelogin.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Subdomain: "acme", ClientID: "app", ClientSecret: directorytest.Secret}
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:    "onelogin",
		Service: service,
		ID:      func(n int) string { return strconv.Itoa(n + 10) },
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return onelogin.Open(cfg)
		},
		Limit: func(w http.ResponseWriter, wait time.Duration) {
			w.Header().Set("X-RateLimit-Reset", strconv.Itoa(int(wait/time.Second))) // seconds to wait
			w.WriteHeader(http.StatusTooManyRequests)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

func TestTraps(t *testing.T) {
	t.Parallel()
	const ann = "ann.lee@example.com"
	named := func(names map[int]string) func(map[string]any) {
		return func(u map[string]any) {
			if name, ok := names[u["id"].(int)]; ok {
				u["username"] = name
			}
		}
	}
	twins := func(inactive bool) directorytest.World {
		return directorytest.World{People: []directorytest.Person{{ID: "11", Emails: []string{ann}, Inactive: inactive}, {ID: "12", Emails: []string{ann}}}}
	}
	leaver := directorytest.World{People: []directorytest.Person{{ID: "11", Emails: []string{"private@example.com"}, Inactive: true}, {ID: "12", Emails: []string{ann}}}}
	scene := func(f fake, asks ...directorytest.Ask) directorytest.Scene {
		return directorytest.Scene{Fake: f, Asks: asks}
	}
	directorytest.Traps(t, subject(), map[directorytest.Trap]directorytest.Cell{
		directorytest.Unverified: directorytest.Cannot("OneLogin does not show whether an address is confirmed; its administrators set addresses"),
		directorytest.Guest:      directorytest.Cannot("OneLogin has no guests"),
		directorytest.InactiveTwin: directorytest.Scenes(
			scene(fake{world: twins(true), change: named(map[int]string{12: ann})}, directorytest.Email(ann, identity.Found, "12")),
			scene(fake{world: twins(true)}, directorytest.Email(ann, identity.Ambiguous, "11", "12")),
		),
		// The user name of somebody who left is the e-mail of another.
		directorytest.InactiveOwner: directorytest.Scenes(scene(fake{world: leaver, change: named(map[int]string{11: ann})}, directorytest.Email(ann, identity.Inactive, "11"))),
		directorytest.ShortList: directorytest.Scenes(directorytest.Scene{
			Fake: fake{world: twins(false), hidden: 1}, Ways: []string{directorytest.ByWalk},
			Asks: []directorytest.Ask{directorytest.Email("bob@example.com", identity.Failed), directorytest.Email(ann, identity.Failed)},
		}),
	})
}

func open(t *testing.T, h http.Handler) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	d, err := onelogin.Open(config(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStates(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "7", Emails: []string{"ann@example.com"}}}}
	for status, want := range map[any]identity.LookupStatus{0: identity.Found, 1: identity.Found, 2: identity.Inactive, 3: identity.Found,
		7: identity.Found, 99: identity.Found, nil: identity.Found} {
		d := open(t, fake{world: world, change: func(u map[string]any) { u["status"] = status }})
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		if err != nil || answers[0].Status != want {
			t.Errorf("%v: %+v, %v, want %s", status, answers, err, want)
		}
	}
}

// TestApproval proves that an account counts if an administrator approved it,
// whatever the person did.
func TestApproval(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{{ID: "7", Emails: []string{"ann@example.com"}}}}
	for state, want := range map[any]identity.LookupStatus{0: identity.Unverified, 1: identity.Found, 2: identity.Inactive, 3: identity.Found, nil: identity.Found} {
		d := open(t, fake{world: world, change: func(u map[string]any) { u["state"] = state }})
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		if err != nil || answers[0].Status != want {
			t.Errorf("%v: %+v, %v, want %s", state, answers, err, want)
		}
	}
}

// A list whose headers a proxy took away does not end with its first page.
func TestLostHeaders(t *testing.T) {
	t.Parallel()
	var w directorytest.World
	for n := range 60 {
		w.People = append(w.People, directorytest.Person{ID: strconv.Itoa(n + 10), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	d := open(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		fake{world: w}.ServeHTTP(answer, r)
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes())
	}))
	for _, email := range []string{"p0@example.com", "p59@example.com"} {
		if got, err := directory.Lookup(t.Context(), directorytest.ListOnly(d), service, []string{email}); err != nil || got[0].Status != identity.Found {
			t.Errorf("Lookup = %+v, %v, want found", got, err)
		}
	}
}

// A leading exclamation mark would be a negation: nobody is asked.
func TestNegation(t *testing.T) {
	t.Parallel()
	d := open(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the service was asked") }))
	if got, err := d.Find(t.Context(), "!ann@example.com"); !errors.Is(err, directory.ErrAnswer) {
		t.Errorf("Find = %+v, %v, want ErrAnswer", got, err)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]onelogin.Config{
		"base_url: ":      {ClientID: "a", ClientSecret: "b"},
		"client_id: ":     {Subdomain: "acme.onelogin.com", ClientSecret: "b"},
		"client_secret: ": {Subdomain: "acme", ClientID: "a"},
	} {
		if _, err := onelogin.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}
