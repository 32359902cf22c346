// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// listed is an account of Okta in a whole list. The first address is primary, and so
// are those with a +; others are aliases.
func listed(id, state string, addresses ...string) identity.Account {
	a := identity.Account{Matcher: identity.NewMatcher("okta", id), State: state, Kind: identity.KindPerson, Name: "Name of " + id}
	for i, address := range addresses {
		plain, primary := strings.CutPrefix(address, "+")
		a.Emails = append(a.Emails, identity.AccountEmail{Address: plain, Primary: primary || i == 0})
	}
	return a
}

func heldBy(a identity.Account, users ...identity.UserKey) identity.Account {
	a.HeldBy = users
	return a
}

func signIn(a identity.Account, name string) identity.Account {
	a.SignIn = name
	return a
}

func ofKind(a identity.Account, kind string) identity.Account {
	a.Kind = kind
	return a
}

// strangers is for lists that have nobody we know.
func strangers(identity.UserKey) bool { return false }

// statuses are results of lookups by address; others are found.
func statuses(keys []identity.UserKey, by map[string]identity.LookupResult) []identity.LookupResult {
	out := make([]identity.LookupResult, len(keys))
	for i, key := range keys {
		out[i] = identity.LookupResult{Status: identity.Found}
		if r, ok := by[string(key)]; ok {
			out[i] = r
		}
	}
	return out
}

