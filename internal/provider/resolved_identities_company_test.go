// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// walkedList is a list of accounts that counts how often it is walked, kept as a
// server keeps it. It may fail.
type walkedList struct {
	accountPages

	walks *atomic.Int32
	err   error
}

func (w walkedList) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	w.walks.Add(1)
	if w.err != nil {
		return func(yield func([]directory.Account, error) bool) { yield(nil, w.err) }
	}
	return w.accountPages.Pages(ctx)
}

func kept(service string, accounts ...directory.Account) (directory.Directory, *atomic.Int32) {
	walks := &atomic.Int32{}
	return directory.Cache(walkedList{accounts, walks, nil}, mustService(service), directory.Settings{TTL: time.Hour, Misses: time.Hour}), walks
}

// oneOf is an account of a person in a list.
func oneOf(id, name string, state directory.State, emails ...string) directory.Account {
	a := directory.Account{Identity: id, Name: name, State: state, Kind: directory.KindPerson, Addresses: directory.Primaries(emails...)}
	if len(emails) > 0 {
		a.SignIn = emails[0]
	}
	return a
}

const (
	worksHere = directory.StateActive
	wasHere   = directory.StateInactive
)

// company is a company whose people are in Okta, with GitHub accounts.
func company(t *testing.T) *testServer {
	t.Helper()
	okta, _ := kept(testOkta,
		oneOf("00uann", "Ann Arden", worksHere, "ann@acme.example"),
		oneOf("00ubob", "Bob Berg", directory.StateInvited, "bob@acme.example"),
		oneOf("00unora", "Nora Lindqvist", wasHere, "nora@acme.example"),
		oneOf("00uomar", "Omar Oz", wasHere, "omar@acme.example"),
		oneOf("00upia", "Pia Pohl", wasHere, "pia@acme.example"),
		oneOf("00usue", "Sue Sand", worksHere, "sue@acme.example"),
		oneOf("00utom", "Tom Thal", worksHere, "tom.mail@acme.example", "tom@acme.example"),
	)
	github, _ := kept(testGitHub,
		oneOf("ann-a", "", worksHere, "ann@acme.example"),
		oneOf("nora-l", "", worksHere, "nora@acme.example"),
		oneOf("omar-o", "", worksHere, "omar@acme.example"),
		oneOf("sue-s", "", wasHere, "sue@acme.example"),
		oneOf("bberg", "Bob Berg", worksHere, "bob@home.example"),
		oneOf("ghost", "Gus Host", wasHere, "gus@acme.example"),
	)
	s := newTestServer(t, withDirectory(testOkta, okta), withDirectory(testGitHub, github)).register(testOkta, testGitHub, "slack:T1", "custom:pager")
	s.mapping("nora@acme.example", "slack:T1", "U0NORA", identity.FromEmail)
	s.mapping("quinn@acme.example", testOkta, "00uquinn", identity.FromEmail)
	s.mapping("rex@acme.example", "slack:T1", "U0REX", identity.Manual)
	s.mapping("tom@acme.example", "slack:T1", "U0TOM", identity.Manual)
	return s
}

// fromOkta asks for the people of Okta in services.
func fromOkta(services []string, more ...map[string]any) map[string]any {
	return bulkOf(nil, services, append([]map[string]any{ignoring, {"users_from": servicesOf(testOkta)[0]}}, more...)...)
}

func left(user, reason string, mappings ...string) map[string]any {
	list := []any{}
	for i := 0; i < len(mappings); i += 3 {
		list = append(list, map[string]any{"service": mappings[i], "identity": mappings[i+1], "source": mappings[i+2]})
	}
	return map[string]any{"user": user, "reason": reason, "mappings": list}
}

func TestResolvedIdentities_usersFrom(t *testing.T) {
	t.Parallel()
	s := company(t)
	p := newProtocolServer(t, nil, s.settings(map[string]any{"token": testMemberToken}))
	config := fromOkta([]string{testGitHub})
	got, diags := p.readData(resolvedMany, config)
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{
		"users": nil, "users_from": config["users_from"],
		"identities": map[string]any{"ann@acme.example": ofUser{testGitHub: "ann-a"}, "bob@acme.example": ofUser{}, "sue@acme.example": ofUser{}, "tom@acme.example": ofUser{}},
		"unmapped": []any{unmappedAs("bob@acme.example", testGitHub, "not_found"), unmappedAs("sue@acme.example", testGitHub, "inactive"),
			unmappedAs("tom@acme.example", testGitHub, "not_found")},
		"mapped_count": 1, "unmapped_count": 3,
		"leavers": []any{
			left("nora@acme.example", "inactive", testGitHub, "nora-l", "email", "slack:T1", "U0NORA", "store"),
			left("omar@acme.example", "inactive", testGitHub, "omar-o", "email"),
			left("quinn@acme.example", "absent", testOkta, "00uquinn", "store"),
		},
	})
	// Whoever is named one by one gets the same answers, and nobody has left.
	listed, diags := p.readData(resolvedMany, bulkOf([]string{"ann@acme.example", "bob@acme.example", "sue@acme.example", "tom@acme.example"}, []string{testGitHub}, ignoring))
	wantDiagnostics(t, diags)
	wantAnswers(t, listed, map[string]any{"identities": got["identities"], "unmapped": got["unmapped"], "leavers": []any{}})
}

