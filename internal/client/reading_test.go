// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// plain is a server of the contract without any extension: no searches, no
// conditions, no revisions, no records in bulk replies.
func plain(t *testing.T) *fake {
	stored := map[string]symapi.User{
		"u1": person("u1", "Ada@example.com", "okta:acme.okta.com", "00u1", "github:acme", "Ada-L"),
		"u2": person("u2", "bob@example.com"),
	}
	for id, u := range stored {
		for i := range u.Identities {
			u.Identities[i].Revision = 0
		}
		stored[id] = u
	}
	return &fake{answer: func(r request) answer {
		switch r.call {
		case "GET users":
			var list symapi.UserList
			for _, id := range []string{"u1", "u2", "new"} {
				if u, there := stored[id]; there {
					list.Users = append(list.Users, u)
				}
			}
			return ok(list)
		case "GET services":
			return ok(`{"services":[]}`)
		case "PATCH users":
			for _, u := range decode[symapi.UserUpserts](t, r).Users {
				id := u.ID
				if id == "" {
					id = "new"
					stored[id] = person(id, u.Identities[0].Matcher["email"])
				}
				user, own := stored[id], u.Identities[0]
				if own.ServiceType != "sym" || own.Matcher["email"] != user.Identities[0].Matcher["email"] || u.Type != "normal" {
					t.Errorf("the write for %s comes with %+v", id, u)
				}
				w := u.Identities[1]
				ref := symapi.ServiceRef{Slug: w.ServiceType, ExternalID: w.ExternalID}
				user.Identities = slices.DeleteFunc(slices.Clone(user.Identities), func(i symapi.Identity) bool { return i.Service == ref })
				user.Identities = append(user.Identities, symapi.Identity{Service: ref, Matcher: w.Matcher})
				stored[id] = user
			}
			return ok(`{"status":"success"}`)
		case "POST users/identities/delete":
			return ok(`{"status":"success","errors":[],"succeeded":1,"failed":0,"results":[]}`)
		}
		return missing(r)
	}}
}

func value(v string) identity.Matcher { return identity.Matcher{"user_id": v} }

func TestWriteWithoutExtensions(t *testing.T) {
	t.Parallel()
	f := plain(t)
	c := f.client(t)
	got, err := c.Write(context.Background(), []identity.Write{
		{User: "ada@example.com", Service: github, Matcher: value("ada-l"), Conditions: identity.Conditions{IfAbsent: true, IfUnclaimed: true}},                       // equal
		{User: "ada@example.com", Service: okta, Matcher: value("00u9")},                                                                                              // overwrites
		{UserID: "u2", User: "bob@example.com", Service: okta, Matcher: value("00u1"), Source: identity.FromRule, Conditions: identity.Conditions{IfUnclaimed: true}}, // free by now
		{User: "eve@example.com", Name: "Eve@example.com", Service: okta, Matcher: value("00u3"), Conditions: identity.Conditions{IfAbsent: true}},                    // created
	})
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for i, u := range got {
		service := okta
		if i == 0 {
			service = github
		}
		m, _ := u.Mapping(service)
		shown = append(shown, strings.Join([]string{u.ID, u.Name, m.Matcher.String(), string(m.Source)}, " "))
	}
	want := []string{"u1 Ada@example.com Ada-L manual", "u1 Ada@example.com 00u9 manual", "u2 bob@example.com 00u1 manual", "new Eve@example.com 00u3 manual"}
	if !slices.Equal(shown, want) {
		t.Errorf("got %q, want %q", shown, want)
	}
	f.wantCalls(t, "POST users/search", "GET services", "GET users", "PATCH users", "GET users")
	if n := len(decode[symapi.UserUpserts](t, f.seen[3]).Users); n != 3 {
		t.Errorf("%d elements sent, want 3", n)
	}
	// What the server lacks is remembered.
	if _, err := c.Write(context.Background(), []identity.Write{{User: "eve@example.com", Service: okta, Matcher: value("00u3")}}); err != nil {
		t.Fatal(err)
	}
	if calls := f.calls(); !slices.Equal(calls[5:], []string{"GET users"}) {
		t.Errorf("then: %v", calls[5:])
	}
}

