// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
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

func unmappedAs(user, service, reason string, candidates ...any) map[string]any {
	return map[string]any{"user": user, "service": service, "reason": reason, "candidates": append([]any{}, candidates...)}
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
		"by_source":   counts("declared", 1, "store", 2, "rule", 1, "email", 1),
		"by_evidence": map[string]any{"declared": 1, "manual": 1, "rule": 2, "verified_email": 0, "email": 1, "alias": 0, "fetch_remote_identity": 0},
		"stale":       nil,
		"collisions":  []any{map[string]any{"service": testOkta, "identity": "00u5", "users": []any{"Stored@ACME.com", "thief@acme.com"}}},
		"users":       config["users"], "services": config["services"],
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
	declared, diags := p.readData(resolvedMany, bulkOf([]string{"new@acme.com"}, []string{"ldap:acme"}, map[string]any{
		"declared": map[string]any{"ldap:acme": ofUser{"new@acme.com": `{"dn":"cn=new","realm":"x"}`}}, // as sym_identities has it
	}))
	wantDiagnostics(t, diags)
	wantAnswers(t, declared, map[string]any{"identities": map[string]any{"new@acme.com": ofUser{"ldap:acme": "dn=cn=new, realm=x"}}})
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
	if n := len(s.requests("PATCH users")); n != 1 {
		t.Errorf("%d writes, want one transaction for all services", n)
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

// An account is one under all its names and ids, whoever comes first.
func TestCollisionsOfOneAccount(t *testing.T) {
	t.Parallel()
	answer := func(user identity.UserKey, account, id string) resolve.Resolution {
		return resolve.Resolution{User: user, Service: mustService(testGitHub), Matcher: identity.NewMatcher("github", account), AccountID: id, Source: resolve.Store}
	}
	a, b, c, d := answer("a@acme.com", "before", "8"), answer("b@acme.com", "After", "8"), answer("c@acme.com", "after", ""), answer("d@acme.com", "AFTER", "9")
	for _, answers := range [][]resolve.Resolution{{a, b, c, d}, {d, c, b, a}, {c, a, d, b}, {a, d, c, b}, {b, d, a, c}} {
		got := collisionsIn(append(answers, answer("e@acme.com", "other", "7"), answer("f@acme.com", "9", "")))
		if len(got) != 1 || !slices.Equal(got[0].users, []identity.UserKey{"a@acme.com", "b@acme.com", "c@acme.com", "d@acme.com"}) {
			t.Errorf("%v: got %v", answers, got)
		}
	}
}

// TestResolvedIdentities_collisions: one account of several people, however
// they come by it.
func TestResolvedIdentities_collisions(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("finder@acme.com", "OCTO", "late@acme.com", "first", "early@acme.com", "first", "renamer@acme.com", "new-name")
	accounts.Accounts["renamer@acme.com"][0].AccountID = "9"
	s := newTestServer(t, withDirectory(testGitHub, accounts)).register(testGitHub)
	for user, account := range map[identity.UserKey][2]string{"outside@acme.com": {"old-name", "9"}, "one@acme.com": {"before", "8"}, "two@acme.com": {"after", "8"}} {
		s.upsert(store.UserWrite{Key: user, Name: string(user), Type: user.Type(), Mappings: []store.MappingWrite{{Service: mustService(testGitHub), Matcher: identity.NewMatcher("github", account[0]), AccountID: account[1], Source: identity.Manual}}})
	}
	s.mapping("a@acme.com", testGitHub, "octo", identity.Manual)
	s.mapping("b@acme.com", testGitHub, "Octo", identity.Manual)
	s.mapping("alone@acme.com", testGitHub, "alone", identity.Manual)
	s.mapping("elsewhere@acme.com", testGitHub, "held", identity.Manual)
	p := newProtocolServer(t, nil, s.settings())
	people := []string{"late@acme.com", "early@acme.com", "finder@acme.com", "B@acme.com", "a@acme.com", "alone@acme.com", "d1@acme.com", "d2@acme.com", "rule@acme.com", "renamer@acme.com", "one@acme.com", "two@acme.com"}
	got, diags := p.readData(resolvedMany, bulkOf(people, []string{testGitHub}, ignoring, map[string]any{
		"declared": map[string]any{testGitHub: map[string]any{"d1@acme.com": "same", "d2@acme.com": "SAME"}},
		"rules":    []any{map[string]any{"name": "r", "service_type": "github", "identities": map[string]any{"rule@acme.com": "held"}}},
	}))
	wantDiagnostics(t, diags, "WARNING: Identities to Review: before in github:acme and 5 more | Several users have or claim one account:")
	collision := func(account string, users ...any) map[string]any {
		return map[string]any{"service": testGitHub, "identity": account, "users": users}
	}
	want := []any{
		collision("before", "one@acme.com", "two@acme.com"),
		collision("first", "early@acme.com", "late@acme.com"), collision("held", "elsewhere@acme.com", "rule@acme.com"),
		collision("Octo", "a@acme.com", "B@acme.com", "finder@acme.com"), collision("old-name", "outside@acme.com", "renamer@acme.com"),
		collision("same", "d1@acme.com", "d2@acme.com"),
	}
	wantAnswers(t, got, map[string]any{"collisions": want, "unmapped": []any{
		unmappedAs("late@acme.com", testGitHub, "ambiguous"), unmappedAs("early@acme.com", testGitHub, "ambiguous"),
		unmappedAs("finder@acme.com", testGitHub, "claimed"), unmappedAs("rule@acme.com", testGitHub, "claimed"),
		unmappedAs("renamer@acme.com", testGitHub, "claimed"),
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
	// 5 searches, 1 for services, 1 login, the rest lookups and holders.
	if n := len(s.requests()); n > 5+2+3+3 {
		t.Errorf("%d requests", n)
	}
}

// TestElementErrors: of many elements that are wrong, the first ones are reported, and
// the number of the others.
func TestElementErrors(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	wrong := map[string]any{}
	var people []any
	for i := range maxListed + 2 {
		name := fmt.Sprintf("ada lovelace %d", i)
		people, wrong[name] = append(people, name), "x"
	}
	for name, config := range map[string]map[string]any{
		"users":    bulkOf(nil, []string{testOkta}, map[string]any{"users": people}),
		"declared": bulkOf(nil, []string{testOkta}, map[string]any{"declared": map[string]any{testOkta: wrong}}),
		"exempt":   bulkOf(nil, []string{testOkta}, map[string]any{"exempt": map[string]any{testOkta: wrong}}),
	} {
		diags := p.validateData(resolvedMany, config)
		if n := len(diags); n != maxListed+1 {
			t.Errorf("%s: %d errors", name, n)
			continue
		}
		wantDiagnostics(t, diags[maxListed:], `ERROR AttributeName("`+name+`") … Further Elements Are Wrong … 2 elements are wrong as well`)
	}
	for len(people) < maxListedRows+3 {
		people = append(people, people[0])
	}
	wantDiagnostics(t, p.validateData("sym_users", map[string]any{"emails": people}), `ERROR AttributeName("emails"): Invalid E-mails … [99] … and 3 more`)
}

func TestResolvedIdentities_validate(t *testing.T) {
	t.Parallel()
	ada := []string{"ada@acme.com"}
	tests := map[string]struct {
		config map[string]any
		want   []string
	}{
		"fine": {bulkOf(ada, []string{testOkta, testGitHub, "auth0:acme"}, map[string]any{
			"on_unmapped": "warn", "rules": []any{idRule("r", "$0")}, "declared": map[string]any{testOkta: map[string]any{"Ada@acme.com": "00u1"}},
		}), nil},
		"everybody": {bulkOf(nil, []string{testOkta}), nil},
		"everything unknown": {map[string]any{
			"users": unknown, "services": unknown, "rules": unknown, "declared": unknown, "on_unmapped": unknown, "persist": unknown, "check_stale": unknown,
		}, nil},
		"unknown elements": {map[string]any{
			"users": []any{"ada@acme.com", unknown, unknown}, "services": []any{unknown, map[string]any{"service_type": "okta", "external_id": unknown}, map[string]any{"service_type": unknown, "external_id": "a"}},
			"rules": []any{unknown}, "declared": map[string]any{testOkta: unknown, testGitHub: map[string]any{"ada@acme.com": unknown}},
		}, nil},
		"users": {bulkOf([]string{"ada@acme.com", "ada lovelace", "", " ADA@acme.com ", "bob@acme.com", "bob@acme.com"}, []string{testOkta}), []string{
			`ERROR AttributeName("users").ElementKeyInt(1): Invalid User | … "ada lovelace" is neither an e-mail nor a username.`,
			`ERROR AttributeName("users").ElementKeyInt(2): Invalid User | … The user is empty.`,
			`ERROR AttributeName("users").ElementKeyInt(3): Duplicate User | Elements 0 ("ada@acme.com") and 3 (" ADA@acme.com ") are the same user, ada@acme.com: e-mails compare without case and outer spaces.`,
			`ERROR AttributeName("users").ElementKeyInt(5): Duplicate User | Elements 4 ("bob@acme.com") and 5 ("bob@acme.com") are the same user, bob@acme.com: they are spelled alike.`,
		}},
		"null elements": {map[string]any{"users": []any{nil}, "services": []any{nil}}, []string{
			`ERROR AttributeName("users").ElementKeyInt(0): Invalid User | … A user is null.`,
			`ERROR AttributeName("services").ElementKeyInt(0): Invalid Service | … A service is null.`,
		}},
		"half a service": {map[string]any{"services": []any{map[string]any{"external_id": "a"}, map[string]any{"service_type": "okta"}}}, []string{
			`ERROR AttributeName("services").ElementKeyInt(0).AttributeName("service_type"): Invalid Service | … service_type is missing.`,
			`ERROR AttributeName("services").ElementKeyInt(1).AttributeName("external_id"): Invalid Service | … external_id is missing.`,
		}},
		"no services": {map[string]any{"users": []any{}}, []string{`ERROR AttributeName("services"): Missing Configuration for Required Attribute`}},
		"services": {bulkOf(ada, []string{"Okta:a", testOkta, "slack:acme", "sym:cloud", testOkta}), []string{
			`ERROR AttributeName("services").ElementKeyInt(0).AttributeName("service_type"): Invalid Service Type | … "Okta" is not a service type.`,
			`ERROR AttributeName("services").ElementKeyInt(2).AttributeName("external_id"): Invalid External ID | … Must start with 'T'`,
			`ERROR AttributeName("services").ElementKeyInt(3): Service Cannot Be Resolved | sym:cloud holds the users themselves`,
			`ERROR AttributeName("services").ElementKeyInt(4): Duplicate Service | Elements 1 and 4 are the same service, okta:acme.okta.com.`,
		}},
		"mode": {bulkOf(ada, nil, map[string]any{"on_unmapped": "fail"}), []string{`ERROR AttributeName("on_unmapped") … "error" "warn" "ignore"`}},
		"rules": {bulkOf(ada, nil, map[string]any{"rules": []any{idRule("ok", "$0"), idRule("r", "$7")}}), []string{
			`ERROR AttributeName("rules").ElementKeyInt(1).AttributeName("identity"): Invalid Reducer Rule`,
		}},
		"declared": {bulkOf(ada, nil, map[string]any{"declared": map[string]any{
			"okta": map[string]any{}, testOkta: map[string]any{"ada@acme.com": "1", "ADA@acme.com": "1", "eve@acme.com": ""},
			"google:acme.com": map[string]any{"ada@acme.com": "ada"}, "auth0:acme": map[string]any{"ada@acme.com": "x"},
		}}), []string{
			`ERROR AttributeName("declared").ElementKeyString("okta"): Invalid Service | … "okta" is not a service key.`,
			`ERROR AttributeName("declared").ElementKeyString("okta:acme.okta.com").ElementKeyString("ada@acme.com"): Duplicate User | … The keys "ADA@acme.com" and "ada@acme.com" are the same user`,
			`ERROR AttributeName("declared").ElementKeyString("okta:acme.okta.com").ElementKeyString("eve@acme.com"): Invalid Identity`,
			`ERROR AttributeName("declared").ElementKeyString("google:acme.com").ElementKeyString("ada@acme.com"): Invalid Identity … It must be an e-mail.`,
			`ERROR AttributeName("declared").ElementKeyString("auth0:acme"): Identities Cannot Be Declared … managed by Sym`,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProtocolServer(t, nil, nil)
			wantDiagnostics(t, p.validateData(resolvedMany, test.config), test.want...)
		})
	}
}

// brokenDirectory gives unusable answers for some e-mails.
type brokenDirectory struct {
	testDirectory
	broken string // part of their e-mails
}

func (d *brokenDirectory) Find(ctx context.Context, email string) ([]directory.Account, error) {
	if strings.Contains(email, d.broken) {
		return nil, directory.ErrAnswer
	}
	return d.testDirectory.Find(ctx, email)
}

// TestResolvedIdentities_someFail: whoever could not be asked for is in one
// error, and nobody of them is called unmapped.
func TestResolvedIdentities_someFail(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, func(cfg *server.Config) {
		cfg.Directories[mustService(testOkta)] = &brokenDirectory{broken: "broken"}
	}).register(testOkta)
	s.mapping("stored@acme.com", testOkta, "00u1", identity.Manual)
	p := newProtocolServer(t, nil, s.settings())
	people := []string{"stored@acme.com", "nobody@acme.com"}
	for i := range 3 {
		people = append(people, fmt.Sprintf("rule%d@acme.com", i))
	}
	for i := range 10 {
		people = append(people, fmt.Sprintf("broken%d@acme.com", i))
	}
	rules := map[string]any{"rules": []any{map[string]any{"name": "cel", "service_type": "okta", "match": "rule.*", "expression": `user.identities["github:acme"]`}}}
	for _, mode := range []string{"ignore", "error"} {
		state, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, rules, map[string]any{"on_unmapped": mode}))
		want := []string{"ERROR: Unable to Resolve Identities | For 13 of 15 users in okta:acme.okta.com a step of the chain failed … " +
			`rule0@acme.com in okta:acme.okta.com: the rule "cel" failed: expression: no such key: github:acme … broken9@acme.com in okta:acme.okta.com: `}
		if mode == "error" {
			want = append(want, "ERROR: Unmapped Users | No identity was found for 1 of 15 users in okta:acme.okta.com:\n\n  nobody@acme.com in okta:acme.okta.com: not_found, ")
		}
		wantDiagnostics(t, diags, want...)
		if state["identities"] != nil {
			t.Errorf("a failure gave %v", state["identities"])
		}
		if text := describeDiagnostic(diags[0]); strings.Contains(strings.ToLower(text), "no identity") || strings.Contains(text, "resource \"sym_identity\"") {
			t.Errorf("says too much: %s", text)
		}
	}
}

func TestResolvedIdentities_allFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path, method string
		users        []string
		about        string
	}{
		"services": {"services", "GET", []string{"ada@acme.com"}, "GET /api/v1/services"},
		"search":   {"users/search", "POST", []string{"ada@acme.com"}, "POST /api/v1/users/search"},
		"lookup":   {"identities/lookup", "POST", []string{"ada@acme.com"}, "POST /api/v1/identities/lookup"},
		"holders":  {"identities/search", "POST", []string{"ada@acme.com"}, "POST /api/v1/identities/search"},
		"write":    {"users", "PATCH", []string{"ada@acme.com"}, "PATCH /api/v1/users"},
		"listing":  {"users", "GET", nil, "GET /api/v1/users"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, withDirectory(testOkta, directoryOf("ada@acme.com", "00u1"))).register(testOkta)
			s.failNext(100, test.method, test.path, 503, "")
			p := newProtocolServer(t, nil, s.settings())
			_, diags := p.readData(resolvedMany, bulkOf(test.users, []string{testOkta}, ignoring, map[string]any{"persist": true}))
			wantFailure(t, diags, "okta:acme.okta.com … Request: "+test.about+", status 503")
		})
	}
	t.Run("two stored under one name", func(t *testing.T) {
		t.Parallel()
		s := newTestServer(t).register(testOkta)
		s.failNext(1, "GET", "users", 200, `{"users":[{"id":"1","type":"normal","role":"member","identities":[{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"Ada@acme.com"}}]},
			{"id":"2","type":"normal","role":"member","identities":[{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"ada@acme.com"}}]}]}`)
		p := newProtocolServer(t, nil, s.settings())
		_, diags := p.readData(resolvedMany, bulkOf(nil, []string{testOkta}, ignoring))
		wantDiagnostics(t, diags, `ERROR: Unable to Resolve Identities … "Ada@acme.com" (id 1) and "ada@acme.com" (id 2)`)
	})
}

