// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

const resolvedMany = "sym_resolved_identities"

// servicesOf is a services list.
func servicesOf(keys ...string) []any {
	list := []any{}
	for _, key := range keys {
		serviceType, externalID, _ := strings.Cut(key, ":")
		list = append(list, map[string]any{"service_type": serviceType, "external_id": externalID})
	}
	return list
}

// bulkOf asks for users of services, with further arguments. Nil users ask for
// everybody.
func bulkOf(users []string, services []string, more ...map[string]any) map[string]any {
	config := map[string]any{"services": servicesOf(services...)}
	if users != nil {
		list := []any{}
		for _, u := range users {
			list = append(list, u)
		}
		config["users"] = list
	}
	for _, m := range more {
		for k, v := range m {
			config[k] = v
		}
	}
	return config
}

var ignoring = map[string]any{"on_unmapped": "ignore"}

// ofUser are one user's identities by service key.
type ofUser = map[string]any

func unmappedAs(user, service, reason string) map[string]any {
	return map[string]any{"user": user, "service": service, "reason": reason}
}

// counts is by_source; sources that are not named gave none.
func counts(pairs ...any) map[string]any {
	out := map[string]any{"declared": 0, "store": 0, "rule": 0, "email": 0, "fetch_remote_identity": 0}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

// wantAnswers compares attributes of an answer; those not in want are not looked at.
func wantAnswers(t *testing.T, got, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if diff := cmp.Diff(value, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// mixedAPI has somebody for each step of the chain, and for each reason.
func mixedAPI(t *testing.T) *testServer {
	t.Helper()
	accounts := directoryOf("ada@acme.com", "00u1", "twice@acme.com", "00u8", "twice@acme.com", "00u9", "left@acme.com", "00u7", "thief@acme.com", "00u5").deactivate("left@acme.com")
	s := newTestServer(t, withDirectory(testOkta, accounts), withDirectory("custom:pager", directoryOf("ada@acme.com", "P1"))).
		register(testOkta, testGitHub, "custom:pager")
	s.mapping("Stored@acme.com", testOkta, "00u5", identity.Manual)
	s.mapping("stored@acme.com", testGitHub, "octo-cat", identity.FromRule)
	return s
}

func TestResolvedIdentities_outputs(t *testing.T) {
	t.Parallel()
	s := mixedAPI(t)
	p := newProtocolServer(t, nil, s.settings())
	people := []string{"Stored@ACME.com", " ada@acme.com", "eve@rules.com", "zed@acme.com", "nobody@acme.com", "left@acme.com", "twice@acme.com", "thief@acme.com", "deploy-bot"}
	config := bulkOf(people, []string{testOkta, testGitHub}, map[string]any{
		"on_unmapped": "ignore",
		"rules":       []any{map[string]any{"name": "r", "service_type": "okta", "match": `(.*)@rules\.com`, "identity": "r-$1"}},
		"declared":    map[string]any{testOkta: map[string]any{"ZED@acme.com": "00u3", "not.asked@acme.com": "00u4"}, "slack:T1": map[string]any{"ada@acme.com": "U1"}},
	})
	got, diags := p.readData(resolvedMany, config)
	wantDiagnostics(t, diags, "WARNING: Identities to Review: 00u5 in okta:acme.okta.com | … 00u5 in okta:acme.okta.com: Stored@ACME.com, thief@acme.com")
	unmapped := []any{
		unmappedAs("nobody@acme.com", testOkta, "not_found"), unmappedAs("left@acme.com", testOkta, "inactive"), unmappedAs("twice@acme.com", testOkta, "ambiguous"),
		unmappedAs("thief@acme.com", testOkta, "claimed"), unmappedAs("deploy-bot", testOkta, "no_email"),
	}
	for _, user := range people[1:8] {
		unmapped = append(unmapped, unmappedAs(user, testGitHub, "no_directory"))
	}
	unmapped = append(unmapped, unmappedAs("deploy-bot", testGitHub, "no_email"))
	wantAnswers(t, got, map[string]any{
		"identities": map[string]any{
			"Stored@ACME.com": ofUser{testOkta: "00u5", testGitHub: "octo-cat"}, " ada@acme.com": ofUser{testOkta: "00u1"}, "eve@rules.com": ofUser{testOkta: "r-eve"},
			"zed@acme.com": ofUser{testOkta: "00u3"}, "nobody@acme.com": ofUser{}, "left@acme.com": ofUser{}, "twice@acme.com": ofUser{}, "thief@acme.com": ofUser{}, "deploy-bot": ofUser{},
		},
		"by_service": map[string]any{
			testOkta:   map[string]any{"Stored@ACME.com": "00u5", " ada@acme.com": "00u1", "eve@rules.com": "r-eve", "zed@acme.com": "00u3"},
			testGitHub: map[string]any{"Stored@ACME.com": "octo-cat"},
		},
		"unmapped":     unmapped,
		"mapped_count": 5, "unmapped_count": 13,
		"by_source":  counts("declared", 1, "store", 2, "rule", 1, "email", 1),
		"stale":      nil,
		"collisions": []any{map[string]any{"service": testOkta, "identity": "00u5", "users": []any{"Stored@ACME.com", "thief@acme.com"}}},
		"users":      config["users"], "services": config["services"],
	})
	if writes := s.requests("PATCH users"); len(writes) > 0 {
		t.Errorf("reading wrote %v", writes)
	}
}

// TestResolvedIdentities_everybody asks for nobody in particular. Who holds
// what needs no search then.
func TestResolvedIdentities_everybody(t *testing.T) {
	t.Parallel()
	s := mixedAPI(t)
	s.addUser("deploy-bot")
	s.addUser("Zoe@ACME.com")
	s.addUser("thief@acme.com")
	p := newProtocolServer(t, nil, s.settings())
	got, diags := p.readData(resolvedMany, bulkOf(nil, []string{testOkta}, ignoring))
	wantDiagnostics(t, diags, "WARNING: Identities to Review")
	wantAnswers(t, got, map[string]any{
		"identities": map[string]any{"stored@acme.com": ofUser{testOkta: "00u5"}, "deploy-bot": ofUser{}, "zoe@acme.com": ofUser{}, "thief@acme.com": ofUser{}},
		"unmapped":   []any{unmappedAs("deploy-bot", testOkta, "no_email"), unmappedAs("thief@acme.com", testOkta, "claimed"), unmappedAs("zoe@acme.com", testOkta, "not_found")},
		"collisions": []any{map[string]any{"service": testOkta, "identity": "00u5", "users": []any{"stored@acme.com", "thief@acme.com"}}},
		"users":      nil,
	})
	for _, call := range []string{"POST users/search", "POST identities/search"} {
		if n := len(s.requests(call)); n > 0 {
			t.Errorf("%d requests %s", n, call)
		}
	}
}

func TestResolvedIdentities_empty(t *testing.T) {
	t.Parallel()
	s := mixedAPI(t)
	p := newProtocolServer(t, nil, s.settings())
	tests := map[string]struct {
		config                map[string]any
		identities, byService map[string]any
	}{
		"no users":           {bulkOf([]string{}, []string{testOkta}), map[string]any{}, map[string]any{testOkta: map[string]any{}}},
		"no services":        {bulkOf([]string{"ada@acme.com"}, nil), map[string]any{"ada@acme.com": ofUser{}}, map[string]any{}},
		"neither":            {bulkOf([]string{}, nil), map[string]any{}, map[string]any{}},
		"everybody, nowhere": {bulkOf(nil, nil), map[string]any{"stored@acme.com": ofUser{}}, map[string]any{}},
		"empty options": {
			bulkOf([]string{}, nil, map[string]any{"rules": []any{}, "declared": map[string]any{}}), map[string]any{}, map[string]any{},
		},
	}
	for name, test := range tests {
		got, diags := p.readData(resolvedMany, test.config)
		wantDiagnostics(t, diags)
		wantAnswers(t, got, map[string]any{
			"identities": test.identities, "by_service": test.byService, "unmapped": []any{}, "collisions": []any{}, "hcl": "",
			"mapped_count": 0, "unmapped_count": 0, "by_source": counts(),
		})
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestResolvedIdentities_severalKeys: what is stored may be more than one string.
func TestResolvedIdentities_severalKeys(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta, "ldap:acme")
	s.failNext(1, "GET", "services", 200, `{"services":[{"id":"1","slug":"okta","external_id":"acme.okta.com"},
		{"id":"2","slug":"ldap","external_id":"acme"},{"id":"3","slug":"auth0","external_id":"acme"}]}`) // ours has no services that Sym manages
	for user, m := range map[string]store.MappingWrite{
		"own@acme.com":   {Service: mustService(testOkta), Matcher: identity.Matcher{"user_id": "00u1", "tenant": "eu"}, Source: identity.Manual},
		"other@acme.com": {Service: mustService("ldap:acme"), Matcher: identity.Matcher{"dn": "cn=other", "realm": "x"}, Source: identity.Manual},
		"one@acme.com":   {Service: mustService("ldap:acme"), Matcher: identity.Matcher{"dn": "cn=one"}, Source: identity.Manual},
	} {
		s.upsert(store.UserWrite{Key: mustUser(user), Name: user, Type: identity.Normal, Mappings: []store.MappingWrite{m}})
	}
	p := newProtocolServer(t, nil, s.settings())
	got, diags := p.readData(resolvedMany, bulkOf(nil, []string{testOkta, "ldap:acme", "auth0:acme"}, ignoring))
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{
		"identities": map[string]any{
			"own@acme.com": ofUser{testOkta: "00u1"}, "other@acme.com": ofUser{"ldap:acme": "dn=cn=other, realm=x"}, "one@acme.com": ofUser{"ldap:acme": "cn=one"},
		},
		"mapped_count": 3, "unmapped_count": 6,
	})
	if hcl := got["hcl"].(string); strings.Contains(hcl, "auth0") || strings.Count(hcl, "resource ") != 3 {
		t.Errorf("managed services cannot be declared:\n%s", hcl)
	}
}

// TestResolvedIdentities_persist: what is stored answers the same from then on.
func TestResolvedIdentities_persist(t *testing.T) {
	t.Parallel()
	s := mixedAPI(t)
	p := newProtocolServer(t, nil, s.settings())
	config := bulkOf([]string{"Ada@acme.com", "eve@rules.com", "stored@acme.com"}, []string{testOkta, "custom:pager"}, ignoring, map[string]any{
		"persist": true, "rules": []any{map[string]any{"name": "r", "service_type": "okta", "match": `(.*)@rules\.com`, "identity": "r-$1"}},
	})
	first, diags := p.readData(resolvedMany, config)
	wantDiagnostics(t, diags)
	wantAnswers(t, first, map[string]any{"by_source": counts("store", 4), "mapped_count": 4})
	if n := len(s.requests("PATCH users")); n != 2 {
		t.Errorf("%d writes, want one for each service", n)
	}
	for user, want := range map[string]identity.Source{"ada@acme.com": identity.FromEmail, "eve@rules.com": identity.FromRule, "stored@acme.com": identity.Manual} {
		if m, ok := s.stored(user, testOkta); !ok || m.Source != want {
			t.Errorf("%s: stored is %v", user, m)
		}
	}
	s.forget()
	second, diags := p.readData(resolvedMany, config)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the next read says something else (-first +second):\n%s", diff)
	}
	if writes := s.requests("PATCH users"); len(writes) > 0 {
		t.Errorf("written again: %v", writes)
	}
	p = newProtocolServer(t, nil, s.settings(map[string]any{"read_only": true}))
	_, diags = p.readData(resolvedMany, config)
	wantDiagnostics(t, diags, `ERROR AttributeName("persist"): Provider Is Read-Only`)
}

func TestResolvedIdentities_stale(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("changed@acme.com", "00u9", "left@acme.com", "00u2", "other@acme.com", "00u0", "same@acme.com", "00u6").deactivate("left@acme.com").deactivate("other@acme.com")
	s := newTestServer(t, withDirectory(testOkta, accounts)).register(testOkta)
	s.mapping("Changed@acme.com", testOkta, "00u1", identity.FromEmail)
	s.mapping("left@acme.com", testOkta, "00u2", identity.Manual)
	s.mapping("gone@acme.com", testOkta, "00u3", identity.FromEmail)
	s.mapping("manual@acme.com", testOkta, "00u4", identity.Manual) // nobody ever knew it but the person
	s.mapping("other@acme.com", testOkta, "00u5", identity.Manual)  // another account of the same person is inactive
	s.mapping("same@acme.com", testOkta, "00u6", identity.FromEmail)
	s.mapping("ruled@acme.com", testOkta, "00u7", identity.FromRule)
	p := newProtocolServer(t, nil, s.settings())
	people := []string{"CHANGED@acme.com", "left@acme.com", "gone@acme.com", "manual@acme.com", "other@acme.com", "same@acme.com", "ruled@acme.com"}
	got, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, map[string]any{"check_stale": true}))
	wantDiagnostics(t, diags, "WARNING: Identities to Review: left@acme.com in okta:acme.okta.com and 3 more | "+
		"… left@acme.com in okta:acme.okta.com: 00u2 (stored, manual) is inactive … CHANGED@acme.com in okta:acme.okta.com: 00u1 is stored (email), now it is 00u9 … "+
		"gone@acme.com in okta:acme.okta.com: 00u3 is stored (email), now there is none (not_found) … ruled@acme.com … now there is none (not_found)")
	stale := func(user, stored, source string, current any, reason string) map[string]any {
		return map[string]any{"user": user, "service": testOkta, "stored": stored, "stored_source": source, "current": current, "reason": reason}
	}
	wantAnswers(t, got, map[string]any{
		"stale": []any{
			stale("CHANGED@acme.com", "00u1", "email", "00u9", "changed"), stale("left@acme.com", "00u2", "manual", nil, "inactive"),
			stale("gone@acme.com", "00u3", "email", nil, "not_found"), stale("ruled@acme.com", "00u7", "rule", nil, "not_found"),
		},
		"offboarding":  []any{map[string]any{"user": "left@acme.com", "service": testOkta, "identity": "00u2", "source": "store", "account": "inactive"}},
		"mapped_count": 7, "unmapped_count": 0, "by_source": counts("store", 7),
	})
	// Without being asked to compare, nobody is looked up.
	s.forget()
	got, diags = p.readData(resolvedMany, bulkOf(people, []string{testOkta}))
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{"stale": nil, "offboarding": nil})
	if n := len(s.requests("POST identities/lookup")); n > 0 {
		t.Errorf("%d lookups", n)
	}
}

