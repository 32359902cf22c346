// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

func TestAccountClass(t *testing.T) {
	t.Parallel()
	service := identity.ServiceKey{Type: "github", ExternalID: "acme"}
	login := func(name string) identity.Matcher { return identity.NewMatcher("github", name) }
	claims := resolve.NewAccountClaims(service, []resolve.Resolution{
		{User: "ann@acme.example", Matcher: login("Ann")},
		{User: "bob@acme.example", Matcher: login("bob"), AccountID: "2"},
		{User: "cy@acme.example", Matcher: login("cy"), AccountID: "3", Account: identity.AccountReused},
		{User: "eve@acme.example", Reason: resolve.Ambiguous, Candidates: []identity.Candidate{
			{Matcher: login("eve"), AccountID: "5"}, {Matcher: login("eve-adm"), AccountID: "6"}}},
		{User: "kim@acme.example", Reason: resolve.Alias, Candidates: []identity.Candidate{{Matcher: login("kim"), AccountID: "7"}}},
		{User: "nora@acme.example", Reason: resolve.NotFound},
		{User: "pat@acme.example", Matcher: login("pat"), AccountID: "14", Source: resolve.Store},
	})
	account := func(id, name string, change ...func(*identity.Account)) identity.Account {
		a := identity.Account{AccountID: id, Matcher: login(name), State: "active", Kind: "person"}
		for _, c := range change {
			c(&a)
		}
		return a
	}
	held := func(a *identity.Account) { a.HeldBy = []identity.UserKey{"zoe@acme.example"} }
	inactive := func(a *identity.Account) { a.State = "inactive" }
	torn := func(a *identity.Account) { a.Unreadable = "its name is a number" }
	kind := func(kind string) func(*identity.Account) { return func(a *identity.Account) { a.Kind = kind } }
	for name, tc := range map[string]struct {
		account identity.Account
		want    resolve.AccountClass
	}{
		"held":                              {account("9", "zoe", held), resolve.HeldAccount},
		"held and inactive":                 {account("9", "zoe", held, inactive), resolve.HeldAccount},
		"held and unreadable":               {account("9", "zoe", held, torn), resolve.HeldAccount},
		"held and an answer":                {account("2", "bob", held), resolve.HeldAccount},
		"stored since the list was read":    {account("14", "pat"), resolve.HeldAccount},
		"resolved by name":                  {account("1", "ann"), resolve.ResolvedAccount},
		"resolved by id":                    {account("2", "bob"), resolve.ResolvedAccount},
		"resolved by id, renamed":           {account("2", "robert"), resolve.ResolvedAccount},
		"resolved by name, id not known":    {account("", "bob"), resolve.ResolvedAccount},
		"the name, but another account":     {account("22", "bob"), resolve.OrphanAccount},
		"the name was reused":               {account("33", "cy"), resolve.OrphanAccount},
		"one of several":                    {account("6", "eve-adm"), resolve.AmbiguousAccount},
		"unreadable":                        {account("8", "torn", torn), resolve.AmbiguousAccount},
		"without a name":                    {identity.Account{AccountID: "8", Kind: "person", Unreadable: "the account has no id"}, resolve.AmbiguousAccount},
		"an alias's: nobody resolves to it": {account("7", "kim"), resolve.OrphanAccount},
		"nobody's":                          {account("10", "left"), resolve.OrphanAccount},
		"nobody's and inactive":             {account("10", "left", inactive), resolve.OrphanAccount},
		"a bot":                             {account("11", "robot", kind("bot")), resolve.BotAccount},
		"a bot that somebody holds":         {account("11", "robot", kind("bot"), held), resolve.BotAccount},
		"a guest that a person's answer is": {account("2", "bob", kind("guest")), resolve.GuestAccount},
		"a shared one":                      {account("12", "team", kind("shared")), resolve.SharedAccount},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := claims.Class(tc.account); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