func TestResolvedIdentities_unregistered(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register("okta:b.okta.com", "okta:a.okta.com", testGitHub)
	p := newProtocolServer(t, nil, s.settings())
	_, diags := p.readData(resolvedMany, bulkOf([]string{"ada@acme.com"}, []string{testGitHub, testOkta}, ignoring))
	wantDiagnostics(t, diags, `ERROR AttributeName("services").ElementKeyInt(1).AttributeName("external_id"): Service Is Not Registered | … `+
		`okta:acme.okta.com; registered of this type: okta:a.okta.com, okta:b.okta.com … resource "sym_service" "okta" {`)
	_, diags = p.readData(resolvedMany, bulkOf([]string{"ada@acme.com"}, []string{testOkta, "slack:T1"}, ignoring))
	wantDiagnostics(t, diags, `ERROR AttributeName("services"): Service Is Not Registered | … okta:acme.okta.com; … slack:T1; registered of this type: none … "sym_service" "okta" … "sym_service" "slack"`)

	_, diags = p.readData(resolvedMany, bulkOf([]string{"ada@acme.com"}, []string{"aws_iam:111111111111", "aws_iam:222222222222"}, ignoring))
	wantDiagnostics(t, diags, `ERROR AttributeName("services"): Service Is Not Registered | … "sym_service" "aws_iam" { … "sym_service" "aws_iam_2" {`)

	// Where everybody is declared this run may be what registers the service.
	declared := map[string]any{"declared": map[string]any{testOkta: map[string]any{"ada@acme.com": "00u1"}}}
	got, diags := p.readData(resolvedMany, bulkOf([]string{"ada@acme.com"}, []string{testOkta}, declared))
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{"by_source": counts("declared", 1)})
	_, diags = p.readData(resolvedMany, bulkOf([]string{"ada@acme.com", "bob@acme.com"}, []string{testOkta}, declared))
	wantDiagnostics(t, diags, "ERROR … Service Is Not Registered")
}

