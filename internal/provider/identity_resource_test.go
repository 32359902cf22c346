// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

const (
	testOkta   = "okta:acme.okta.com"
	testGitHub = "github:acme"
)

// oktaConfig is a sym_identity configuration.
func oktaConfig(user, id string, more ...map[string]any) map[string]any {
	config := map[string]any{"user": user, "service_type": "okta", "external_id": "acme.okta.com", "identity": id}
	for _, m := range more {
		for k, v := range m {
			config[k] = v
		}
	}
	return config
}

// newIdentityTest is a server with okta and github and a provider for it.
func newIdentityTest(t *testing.T, settings ...map[string]any) (*testServer, *protocolServer) {
	t.Helper()
	s := newTestServer(t).register(testOkta, testGitHub)
	return s, newProtocolServer(t, nil, s.settings(settings...))
}

func (s *testServer) wantStored(user, service, value string, source identity.Source) {
	s.t.Helper()
	m, ok := s.stored(user, service)
	if id, _ := m.Matcher.Identity(m.Service.Type); !ok || id != value || m.Source != source {
		s.t.Errorf("stored for %s in %s: %v (source %q), want %s (source %s)", user, service, m.Matcher, m.Source, value, source)
	}
}

func TestIdentityValidate(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	tests := map[string]struct {
		config map[string]any
		want   []string
	}{
		"good":             {oktaConfig("ada@acme.com", "00u1"), nil},
		"good matcher":     {oktaConfig("ada@acme.com", "", map[string]any{"identity": nil, "matcher": map[string]any{"user_id": "00u1", "note": "x"}}), nil},
		"unknown values":   {oktaConfig(unknown, unknown, map[string]any{"external_id": unknown}), nil},
		"unknown type":     {oktaConfig("ada@acme.com", "x", map[string]any{"service_type": unknown}), nil},
		"unknown element":  {oktaConfig("ada@acme.com", "", map[string]any{"identity": nil, "matcher": map[string]any{"user_id": unknown}}), nil},
		"no value":         {oktaConfig("ada@acme.com", "", map[string]any{"identity": nil}), []string{"ERROR … identity … matcher"}},
		"two values":       {oktaConfig("ada@acme.com", "x", map[string]any{"matcher": map[string]any{"user_id": "x"}}), []string{"ERROR … identity … matcher"}},
		"bad user":         {oktaConfig("ada martin", "00u1"), []string{`"user" … Invalid User … neither an e-mail nor a username`}},
		"invisible":        {oktaConfig("ada\u200b@acme.com", "00u1"), []string{`"user" … U+200B`}},
		"bad type":         {oktaConfig("ada@acme.com", "x", map[string]any{"service_type": "Okta"}), []string{`"service_type" … Invalid Service Type`}},
		"bad external id":  {oktaConfig("ada@acme.com", "x", map[string]any{"service_type": "slack", "external_id": "t1"}), []string{`"external_id" … The external ID 't1' is invalid for service type 'slack' … Must start with 'T'`}},
		"managed":          {oktaConfig("ada@acme.com", "x", map[string]any{"service_type": "sym", "external_id": "cloud"}), []string{`"service_type" … cannot be … managed`}},
		"empty":            {oktaConfig("ada@acme.com", ""), []string{`"identity" … Identity value cannot be empty`}},
		"outer space":      {oktaConfig("ada@acme.com", " 00u1"), []string{`"identity" … starts with a space … Remove it`}},
		"foreign account":  {oktaConfig("ada@acme.com", "arn:aws:iam::999999999999:user/ada", map[string]any{"service_type": "aws_iam", "external_id": "123456789012"}), []string{`"identity" … Its account is 999999999999`}},
		"matcher lacks it": {oktaConfig("ada@acme.com", "", map[string]any{"identity": nil, "matcher": map[string]any{"email": "x"}}), []string{`"matcher" … lacks the key … user_id`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostics(t, p.validate("sym_identity", test.config), test.want...)
		})
	}
}

func TestIdentityLifecycle(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)

	state, diags := p.apply("sym_identity", nil, oktaConfig(" Ada@Acme.com", "00u1"))
	wantDiagnostics(t, diags)
	s.wantStored("ada@acme.com", testOkta, "00u1", identity.Manual)
	want := oktaConfig(" Ada@Acme.com", "00u1", map[string]any{
		"matcher": nil, "overwrite": nil, "allow_shared": nil,
		"id": "ada@acme.com," + testOkta, "service": testOkta, "account_id": nil, "source": "manual",
		"revision": state["revision"], "updated_at": state["updated_at"],
	})
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("state after create (-want +got):\n%s", diff)
	}

	refreshed, diags := p.read("sym_identity", state)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(state, refreshed); diff != "" {
		t.Errorf("a refresh changes state (-before +after):\n%s", diff)
	}

	updated, diags := p.apply("sym_identity", state, oktaConfig("ada@acme.com", "00u2"))
	wantDiagnostics(t, diags)
	s.wantStored("ada@acme.com", testOkta, "00u2", identity.Manual)
	if updated["revision"].(int) <= state["revision"].(int) || updated["user"] != "ada@acme.com" {
		t.Errorf("state after update: %v", updated)
	}

	_, diags = p.apply("sym_identity", updated, nil)
	wantDiagnostics(t, diags)
	if m, ok := s.stored("ada@acme.com", testOkta); ok {
		t.Errorf("stored after destroy: %v", m)
	}
	_, diags = p.apply("sym_identity", updated, nil)
	wantDiagnostics(t, diags) // gone already is success
	if users, err := s.Store.FindUsers(t.Context(), []identity.UserKey{"ada@acme.com"}); err != nil || len(users) != 1 {
		t.Errorf("destroying the mapping must leave the user: %v, %v", users, err)
	}
}

