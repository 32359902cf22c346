// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// A person's value is never deleted by a destroy, refreshed before or not.
func TestIdentityDestroyLeavesWhatSomebodyStoredSince(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"00u1", "HAND"} {
		for _, refreshed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, refreshed %t", value, refreshed), func(t *testing.T) {
				t.Parallel()
				s, p := newIdentityTest(t)
				one := &owner{protocolServer: p, kind: "sym_identity"}
				wantDiagnostics(t, one.apply(oktaConfig("ada@acme.com", "00u1")))
				s.mapping("ada@acme.com", testOkta, value, identity.Manual)
				if refreshed {
					for range 2 { // the second read must not take the new revision for its own
						diags := one.read()
						if value == "00u1" {
							wantDiagnostics(t, diags, "WARNING … Identity Mapping Is Owned Elsewhere: ada@acme.com in okta:acme.okta.com … 00u1 (source manual, by somebody, … -replace=ADDRESS")
						}
					}
				}
				wantDiagnostics(t, one.apply(nil), "WARNING … Identity Mapping Kept: ada@acme.com in okta:acme.okta.com … Stored now: "+value+" (source manual, by somebody")
				s.wantStored("ada@acme.com", testOkta, value, identity.Manual)
			})
		}
	}
}

// Terraform spells every text in one Unicode form, the store as it was given. The
// revision says that it is the same mapping.
func TestIdentityDestroyOfAnotherUnicodeForm(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	s.register("custom:vo").mapping("ada@acme.com", "custom:vo", "jose\u0301", identity.Manual)
	state, diags := p.importState("sym_identity", "ada@acme.com,custom:vo")
	wantDiagnostics(t, diags)
	state["identity"] = "jos\u00e9"
	_, diags = p.apply("sym_identity", state, nil)
	wantDiagnostics(t, diags)
	if m, ok := s.stored("ada@acme.com", "custom:vo"); ok {
		t.Errorf("still stored: %v", m.Matcher)
	}
}

// Removing an entry leaves what a sym_identity, or a person, has stored since,
// although a read has seen it.
func TestIdentitiesRemovalLeavesWhatSomebodyStoredSince(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	all := map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "eve@acme.com": "00u3", "zoe@acme.com": "00u4"}
	b.mustApply(bulkOkta(all))
	_, diags := b.protocolServer.apply("sym_identity", nil, oktaConfig("ada@acme.com", "00u1")) // step 1 of a refactor
	wantDiagnostics(t, diags)
	s.mapping("bob@acme.com", testOkta, "HAND", identity.Manual)
	for range 2 {
		b.nextRun()
		diags = b.refresh()
	}
	wantDiagnostics(t, diags, "WARNING … Identity Mappings Are Owned Elsewhere: okta:acme.okta.com … 2 mappings … ada@acme.com: 00u1 … bob@acme.com: HAND")
	wantDiagnostics(t, b.apply(bulkOkta(map[string]any{"zoe@acme.com": "00u4"})), // step 2
		"WARNING … Identity Mappings Kept: okta:acme.okta.com … 2 mappings … ada@acme.com: 00u1 … bob@acme.com: HAND (source manual, by somebody")
	s.wantManual(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "HAND", "zoe@acme.com": "00u4"})
	s.wantAbsent("eve@acme.com")
}

// A saved plan of an exclusive resource removes what it showed, as it showed it.
func TestIdentitiesExclusiveRemovesWhatAPlanShowed(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	config := bulkOkta(map[string]any{"ada@acme.com": "00u1"}, map[string]any{"exclusive": true})
	b.mustApply(config)
	s.mapping("bob@acme.com", testOkta, "00u2", identity.Manual)
	s.mapping("eve@acme.com", testOkta, "00u3", identity.Manual)
	b.mustRefresh()
	saved := b.plan(config)
	wantDiagnostics(t, saved.Diagnostics)
	s.mapping("bob@acme.com", testOkta, "00u5", identity.Manual)
	s.mapping("late@acme.com", testOkta, "00u6", identity.Manual)
	wantDiagnostics(t, b.applyPlan(config, saved), "WARNING … Identity Mappings Kept … 1 mapping … bob@acme.com: 00u5 (source manual, by somebody")
	s.wantManual(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u5", "late@acme.com": "00u6"})
	s.wantAbsent("eve@acme.com")

	// A destroy gives up what the resource stored, and nothing that it only read.
	b.mustRefresh()
	b.wantRows(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u5", "late@acme.com": "00u6"})
	wantDiagnostics(t, b.apply(nil), "WARNING … Identity Mappings Kept … 2 mappings … bob@acme.com: 00u5, which this resource never stored … late@acme.com")
	s.wantAbsent("ada@acme.com")
	s.wantManual(map[string]any{"bob@acme.com": "00u5", "late@acme.com": "00u6"})
}

// A plan may remove a fifth of many mappings, or as many as max_removals says.
func TestIdentitiesMaxRemovals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inState, kept int
		limit         any
		refused       bool
	}{
		{19, 0, nil, false},
		{20, 16, nil, false},
		{20, 15, nil, true},
		{20, 0, nil, true},
		{20, 0, 20, false},
		{20, 0, 19, true},
		{3, 2, 0, true},
		{3, 3, 0, false},
		{40, 20, unknown, false},
	} {
		t.Run(fmt.Sprintf("%d of %d, %v", c.kept, c.inState, c.limit), func(t *testing.T) {
			t.Parallel()
			_, b := newBulkTest(t)
			b.mustApply(bulkOkta(manyRows(0, c.inState)))
			b.mustRefresh()
			planned := b.plan(bulkOkta(manyRows(0, c.kept), map[string]any{"max_removals": c.limit}))
			if c.refused {
				wantDiagnostics(t, planned.Diagnostics, fmt.Sprintf(`ERROR AttributeName("identities"): Too Many Mappings Would Be Removed … user%05d@acme.com … max_removals = %d`, c.inState-1, c.inState-c.kept))
			} else {
				wantDiagnostics(t, planned.Diagnostics)
			}
			// Destroying and replacing are not counted.
			wantDiagnostics(t, b.plan(nil).Diagnostics)
			elsewhere := bulkOkta(map[string]any{}, map[string]any{"external_id": "other.okta.com", "max_removals": 0})
			wantDiagnostics(t, b.plan(elsewhere).Diagnostics)
		})
	}
}