// TestResolvedIdentities_oneDiagnostic: forty or a thousand, it is one, and
// it stays short.
func TestResolvedIdentities_oneDiagnostic(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testOkta, directoryOf())).register(testOkta)
	p := newProtocolServer(t, nil, s.settings())
	people := make([]string, 1000)
	for i := range people {
		people[i] = fmt.Sprintf("p%04d@acme.com", i)
	}
	read := func(n int, mode string) []*tfprotov6.Diagnostic {
		got, diags := p.readData(resolvedMany, bulkOf(people[:n], []string{testOkta}, map[string]any{"on_unmapped": mode}))
		if hcl, _ := got["hcl"].(string); mode != "error" && strings.Count(hcl, "resource \"sym_identity\"") != n {
			t.Errorf("hcl has not %d blocks", n)
		}
		return diags
	}
	wantDiagnostics(t, read(1, "warn"), "WARNING: Unmapped Users: p0000@acme.com in okta:acme.okta.com | No identity was found for 1 of 1 users in okta:acme.okta.com: … not_found … resource \"sym_identity\" \"p0000_okta\" {")
	wantDiagnostics(t, read(50, "error"), "ERROR: Unmapped Users | … 50 of 50 … p0049@acme.com in okta:acme.okta.com: not_found … \"p0002_okta\"")
	diags := read(1000, "warn")
	wantDiagnostics(t, diags, "WARNING: Unmapped Users: p0000@acme.com in okta:acme.okta.com and 999 more | … p0049@acme.com … … and 950 more … The attributes unmapped and hcl have everybody.")
	if n := len(diags[0].Detail); n > 20_000 || strings.Contains(diags[0].Detail, "p0050@acme.com") {
		t.Errorf("%d bytes long", n)
	}
	wantDiagnostics(t, read(1000, "error"), "ERROR: Unmapped Users | … and 950 more … With on_unmapped = \"warn\" the attributes")
	wantDiagnostics(t, read(1000, "ignore"))
}

