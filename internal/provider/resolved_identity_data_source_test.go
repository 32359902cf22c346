// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const resolved = "sym_resolved_identity"

// resolveConfig asks for a user of a service, with further arguments.
func resolveConfig(user, service string, more ...map[string]any) map[string]any {
	key, value, _ := strings.Cut(service, ":")
	config := map[string]any{"user": user, "service_type": key, "external_id": value}
	for _, m := range more {
		for k, v := range m {
			config[k] = v
		}
	}
	return config
}

// directoryOf has one active account per e-mail.
func directoryOf(pairs ...string) *testDirectory {
	d := &testDirectory{Accounts: map[string][]directory.Account{}}
	for i := 0; i < len(pairs); i += 2 {
		d.Accounts[pairs[i]] = append(d.Accounts[pairs[i]], directory.Account{
			ID: pairs[i+1], Emails: []string{pairs[i]}, State: directory.StateActive, Kind: directory.KindPerson,
		})
	}
	return d
}

func (d *testDirectory) deactivate(email string) *testDirectory {
	for i := range d.Accounts[email] {
		d.Accounts[email][i].State = directory.StateInactive
	}
	return d
}

// idRule gives everybody at acme.com their local part in okta.
func idRule(name, template string) map[string]any {
	return map[string]any{"name": name, "service_type": "okta", "match": `.*@acme\.com`, "identity": template}
}

// answered is the computed part of an answer without steps; what is not named
// is null.
func answered(pairs ...any) map[string]any {
	out := map[string]any{"mapped": false}
	for _, name := range []string{"identity", "matcher", "source", "stored_source", "rule", "lookup_email", "reason", "stale"} {
		out[name] = nil
	}
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		out[name] = pairs[i+1]
	}
	if id, ok := out["identity"].(string); ok {
		out["mapped"] = true
		if out["matcher"] == nil {
			out["matcher"] = map[string]any{"user_id": id}
		}
	}
	return out
}

func TestResolvedIdentity_validate(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	tests := map[string]struct {
		config map[string]any
		want   []string
	}{
		"fine":                {resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"on_unmapped": "warn", "rules": []any{idRule("r", "$0")}, "declared": map[string]any{"Ada@acme.com": "00u1"}}), nil},
		"everything unknown":  {map[string]any{"user": unknown, "service_type": unknown, "external_id": unknown, "rules": unknown, "declared": unknown, "on_unmapped": unknown, "persist": unknown, "check_stale": unknown}, nil},
		"unknown in rules":    {resolveConfig("ada@acme.com", "okta:a", map[string]any{"rules": []any{idRule("r", unknown), unknown}}), nil},
		"unknown in declared": {resolveConfig("ada@acme.com", "okta:a", map[string]any{"declared": map[string]any{"ada@acme.com": unknown}}), nil},
		"bad user":            {resolveConfig("ada lovelace", "okta:a"), []string{`ERROR AttributeName("user"): Invalid User | "ada lovelace" is neither an e-mail nor a username.`}},
		"bad type":            {resolveConfig("ada@acme.com", "Okta:a"), []string{`ERROR AttributeName("service_type"): Invalid Service Type | "Okta" is not a service type.`}},
		"bad type, unknown id": {
			map[string]any{"user": "ada@acme.com", "service_type": "Okta", "external_id": unknown}, []string{`ERROR AttributeName("service_type")`},
		},
		"bad external id": {resolveConfig("ada@acme.com", "slack:acme"), []string{
			`ERROR AttributeName("external_id"): Invalid External ID | The external ID 'acme' is invalid for service type 'slack'. … Must start with 'T'`,
		}},
		"bad mode": {resolveConfig("ada@acme.com", "okta:a", map[string]any{"on_unmapped": "fail"}), []string{`ERROR AttributeName("on_unmapped") … "error" "warn" "ignore"`}},
		"bad rule": {resolveConfig("ada@acme.com", "okta:a", map[string]any{"rules": []any{idRule("ok", "$0"), idRule("r", "$7")}}), []string{
			`ERROR AttributeName("rules").ElementKeyInt(1).AttributeName("identity"): Invalid Reducer Rule`,
		}},
		"rule for custom": {resolveConfig("ada@acme.com", "custom:x", map[string]any{"rules": []any{map[string]any{"name": "r", "service_type": "custom", "identity": "$0"}}}), []string{
			`ERROR AttributeName("rules").ElementKeyInt(0).AttributeName("service_type") … fetch_remote_identity`,
		}},
		"declared twice": {resolveConfig("ada@acme.com", "okta:a", map[string]any{"declared": map[string]any{"ada@acme.com": "1", "ADA@acme.com": "1"}}), []string{
			`ERROR AttributeName("declared").ElementKeyString("ada@acme.com"): Duplicate User | The keys "ADA@acme.com" and "ada@acme.com" are the same user`,
		}},
		"declared badly": {resolveConfig("ada@acme.com", "google:acme.com", map[string]any{"declared": map[string]any{"ada@acme.com": "ada"}}), []string{
			`ERROR AttributeName("declared").ElementKeyString("ada@acme.com"): Invalid Identity … It must be an e-mail.`,
		}},
		"declared in auth0": {resolveConfig("ada@acme.com", "auth0:acme", map[string]any{"declared": map[string]any{"ada@acme.com": "x"}}), []string{
			`ERROR AttributeName("declared"): Identities Cannot Be Declared … cannot be … managed by Sym`,
		}},
		"auth0": {resolveConfig("ada@acme.com", "auth0:acme"), nil},
		"sym:cloud": {resolveConfig("ada@acme.com", "sym:cloud"), []string{
			`ERROR AttributeName("service_type"): Service Cannot Be Resolved | sym:cloud holds the users themselves`,
		}},
		"several at once": {resolveConfig("", "slack:x", map[string]any{"on_unmapped": "no", "rules": []any{idRule("", "$0")}}), []string{
			`AttributeName("user"): Invalid User | The user is empty.`, `AttributeName("on_unmapped")`, `AttributeName("name"): Invalid Reducer Rule`, `AttributeName("external_id")`,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostics(t, p.validateData(resolved, test.config), test.want...)
		})
	}
}

