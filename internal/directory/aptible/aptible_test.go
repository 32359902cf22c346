// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package aptible_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/aptible"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "aptible", ExternalID: "8a9cb2f4-0f7a-4a3c-9a50-1f1c0d3c9e11"}

const accessToken = "aptible-access-token"

// fake is an organization and its token endpoint.
type fake struct {
	world  directorytest.World
	breaks bool // the list goes on with an empty page
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/tokens" {
		var body struct {
			GrantType          string `json:"grant_type"`
			Username, Password string
		}
		if json.NewDecoder(r.Body).Decode(&body) != nil || body.GrantType != "password" || body.Username != "bot@example.com" || body.Password != directorytest.Secret {
			directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"code": 401, "error": "invalid_credentials", "message": "Invalid password"})
			return
		}
		directorytest.SendJSON(w, http.StatusCreated, map[string]any{"access_token": accessToken, "expires_in": 43200})
		return
	}
	if auth := r.Header.Get("Authorization"); auth != "Bearer "+accessToken && auth != "Bearer "+directorytest.Secret {
		directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"code": 401, "error": "unauthorized"})
		return
	}
	if r.URL.Path != "/organizations/"+service.ExternalID+"/users" {
		directorytest.SendJSON(w, http.StatusNotFound, map[string]any{"code": 404, "error": "not_found"})
		return
	}
	start, _ := strconv.Atoi(r.URL.Query().Get("page"))
	page, next, more := f.world.Slice(f.world.People, start, 1000)
	if f.breaks {
		next, more = start+1000, true
	}
	users := make([]any, len(page))
	for i, p := range page {
		users[i] = map[string]any{"id": p.ID, "name": "Some Body", "email": p.Emails[0], "verified": !p.Unproved}
	}
	answer := map[string]any{"_embedded": map[string]any{"users": users}}
	if more {
		answer["_links"] = map[string]any{"next": map[string]any{"href": directorytest.Origin(r) + r.URL.Path + "?page=" + strconv.Itoa(next)}}
	}
	directorytest.SendJSON(w, http.StatusOK, answer)
}

func config(base string) aptible.Config {
	return aptible.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Organization: service.ExternalID, Username: "bot@example.com", Password: directorytest.Secret}
}

func subject(change func(*aptible.Config)) directorytest.Subject {
	return directorytest.Subject{
		Kind:    "aptible",
		Service: service,
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			change(&cfg)
			return aptible.Open(cfg)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*aptible.Config){
		"password": func(*aptible.Config) {},
		"token":    func(c *aptible.Config) { c.Username, c.Password, c.Token = "", "", directorytest.Secret },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directorytest.Run(t, subject(change))
		})
	}
}

func TestTraps(t *testing.T) {
	t.Parallel()
	const neverInactive = "Aptible shows members only, and does not say who left"
	directorytest.Traps(t, subject(func(*aptible.Config) {}), map[directorytest.Trap]directorytest.Cell{
		directorytest.Pending:       directorytest.Cannot("members join an organization by the invitation of one who may manage it"),
		directorytest.Guest:         directorytest.Cannot("an organization has members only"),
		directorytest.InactiveTwin:  directorytest.Cannot(neverInactive),
		directorytest.InactiveOwner: directorytest.Cannot(neverInactive),
		directorytest.ShortList: directorytest.Scenes(directorytest.Scene{
			Fake: fake{world: directorytest.World{People: []directorytest.Person{{ID: "1", Emails: []string{"ann@example.com"}}}}, breaks: true},
			Asks: []directorytest.Ask{directorytest.Email("bob@example.com", identity.Failed), directorytest.Email("ann@example.com", identity.Failed)},
		}),
	})
}

// Ids are numbers in one client of Aptible and strings in another.
func TestIDs(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tokens" {
			fake{}.ServeHTTP(w, r)
			return
		}
		_, _ = w.Write([]byte(`{"_embedded":{"users":[{"id":12345678901234567890,"email":"ann@example.com","verified":false}]}}`))
	}))
	t.Cleanup(server.Close)
	d, err := aptible.Open(config(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	got, err := directory.All(d.(directory.Lister).Pages(t.Context()))
	if err != nil || len(got) != 1 || got[0].Identity != "12345678901234567890" || got[0].Addresses[0].Proof != directory.Unproved || got[0].SignIn != "ann@example.com" {
		t.Errorf("Pages = %+v, %v", got, err)
	}
}

func TestCheckOtherOrganization(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(fake{})
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	cfg.Organization = "another"
	d, err := aptible.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrForeign) {
		t.Errorf("Check: %v, want ErrForeign", err)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]aptible.Config{
		"base_url: ": {Token: "t"},
		"username: ": {Organization: "o", Password: "p"},
		"password: ": {Organization: "o", Username: "u"},
		"token: ":    {Organization: "o", Username: "u", Token: "t"},
	} {
		if _, err := aptible.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject(func(*aptible.Config) {}))
}