// limitedOkta finds everybody by e-mail, for the first requests only; then it
// wants a pause of ten minutes.
func limitedOkta(t *testing.T, before int64) *httptest.Server {
	t.Helper()
	var requests atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > before {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, email, _ := strings.Cut(r.URL.Query().Get("search"), `"`)
		email, _, _ = strings.Cut(email, `"`)
		fmt.Fprintf(w, `[{"id":"00u%s","status":"ACTIVE","profile":{"login":%q,"email":%q}}]`, url.PathEscape(email[:2]), email, email)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// limitedAPI is a whole server in the provider's process, its directory the
// real connector of Okta.
func limitedAPI(t *testing.T, before int64) *protocolServer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, fmt.Sprintf(`
org   = "acme"
store = "sqlite:identities.db"
service "okta" "acme.okta.com" {
  directory "okta" {
    token      = env("OKTA_API_TOKEN")
    base_url   = %q
    allow_http = true
  }
}
`, limitedOkta(t, before).URL))
	return newProtocolServer(t, map[string]string{"OKTA_API_TOKEN": "t"}, embeddedSettings(file, map[string]any{"max_retries": 0}))
}

// A service that begins to limit requests in the middle of a batch: whoever was
// answered is answered, and the others are in an error of their own, whatever
// is to be done about unmapped people.
func TestResolved_limited(t *testing.T) {
	t.Parallel()
	people := []string{"a1@acme.com", "a2@acme.com", "a3@acme.com", "a4@acme.com"} // few enough to be looked up
	const limit = "he directory of okta:acme.okta.com could not answer: … the service limits requests; try again in 10m0s"

	for _, mode := range []string{"ignore", "warn", "error"} {
		p := limitedAPI(t, 2)
		state, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, map[string]any{"on_unmapped": mode}))
		wantDiagnostics(t, diags, "ERROR: Unable to Resolve Identities | For 2 of 4 users in okta:acme.okta.com a step of the chain failed, so it is not known which account is theirs. They count neither as mapped nor as unmapped. … "+limit)
		if state["unmapped"] != nil {
			t.Errorf("%s: unmapped: %v", mode, state["unmapped"])
		}
		// The two that were answered are known now, and cost no request.
		var known []string
		for _, person := range people {
			if !strings.Contains(diags[0].Detail, person) {
				known = append(known, person)
			}
		}
		got, diags := p.readData(resolvedMany, bulkOf(known, []string{testOkta}))
		wantDiagnostics(t, diags)
		wantAnswers(t, got, map[string]any{"mapped_count": 2, "unmapped_count": 0})
	}

	p := limitedAPI(t, 0)
	_, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, ignoring))
	wantFailure(t, diags, limit+" … status 429")
	_, diags = p.readData(resolved, resolveConfig("a1@acme.com", testOkta, ignoring))
	wantFailure(t, diags, "a1@acme.com … "+limit)
}

