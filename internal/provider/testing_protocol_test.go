// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// unknown stands for a value that is known only after apply, in the plain Go
// values (nil, string, bool, int, float64, []any, map[string]any) from which
// the protocol's values are built.
const unknown = "\x00unknown"

// protocolServer speaks Terraform's protocol to the provider without Terraform.
type protocolServer struct {
	t      *testing.T
	server tfprotov6.ProviderServer
	schema *tfprotov6.GetProviderSchemaResponse
	config map[string]any // nil: not configured
}

// newProtocolServer starts a provider with an environment of its own and, where
// config is not nil, configures it, which must work.
func newProtocolServer(t *testing.T, env map[string]string, config map[string]any) *protocolServer {
	t.Helper()
	return newProtocolServerOf(t, planningServer{newRecordedServer(env)}, config)
}

func newProtocolServerOf(t *testing.T, srv tfprotov6.ProviderServer, config map[string]any) *protocolServer {
	t.Helper()
	schema, err := srv.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	p := &protocolServer{t: t, server: srv, schema: schema, config: config}
	if config != nil {
		found := p.configure(config)
		wantDiagnostics(t, found)
		if hasError(found) {
			t.FailNow()
		}
	}
	return p
}

// tryConfigure starts a provider and returns what configuring it reports.
func tryConfigure(t *testing.T, env map[string]string, config map[string]any) []*tfprotov6.Diagnostic {
	t.Helper()
	return newProtocolServer(t, env, nil).configure(config)
}

// nextRun configures the provider again, as each walk of Terraform does: what
// the reads of the last one held is gone.
func (p *protocolServer) nextRun() {
	p.t.Helper()
	wantDiagnostics(p.t, p.configure(p.config))
}

func (p *protocolServer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// value builds a DynamicValue of a schema; what config leaves out is null.
func (p *protocolServer) value(schema *tfprotov6.Schema, config map[string]any) *tfprotov6.DynamicValue {
	p.t.Helper()
	want := schema.ValueType()
	var content any = config
	if config == nil {
		content = nil
	}
	out, err := tfprotov6.NewDynamicValue(want, toTerraform(want, content))
	p.must(err)
	return &out
}

// plain is the reverse of value; unknown values are the constant.
func (p *protocolServer) plain(schema *tfprotov6.Schema, v *tfprotov6.DynamicValue) map[string]any {
	p.t.Helper()
	decoded, err := v.Unmarshal(schema.ValueType())
	p.must(err)
	out, _ := fromTerraform(decoded).(map[string]any)
	return out
}

func (p *protocolServer) resource(typeName string) *tfprotov6.Schema {
	p.t.Helper()
	schema, ok := p.schema.ResourceSchemas[typeName]
	if !ok {
		p.t.Fatalf("no resource %s", typeName)
	}
	return schema
}

func (p *protocolServer) dataSource(typeName string) *tfprotov6.Schema {
	p.t.Helper()
	schema, ok := p.schema.DataSourceSchemas[typeName]
	if !ok {
		p.t.Fatalf("no data source %s", typeName)
	}
	return schema
}

func (p *protocolServer) validateProvider(config map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	if config == nil {
		config = map[string]any{}
	}
	resp, err := p.server.ValidateProviderConfig(p.t.Context(), &tfprotov6.ValidateProviderConfigRequest{Config: p.value(p.schema.Provider, config)})
	p.must(err)
	return resp.Diagnostics
}

func (p *protocolServer) configure(config map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	resp, err := p.server.ConfigureProvider(p.t.Context(), &tfprotov6.ConfigureProviderRequest{
		TerraformVersion: "1.14.0", Config: p.value(p.schema.Provider, config),
	})
	p.must(err)
	return resp.Diagnostics
}

func (p *protocolServer) validate(typeName string, config map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	resp, err := p.server.ValidateResourceConfig(p.t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: typeName, Config: p.value(p.resource(typeName), config),
	})
	p.must(err)
	return resp.Diagnostics
}