// Keys that are known only at apply: the plan says how many mappings may go, and
// the plan that Terraform makes with them, as it applies, removes no more.
func TestIdentitiesRemovalsWithUnknownKeys(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	keys := func(most any) map[string]any {
		return bulkOkta(nil, map[string]any{"identities": unknown, "max_removals": most})
	}
	wantDiagnostics(t, b.plan(keys(nil)).Diagnostics) // nothing to remove
	b.mustApply(bulkOkta(manyRows(0, 20)))
	s.forget()
	const summary = `WARNING AttributeName("identities"): Removals Are Not Known Yet: okta:acme.okta.com … 20 mappings in state … `
	wantDiagnostics(t, b.plan(keys(nil)).Diagnostics, summary+"at most 4, as max_removals is not set")
	wantDiagnostics(t, b.plan(keys(0)).Diagnostics, summary+"at most 0, as max_removals says")
	wantDiagnostics(t, b.plan(keys(unknown)).Diagnostics, summary+"any of them")
	if n := s.countWrites(); n > 0 {
		t.Errorf("planning sent %d writes", n)
	}
	wantDiagnostics(t, b.plan(bulkOkta(manyRows(0, 15))).Diagnostics, "ERROR … Too Many Mappings Would Be Removed")
	if n := s.countStored(); n != 20 {
		t.Errorf("%d mappings are left, want 20", n)
	}
}

// owner is a resource of either type that maps one user, with its private state.
type owner struct {
	*protocolServer
	kind    string
	state   map[string]any
	private []byte
}

func (o *owner) read() []*tfprotov6.Diagnostic {
	o.t.Helper()
	o.nextRun()
	schema := o.resource(o.kind)
	resp, err := o.server.ReadResource(o.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: o.kind, CurrentState: o.value(schema, o.state), Private: o.private})
	o.must(err)
	o.state, o.private = o.plain(schema, resp.NewState), resp.Private
	return resp.Diagnostics
}

// planned plans as Terraform does; nil destroys.
func (o *owner) planned(config map[string]any) *tfprotov6.PlanResourceChangeResponse {
	o.t.Helper()
	schema := o.resource(o.kind)
	var proposed map[string]any
	if config != nil {
		proposed = map[string]any{}
		for _, a := range schema.Block.Attributes {
			if a.Computed {
				proposed[a.Name] = unknown
			}
		}
		if o.state != nil {
			maps.Copy(proposed, o.state)
		}
		maps.Copy(proposed, config)
	}
	resp, err := o.server.PlanResourceChange(o.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: o.kind, PriorState: o.value(schema, o.state), ProposedNewState: o.value(schema, proposed), Config: o.value(schema, config), PriorPrivate: o.private,
	})
	o.must(err)
	return resp
}

// apply plans and applies; nil destroys. A plan with errors is returned.
func (o *owner) apply(config map[string]any) []*tfprotov6.Diagnostic {
	o.t.Helper()
	planned := o.planned(config)
	if hasError(planned.Diagnostics) {
		return planned.Diagnostics
	}
	schema := o.resource(o.kind)
	resp, err := o.server.ApplyResourceChange(o.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: o.kind, PriorState: o.value(schema, o.state), PlannedState: planned.PlannedState, Config: o.value(schema, config), PlannedPrivate: planned.PlannedPrivate,
	})
	o.must(err)
	o.state, o.private = o.plain(schema, resp.NewState), resp.Private
	return resp.Diagnostics
}