// accountDirectory can be asked by id, too.
type accountDirectory struct {
	*testDirectory
	statusErr error
}

func (d accountDirectory) FindID(_ context.Context, id string) ([]directory.Account, error) {
	d.Lock()
	defer d.Unlock()
	for _, accounts := range d.Accounts {
		for _, a := range accounts {
			if a.Identity == id {
				return []directory.Account{a}, d.statusErr
			}
		}
	}
	return nil, d.statusErr
}

func withAccounts(service string, d accountDirectory) func(*server.Config) {
	return func(cfg *server.Config) { cfg.Directories[mustService(service)] = d }
}

// leavers are people who were mapped by hand to accounts with other e-mails,
// which no lookup finds: ada's works, bob's was deactivated, cy's deleted.
func leavers(t *testing.T, adjust ...func(*server.Config)) *testServer {
	t.Helper()
	accounts := directoryOf("ada.l@other.com", "00u1", "bob.b@other.com", "00u2").deactivate("bob.b@other.com")
	adjust = append([]func(*server.Config){withAccounts(testOkta, accountDirectory{testDirectory: accounts})}, adjust...)
	s := newTestServer(t, adjust...).register(testOkta, testGitHub)
	s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
	s.mapping("bob@acme.com", testOkta, "00u2", identity.Manual)
	s.mapping("cy@acme.com", testOkta, "00u3", identity.FromRule)
	return s
}

