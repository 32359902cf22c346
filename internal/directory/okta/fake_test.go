// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package okta_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// fake is an organization. The login and the e-mail are the first address of a
// person, the second e-mail is the next. As Okta's, its plain list hides the
// deprovisioned.
type fake struct {
	world  directorytest.World
	change func(user map[string]any)
	lags   bool   // the search does not know the logins yet
	hides  string // the account that the search does not know yet
	breaks bool   // the list goes on with an empty page
	asked  func(*http.Request)
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.asked != nil {
		f.asked(r)
	}
	if r.Header.Get("Authorization") != "SSWS "+directorytest.Secret {
		f.fail(w, http.StatusUnauthorized, "E0000011", "Invalid token provided")
		return
	}
	if login, ok := strings.CutPrefix(r.URL.Path, "/api/v1/users/"); ok {
		for _, p := range f.world.People {
			u := f.user(p)
			if p.ID == login || strings.EqualFold(profile(u, "login"), login) {
				directorytest.SendJSON(w, http.StatusOK, u)
				return
			}
		}
		f.fail(w, http.StatusNotFound, "E0000007", "Not found: Resource not found: User")
		return
	}
	if r.URL.Path != "/api/v1/users" {
		f.fail(w, http.StatusNotFound, "E0000022", "The endpoint does not exist")
		return
	}
	q := r.URL.Query()
	var people []directorytest.Person
	switch {
	case q.Has("search"):
		var address string
		if first, _, ok := strings.Cut(strings.TrimPrefix(q.Get("search"), "profile.email eq "), " or profile.login eq "); !ok || json.Unmarshal([]byte(first), &address) != nil {
			f.fail(w, http.StatusBadRequest, "E0000031", "Invalid search criteria")
			return
		}
		for _, p := range f.world.People {
			u := f.user(p)
			if p.ID == f.hides {
				continue
			}
			if strings.EqualFold(profile(u, "email"), address) && !f.lags || strings.EqualFold(profile(u, "login"), address) && !f.lags ||
				strings.EqualFold(profile(u, "secondEmail"), address) {
				people = append(people, p)
			}
		}
	default:
		for _, p := range f.world.People {
			if p.Inactive == q.Has("filter") {
				people = append(people, p)
			}
		}
	}
	f.page(w, r, people)
}

func (f fake) page(w http.ResponseWriter, r *http.Request, people []directorytest.Person) {
	q := r.URL.Query()
	limit, _ := strconv.Atoi(q.Get("limit"))
	start, _ := strconv.Atoi(q.Get("after"))
	page, next, more := f.world.Slice(people, start, limit)
	if f.breaks {
		next, more = start+1, true
	}
	w.Header().Add("Link", fmt.Sprintf("<http://%s/api/v1/users?limit=%d>; rel=\"self\"", r.Host, limit))
	if more {
		q.Set("after", strconv.Itoa(next))
		following := url.URL{Scheme: "http", Host: r.Host, Path: "/api/v1/users", RawQuery: q.Encode()}
		w.Header().Add("Link", fmt.Sprintf("<%s>; rel=\"next\"", &following))
	}
	users := make([]map[string]any, len(page))
	for i, p := range page {
		users[i] = f.user(p)
	}
	directorytest.SendJSON(w, http.StatusOK, users)
}

func (f fake) user(p directorytest.Person) map[string]any {
	status := "ACTIVE"
	if p.Inactive {
		status = "DEPROVISIONED"
	}
	profile := map[string]any{"login": p.Emails[0], "email": p.Emails[0], "firstName": "Some", "lastName": "Body"}
	if len(p.Emails) > 1 {
		profile["secondEmail"] = p.Emails[1]
	}
	u := map[string]any{"id": p.ID, "status": status, "profile": profile}
	if f.change != nil {
		f.change(u)
	}
	return u
}

// profile returns an attribute of a user's profile, "" if it has none.
func profile(user map[string]any, name string) string {
	value, _ := user["profile"].(map[string]any)[name].(string)
	return value
}

// logins returns a change of the logins of users, by id.
func logins(byID map[string]string) func(user map[string]any) {
	return func(user map[string]any) {
		if login, ok := byID[user["id"].(string)]; ok {
			user["profile"].(map[string]any)["login"] = login
		}
	}
}

func (fake) fail(w http.ResponseWriter, status int, code, summary string) {
	directorytest.SendJSON(w, status, map[string]any{"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oae1", "errorCauses": []any{}})
}
