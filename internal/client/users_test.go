// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func namesOf(users []identity.User) []string {
	var out []string
	for _, u := range users {
		out = append(out, u.Name)
	}
	return out
}

func TestFindUsersInChunks(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		var found []symapi.User
		asked := decode[symapi.UserSearch](t, r)
		if n := len(asked.Emails) + len(asked.Usernames); n > symapi.MaxBatch {
			t.Errorf("%d keys in one search", n)
		}
		for _, e := range asked.Emails {
			if strings.HasSuffix(e, "7@example.com") {
				found = append(found, person("id-"+e, strings.ToUpper(e)))
			}
		}
		for _, name := range asked.Usernames {
			found = append(found, symapi.User{ID: "b", Type: "bot", Identities: []symapi.Identity{{
				Service: symapi.ServiceRef{Slug: "sym", ExternalID: "cloud"}, Matcher: map[string]string{"username": name}}}})
		}
		slices.Reverse(found)
		return ok(users(append(found, person("x", "nobody-asked@example.com"))...))
	}}
	keys := append(keysOf(emails(2500)), "deploy-bot", "p0007@example.com", "o'brien+x%/7@example.com")
	got, err := f.client(t).FindUsers(context.Background(), keys)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.seen) != 3 {
		t.Errorf("%d requests, want 3", len(f.seen))
	}
	names := namesOf(got)
	if len(names) != 252 || names[0] != "P0007@EXAMPLE.COM" || names[250] != "deploy-bot" || names[251] != "O'BRIEN+X%/7@EXAMPLE.COM" {
		t.Errorf("got %d: %v", len(names), names)
	}
}

func TestFindNobody(t *testing.T) {
	t.Parallel()
	f := &fake{answer: missing}
	if got, err := f.client(t).FindUsers(context.Background(), nil); err != nil || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
	f.wantCalls(t)
}

func TestFindUsersWithoutExtensions(t *testing.T) {
	t.Parallel()
	answers := map[string]answer{
		"404 HTML":       missing(request{}),
		"404 other code": coded(404, "Entity:MISSING", "Missing entity (404)."),
		"404 of ours":    coded(404, identity.CodeMissing, "no such call"),
		"405":            status(405),
	}
	for name, lacking := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answer: func(r request) answer {
				if r.call == "GET users" {
					return ok(users(person("u1", "Ada@Example.com"), person("u2", "bob@example.com")))
				}
				return lacking
			}}
			c := f.client(t)
			for range 2 {
				got, err := c.FindUsers(context.Background(), keysOf([]string{"ada@example.com", "eve@example.com"}))
				if err != nil || !slices.Equal(namesOf(got), []string{"Ada@Example.com"}) {
					t.Fatalf("got %v, %v", got, err)
				}
			}
			// What the first has shown the second knows.
			f.wantCalls(t, "POST users/search", "GET users", "GET users")
		})
	}
}

// TestFindUsersOfNoAPI: a wrong URL is an error, not an empty store, and says
// nothing about extensions.
func TestFindUsersOfNoAPI(t *testing.T) {
	t.Parallel()
	down := true
	f := &fake{answer: func(r request) answer {
		if down {
			return missing(r)
		}
		return ok(users())
	}}
	c := f.client(t)
	_, err := c.FindUsers(context.Background(), keysOf(emails(1)))
	wantCode(t, err, identity.CodeMissing)
	down = false
	if _, err := c.FindUsers(context.Background(), keysOf(emails(1))); err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "POST users/search", "GET users", "POST users/search")
}

func TestFindUsersFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer answer
		code   identity.Code
	}{
		"specific 404":   {coded(404, identity.CodeUserNotFound, "m"), identity.CodeUserNotFound},
		"500":            {status(500), identity.CodeInternal},
		"no users field": {ok(map[string]any{"ok": true}), identity.CodeInternal},
		"user w/o id":    {ok(users(person("", "p0000@example.com"))), identity.CodeInternal},
		"two users":      {ok(users(person("u1", "P0000@example.com"), person("u2", "p0000@example.com"))), identity.CodeUserConflict},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answer: func(request) answer { return test.answer }}
			got, err := f.client(t).FindUsers(context.Background(), keysOf(emails(1)))
			if got != nil {
				t.Errorf("got %v", got)
			}
			wantCode(t, err, test.code)
			f.wantCalls(t, "POST users/search")
		})
	}
}

func TestNullListsAreEmpty(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		if r.call == "GET services" {
			return ok(`{"services":null}`)
		}
		return ok(`{"users":null}`)
	}}
	c := f.client(t)
	found, err := c.FindUsers(context.Background(), keysOf(emails(1)))
	services, err2 := c.Services(context.Background())
	if err != nil || err2 != nil || len(found) != 0 || len(services) != 0 {
		t.Errorf("got %v, %v, %v, %v", found, err, services, err2)
	}
}

func TestAllUsers(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		page := users(person("u1", "ada@example.com"))
		page.NextCursor = "c/2"
		if r.ordinal == 2 {
			page = users(person("u2", "bob@example.com"))
		}
		return ok(page)
	}}
	c := f.client(t)
	got, err := c.listing(context.Background())
	if err != nil || !slices.Equal(namesOf(got), []string{"ada@example.com", "bob@example.com"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"limit=2500", "cursor=c%2F2&limit=2500"}, []string{f.seen[0].query, f.seen[1].query}); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
	for _, err := range c.AllUsers(context.Background()) {
		if err != nil {
			t.Error(err)
		}
		break // asks for no further page
	}
	if len(f.seen) != 3 {
		t.Errorf("%d requests", len(f.seen))
	}
}

func TestAllUsersRepeatedCursor(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		page := users(person("u1", "ada@example.com"))
		page.NextCursor = []string{"a", "b", "a"}[r.n-1]
		return ok(page)
	}}
	var last error
	n := 0
	for _, err := range f.client(t).AllUsers(context.Background()) {
		n++
		last = err
	}
	if n != 3 || last == nil || !strings.Contains(last.Error(), "cursor") {
		t.Errorf("%d yields, the last: %v", n, last)
	}
	f.wantCalls(t, "GET users", "GET users", "GET users")
}

func TestAllUsersFailsOnALaterPage(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		page := users(person("u1", "ada@example.com"))
		page.NextCursor = "next"
		if r.n == 2 {
			return status(http.StatusInternalServerError)
		}
		return ok(page)
	}}
	got, err := f.client(t).listing(context.Background())
	if got != nil || apiError(t, err).Status != 500 {
		t.Errorf("got %v, %v", got, err)
	}
}
