// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package boundary_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/boundary"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "boundary", ExternalID: "acme"}

const accessToken = "at_1234567890"

// fake is a cluster. It compares with case, unless its filter says otherwise.
type fake struct {
	world    directorytest.World
	noEmails bool // the primary auth method has none
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, kind string) {
		directorytest.SendJSON(w, status, map[string]any{"kind": kind, "message": "refused"})
	}
	if r.URL.Path == "/v1/auth-methods/ampw_1:authenticate" {
		var body struct {
			Attributes struct {
				LoginName string `json:"login_name"`
				Password  string `json:"password"`
			}
		}
		if json.NewDecoder(r.Body).Decode(&body) != nil || body.Attributes.LoginName != "sym" || body.Attributes.Password != directorytest.Secret {
			fail(http.StatusUnauthorized, "Unauthenticated")
			return
		}
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"command": "login", "attributes": map[string]any{"token": accessToken}})
		return
	}
	if auth := r.Header.Get("Authorization"); auth != "Bearer "+accessToken && auth != "Bearer "+directorytest.Secret {
		fail(http.StatusUnauthorized, "Unauthenticated")
		return
	}
	if r.URL.Path != "/v1/users" {
		fail(http.StatusNotFound, "NotFound")
		return
	}
	q := r.URL.Query()
	var people []directorytest.Person
	matches := func(string) bool { return true }
	if q.Has("filter") {
		first, _, _ := strings.Cut(strings.TrimPrefix(q.Get("filter"), `"/item/email" matches `), ` or "/item/login_name" matches `)
		pattern, err := strconv.Unquote(first)
		expression, err2 := regexp.Compile(pattern)
		if err != nil || err2 != nil {
			fail(http.StatusBadRequest, "InvalidArgument")
			return
		}
		matches = func(email string) bool { return !f.noEmails && expression.MatchString(email) }
	}
	for _, p := range f.world.People {
		if matches(p.Emails[0]) || matches(p.Emails[len(p.Emails)-1]) {
			people = append(people, p)
		}
	}
	size, _ := strconv.Atoi(q.Get("page_size"))
	start, _ := strconv.Atoi(q.Get("list_token"))
	page, next, more := f.world.Slice(people, start, size)
	answer := map[string]any{"response_type": "complete", "list_token": strconv.Itoa(next)}
	if more {
		answer["response_type"] = "delta"
	}
	var items []any
	for _, p := range page {
		u := map[string]any{"id": p.ID, "scope_id": "global", "authorized_actions": []string{"read"}}
		if !f.noEmails {
			u["email"], u["login_name"] = p.Emails[0], p.Emails[len(p.Emails)-1]
		}
		items = append(items, u)
	}
	if items != nil {
		answer["items"] = items
	}
	directorytest.SendJSON(w, http.StatusOK, answer)
}

func config(base string) boundary.Config {
	return boundary.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Username: "sym", Password: directorytest.Secret, Connection: "ampw_1"}
}

func subject(change func(*boundary.Config)) directorytest.Subject {
	return directorytest.Subject{
		Kind:       "boundary",
		AllPrimary: true,
		Service:    service,
		Fake:       func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			change(&cfg)
			return boundary.Open(cfg)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*boundary.Config){
		"password": func(*boundary.Config) {},
		"token":    func(c *boundary.Config) { c.Username, c.Password, c.Token = "", "", directorytest.Secret },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directorytest.Run(t, subject(change))
		})
	}
}

// Users without addresses, and no users at all, are trouble that a check shows.
func TestCheck(t *testing.T) {
	t.Parallel()
	one := directorytest.World{People: []directorytest.Person{{ID: "u_1", Emails: []string{"ann@example.com"}}}}
	for name, tc := range map[string]struct {
		fake fake
		want error
	}{
		"fine":         {fake{world: one}, nil},
		"no addresses": {fake{world: one, noEmails: true}, directory.ErrRefused},
		"nobody":       {fake{}, directory.ErrPermission},
	} {
		server := httptest.NewServer(tc.fake)
		t.Cleanup(server.Close)
		d, err := boundary.Open(config(server.URL))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Check(t.Context()); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	at := apiclient.Settings{BaseURL: "https://boundary.example.com"}
	for want, cfg := range map[string]boundary.Config{
		"base_url: ":   {Token: "t"},
		"username: ":   {Settings: at, Password: "p", Connection: "ampw_1"},
		"password: ":   {Settings: at, Username: "u", Connection: "ampw_1"},
		"connection: ": {Settings: at, Username: "u", Password: "p"},
		"token: ":      {Settings: at, Username: "u", Token: "t"},
	} {
		if _, err := boundary.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

func TestTraps(t *testing.T) {
	t.Parallel()
	deleted := directorytest.Cannot("users are deleted, not disabled")
	s := subject(func(*boundary.Config) {})
	directorytest.Traps(t, s, map[directorytest.Trap]directorytest.Cell{
		directorytest.Unverified:    directorytest.Cannot("the service does not say whether an address is proved; the identity provider of the primary auth method owns the addresses"),
		directorytest.Pending:       directorytest.Cannot("nobody registers by themselves"),
		directorytest.Guest:         directorytest.Cannot("a cluster has no guests"),
		directorytest.InactiveTwin:  deleted,
		directorytest.InactiveOwner: deleted,
		directorytest.ShortList: directorytest.Scenes(
			directorytest.Scene{World: directorytest.World{People: []directorytest.Person{{ID: "u_1", Emails: []string{"ann@example.com"}}}, Repeats: true},
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Failed)}},
			directorytest.Scene{Fake: fake{world: directorytest.World{People: []directorytest.Person{{ID: "u_1", Emails: []string{"ann@example.com"}}}}, noEmails: true},
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Failed)}},
		),
	})
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject(func(*boundary.Config) {}))
}
