// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
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
			Identity: pairs[i+1], Addresses: directory.Primaries(pairs[i]), State: directory.StateActive, Kind: directory.KindPerson,
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
			`ERROR AttributeName("declared").ElementKeyString("ada@acme.com"): Duplicate User | … The keys "ADA@acme.com" and "ada@acme.com" are the same user`,
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
			answered("identity", "00u2", "source", "declared", "evidence", "declared"), []string{"declared hit: 00u2 is declared in this configuration"},
		},
		"declared and stored": {
			resolveConfig("ruled@acme.com", okta, map[string]any{"declared": map[string]any{"ruled@acme.com": "00u6"}, "check_stale": true}),
			answered("identity", "00u6", "source", "declared", "evidence", "declared", "stored_source", "rule", "stale", false), []string{"declared hit: 00u6 is declared in this configuration"},
		},
		"declared in a service that is not registered": {
			resolveConfig("ada@acme.com", "okta:new.okta.com", map[string]any{"declared": map[string]any{"ada@acme.com": "00u2"}}),
			answered("identity", "00u2", "source", "declared", "evidence", "declared"), []string{"declared hit: 00u2 is declared in this configuration"},
		},
		"stored": {
			resolveConfig("  STORED@acme.com ", okta), answered("identity", "00u5", "source", "store", "evidence", "manual", "stored_source", "manual"),
			[]string{"store hit: 00u5 is stored (source manual)"},
		},
		"rule of the provider": {
			resolveConfig("eve@acme.com", okta), answered("identity", "00u8", "source", "rule", "evidence", "rule", "rule", "provider's"),
			[]string{"store miss: nothing is stored", `rule hit: rule "provider's" gives 00u8`},
		},
		"own rules first": {
			resolveConfig("mallory@acme.com", okta, map[string]any{"rules": []any{idRule("own", "x-$${local}"), idRule("second", "y")}}),
			answered("identity", "x-${local}", "source", "rule", "evidence", "rule", "rule", "own"),
			[]string{"store miss: nothing is stored", `rule hit: rule "own" gives x-${local}`},
		},
		"e-mail": {
			resolveConfig("Ada@acme.com", okta), answered("identity", "00u1", "source", "email", "evidence", "email"),
			[]string{"store miss: nothing is stored", "rule miss: no rule gives an identity", "email hit: ada@acme.com has the account 00u1"},
		},
		"another e-mail": {
			resolveConfig("ada@acme.com", okta, map[string]any{"rules": []any{map[string]any{"name": "married", "service_type": "okta", "match": `ada@(.*)`, "lookup_email": "ada.byron@$1"}}}),
			answered("identity", "00u7", "source", "email", "evidence", "email", "lookup_email", "ada.byron@acme.com"),
			[]string{"store miss: nothing is stored", "rule miss: no rule gives an identity", `email hit: ada.byron@acme.com (by rule "married") has the account 00u7`},
		},
		"fetch_remote_identity": {
			resolveConfig("ada@acme.com", "custom:pager"), answered("identity", "P1", "source", "fetch_remote_identity", "evidence", "fetch_remote_identity"),
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
	want := answered("identity", "auth0|7", "matcher", map[string]any{"idp_id": "auth0|7"}, "source", "store", "evidence", "manual", "stored_source", "manual", "stale", false)
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
		"ambiguous":    {"twice@acme.com", "okta:acme.okta.com", "00u1 (active), 00u2 (active)"},
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
	s := newTestServer(t, withDirectory("okta:acme.okta.com", listedDirectory{directoryOf("ada@acme.com", "00u1")})).register("okta:acme.okta.com")
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

// TestResolvedIdentity_persistUnique: a data source of one user stores an account
// only where the service's list shows that nobody else gets it.
func TestResolvedIdentity_persistUnique(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("ada@acme.com", "00u1", "two@acme.com", "00u2", "other@acme.com", "00u2", "rule@acme.com", "00u3")
	accounts.Accounts["two@acme.com"][0].Addresses = directory.Primaries("two@acme.com", "other@acme.com")
	rules := map[string]any{"persist": true, "rules": []any{
		map[string]any{"name": "same", "service_type": "okta", "identities": map[string]any{"rule@acme.com": "00u3", "alone@acme.com": "00u4"}},
	}}
	for name, d := range map[string]directory.Directory{"list": listedDirectory{accounts}, "no list": accounts} {
		s := newTestServer(t, withDirectory(testOkta, d)).register(testOkta)
		p := newProtocolServer(t, nil, s.settings())
		for user, stored := range map[string]bool{"ada@acme.com": true, "rule@acme.com": true, "two@acme.com": false, "alone@acme.com": false} {
			got, diags := p.readData(resolved, resolveConfig(user, testOkta, rules))
			if stored = stored && name == "list"; stored {
				wantDiagnostics(t, diags)
			} else {
				wantDiagnostics(t, diags, "WARNING: Identity Was Not Stored: "+user+" in okta:acme.okta.com | … Resolve the users in one sym_resolved_identities")
			}
			if got["mapped"] != true || (got["source"] == "store") != stored {
				t.Errorf("%s: %s is answered %v", name, user, got)
			}
			if _, is := s.stored(user, testOkta); is != stored {
				t.Errorf("%s: %s is stored: %t", name, user, is)
			}
		}
	}
}

func TestResolvedIdentity_persistReadOnly(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register("okta:acme.okta.com")
	p := newProtocolServer(t, nil, s.settings(map[string]any{"read_only": true}))
	s.forget()
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

// TestResolvedIdentity_onStale: the stored account is blocked, and the directory
// gives another one. The choice is the configuration's; nothing is stored.
func TestResolvedIdentity_onStale(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("alice@acme.com", "00u99", "old@acme.com", "00u7").deactivate("old@acme.com")
	for mode, want := range map[string][]string{
		"error":  {`ERROR: Stale Identity | alice@acme.com in okta:acme.okta.com: changed, and on_stale = "error" … holds 00u7 … now give 00u99`},
		"warn":   {"WARNING: Stale Identity: alice@acme.com in okta:acme.okta.com | … holds 00u7 … now give 00u99"},
		"ignore": nil,
	} {
		s := newTestServer(t, withDirectory(testOkta, accounts)).register(testOkta)
		s.mapping("alice@acme.com", testOkta, "00u7", identity.FromEmail)
		p := newProtocolServer(t, nil, s.settings())
		_, diags := p.readData(resolved, resolveConfig("alice@acme.com", testOkta, map[string]any{"check_stale": true, "on_stale": mode, "persist": true}))
		wantDiagnostics(t, diags, want...)
		if writes := s.requests("PATCH users"); len(writes) > 0 {
			t.Errorf("on_stale = %q wrote %v", mode, writes)
		}
	}
}

func TestResolvedIdentity_requests(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada@acme.com", "00u1"))).register("okta:acme.okta.com")
	p := newProtocolServer(t, nil, s.settings())
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

func TestDeclaredMappings(t *testing.T) {
	t.Parallel()
	okta := mustService("okta:acme.okta.com")
	at := path.Root("declared")
	tests := map[string]struct {
		service identity.ServiceKey
		written map[string]attr.Value
		want    map[identity.UserKey]identity.Matcher
		diags   diag.Diagnostics
	}{
		"people and bots": {
			okta, map[string]attr.Value{" Ada@ACME.com ": types.StringValue("00u1"), "deploy-bot": types.StringValue("00b1")},
			map[identity.UserKey]identity.Matcher{"ada@acme.com": {"user_id": "00u1"}, "deploy-bot": {"user_id": "00b1"}}, nil,
		},
		"the type's own key": {
			mustService("google:acme.com"), map[string]attr.Value{"ada@acme.com": types.StringValue("ada@acme.com")},
			map[identity.UserKey]identity.Matcher{"ada@acme.com": {"email": "ada@acme.com"}}, nil,
		},
		"unknown is left out": {
			okta, map[string]attr.Value{"ada@acme.com": types.StringUnknown(), "bob@acme.com": types.StringValue("00u2")},
			map[identity.UserKey]identity.Matcher{"bob@acme.com": {"user_id": "00u2"}}, nil,
		},
		"one person twice": {
			okta, map[string]attr.Value{"ada@acme.com": types.StringValue("00u1"), "Ada@acme.com": types.StringUnknown()},
			map[identity.UserKey]identity.Matcher{},
			diag.Diagnostics{diag.NewAttributeErrorDiagnostic(at.AtMapKey("ada@acme.com"), "Duplicate User",
				`declared["ada@acme.com"]: The keys "Ada@acme.com" and "ada@acme.com" are the same user, ada@acme.com: e-mails compare without case and outer spaces. Keep one of them.`)},
		},
		"not a user": {
			okta, map[string]attr.Value{"ada lovelace": types.StringValue("00u1")}, map[identity.UserKey]identity.Matcher{},
			diag.Diagnostics{diag.NewAttributeErrorDiagnostic(at.AtMapKey("ada lovelace"), "Invalid User",
				"declared[\"ada lovelace\"]: \"ada lovelace\" is neither an e-mail nor a username.\n\nAn e-mail holds an @; a bot's username has no @, comma or space.")},
		},
		"empty and null": {
			okta, map[string]attr.Value{"ada@acme.com": types.StringValue(""), "bob@acme.com": types.StringNull()}, map[identity.UserKey]identity.Matcher{},
			diag.Diagnostics{
				diag.NewAttributeErrorDiagnostic(at.AtMapKey("ada@acme.com"), "Invalid Identity",
					"declared[\"ada@acme.com\"]: Identity value cannot be empty.\n\nFill in the account. To unmap the user, delete the mapping instead."),
				diag.NewAttributeErrorDiagnostic(at.AtMapKey("bob@acme.com"), "Invalid Identity",
					"declared[\"bob@acme.com\"]: Identity value cannot be empty.\n\nFill in the account. To unmap the user, delete the mapping instead."),
			},
		},
		"another account's ARN": {
			mustService("aws_iam:123456789012"), map[string]attr.Value{"ada@acme.com": types.StringValue("arn:aws:iam::999999999999:user/ada")}, map[identity.UserKey]identity.Matcher{},
			diag.Diagnostics{diag.NewAttributeErrorDiagnostic(at.AtMapKey("ada@acme.com"), "Invalid Identity",
				"declared[\"ada@acme.com\"]: The identity \"arn:aws:iam::999999999999:user/ada\" is invalid for aws_iam:123456789012.\n\n"+
					"Its account is 999999999999, but the service's external ID is 123456789012.")},
		},
		"managed": {
			mustService("auth0:acme"), map[string]attr.Value{"ada@acme.com": types.StringValue("x")}, nil,
			diag.Diagnostics{diag.NewAttributeErrorDiagnostic(at, "Identities Cannot Be Declared",
				"Identities of auth0:acme cannot be declared or deleted: they are managed by Sym.\n\nRemove the mapping; Sym keeps these identities itself.")},
		},
		"managed, none declared": {mustService("auth0:acme"), nil, map[identity.UserKey]identity.Matcher{}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var diags diag.Diagnostics
			got := declaredMappings(types.MapValueMust(types.StringType, test.written), test.service, at, &diags)
			if diff := cmp.Diff(test.diags, diags); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("declared (-want +got):\n%s", diff)
			}
		})
	}
	for name, value := range map[string]types.Map{"null": types.MapNull(types.StringType), "unknown": types.MapUnknown(types.StringType)} {
		var diags diag.Diagnostics
		if got := declaredMappings(value, okta, at, &diags); len(got)+len(diags) > 0 {
			t.Errorf("%s: got %v and %v", name, got, diags)
		}
	}
}

// TestResolvedIdentity_failures: whatever fails is one error that names the
// request, and nobody is called unmapped, not even with on_unmapped = "ignore".
func TestResolvedIdentity_failures(t *testing.T) {
	t.Parallel()
	status := func(status int, body string) func(*testServer, string, string) {
		return func(s *testServer, method, path string) { s.failNext(100, method, path, status, body) }
	}
	answer := func(handler http.HandlerFunc) func(*testServer, string, string) {
		return func(s *testServer, method, path string) { s.answerNext(100, method, path, handler) }
	}
	failures := map[string]struct {
		fails func(s *testServer, method, path string)
		want  string
	}{
		"401":              {status(401, `{"error":true,"message":"the token expired","code":"Authentication:INVALID_JWT","status_code":401}`), "does not accept the token from the attribute token … status 401"},
		"403":              {status(403, `{"error":true,"message":"members only","code":"Auth:FORBIDDEN","status_code":403}`), "role of the token from the attribute token does not allow this … status 403"},
		"404 without JSON": {status(404, "404 page not found"), "status 404"},
		"404 of a proxy":   {status(404, "<html><title>Not Found</title></html>"), "status 404"},
		"429":              {status(429, `{"error":true,"message":"slow down","code":"Request:RATE_LIMITED","status_code":429,"is_retryable":true}`), "limits how many requests … status 429"},
		"500 HTML":         {status(500, "<html><title>Internal Server Error "+testToken+"</title></html>"), "status 500"},
		"503":              {status(503, ""), "status 503"},
		"200 HTML":         {status(200, "<html><title>Log in to ACME</title></html>"), "not that of an identity API … status 200"},
		"200 empty":        {status(200, ""), "status 200"},
		"200 null":         {status(200, "null"), "status 200"},
		"200 other JSON":   {status(200, `{"hello":"world"}`), "status 200"},
		"truncated JSON": {answer(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set(symapi.RequestIDHeader, r.Header.Get(symapi.RequestIDHeader))
			_, _ = io.WriteString(w, `{"users":[{"id":"`)
		}), "status 200"},
		"broken off": {answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"users":[`)
		}), "(200) broke off"},
		"hung up": {answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "did not answer"},
	}
	calls := []string{"GET auth/login", "GET services", "POST users/search", "POST identities/lookup", "POST identities/search", "PATCH users"}
	for name, failure := range failures {
		for _, call := range calls {
			t.Run(name+" to "+call, func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t, withDirectory("okta:acme.okta.com", listedDirectory{directoryOf("ada@acme.com", "00u1")})).register("okta:acme.okta.com")
				method, path, _ := strings.Cut(call, " ")
				failure.fails(s, method, path)
				p := newProtocolServer(t, nil, nil)
				diags := p.configure(s.settings())
				if path != "auth/login" {
					wantDiagnostics(t, diags)
					_, diags = p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"persist": true, "on_unmapped": "ignore"}))
				}
				wantFailure(t, diags, "Request: … "+path+" … "+failure.want+" … request ID ")
			})
		}
	}
}

// wantFailure checks for exactly one error that contains the parts, in any
// order, and says nothing wrong.
func wantFailure(t *testing.T, diags []*tfprotov6.Diagnostic, parts string) {
	t.Helper()
	wantDiagnostics(t, diags, "ERROR: Unable to … "+parts)
	for _, d := range diags {
		if text := describeDiagnostic(d); strings.Contains(strings.ToLower(text), "unmapped") || strings.Contains(text, testToken) || strings.Contains(text, "resource \"sym_identity\"") {
			t.Errorf("says too much: %s", text)
		}
	}
}

func TestResolvedIdentity_unreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	settings := map[string]any{"api_url": "http://" + address + symapi.BasePath, "token": testToken, "max_retries": 0}
	for _, skip := range []bool{false, true} {
		settings["skip_credentials_validation"] = skip
		if !skip {
			wantFailure(t, tryConfigure(t, nil, settings), "connection refused … Request: GET /api/v1/ … request ID")
			continue
		}
		p := newProtocolServer(t, nil, settings)
		_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"on_unmapped": "ignore"}))
		wantFailure(t, diags, "connection refused … Request: GET /api/v1/ … request ID")
	}
}

// TestResolvedIdentity_directoryFails: the API works, what it asks does not.
func TestResolvedIdentity_directoryFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		want string
	}{
		"down":         {directory.ErrUnavailable, "did not answer … status 503"},
		"credential":   {directory.ErrCredential, "credential was rejected … Renew the credential"},
		"permission":   {directory.ErrPermission, "lacks a permission … Grant the permission"},
		"rate limited": {&directory.RateLimitError{}, "limits requests … status 429"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, service := range []string{"okta:acme.okta.com", "custom:pager"} {
				s := newTestServer(t, withDirectory(service, &testDirectory{Err: test.err})).register(service)
				p := newProtocolServer(t, nil, s.settings())
				_, diags := p.readData(resolved, resolveConfig("ada@acme.com", service, map[string]any{"on_unmapped": "ignore"}))
				wantFailure(t, diags, "ada@acme.com … "+service+" … "+test.want+" … Request: POST /api/v1/identities/lookup … request ID")

				// Whoever is stored needs no directory, unless asked to compare.
				s.mapping("ada@acme.com", service, "00u1", "manual")
				_, diags = p.readData(resolved, resolveConfig("ada@acme.com", service))
				wantDiagnostics(t, diags)
				_, diags = p.readData(resolved, resolveConfig("ada@acme.com", service, map[string]any{"check_stale": true}))
				wantFailure(t, diags, test.want)
			}
		})
	}
	t.Run("one answer cannot be used", func(t *testing.T) {
		t.Parallel()
		s := newTestServer(t, withDirectory("okta:acme.okta.com", &testDirectory{Err: directory.ErrAnswer})).register("okta:acme.okta.com")
		p := newProtocolServer(t, nil, s.settings())
		_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"on_unmapped": "ignore"}))
		wantFailure(t, diags, "Resolve Identity … For ada@acme.com in okta:acme.okta.com … cannot be used")
	})
}

func TestResolvedIdentity_ruleFails(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada@acme.com", "00u1"))).register("okta:acme.okta.com", "aws_iam:123456789012")
	p := newProtocolServer(t, nil, s.settings())
	tests := map[string]struct {
		service string
		rule    map[string]any
		want    string
	}{
		"expression": {
			"okta:acme.okta.com", map[string]any{"name": "cel", "service_type": "okta", "expression": `user.identities["github:acme"]`},
			`The rule "cel" failed for ada@acme.com in okta:acme.okta.com: expression: no such key`,
		},
		"what it gives is no identity": {
			"aws_iam:123456789012", map[string]any{"name": "arn", "service_type": "aws_iam", "identity": "$0"},
			`The rule "arn" failed for ada@acme.com in aws_iam:123456789012: it gave "ada@acme.com"`,
		},
	}
	for name, test := range tests {
		_, diags := p.readData(resolved, resolveConfig("ada@acme.com", test.service, map[string]any{"on_unmapped": "ignore", "rules": []any{test.rule}}))
		wantDiagnostics(t, diags, "ERROR: Reducer Rule Failed | "+test.want)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestResolvedIdentity_withoutExtensions: an API without the calls that are
// marked ext is one clear error, and nobody is called unmapped.
func TestResolvedIdentity_withoutExtensions(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"users/search", "identities/lookup", "identities/search"} {
		s := newTestServer(t, withDirectory("okta:acme.okta.com", directoryOf("ada@acme.com", "00u1"))).register("okta:acme.okta.com")
		s.mapping("bob@acme.com", "okta:acme.okta.com", "00u2", "manual")
		s.failNext(1000, "POST", call, 404, `{"error":true,"message":"Missing","status_code":404}`)
		p := newProtocolServer(t, nil, s.settings())
		_, diags := p.readData(resolved, resolveConfig("ada@acme.com", "okta:acme.okta.com", map[string]any{"on_unmapped": "ignore"}))
		wantFailure(t, diags, "Use sym-identityd … lacks "+call+", which the provider needs … Request: POST /api/v1/"+call)
	}
}

// TestAccResolvedIdentity_warnsOfEach reads what Terraform prints: it folds
// warnings with equal summaries, and of 40 unmapped people every one must show,
// in each of two data sources.
func TestAccResolvedIdentity_warnsOfEach(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	s := newTestServer(t, withDirectory(testOkta, directoryOf())).register(testOkta, "github:acme")
	var people []string
	for i := range 40 {
		people = append(people, fmt.Sprintf("\"p%02d@acme.com\"", i))
	}
	each := "for_each = toset([" + strings.Join(people, ", ") + "])"
	out := planOutput(t, `terraform {
  required_providers {
    sym = {
      source = "sym-identity/sym"
    }
  }
}
`+s.provider()+resolveHCL("okta", "each.value", testOkta, each, `on_unmapped = "warn"`)+resolveHCL("github", "each.value", "github:acme", each, `on_unmapped = "warn"`))
	for _, service := range []string{testOkta, "github:acme"} {
		for _, person := range people {
			if want := "Warning: Unmapped User: " + strings.Trim(person, `"`) + " in " + service; strings.Count(out, want+"\n") != 1 {
				t.Errorf("not shown once: %s", want)
			}
		}
	}
	if strings.Contains(out, "more similar warning") {
		t.Error("Terraform folded warnings")
	}
	if t.Failed() {
		t.Log(out)
	}
}