func TestIdentityAdoption(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source identity.Source
		value  string // stored before
		more   map[string]any
		want   []string // at plan
		stored string   // after apply
	}{
		"equal manual":          {identity.Manual, "00u1", nil, nil, "00u1"},
		"equal automatic":       {identity.FromRule, "00u1", nil, nil, "00u1"},
		"automatic is replaced": {identity.FromEmail, "00u9", nil, []string{"WARNING … Will Be Overwritten: ada@acme.com in okta:acme.okta.com … 00u9 (source email … declared: 00u1"}, "00u1"},
		"manual is an error":    {identity.Manual, "00u9", nil, []string{`ERROR … "identity" … Another Identity Is Stored … ada@acme.com in okta:acme.okta.com … 00u9 … 00u1 … terraform import ADDRESS 'ada@acme.com,okta:acme.okta.com' … overwrite = true`}, "00u9"},
		"manual with overwrite": {identity.Manual, "00u9", map[string]any{"overwrite": true}, []string{"WARNING … 00u9 … 00u1"}, "00u1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newIdentityTest(t)
			before := s.mapping("ada@acme.com", testOkta, test.value, test.source)
			config := oktaConfig("ada@acme.com", "00u1", test.more)
			planned := p.plan("sym_identity", nil, config)
			wantDiagnostics(t, planned.Diagnostics, test.want...)
			if len(s.requests("PATCH users")) != 0 {
				t.Error("a plan wrote")
			}
			state, diags := p.apply("sym_identity", nil, config)
			if test.stored != "00u1" {
				s.wantStored("ada@acme.com", testOkta, test.stored, test.source)
				return
			}
			wantDiagnostics(t, diags)
			s.wantStored("ada@acme.com", testOkta, "00u1", identity.Manual)
			if state["source"] != "manual" || int64(state["revision"].(int)) <= before.Revision {
				t.Errorf("an adoption is a write: state %v, revision before %d", state, before.Revision)
			}
		})
	}
}

func TestIdentityHeldByAnother(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	s.mapping("eve@acme.com", testGitHub, "Octo", identity.Manual)
	config := map[string]any{"user": "ada@acme.com", "service_type": "github", "external_id": "acme", "identity": "octo"}
	held := `ERROR … "identity" … Account Belongs to Another User … octo … eve@acme.com … ada@acme.com … allow_shared = true`

	wantDiagnostics(t, p.plan("sym_identity", nil, config).Diagnostics, held)

	config["identity"] = "ada"
	state, diags := p.apply("sym_identity", nil, config)
	wantDiagnostics(t, diags)
	config["identity"] = "OCTO"
	wantDiagnostics(t, p.plan("sym_identity", state, config).Diagnostics, strings.Replace(held, "octo", "OCTO", 1))

	config["allow_shared"] = true
	state, diags = p.apply("sym_identity", state, config)
	wantDiagnostics(t, diags)
	s.wantStored("ada@acme.com", testGitHub, "OCTO", identity.Manual)
	if state["identity"] != "OCTO" {
		t.Errorf("state keeps the configuration's spelling: %v", state)
	}
}

// An identity that is unknown at plan is checked at apply.
func TestIdentityUnknownAtPlan(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	s.mapping("eve@acme.com", testOkta, "00u1", identity.Manual)
	s.mapping("bob@acme.com", testOkta, "00u7", identity.Manual)
	for user, want := range map[string]string{
		"ada@acme.com": `"identity" … Account Belongs to Another User … eve@acme.com`,
		"bob@acme.com": `"identity" … Another Identity Is Stored … 00u7`,
	} {
		planned := p.plan("sym_identity", nil, oktaConfig(user, unknown))
		wantDiagnostics(t, planned.Diagnostics)
		planned.PlannedState = p.value(p.resource("sym_identity"), mergedInto(p.plain(p.resource("sym_identity"), planned.PlannedState), "identity", "00u1"))
		_, diags := p.applyPlan("sym_identity", nil, oktaConfig(user, "00u1"), planned)
		wantDiagnostics(t, diags, want)
	}
	if len(s.requests("GET auth/login")) != 1 {
		t.Error("configuration makes one request")
	}
}

func mergedInto(m map[string]any, key string, value any) map[string]any {
	m[key] = value
	return m
}

func TestIdentitySpellingChangesStateAlone(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	state, diags := p.apply("sym_identity", nil, oktaConfig("ada@acme.com", "00u1"))
	wantDiagnostics(t, diags)
	s.forget()
	respelled := oktaConfig("  ADA@acme.com ", "00u1")
	planned := p.plan("sym_identity", state, respelled)
	wantDiagnostics(t, planned.Diagnostics)
	want := maps.Clone(state)
	want["user"] = "  ADA@acme.com "
	if diff := cmp.Diff(want, p.plain(p.resource("sym_identity"), planned.PlannedState)); diff != "" || len(planned.RequiresReplace) != 0 {
		t.Errorf("replace %v, plan (-want +got):\n%s", planned.RequiresReplace, diff)
	}
	respelledState, diags := p.applyPlan("sym_identity", state, respelled, planned)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(want, respelledState); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if got := s.requests(); len(got) != 0 {
		t.Errorf("spelling alone needs no request: %v", got)
	}

	// With another change beside it, the configuration's spelling is kept.
	updated, diags := p.apply("sym_identity", state, oktaConfig("ADA@acme.com", "00u2"))
	wantDiagnostics(t, diags)
	if updated["user"] != "ADA@acme.com" || updated["id"] != "ada@acme.com,"+testOkta {
		t.Errorf("state: %v", updated)
	}
}

// Setting an option alone writes nothing and keeps every computed value.
func TestIdentityOptionsAloneWriteNothing(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	state, diags := p.apply("sym_identity", nil, oktaConfig("ada@acme.com", "00u1"))
	wantDiagnostics(t, diags)
	s.forget()
	after, diags := p.apply("sym_identity", state, oktaConfig("ada@acme.com", "00u1", map[string]any{"overwrite": true}))
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(mergedInto(state, "overwrite", true), after); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if got := s.requests(); len(got) != 0 {
		t.Errorf("requests: %v", got)
	}
}