// TestResolvedIdentities_leavers: the service that knows who works here decides, and
// nothing of a leaver is stored.
func TestResolvedIdentities_leavers(t *testing.T) {
	t.Parallel()
	s := company(t)
	p := newProtocolServer(t, nil, s.settings())
	rule := func(identity string) map[string]any {
		return map[string]any{"rules": []any{map[string]any{"name": "r", "service_type": "github", "identity": identity}}}
	}
	everywhere := []string{testOkta, testGitHub, "slack:T1"}
	const okta1, okta2 = "nora@acme.example", "omar@acme.example"
	absent := left("quinn@acme.example", "absent", testOkta, "00uquinn", "store")
	for name, tc := range map[string]struct {
		config map[string]any
		want   []any
	}{
		"a rule whose account is not there": {fromOkta([]string{testGitHub}, rule("${local}-none")), []any{left(okta1, "inactive", "slack:T1", "U0NORA", "store"), absent}},
		"a rule that gives what others have": {fromOkta([]string{testGitHub}, map[string]any{"rules": []any{
			map[string]any{"name": "r", "service_type": "github", "match": "(ann|omar)@.*", "identity": "ann-a"}}}),
			[]any{left(okta1, "inactive", testGitHub, "nora-l", "email", "slack:T1", "U0NORA", "store"), absent}},
		"declared": {fromOkta([]string{testOkta}, map[string]any{"declared": map[string]any{
			"custom:pager": map[string]any{"Pia@acme.example": "P1", "rex@acme.example": "P2"}, "slack:T1": map[string]any{okta1: "U1NORA"}}}), []any{
			left(okta1, "inactive", "slack:T1", "U1NORA", "declared"), left("pia@acme.example", "inactive", "custom:pager", "P1", "declared"), absent}},
		"no services": {fromOkta(nil), []any{left(okta1, "inactive", "slack:T1", "U0NORA", "store"), absent}},
	} {
		got, diags := p.readData(resolvedMany, tc.config)
		wantDiagnostics(t, diags)
		if diff := cmp.Diff(tc.want, got["leavers"]); diff != "" {
			t.Errorf("%s: leavers (-want +got):\n%s", name, diff)
		}
	}
	got, diags := p.readData(resolvedMany, fromOkta(everywhere, map[string]any{"persist": true}))
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{"leavers": []any{
		left(okta1, "inactive", testGitHub, "nora-l", "email", "slack:T1", "U0NORA", "store"), left(okta2, "inactive", testGitHub, "omar-o", "email"), absent}})
	for _, user := range []string{okta1, okta2} {
		if m, ok := s.stored(user, testGitHub); ok {
			t.Errorf("stored for %s, who left: %v", user, m)
		}
	}
	// A mapping by hand to an account that is active under another address keeps
	// somebody here, and one that Okta calls inactive does not.
	s.mapping("quinn@acme.example", testOkta, "00uann", identity.Manual)
	s.mapping("rex@acme.example", testOkta, "00upia", identity.Manual)
	p.nextRun()
	got, diags = p.readData(resolvedMany, fromOkta(nil))
	wantDiagnostics(t, diags)
	want := []any{left(okta1, "inactive", "slack:T1", "U0NORA", "store"), left("rex@acme.example", "inactive", testOkta, "00upia", "store", "slack:T1", "U0REX", "store")}
	if diff := cmp.Diff(want, got["leavers"]); diff != "" {
		t.Errorf("mapped by hand: leavers (-want +got):\n%s", diff)
	}
}

// TestResolvedIdentities_declaredStay: what is declared replaces what is stored, so that
// nobody leaves by an account that the next apply takes from them, or before it gives
// them theirs; nor by a value of several keys, which no list shows.
func TestResolvedIdentities_declaredStay(t *testing.T) {
	t.Parallel()
	was := oneOf("00uwas", "Ann Arden", wasHere, "ann.was@acme.example")
	now := oneOf("00unow", "Ann Arden", worksHere, "ann.now@acme.example")
	// Her own account is inactive, and another one of hers works.
	own := oneOf("00uwas", "Ann Arden", wasHere, "ann@acme.example")
	for name, tc := range map[string]struct {
		accounts []directory.Account
		stored   string // service, "" = she is not stored at all
		declared string
		want     []any
	}{
		"inactive":             {[]directory.Account{was, now}, testOkta, "00unow", []any{}},
		"absent":               {[]directory.Account{now}, testOkta, "00unow", []any{}},
		"declared as inactive": {[]directory.Account{was, now}, testOkta, "00uwas", []any{left("ann@acme.example", "inactive", testOkta, "00uwas", "declared")}},
		"declared as absent":   {[]directory.Account{now}, testOkta, "00uwas", []any{left("ann@acme.example", "absent", testOkta, "00uwas", "declared")}},
		"stored elsewhere":     {[]directory.Account{own, now}, testGitHub, "00unow", []any{}},
		"not stored":           {[]directory.Account{own, now}, "", "00unow", []any{}},
	} {
		okta, _ := kept(testOkta, tc.accounts...)
		s := newTestServer(t, withDirectory(testOkta, okta)).register(testOkta, testGitHub)
		if tc.stored != "" {
			s.mapping("ann@acme.example", tc.stored, "00uwas", identity.FromEmail)
		}
		s.upsert(store.UserWrite{Key: "eve@acme.example", Name: "eve@acme.example", Type: identity.Normal, Mappings: []store.MappingWrite{
			{Service: mustService(testOkta), Matcher: identity.Matcher{"user_id": "00ueve", "realm": "acme"}, Source: identity.Manual}}})
		got, _ := newProtocolServer(t, nil, s.settings()).readData(resolvedMany, fromOkta(nil, map[string]any{
			"declared": map[string]any{testOkta: map[string]any{"ann@acme.example": tc.declared}}}))
		if diff := cmp.Diff(tc.want, got["leavers"]); diff != "" {
			t.Errorf("%s: leavers (-want +got):\n%s", name, diff)
		}
	}
}

