// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/provider"
)

// plugin calls a provider server as Terraform does; it configures it once.
type plugin struct {
	server tfprotov6.ProviderServer
	schema *tfprotov6.GetProviderSchemaResponse
}

// values maps the attributes of a block to values; missing ones are null.
type values map[string]tftypes.Value

func newPlugin(ctx context.Context, config values) (*plugin, error) {
	server := providerserver.NewProtocol6(provider.New("test")())()
	p := &plugin{server: server}
	var err error
	if p.schema, err = server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		return nil, err
	}
	encoded, err := encode(p.schema.Provider, block(p.schema.Provider, config))
	if err != nil {
		return nil, err
	}
	resp, err := server.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.12.0", Config: encoded})
	return p, errors.Join(err, failed(resp.Diagnostics))
}

// object holds one resource as Terraform's state does.
type object struct {
	kind     string
	state    tftypes.Value // null: it is not there
	private  []byte
	identity *tfprotov6.ResourceIdentityData
}

func (r *object) exists() bool { return r.state.Type() != nil && !r.state.IsNull() }

// text returns an attribute of the state, or "" if it is null.
func (r *object) text(name string) string {
	var attributes map[string]tftypes.Value
	var out string
	if r.state.As(&attributes) == nil {
		_ = attributes[name].As(&out)
	}
	return out
}

// refresh reads a resource. A declared resource that is gone is an error,
// because nobody else deletes anything.
func (p *plugin) refresh(ctx context.Context, r *object, declared bool) error {
	schema := p.schema.ResourceSchemas[r.kind]
	state, err := encode(schema, r.state)
	if err != nil {
		return err
	}
	resp, err := p.server.ReadResource(ctx, &tfprotov6.ReadResourceRequest{TypeName: r.kind, CurrentState: state, Private: r.private, CurrentIdentity: r.identity})
	if err = errors.Join(err, failed(resp.Diagnostics)); err != nil {
		return err
	}
	read, err := resp.NewState.Unmarshal(schema.ValueType())
	if err == nil && read.IsNull() && declared {
		return lost{fmt.Errorf("%s was dropped from state: %s", r.kind, describe(resp.Diagnostics))}
	}
	r.state, r.private, r.identity = read, resp.Private, resp.NewIdentity
	return err
}

// lost marks an error that no fault may cause.
type lost struct{ error }

// step holds a planned change.
type step struct {
	resource *object
	config   tftypes.Value
	planned  *tfprotov6.PlanResourceChangeResponse
	empty    bool
	done     func() // after it was applied
}

// plan plans config for a resource; nil destroys it.
func (p *plugin) plan(ctx context.Context, r *object, config values) (*step, error) {
	schema := p.schema.ResourceSchemas[r.kind]
	null := tftypes.NewValue(schema.ValueType(), nil)
	if r.state.Type() == nil {
		r.state = null
	}
	s := &step{resource: r, config: null}
	proposed := null
	if config != nil {
		s.config = block(schema, config)
		proposed = propose(schema, r.state, config)
	}
	req := &tfprotov6.PlanResourceChangeRequest{TypeName: r.kind, PriorPrivate: r.private, PriorIdentity: r.identity}
	var err error
	for to, from := range map[**tfprotov6.DynamicValue]tftypes.Value{&req.PriorState: r.state, &req.ProposedNewState: proposed, &req.Config: s.config} {
		encoded, bad := encode(schema, from)
		*to, err = encoded, errors.Join(err, bad)
	}
	if err != nil {
		return nil, err
	}
	if s.planned, err = p.server.PlanResourceChange(ctx, req); err != nil {
		return nil, err
	}
	if err := failed(s.planned.Diagnostics); err != nil {
		return nil, err
	}
	planned, err := s.planned.PlannedState.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, err
	}
	s.empty = planned.Equal(r.state)
	return s, nil
}

// apply applies a plan and keeps the new state.
func (p *plugin) apply(ctx context.Context, s *step) error {
	r, schema := s.resource, p.schema.ResourceSchemas[s.resource.kind]
	prior, err := encode(schema, r.state)
	if err != nil {
		return err
	}
	config, err := encode(schema, s.config)
	if err != nil {
		return err
	}
	resp, err := p.server.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: r.kind, PriorState: prior, PlannedState: s.planned.PlannedState, Config: config,
		PlannedPrivate: s.planned.PlannedPrivate, PlannedIdentity: s.planned.PlannedIdentity,
	})
	if err != nil {
		return err
	}
	after, err := resp.NewState.Unmarshal(schema.ValueType())
	if err != nil {
		return err
	}
	created := !r.exists() && !after.IsNull()
	r.state, r.private, r.identity = after, resp.Private, resp.NewIdentity
	err = failed(resp.Diagnostics)
	if err != nil && created {
		return lost{fmt.Errorf("a creation left state beside an error, which taints it: %w", err)}
	}
	if err == nil {
		s.done()
	}
	return err
}

// read reads a data source.
func (p *plugin) read(ctx context.Context, kind string, config values) (map[string]tftypes.Value, []*tfprotov6.Diagnostic, error) {
	schema := p.schema.DataSourceSchemas[kind]
	encoded, err := encode(schema, block(schema, config))
	if err != nil {
		return nil, nil, err
	}
	resp, err := p.server.ReadDataSource(ctx, &tfprotov6.ReadDataSourceRequest{TypeName: kind, Config: encoded})
	if err != nil || resp.State == nil {
		return nil, resp.Diagnostics, err
	}
	state, err := resp.State.Unmarshal(schema.ValueType())
	var attributes map[string]tftypes.Value
	if err == nil && !state.IsNull() {
		err = state.As(&attributes)
	}
	return attributes, resp.Diagnostics, err
}

func encode(schema *tfprotov6.Schema, v tftypes.Value) (*tfprotov6.DynamicValue, error) {
	out, err := tfprotov6.NewDynamicValue(schema.ValueType(), v)
	return &out, err
}

func block(schema *tfprotov6.Schema, config values) tftypes.Value {
	attributes := map[string]tftypes.Value{}
	for name, t := range schema.ValueType().(tftypes.Object).AttributeTypes {
		v, set := config[name]
		if !set {
			v = tftypes.NewValue(t, nil)
		}
		attributes[name] = v
	}
	return tftypes.NewValue(schema.ValueType(), attributes)
}

// propose merges configuration and prior state as Terraform does.
func propose(schema *tfprotov6.Schema, prior tftypes.Value, config values) tftypes.Value {
	before := map[string]tftypes.Value{}
	if !prior.IsNull() {
		_ = prior.As(&before)
	}
	merged := values{}
	for _, a := range schema.Block.Attributes {
		v, set := config[a.Name]
		switch {
		case set:
			merged[a.Name] = v
		case a.Computed && prior.IsNull():
			merged[a.Name] = tftypes.NewValue(a.Type, tftypes.UnknownValue)
		case a.Computed:
			merged[a.Name] = before[a.Name]
		}
	}
	return block(schema, merged)
}

func str(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

func textMap(m map[string]string) tftypes.Value {
	out := make(map[string]tftypes.Value, len(m))
	for k, v := range m {
		out[k] = str(v)
	}
	return tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, out)
}

// failed returns the diagnostics as an error if one of them is an error.
func failed(diags []*tfprotov6.Diagnostic) error {
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return errors.New(describe(diags))
		}
	}
	return nil
}

func describe(diags []*tfprotov6.Diagnostic) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%s: %s: %s\n", d.Severity, d.Summary, d.Detail)
	}
	return b.String()
}