// A person's new e-mail replaces the mapping; the account is then given up by
// the old e-mail in the same plan, which is no claim of somebody else.
func TestIdentityReplaceKeepsTheAccount(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	before := oktaConfig("ada.martin@acme.com", "00u1")
	state, diags := p.apply("sym_identity", nil, before)
	wantDiagnostics(t, diags)

	after := oktaConfig("ada.byron@acme.com", "00u1")
	first := p.plan("sym_identity", state, after)
	wantDiagnostics(t, first.Diagnostics)
	if len(first.RequiresReplace) != 1 {
		t.Fatalf("another user must replace: %v", first.RequiresReplace)
	}
	schema := p.resource("sym_identity")
	proposed := mergedInto(mergedInto(mergedInto(mergedInto(mergedInto(oktaConfig("ada.byron@acme.com", "00u1"),
		"id", unknown), "service", unknown), "source", unknown), "revision", unknown), "updated_at", unknown)
	second, err := p.server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: "sym_identity", PriorState: p.value(schema, nil), ProposedNewState: p.value(schema, proposed),
		Config: p.value(schema, after), PriorPrivate: first.PlannedPrivate,
	})
	p.must(err)
	wantDiagnostics(t, second.Diagnostics)
	_, diags = p.apply("sym_identity", state, nil)
	wantDiagnostics(t, diags)
	_, diags = p.applyPlan("sym_identity", nil, after, second)
	wantDiagnostics(t, diags)
	s.wantStored("ada.byron@acme.com", testOkta, "00u1", identity.Manual)
	if m, ok := s.stored("ada.martin@acme.com", testOkta); ok {
		t.Errorf("the old e-mail still has %v", m)
	}
}

// Moving a mapping to another resource loses nothing, in either order and in
// between.
func TestIdentityMovesBetweenResources(t *testing.T) {
	t.Parallel()
	config := oktaConfig("ada@acme.com", "00u1")
	t.Run("created first", func(t *testing.T) {
		t.Parallel()
		s, p := newIdentityTest(t)
		old, diags := p.apply("sym_identity", nil, config)
		wantDiagnostics(t, diags)
		_, diags = p.apply("sym_identity", nil, config)
		wantDiagnostics(t, diags)
		_, diags = p.apply("sym_identity", old, nil)
		wantDiagnostics(t, diags, "WARNING … Identity Mapping Kept: ada@acme.com in okta:acme.okta.com … left in place")
		s.wantStored("ada@acme.com", testOkta, "00u1", identity.Manual)
	})
	t.Run("destroyed first", func(t *testing.T) {
		t.Parallel()
		s, p := newIdentityTest(t)
		old, diags := p.apply("sym_identity", nil, config)
		wantDiagnostics(t, diags)
		planned := p.plan("sym_identity", nil, config)
		wantDiagnostics(t, planned.Diagnostics)
		_, diags = p.apply("sym_identity", old, nil)
		wantDiagnostics(t, diags)
		_, diags = p.applyPlan("sym_identity", nil, config, planned)
		wantDiagnostics(t, diags)
		s.wantStored("ada@acme.com", testOkta, "00u1", identity.Manual)
	})
	t.Run("destroyed between read and write", func(t *testing.T) {
		t.Parallel()
		s, p := newIdentityTest(t)
		_, diags := p.apply("sym_identity", nil, config)
		wantDiagnostics(t, diags)
		planned := p.plan("sym_identity", nil, config)
		once := true
		s.onRequest(func(r *http.Request) {
			if r.Method == http.MethodPatch && once {
				once = false
				s.unmap("ada@acme.com", testOkta)
			}
		})
		_, diags = p.applyPlan("sym_identity", nil, config, planned)
		wantDiagnostics(t, diags)
		s.wantStored("ada@acme.com", testOkta, "00u1", identity.Manual)
	})
}

func TestIdentityConflicts(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	state, diags := p.apply("sym_identity", nil, oktaConfig("ada@acme.com", "00u1"))
	wantDiagnostics(t, diags)
	s.mapping("ada@acme.com", testOkta, "00u5", identity.Manual)

	both := "ERROR … Identity Mapping Changed Meanwhile … ada@acme.com in okta:acme.okta.com … 00u5 … "
	_, diags = p.apply("sym_identity", state, oktaConfig("ada@acme.com", "00u2"))
	wantDiagnostics(t, diags, both+"00u2")
	_, diags = p.apply("sym_identity", state, nil)
	wantDiagnostics(t, diags, "WARNING … Identity Mapping Kept: ada@acme.com in okta:acme.okta.com … 00u5 (source manual, by somebody, … left in place")
	s.wantStored("ada@acme.com", testOkta, "00u5", identity.Manual)

	// Two writers create at once: one wins, the other is shown both values.
	planned := p.plan("sym_identity", nil, oktaConfig("bob@acme.com", "00u3"))
	wantDiagnostics(t, planned.Diagnostics)
	s.onRequest(func(r *http.Request) {
		if r.Method == http.MethodPatch {
			s.mapping("bob@acme.com", testOkta, "00u4", identity.Manual)
		}
	})
	_, diags = p.applyPlan("sym_identity", nil, oktaConfig("bob@acme.com", "00u3"), planned)
	wantDiagnostics(t, diags, "Another Identity Is Stored … 00u4 … 00u3")
	s.onRequest(nil)
	s.wantStored("bob@acme.com", testOkta, "00u4", identity.Manual)
}

func TestIdentityDrift(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	state, diags := p.apply("sym_identity", nil, oktaConfig("ada@acme.com", "00u1"))
	wantDiagnostics(t, diags)

	s.mapping("ada@acme.com", testOkta, "00u5", identity.Manual)
	drifted, diags := p.read("sym_identity", state)
	wantDiagnostics(t, diags)
	if drifted["identity"] != "00u5" {
		t.Errorf("drift is not seen: %v", drifted)
	}
	s.upsert(store.UserWrite{Key: "ada@acme.com", Mappings: []store.MappingWrite{
		{Service: mustService(testOkta), Matcher: identity.Matcher{"user_id": "00u5", "note": "x"}, Source: identity.Manual},
	}})
	drifted, diags = p.read("sym_identity", state)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(map[string]any{"user_id": "00u5", "note": "x"}, drifted["matcher"]); diff != "" || drifted["identity"] != nil {
		t.Errorf("a matcher of two keys is shown as one: %v", drifted)
	}
	s.unmap("ada@acme.com", testOkta)
	gone, diags := p.read("sym_identity", state)
	wantDiagnostics(t, diags, "WARNING … Identity Mapping Is Gone: ada@acme.com in okta:acme.okta.com … 00u1 … next apply stores it again")
	if gone != nil {
		t.Errorf("state: %v", gone)
	}
}

