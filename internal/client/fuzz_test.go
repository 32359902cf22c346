// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// FuzzAnswers: whatever answers in place of the API, calls end with an error of
// one line or with what makes sense, and the token shows in neither.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"org":"acme","role":"admin"}`, `{"users":[{"id":"u1","type":"normal","identities":[]}]}`, `{"results":[{"email":"ada@example.com","status":"not_found"}]}`,
		`{"error":true,"message":"no ` + testToken + `","code":"User:INVALID"}`, `{"users":[`, `<title>` + testToken, `null`, `[]`, ``, "\xff\xfe", `{"results":[{}]}`,
	} {
		f.Add(200, "application/json", "", []byte(seed))
		f.Add(409, "application/json; charset=utf-8", "7", []byte(seed))
		f.Add(503, "text/html", "Mon, 02 Jan 2006 15:04:05 GMT", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, kind, retryAfter string, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		c, err := New(Config{BaseURL: "https://identity.example.com/api/v1", Token: StaticToken(testToken),
			Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(string(body))), Request: req,
					Header: http.Header{"Content-Type": {kind}, "Retry-After": {retryAfter}, "X-Sym-Request-Id": {kind}, "Location": {retryAfter}}}, nil
			})})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		who, loginErr := c.Login(ctx)
		if loginErr == nil && who.Org == "" && who.Role == "" && who.Name == "" {
			t.Errorf("logged in as nobody: %+v", who)
		}
		users, findErr := c.FindUsers(ctx, []identity.UserKey{"ada@example.com"})
		for _, u := range users {
			if u.Key != "ada@example.com" {
				t.Errorf("found %+v", u)
			}
		}
		answers, lookupErr := c.Lookup(ctx, okta, []string{"ada@example.com"}, "")
		if lookupErr == nil && (len(answers) != 1 || answers[0].Email != "ada@example.com") {
			t.Errorf("looked up %+v", answers)
		}
		_, writeErr := c.Write(ctx, []identity.Write{{User: "ada@example.com", Name: "ada@example.com", Service: okta,
			Matcher: identity.Matcher{"user_id": "00u1"}, Conditions: identity.Conditions{IfAbsent: true}}})
		for _, err := range []error{loginErr, findErr, lookupErr, writeErr} {
			if err != nil {
				checkNoToken(t, err)
			}
		}
		wait := retryAfterOf(retryAfter)
		if wait < 0 || wait > retryAfterCap {
			t.Errorf("Retry-After %q makes %s", retryAfter, wait)
		}
	})
}

func retryAfterOf(value string) time.Duration {
	return retryAfter(http.Header{"Retry-After": {value}}, time.Now())
}

// FuzzSymflowLogin: a login file is read or refused, and no error repeats it.
func FuzzSymflowLogin(f *testing.F) {
	for _, seed := range []string{
		"org: acme\nemail: ada@example.com\nauth_token:\n  access_token: " + testToken + "\n", "org: {slug: acme}\nauth_token: {access_token: [" + testToken + "]}",
		"a: &a [*a]", "- x", "\x00", "auth_token: {access_token: " + testToken + "\n", "!!binary x", "? {}\n: {}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		login, err := parseSymflow(content)
		if err == nil && (login.Token == "" || strings.TrimSpace(login.Token) != login.Token) {
			t.Errorf("read %+v", login)
		}
		if err != nil && len(err.Error()) > 60 {
			t.Errorf("the error may repeat the file: %v", err)
		}
	})
}

// FuzzAudience: a token that is accepted for an audience is a JWT that has not
// expired; an error never repeats it.
func FuzzAudience(f *testing.F) {
	for _, token := range []string{jwtFor("sym", time.Now().Add(1e6*time.Hour)), jwtFor([]string{"a", "sym"}, time.Now().Add(1e6*time.Hour)), "a.b.c", "..", "a.bnVsbA.c", "a.e30.c"} {
		f.Add(token, "sym")
	}
	f.Fuzz(func(t *testing.T, token, audience string) {
		expires, err := CheckAudience(token, audience)
		if err == nil && (strings.Count(token, ".") != 2 || !expires.After(time.Now())) {
			t.Errorf("accepted %q until %s", token, expires)
		}
		if err != nil && len(token) > 20 && strings.Contains(err.Error(), token) {
			t.Errorf("the error repeats the token: %v", err)
		}
	})
}