// TestResolvedIdentities_usersFromFails: a service that does not say who works here
// is an error: everybody would seem to have left.
func TestResolvedIdentities_usersFromFails(t *testing.T) {
	t.Parallel()
	ann := oneOf("00uann", "Ann Arden", worksHere, "ann@acme.example")
	none := oneOf("00ub", "", worksHere)
	twin := oneOf("00uann2", "Anna Arden", worksHere, "ann@acme.example")
	cut := directory.Cache(walkedList{accountPages{ann}, &atomic.Int32{}, directory.ErrTruncated}, mustService(testOkta), directory.Settings{})
	down := directory.Cache(walkedList{accountPages{ann}, &atomic.Int32{}, directory.ErrUnavailable}, mustService(testOkta), directory.Settings{})
	of := func(accounts ...directory.Account) directory.Directory {
		d, _ := kept(testOkta, accounts...)
		return d
	}
	const at = `ERROR AttributeName("users_from"): `
	for name, tc := range map[string]struct {
		directory directory.Directory
		want      string
	}{
		"an empty list":     {of(), at + "Nobody to Resolve | okta:acme.okta.com shows no active person … external_id … sym-identityd check"},
		"nobody is active":  {of(oneOf("00uann", "", wasHere, "ann@acme.example")), at + "Nobody to Resolve"},
		"no address at all": {of(none), at + "Unable to Read Accounts | … okta:acme.okta.com"},
		"cut off":           {cut, at + "Unable to Read Accounts | … okta:acme.okta.com"},
		"down":              {down, at + "Unable to Read Accounts | … okta:acme.okta.com"},
		"no list":           {directoryOf("ann@acme.example", "00uann"), at + "Unable to Read Accounts | … okta:acme.okta.com … cannot list"},
		"no directory":      {nil, at + "Unable to Read Accounts | … okta:acme.okta.com"},
		"one address of two people": {of(ann, twin, oneOf("00ubob", "", worksHere, "bob@acme.example")),
			at + "Address of Several People | … ann@acme.example: 00uann (Ann Arden, active), 00uann2 (Anna Arden, active)\n … give each its own address"},
	} {
		s := newTestServer(t)
		if tc.directory != nil {
			s = newTestServer(t, withDirectory(testOkta, tc.directory))
		}
		s.register(testOkta, testGitHub)
		p := newProtocolServer(t, nil, s.settings(map[string]any{"max_retries": 0}))
		state, diags := p.readData(resolvedMany, fromOkta([]string{testGitHub}, map[string]any{"persist": true}))
		wantDiagnostics(t, diags, tc.want)
		if state["leavers"] != nil || len(s.requests("PATCH users")) > 0 {
			t.Errorf("%s: leavers %v", name, state["leavers"])
		}
	}
	s := newTestServer(t).register("okta:other.okta.com")
	p := newProtocolServer(t, nil, s.settings())
	_, diags := p.readData(resolvedMany, fromOkta(nil))
	wantDiagnostics(t, diags, `ERROR AttributeName("users_from"): Service Is Not Registered | … okta:acme.okta.com; registered of this type: okta:other.okta.com`)
}

// An inactive account whose sign-in name an address is decides, as in lookups: the
// service account that has it as its mail is nobody.
func TestResolvedIdentities_usersFromDecides(t *testing.T) {
	t.Parallel()
	svc := oneOf("00usvc", "Backups", worksHere, "nora@acme.example")
	svc.SignIn = "svc-backup"
	okta, _ := kept(testOkta, oneOf("00unora", "Nora Lindqvist", wasHere, "nora@acme.example"), svc, oneOf("00uann", "", worksHere, "ann@acme.example"))
	s := newTestServer(t, withDirectory(testOkta, okta)).register(testOkta, "slack:T1")
	s.mapping("nora@acme.example", "slack:T1", "U0NORA", identity.Manual)
	got, diags := newProtocolServer(t, nil, s.settings()).readData(resolvedMany, fromOkta([]string{testOkta}))
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{
		"identities": map[string]any{"ann@acme.example": ofUser{testOkta: "00uann"}},
		"leavers":    []any{left("nora@acme.example", "inactive", "slack:T1", "U0NORA", "store")},
	})
}

