// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

const alice = `{"id":"<uuid>","type":"normal","role":"member","created_at":"<time>","identities":[
	{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"alice@example.com"},"profile":{}},
	{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":{},
	 "source":"manual","revision":1,"updated_at":"<time>","updated_by":"test"}]}`

const bob = `{"id":"<uuid>","type":"normal","role":"member","created_at":"<time>","identities":[
	{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"bob@example.com"},"profile":{}}]}`

const deployer = `{"id":"<uuid>","type":"bot","role":"member","created_at":"<time>","identities":[
	{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"username":"deployer"},"profile":{}}]}`

// people stores alice, bob and the bot deployer.
func people(t *testing.T) (*harness, identity.User) {
	t.Helper()
	h := start(t).register(okta)
	a := h.person("alice@example.com", "00u1")
	h.person("bob@example.com", "")
	_, err := h.store.UpsertUsers(t.Context(), store.Actor{Name: "test"}, []store.UserWrite{{Key: "deployer", Name: "deployer", Type: identity.Bot}})
	if err != nil {
		t.Fatal(err)
	}
	return h, a
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	h, a := people(t)
	for name, tt := range map[string]struct{ query, want string }{
		"all":               {"", alice + "," + bob + "," + deployer},
		"email":             {"?email=alice@example.com", alice},
		"email of any case": {"?email=" + url.QueryEscape(" Alice@EXAMPLE.com"), alice},
		"id":                {"?id=" + a.ID, alice},
		"bots":              {"?type=bot", deployer},
		"people":            {"?type=normal", alice + "," + bob},
		"unknown email":     {"?email=nobody@example.com", ""},
		"unknown id":        {"?id=nobody", ""},
		"contradiction":     {"?type=bot&email=alice@example.com", ""},
		"unknown parameter": {"?color=red&type=bot", deployer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.api(guest, http.MethodGet, "/users"+tt.query, nil).want(t, http.StatusOK, `{"users":[`+tt.want+`]}`)
		})
	}
}

func TestListUsersRefusesBadFilters(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, tt := range map[string]struct {
		query   string
		code    identity.Code
		message string
	}{
		"empty email":      {"?email=", identity.CodeInvalid, "The request is invalid: query.email: must not be empty; leave it out to get all users"},
		"blank id":         {"?id=%20", identity.CodeInvalid, "The request is invalid: query.id: must not be empty; leave it out to get all users"},
		"not an e-mail":    {"?email=alice", identity.CodeUserInvalid, `"alice" is not an e-mail. An e-mail looks like name@example.com.`},
		"unknown type":     {"?type=robot", identity.CodeInvalid, `The request is invalid: query.type: expected value to be one of "normal, bot"`},
		"limit not number": {"?limit=many", identity.CodeInvalid, "The request is invalid: query.limit: invalid integer"},
		"limit too large":  {"?limit=2501", identity.CodeInvalid, "The request is invalid: query.limit: expected number <= 2500"},
		"broken cursor":    {"?limit=1&cursor=%25", identity.CodeInvalid, "the cursor is not one that this list gave out. Start again without a cursor."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.api(guest, http.MethodGet, "/users"+tt.query, nil).wantError(t, http.StatusBadRequest, tt.code, tt.message)
		})
	}
}

func TestListUsersInPages(t *testing.T) {
	t.Parallel()
	h, _ := people(t)
	var names []string
	cursor := ""
	for range 10 {
		a := h.api(guest, http.MethodGet, "/users?limit=2&cursor="+url.QueryEscape(cursor), nil)
		if a.status != http.StatusOK {
			t.Fatal(a.raw)
		}
		for _, u := range a.body["users"].([]any) {
			own := u.(map[string]any)["identities"].([]any)[0].(map[string]any)["matcher"]
			names = append(names, fmt.Sprint(own))
		}
		next, more := a.body["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if got, want := strings.Join(names, " "), "map[email:alice@example.com] map[email:bob@example.com] map[username:deployer]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSearchUsers(t *testing.T) {
	t.Parallel()
	h, _ := people(t)
	h.api(guest, http.MethodPost, "/users/search", map[string]any{
		"emails":    []string{"nobody@example.com", "BOB@example.com", "alice@example.com", "alice@example.com"},
		"usernames": []string{"deployer"}, "color": "red",
	}).want(t, http.StatusOK, `{"users":[`+alice+","+bob+","+deployer+`]}`)
	h.api(guest, http.MethodPost, "/users/search", `{}`).want(t, http.StatusOK, `{"users":[]}`)
}

func TestSearchUsersRefusesBadNames(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.api(guest, http.MethodPost, "/users/search", `{"emails":["a@example.com","deployer","@"]}`).
		wantError(t, http.StatusBadRequest, identity.CodeUserInvalid,
			`emails[1]: "deployer" is not an e-mail. An e-mail looks like name@example.com.; `+
				`emails[2]: "@" is not an e-mail. An e-mail looks like name@example.com, without spaces or commas.`)
	h.api(guest, http.MethodPost, "/users/search", `{"usernames":["a@example.com"]}`).
		wantError(t, http.StatusBadRequest, identity.CodeUserInvalid, `usernames[0]: "a@example.com" is not a bot's username. A username has no @.`)
	h.api(guest, http.MethodPost, "/users/search", map[string]any{"emails": make([]string, 1001)}).
		wantError(t, http.StatusRequestEntityTooLarge, identity.CodeTooLarge, "emails holds 1001 elements. One request takes at most 1000; send more requests.")
}

func TestSetRole(t *testing.T) {
	t.Parallel()
	h, a := people(t)
	h.api(admin, http.MethodPost, "/users/"+a.ID+"/set-role", `{"role":"guest"}`).
		want(t, http.StatusOK, strings.Replace(alice, `"role":"member"`, `"role":"guest"`, 1))
	h.api(admin, http.MethodPost, "/users/"+a.ID+"/set-role", `{"role":"king"}`).
		wantError(t, http.StatusBadRequest, identity.CodeUserInvalid, `"king" is not a role. Roles are admin, member and guest.`)
	h.api(admin, http.MethodPost, "/users/nobody/set-role", `{"role":"guest"}`).
		wantError(t, http.StatusNotFound, identity.CodeUserNotFound, "Unknown user for id: nobody")
	h.api(admin, http.MethodPost, "/users/"+a.ID+"/set-role", `{}`).
		wantError(t, http.StatusBadRequest, identity.CodeInvalid, "The request is invalid: body: expected required property role to be present")
}

func TestLogin(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.api(member, http.MethodGet, "/auth/login?email=a@example.com", nil).
		want(t, http.StatusOK, `{"org":"acme","role":"member","name":"resolver","email":"a@example.com"}`)
	h.api(admin, http.MethodGet, "/auth/login", nil).want(t, http.StatusOK, `{"org":"acme","role":"admin","name":"ci"}`)
}
