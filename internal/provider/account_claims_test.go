// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

func TestAccountClaims(t *testing.T) {
	t.Parallel()
	okta, github := mustService(testOkta), mustService(testGitHub)
	answer := func(user identity.UserKey, service identity.ServiceKey, id string, source resolve.Origin) resolve.Resolution {
		return resolve.Resolution{User: user, Service: service, Matcher: identity.NewMatcher(service.Type, id), Source: source}
	}
	tests := map[string]struct {
		first, later resolve.Resolution
		conflict     bool
	}{
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
	s := newTestServer(t, withDirectory(testOkta, accounts)).register(testOkta)
	p := newProtocolServer(t, nil, s.settings())
	for _, config := range []map[string]any{
		bulkOf(people, []string{testOkta}, map[string]any{"on_stale": "error"}),
		bulkOf(people, []string{testOkta}, map[string]any{"on_stale": "explode", "check_stale": true}),
	} {
		if diags := p.validateData(resolvedMany, config); len(diags) != 1 {
			t.Errorf("%v: %v", config, diags)
		}
	}
}
