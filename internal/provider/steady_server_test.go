// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// steadyPair is one provider, asked through the shortcuts and without them.
type steadyPair struct {
	*protocolServer
	steady   *steadyServer
	mapping  *tfprotov6.Schema
	identity tftypes.Type
	stored   []map[string]any // states of what is stored
}

// newSteadyPair is a provider whose run holds a snapshot: it has read enough.
func newSteadyPair(t *testing.T) *steadyPair {
	t.Helper()
	s, p := newIdentityTest(t)
	const people = 60
	for i := range people {
		s.mapping(fmt.Sprintf("person%d@acme.com", i), testOkta, fmt.Sprintf("00u%d", i), identity.Manual)
	}
	s.mapping("gus@acme.com", testGitHub, "Gus", identity.FromRule)
	pair := &steadyPair{protocolServer: p, steady: p.server.(recordedServer).steadyServer, mapping: p.resource("sym_identity")}
	schemas, err := p.server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	p.must(err)
	pair.identity = schemas.IdentitySchemas["sym_identity"].ValueType()
	imported := func(id string) {
		state, diags := p.importState("sym_identity", id)
		wantDiagnostics(t, diags)
		pair.stored = append(pair.stored, state)
	}
	for i := range people {
		imported(fmt.Sprintf("person%d@acme.com,%s", i, testOkta))
	}
	imported("gus@acme.com," + testGitHub)
	return pair
}

// shown writes a value of the protocol so that equal ones read the same.
func shown(t *rapid.T, typ tftypes.Type, v *tfprotov6.DynamicValue) string {
	if v == nil {
		return "absent"
	}
	decoded, err := v.Unmarshal(typ)
	if err != nil {
		t.Fatalf("an answer that Terraform cannot read: %s", err)
	}
	return decoded.String()
}

func (s *steadyPair) shownIdentity(t *rapid.T, id *tfprotov6.ResourceIdentityData) string {
	if id == nil {
		return "absent"
	}
	return shown(t, s.identity, id.IdentityData)
}

// shownDiagnostics is sorted: the framework validates attributes in the order of
// a Go map.
func shownDiagnostics(diags []*tfprotov6.Diagnostic) string {
	var out []string
	for _, d := range diags {
		out = append(out, fmt.Sprintf("%s %s: %s: %s", d.Severity, d.Attribute, d.Summary, d.Detail))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// steadyAnswer is what both have to agree on.
type steadyAnswer struct{ State, Identity, Private, Diagnostics string }

// answersAlike asks both for everything that Terraform asks of one resource in
// a plan.
func (s *steadyPair) answersAlike(t *rapid.T, state, config map[string]any, withIdentity bool, private []byte) {
	ctx, typ := s.t.Context(), s.mapping.ValueType()
	compare := func(what string, ask func(server tfprotov6.ProviderServer) steadyAnswer) {
		if diff := cmp.Diff(ask(s.steady.frameworkServer), ask(s.steady)); diff != "" {
			t.Errorf("%s of %v (config %v) (-framework +steady):\n%s", what, state, config, diff)
		}
	}
	compare("validation", func(server tfprotov6.ProviderServer) steadyAnswer {
		resp, err := server.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: "sym_identity", Config: s.value(s.mapping, config)})
		s.must(err)
		return steadyAnswer{Diagnostics: shownDiagnostics(resp.Diagnostics)}
	})
	text, err := json.Marshal(state)
	s.must(err)
	compare("upgrade", func(server tfprotov6.ProviderServer) steadyAnswer {
		resp, err := server.UpgradeResourceState(ctx, &tfprotov6.UpgradeResourceStateRequest{TypeName: "sym_identity", RawState: &tfprotov6.RawState{JSON: text}})
		s.must(err)
		return steadyAnswer{State: shown(t, typ, resp.UpgradedState), Diagnostics: shownDiagnostics(resp.Diagnostics)}
	})
	var id *tfprotov6.ResourceIdentityData
	if key, ok := keyOf(state); withIdentity && ok {
		value, err := tfprotov6.NewDynamicValue(s.identity, toTerraform(s.identity, map[string]any{
			"user": string(key.user), "service_type": key.service.Type, "external_id": key.service.ExternalID}))
		s.must(err)
		id = &tfprotov6.ResourceIdentityData{IdentityData: &value}
	}
	compare("reading", func(server tfprotov6.ProviderServer) steadyAnswer {
		resp, err := server.ReadResource(ctx, &tfprotov6.ReadResourceRequest{
			TypeName: "sym_identity", CurrentState: s.value(s.mapping, state), CurrentIdentity: id, Private: private})
		s.must(err)
		return steadyAnswer{shown(t, typ, resp.NewState), s.shownIdentity(t, resp.NewIdentity), string(resp.Private), shownDiagnostics(resp.Diagnostics)}
	})
	proposed := maps.Clone(config)
	for _, a := range s.mapping.Block.Attributes {
		if a.Computed {
			proposed[a.Name] = state[a.Name]
		}
	}
	compare("planning", func(server tfprotov6.ProviderServer) steadyAnswer {
		resp, err := server.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
			TypeName: "sym_identity", PriorState: s.value(s.mapping, state), ProposedNewState: s.value(s.mapping, proposed),
			Config: s.value(s.mapping, config), PriorIdentity: id, PriorPrivate: private})
		s.must(err)
		return steadyAnswer{shown(t, typ, resp.PlannedState), s.shownIdentity(t, resp.PlannedIdentity), string(resp.PlannedPrivate),
			shownDiagnostics(resp.Diagnostics) + fmt.Sprint(resp.RequiresReplace)}
	})
}

