// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// instance is one resource of a state file: what protocolServer's own methods
// leave out is its private state, which Terraform hands back unread.
type instance struct {
	typeName string
	state    map[string]any // nil: none
	private  []byte
	identity *tfprotov6.ResourceIdentityData
}

// refresh reads the instance as a walk of p does.
func (i *instance) refresh(p *protocolServer) []*tfprotov6.Diagnostic {
	p.t.Helper()
	schema := p.resource(i.typeName)
	resp, err := p.server.ReadResource(p.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: i.typeName, CurrentState: p.value(schema, i.state), Private: i.private, CurrentIdentity: i.identity,
	})
	p.must(err)
	if !hasError(resp.Diagnostics) {
		i.state, i.private, i.identity = p.plain(schema, resp.NewState), resp.Private, resp.NewIdentity
	}
	return resp.Diagnostics
}

// plan plans from the instance to config (nil = destroy).
func (i *instance) plan(p *protocolServer, config map[string]any) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	return p.planWith(i.typeName, i.state, config, i.private)
}

// apply plans and applies config (nil = destroy).
func (i *instance) apply(p *protocolServer, config map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	planned := i.plan(p, config)
	if hasError(planned.Diagnostics) {
		return planned.Diagnostics
	}
	return i.applyPlan(p, config, planned)
}

func (i *instance) applyPlan(p *protocolServer, config map[string]any, planned *tfprotov6.PlanResourceChangeResponse) []*tfprotov6.Diagnostic {
	p.t.Helper()
	return i.applyPlanIn(p.t.Context(), p, config, planned)
}

// applyPlanIn is applyPlan in a context that an interruption ends.
func (i *instance) applyPlanIn(ctx context.Context, p *protocolServer, config map[string]any, planned *tfprotov6.PlanResourceChangeResponse) []*tfprotov6.Diagnostic {
	p.t.Helper()
	schema := p.resource(i.typeName)
	resp, err := p.server.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: i.typeName, PriorState: p.value(schema, i.state), PlannedState: planned.PlannedState, Config: p.value(schema, config),
		PlannedPrivate: planned.PlannedPrivate, PlannedIdentity: planned.PlannedIdentity,
	})
	p.must(err)
	i.state, i.private, i.identity = p.plain(schema, resp.NewState), resp.Private, resp.NewIdentity
	return resp.Diagnostics
}

// privateOf returns private state that knows a store.
func privateOf(t *testing.T, store string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string][]byte{storeKey: []byte(store)})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