func TestResolvedIdentities_usersFromValidate(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	for name, tc := range map[string]struct {
		config map[string]any
		want   []string
	}{
		"fine":       {fromOkta(nil), nil},
		"unknown":    {bulkOf(nil, nil, map[string]any{"users_from": unknown}), nil},
		"half known": {bulkOf(nil, nil, map[string]any{"users_from": map[string]any{"service_type": "okta", "external_id": unknown}}), nil},
		"and users": {bulkOf([]string{"ann@acme.example"}, nil, map[string]any{"users_from": servicesOf(testOkta)[0]}), []string{
			`ERROR AttributeName("users_from"): Invalid Attribute Combination`}},
		"half":       {bulkOf(nil, nil, map[string]any{"users_from": map[string]any{"service_type": "okta"}}), []string{`ERROR AttributeName("users_from").AttributeName("external_id"): Invalid Service`}},
		"sym itself": {bulkOf(nil, nil, map[string]any{"users_from": servicesOf("sym:cloud")[0]}), []string{`ERROR AttributeName("users_from"): Service Cannot Be Resolved`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostics(t, (&protocolServer{t: t, server: p.server, schema: p.schema}).validateData(resolvedMany, tc.config), tc.want...)
		})
	}
}

func TestResolvedIdentities_exempt(t *testing.T) {
	t.Parallel()
	s := company(t)
	p := newProtocolServer(t, nil, s.settings())
	exempt := map[string]any{"exempt": map[string]any{
		testGitHub:     map[string]any{" Tom@acme.example": "no code", "ann@acme.example": "left \"GitHub\"", "nobody-asked@acme.example": "x"},
		testOkta:       map[string]any{"tom@acme.example": "elsewhere"},
		"custom:pager": map[string]any{"tom@acme.example": "registered, and not asked for"},
	}}
	got, diags := p.readData(resolvedMany, fromOkta([]string{testGitHub}, exempt, map[string]any{"on_unmapped": "warn"}))
	wantDiagnostics(t, diags,
		"WARNING: Unmapped Users: bob@acme.example in github:acme and 1 more | No identity was found for 2 of 4 users",
		`WARNING: Exempt Users Have Accounts: ann@acme.example in github:acme | … ann@acme.example in github:acme: ann-a (email); exempt because: "left \"GitHub\"" … Remove the exemptions.`)
	wantAnswers(t, got, map[string]any{
		"unmapped":     []any{unmappedAs("bob@acme.example", testGitHub, "not_found"), unmappedAs("sue@acme.example", testGitHub, "inactive")},
		"mapped_count": 1, "unmapped_count": 2, "exempt_count": 1, "exempt": exempt["exempt"],
	})
	if hcl := got["hcl"].(string); strings.Contains(hcl, "tom") {
		t.Errorf("a block to paste for an exempt user:\n%s", hcl)
	}
	unknownKey := map[string]any{"exempt": map[string]any{"githb:acme": map[string]any{"tom@acme.example": "a typo"}}}
	_, diags = p.readData(resolvedMany, fromOkta([]string{testGitHub}, unknownKey))
	wantDiagnostics(t, diags, `ERROR AttributeName("exempt").ElementKeyString("githb:acme"): Service Is Not Registered | exempt["githb:acme"]: … Registered: custom:pager, github:acme, okta:acme.okta.com, slack:T1`)
	if len(s.requests("GET accounts")) > 1 {
		t.Error("services were asked although an exemption is wrong")
	}
	got, diags = p.readData(resolvedMany, fromOkta(nil))
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{"exempt_count": 0})

	_, diags = p.readData(resolvedMany, fromOkta(nil, exempt)) // none of them is asked for
	wantDiagnostics(t, diags)
	wantDiagnostics(t, p.validateData(resolvedMany, fromOkta(nil, map[string]any{"exempt": map[string]any{
		"okta":     map[string]any{},
		testOkta:   map[string]any{"a@acme.example": "x", "A@acme.example": "x", "b@acme.example": " ", "c@acme.example": nil, "d@acme.example": unknown, "e f": "x"},
		testGitHub: unknown,
	}})),
		`ERROR AttributeName("exempt").ElementKeyString("okta"): Invalid Service`,
		`ERROR AttributeName("exempt").ElementKeyString("okta:acme.okta.com").ElementKeyString("a@acme.example"): Duplicate User | exempt["okta:acme.okta.com"]: the keys "A@acme.example" and "a@acme.example"`,
		`ERROR AttributeName("exempt").ElementKeyString("okta:acme.okta.com").ElementKeyString("b@acme.example"): Exemption Without a Reason | exempt["okta:acme.okta.com"]["b@acme.example"]: `,
		`ERROR AttributeName("exempt").ElementKeyString("okta:acme.okta.com").ElementKeyString("c@acme.example"): Exemption Without a Reason`,
		`ERROR AttributeName("exempt").ElementKeyString("okta:acme.okta.com").ElementKeyString("e f"): Invalid User`)
}