func TestIdentityFailuresAreNotGone(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	state, diags := p.apply("sym_identity", nil, oktaConfig("ada@acme.com", "00u1"))
	wantDiagnostics(t, diags)
	for _, failure := range []struct {
		status int
		body   string
	}{
		{401, `{"error":true,"message":"You must be logged in to perform this action.","code":"Authentication:INVALID_JWT","status_code":401,"is_retryable":false}`},
		{403, "<html>forbidden</html>"}, {500, "oops"}, {503, ""}, {200, "<html>login</html>"}, {200, `{"users":[{"id":`},
	} {
		p.nextRun()
		s.failNext(1, "POST", "users/search", failure.status, failure.body)
		after, diags := p.read("sym_identity", state)
		wantDiagnostics(t, diags, "ERROR … Unable to Read Identity Mapping … ada@acme.com in okta:acme.okta.com … POST /api/v1/users/search … request ID")
		for _, d := range diags {
			if strings.Contains(describeDiagnostic(d), testToken) {
				t.Error("the token is in a diagnostic")
			}
		}
		if diff := cmp.Diff(state, after); diff != "" {
			t.Errorf("status %d changed state:\n%s", failure.status, diff)
		}
	}
}

func TestIdentityUnregisteredServiceAndUnknownBot(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	config := oktaConfig("ada@acme.com", "x", map[string]any{"service_type": "custom", "external_id": "hr"})
	many := map[string]any{"service_type": "custom", "external_id": "hr", "identities": map[string]any{"ada@acme.com": "x"}}
	const warned = `WARNING AttributeName("external_id"): Service Is Not Registered: custom:hr … resource "sym_service" … external_id = sym_service.NAME.external_id`
	wantDiagnostics(t, p.plan("sym_identity", nil, config).Diagnostics, warned)
	wantDiagnostics(t, p.plan("sym_identities", nil, many).Diagnostics, warned)
	s.wantRequests(6) // services are asked once
	_, diags := p.apply("sym_identity", nil, config)
	wantDiagnostics(t, diags, `ERROR AttributeName("external_id"): Service Is Not Registered … custom:hr … resource "sym_service"`)
	p.nextRun() // a sym_service of this configuration is about to register it
	wantDiagnostics(t, p.plan("sym_service", nil, map[string]any{"service_type": "custom", "external_id": "hr"}).Diagnostics)
	wantDiagnostics(t, p.plan("sym_identity", nil, config).Diagnostics)
	wantDiagnostics(t, p.plan("sym_identities", nil, many).Diagnostics)
	p.nextRun() // what cannot be asked is left to apply
	s.failNext(1, "GET", "services", 500, "oops")
	wantDiagnostics(t, p.plan("sym_identity", nil, config).Diagnostics)
	_, diags = p.apply("sym_identity", nil, oktaConfig("deploy-bot", "00u1"))
	wantDiagnostics(t, diags, "Unable to Create Identity Mapping … Unknown bot: deploy-bot")
}

func TestIdentityReadOnly(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t, map[string]any{"read_only": true})
	_, diags := p.apply("sym_identity", nil, oktaConfig("ada@acme.com", "00u1"))
	wantDiagnostics(t, diags, "Unable to Create Identity Mapping … read-only … read_only")
	if len(s.requests("PATCH users")) != 0 {
		t.Error("a write was sent")
	}
}

func TestIdentityImport(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	s.mapping("Ada@acme.com", testOkta, "00u1", identity.FromRule)
	state, diags := p.importState("sym_identity", " ADA@acme.com,"+testOkta)
	wantDiagnostics(t, diags)
	state, diags = p.read("sym_identity", state)
	wantDiagnostics(t, diags)
	if state["user"] != "Ada@acme.com" || state["identity"] != "00u1" || state["matcher"] != nil || state["source"] != "rule" {
		t.Errorf("state: %v", state)
	}
	planned := p.plan("sym_identity", state, oktaConfig("Ada@acme.com", "00u1"))
	if diff := cmp.Diff(state, p.plain(p.resource("sym_identity"), planned.PlannedState)); diff != "" {
		t.Errorf("the plan after an import is not empty:\n%s", diff)
	}
	if writes := s.requests("PATCH users"); len(writes) != 0 {
		t.Error("an import wrote")
	}
	for id, want := range map[string]string{
		"":                         "Invalid Import ID … has no comma",
		"nonsense":                 "Invalid Import ID … has no comma … USER,SERVICE_TYPE:EXTERNAL_ID",
		"ada@acme.com,okta":        "Invalid Import ID … is not a service key",
		"ada@acme.com,sym:cloud":   "Invalid Import ID … managed",
		"bob@acme.com," + testOkta: "Identity Mapping Not Found … bob@acme.com in okta:acme.okta.com … nothing to import",
	} {
		_, diags := p.importState("sym_identity", id)
		wantDiagnostics(t, diags, want)
	}
}

// unchangedTest has a provider, and states that equal what is stored.
type unchangedTest struct {
	*protocolServer
	schema   *tfprotov6.Schema
	identity tftypes.Type
	stored   []map[string]any
}

// newUnchangedTest stores so many mappings that the reads of the run go over to
// everybody at once.
func newUnchangedTest(t *testing.T) *unchangedTest {
	t.Helper()
	s, p := newIdentityTest(t)
	const people = 60
	for i := range people {
		s.mapping(fmt.Sprintf("person%d@acme.com", i), testOkta, fmt.Sprintf("00u%d", i), identity.Manual)
	}
	s.mapping("gus@acme.com", testGitHub, "Gus", identity.FromRule)
	u := &unchangedTest{protocolServer: p, schema: p.resource("sym_identity")}
	schemas, err := p.server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	p.must(err)
	u.identity = schemas.IdentitySchemas["sym_identity"].ValueType()
	imported := func(id string) {
		state, diags := p.importState("sym_identity", id)
		wantDiagnostics(t, diags)
		u.stored = append(u.stored, state)
	}
	for i := range people {
		imported(fmt.Sprintf("person%d@acme.com,%s", i, testOkta))
	}
	imported("gus@acme.com," + testGitHub)
	return u
}

