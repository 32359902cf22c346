// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// symflow models what the command does with the API: the requests it sends, the
// fields it reads, and what it shows. It knows no extension.
type symflow struct {
	h     *harness
	token string
	sent  []string // in order
}

// do sends a request. Its error is what the command shows of a failure: the
// message, else the errors, one a line.
func (c *symflow) do(method, path string, body any) (map[string]any, error) {
	c.sent = append(c.sent, method+" "+path)
	a := c.h.api(c.token, method, path, body)
	if a.status < 300 {
		if a.raw != "" && a.body == nil {
			return nil, errors.New("malformed response")
		}
		return a.body, nil
	}
	if message, _ := a.body["message"].(string); message != "" {
		if a.body["code"] == "Authentication:INVALID_JWT" {
			message += " Run symflow login."
		}
		return nil, errors.New(message)
	}
	var lines []string
	for _, e := range a.body["errors"].([]any) {
		lines = append(lines, e.(string))
	}
	return nil, errors.New(strings.Join(lines, "\n"))
}

// carried are the types whose identities the command writes into its CSV, by the key
// of their matchers.
var carried = map[string]string{"slack": "user_id", "okta": "user_id", "github": "user_id", "google": "email", "custom": "user_id"}

type symflowUser struct {
	id, kind, name string
	cells          map[string]string // by service key
}

// users reads a list as the command does: a sym identity of everybody, with an
// e-mail where people were asked for.
func (c *symflow) users(query string) ([]symflowUser, error) {
	reply, err := c.do(http.MethodGet, "/users"+query, nil)
	if err != nil {
		return nil, err
	}
	var out []symflowUser
	for _, raw := range reply["users"].([]any) {
		u := raw.(map[string]any)
		user := symflowUser{id: u["id"].(string), kind: u["type"].(string), cells: map[string]string{}}
		for _, raw := range u["identities"].([]any) {
			i := raw.(map[string]any)
			service, matcher := i["service"].(map[string]any), i["matcher"].(map[string]any)
			if service["slug"] == "sym" {
				key := "email"
				if strings.Contains(query, "type=bot") {
					key = "username"
				}
				user.name = matcher[key].(string) // a missing key ends the command
				continue
			}
			key, known := carried[service["slug"].(string)]
			if !known {
				return nil, fmt.Errorf("an identity of %s, which would be dropped", service["slug"])
			}
			user.cells[fmt.Sprintf("%s:%s", service["slug"], service["external_id"])] = matcher[key].(string)
		}
		out = append(out, user)
	}
	return out, nil
}

// element returns the element of PATCH users that carries all of a user.
func (u symflowUser) element(nameKey string) map[string]any {
	identities := []any{map[string]any{"service_type": "sym", "external_id": "cloud", "matcher": map[string]any{nameKey: u.name}, "profile": map[string]any{}}}
	for key, value := range u.cells {
		slug, external, _ := strings.Cut(key, ":")
		identities = append(identities, map[string]any{"service_type": slug, "external_id": external,
			"matcher": map[string]any{carried[slug]: value}, "profile": map[string]any{}})
	}
	// The command calls everybody normal.
	return map[string]any{"id": u.id, "type": "normal", "identities": identities}
}

func (u symflowUser) deletion(key string) map[string]any {
	slug, external, _ := strings.Cut(key, ":")
	return map[string]any{"user_id": u.id, "service_type": slug, "external_id": external, "matcher": map[string]any{carried[slug]: u.cells[key]}}
}

// send makes a bulk call and returns how many the command says were done.
func (c *symflow) send(method, path, list string, elements ...any) (string, error) {
	reply, err := c.do(method, path, map[string]any{list: elements})
	if err != nil {
		return "", err
	}
	return fmt.Sprint(reply["succeeded"]), nil
}

// one finds the user of a name as the command does.
func (c *symflow) one(name string) (symflowUser, error) {
	query := "?email=" + name
	if !strings.Contains(name, "@") {
		query = "?type=bot"
	}
	users, err := c.users(query)
	users = slices.DeleteFunc(users, func(u symflowUser) bool { return u.name != name })
	if err != nil || len(users) != 1 {
		return symflowUser{}, errors.Join(err, fmt.Errorf("unknown user %s", name))
	}
	return users[0], nil
}

