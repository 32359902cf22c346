// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	github = ServiceKey{"github", "acme"}
	okta   = ServiceKey{"okta", "acme.okta.com"}
)

func holdsGitHub(id string, key UserKey, login string) User {
	return User{ID: id, Key: key, Name: string(key), Mappings: []Mapping{{Service: github, Matcher: NewMatcher("github", login)}}}
}

// describe lists holders as user=account.
func describe(holders []Holder) string {
	var out []string
	for _, h := range holders {
		out = append(out, string(h.User)+"="+h.Mapping.Matcher.String())
	}
	return strings.Join(out, " ")
}

func TestIndex(t *testing.T) {
	t.Parallel()
	x := NewIndex()
	for _, u := range []User{holdsGitHub("2", "bob@acme.com", "Octo"), holdsGitHub("1", "ada@acme.com", "octo"), holdsGitHub("3", "eve@acme.com", "eve")} {
		if err := x.Add(u); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when, want string, accounts ...string) {
		t.Helper()
		if got := describe(x.Holders(github, Named(accounts...)...)); got != want {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	check("by account, then by user", "eve@acme.com=eve ada@acme.com=octo bob@acme.com=Octo", "eve", "octo")
	check("any case", "ada@acme.com=octo bob@acme.com=Octo", FoldIdentity("github", "OCTO"))
	check("nobody's", "", "nobody", "")
	if got := x.Holders(okta, Named("octo")...); got != nil {
		t.Errorf("another service: %v", got)
	}

	x.Put(holdsGitHub("1", "ada@acme.com", "ada"))
	check("after a change", "bob@acme.com=Octo ada@acme.com=ada", "octo", "ada")
	x.Put(holdsGitHub("1", "ada@acme.com", "octo"))
	check("after changing back", "ada@acme.com=octo bob@acme.com=Octo", "octo")
	x.Put(holdsGitHub("1", "lovelace@acme.com", "octo"))
	check("after a rename", "bob@acme.com=Octo lovelace@acme.com=octo", "octo")
	if x.Find("ada@acme.com") != nil || x.FindID("1").Key != "lovelace@acme.com" || x.FindID("nobody's") != nil || x.Len() != 3 {
		t.Errorf("after a rename: %v", x.All())
	}
	x.Remove("bob@acme.com")
	x.Remove("bob@acme.com")
	check("after a removal", "lovelace@acme.com=octo", "octo")

	var keys []UserKey
	for _, u := range x.All() {
		keys = append(keys, u.Key)
	}
	if want := []UserKey{"eve@acme.com", "lovelace@acme.com"}; !slices.Equal(keys, want) {
		t.Errorf("All: got %v, want %v", keys, want)
	}
}

func TestIndexRefusesTwoUsersWithOneKey(t *testing.T) {
	t.Parallel()
	x := NewIndex()
	for _, u := range []User{{ID: "1", Key: "ada@acme.com"}, {ID: "1", Key: "ada@acme.com", Role: Admin}} {
		if err := x.Add(u); err != nil {
			t.Fatal(err)
		}
	}
	err := x.Add(User{ID: "2", Key: "ada@acme.com"})
	if !errors.Is(err, &Error{Code: CodeUserConflict}) || x.Find("ada@acme.com").ID != "1" || x.Find("ada@acme.com").Role != "" {
		t.Errorf("got %v and %v", err, x.Find("ada@acme.com"))
	}
}

// What callers append to a list they passed or received does not reach the index.
func TestIndexKeepsItsOwnMappings(t *testing.T) {
	t.Parallel()
	x := NewIndex()
	list := make([]Mapping, 1, 2)
	list[0] = Mapping{Service: github, Matcher: NewMatcher("github", "octo")}
	x.Put(User{Key: "ada@acme.com", Mappings: list})
	_ = append(x.All()[0].Mappings, Mapping{Service: okta})
	if got := list[:2][1].Service; got != (ServiceKey{}) {
		t.Errorf("an append wrote %v", got)
	}
}

// An account that is renamed is found by its id, under either name.
func TestIndexByID(t *testing.T) {
	t.Parallel()
	x := NewIndex()
	ada, bob := holdsGitHub("1", "ada@acme.com", "ada-l"), holdsGitHub("2", "bob@acme.com", "ada-byron")
	ada.Mappings[0].AccountID, bob.Mappings[0].AccountID = "7", "8"
	x.Put(ada)
	x.Put(bob)
	check := func(want string, account AccountQuery) {
		t.Helper()
		if got := describe(x.Holders(github, account)); got != want {
			t.Errorf("%v: got %q, want %q", account, got, want)
		}
	}
	check("ada@acme.com=ada-l", AccountQuery{Identity: "new", AccountID: "7"})
	check("ada@acme.com=ada-l", AccountQuery{Identity: "ada-l", AccountID: "7"})
	check("ada@acme.com=ada-l bob@acme.com=ada-byron", AccountQuery{Identity: "ada-byron", AccountID: "7"})
	check("", AccountQuery{Identity: "new"})
	check("", AccountQuery{Identity: "7", AccountID: "9"})
	ada.Mappings[0].AccountID = ""
	x.Put(ada)
	check("", AccountQuery{Identity: "new", AccountID: "7"})
}

func TestHoldersByAccount(t *testing.T) {
	t.Parallel()
	x := NewIndex()
	x.Put(holdsGitHub("1", "ada@acme.com", "octo"))
	x.Put(holdsGitHub("2", "bob@acme.com", "Octo"))
	got := HoldersByAccount(x.Holders(github, Named("octo", "nobody")...))
	if len(got) != 1 || describe(got["octo"]) != "ada@acme.com=octo bob@acme.com=Octo" {
		t.Errorf("got %v", got)
	}
}

// A company may share an account: putting one more of its holders into the index takes no
// longer the more there are.
func TestIndexOfASharedAccount(t *testing.T) {
	t.Parallel()
	const people = 30_000
	fill := func(account func(i int) string) (*Index, time.Duration) {
		x, begun := NewIndex(), time.Now()
		for i := range people {
			id := strconv.Itoa(100_000 + i)
			x.Put(holdsGitHub(id, UserKey("p"+id+"@acme.com"), account(i)))
		}
		return x, time.Since(begun)
	}
	_, apart := fill(strconv.Itoa)
	x, shared := fill(func(int) string { return "octo" })
	if shared > 6*apart+100*time.Millisecond {
		t.Errorf("%s for a shared account, %s for one each", shared, apart)
	}
	for range 3 { // an account that comes back is held once
		x.Put(holdsGitHub("100000", "p100000@acme.com", "other"))
		x.Put(holdsGitHub("100000", "p100000@acme.com", "octo"))
	}
	if got := x.UsersWith(github, AccountQuery{Identity: "octo"}); len(got) != people {
		t.Errorf("got %d holders", len(got))
	}
}