// resourceIdentity returns the resource identity of a state.
func (u *unchangedTest) resourceIdentity(state map[string]any) *tfprotov6.ResourceIdentityData {
	text := func(name string) string { s, _ := state[name].(string); return s }
	key, err := newMappingKey(text("user"), text("service_type"), text("external_id"))
	u.must(err)
	value, err := tfprotov6.NewDynamicValue(u.identity, toTerraform(u.identity, map[string]any{
		"user": string(key.user), "service_type": key.service.Type, "external_id": key.service.ExternalID}))
	u.must(err)
	return &tfprotov6.ResourceIdentityData{IdentityData: &value}
}

// configured returns a state without its computed attributes.
func (u *unchangedTest) configured(state map[string]any) map[string]any {
	config := maps.Clone(state)
	for _, a := range u.schema.Block.Attributes {
		if a.Computed {
			delete(config, a.Name)
		}
	}
	return config
}

// refresh reads a state as Terraform does, with or without a resource identity.
func (u *unchangedTest) refresh(state map[string]any, id *tfprotov6.ResourceIdentityData, private []byte) (*tfprotov6.ReadResourceResponse, map[string]any) {
	resp, err := u.server.ReadResource(u.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: "sym_identity", CurrentState: u.value(u.schema, state), CurrentIdentity: id, Private: private})
	u.must(err)
	return resp, u.plain(u.schema, resp.NewState)
}

// planUnchanged plans the configuration that a state came from.
func (u *unchangedTest) planUnchanged(state map[string]any, id *tfprotov6.ResourceIdentityData, private []byte) *tfprotov6.PlanResourceChangeResponse {
	v := u.value(u.schema, state)
	resp, err := u.server.PlanResourceChange(u.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: "sym_identity", PriorState: v, ProposedNewState: v, Config: u.value(u.schema, u.configured(state)), PriorIdentity: id, PriorPrivate: private})
	u.must(err)
	return resp
}

// sameIdentity compares two resource identities.
func (u *unchangedTest) sameIdentity(t rapid.TB, got, want *tfprotov6.ResourceIdentityData) {
	if got == nil || got.IdentityData == nil {
		t.Fatalf("no resource identity in the answer")
	}
	a, err := got.IdentityData.Unmarshal(u.identity)
	u.must(err)
	b, err := want.IdentityData.Unmarshal(u.identity)
	u.must(err)
	if !a.Equal(b) {
		t.Errorf("resource identity %s, want %s", a, b)
	}
}

// TestIdentity_refreshedStatePlansEmpty changes stored states in some computed
// or configured attributes. What a refresh makes of them holds: refreshing again
// changes nothing, and planning its configuration plans exactly that state, with
// no diagnostic.
func TestIdentity_refreshedStatePlansEmpty(t *testing.T) {
	t.Parallel()
	u := newUnchangedTest(t)
	changes := map[string][]any{
		"user":         {" Person1@ACME.com", "person2@acme.com", "nobody@acme.com", "a bot", "", "deploy-bot", "two@at@acme.com"},
		"service_type": {"okta", "github", "sym", "Not A Type"},
		"external_id":  {"acme.okta.com", "acme", ""},
		"identity":     {nil, "00u1", "gus", " 00u1", ""},
		"matcher":      {nil, map[string]any{}, map[string]any{"user_id": "00u1"}, map[string]any{"user_id": "00u1", "note": "x"}},
		"overwrite":    {nil, true, false},
		"allow_shared": {nil, true, false},
		"id":           {nil, "x", "person1@acme.com,okta:acme.okta.com"},
		"service":      {nil, "okta:acme.okta.com"},
		"source":       {nil, "manual", "rule"},
		"revision":     {nil, 1, 0, -1, 1 << 40},
		"updated_at":   {nil, "2026-01-01T00:00:00Z", "yesterday"},
	}
	rapid.Check(t, func(rt *rapid.T) {
		state := maps.Clone(rapid.SampledFrom(u.stored).Draw(rt, "stored"))
		for range rapid.IntRange(0, 3).Draw(rt, "changes") {
			name := rapid.SampledFrom(slices.Sorted(maps.Keys(changes))).Draw(rt, "which")
			state[name] = rapid.SampledFrom(changes[name]).Draw(rt, name)
		}
		private := rapid.SampledFrom([][]byte{nil, []byte(`{"replaced_user":"ImFkYUBhY21lLmNvbSI="}`)}).Draw(rt, "private")
		resp, refreshed := u.refresh(state, nil, private)
		if refreshed == nil || hasError(resp.Diagnostics) {
			return // gone, or not a mapping
		}
		id := u.resourceIdentity(refreshed)
		u.sameIdentity(rt, resp.NewIdentity, id)
		second, twice := u.refresh(refreshed, id, private)
		if diff := cmp.Diff(refreshed, twice); diff != "" || len(second.Diagnostics) > 0 {
			rt.Errorf("refreshed again (-once +twice): %v\n%s", second.Diagnostics, diff)
		}
		u.sameIdentity(rt, second.NewIdentity, id)
		planned := u.planUnchanged(refreshed, id, private)
		if diff := cmp.Diff(refreshed, u.plain(u.schema, planned.PlannedState)); diff != "" || len(planned.Diagnostics)+len(planned.RequiresReplace) > 0 {
			rt.Errorf("planned (-state +plan): %v %v\n%s", planned.Diagnostics, planned.RequiresReplace, diff)
		}
		u.sameIdentity(rt, planned.PlannedIdentity, id)
	})
}

