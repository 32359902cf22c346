// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"fmt"
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
	keys := append(keysOf(emails(6000)), "deploy-bot", "p0007@example.com", "o'brien+x%/7@example.com")
	got, err := f.client(t).FindUsers(context.Background(), keys)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.seen) != 3 {
		t.Errorf("%d requests, want 3", len(f.seen))
	}
	names := namesOf(got)
	if len(names) != 602 || names[0] != "P0007@EXAMPLE.COM" || names[600] != "deploy-bot" || names[601] != "O'BRIEN+X%/7@EXAMPLE.COM" {
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

// TestWithoutExtensions proves that an API that lacks an extension is one clear
// error, and that nothing is written to it.
func TestWithoutExtensions(t *testing.T) {
	t.Parallel()
	lacking := map[string]answer{
		"404 HTML":       missing(request{}),
		"404 other code": coded(404, "Entity:MISSING", "Missing entity (404)."),
		"404 of ours":    coded(404, identity.CodeMissing, "no such call"),
		"405":            status(405),
		"405 of ours":    coded(405, identity.CodeMethod, "no such method"),
	}
	ada := identity.UserKey("ada@example.com")
	matcher := identity.Matcher{"user_id": "00u1"}
	calls := map[string]struct {
		path string
		call func(context.Context, *Client) error
	}{
		"FindUsers": {"users/search", func(ctx context.Context, c *Client) error {
			_, err := c.FindUsers(ctx, []identity.UserKey{ada})
			return err
		}},
		"Write": {"users/search", func(ctx context.Context, c *Client) error {
			_, err := c.Write(ctx, []identity.Write{{User: ada, Service: okta, Matcher: matcher}})
			return err
		}},
		"Delete": {"users/search", func(ctx context.Context, c *Client) error {
			_, err := c.Delete(ctx, []identity.Delete{{User: ada, Service: okta, Matcher: matcher}})
			return err
		}},
		"AllUsers": {"users/search", func(_ context.Context, c *Client) error {
			_, err := allUsers(c)
			return err
		}},
		"Lookup": {"identities/lookup", func(ctx context.Context, c *Client) error {
			_, err := c.Lookup(ctx, okta, []string{string(ada)}, "")
			return err
		}},
		"Status": {"identities/status", func(ctx context.Context, c *Client) error {
			_, err := c.Status(ctx, okta, accountQueries("00u1"), "")
			return err
		}},
		"Holders": {"identities/search", func(ctx context.Context, c *Client) error {
			_, err := c.Holders(ctx, okta, identity.Named("00u1"))
			return err
		}},
	}
	for name, lacks := range lacking {
		for call, test := range calls {
			t.Run(name+" to "+call, func(t *testing.T) {
				t.Parallel()
				f := &fake{answer: always(lacks)}
				err := test.call(t.Context(), f.client(t))
				for _, says := range []string{"the API at https://identity.example.com/api/v1 lacks " + test.path, "sym-identityd", "check that the URL"} {
					if !strings.Contains(fmt.Sprint(err, identity.AsError(err).Hint), says) {
						t.Errorf("%v, want %q", err, says)
					}
				}
				if got := f.calls(); len(got) != 1 || !strings.HasSuffix(got[0], " "+test.path) {
					t.Errorf("requests %v, want only %s", got, test.path)
				}
			})
		}
	}
}

// TestExtensionsAreProvedOnce sends the proof before the first write alone,
// and again after one that failed.
func TestExtensionsAreProvedOnce(t *testing.T) {
	t.Parallel()
	down := true
	f := &fake{answer: func(r request) answer {
		switch {
		case down:
			return missing(r)
		case r.call == "POST users/search":
			return ok(users())
		}
		return ok(`{"status":"success"}`)
	}}
	c := f.client(t)
	write := []identity.Write{{UserID: "u1", User: "ada@example.com", Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}}}
	_, err := c.Write(t.Context(), write)
	wantCode(t, err, identity.CodeMissing)
	down = false
	for range 2 {
		if _, err := c.Write(t.Context(), write); err != nil {
			t.Fatal(err)
		}
	}
	f.wantCalls(t, "POST users/search", "POST users/search", "PATCH users", "PATCH users")
}