func TestConditionsWithoutExtensions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		write identity.Write
		code  identity.Code
		says  string
	}{
		"if_absent":       {identity.Write{User: "ada@example.com", Service: okta, Matcher: value("x"), Conditions: identity.Conditions{IfAbsent: true}}, identity.CodeIdentityConflict, "00u1"},
		"automatic":       {identity.Write{User: "ada@example.com", Service: okta, Matcher: value("x"), Source: identity.FromEmail}, identity.CodeIdentityConflict, "00u1"},
		"if_revision":     {identity.Write{User: "ada@example.com", Service: okta, Matcher: value("x"), Conditions: identity.Conditions{IfRevision: 2}}, identity.CodeIdentityConflict, "00u1"},
		"nothing stored":  {identity.Write{User: "bob@example.com", Service: okta, Matcher: value("x"), Conditions: identity.Conditions{IfRevision: 2}}, identity.CodeIdentityConflict, "any more"},
		"if_unclaimed":    {identity.Write{User: "bob@example.com", Service: github, Matcher: value("ADA-L"), Conditions: identity.Conditions{IfUnclaimed: true}}, identity.CodeIdentityClaimed, "ada@example.com"},
		"claimed, new":    {identity.Write{User: "eve@example.com", Service: okta, Matcher: value("00u1"), Conditions: identity.Conditions{IfUnclaimed: true}}, identity.CodeIdentityClaimed, "ada@example.com"},
		"unknown bot":     {identity.Write{User: "deploy-bot", Service: okta, Matcher: value("x")}, identity.CodeUserNotFound, "Unknown bot: deploy-bot"},
		"unknown user id": {identity.Write{UserID: "u9", User: "eve@example.com", Service: okta, Matcher: value("x")}, identity.CodeUserNotFound, "eve@example.com"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := plain(t)
			fine := identity.Write{User: "bob@example.com", Service: identity.ServiceKey{Type: "pagerduty", ExternalID: "acme"}, Matcher: value("P1")}
			got, err := f.client(t).Write(context.Background(), []identity.Write{fine, test.write})
			var batch *identity.BatchError
			if !errors.As(err, &batch) || len(batch.Items) != 1 || batch.Items[0].Index != 1 {
				t.Fatalf("got %v", err)
			}
			wantCode(t, err, test.code)
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q lacks %q", err, test.says)
			}
			if got[0].Name != "" || slices.Contains(f.calls(), "PATCH users") {
				t.Error("something was written")
			}
		})
	}
}

func TestClaimsWithinOneCall(t *testing.T) {
	t.Parallel()
	f := plain(t)
	unclaimed := identity.Conditions{IfUnclaimed: true}
	_, err := f.client(t).Write(context.Background(), []identity.Write{
		{User: "bob@example.com", Service: okta, Matcher: value("same"), Conditions: unclaimed},
		{User: "eve@example.com", Service: okta, Matcher: value("same"), Conditions: unclaimed},
	})
	var e *identity.Error
	if !errors.As(err, &e) || e.Code != identity.CodeIdentityClaimed || e.Holder != "bob@example.com" {
		t.Errorf("got %v", err)
	}
}

func TestDeleteWithoutExtensions(t *testing.T) {
	t.Parallel()
	f := plain(t)
	got, err := f.client(t).Delete(context.Background(), []identity.Delete{
		{User: "ada@example.com", Service: github, Matcher: value("ada-l")},
		{User: "bob@example.com", Service: github, Matcher: value("bob")},
		{User: "eve@example.com", Service: github, Matcher: value("eve")},
	})
	if err != nil || !slices.Equal(got, []bool{true, false, false}) {
		t.Errorf("got %v, %v", got, err)
	}
	sent := decode[symapi.IdentityDeletes](t, f.seen[len(f.seen)-1]).Identities
	if len(sent) != 1 || sent[0].UserID != "u1" || sent[0].Matcher["user_id"] != "Ada-L" {
		t.Errorf("sent %+v", sent)
	}
	for name, d := range map[string]identity.Delete{
		"other value":    {UserID: "u1", Service: okta, Matcher: value("x")},
		"other revision": {UserID: "u1", Service: okta, Matcher: value("00u1"), IfRevision: 3},
	} {
		f := plain(t)
		_, err := f.client(t).Delete(context.Background(), []identity.Delete{d})
		if identity.CodeOf(err) != identity.CodeIdentityConflict || slices.Contains(f.calls(), "POST users/identities/delete") {
			t.Errorf("%s: %v after %v", name, err, f.calls())
		}
	}
}

// TestProbeIsRepeatedAfterAFailure: not knowing is not remembered.
func TestProbeIsRepeatedAfterAFailure(t *testing.T) {
	t.Parallel()
	inner := plain(t)
	down := true
	f := &fake{answer: func(r request) answer {
		if down {
			return missing(r) // even GET services: this is no API
		}
		return inner.answer(r)
	}}
	c := f.client(t)
	write := []identity.Write{{User: "bob@example.com", Service: okta, Matcher: value("00u2")}}
	if _, err := c.Write(context.Background(), write); identity.CodeOf(err) != identity.CodeMissing {
		t.Errorf("got %v", err)
	}
	down = false
	if _, err := c.Write(context.Background(), write); err != nil {
		t.Error(err)
	}
}