// TestResolvedIdentity_sources reads what each step of the chain answers.
func TestResolvedIdentity_sources(t *testing.T) {
	t.Parallel()
	people := directoryOf("ada@acme.com", "00u1", "ada.byron@acme.com", "00u7")
	pager := directoryOf("ada@acme.com", "P1")
	s := newTestServer(t, withDirectory("okta:acme.okta.com", people), withDirectory("custom:pager", pager)).
		register("okta:acme.okta.com", "custom:pager")
	s.mapping("Stored@acme.com", "okta:acme.okta.com", "00u5", identity.Manual)
	s.mapping("ruled@acme.com", "okta:acme.okta.com", "00u6", identity.FromRule)
	p := newProtocolServer(t, nil, s.settings(map[string]any{"rules": []any{
		map[string]any{"name": "provider's", "service_type": "okta", "identities": map[string]any{"eve@acme.com": "00u8", "mallory@acme.com": "00u9"}},
	}}))
	const okta = "okta:acme.okta.com"
	tests := map[string]struct {
		config map[string]any
		want   map[string]any
		steps  []string
	}{
		"declared": {
			resolveConfig("ada@acme.com", okta, map[string]any{"declared": map[string]any{" ADA@acme.com": "00u2"}}),
			answered("identity", "00u2", "source", "declared"), []string{"declared hit: 00u2 is declared in this configuration"},
		},
		"declared and stored": {
			resolveConfig("ruled@acme.com", okta, map[string]any{"declared": map[string]any{"ruled@acme.com": "00u6"}, "check_stale": true}),
			answered("identity", "00u6", "source", "declared", "stored_source", "rule", "stale", false), []string{"declared hit: 00u6 is declared in this configuration"},
		},
		"declared in a service that is not registered": {
			resolveConfig("ada@acme.com", "okta:new.okta.com", map[string]any{"declared": map[string]any{"ada@acme.com": "00u2"}}),
			answered("identity", "00u2", "source", "declared"), []string{"declared hit: 00u2 is declared in this configuration"},
		},
		"stored": {
			resolveConfig("  STORED@acme.com ", okta), answered("identity", "00u5", "source", "store", "stored_source", "manual"),
			[]string{"store hit: 00u5 is stored (source manual)"},
		},
		"rule of the provider": {
			resolveConfig("eve@acme.com", okta), answered("identity", "00u8", "source", "rule", "rule", "provider's"),
			[]string{"store miss: nothing is stored", `rule hit: rule "provider's" gives 00u8`},
		},
		"own rules first": {
			resolveConfig("mallory@acme.com", okta, map[string]any{"rules": []any{idRule("own", "x-$${local}"), idRule("second", "y")}}),
			answered("identity", "x-${local}", "source", "rule", "rule", "own"),
			[]string{"store miss: nothing is stored", `rule hit: rule "own" gives x-${local}`},
		},
		"e-mail": {
			resolveConfig("Ada@acme.com", okta), answered("identity", "00u1", "source", "email"),
			[]string{"store miss: nothing is stored", "rule miss: no rule gives an identity", "email hit: ada@acme.com has the account 00u1"},
		},
		"another e-mail": {
			resolveConfig("ada@acme.com", okta, map[string]any{"rules": []any{map[string]any{"name": "married", "service_type": "okta", "match": `ada@(.*)`, "lookup_email": "ada.byron@$1"}}}),
			answered("identity", "00u7", "source", "email", "lookup_email", "ada.byron@acme.com"),
			[]string{"store miss: nothing is stored", "rule miss: no rule gives an identity", `email hit: ada.byron@acme.com (by rule "married") has the account 00u7`},
		},
		"fetch_remote_identity": {
			resolveConfig("ada@acme.com", "custom:pager"), answered("identity", "P1", "source", "fetch_remote_identity"),
			[]string{
				"store miss: nothing is stored", "rule skipped: custom services have fetch_remote_identity in place of rules",
				"fetch_remote_identity hit: ada@acme.com has the account P1",
			},
		},
		"unmapped, ignored": {
			resolveConfig("nobody@acme.com", okta, map[string]any{"on_unmapped": "ignore", "check_stale": true}), answered("reason", "not_found", "stale", false),
			[]string{"store miss: nothing is stored", "rule miss: no rule gives an identity", "email miss: no account has the e-mail nobody@acme.com"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, diags := p.readData(resolved, test.config)
			wantDiagnostics(t, diags)
			wantAnswer(t, p, got, test.config, test.want, test.steps)
		})
	}
	t.Cleanup(func() {
		if writes := s.requests("PATCH users"); len(writes) > 0 {
			t.Errorf("reading wrote %v", writes)
		}
	})
}