// Whoever may have an account is a warning as well: which one it is cannot be known.
func TestResolvedIdentities_exemptMaybe(t *testing.T) {
	t.Parallel()
	alias, unproven := oneOf("shared", "", worksHere, "desk@acme.example"), directory.Account{Identity: "self", State: worksHere, Kind: directory.KindPerson}
	alias.Add(directory.Alias, directory.ProofUnknown, "al@acme.example")
	unproven.Add(directory.Primary, directory.Unproved, "una@acme.example")
	twin := func(id string) directory.Account {
		a := oneOf(id, "", worksHere, id+"@other.example", "tw@acme.example")
		a.SignIn = ""
		return a
	}
	github, _ := kept(testGitHub, alias, unproven, twin("t1"), twin("t2"), oneOf("gone", "", wasHere, "gone@acme.example"))
	s := newTestServer(t, withDirectory(testGitHub, github)).register(testGitHub)
	users := []string{"al@acme.example", "una@acme.example", "tw@acme.example", "gone@acme.example", "none@acme.example"}
	exempt := map[string]any{}
	for _, user := range users {
		exempt[user] = "no code"
	}
	got, diags := newProtocolServer(t, nil, s.settings()).readData(resolvedMany, bulkOf(users, []string{testGitHub}, map[string]any{"exempt": map[string]any{testGitHub: exempt}}))
	wantDiagnostics(t, diags, `WARNING: Exempt Users May Have Accounts: al@acme.example in github:acme and 2 more | … `+
		`al@acme.example in github:acme: alias, no account there has this e-mail as its own address; it is another address of shared (active); exempt because: "no code" … `+
		`una@acme.example in github:acme: unverified, … self (active); exempt because … `+
		`tw@acme.example in github:acme: ambiguous, several accounts there have this e-mail: t1 (active), t2 (active); exempt because … map it by hand and remove the exemption`)
	wantAnswers(t, got, map[string]any{"unmapped": []any{}, "exempt_count": 5, "mapped_count": 0})
}

var reporting = map[string]any{"report_orphans": true}

// nobodys is an account of nobody, as orphans and as a candidate has it.
func nobodys(service, id string, name any, state string, emails ...any) map[string]any {
	var accountID any // okta's identities are the ids
	if service == testOkta {
		accountID = id
	}
	return map[string]any{"service": service, "identity": id, "account_id": accountID, "emails": append([]any{}, emails...), "name": name, "state": state, "kind": "person"}
}

func candidate(id string, name any, why string) map[string]any {
	return map[string]any{"identity": id, "account_id": nil, "name": name, "why": why}
}

// classes are counts of the accounts of one service.
func classes(held, resolved, orphans, ambiguous, bots, guests int) map[string]any {
	return map[string]any{"persons": held + resolved + orphans + ambiguous, "held": held, "resolved": resolved, "orphans": orphans, "ambiguous": ambiguous, "bots": bots, "guests": guests}
}

func TestResolvedIdentities_orphans(t *testing.T) {
	t.Parallel()
	s := company(t)
	p := newProtocolServer(t, nil, s.settings())
	got, diags := p.readData(resolvedMany, fromOkta([]string{testGitHub, testOkta, "custom:pager"}, reporting, map[string]any{
		"declared": map[string]any{testOkta: map[string]any{"sue@acme.example": "00upia"}},
	}))
	wantDiagnostics(t, diags, "WARNING: Accounts Cannot Be Listed: custom:pager | … custom:pager: … no entry for them")
	wantAnswers(t, got, map[string]any{
		"orphans": []any{
			nobodys(testGitHub, "bberg", "Bob Berg", "active", "bob@home.example"), nobodys(testGitHub, "ghost", "Gus Host", "inactive", "gus@acme.example"),
			nobodys(testGitHub, "sue-s", nil, "inactive", "sue@acme.example"),
			nobodys(testOkta, "00unora", "Nora Lindqvist", "inactive", "nora@acme.example"), nobodys(testOkta, "00uomar", "Omar Oz", "inactive", "omar@acme.example"),
			nobodys(testOkta, "00usue", "Sue Sand", "active", "sue@acme.example"),
		},
		"account_counts": map[string]any{testGitHub: classes(0, 3, 3, 0, 0, 0), testOkta: classes(0, 4, 3, 0, 0, 0)},
		"unmapped": []any{
			unmappedAs("bob@acme.example", testGitHub, "not_found", candidate("bberg", "Bob Berg", "same_local_part")),
			unmappedAs("sue@acme.example", testGitHub, "inactive"), unmappedAs("tom@acme.example", testGitHub, "not_found"),
			unmappedAs("ann@acme.example", "custom:pager", "no_directory"), unmappedAs("bob@acme.example", "custom:pager", "no_directory"),
			unmappedAs("sue@acme.example", "custom:pager", "no_directory"), unmappedAs("tom@acme.example", "custom:pager", "no_directory"),
		},
	})
	got, diags = p.readData(resolvedMany, fromOkta([]string{testGitHub}))
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{"orphans": nil, "account_counts": nil})
}