// planOutput is what terraform plan prints, with the provider of this process.
func planOutput(t *testing.T, config string) string {
	t.Helper()
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		terraform = "terraform"
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "TF_REATTACH_PROVIDERS="+serveProvider(t), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE="+os.DevNull)
	var out []byte
	for _, arguments := range [][]string{{"init", "-no-color"}, {"plan", "-no-color"}} {
		cmd := exec.CommandContext(t.Context(), terraform, arguments...)
		cmd.Dir, cmd.Env = dir, env
		var err error
		if out, err = cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", arguments[0], err, out)
		}
	}
	return string(out)
}

// serveProvider serves the provider until the test ends and returns how
// Terraform finds it.
func serveProvider(t *testing.T) string {
	t.Helper()
	const address = "registry.terraform.io/sym-identity/sym"
	ctx, stop := context.WithCancel(context.Background())
	config, closed := make(chan *plugin.ReattachConfig), make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		failed <- tf6server.Serve(address, func() tfprotov6.ProviderServer {
			return newFrameworkServer(nil)
		}, tf6server.WithDebug(ctx, config, closed), tf6server.WithLoggingSink(t), tf6server.WithGoPluginLogger(hclog.NewNullLogger()), tf6server.WithoutLogStderrOverride())
	}()
	t.Cleanup(func() {
		stop()
		<-closed
	})
	select {
	case err := <-failed:
		t.Fatal(err)
	case c := <-config:
		type socket struct{ Network, String string }
		how := map[string]any{
			"Protocol": string(c.Protocol), "ProtocolVersion": c.ProtocolVersion, "Pid": c.Pid, "Test": c.Test,
			"Addr": socket{c.Addr.Network(), c.Addr.String()},
		}
		text, err := json.Marshal(map[string]any{address: how, "registry.opentofu.org/sym-identity/sym": how})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return ""
}