func keyOf(state map[string]any) (mappingKey, bool) {
	text := func(name string) string { s, _ := state[name].(string); return s }
	key, err := newMappingKey(text("user"), text("service_type"), text("external_id"))
	return key, err == nil
}

// configured is a state without what Terraform's configuration does not hold.
func (s *steadyPair) configured(state map[string]any) map[string]any {
	config := maps.Clone(state)
	for _, a := range s.mapping.Block.Attributes {
		if a.Computed {
			delete(config, a.Name)
		}
	}
	return config
}

// TestSteadyAnswersAsTheFramework asks about states and configurations that
// are as stored, or differ in something, and compares every answer.
func TestSteadyAnswersAsTheFramework(t *testing.T) {
	t.Parallel()
	s := newSteadyPair(t)
	known := map[string][]any{
		"user":         {" Person1@ACME.com", "person2@acme.com", "nobody@acme.com", "a bot", "", "robot", "two@at@acme.com"},
		"service_type": {"okta", "github", "sym", "Not A Type"},
		"external_id":  {"acme.okta.com", "acme", ""},
		"identity":     {nil, "00u1", "gus", " 00u1", ""},
		"matcher":      {nil, map[string]any{}, map[string]any{"user_id": "00u1"}, map[string]any{"user_id": "00u1", "note": "x"}},
		"overwrite":    {nil, true, false},
		"allow_shared": {nil, true, false},
	}
	computed := map[string][]any{
		"id":         {nil, "x", "person1@acme.com,okta:acme.okta.com"},
		"service":    {nil, "okta:acme.okta.com"},
		"source":     {nil, "manual", "rule"},
		"revision":   {nil, 1, 0, -1, 1 << 40},
		"updated_at": {nil, "2026-01-01T00:00:00Z", "yesterday"},
	}
	unknowns := []any{unknown, map[string]any{"user_id": unknown}}
	draw := func(rt *rapid.T, into map[string]any, from map[string][]any, label string) {
		for range rapid.IntRange(0, 2).Draw(rt, label) {
			name := rapid.SampledFrom(slices.Sorted(maps.Keys(from))).Draw(rt, label+": which")
			into[name] = rapid.SampledFrom(from[name]).Draw(rt, label+": "+name)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		state := maps.Clone(rapid.SampledFrom(s.stored).Draw(rt, "stored"))
		draw(rt, state, known, "changed in state")
		draw(rt, state, computed, "computed otherwise")
		config := s.configured(state)
		draw(rt, config, known, "configured otherwise")
		if rapid.IntRange(0, 4).Draw(rt, "something unknown") == 0 {
			name := rapid.SampledFrom(slices.Sorted(maps.Keys(known))).Draw(rt, "unknown")
			config[name] = unknown
			if name == "matcher" {
				config[name] = rapid.SampledFrom(unknowns).Draw(rt, "unknown matcher")
			}
		}
		private := rapid.SampledFrom([][]byte{nil, []byte(`{"replaced_user":"ImFkYUBhY21lLmNvbSI="}`)}).Draw(rt, "private")
		s.answersAlike(rt, state, config, rapid.Bool().Draw(rt, "with identity"), private)
	})
}

// TestSteadyNeedsNoFramework makes sure that the shortcuts are taken where they
// are meant to be: there is no framework behind them, so that anything else
// panics.
func TestSteadyNeedsNoFramework(t *testing.T) {
	t.Parallel()
	s := newSteadyPair(t)
	s.steady.frameworkServer = nil
	for _, state := range s.stored {
		config := s.configured(state)
		wantDiagnostics(t, s.validate("sym_identity", config))
		text, err := json.Marshal(state)
		s.must(err)
		upgraded, err := s.server.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{TypeName: "sym_identity", RawState: &tfprotov6.RawState{JSON: text}})
		s.must(err)
		if diff := cmp.Diff(state, s.plain(s.mapping, upgraded.UpgradedState)); diff != "" {
			t.Errorf("upgraded (-state +answer):\n%s", diff)
		}
		read, diags := s.read("sym_identity", state)
		wantDiagnostics(t, diags)
		if diff := cmp.Diff(state, read); diff != "" {
			t.Errorf("read (-state +answer):\n%s", diff)
		}
		planned := s.plan("sym_identity", state, config)
		wantDiagnostics(t, planned.Diagnostics)
		if diff := cmp.Diff(state, s.plain(s.mapping, planned.PlannedState)); diff != "" {
			t.Errorf("planned (-state +answer):\n%s", diff)
		}
	}
}