// TestLoginNames reads the names of either API: Sym's own or the extensions'.
func TestLoginNames(t *testing.T) {
	t.Parallel()
	want := identity.Principal{Org: "acme", Name: "ci", Role: identity.Admin}
	for _, body := range []string{
		`{"organization":"acme","username":"ci","role":"admin"}`,
		`{"org":"acme","name":"ci","role":"admin"}`,
		`{"organization":"other","username":"other","org":"acme","name":"ci","role":"admin"}`,
	} {
		got, err := (&fake{answer: always(ok(body))}).client(t).Login(t.Context())
		if err != nil || got.Principal != want {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

// TestLoginProvesExtensions: the id of a store is one, and Sym's own keys are not.
func TestLoginProvesExtensions(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		`{"organization":"acme","username":"ci","role":"admin"}`:                                         {"GET auth/login", "POST users/search"},
		`{"organization":"acme","username":"ci","role":"admin","org":"acme","name":"ci","store_id":"a"}`: {"GET auth/login"},
	} {
		f := &fake{answer: func(r request) answer {
			if r.call == "GET auth/login" {
				return ok(body)
			}
			return missing(r)
		}}
		c := f.client(t)
		if _, err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.RequireExtensions(t.Context()); (err != nil) != (len(want) > 1) {
			t.Errorf("%s: %v", body, err)
		}
		f.wantCalls(t, want...)
	}
}

// TestLoginStoreID refuses an id that could garble a message.
func TestLoginStoreID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{"": true, "0b6e5b0e-5a0f-4d0a-9d55-1c6f2f2f0a11": true, "two words": false, "é": false, "a\n": false, strings.Repeat("x", 65): false} {
		got, err := (&fake{answer: always(ok(symapi.Login{Org: "acme", StoreID: id}))}).client(t).Login(t.Context())
		if (err == nil) != want || want && got.StoreID != id {
			t.Errorf("%q: %+v, %v", id, got, err)
		}
	}
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

// allUsers lists everybody that AllUsers yields, or returns its error.
func allUsers(c *Client) ([]identity.User, error) {
	var all []identity.User
	for u, err := range c.AllUsers(context.Background()) {
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
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
	c := f.extended(t)
	got, err := allUsers(c)
	if err != nil || !slices.Equal(namesOf(got), []string{"ada@example.com", "bob@example.com"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"identities=all&limit=2500&type=any", "cursor=c%2F2&identities=all&limit=2500&type=any"}, []string{f.seen[0].query, f.seen[1].query}); diff != "" {
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
	for _, err := range f.extended(t).AllUsers(context.Background()) {
		n++
		last = err
	}
	if n != 3 || last == nil || !strings.Contains(last.Error(), "cursor") {
		t.Errorf("%d yields, the last: %v", n, last)
	}
	f.wantCalls(t, "GET users", "GET users", "GET users")
}

// Pages are of different moments: between two, a name can go to another user.
func TestAllUsersWhileANameChangesHands(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		page := users(person("u1", "ada@example.com"))
		page.NextCursor = "next"
		if r.n == 2 {
			page = users(person("u2", "bob@example.com"), person("u3", "ada@example.com"))
		}
		return ok(page)
	}}
	got, err := allUsers(f.extended(t))
	if got != nil || identity.CodeOf(err) != identity.CodeUserConflict || !strings.Contains(err.Error(), "ada@example.com became the name of another user") {
		t.Errorf("got %v, %v", got, err)
	}
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
	got, err := allUsers(f.extended(t))
	if got != nil || apiError(t, err).Status != 500 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestUserByID(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer func(request) answer
		want   string
		code   identity.Code
	}{
		"found":               {answer: always(ok(users(person("id-1", "Ada@example.com")))), want: "Ada@example.com"},
		"nobody":              {answer: always(ok(users()))},
		"nobody, as an error": {answer: always(coded(404, identity.CodeUserNotFound, "No Sym Identity found for user id id-1"))},
		"filter ignored":      {answer: always(ok(users(person("id-2", "bob@example.com"), person("id-1", "ada@example.com")))), want: "ada@example.com"},
		"others only":         {answer: always(ok(users(person("id-2", "bob@example.com"))))},
		"a proxy's 404":       {answer: missing, code: identity.CodeMissing},
		"down":                {answer: always(status(http.StatusBadGateway)), code: identity.CodeUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answer: tt.answer}
			got, err := f.client(t).UserByID(t.Context(), "id-1")
			if identity.CodeOf(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Fatalf("error %v, want code %q", err, tt.code)
			}
			switch {
			case tt.want == "" && got != nil:
				t.Errorf("found %s", got.Name)
			case tt.want != "" && (got == nil || got.Name != tt.want || got.ID != "id-1"):
				t.Errorf("got %v, want %s", got, tt.want)
			}
			if f.seen[0].call != "GET users" || f.seen[0].query != "id=id-1&identities=all" {
				t.Errorf("asked %s?%s", f.seen[0].call, f.seen[0].query)
			}
		})
	}
}

func TestUserByID_empty(t *testing.T) {
	t.Parallel()
	f := &fake{answer: missing}
	if got, err := f.client(t).UserByID(t.Context(), ""); err != nil || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
	f.wantCalls(t)
}

func always(a answer) func(request) answer { return func(request) answer { return a } }