// TestResolvedIdentities_classes: each account is of one class, and stored, found or
// stored just now makes no difference to the next plan.
func TestResolvedIdentities_classes(t *testing.T) {
	t.Parallel()
	torn := directory.Account{Identity: "torn", Kind: directory.KindPerson, Unreadable: directory.ErrAnswer}
	robot, guest, team := oneOf("robot", "", worksHere), oneOf("guest", "", worksHere, "g@other.example"), oneOf("team", "", worksHere)
	robot.Kind, guest.Kind, team.Kind = directory.KindBot, directory.KindGuest, directory.KindShared
	accounts := []directory.Account{
		oneOf("ann", "", worksHere, "ann@acme.example"), oneOf("held", "", wasHere, "h@other.example"), oneOf("free", "", directory.StatePending, "free@other.example"),
		oneOf("two-a", "", worksHere, "x@other.example", "two@acme.example"), oneOf("two-b", "", worksHere, "y@other.example", "two@acme.example"), torn, robot, guest, team,
	}
	github, walks := kept(testGitHub, accounts...)
	s := newTestServer(t, withDirectory(testGitHub, github)).register(testGitHub)
	s.mapping("somebody@acme.example", testGitHub, "held", identity.Manual)
	p := newProtocolServer(t, nil, s.settings())
	config := bulkOf([]string{"ann@acme.example", "two@acme.example"}, []string{testGitHub}, ignoring, reporting)
	got, diags := p.readData(resolvedMany, config)
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{
		"orphans":        []any{nobodys(testGitHub, "free", nil, "pending", "free@other.example")},
		"account_counts": map[string]any{testGitHub: classes(1, 1, 1, 3, 2, 1)},
	})
	config["persist"] = true
	first, diags := p.readData(resolvedMany, config)
	wantDiagnostics(t, diags)
	wantAnswers(t, first, map[string]any{"account_counts": map[string]any{testGitHub: classes(2, 0, 1, 3, 2, 1)}})
	p.nextRun()
	second, diags := p.readData(resolvedMany, config)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the next plan differs:\n%s", diff)
	}
	if n := walks.Load(); n != 1 {
		t.Errorf("the service was walked %d times", n)
	}
}

// An account that is declared for somebody who is not asked for is theirs after the
// next apply: neither an orphan nor a candidate.
func TestResolvedIdentities_orphansDeclared(t *testing.T) {
	t.Parallel()
	github, _ := kept(testGitHub, oneOf("ann-a", "Ann Arden", worksHere, "bob@home.example"))
	s := newTestServer(t, withDirectory(testGitHub, github)).register(testGitHub)
	got, diags := newProtocolServer(t, nil, s.settings()).readData(resolvedMany, bulkOf([]string{"bob@acme.example"}, []string{testGitHub}, ignoring, reporting,
		map[string]any{"declared": map[string]any{testGitHub: map[string]any{"ann@acme.example": "Ann-A"}}}))
	wantDiagnostics(t, diags)
	wantAnswers(t, got, map[string]any{
		"orphans": []any{}, "account_counts": map[string]any{testGitHub: classes(0, 1, 0, 0, 0, 0)}, "unmapped": []any{unmappedAs("bob@acme.example", testGitHub, "not_found")},
	})
}

// A list that cannot be read, or not as a whole, is an error, and nothing is stored.
func TestResolvedIdentities_orphansFail(t *testing.T) {
	t.Parallel()
	s := company(t)
	p := newProtocolServer(t, nil, s.settings(map[string]any{"max_retries": 0}))
	s.failNext(1, http.MethodGet, "accounts", http.StatusServiceUnavailable, `{"message":"the list ended before the service's own count","code":"Directory:UNAVAILABLE"}`)
	config := bulkOf([]string{"ann@acme.example"}, []string{testGitHub}, ignoring, reporting, map[string]any{"persist": true})
	state, diags := p.readData(resolvedMany, config)
	wantDiagnostics(t, diags, "ERROR: Unable to Resolve Identities | … github:acme … the list ended before the service's own count … status 503")
	if state["orphans"] != nil || state["account_counts"] != nil || len(s.requests("PATCH users")) > 0 {
		t.Errorf("orphans %v, counts %v", state["orphans"], state["account_counts"])
	}
	s.mapping("ann@acme.example", testGitHub, "ann-a", identity.Manual) // nobody is left to look up
	s.failNext(1, http.MethodGet, "accounts", http.StatusServiceUnavailable, `{"message":"the list ended before the service's own count","code":"Directory:UNAVAILABLE"}`)
	p.nextRun()
	_, diags = p.readData(resolvedMany, config)
	wantDiagnostics(t, diags, "ERROR: Unable to Resolve Identities | … the list ended before the service's own count … status 503")
	_, diags = newProtocolServer(t, nil, s.settings(map[string]any{"token": testGuestToken})).readData(resolvedMany, config)
	wantDiagnostics(t, diags, "ERROR: Unable to Resolve Identities | … github:acme … the role guest, looking people up member")
}