// TestResolvedIdentity_managed: Sym keeps identities of auth0 itself, so the
// store alone answers. Our server registers no such service; Sym's lists them.
func TestResolvedIdentity_managed(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	s.failNext(100, "GET", "services", 200, `{"services":[{"id":"1","slug":"auth0","external_id":"acme"}]}`)
	s.failNext(1, "POST", "users/search", 200, `{"users":[{"id":"2","type":"normal","role":"member","identities":[
		{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"ada@acme.com"}},
		{"service":{"slug":"auth0","external_id":"acme"},"matcher":{"idp_id":"auth0|7"}}]}]}`)
	p := newProtocolServer(t, nil, s.settings())
	config := resolveConfig("ada@acme.com", "auth0:acme", map[string]any{"check_stale": true, "persist": true})
	got, diags := p.readData(resolved, config)
	wantDiagnostics(t, diags)
	want := answered("identity", "auth0|7", "matcher", map[string]any{"idp_id": "auth0|7"}, "source", "store", "stored_source", "manual", "stale", false)
	wantAnswer(t, p, got, config, want, []string{"store hit: auth0|7 is stored (source manual)"})

	_, diags = p.readData(resolved, config) // nobody is stored now
	wantDiagnostics(t, diags, "ERROR: Unmapped User | ada@acme.com has no identity in auth0:acme: Sym has stored none … managed by Sym and cannot be declared")
	if strings.Contains(diags[0].Detail, "resource \"") {
		t.Errorf("ends with a block that cannot be applied: %s", diags[0].Detail)
	}
}

// wantAnswer compares a state with configuration and answer. All attributes
// are compared.
func wantAnswer(t *testing.T, p *protocolServer, got, config, computed map[string]any, steps []string) {
	t.Helper()
	want := map[string]any{}
	for _, a := range p.dataSource(resolved).Block.Attributes {
		want[a.Name] = nil
	}
	for _, m := range []map[string]any{config, computed} {
		for k, v := range m {
			want[k] = v
		}
	}
	var told []string
	list, _ := got["steps"].([]any)
	for _, s := range list {
		step, _ := s.(map[string]any)
		told = append(told, step["name"].(string)+" "+step["outcome"].(string)+": "+step["detail"].(string))
	}
	if diff := cmp.Diff(steps, told); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	delete(got, "steps")
	delete(want, "steps")
	delete(got, "rules") // spelled out with all its nulls
	delete(want, "rules")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

// TestResolvedIdentity_reasons reads unmapped people in all three modes.
func TestResolvedIdentity_reasons(t *testing.T) {
	t.Parallel()
	people := directoryOf("twice@acme.com", "00u1", "twice@acme.com", "00u2", "left@acme.com", "00u3", "taken@acme.com", "00u4")
	people.deactivate("left@acme.com")
	s := newTestServer(t, withDirectory("okta:acme.okta.com", people)).register("okta:acme.okta.com", "github:acme")
	s.mapping("holder@acme.com", "okta:acme.okta.com", "00u4", identity.FromEmail)
	p := newProtocolServer(t, nil, s.settings())
	tests := map[string]struct{ user, service, says string }{
		"not_found":    {"nobody@acme.com", "okta:acme.okta.com", "no account there has this e-mail"},
		"inactive":     {"left@acme.com", "okta:acme.okta.com", "is inactive"},
		"ambiguous":    {"twice@acme.com", "okta:acme.okta.com", "00u1, 00u2"},
		"claimed":      {"taken@acme.com", "okta:acme.okta.com", "00u4, belongs to holder@acme.com"},
		"no_email":     {"deploy-bot", "okta:acme.okta.com", "a bot has no e-mail"},
		"no_directory": {"ada@acme.com", "github:acme", "nobody can be asked"},
	}
	for reason, test := range tests {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			about := test.user + " has no identity in " + test.service + " … " + test.says + " … (reason: " + reason + ") … resource \"sym_identity\""
			for mode, want := range map[any][]string{
				nil:      {"ERROR: Unmapped User | " + about},
				"error":  {"ERROR: Unmapped User | " + about},
				"warn":   {"WARNING: Unmapped User: " + test.user + " in " + test.service + " | " + about},
				"ignore": nil,
			} {
				got, diags := p.readData(resolved, resolveConfig(test.user, test.service, map[string]any{"on_unmapped": mode}))
				wantDiagnostics(t, diags, want...)
				if hasError(diags) {
					continue
				}
				for name, value := range answered("reason", reason) {
					if diff := cmp.Diff(value, got[name]); diff != "" {
						t.Errorf("%s: %s", name, diff)
					}
				}
			}
		})
	}
}