// plan plans from prior (nil = create) to config (nil = destroy), merging
// computed attributes as Terraform does.
func (p *protocolServer) plan(typeName string, prior, config map[string]any) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	return p.planWith(typeName, prior, config, nil)
}

func (p *protocolServer) planWith(typeName string, prior, config map[string]any, private []byte) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	schema := p.resource(typeName)
	var proposed map[string]any
	if config != nil {
		proposed = map[string]any{}
		for _, a := range schema.Block.Attributes {
			proposed[a.Name] = config[a.Name]
			switch {
			case config[a.Name] != nil || !a.Computed:
			case prior == nil:
				proposed[a.Name] = unknown
			default:
				proposed[a.Name] = prior[a.Name]
			}
		}
	}
	resp, err := p.server.PlanResourceChange(p.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: typeName, PriorState: p.value(schema, prior), ProposedNewState: p.value(schema, proposed), Config: p.value(schema, config),
		PriorPrivate: private,
	})
	p.must(err)
	return resp
}

// apply plans and applies; a plan with errors is returned as the apply's.
func (p *protocolServer) apply(typeName string, prior, config map[string]any) (state map[string]any, diags []*tfprotov6.Diagnostic) {
	p.t.Helper()
	planned := p.plan(typeName, prior, config)
	if hasError(planned.Diagnostics) {
		return prior, planned.Diagnostics
	}
	return p.applyPlan(typeName, prior, config, planned)
}

// applyPlan applies a plan made earlier.
func (p *protocolServer) applyPlan(typeName string, prior, config map[string]any, planned *tfprotov6.PlanResourceChangeResponse) (map[string]any, []*tfprotov6.Diagnostic) {
	p.t.Helper()
	schema := p.resource(typeName)
	resp, err := p.server.ApplyResourceChange(p.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: typeName, PriorState: p.value(schema, prior), PlannedState: planned.PlannedState, Config: p.value(schema, config),
		PlannedPrivate: planned.PlannedPrivate, PlannedIdentity: planned.PlannedIdentity,
	})
	p.must(err)
	return p.plain(schema, resp.NewState), resp.Diagnostics
}

// read refreshes a state; nil says that it is gone.
func (p *protocolServer) read(typeName string, state map[string]any) (map[string]any, []*tfprotov6.Diagnostic) {
	p.t.Helper()
	schema := p.resource(typeName)
	resp, err := p.server.ReadResource(p.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: typeName, CurrentState: p.value(schema, state)})
	p.must(err)
	return p.plain(schema, resp.NewState), resp.Diagnostics
}

// importState imports by id; nil where nothing was imported.
func (p *protocolServer) importState(typeName, id string) (map[string]any, []*tfprotov6.Diagnostic) {
	p.t.Helper()
	resp, err := p.server.ImportResourceState(p.t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: typeName, ID: id})
	p.must(err)
	if len(resp.ImportedResources) == 0 {
		return nil, resp.Diagnostics
	}
	return p.plain(p.resource(typeName), resp.ImportedResources[0].State), resp.Diagnostics
}

func (p *protocolServer) validateData(typeName string, config map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	resp, err := p.server.ValidateDataResourceConfig(p.t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{
		TypeName: typeName, Config: p.value(p.dataSource(typeName), config),
	})
	p.must(err)
	return resp.Diagnostics
}

func (p *protocolServer) readData(typeName string, config map[string]any) (map[string]any, []*tfprotov6.Diagnostic) {
	p.t.Helper()
	schema := p.dataSource(typeName)
	resp, err := p.server.ReadDataSource(p.t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: typeName, Config: p.value(schema, config)})
	p.must(err)
	if resp.State == nil {
		return nil, resp.Diagnostics
	}
	return p.plain(schema, resp.State), resp.Diagnostics
}