var checking = map[string]any{"check_stale": true}

func TestResolvedIdentities_offboarding(t *testing.T) {
	t.Parallel()
	s := leavers(t)
	p := newProtocolServer(t, nil, s.settings())
	people := []string{"Ada@acme.com", "bob@acme.com", "cy@acme.com", "dee@acme.com"}
	declared := map[string]any{"declared": map[string]any{testOkta: map[string]any{"dee@acme.com": "00u2"}}}
	got, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, checking, declared))
	wantDiagnostics(t, diags, "WARNING: Identities to Review: 00u2 in okta:acme.okta.com and 3 more | Several users have … bob@acme.com, dee@acme.com … Accounts of mappings are inactive or gone:\n\n"+
		"  bob@acme.com in okta:acme.okta.com: 00u2 (stored, manual) is inactive\n"+
		"  cy@acme.com in okta:acme.okta.com: 00u3 (stored, rule) is not there\n"+
		"  dee@acme.com in okta:acme.okta.com: 00u2 (declared) is inactive\n … The attributes collisions, offboarding and stale have all of them.")
	entry := func(user, id, source, account string) map[string]any {
		return map[string]any{"user": user, "service": testOkta, "identity": id, "source": source, "account": account}
	}
	stale := func(user, id, source, reason string) map[string]any {
		return map[string]any{"user": user, "service": testOkta, "stored": id, "stored_source": source, "current": nil, "reason": reason}
	}
	wantAnswers(t, got, map[string]any{
		"offboarding": []any{
			entry("bob@acme.com", "00u2", "store", "inactive"), entry("cy@acme.com", "00u3", "store", "absent"), entry("dee@acme.com", "00u2", "declared", "inactive"),
		},
		"stale":        []any{stale("bob@acme.com", "00u2", "manual", "inactive"), stale("cy@acme.com", "00u3", "rule", "absent")},
		"mapped_count": 4,
	})
	if n := len(s.requests("POST identities/status")); n != 1 {
		t.Errorf("%d requests for accounts, want one for all", n)
	}
	s.forget()
	_, diags = p.readData(resolvedMany, bulkOf(people, []string{testOkta}, ignoring))
	wantDiagnostics(t, diags)
	if n := len(s.requests("POST identities/status")); n > 0 {
		t.Errorf("%d requests for accounts without check_stale", n)
	}
}