// TestIdentity_unchangedIsUntouched walks states that equal what is stored
// through all that a plan asks: each answer is the state itself, byte for byte,
// and the API is asked nothing for planning.
func TestIdentity_unchangedIsUntouched(t *testing.T) {
	t.Parallel()
	u := newUnchangedTest(t)
	for _, state := range u.stored {
		config := u.configured(state)
		wantDiagnostics(t, u.validate("sym_identity", config))
		text, err := json.Marshal(state)
		u.must(err)
		upgraded, err := u.server.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{TypeName: "sym_identity", RawState: &tfprotov6.RawState{JSON: text}})
		u.must(err)
		if diff := cmp.Diff(state, u.plain(u.schema, upgraded.UpgradedState)); diff != "" {
			t.Errorf("upgraded (-state +answer):\n%s", diff)
		}
		encoded, id := u.value(u.schema, state).MsgPack, u.resourceIdentity(state)
		first, _ := u.refresh(state, id, nil) // of an older state: it notes the revision
		private := first.Private
		read, _ := u.refresh(state, id, private)
		wantDiagnostics(t, read.Diagnostics)
		if !bytes.Equal(encoded, read.NewState.MsgPack) || len(private) == 0 || !bytes.Equal(private, read.Private) {
			t.Errorf("read: %x with private state %q, want %x", read.NewState.MsgPack, read.Private, encoded)
		}
		planned := u.planUnchanged(state, id, private)
		wantDiagnostics(t, planned.Diagnostics)
		if !bytes.Equal(encoded, planned.PlannedState.MsgPack) || !bytes.Equal(private, planned.PlannedPrivate) {
			t.Errorf("planned: %x with private state %q, want %x", planned.PlannedState.MsgPack, planned.PlannedPrivate, encoded)
		}
	}
}

// privately reads, plans and applies a sym_identity as Terraform does, with
// private state.
type privately struct {
	*protocolServer
	state   map[string]any
	private []byte
}

func (p *privately) refresh() []*tfprotov6.Diagnostic {
	p.t.Helper()
	p.nextRun()
	schema := p.resource("sym_identity")
	resp, err := p.server.ReadResource(p.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: "sym_identity", CurrentState: p.value(schema, p.state), Private: p.private})
	p.must(err)
	p.state, p.private = p.plain(schema, resp.NewState), resp.Private
	return resp.Diagnostics
}

func (p *privately) plans(config map[string]any) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	schema := p.resource("sym_identity")
	var proposed map[string]any
	if config != nil {
		proposed = maps.Clone(p.state)
		maps.Copy(proposed, config)
	}
	resp, err := p.server.PlanResourceChange(p.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: "sym_identity", PriorState: p.value(schema, p.state), ProposedNewState: p.value(schema, proposed), Config: p.value(schema, config), PriorPrivate: p.private,
	})
	p.must(err)
	return resp
}

func (p *privately) applies(config map[string]any, planned *tfprotov6.PlanResourceChangeResponse) []*tfprotov6.Diagnostic {
	p.t.Helper()
	schema := p.resource("sym_identity")
	resp, err := p.server.ApplyResourceChange(p.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: "sym_identity", PriorState: p.value(schema, p.state), PlannedState: planned.PlannedState, Config: p.value(schema, config), PlannedPrivate: planned.PlannedPrivate,
	})
	p.must(err)
	p.state, p.private = p.plain(schema, resp.NewState), resp.Private
	return resp.Diagnostics
}

// TestIdentityReused: a GitHub login is a name. Reading learns whose it is; when
// another account has it, keeping the mapping is an error, and changing or
// destroying it is not.
func TestIdentityReused(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("ada@acme.com", "ada-l")
	accounts.Accounts["ada@acme.com"][0].AccountID = "4711"
	s := newTestServer(t, withDirectory(testGitHub, listedDirectory{accounts})).register(testGitHub)
	p := &privately{protocolServer: newProtocolServer(t, nil, s.settings())}
	config := map[string]any{"user": "ada@acme.com", "service_type": "github", "external_id": "acme", "identity": "ada-l"}
	var diags []*tfprotov6.Diagnostic
	p.state, diags = p.apply("sym_identity", nil, config)
	wantDiagnostics(t, diags)
	if p.state["account_id"] != nil {
		t.Errorf("after create: %v", p.state)
	}
	wantDiagnostics(t, p.refresh())
	id, err := s.Store.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(map[string][]byte{ // and nothing of a reuse
		storeKey: []byte(`{"id":"` + id + `","org":"acme"}`), writtenKey: fmt.Append(nil, p.state["revision"]),
	})
	if p.state["account_id"] != "4711" || string(p.private) != string(want) {
		t.Errorf("after a refresh: %v, private state %s, want %s (%v)", p.state, p.private, want, err)
	}
	wantDiagnostics(t, p.plans(config).Diagnostics)

	rename := func(id, accountID string) {
		accounts.Lock()
		defer accounts.Unlock()
		accounts.Accounts["ada@acme.com"][0].Identity, accounts.Accounts["ada@acme.com"][0].AccountID = id, accountID
	}
	rename("ada-byron", "4711")
	wantDiagnostics(t, p.refresh(), "WARNING: Account Was Renamed: ada@acme.com in github:acme | … is called ada-byron now")
	wantDiagnostics(t, p.plans(config).Diagnostics)

	rename("ada-l", "9999")
	reused := "Identity Belongs to Another Account Now"
	wantDiagnostics(t, p.refresh(), "WARNING: "+reused+": ada@acme.com in github:acme | ada@acme.com is mapped to ada-l in github:acme … has the id 4711")
	if p.state["account_id"] != "4711" {
		t.Errorf("the account that was mapped is forgotten: %v", p.state)
	}
	for name, change := range map[string]map[string]any{"nothing": nil, "an option": {"allow_shared": true}, "the spelling": {"user": "Ada@acme.com"},
		"case": {"identity": "ADA-L"}, "another form": {"identity": nil, "matcher": map[string]any{"user_id": "ada-l"}}} {
		changed, at := maps.Clone(config), "identity"
		maps.Copy(changed, change)
		if changed["identity"] == nil {
			at = "matcher"
		}
		t.Log(name)
		wantDiagnostics(t, p.plans(changed).Diagnostics, `ERROR AttributeName("`+at+`"): `+reused)
	}
	wantDiagnostics(t, p.plans(nil).Diagnostics) // destroy

	// A service that fails proves nothing, and one without the account proves that
	// the name is nobody's.
	fail := func(err error) {
		accounts.Lock()
		defer accounts.Unlock()
		accounts.Err = err
	}
	fail(directory.ErrUnavailable)
	wantDiagnostics(t, p.refresh())
	wantDiagnostics(t, p.plans(config).Diagnostics, `ERROR AttributeName("identity"): `+reused)
	fail(nil)
	rename("somebody-else", "9999")
	wantDiagnostics(t, p.refresh(), "WARNING: Account Not Found: ada@acme.com in github:acme | … ada-l")
	wantDiagnostics(t, p.plans(config).Diagnostics)
	rename("ada-l", "9999")
	wantDiagnostics(t, p.refresh(), "WARNING: "+reused)

	other := maps.Clone(config)
	other["identity"] = "ada-byron"
	planned := p.plans(other)
	wantDiagnostics(t, planned.Diagnostics, "WARNING: Account Not Found: ada@acme.com in github:acme | … ada-byron")
	if shown := p.plain(p.resource("sym_identity"), planned.PlannedState); shown["account_id"] != unknown {
		t.Errorf("planned %v", shown)
	}
	wantDiagnostics(t, p.applies(other, planned))
	if p.state["account_id"] != nil || bytes.Contains(p.private, []byte(reusedKey)) {
		t.Errorf("after a change: %v, private state %q", p.state, p.private)
	}
	wantDiagnostics(t, p.refresh(), "WARNING: Account Not Found: ada@acme.com in github:acme | … ada-byron")
	wantDiagnostics(t, p.plans(other).Diagnostics)
}