// call calls a provider function. Arguments must have the types of its
// parameters; for dynamic ones any will do.
func (p *protocolServer) call(name string, arguments ...tftypes.Value) (tftypes.Value, *tfprotov6.FunctionError) {
	p.t.Helper()
	values := make([]*tfprotov6.DynamicValue, len(arguments))
	for i, a := range arguments {
		v, err := tfprotov6.NewDynamicValue(p.schema.Functions[name].Parameters[i].Type, a)
		p.must(err)
		values[i] = &v
	}
	resp, err := p.server.CallFunction(p.t.Context(), &tfprotov6.CallFunctionRequest{Name: name, Arguments: values})
	p.must(err)
	if resp.Error != nil {
		return tftypes.Value{}, resp.Error
	}
	out, err := resp.Result.Unmarshal(p.schema.Functions[name].Return.Type)
	p.must(err)
	return out, nil
}

func toTerraform(want tftypes.Type, v any) tftypes.Value {
	switch v := v.(type) {
	case nil:
		return tftypes.NewValue(want, nil)
	case string:
		if v == unknown {
			return tftypes.NewValue(want, tftypes.UnknownValue)
		}
	case int:
		return tftypes.NewValue(want, big.NewFloat(float64(v)))
	case float64:
		return tftypes.NewValue(want, big.NewFloat(v))
	case map[string]any:
		out := map[string]tftypes.Value{}
		if object, ok := want.(tftypes.Object); ok {
			for name := range v {
				if _, known := object.AttributeTypes[name]; !known {
					panic("no attribute " + name)
				}
			}
			for name, t := range object.AttributeTypes {
				out[name] = toTerraform(t, v[name])
			}
			return tftypes.NewValue(want, out)
		}
		for name, e := range v {
			out[name] = toTerraform(want.(tftypes.Map).ElementType, e)
		}
		return tftypes.NewValue(want, out)
	case []any:
		out := make([]tftypes.Value, len(v))
		for i, e := range v {
			out[i] = toTerraform(want.(tftypes.List).ElementType, e)
		}
		return tftypes.NewValue(want, out)
	}
	return tftypes.NewValue(want, v)
}

func fromTerraform(v tftypes.Value) any {
	switch {
	case !v.IsKnown():
		return unknown
	case v.IsNull():
		return nil
	}
	var (
		text   string
		truth  bool
		number big.Float
		object map[string]tftypes.Value
		list   []tftypes.Value
	)
	switch {
	case v.As(&text) == nil:
		return text
	case v.As(&truth) == nil:
		return truth
	case v.As(&number) == nil:
		if whole, exact := number.Int64(); exact == big.Exact {
			return int(whole)
		}
		f, _ := number.Float64()
		return f
	case v.As(&object) == nil:
		out := map[string]any{}
		for k, e := range object {
			out[k] = fromTerraform(e)
		}
		return out
	case v.As(&list) == nil:
		out := []any{}
		for _, e := range list {
			out = append(out, fromTerraform(e))
		}
		return out
	}
	panic(fmt.Sprintf("no plain form of %s", v.Type()))
}

func hasError(diags []*tfprotov6.Diagnostic) bool {
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return true
		}
	}
	return false
}

// describeDiagnostic is "ERROR path: summary | detail".
func describeDiagnostic(d *tfprotov6.Diagnostic) string {
	at := ""
	if d.Attribute != nil {
		at = " " + d.Attribute.String()
	}
	return fmt.Sprintf("%s%s: %s | %s", d.Severity, at, d.Summary, d.Detail)
}

// wantDiagnostics checks that there are exactly these diagnostics, in any
// order: attributes are validated in none. Each must contain all parts of its
// "part … part"; severity, attribute path, summary and detail are one text.
func wantDiagnostics(t *testing.T, got []*tfprotov6.Diagnostic, want ...string) {
	t.Helper()
	left := make([]string, len(got))
	for i, d := range got {
		left[i] = describeDiagnostic(d)
	}
	for _, w := range want {
		found := slices.IndexFunc(left, func(text string) bool {
			for part := range strings.SplitSeq(w, " … ") {
				if !strings.Contains(text, part) {
					return false
				}
			}
			return true
		})
		if found < 0 {
			t.Errorf("no diagnostic with %q", w)
			continue
		}
		left = slices.Delete(left, found, found+1)
	}
	if len(left) > 0 {
		t.Errorf("%d further diagnostics:\n%s", len(left), strings.Join(left, "\n---\n"))
	}
}