// Hundreds of leavers are one warning with at most fifty lines.
func TestResolvedIdentities_manyLeft(t *testing.T) {
	t.Parallel()
	s := leavers(t)
	var people []string
	for i := range 120 {
		people = append(people, fmt.Sprintf("p%03d@acme.com", i))
		s.mapping(people[i], testOkta, fmt.Sprintf("gone%03d", i), identity.Manual)
	}
	p := newProtocolServer(t, nil, s.settings())
	got, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, checking))
	wantDiagnostics(t, diags, "WARNING: Identities to Review: p000@acme.com in okta:acme.okta.com and 119 more | … p049@acme.com in okta:acme.okta.com: gone049 (stored, manual) is not there\n  … and 70 more")
	if list, _ := got["offboarding"].([]any); len(list) != 120 {
		t.Errorf("%d entries", len(list))
	}
}

func TestResolvedIdentity_account(t *testing.T) {
	t.Parallel()
	s := leavers(t)
	p := newProtocolServer(t, nil, s.settings())
	for _, test := range []struct {
		user, account string
		stale         bool
		says          []string
	}{
		{"ada@acme.com", "active", false, nil},
		{"bob@acme.com", "inactive", true, []string{"WARNING: Stale Identity: bob@acme.com in okta:acme.okta.com | The store maps bob@acme.com in okta:acme.okta.com to 00u2, but that account is inactive. … account  miss: the account 00u2 is inactive … If the person left, remove the mapping … identity     = \"\""}},
		{"cy@acme.com", "absent", true, []string{"WARNING: Stale Identity: cy@acme.com in okta:acme.okta.com | … but that account is not there."}},
	} {
		got, diags := p.readData(resolved, resolveConfig(test.user, testOkta, checking))
		wantDiagnostics(t, diags, test.says...)
		if got["account"] != test.account || got["stale"] != test.stale || got["mapped"] != true {
			t.Errorf("%s: account %v, stale %v", test.user, got["account"], got["stale"])
		}
	}
	config := resolveConfig("dee@acme.com", testOkta, map[string]any{"check_stale": true, "declared": map[string]any{"dee@acme.com": "00u9"}})
	got, diags := p.readData(resolved, config)
	wantDiagnostics(t, diags, "WARNING: Stale Identity: dee@acme.com in okta:acme.okta.com | This configuration maps dee@acme.com … to 00u9, but that account is not there.")
	if got["account"] != "absent" || got["stale"] != false {
		t.Errorf("declared: account %v, stale %v", got["account"], got["stale"])
	}
	got, diags = p.readData(resolved, resolveConfig("bob@acme.com", testOkta))
	wantDiagnostics(t, diags)
	if got["account"] != nil || got["stale"] != nil {
		t.Errorf("not asked: %v, %v", got["account"], got["stale"])
	}
}