// TestResolvedIdentities_collisions: one account of several people, however
// they come by it.
func TestResolvedIdentities_collisions(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testGitHub, directoryOf("finder@acme.com", "OCTO", "late@acme.com", "first", "early@acme.com", "first"))).register(testGitHub)
	s.mapping("a@acme.com", testGitHub, "octo", identity.Manual)
	s.mapping("b@acme.com", testGitHub, "Octo", identity.Manual)
	s.mapping("alone@acme.com", testGitHub, "alone", identity.Manual)
	s.mapping("elsewhere@acme.com", testGitHub, "held", identity.Manual)
	p := newProtocolServer(t, nil, s.settings())
	people := []string{"late@acme.com", "early@acme.com", "finder@acme.com", "B@acme.com", "a@acme.com", "alone@acme.com", "d1@acme.com", "d2@acme.com", "rule@acme.com"}
	got, diags := p.readData(resolvedMany, bulkOf(people, []string{testGitHub}, ignoring, map[string]any{
		"declared": map[string]any{testGitHub: map[string]any{"d1@acme.com": "same", "d2@acme.com": "SAME"}},
		"rules":    []any{map[string]any{"name": "r", "service_type": "github", "identities": map[string]any{"rule@acme.com": "held"}}},
	}))
	wantDiagnostics(t, diags, "WARNING: Identities to Review: first in github:acme and 3 more | Several users have or claim one account:")
	collision := func(account string, users ...any) map[string]any {
		return map[string]any{"service": testGitHub, "identity": account, "users": users}
	}
	accounts := []any{
		collision("first", "early@acme.com", "late@acme.com"), collision("held", "elsewhere@acme.com", "rule@acme.com"),
		collision("Octo", "a@acme.com", "B@acme.com", "finder@acme.com"), collision("same", "d1@acme.com", "d2@acme.com"),
	}
	wantAnswers(t, got, map[string]any{"collisions": accounts, "unmapped": []any{
		unmappedAs("early@acme.com", testGitHub, "claimed"), unmappedAs("finder@acme.com", testGitHub, "claimed"), unmappedAs("rule@acme.com", testGitHub, "claimed"),
	}})
}