func TestResolvedIdentity_unregistered(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register("okta:b.okta.com", "okta:a.okta.com", "github:acme")
	p := newProtocolServer(t, nil, s.settings())
	for _, mode := range []string{"error", "warn", "ignore"} { // no reason, so no mode softens it
		_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:c.okta.com", map[string]any{"on_unmapped": mode}))
		wantDiagnostics(t, diags, `ERROR AttributeName("external_id"): Service Is Not Registered | No service is registered for okta:c.okta.com … `+
			"Registered services of type okta:\n\n  okta:a.okta.com\n  okta:b.okta.com\n")
	}
	_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "pagerduty:acme"))
	wantDiagnostics(t, diags, `ERROR AttributeName("external_id"): Service Is Not Registered | No service is registered for pagerduty:acme`)
}

func TestResolvedIdentity_persist(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada@acme.com", "00u1"))).register("okta:acme.okta.com")
	p := newProtocolServer(t, nil, s.settings())
	config := resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"persist": true})
	first, diags := p.readData(resolved, config)
	wantDiagnostics(t, diags)
	if m, ok := s.stored("ada@acme.com", "okta:acme.okta.com"); !ok || m.Source != identity.FromEmail || m.Matcher.String() != "00u1" {
		t.Errorf("stored %+v", m)
	}
	second, diags := p.readData(resolved, config)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the second read differs (-first +second):\n%s", diff)
	}
	if writes := s.requests("PATCH users"); len(writes) != 1 {
		t.Errorf("%d writes", len(writes))
	}
}

func TestResolvedIdentity_persistReadOnly(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register("okta:acme.okta.com")
	p := newProtocolServer(t, nil, s.settings(map[string]any{"read_only": true}))
	_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"persist": true}))
	wantDiagnostics(t, diags, `ERROR AttributeName("persist"): Provider Is Read-Only`)
	if seen := s.requests(); len(seen) > 0 {
		t.Errorf("sent %v", seen)
	}
}

func TestResolvedIdentity_stale(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada@acme.com", "00u2"))).register("okta:acme.okta.com")
	s.mapping("ada@acme.com", "okta:acme.okta.com", "00u1", identity.FromEmail)
	s.mapping("bob@acme.com", "okta:acme.okta.com", "00u3", identity.Manual)
	p := newProtocolServer(t, nil, s.settings())
	got, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"check_stale": true, "persist": true}))
	wantDiagnostics(t, diags, "WARNING: Stale Identity: ada@acme.com in okta:acme.okta.com | … holds 00u1 … now give 00u2 … "+`identity     = "00u2"`)
	if got["stale"] != true || got["identity"] != "00u1" || got["source"] != "store" {
		t.Errorf("got %v", got)
	}
	got, diags = p.readData(resolved, resolveConfig("bob@acme.com", "okta:acme.okta.com", map[string]any{"check_stale": true}))
	wantDiagnostics(t, diags)
	if got["stale"] != false {
		t.Errorf("got %v", got)
	}
	if writes := s.requests("PATCH users"); len(writes) > 0 {
		t.Errorf("checking wrote %v", writes)
	}
}

func TestResolvedIdentity_requests(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada@acme.com", "00u1"))).register("okta:acme.okta.com")
	p := newProtocolServer(t, nil, s.settings())
	if seen := s.requests(); len(seen) > 0 {
		t.Errorf("configuring sent %v", seen)
	}
	_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com"))
	wantDiagnostics(t, diags)
	var calls []string
	for _, r := range s.requests() {
		calls = append(calls, r.String())
	}
	want := []string{"GET auth/login", "GET services", "POST users/search", "POST identities/lookup", "POST identities/search"}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