// TestIdentityAdoptsAccount: what is stored already is declared, one and in a map. A
// plan compares the name with the account that was mapped, and looks for who has an
// account under an earlier name.
func TestIdentityAdoptsAccount(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("ada@acme.com", "ada-l")
	account := func(login, id string) {
		accounts.Lock()
		defer accounts.Unlock()
		accounts.Accounts["ada@acme.com"][0].Identity, accounts.Accounts["ada@acme.com"][0].AccountID = login, id
	}
	account("ada-l", "4711")
	s := newTestServer(t, withDirectory(testGitHub, listedDirectory{accounts})).register(testGitHub)
	p := newProtocolServer(t, nil, s.settings())
	one := func(user, login string, more ...any) map[string]any {
		config := map[string]any{"user": user, "service_type": "github", "external_id": "acme", "identity": login}
		if len(more) > 0 {
			config["allow_shared"] = true
		}
		return config
	}
	many := func(user, login string, more ...any) map[string]any {
		config := map[string]any{"service_type": "github", "external_id": "acme", "identities": map[string]any{user: login}}
		if len(more) > 0 {
			config["allow_shared"] = true
		}
		return config
	}
	state, diags := p.apply("sym_identity", nil, one("ada@acme.com", "ada-l"))
	wantDiagnostics(t, diags)
	p.nextRun()
	_, diags = p.read("sym_identity", state) // learns whose the name is
	wantDiagnostics(t, diags)
	plans := func(wantOne, wantMany []string, user, login string, more ...any) {
		t.Helper()
		p.nextRun()
		wantDiagnostics(t, p.plan("sym_identity", nil, one(user, login, more...)).Diagnostics, wantOne...)
		p.nextRun()
		wantDiagnostics(t, p.plan("sym_identities", nil, many(user, login, more...)).Diagnostics, wantMany...)
	}
	plans(nil, nil, "ada@acme.com", "ada-l")
	plans([]string{`ERROR AttributeName("identity"): Account Belongs to Another User | ada-l in github:acme is stored for ada@acme.com, so`},
		[]string{`ERROR AttributeName("identities").ElementKeyString("bob@acme.com"): Identity Mappings Conflict With What Is Stored | … bob@acme.com: ada-l belongs to ada@acme.com`},
		"bob@acme.com", "ada-l")

	account("ada-byron", "4711")
	plans([]string{"WARNING: Account Was Renamed: ada@acme.com in github:acme | … identity = \"ada-byron\""},
		[]string{"WARNING: Accounts Were Renamed: github:acme | … \"ada@acme.com\" = \"ada-byron\" # was ada-l"}, "ada@acme.com", "ada-l")
	plans([]string{`ERROR AttributeName("identity"): Account Belongs to Another User | ada-byron in github:acme is stored for ada@acme.com under the name ada-l, so`},
		[]string{`ERROR AttributeName("identities").ElementKeyString("bob@acme.com"): Identity Mappings Conflict With What Is Stored | … bob@acme.com: ada-byron belongs to ada@acme.com, under the name ada-l`},
		"bob@acme.com", "ada-byron")
	plans(nil, nil, "bob@acme.com", "ada-byron", "shared")

	account("ada-l", "9999")
	plans([]string{`ERROR AttributeName("identity"): Identity Belongs to Another Account Now | … has the id 4711 … import the mapping, then remove the resource, apply, and declare it again … terraform import ADDRESS 'ada@acme.com,github:acme'`},
		[]string{`ERROR AttributeName("identities").ElementKeyString("ada@acme.com"): Identities Belong to Other Accounts Now | … ada@acme.com: ada-l (the account that was mapped has the id 4711) … import the mapping into a sym_identity`}, "ada@acme.com", "ada-l")
	accounts.Lock()
	accounts.Err = directory.ErrUnavailable
	accounts.Unlock()
	plans(nil, nil, "ada@acme.com", "ada-l") // that proves nothing
}