// TestResolvedIdentities_chunks asks for more people than one request takes.
func TestResolvedIdentities_chunks(t *testing.T) {
	t.Parallel()
	const people = 10_001
	accounts := &testDirectory{Accounts: map[string][]directory.Account{}}
	users := make([]string, people)
	for i := range users {
		users[i] = fmt.Sprintf("o'brien+%d%%/@acme.com", i)
		if i%3 == 2 {
			accounts.Accounts[users[i]] = directoryOf(users[i], fmt.Sprintf("00u%d", i)).Accounts[users[i]]
		}
	}
	s := newTestServer(t, withDirectory(testOkta, accounts)).register(testOkta)
	s.mapping(users[people-1], testOkta, "last", identity.Manual)
	rules := []any{map[string]any{"name": "r", "service_type": "okta", "match": `o'brien\+(\d*[147])%/@.*`, "identity": "r-$1"}}
	p := newProtocolServer(t, nil, s.settings())
	got, diags := p.readData(resolvedMany, bulkOf(users, []string{testOkta}, ignoring, map[string]any{"rules": rules}))
	wantDiagnostics(t, diags)
	if n := len(got["identities"].(map[string]any)); n != people {
		t.Errorf("%d users answered", n)
	}
	if n := got["mapped_count"].(int) + got["unmapped_count"].(int); n != people {
		t.Errorf("%d answers", n)
	}
	if last := got["identities"].(map[string]any)[users[people-1]]; !cmp.Equal(last, map[string]any{testOkta: "last"}) {
		t.Errorf("the last has %v", last)
	}
	// 11 searches, 1 for services, 1 login, the rest lookups and holders.
	if n := len(s.requests()); n > 11+2+8+7 {
		t.Errorf("%d requests", n)
	}
}