// TestResolvedIdentities_candidatesAnswerNothing tries to have a candidate used: by
// persisting, by reading again, and by any mode. Nobody gets it, and an account that
// somebody holds is no candidate.
func TestResolvedIdentities_candidatesAnswerNothing(t *testing.T) {
	t.Parallel()
	twin := func(id string) directory.Account { return oneOf(id, "Bob Berg", worksHere, "bob@"+id+".example") }
	evil := oneOf("e\"${x}", "Bob\nBerg\" # \u202e", worksHere, "bob@evil.example")
	github, _ := kept(testGitHub, twin("a1"), twin("a2"), evil, oneOf("bob", "Bob Berg", worksHere, "bob@held.example"))
	s := newTestServer(t, withDirectory(testGitHub, github)).register(testGitHub)
	s.mapping("other@acme.example", testGitHub, "bob", identity.Manual)
	p := newProtocolServer(t, nil, s.settings())
	for _, mode := range []string{"ignore", "warn"} {
		for range 2 {
			p.nextRun()
			got, diags := p.readData(resolvedMany, bulkOf([]string{"bob@acme.example"}, []string{testGitHub}, reporting,
				map[string]any{"persist": true, "check_stale": true, "on_unmapped": mode}))
			if mode == "warn" {
				wantDiagnostics(t, diags, `WARNING: Unmapped Users: bob@acme.example in github:acme | … not_found, no account there has this e-mail; may be theirs: "a1" of "Bob Berg", the same name before the @; "a2" of … `+
					`"e\"${x}" of "Bob\nBerg\" # \u202e", the same name before the @ … # may be theirs: "a1" of "Bob Berg", the same name before the @ … identity = "" `)
			}
			wantAnswers(t, got, map[string]any{
				"identities": map[string]any{"bob@acme.example": ofUser{}}, "mapped_count": 0,
				"unmapped": []any{unmappedAs("bob@acme.example", testGitHub, "not_found", candidate("a1", "Bob Berg", "same_local_part"), candidate("a2", "Bob Berg", "same_local_part"),
					candidate("e\"${x}", "Bob\nBerg\" # \u202e", "same_local_part"))},
			})
			if hcl := got["hcl"].(string); strings.Count(hcl, "\n  # may be theirs: ") != 3 || strings.Contains(hcl, "\u202e") || !strings.Contains(hcl, "\n  identity = \"\" #") {
				t.Errorf("hcl:\n%s", hcl)
			}
		}
	}
	if m, ok := s.stored("bob@acme.example", testGitHub); ok || len(s.requests("PATCH users")) > 0 {
		t.Errorf("a candidate was stored: %v", m)
	}
}

// slowList is a list whose walk takes some time.
type slowList struct {
	walkedList

	takes time.Duration
}

func (l slowList) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	time.Sleep(l.takes)
	return l.walkedList.Pages(ctx)
}

func slow(service string, takes, misses time.Duration, accounts ...directory.Account) (*directory.Cached, *atomic.Int32) {
	walks := &atomic.Int32{}
	return directory.Cache(slowList{walkedList{accounts, walks, nil}, takes}, mustService(service), directory.Settings{TTL: directory.DefaultCacheTTL, Misses: misses}), walks
}

// newRun is what a run of Terraform reads through.
func newRun(t *testing.T, handler http.Handler) *readcache.Reader {
	t.Helper()
	api, err := client.New(client.Config{BaseURL: "http://embedded" + symapi.BasePath, Token: client.StaticToken(testToken), Transport: client.InProcess(handler), MaxRetries: 5})
	if err != nil {
		t.Fatal(err)
	}
	return readcache.New(api)
}

// TestBudget_company: who lacks an account, whose each account is and who left, for
// ten thousand people in ten services whose lists take longer to read than the server
// believes in a miss. Each is read once in a run, however long that is.
func TestBudget_company(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const people, services = 10_000, 10
		names := make([]string, services)
		walks := make([]*atomic.Int32, services)
		var adjust []func(*server.Config)
		for i := range names {
			names[i] = fmt.Sprintf("okta:s%d.okta.com", i)
			accounts := make([]directory.Account, people)
			for j := range accounts {
				email := person(j)
				if j%50 == i+1 {
					email = fmt.Sprintf("x%d@home.example", j)
				}
				accounts[j] = oneOf(account(j), "", worksHere, email)
				if i == 0 && j%20 == 0 {
					accounts[j].State = wasHere
				}
			}
			var d directory.Directory
			d, walks[i] = slow(names[i], directory.DefaultCacheMisses+time.Duration(i)*5*time.Second, directory.DefaultCacheMisses, accounts...)
			adjust = append(adjust, withDirectory(names[i], d))
		}
		s, handler := newTestHandler(t, adjust...)
		s.register(names...)
		run := newRun(t, handler)
		from := mustService(names[0])
		config := &bulkConfig{usersFrom: &from, services: each(names, mustService), reportOrphans: true}
		// Whether the account of somebody who left is there is asked after the last list.
		set, errs := rules.Compile([]rules.Rule{{Name: "gone", ServiceType: "okta", ExternalID: new("s1.okta.com"), Match: new(`p0020@.*`), Identity: new("00unone")}})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for range 2 {
			pass, err := config.resolve(t.Context(), run, set)
			if err != nil {
				t.Fatal(err)
			}
			pass.classify()
			// In the first service x… are people of their own; the others do not know them.
			summary := summarize(config, pass.Resolutions)
			if n := summary.mapped + len(summary.unmapped); n != (people-people/20)*services || len(pass.leavers) == 0 || len(pass.orphans) == 0 {
				t.Errorf("%d answers, %d leavers, %d orphans", n, len(pass.leavers), len(pass.orphans))
			}
			for _, name := range names {
				persons := 0
				for _, n := range pass.counts[name] {
					persons += n
				}
				if persons != people {
					t.Errorf("%s has %d accounts", name, persons)
				}
			}
			s.wantRequests(100)
			s.forget()
			if _, err := run.Accounts(t.Context(), from); err != nil { // as sym_accounts does
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute) // the plan waits for others
		}
		for i, n := range walks {
			if n.Load() != 1 {
				t.Errorf("%s was walked %d times", names[i], n.Load())
			}
		}
	})
}