// A service that does not answer, or an API that lacks the call, is an error and
// nobody is called gone.
func TestResolved_accountCannotBeAsked(t *testing.T) {
	t.Parallel()
	people := []string{"ada@acme.com", "bob@acme.com"}
	for name, err := range map[string]error{"down": directory.ErrUnavailable, "401": directory.ErrCredential, "429": &directory.RateLimitError{}} {
		s := leavers(t, withAccounts(testOkta, accountDirectory{testDirectory: directoryOf(), statusErr: err}))
		p := newProtocolServer(t, nil, s.settings())
		state, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, checking))
		wantFailure(t, diags, "Request: POST /api/v1/identities/status")
		if state["offboarding"] != nil {
			t.Errorf("%s: %v", name, state["offboarding"])
		}
		_, diags = p.readData(resolved, resolveConfig("bob@acme.com", testOkta, checking))
		wantFailure(t, diags, "bob@acme.com … okta:acme.okta.com … Request: POST /api/v1/identities/status")
	}
	for _, status := range []int{http.StatusNotFound, http.StatusMethodNotAllowed} {
		s := leavers(t)
		s.answerNext(1000, http.MethodPost, "identities/status", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":true,"message":"no such call"}`)
		})
		p := newProtocolServer(t, nil, s.settings())
		got, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, checking))
		wantFailure(t, diags, "lacks identities/status, which the provider needs")
		if got["offboarding"] != nil {
			t.Errorf("%d: %v", status, got["offboarding"])
		}
	}
}

func TestWireMap(t *testing.T) { //nolint:paralleltest // allocations are counted
	of := wireMapType{types.MapType{ElemType: types.StringType}}
	entries := map[string]tftypes.Value{}
	for i := range 1000 {
		entries[fmt.Sprint(i)] = wireText("00u")
	}
	value := func(raw any) attr.Value {
		v, err := of.ValueFromTerraform(t.Context(), tftypes.NewValue(stringMapType, raw))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if !value(nil).IsNull() || !value(tftypes.UnknownValue).IsUnknown() {
		t.Error("null and unknown maps are neither")
	}
	all, same := value(entries), value(entries)
	other := value(map[string]tftypes.Value{"0": wireText("00u")})
	if all.IsNull() || all.IsUnknown() || !all.Equal(same) || all.Equal(other) || all.Equal(value(nil)) || !all.Type(t.Context()).Equal(of) {
		t.Error("a known map is not what it holds")
	}
	if raw, err := all.ToTerraformValue(t.Context()); err != nil || !raw.Equal(tftypes.NewValue(stringMapType, entries)) {
		t.Errorf("the map came back as %s, %v", raw, err)
	}
	raw := tftypes.NewValue(stringMapType, entries)
	if n := testing.AllocsPerRun(10, func() { _, _ = of.ValueFromTerraform(t.Context(), raw) }); n > 10 {
		t.Errorf("a map of 1,000 entries made %v values", n)
	}
}

func TestUserList(t *testing.T) {
	t.Parallel()
	of := userListType{types.ListType{ElemType: types.StringType}}
	value := func(raw any) userList {
		v, err := of.ValueFromTerraform(t.Context(), tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, raw))
		list, ok := v.(userList)
		if err != nil || !ok {
			t.Fatalf("%T, %v", v, err)
		}
		return list
	}
	one := value([]tftypes.Value{wireText("nora@acme.example")})
	if !value(nil).IsNull() || !value(tftypes.UnknownValue).IsUnknown() || !one.Equal(value([]tftypes.Value{wireText("nora@acme.example")})) || one.Equal(value(nil)) || !one.Type(t.Context()).Equal(of) {
		t.Error("a list is not what it holds")
	}
	if same, diags := one.ListSemanticEquals(t.Context(), one); !same || diags.HasError() {
		t.Error("the framework would compare each user with the configuration")
	}
}
