// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package scim_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// fake is a SCIM service provider. Its zero value filters by both attributes.
type fake struct {
	world         directorytest.World
	userNameOnly  bool // refuses to filter by e-mail
	ignoresFilter bool
	byPath        bool                                            // shows a user by the id in the path
	cased         bool                                            // compares case, against RFC 7643
	refuses       func(w http.ResponseWriter, filter string) bool // answers a filter itself
	hides         int                                             // users that the list counts and leaves out
	userNames     map[string]string                               // by id; others have their first address
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+directorytest.Secret {
		f.fail(w, http.StatusUnauthorized, "", "no such token")
		return
	}
	if id, one := strings.CutPrefix(r.URL.Path, "/scim/v2/Users/"); one && f.byPath {
		if i := slices.IndexFunc(f.world.People, func(p directorytest.Person) bool { return p.ID == id }); i >= 0 {
			f.send(w, http.StatusOK, f.resource(f.world.People[i]))
			return
		}
	}
	if r.URL.Path != "/scim/v2/Users" {
		f.fail(w, http.StatusNotFound, "", "no such resource")
		return
	}
	if filter := r.URL.Query().Get("filter"); f.refuses != nil && filter != "" && f.refuses(w, filter) {
		return
	}
	people, err := f.filtered(r.URL.Query().Get("filter"))
	if err != nil {
		f.fail(w, http.StatusBadRequest, "invalidFilter", err.Error())
		return
	}
	start, _ := strconv.Atoi(r.URL.Query().Get("startIndex"))
	count, _ := strconv.Atoi(r.URL.Query().Get("count"))
	if f.world.PageSize > 0 {
		count = min(count, f.world.PageSize)
	}
	if f.world.Repeats {
		start = 1
	}
	from := min(max(start, 1)-1, len(people))
	page := people[from:min(from+count, len(people))]
	total := len(people)
	if !r.URL.Query().Has("filter") {
		page = page[:max(0, min(len(page), len(people)-f.hides-from))]
	}
	resources := make([]map[string]any, len(page))
	for i, p := range page {
		resources[i] = f.resource(p)
	}
	f.send(w, http.StatusOK, map[string]any{"totalResults": total, "startIndex": start,
		"itemsPerPage": len(page), "Resources": resources})
}

func (f fake) userName(p directorytest.Person) string { return cmp.Or(f.userNames[p.ID], p.Emails[0]) }

func (f fake) resource(p directorytest.Person) map[string]any {
	var emails []map[string]any
	for i, address := range p.Emails {
		emails = append(emails, map[string]any{"value": address, "primary": i == 0})
	}
	return map[string]any{"id": p.ID, "userName": f.userName(p), "externalId": "ext-" + p.ID, "active": !p.Inactive, "emails": emails}
}

func (f fake) filtered(filter string) ([]directorytest.Person, error) {
	if filter == "" || f.ignoresFilter {
		return f.world.People, nil
	}
	attribute, quoted, ok := strings.Cut(filter, " eq ")
	var value string
	if err := json.Unmarshal([]byte(quoted), &value); !ok || err != nil {
		return nil, fmt.Errorf("cannot read the filter %s", filter)
	}
	same := func(address string) bool {
		return address == value || !f.cased && identity.FoldASCII(address) == identity.FoldASCII(value)
	}
	var found []directorytest.Person
	for _, p := range f.world.People {
		switch {
		case attribute == "id" && p.ID == value,
			attribute == "userName" && same(f.userName(p)),
			attribute == "emails.value" && slices.ContainsFunc(p.Emails, same):
			found = append(found, p)
		}
	}
	if attribute != "id" && attribute != "userName" && (f.userNameOnly || attribute != "emails.value") {
		return nil, fmt.Errorf("cannot filter by %s", attribute)
	}
	return found, nil
}

func (f fake) fail(w http.ResponseWriter, status int, scimType, detail string) {
	body := map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": strconv.Itoa(status), "detail": detail}
	if scimType != "" {
		body["scimType"] = scimType
	}
	f.send(w, status, body)
}

func (fake) send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