// TestIdentityAccountAbsent: an account that the service does not have is a warning:
// in a plan of one or many, for which one request asks, and when one is read.
func TestIdentityAccountAbsent(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("ada@acme.com", "ada-l")
	s := newTestServer(t, withDirectory(testGitHub, listedDirectory{accounts})).register(testGitHub)
	p := newProtocolServer(t, nil, s.settings())
	many := map[string]any{"service_type": "github", "external_id": "acme", "identities": map[string]any{"ada@acme.com": "ada-l", "bob@acme.com": "583231"}}
	const warned = "github:acme was asked, and does not have the account of:\n\n  bob@acme.com: 583231\n\nAn identity there is the GitHub login, as in octocat, not a number."
	wantDiagnostics(t, p.plan("sym_identities", nil, map[string]any{
		"service_type": "github", "external_id": "acme", "identities": map[string]any{"ada@acme.com": `{"user_id":"ada-l"}`},
	}).Diagnostics)
	p.nextRun()
	planned := p.plan("sym_identities", nil, many)
	wantDiagnostics(t, planned.Diagnostics, "WARNING: Accounts Not Found: github:acme | … "+warned)
	state, diags := p.applyPlan("sym_identities", nil, many, planned)
	wantDiagnostics(t, diags)
	s.forget()
	p.nextRun()
	wantDiagnostics(t, p.plan("sym_identities", state, many).Diagnostics)
	if n := len(s.requests("POST identities/status")); n != 0 {
		t.Errorf("%d requests for what does not change", n)
	}
	one := func(user, id string) map[string]any {
		return map[string]any{"user": user, "service_type": "github", "external_id": "acme", "identity": id}
	}
	const oneWarned = "WARNING: Account Not Found: bob@acme.com in github:acme | … " + warned
	wantDiagnostics(t, p.plan("sym_identity", nil, one("ada@acme.com", "ada-l")).Diagnostics)
	single := one("bob@acme.com", "583231")
	shared := maps.Clone(single)
	shared["allow_shared"] = true
	wantDiagnostics(t, p.plan("sym_identity", nil, shared).Diagnostics, oneWarned)
	planned = p.plan("sym_identity", nil, single)
	wantDiagnostics(t, planned.Diagnostics, oneWarned)
	state, diags = p.applyPlan("sym_identity", nil, single, planned)
	wantDiagnostics(t, diags)
	s.forget()
	p.nextRun()
	wantDiagnostics(t, p.plan("sym_identity", state, single).Diagnostics)
	if n := len(s.requests("POST identities/status")); n != 0 {
		t.Errorf("%d requests for one that does not change", n)
	}
	wantDiagnostics(t, p.plan("sym_identity", state, one("bob@acme.com", "bob-b")).Diagnostics, "WARNING: Account Not Found: bob@acme.com in github:acme | … bob-b")
	_, diags = p.read("sym_identity", state)
	wantDiagnostics(t, diags, oneWarned)
	accounts.Lock()
	accounts.Err = directory.ErrUnavailable
	accounts.Unlock()
	s.forget()
	p.nextRun()
	wantDiagnostics(t, p.plan("sym_identities", nil, map[string]any{
		"service_type": "github", "external_id": "acme", "identities": map[string]any{"eve@acme.com": "583232"},
	}).Diagnostics)
	wantDiagnostics(t, p.plan("sym_identity", nil, one("eve@acme.com", "583233")).Diagnostics)
	if n := len(s.requests("POST identities/status")); n != 2 {
		t.Errorf("%d requests for accounts of a service that fails", n)
	}
}

// TestIdentityAccountUnknown: a service that cannot be asked, or fails, blocks no
// declared mapping.
func TestIdentityAccountUnknown(t *testing.T) {
	t.Parallel()
	failing := directoryOf("ada@acme.com", "ada-l")
	failing.Err = directory.ErrUnavailable
	for name, adjust := range map[string][]func(*server.Config){"no directory": nil, "a directory that fails": {withDirectory(testGitHub, listedDirectory{failing})}} {
		s := newTestServer(t, adjust...).register(testGitHub)
		p := newProtocolServer(t, nil, s.settings())
		config := map[string]any{"user": "ada@acme.com", "service_type": "github", "external_id": "acme", "identity": "ada-l"}
		state, diags := p.apply("sym_identity", nil, config)
		wantDiagnostics(t, diags)
		p.nextRun()
		refreshed, diags := p.read("sym_identity", state)
		wantDiagnostics(t, diags)
		if diff := cmp.Diff(state, refreshed); diff != "" {
			t.Errorf("%s: a refresh changes state:\n%s", name, diff)
		}
		if statuses := s.requests("POST identities/status"); name == "no directory" && len(statuses) > 0 {
			t.Errorf("%s: asked %v", name, statuses)
		}
	}
}

// TestResolved_reused: a stored name that another account has now fails both data
// sources, whatever on_stale says, and nothing is stored.
func TestResolved_reused(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("ada@acme.com", "ada-byron", "new@acme.com", "newbie", "zoe@acme.com", "ada-l")
	for user, id := range map[string]string{"ada@acme.com": "4711", "new@acme.com": "1", "zoe@acme.com": "9999"} {
		accounts.Accounts[user][0].AccountID = id
	}
	s := newTestServer(t, withDirectory(testGitHub, listedDirectory{accounts})).register(testGitHub)
	s.upsert(store.UserWrite{Key: "ada@acme.com", Name: "ada@acme.com", Type: identity.UserKey("ada@acme.com").Type(), Mappings: []store.MappingWrite{
		{Service: mustService(testGitHub), Matcher: identity.Matcher{"user_id": "ada-l"}, Source: identity.FromEmail, AccountID: "4711"},
	}})
	p := newProtocolServer(t, nil, s.settings())
	for _, mode := range []string{"ignore", "warn", "error"} {
		options := map[string]any{"check_stale": true, "on_stale": mode, "on_unmapped": "ignore", "persist": true}
		_, diags := p.readData(resolved, resolveConfig("ada@acme.com", testGitHub, options))
		wantDiagnostics(t, diags, "ERROR: Identity Belongs to Another Account Now | ada@acme.com is mapped to ada-l in github:acme … has the id 4711")
		_, diags = p.readData(resolvedMany, bulkOf([]string{"ada@acme.com", "new@acme.com"}, []string{testGitHub}, options))
		wantDiagnostics(t, diags, "ERROR: Identities Belong to Other Accounts Now | … ada@acme.com is mapped to ada-l in github:acme … has the id 4711")
	}
	if _, stored := s.stored("new@acme.com", testGitHub); stored {
		t.Error("a data source that fails stored something")
	}

	accounts.Lock()
	delete(accounts.Accounts, "zoe@acme.com") // nobody has the old name
	accounts.Unlock()
	p.nextRun()
	got, diags := p.readData(resolved, resolveConfig("ada@acme.com", testGitHub, map[string]any{"check_stale": true}))
	wantDiagnostics(t, diags, "WARNING: Stale Identity: ada@acme.com in github:acme | … the store holds ada-l, but that account is called ada-byron now")
	if got["account"] != "renamed" || got["account_id"] != "4711" || got["stale"] != true {
		t.Errorf("got %v", got)
	}
}
