// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// TestPlannedClaims_resources: the resources of one run know each other at plan,
// in either order.
func TestPlannedClaims_resources(t *testing.T) {
	t.Parallel()
	type block struct {
		typeName string
		config   map[string]any
	}
	one := func(user, service, id string, more ...any) block {
		key := mustService(service)
		config := map[string]any{"user": user, "service_type": key.Type, "external_id": key.ExternalID, "identity": id}
		for i := 0; i < len(more); i += 2 {
			config[more[i].(string)] = more[i+1]
		}
		return block{"sym_identity", config}
	}
	many := func(service string, identities map[string]any, more ...any) block {
		key := mustService(service)
		config := map[string]any{"service_type": key.Type, "external_id": key.ExternalID, "identities": identities}
		for i := 0; i < len(more); i += 2 {
			config[more[i].(string)] = more[i+1]
		}
		return block{"sym_identities", config}
	}
	const (
		ldap        = "ldap:ldap.acme.com"
		twoUsers    = "ERROR: Account Planned for Two Users"
		twoAccounts = "ERROR: User Has Two Planned Identities"
	)
	bothNamed := func(summary, other string) string { return summary + " … ada@acme.com … " + other }
	tests := map[string]struct {
		a, b block
		want string // "" = both are planned
	}{
		"one account, two people":               {one("ada@acme.com", testOkta, "00u1"), one("bob@acme.com", testOkta, "00u1"), bothNamed(twoUsers, "bob@acme.com")},
		"without case where it does not matter": {one("ada@acme.com", testGitHub, "Ada"), one("bob@acme.com", testGitHub, "aDA"), bothNamed(twoUsers, "bob@acme.com")},
		"with case where it matters":            {one("ada@acme.com", testOkta, "00u1"), one("bob@acme.com", testOkta, "00U1"), ""},
		"one DN in two spellings":               {one("ada@acme.com", ldap, "uid=ada,dc=acme,dc=com"), one("bob@acme.com", ldap, "UID=ada, DC=acme, DC=com"), bothNamed(twoUsers, "bob@acme.com")},
		"a map and a block":                     {many(testOkta, map[string]any{"ada@acme.com": "00u1"}), one("bob@acme.com", testOkta, "00u1"), bothNamed(twoUsers, "bob@acme.com")},
		"two maps":                              {many(testOkta, map[string]any{"ada@acme.com": "00u1"}), many(testOkta, map[string]any{"bob@acme.com": "00u1"}), bothNamed(twoUsers, "bob@acme.com")},
		"matcher and identity":                  {one("ada@acme.com", testOkta, "00u1", "identity", nil, "matcher", map[string]any{"user_id": "00u1"}), one("bob@acme.com", testOkta, "00u1"), bothNamed(twoUsers, "bob@acme.com")},
		"one of them allows it":                 {one("ada@acme.com", testOkta, "00u1", "allow_shared", true), one("bob@acme.com", testOkta, "00u1"), bothNamed(twoUsers, "bob@acme.com")},
		"each allows it":                        {one("ada@acme.com", testOkta, "00u1", "allow_shared", true), one("bob@acme.com", testOkta, "00u1", "allow_shared", true), ""},
		"whether one allows it is unknown":      {one("ada@acme.com", testOkta, "00u1", "allow_shared", unknown), one("bob@acme.com", testOkta, "00u1", "allow_shared", true), ""},
		"two values for one person":             {one("ada@acme.com", testOkta, "00u1"), one("ADA@acme.com", testOkta, "00u2"), bothNamed(twoAccounts, "00u1 and 00u2")},
		"two values, both shared":               {one("ada@acme.com", testOkta, "00u1", "allow_shared", true), one("ada@acme.com", testOkta, "00u2", "allow_shared", true), bothNamed(twoAccounts, "00u")},
		"two values in a map and a block":       {one("ada@acme.com", testOkta, "00u1"), many(testOkta, map[string]any{"ada@acme.com": "00u2"}), bothNamed(twoAccounts, "00u")},
		"the same twice":                        {one("ada@acme.com", testOkta, "00u1"), one("Ada@acme.com", testOkta, "00u1"), ""},
		"another service":                       {one("ada@acme.com", testOkta, "00u1"), one("bob@acme.com", "okta:other.okta.com", "00u1"), ""},
		"an unknown value":                      {one("ada@acme.com", testOkta, unknown), one("bob@acme.com", testOkta, "00u1"), ""},
		"an unknown user":                       {one(unknown, testOkta, "00u1"), one("bob@acme.com", testOkta, "00u1"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // in either order
				s := newTestServer(t).register(testOkta, testGitHub, ldap, "okta:other.okta.com")
				p := newProtocolServerOf(t, newTestProviderServer(nil), s.settings())
				for range 2 { // one resource may be planned twice
					wantDiagnostics(t, p.planWith(test.a.typeName, nil, test.a.config, nil).Diagnostics)
				}
				var want []string
				if test.want != "" {
					want = append(want, test.want)
				}
				wantDiagnostics(t, p.planWith(test.b.typeName, nil, test.b.config, nil).Diagnostics, want...)
				p.nextRun() // which knows nothing of the last one
				wantDiagnostics(t, p.planWith(test.b.typeName, nil, test.b.config, nil).Diagnostics)
				test.a, test.b = test.b, test.a
				if test.want == bothNamed(twoAccounts, "00u1 and 00u2") {
					test.want = bothNamed(twoAccounts, "00u2 and 00u1")
				}
			}
		})
	}
}