// TestSymflow runs each command of an existing client against people and bots
// with identities of types that the client does not know.
func TestSymflow(t *testing.T) {
	t.Parallel()
	const lookUp = "GET /users?email=alice@example.com"
	byName := func(key, name string) any {
		return map[string]any{"identity": map[string]any{"service_type": "sym", "matcher": map[string]any{key: name}}}
	}
	for name, tt := range map[string]struct {
		run   func(*symflow) (string, error)
		sent  []string
		shows string                           // also an error
		left  string                           // what is stored then; "" = as before
		check func(alice identity.User) string // what of her is wrong then; nil = nothing is looked at
	}{
		"users list": {
			run: func(c *symflow) (string, error) {
				users, err := c.users("")
				return fmt.Sprint(len(users), " ", users[0].name, " ", users[1].name), err
			},
			sent: []string{"GET /users"}, shows: "2 alice@example.com bob@example.com",
		},
		"users list-identities": {
			run: func(c *symflow) (string, error) {
				users, err := c.users("")
				services, failed := c.do(http.MethodGet, "/services", nil)
				return fmt.Sprint(users[0].cells, len(services["services"].([]any))), errors.Join(err, failed)
			},
			sent: []string{"GET /users", "GET /services"}, shows: "map[okta:acme.okta.com:00u1] 4",
		},
		"users create": {
			run: func(c *symflow) (string, error) {
				if _, err := c.do(http.MethodGet, "/services", nil); err != nil {
					return "", err
				}
				if _, err := c.users(""); err != nil {
					return "", err
				}
				carol := symflowUser{id: uuid.NewString(), name: "carol@example.com", cells: map[string]string{"okta:acme.okta.com": "00u3"}}
				return c.send(http.MethodPatch, "/users", "users", carol.element("email"))
			},
			sent: []string{"GET /services", "GET /users", "PATCH /users"}, shows: "1",
			left: "alice@example.com[okta:acme.okta.com scim:example] bob@example.com[] carol@example.com[okta:acme.okta.com] deployer[]",
		},
		"users update without a change": {
			run: func(c *symflow) (string, error) {
				users, err := c.users("")
				if err != nil {
					return "", err
				}
				return c.send(http.MethodPatch, "/users", "users", users[0].element("email"), users[1].element("email"))
			},
			sent: []string{"GET /users", "PATCH /users"}, shows: "2",
		},
		"users update, a cell changed": {
			run: func(c *symflow) (string, error) {
				users, err := c.users("")
				if err != nil {
					return "", err
				}
				users[0].cells["okta:acme.okta.com"] = "00u2"
				return c.send(http.MethodPatch, "/users", "users", users[0].element("email"))
			},
			sent: []string{"GET /users", "PATCH /users"}, shows: "1",
			check: func(alice identity.User) string {
				m, _ := alice.Mapping(okta)
				return cmp.Diff(identity.Matcher{"user_id": "00u2"}, m.Matcher)
			},
		},
		"users update, a cell filled": {
			run: func(c *symflow) (string, error) {
				users, err := c.users("")
				if err != nil {
					return "", err
				}
				users[1].cells["github:acme"] = "bob"
				return c.send(http.MethodPatch, "/users", "users", users[1].element("email"))
			},
			sent: []string{"GET /users", "PATCH /users"}, shows: "1",
			left: "alice@example.com[okta:acme.okta.com scim:example] bob@example.com[github:acme] deployer[]",
		},
		"users update, a row added": {
			run: func(c *symflow) (string, error) {
				if _, err := c.users(""); err != nil {
					return "", err
				}
				carol := symflowUser{id: uuid.NewString(), name: "carol@example.com", cells: map[string]string{}} // the editor makes up an id
				return c.send(http.MethodPatch, "/users", "users", carol.element("email"))
			},
			sent: []string{"GET /users", "PATCH /users"}, shows: "1",
			left: "alice@example.com[okta:acme.okta.com scim:example] bob@example.com[] carol@example.com[] deployer[]",
		},
		"users update, a cell cleared; users delete-identity": {
			run: func(c *symflow) (string, error) {
				alice, err := c.one("alice@example.com")
				if err != nil {
					return "", err
				}
				var deletions []any
				for key := range alice.cells {
					deletions = append(deletions, alice.deletion(key))
				}
				return c.send(http.MethodPost, "/users/identities/delete", "identities", deletions...)
			},
			sent: []string{lookUp, "POST /users/identities/delete"}, shows: "1",
			left: "alice@example.com[scim:example] bob@example.com[] deployer[]",
		},
		"users update, a row removed": {
			run: func(c *symflow) (string, error) {
				alice, err := c.one("alice@example.com")
				row := byName("email", "alice@example.com").(map[string]any)
				row["id"] = alice.id
				if err != nil {
					return "", err
				}
				reply, err := c.do(http.MethodPost, "/users/delete", map[string]any{"users": []any{row}})
				return fmt.Sprint(reply["succeeded"], " with ", reply["deleted_identities"]), err
			},
			sent: []string{lookUp, "POST /users/delete"}, shows: "1 with 2", left: "bob@example.com[] deployer[]",
		},
		"users update-identity": {
			run: func(c *symflow) (string, error) {
				alice, err := c.one("alice@example.com")
				if err != nil {
					return "", err
				}
				alice.cells["github:acme"] = "alice"
				return c.send(http.MethodPatch, "/users", "users", alice.element("email"))
			},
			sent: []string{lookUp, "PATCH /users"}, shows: "1",
			left: "alice@example.com[github:acme okta:acme.okta.com scim:example] bob@example.com[] deployer[]",
		},
		"users update-identity of two unknown services": {
			run: func(c *symflow) (string, error) {
				alice, err := c.one("alice@example.com")
				if err != nil {
					return "", err
				}
				alice.cells["slack:TNONE"], alice.cells["google:none.example"] = "U1", "a@none.example"
				return c.send(http.MethodPatch, "/users", "users", alice.element("email"))
			},
			sent: []string{lookUp, "PATCH /users"},
			// Both are shown: no message hides them.
			shows: "No service is registered for google:none.example. Register it: a sym_service resource, or a service block of the server's configuration.\n" +
				"No service is registered for slack:TNONE. Register it: a sym_service resource, or a service block of the server's configuration.",
		},
		"users update-name": {
			run: func(c *symflow) (string, error) {
				alice, err := c.one("alice@example.com")
				if err != nil {
					return "", err
				}
				element := alice.element("email")
				element["identities"].([]any)[0].(map[string]any)["profile"] = map[string]any{"first_name": "Alice"}
				return c.send(http.MethodPatch, "/users", "users", element)
			},
			sent: []string{lookUp, "PATCH /users"}, shows: "1",
			check: func(alice identity.User) string { return cmp.Diff("Alice", alice.FirstName) },
		},
		"users delete": {
			run: func(c *symflow) (string, error) {
				return c.send(http.MethodPost, "/users/delete", "users", byName("email", "alice@example.com"))
			},
			sent: []string{"POST /users/delete"}, shows: "1", left: "bob@example.com[] deployer[]",
		},
		"users set-role": {
			run: func(c *symflow) (string, error) {
				alice, err := c.one("alice@example.com")
				if err != nil {
					return "", err
				}
				reply, err := c.do(http.MethodPost, "/users/"+alice.id+"/set-role", map[string]any{"role": "admin"})
				c.sent[1] = strings.Replace(c.sent[1], alice.id, "ID", 1)
				return fmt.Sprint(reply["role"]), err
			},
			sent: []string{lookUp, "POST /users/ID/set-role"}, shows: "admin",
			check: func(alice identity.User) string { return cmp.Diff(identity.Admin, alice.Role) },
		},
		"bots create": {
			run: func(c *symflow) (string, error) {
				element := symflowUser{id: uuid.NewString(), name: "robot"}.element("username")
				element["type"] = "bot"
				return c.send(http.MethodPatch, "/users", "users", element)
			},
			sent: []string{"PATCH /users"}, shows: "1", left: before + " robot[]",
		},
		"bots list": {
			run: func(c *symflow) (string, error) {
				bots, err := c.users("?type=bot")
				tokens, failed := c.do(http.MethodGet, "/tokens", nil)
				return fmt.Sprint(len(bots), " ", bots[0].name, " ", tokens["tokens"]), errors.Join(err, failed)
			},
			sent: []string{"GET /users?type=bot", "GET /tokens"}, shows: "1 deployer []",
		},
		"bots update-identity": {
			run: func(c *symflow) (string, error) {
				bot, err := c.one("deployer")
				if err != nil {
					return "", err
				}
				bot.cells["okta:acme.okta.com"] = "00u9"
				return c.send(http.MethodPatch, "/users", "users", bot.element("username"))
			},
			sent: []string{"GET /users?type=bot", "PATCH /users"}, shows: "1",
			left: "alice@example.com[okta:acme.okta.com scim:example] bob@example.com[] deployer[okta:acme.okta.com]",
		},
		"bots delete-identity": {
			run: func(c *symflow) (string, error) {
				bot, err := c.one("deployer")
				if err != nil {
					return "", err
				}
				bot.cells["okta:acme.okta.com"] = "00u9"
				if _, err := c.send(http.MethodPatch, "/users", "users", bot.element("username")); err != nil {
					return "", err
				}
				if bot, err = c.one("deployer"); err != nil || bot.cells["okta:acme.okta.com"] != "00u9" {
					return "", fmt.Errorf("it has %v, %w", bot.cells, err)
				}
				return c.send(http.MethodPost, "/users/identities/delete", "identities", bot.deletion("okta:acme.okta.com"))
			},
			sent:  []string{"GET /users?type=bot", "PATCH /users", "GET /users?type=bot", "POST /users/identities/delete"},
			shows: "1",
		},
		"bots delete-identity, which it has not": {
			run: func(c *symflow) (string, error) {
				bot, err := c.one("deployer")
				if err != nil {
					return "", err
				}
				bot.cells["okta:acme.okta.com"] = "00u9"
				return c.send(http.MethodPost, "/users/identities/delete", "identities", bot.deletion("okta:acme.okta.com"))
			},
			sent: []string{"GET /users?type=bot", "POST /users/identities/delete"}, shows: "1",
		},
		"bots delete": {
			run: func(c *symflow) (string, error) {
				return c.send(http.MethodPost, "/users/delete", "users", byName("username", "deployer"))
			},
			sent: []string{"POST /users/delete"}, shows: "1", left: "alice@example.com[okta:acme.okta.com scim:example] bob@example.com[]",
		},
		"bots delete, unknown": {
			run: func(c *symflow) (string, error) {
				return c.send(http.MethodPost, "/users/delete", "users", byName("username", "nobot"))
			},
			sent: []string{"POST /users/delete"}, shows: "Unknown bot: nobot. A bot must exist before it is mapped; a person is named by e-mail, with an @.",
		},
		"services list": {
			run: func(c *symflow) (string, error) {
				reply, err := c.do(http.MethodGet, "/services", nil)
				var keys []string
				for _, raw := range reply["services"].([]any) {
					keys = append(keys, fmt.Sprint(raw.(map[string]any)["slug"], ":", raw.(map[string]any)["external_id"]))
				}
				return strings.Join(keys, " "), err
			},
			sent: []string{"GET /services"}, shows: "github:acme okta:acme.okta.com scim:example sym:cloud",
		},
		"services update without a label": {
			run: func(c *symflow) (string, error) {
				reply, err := c.do(http.MethodPatch, "/services", map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "label": nil})
				return fmt.Sprint(reply["label"]), err
			},
			sent: []string{"PATCH /services"}, shows: "okta",
		},
		"services update": {
			run: func(c *symflow) (string, error) {
				reply, err := c.do(http.MethodPatch, "/services", map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "label": "Okta"})
				return fmt.Sprint(reply["label"]), err
			},
			sent: []string{"PATCH /services"}, shows: "Okta",
		},
		"services delete, referenced": {
			run: func(c *symflow) (string, error) {
				reply, err := c.do(http.MethodGet, "/services?service_type=okta&external_id=acme.okta.com", nil)
				if err != nil {
					return "", err
				}
				id := reply["services"].([]any)[0].(map[string]any)["id"].(string)
				reply, err = c.do(http.MethodGet, "/service/"+id+"/references", nil)
				if err != nil {
					return "", err
				}
				references := reply["references"].(map[string]any)
				_, err = c.do(http.MethodPost, "/services/delete", map[string]any{"service_type": "okta", "external_id": "acme.okta.com"})
				c.sent[1] = strings.Replace(c.sent[1], id, "ID", 1)
				return fmt.Sprint(len(references["identities"].([]any)), len(references["integrations"].([]any))), err
			},
			sent:  []string{"GET /services?service_type=okta&external_id=acme.okta.com", "GET /service/ID/references", "POST /services/delete"},
			shows: "Cannot perform delete because it is referenced by 1 identities and 0 integrations",
		},
		"services delete": {
			run: func(c *symflow) (string, error) {
				reply, err := c.do(http.MethodPost, "/services/delete", map[string]any{"service_type": "github", "external_id": "acme"})
				return fmt.Sprint(reply["succeeded"]), err
			},
			sent: []string{"POST /services/delete"}, shows: "1",
		},
		"status": {
			run: func(c *symflow) (string, error) {
				reply, err := c.do(http.MethodGet, "/auth/login", nil)
				return fmt.Sprint(reply["organization"], " ", reply["username"], " ", reply["role"]), err
			},
			sent: []string{"GET /auth/login"}, shows: "acme ci admin",
		},
		"tokens list": {
			run: func(c *symflow) (string, error) {
				reply, err := c.do(http.MethodGet, "/tokens", nil)
				return fmt.Sprint(len(reply["tokens"].([]any))), err
			},
			sent: []string{"GET /tokens"}, shows: "0",
		},
		"tokens issue": {
			run: func(c *symflow) (string, error) {
				_, err := c.do(http.MethodPost, "/tokens", map[string]any{"username": "deployer", "expiry": 3600})
				return "", err
			},
			sent:  []string{"POST /tokens"},
			shows: "Tokens are not issued by this API. Run sym-identityd token new, and add the token's block that it prints to the server's configuration.",
		},
		"tokens revoke": {
			run: func(c *symflow) (string, error) {
				_, err := c.do(http.MethodPost, "/tokens/revoke", map[string]any{"identifier": "x"})
				return "", err
			},
			sent:  []string{"POST /tokens/revoke"},
			shows: "Tokens are not revoked by this API. Remove the token's block from the server's configuration and reload it (SIGHUP).",
		},
		"a bad token": {
			run: func(c *symflow) (string, error) {
				c.token = "wrong"
				_, err := c.users("")
				return "", err
			},
			sent: []string{"GET /users"}, shows: "You must be logged in to perform this action. Run symflow login.",
		},
		"no permission": {
			run: func(c *symflow) (string, error) {
				c.token = guest
				return c.send(http.MethodPost, "/users/delete", "users", byName("email", "alice@example.com"))
			},
			sent: []string{"POST /users/delete"}, shows: "You are not authorized to perform this action.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := symflowCompany(t)
			c := &symflow{h: h, token: admin}
			shows, err := tt.run(c)
			if err != nil {
				shows = err.Error()
			}
			if sorted := strings.Split(shows, "\n"); len(sorted) > 1 { // the order of a map's keys
				slices.Sort(sorted)
				shows = strings.Join(sorted, "\n")
			}
			if shows != tt.shows {
				t.Errorf("it shows %q, want %q", shows, tt.shows)
			}
			if diff := cmp.Diff(tt.sent, c.sent); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			want := tt.left
			if want == "" {
				want = before
			}
			if got := h.people(); got != want {
				t.Errorf("stored are\n%s, want\n%s", got, want)
			}
			if tt.check == nil {
				return
			}
			alice, err := h.store.FindUsers(t.Context(), []identity.UserKey{"alice@example.com"})
			if err != nil || len(alice) != 1 {
				t.Fatalf("%v, %v", alice, err)
			}
			if wrong := tt.check(alice[0]); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// TestSymflowDuringAnOutage: each command shows the message of a server whose store
// does not answer, and the reply says that a later try may succeed.
func TestSymflowDuringAnOutage(t *testing.T) {
	t.Parallel()
	h := symflowCompany(t)
	if err := h.store.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	for call, body := range map[string]any{
		"GET /users": nil, "GET /services": nil, "PATCH /users": map[string]any{"users": []any{symflowUser{name: "alice@example.com"}.element("email")}},
		"POST /users/delete": map[string]any{"users": []any{map[string]any{"identity": map[string]any{"service_type": "sym", "matcher": map[string]any{"email": "alice@example.com"}}}}},
	} {
		method, path, _ := strings.Cut(call, " ")
		c := &symflow{h: h, token: admin}
		if reply, err := c.do(method, path, body); err == nil || !strings.Contains(err.Error(), "the store could not answer") {
			t.Errorf("%s: it shows %v, %v", call, reply, err)
		}
		if a := h.api(admin, method, path, body); a.status != http.StatusServiceUnavailable || a.body["is_retryable"] != true {
			t.Errorf("%s: %d %s", call, a.status, a.raw)
		}
	}
}

// before is what symflowCompany stores, as people tells it.
const before = "alice@example.com[okta:acme.okta.com scim:example] bob@example.com[] deployer[]"

// symflowCompany serves alice, who has an identity of a type of our own, bob, and a bot.
func symflowCompany(t *testing.T) *harness {
	t.Helper()
	scim := identity.ServiceKey{Type: "scim", ExternalID: "example"}
	h := start(t).register(okta, github, scim)
	h.person("alice@example.com", "00u1")
	h.person("bob@example.com", "")
	_, err := h.store.UpsertUsers(t.Context(), store.Actor{Name: "test"}, []store.UserWrite{
		{Key: "deployer", Name: "deployer", Type: identity.Bot},
		{Key: "alice@example.com", Mappings: []store.MappingWrite{{Service: scim, Matcher: identity.Matcher{"user_id": "2819", "realm": "a"}, Source: identity.Manual}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// people lists who is stored with which services.
func (h *harness) people() string {
	h.t.Helper()
	users, _, err := h.store.Users(h.t.Context(), store.UserFilter{})
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, u := range users {
		services := make([]string, len(u.Mappings))
		for i, m := range u.Mappings {
			services[i] = m.Service.String()
		}
		slices.Sort(services)
		out = append(out, fmt.Sprintf("%s%v", u.Key, services))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// What symflow reports of each command is accepted without a token and fills no log.
func TestSymflowReportsItsCommands(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, token := range []string{admin, "wrong", ""} {
		a := h.api(token, http.MethodPost, "/track/symflow", map[string]any{"command": "users list", "status": "invoked"})
		if a.status != http.StatusNoContent || a.raw != "" {
			t.Errorf("status %d: %s", a.status, a.raw)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(h.logs.String()), "\n") {
		if strings.Contains(line, "track/symflow") && !strings.Contains(line, `"level":"DEBUG"`) {
			t.Errorf("logged: %s", line)
		}
	}
}

// A caller of an extension sees every identity of everybody.
func TestAllIdentitiesAreShownToThoseWhoAsk(t *testing.T) {
	t.Parallel()
	h := symflowCompany(t)
	plain := h.api(guest, http.MethodGet, "/users?type=any", nil)
	all := h.api(guest, http.MethodGet, "/users?type=any&identities=all", nil)
	if strings.Contains(plain.raw, "scim") || !strings.Contains(all.raw, `"realm":"a"`) || !strings.Contains(plain.raw, "deployer") {
		t.Errorf("plain %s\nall %s", plain.raw, all.raw)
	}
	if found := h.api(guest, http.MethodPost, "/users/search", `{"emails":["alice@example.com"]}`); !strings.Contains(found.raw, `"realm":"a"`) {
		t.Errorf("search: %s", found.raw)
	}
}

// The editor of symflow saves everything in one request.
func TestSymflowSavesTwentyThousandRows(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	c := &symflow{h: h, token: admin}
	const rows = 20_000
	elements := make([]any, rows)
	for i := range elements {
		elements[i] = symflowUser{id: uuid.NewString(), name: fmt.Sprintf("person%05d@example.com", i),
			cells: map[string]string{"okta:acme.okta.com": fmt.Sprintf("00u%05d", i)}}.element("email")
	}
	if shows, err := c.send(http.MethodPatch, "/users", "users", elements...); err != nil || shows != "20000" {
		t.Fatalf("it shows %s, %v", shows, err)
	}
	users, err := c.users("")
	if err != nil || len(users) != rows {
		t.Fatalf("%d users, %v", len(users), err)
	}
	for i, u := range users {
		elements[i] = u.deletion("okta:acme.okta.com")
	}
	if shows, err := c.send(http.MethodPost, "/users/identities/delete", "identities", elements...); err != nil || shows != "20000" {
		t.Fatalf("it shows %s, %v", shows, err)
	}
	for i, u := range users {
		elements[i] = map[string]any{"id": u.id, "identity": map[string]any{"service_type": "sym", "matcher": map[string]any{"email": u.name}}}
	}
	if shows, err := c.send(http.MethodPost, "/users/delete", "users", elements...); err != nil || shows != "20000" {
		t.Fatalf("it shows %s, %v", shows, err)
	}
	if left := h.people(); left != "" {
		t.Errorf("left: %.100s", left)
	}
}
