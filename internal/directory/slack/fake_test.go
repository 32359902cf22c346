// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package slack_test

import (
	"net/http"
	"strconv"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// fake is a workspace. As Slack does, it takes the token as a header or in
// the form, hides leavers from lookups, and reports errors with status 200.
type fake struct {
	world    directorytest.World
	noEmails bool // the token lacks users:read.email
	change   func(directorytest.Person, map[string]any)
}

const team = "T0ACME"

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+directorytest.Secret && r.FormValue("token") != directorytest.Secret {
		f.fail(w, "invalid_auth")
		return
	}
	switch r.URL.Path {
	case "/api/auth.test":
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"ok": true, "team": "Acme", "team_id": team, "user_id": "U0BOT"})
	case "/api/users.lookupByEmail":
		f.lookup(w, r.FormValue("email"))
	case "/api/users.info":
		for _, p := range f.world.People {
			if p.ID == r.FormValue("user") {
				directorytest.SendJSON(w, http.StatusOK, map[string]any{"ok": true, "user": f.user(p)})
				return
			}
		}
		f.fail(w, "user_not_found")
	case "/api/users.list":
		f.list(w, r)
	default:
		f.fail(w, "unknown_method")
	}
}

func (f fake) lookup(w http.ResponseWriter, email string) {
	if f.noEmails {
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"ok": false, "error": "missing_scope", "needed": "users:read.email", "provided": "users:read"})
		return
	}
	for _, p := range f.world.Holders(email) {
		if !p.Inactive {
			directorytest.SendJSON(w, http.StatusOK, map[string]any{"ok": true, "user": f.user(p)})
			return
		}
	}
	f.fail(w, "users_not_found")
}

func (f fake) list(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	start, _ := strconv.Atoi(r.FormValue("cursor"))
	people, next, more := f.world.Slice(f.world.People, start, limit)
	members := make([]map[string]any, len(people))
	for i, p := range people {
		members[i] = f.user(p)
	}
	cursor := ""
	if more {
		cursor = strconv.Itoa(next)
	}
	directorytest.SendJSON(w, http.StatusOK, map[string]any{"ok": true, "members": members, "response_metadata": map[string]any{"next_cursor": cursor}})
}

func (f fake) user(p directorytest.Person) map[string]any {
	profile := map[string]any{"real_name": "Somebody"}
	if !f.noEmails {
		profile["email"] = p.Emails[0]
	}
	u := map[string]any{"id": p.ID, "team_id": team, "name": "somebody", "deleted": p.Inactive, "is_bot": false, "is_restricted": p.Guest,
		"is_email_confirmed": !p.Unproved, "profile": profile}
	if f.change != nil {
		f.change(p, u)
	}
	return u
}

func (fake) fail(w http.ResponseWriter, code string) {
	directorytest.SendJSON(w, http.StatusOK, map[string]any{"ok": false, "error": code})
}