func TestRoster_people(t *testing.T) {
	t.Parallel()
	list := []identity.Account{
		listed("1", "active", "ann@acme.example", "ann.alias@acme.example"),
		listed("2", "invited", "bob@acme.example"),
		listed("3", "unknown", "cy@acme.example"),
		listed("4", "pending", "dee@acme.example"),
		listed("5", "inactive", "eve@acme.example", "+eva@acme.example"),
		ofKind(listed("6", "active", "bot@acme.example"), "bot"),
		ofKind(listed("7", "active", "guest@other.example"), "guest"),
		signIn(listed("8", "active", "kim.mail@acme.example", "+kim@acme.example"), "Kim@acme.example"),
		signIn(listed("9", "active", "lou.mail@acme.example", "+lou@acme.example"), "lou@acme.example"),
		listed("10", "active", "ned@acme.example", "+ned.two@acme.example"),
		listed("11", "active"),
		listed("12", "active", "not an address"),
		listed("13", "active", "svc@acme.example"),
	}
	r := resolve.NewRoster(okta, list, func(u identity.UserKey) bool { return u == "lou.mail@acme.example" })
	want := []identity.UserKey{"ann@acme.example", "bob@acme.example", "cy@acme.example", "kim@acme.example", "lou.mail@acme.example", "ned@acme.example", "svc@acme.example"}
	if diff := cmp.Diff(want, r.Active()); diff != "" {
		t.Errorf("active (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]identity.UserKey{"eva@acme.example", "eve@acme.example"}, r.Inactive()); diff != "" {
		t.Errorf("inactive (-want +got):\n%s", diff)
	}
	if got := r.Name("ann@acme.example"); got != "Name of 1" {
		t.Errorf("name %q", got)
	}
	// svc@ is the sign-in name of an inactive account; bob's address is not verified.
	got, err := r.People(statuses(r.Active(), map[string]identity.LookupResult{
		"svc@acme.example": {Status: identity.Inactive}, "bob@acme.example": {Status: identity.Unverified}, "cy@acme.example": {Status: identity.NotFound, OtherDomain: true},
	}))
	if diff := cmp.Diff(want[:6], got); diff != "" || err != nil {
		t.Errorf("people: %v (-want +got):\n%s", err, diff)
	}
}

// TestRoster_errors: what does not say who works here is an error, never a shorter list.
func TestRoster_errors(t *testing.T) {
	t.Parallel()
	two := []identity.Account{listed("1", "active", "ann@acme.example"), listed("2", "active", "bob@acme.example")}
	ambiguous := identity.LookupResult{Status: identity.Ambiguous, Candidates: []identity.Candidate{
		{Matcher: identity.NewMatcher("okta", "1"), State: "active"}, {Matcher: identity.NewMatcher("okta", "9"), State: "active"}}}
	limited := &identity.Error{Code: identity.CodeDirectoryLimited, Message: "slow down"}
	for name, tc := range map[string]struct {
		list    []identity.Account
		lookups map[string]identity.LookupResult
		want    string
	}{
		"an empty list":     {nil, nil, "the list of okta:acme.okta.com has no active person with an address"},
		"nobody is active":  {[]identity.Account{listed("1", "inactive", "ann@acme.example"), listed("2", "active")}, nil, "has no active person"},
		"one address twice": {two, map[string]identity.LookupResult{"ann@acme.example": ambiguous}, "several accounts have the address ann@acme.example: 1 (active), 9 (active)"},
		"a failed lookup":   {two, map[string]identity.LookupResult{"bob@acme.example": {Status: identity.Failed, Err: limited}}, "could not be asked for bob@acme.example: slow down"},
		"a mute failure":    {two, map[string]identity.LookupResult{"bob@acme.example": {Status: identity.Failed}}, "could not be asked for bob@acme.example"},
	} {
		r := resolve.NewRoster(okta, tc.list, strangers)
		got, err := r.People(statuses(r.Active(), tc.lookups))
		if err == nil || !strings.Contains(err.Error(), tc.want) || got != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	r := resolve.NewRoster(okta, two, strangers)
	_, err := r.People(statuses(r.Active(), map[string]identity.LookupResult{"ann@acme.example": ambiguous, "bob@acme.example": ambiguous}))
	if shared, ok := errors.AsType[*resolve.SharedAddressError](err); !ok || len(shared.Addresses) != 2 {
		t.Errorf("not all shared addresses are named: %v", err)
	}
}

func TestRoster_left(t *testing.T) {
	t.Parallel()
	r := resolve.NewRoster(okta, []identity.Account{
		heldBy(listed("1", "inactive", "x@other.example"), "mapped-to-inactive@acme.example"),
		heldBy(listed("2", "active", "y@other.example"), "mapped-to-active@acme.example"),
		heldBy(listed("3", "pending", "z@other.example"), "mapped-to-pending@acme.example"),
		heldBy(ofKind(listed("4", "active", "bot@other.example"), "bot"), "mapped-to-bot@acme.example"),
		heldBy(listed("5", "inactive", "u@other.example"), "both@acme.example"),
		heldBy(listed("6", "active", "v@other.example"), "both@acme.example"),
		listed("7", "active", "w@other.example", "aliased@acme.example"),
	}, strangers)
	const (
		in  = identity.Inactive
		not = identity.NotFound
	)
	for user, tc := range map[identity.UserKey]struct {
		stored bool
		status identity.LookupStatus
		want   string
	}{
		"mapped-to-inactive@acme.example": {true, not, "inactive"},
		"mapped-to-active@acme.example":   {true, in, "stays"},
		"mapped-to-pending@acme.example":  {true, not, "stays"},
		"mapped-to-bot@acme.example":      {true, not, "stays"},
		"both@acme.example":               {true, in, "stays"},
		"inactive@acme.example":           {false, in, "inactive"},
		"gone@acme.example":               {true, not, "absent"},
		"never-there@acme.example":        {false, not, "stays"},
		"aliased@acme.example":            {true, not, "stays"},
		"unverified@acme.example":         {true, identity.Unverified, "stays"},
		"ambiguous@acme.example":          {true, identity.Ambiguous, "stays"},
		"alias@acme.example":              {true, identity.Alias, "stays"},
		"failed@acme.example":             {true, identity.Failed, "stays"},
		"found@acme.example":              {true, identity.Found, "stays"},
		"deploy-bot":                      {true, not, "stays"},
	} {
		got := "stays"
		if reason, left := r.Left(user, tc.stored, identity.LookupResult{Status: tc.status}); left {
			got = string(reason)
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", user, got, tc.want)
		}
	}
	// Who left twice has several accounts; all of them are inactive.
	for last, want := range map[string]bool{"inactive": true, "active": false, "": false} {
		twice := identity.LookupResult{Status: identity.Ambiguous, Candidates: []identity.Candidate{{State: "inactive"}, {State: last}}}
		if reason, left := r.Left("twice@acme.example", false, twice); left != want || left && reason != resolve.LeftInactive {
			t.Errorf("the second is %q: %v, %s", last, left, reason)
		}
	}
}

func TestNewLeaver(t *testing.T) {
	t.Parallel()
	const nora = identity.UserKey("nora@acme.example")
	id := identity.NewMatcher
	stored := identity.User{Key: nora, Mappings: []identity.Mapping{
		{Service: okta, Matcher: id("okta", "00u1")}, {Service: identity.ServiceKey{Type: "slack", ExternalID: "T1"}, Matcher: id("slack", "U1")}}}
	declares := map[identity.ServiceKey]map[identity.UserKey]identity.Matcher{
		okta: {nora: id("okta", "00u2"), "ann@acme.example": id("okta", "00u3")}, auth0: {"ann@acme.example": id("auth0", "a")}}
	found := []resolve.Resolution{
		{User: nora, Service: github, Matcher: id("github", "nora-l"), Source: resolve.Email},
		{User: nora, Service: okta, Matcher: id("okta", "00u0"), Source: resolve.Rule},
		{User: nora, Service: auth0, Reason: resolve.NotFound},
	}
	l, ok := resolve.NewLeaver(nora, resolve.LeftAbsent, stored, declares, found)
	var got []string
	for _, m := range l.Mappings {
		got = append(got, fmt.Sprintf("%s %s %s", m.Service, m.Matcher, m.Source))
	}
	want := []string{"github:acme nora-l email", "okta:acme.okta.com 00u2 declared", "slack:T1 U1 store"}
	if diff := cmp.Diff(want, got); diff != "" || !ok || l.Reason != resolve.LeftAbsent {
		t.Errorf("%v %s (-want +got):\n%s", ok, l.Reason, diff)
	}
	if l, ok := resolve.NewLeaver(nora, resolve.LeftInactive, identity.User{}, nil, found[2:]); ok {
		t.Errorf("somebody without a mapping is a leaver: %v", l)
	}
}
