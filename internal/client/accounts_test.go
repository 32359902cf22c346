// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	stdcmp "cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

var asOf = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// wireAccount is the account of user n.
func wireAccount(n int) symapi.Account {
	return symapi.Account{AccountID: fmt.Sprint(n), Matcher: map[string]string{"user_id": fmt.Sprintf("u%d", n)}, State: "active", Kind: "person"}
}

func accountsReply(total int, next string, accounts ...symapi.Account) answer {
	return ok(symapi.AccountList{Accounts: accounts, AsOf: asOf, Total: total, NextCursor: next})
}

// The pages of a list are put together, and a list that changes between two of
// its pages is read again from its beginning.
func TestListAccounts(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		query, err := url.ParseQuery(r.query)
		if err != nil || query.Get("service_type") != "okta" || query.Get("external_id") != "acme.okta.com" || query.Get("limit") != "10000" {
			t.Errorf("asked %s", r.query)
		}
		switch cursor := query.Get("cursor"); {
		case cursor == "":
			return accountsReply(3, fmt.Sprintf("after-2-of-%d", r.ordinal), wireAccount(1), wireAccount(2))
		case r.ordinal == 2:
			return coded(http.StatusConflict, identity.CodeListChanged, "the list has changed")
		case cursor == "after-2-of-3":
			last := wireAccount(3)
			yes := true
			last.Emails = []symapi.AccountEmail{{Address: ann, Kind: "primary", Verified: &yes}, {Address: "a@example.com", Kind: "alias"}}
			last.SignIn, last.Name, last.State, last.Kind, last.HeldBy, last.Unreadable = ann, "Ann", "inactive", "guest", []string{"Ann@Example.com", "robot"}, "torn"
			return accountsReply(3, "", last)
		}
		t.Errorf("asked %s", r.query)
		return missing(r)
	}}
	got, err := f.client(t).Accounts(t.Context(), okta, "")
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	plain := func(n string) identity.Account {
		return identity.Account{AccountID: n, Matcher: identity.Matcher{"user_id": "u" + n}, State: "active", Kind: "person", Emails: []identity.AccountEmail{}}
	}
	last := plain("3")
	last.SignIn, last.Name, last.State, last.Kind, last.HeldBy, last.Unreadable = ann, "Ann", "inactive", "guest", []identity.UserKey{ann, "robot"}, "torn"
	last.Emails = []identity.AccountEmail{{Address: ann, Primary: true, Proved: &yes}, {Address: "a@example.com"}}
	want := identity.AccountList{Accounts: []identity.Account{plain("1"), plain("2"), last}, AsOf: asOf}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	f.wantCalls(t, "GET accounts", "GET accounts", "GET accounts", "GET accounts")
}

// A list that is asked for by its name is read afresh where the API has another one.
func TestListAccountsByName(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		switch query, _ := url.ParseQuery(r.query); query.Get("list") {
		case "old":
			return coded(http.StatusConflict, identity.CodeListChanged, "the list has changed")
		case "kept", "":
			return ok(symapi.AccountList{Accounts: []symapi.Account{wireAccount(1)}, AsOf: asOf, Total: 1, List: stdcmp.Or(query.Get("list"), "new")})
		}
		return missing(r)
	}}
	for name, want := range map[string]string{"kept": "kept", "old": "new", "": "new"} {
		if got, err := f.client(t).Accounts(t.Context(), okta, name); err != nil || got.Name != want {
			t.Errorf("%q: got %q, %v", name, got.Name, err)
		}
	}
}

const ann = "ann@example.com"

// A list that is not whole is an error, and so is one that nobody can count.
func TestListAccountsThatIsNotWhole(t *testing.T) {
	t.Parallel()
	odd := func(change func(*symapi.Account)) answer {
		a := wireAccount(1)
		change(&a)
		return accountsReply(1, "", a)
	}
	for name, tc := range map[string]struct {
		answer answer
		want   string
	}{
		"an end too early":      {accountsReply(2, "", wireAccount(1)), "its list has 1 accounts, and it says that there are 2"},
		"more than there are":   {accountsReply(1, "more", wireAccount(1), wireAccount(2)), "its list has 2 accounts, and it says that there are 1"},
		"an empty page":         {accountsReply(1, "more"), "it is an empty page before the end"},
		"an unknown state":      {odd(func(a *symapi.Account) { a.State = "asleep" }), `the account u1 has the unknown state "asleep"`},
		"no kind":               {odd(func(a *symapi.Account) { a.Kind = "" }), `the account u1 is of the unknown kind ""`},
		"no matcher":            {odd(func(a *symapi.Account) { a.Matcher = nil }), `the account "1" has no matcher`},
		"an odd address":        {odd(func(a *symapi.Account) { a.Emails = []symapi.AccountEmail{{Address: ann}} }), `an address of the account u1 is of the unknown kind ""`},
		"a holder without name": {odd(func(a *symapi.Account) { a.HeldBy = []string{""} }), "a holder of the account u1 has no name"},
		"no list":               {coded(404, identity.CodeNoList, "the directory cannot list accounts"), "the directory cannot list accounts"},
		"always changing":       {coded(409, identity.CodeListChanged, "the list has changed"), "the list has changed"},
		"an older server":       {answer{status: 404, body: symapi.Error{IsError: true, Code: "Request:NOT_FOUND", Message: "no such call"}}, "lacks accounts, which the provider needs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answer: func(request) answer { return tc.answer }}
			got, err := f.client(t).Accounts(t.Context(), okta, "")
			if err == nil || !strings.Contains(err.Error(), tc.want) || len(got.Accounts) > 0 {
				t.Errorf("got %+v, %v", got, err)
			}
			if n := len(f.calls()); n > maxListings {
				t.Errorf("%d requests", n)
			}
		})
	}
}