// TestPlannedClaims_unchanged: what state has already is claimed as well, and a
// resource that takes another's place claims the same.
func TestPlannedClaims_unchanged(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	p := newProtocolServerOf(t, newTestProviderServer(nil), s.settings())
	ada := map[string]any{"user": "ada@acme.com", "service_type": "okta", "external_id": "acme.okta.com", "identity": "00u1"}
	bob := maps.Clone(ada)
	bob["user"] = "bob@acme.com"
	kept := &instance{typeName: "sym_identity"}
	wantDiagnostics(t, kept.apply(p, ada))
	p.nextRun()
	wantDiagnostics(t, kept.plan(p, ada).Diagnostics)
	wantDiagnostics(t, kept.plan(p, nil).Diagnostics)                         // destroyed under its old name
	wantDiagnostics(t, p.planWith("sym_identity", nil, ada, nil).Diagnostics) // and created under a new one
	got := p.planWith("sym_identity", nil, bob, nil).Diagnostics
	if !hasError(got) {
		t.Error("an account that state gives to one user was planned for another")
	}
	wantDiagnostics(t, got, "Account Planned for Two Users … 00u1 … ada@acme.com and bob@acme.com")
}

func TestAccPlannedClaims(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	config := s.provider() + `
resource "sym_identity" "each" {
  for_each     = { "ada@acme.com" = "00u1", "bob@acme.com" = "00u1" }
  user         = each.key
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = each.value
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps:                    []resource.TestStep{{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile(`Account Planned for Two Users`)}},
	})
	if s.writes() > 0 {
		t.Error("something was written")
	}
}

func TestAccountClaims(t *testing.T) {
	t.Parallel()
	okta, github := mustService(testOkta), mustService(testGitHub)
	answer := func(user identity.UserKey, service identity.ServiceKey, id string, source resolve.Origin) resolve.Resolution {
		return resolve.Resolution{User: user, Service: service, Matcher: identity.NewMatcher(service.Type, id), Source: source}
	}
	pinned := func(a resolve.Resolution, accountID string) resolve.Resolution {
		a.AccountID = accountID
		return a
	}
	tests := map[string]struct {
		first, later resolve.Resolution
		conflict     bool
	}{
		"another name of the account":   {pinned(answer("a@acme.com", github, "ada-l", resolve.Store), "1"), pinned(answer("b@acme.com", github, "ada-byron", resolve.Email), "1"), true},
		"another account, with an id":   {pinned(answer("a@acme.com", github, "ada-l", resolve.Store), "1"), pinned(answer("b@acme.com", github, "ada-byron", resolve.Email), "2"), false},
		"another person by a rule":      {answer("a@acme.com", okta, "00u1", resolve.Rule), answer("b@acme.com", okta, "00u1", resolve.Rule), true},
		"another person by e-mail":      {answer("a@acme.com", okta, "00u1", resolve.Rule), answer("b@acme.com", okta, "00u1", resolve.Email), true},
		"another person is declared":    {answer("a@acme.com", okta, "00u1", resolve.Email), answer("b@acme.com", okta, "00u1", resolve.Declared), true},
		"another person was declared":   {answer("a@acme.com", okta, "00u1", resolve.Declared), answer("b@acme.com", okta, "00u1", resolve.Remote), true},
		"another person is stored":      {answer("a@acme.com", okta, "00u1", resolve.Email), answer("b@acme.com", okta, "00u1", resolve.Store), true},
		"another person, without case":  {answer("a@acme.com", github, "ada", resolve.Rule), answer("b@acme.com", github, "ADA", resolve.Email), true},
		"shared on purpose":             {answer("a@acme.com", okta, "00u1", resolve.Store), answer("b@acme.com", okta, "00u1", resolve.Declared), false},
		"the same person again":         {answer("a@acme.com", okta, "00u1", resolve.Rule), answer("a@acme.com", okta, "00u1", resolve.Store), false},
		"another account":               {answer("a@acme.com", okta, "00u1", resolve.Rule), answer("b@acme.com", okta, "00u2", resolve.Rule), false},
		"an account of another service": {answer("a@acme.com", okta, "ada", resolve.Rule), answer("b@acme.com", github, "ada", resolve.Rule), false},
		"nobody was resolved":           {resolve.Resolution{User: "a@acme.com", Service: okta}, answer("b@acme.com", okta, "00u1", resolve.Rule), false},
	}
	for name, test := range tests {
		var claims accountClaims
		if conflicts := claims.add([]resolve.Resolution{test.first}); len(conflicts) > 0 {
			t.Errorf("%s: the first has conflicts: %v", name, conflicts)
		}
		conflicts := claims.add([]resolve.Resolution{test.later, answer("z@acme.com", okta, "00u9", resolve.Rule)})
		if (len(conflicts) > 0) != test.conflict {
			t.Errorf("%s: conflicts %v", name, conflicts)
		}
		if test.conflict && (conflicts[0].first != test.first.User || conflicts[0].answer.User != test.later.User) {
			t.Errorf("%s: conflict %v", name, conflicts[0])
		}
		// A data source that fails claims nothing.
		if conflicts := claims.add([]resolve.Resolution{answer("y@acme.com", okta, "00u9", resolve.Rule)}); (len(conflicts) == 0) != test.conflict {
			t.Errorf("%s: after it conflicts %v", name, conflicts)
		}
	}
}

// TestResolvedIdentity_twoPeopleOneAccount: a rule gives two people one account.
// Alone neither knows of the other, but data sources of one run do.
func TestResolvedIdentity_twoPeopleOneAccount(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"error", "ignore"} {
		s := newTestServer(t).register(testOkta)
		p := newProtocolServer(t, nil, s.settings(map[string]any{"rules": []any{map[string]any{"name": "local", "service_type": "okta", "identity": "${local}"}}}))
		config := func(user string) map[string]any {
			return resolveConfig(user, testOkta, map[string]any{"on_unmapped": mode})
		}
		_, diags := p.readData(resolved, config("ada@contractor.example"))
		if len(diags) > 0 && diags[0].Severity == 1 {
			t.Fatalf("the first: %v", diags)
		}
		_, diags = p.readData(resolved, config("ada@acme.com"))
		want := "ERROR: Account Resolved to Two Users | … ada@acme.com in okta:acme.okta.com: ambiguous, ada (source rule) was resolved to ada@contractor.example before"
		wantDiagnostics(t, diags, want)
		_, diags = p.readData(resolvedMany, bulkOf([]string{"zoe@acme.com", "ada@acme.com"}, []string{testOkta}, map[string]any{"persist": true}))
		wantDiagnostics(t, diags, want)
		_, diags = p.readData(resolved, config("ada@contractor.example")) // the same data source again
		if len(diags) > 0 && diags[0].Severity == 1 {
			t.Errorf("again: %v", diags)
		}
		if _, stored := s.stored("ada@acme.com", testOkta); stored {
			t.Error("a collision was stored")
		}
		if _, stored := s.stored("zoe@acme.com", testOkta); stored {
			t.Error("a data source that fails stored something")
		}
	}
}

// TestResolvedIdentities_collisionIsNotPersisted: with two people of one pass
// for one account nobody has it, and nothing of a pass that fails is stored.
func TestResolvedIdentities_collisionIsNotPersisted(t *testing.T) {
	t.Parallel()
	rules := map[string]any{"persist": true, "rules": []any{map[string]any{"name": "local", "service_type": "okta", "identity": "${local}"}}}
	people := []string{"ada@contractor.example", "bob@acme.com", "ada@acme.com"}
	for mode, stored := range map[string]bool{"error": false, "warn": true, "ignore": true} {
		s := newTestServer(t).register(testOkta)
		p := newProtocolServer(t, nil, s.settings())
		_, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, rules, map[string]any{"on_unmapped": mode}))
		if mode == "error" {
			wantDiagnostics(t, diags,
				"ERROR: Unmapped Users | … ada@contractor.example in okta:acme.okta.com: ambiguous, the account that was found, ada, was found for ada@acme.com as well",
				"WARNING: Identities to Review: ada in okta:acme.okta.com")
		}
		if _, got := s.stored("bob@acme.com", testOkta); got != stored {
			t.Errorf("on_unmapped = %q: bob is stored: %t", mode, got)
		}
		for _, user := range []string{people[0], people[2]} {
			if m, got := s.stored(user, testOkta); got {
				t.Errorf("on_unmapped = %q: stored %s for %s", mode, m.Matcher, user)
			}
		}
	}
}

// TestResolvedIdentities_ownerBeatsAlias: where aliases are accepted, the account
// still goes to the person whose own address it has, in any order of the users.
func TestResolvedIdentities_ownerBeatsAlias(t *testing.T) {
	t.Parallel()
	const gitlab = "gitlab:gitlab.com/acme"
	shared := directory.Account{Identity: "7", State: directory.StateActive, Addresses: directory.Primaries("bob@acme.com")}
	shared.Add(directory.Alias, directory.Proved, "alice@acme.com")
	accounts := &testDirectory{Accounts: map[string][]directory.Account{"bob@acme.com": {shared}, "alice@acme.com": {shared}}}
	for _, people := range [][]string{{"alice@acme.com", "bob@acme.com"}, {"bob@acme.com", "alice@acme.com"}} {
		for _, accept := range []bool{true, false} {
			cached := directory.Cache(accounts, mustService(gitlab), directory.Settings{Options: directory.Options{MatchAliases: accept}})
			s := newTestServer(t, withDirectory(gitlab, cached)).register(gitlab)
			p := newProtocolServer(t, nil, s.settings())
			got, diags := p.readData(resolvedMany, bulkOf(people, []string{gitlab}, map[string]any{"persist": true, "on_unmapped": "warn"}))
			reason, review := "alias", []string{}
			if accept {
				reason, review = "claimed", []string{"WARNING: Identities to Review: 7 in gitlab:gitlab.com/acme | … alice@acme.com, bob@acme.com"}
			}
			wantDiagnostics(t, diags, append(review, "WARNING: Unmapped Users: alice@acme.com in gitlab:gitlab.com/acme | … alice@acme.com in gitlab:gitlab.com/acme: "+reason)...)
			wantAnswers(t, got, map[string]any{
				"unmapped":   []any{unmappedAs("alice@acme.com", gitlab, reason)},
				"by_service": map[string]any{gitlab: map[string]any{"bob@acme.com": "7"}},
			})
			if hcl := got["hcl"].(string); strings.Contains(hcl, `identity     = "7"`) == accept {
				t.Errorf("match_aliases = %t: the account of an alias, and only that, is filled in:\n%s", accept, hcl)
			}
			if m, stored := s.stored("alice@acme.com", gitlab); stored {
				t.Errorf("stored %s for alice", m.Matcher)
			}
			if _, stored := s.stored("bob@acme.com", gitlab); !stored {
				t.Error("bob's is not stored")
			}
		}
	}
}

// TestResolvedIdentities_onStale: with on_stale = "error" a contradicted automatic
// value fails the data source, and nothing of it is stored.
func TestResolvedIdentities_onStale(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("changed@acme.com", "00u9", "new@acme.com", "00u5", "left@acme.com", "00u2").deactivate("left@acme.com")
	people := []string{"changed@acme.com", "new@acme.com", "left@acme.com"}
	for mode, want := range map[string][]string{
		"error": {
			"ERROR: Stale Identities | … changed@acme.com in okta:acme.okta.com: 00u1 is stored (email), now it is 00u9",
			"WARNING: Identities to Review: left@acme.com in okta:acme.okta.com | … 00u2 (stored, manual) is inactive",
		},
		"warn":   {"WARNING: Identities to Review: left@acme.com in okta:acme.okta.com and 1 more"},
		"ignore": nil,
	} {
		s := newTestServer(t, withDirectory(testOkta, accounts)).register(testOkta)
		s.mapping("changed@acme.com", testOkta, "00u1", identity.FromEmail)
		s.mapping("left@acme.com", testOkta, "00u2", identity.Manual)
		p := newProtocolServer(t, nil, s.settings())
		_, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, map[string]any{"persist": true, "check_stale": true, "on_stale": mode}))
		wantDiagnostics(t, diags, want...)
		if _, stored := s.stored("new@acme.com", testOkta); stored != (mode != "error") {
			t.Errorf("on_stale = %q: stored %t", mode, stored)
		}
	}
	list, _ := kept(testOkta, oneOf("00u2", "", wasHere, "left@acme.com"), oneOf("00u5", "", worksHere, "new@acme.com"))
	s := newTestServer(t, withDirectory(testOkta, list)).register(testOkta)
	p := newProtocolServer(t, nil, s.settings(map[string]any{"rules": []any{map[string]any{"name": "was", "service_type": "okta", "match": "rule@.*", "identity": "00u2"}}}))
	_, diags := p.readData(resolvedMany, bulkOf([]string{"rule@acme.com", "new@acme.com"}, []string{testOkta}, map[string]any{"persist": true, "check_stale": true, "on_stale": "error"}))
	wantDiagnostics(t, diags, "ERROR: Stale Identities | … rule@acme.com in okta:acme.okta.com: 00u2 would be stored (rule), now there is none (inactive)\n … Declare the account that is right")
	if s.writes() > 0 {
		t.Error("what fails on the next read was stored")
	}
	for _, config := range []map[string]any{
		bulkOf(people, []string{testOkta}, map[string]any{"on_stale": "error"}),
		bulkOf(people, []string{testOkta}, map[string]any{"on_stale": "explode", "check_stale": true}),
	} {
		if diags := p.validateData(resolvedMany, config); len(diags) != 1 {
			t.Errorf("%v: %v", config, diags)
		}
	}
}
