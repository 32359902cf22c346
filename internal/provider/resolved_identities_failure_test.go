// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
)

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
			`ERROR AttributeName("users").ElementKeyInt(1): Invalid User | "ada lovelace" is neither an e-mail nor a username.`,
			`ERROR AttributeName("users").ElementKeyInt(2): Invalid User | The user is empty.`,
			`ERROR AttributeName("users").ElementKeyInt(3): Duplicate User | Elements 0 ("ada@acme.com") and 3 (" ADA@acme.com ") are the same user, ada@acme.com: e-mails compare without case and outer spaces.`,
			`ERROR AttributeName("users").ElementKeyInt(5): Duplicate User | Elements 4 ("bob@acme.com") and 5 ("bob@acme.com") are the same user, bob@acme.com: they are spelled alike.`,
		}},
		"null elements": {map[string]any{"users": []any{nil}, "services": []any{nil}}, []string{
			`ERROR AttributeName("users").ElementKeyInt(0): Invalid User | A user is null.`,
			`ERROR AttributeName("services").ElementKeyInt(0): Invalid Service | A service is null.`,
		}},
		"half a service": {map[string]any{"services": []any{map[string]any{"external_id": "a"}, map[string]any{"service_type": "okta"}}}, []string{
			`ERROR AttributeName("services").ElementKeyInt(0).AttributeName("service_type"): Invalid Service | … service_type is missing.`,
			`ERROR AttributeName("services").ElementKeyInt(1).AttributeName("external_id"): Invalid Service | … external_id is missing.`,
		}},
		"no services": {map[string]any{"users": []any{}}, []string{`ERROR AttributeName("services"): Missing Configuration for Required Attribute`}},
		"services": {bulkOf(ada, []string{"Okta:a", testOkta, "slack:acme", "sym:cloud", testOkta}), []string{
			`ERROR AttributeName("services").ElementKeyInt(0).AttributeName("service_type"): Invalid Service Type | "Okta" is not a service type.`,
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
			`ERROR AttributeName("declared").ElementKeyString("okta"): Invalid Service | "okta" is not a service key.`,
			`ERROR AttributeName("declared").ElementKeyString("okta:acme.okta.com").ElementKeyString("ada@acme.com"): Duplicate User | The keys "ADA@acme.com" and "ada@acme.com" are the same user`,
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
	wantDiagnostics(t, read(50, "error"), "ERROR: Unmapped Users | … 50 of 50 … p0049@acme.com in okta:acme.okta.com: not_found … \"p0049_okta\"")
	diags := read(1000, "warn")
	wantDiagnostics(t, diags, "WARNING: Unmapped Users: p0000@acme.com in okta:acme.okta.com and 999 more | … p0049@acme.com … … and 950 more … 950 more are not shown: the attributes unmapped and hcl have everybody.")
	if n := len(diags[0].Detail); n > 20_000 || strings.Contains(diags[0].Detail, "p0050@acme.com") {
		t.Errorf("%d bytes long", n)
	}
	wantDiagnostics(t, read(1000, "error"), "ERROR: Unmapped Users | … 950 more are not shown: with on_unmapped = \"warn\" the attributes")
	wantDiagnostics(t, read(1000, "ignore"))
}