// A pass does not mix two lists of a service: if another run makes the server read
// one in between that differs, it begins again.
func TestResolvedIdentities_oneList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		accounts := []directory.Account{oneOf("00uann", "", worksHere, "ann@acme.example"), oneOf("00ubob", "", worksHere, "bob@acme.example")}
		okta, walks := slow(testOkta, time.Second, 10*time.Second, accounts...)
		s, handler := newTestHandler(t, withDirectory(testOkta, okta))
		s.register(testOkta)
		from := mustService(testOkta)
		config := &bulkConfig{usersFrom: &from, services: []identity.ServiceKey{from}, reportOrphans: true}
		meddle := 0
		s.onRequest(func(r *http.Request) {
			if meddle > 0 && strings.HasSuffix(r.URL.Path, "/lookup") {
				meddle--
				time.Sleep(10 * time.Second)
				accounts[1].Name += "!" // shared with the list
				if _, err := directory.Accounts(t.Context(), okta, from, ""); err != nil {
					t.Error(err)
				}
			}
		})
		for changes, want := range map[int]int32{0: 1, 1: 2} {
			time.Sleep(time.Hour)
			walks.Store(0)
			meddle = changes
			pass, err := config.resolve(t.Context(), newRun(t, handler), nil)
			if err != nil || len(pass.Resolutions) != 2 || walks.Load() != want {
				t.Errorf("%d changes: %v after %d walks, want %d", changes, err, walks.Load(), want)
			}
		}
		time.Sleep(time.Hour)
		meddle = 100
		if _, err := config.resolve(t.Context(), newRun(t, handler), nil); identity.CodeOf(err) != identity.CodeListChanged {
			t.Errorf("always another list: %v", err)
		}
	})
}

// A service that could not be asked for somebody who left is an error: nobody is
// left out of the leavers, or listed with half of what they hold.
func TestResolvedIdentities_leaversFail(t *testing.T) {
	t.Parallel()
	okta, _ := kept(testOkta, oneOf("00uann", "", worksHere, "ann@acme.example"), oneOf("00ubob", "", worksHere, "bob@acme.example"),
		oneOf("00unora", "", wasHere, "nora@acme.example"))
	s := newTestServer(t, withDirectory(testOkta, okta), withDirectory(testGitHub, &brokenDirectory{broken: "nora@"})).register(testOkta, testGitHub)
	s.mapping("ann@acme.example", testGitHub, "ann-a", identity.Manual)
	p := newProtocolServer(t, nil, s.settings(map[string]any{"max_retries": 0}))
	state, diags := p.readData(resolvedMany, fromOkta([]string{testGitHub}))
	wantDiagnostics(t, diags, "ERROR: Unable to Resolve Identities | … nora@acme.example … github:acme … ")
	if state["leavers"] != nil {
		t.Errorf("leavers %v", state["leavers"])
	}
	_, diags = p.readData(resolvedMany, fromOkta([]string{testOkta})) // GitHub is not asked
	wantDiagnostics(t, diags)
}

// Services are asked side by side, and so is what was read before for all of them.
func TestEverybodySideBySide(t *testing.T) {
	t.Parallel()
	all := &everybody{users: identity.NewIndex()}
	services := make([]identity.ServiceKey, 20)
	ann := identity.User{ID: "1", Key: "ann@acme.example"}
	for i := range services {
		services[i] = identity.ServiceKey{Type: "okta", ExternalID: fmt.Sprint(i, ".okta.com")}
		ann.Mappings = append(ann.Mappings, identity.Mapping{Service: services[i], Matcher: identity.Matcher{"user_id": "00u1"}})
	}
	if err := all.users.Add(ann); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for _, service := range services {
		running.Go(func() {
			if held, err := all.Holders(t.Context(), service, identity.Named("00u1")); err != nil || len(held) != 1 || held[0].User != ann.Key {
				t.Errorf("%s: held by %v, %v", service, held, err)
			}
		})
	}
	running.Wait()
}

// slowAccounts reads each list in a second.
type slowAccounts struct {
	readcache.API
	fail map[identity.ServiceKey]error
}

func (a slowAccounts) Accounts(_ context.Context, service identity.ServiceKey, _ string) (identity.AccountList, error) {
	time.Sleep(time.Second)
	return identity.AccountList{}, a.fail[service]
}

// The lists of services are read side by side. Of failures the first service's
// counts, and a service without a list is none.
func TestListsSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		services := []identity.ServiceKey{mustService("okta:a"), mustService("github:b"), mustService("slack:T1"), mustService("gitlab:c")}
		fail := map[identity.ServiceKey]error{services[1]: &identity.Error{Code: identity.CodeNoList}}
		read := func() error {
			p := &companyPass{api: readcache.New(slowAccounts{fail: fail}), lists: map[identity.ServiceKey]wholeList{}}
			began := time.Now()
			err := p.readLists(t.Context(), services)
			if took := time.Since(began); took != time.Second {
				t.Errorf("four lists of one second took %s", took)
			}
			return err
		}
		if err := read(); err != nil {
			t.Errorf("a service without a list: %v", err)
		}
		fail[services[2]], fail[services[3]] = errors.New("third"), errors.New("fourth")
		if err := read(); err == nil || !strings.Contains(err.Error(), "third") {
			t.Errorf("two lists cannot be read: %v", err)
		}
	})
}
