// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

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
		read, _ := u.refresh(state, id, nil)
		wantDiagnostics(t, read.Diagnostics)
		if !bytes.Equal(encoded, read.NewState.MsgPack) || len(read.Private) > 0 {
			t.Errorf("read: %x with private state %q, want %x", read.NewState.MsgPack, read.Private, encoded)
		}
		planned := u.planUnchanged(state, id, nil)
		wantDiagnostics(t, planned.Diagnostics)
		if !bytes.Equal(encoded, planned.PlannedState.MsgPack) || len(planned.PlannedPrivate) > 0 {
			t.Errorf("planned: %x with private state %q, want %x", planned.PlannedState.MsgPack, planned.PlannedPrivate, encoded)
		}
	}
}
