// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// TestSchemas_areValid finds every type through the provider, so that a new
// one is checked without being listed here.
func TestSchemas_areValid(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := newProvider("test", lookupIn(nil))

	var schema provider.SchemaResponse
	p.Schema(ctx, provider.SchemaRequest{}, &schema)
	if diags := schema.Schema.ValidateImplementation(ctx); diags.HasError() {
		t.Errorf("provider: %v", diags)
	}
	for _, construct := range p.Resources(ctx) {
		r := construct()
		var resp resource.SchemaResponse
		r.Schema(ctx, resource.SchemaRequest{}, &resp)
		diags := resp.Schema.ValidateImplementation(ctx)
		if with, ok := r.(resource.ResourceWithIdentity); ok {
			var id resource.IdentitySchemaResponse
			with.IdentitySchema(ctx, resource.IdentitySchemaRequest{}, &id)
			diags.Append(id.IdentitySchema.ValidateImplementation(ctx)...)
		} else {
			t.Errorf("%T has no resource identity", r)
		}
		if _, ok := r.(resource.ResourceWithImportState); !ok {
			t.Errorf("%T cannot be imported", r)
		}
		if diags.HasError() {
			t.Errorf("%T: %v", r, diags)
		}
	}
	for _, construct := range p.DataSources(ctx) {
		d := construct()
		var resp datasource.SchemaResponse
		d.Schema(ctx, datasource.SchemaRequest{}, &resp)
		if diags := resp.Schema.ValidateImplementation(ctx); diags.HasError() {
			t.Errorf("%T: %v", d, diags)
		}
	}
	for _, construct := range p.Functions(ctx) {
		f := construct()
		var meta function.MetadataResponse
		f.Metadata(ctx, function.MetadataRequest{}, &meta)
		var resp function.DefinitionResponse
		f.Definition(ctx, function.DefinitionRequest{}, &resp)
		var valid function.DefinitionValidateResponse
		resp.Definition.ValidateImplementation(ctx, function.DefinitionValidateRequest{FuncName: meta.Name}, &valid)
		if valid.Diagnostics.HasError() {
			t.Errorf("%T: %v", f, valid.Diagnostics)
		}
	}
}

func TestSchemas_areDescribed(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	wantDiagnostics(t, p.schema.Diagnostics)

	check := func(where string, s *tfprotov6.Schema) {
		wantDescription(t, where, s.Block.Description)
		if len(s.Block.BlockTypes) > 0 {
			t.Errorf("%s has blocks: nested attributes can be null and unknown, blocks cannot", where)
		}
		checkAttributes(t, where, s.Block.Attributes)
	}
	check("provider", p.schema.Provider)
	for name, s := range p.schema.ResourceSchemas {
		check(name, s)
	}
	for name, s := range p.schema.DataSourceSchemas {
		check("data."+name, s)
	}
	for name, f := range p.schema.Functions {
		wantDescription(t, name, f.Description)
		if f.Summary == "" {
			t.Errorf("function %s has no summary", name)
		}
		for _, param := range f.Parameters {
			wantDescription(t, name+"("+param.Name+")", param.Description)
		}
	}
	if len(p.schema.ResourceSchemas) < 2 || len(p.schema.DataSourceSchemas) < 1 || len(p.schema.Functions) < 1 {
		t.Errorf("the provider lost types: %d resources, %d data sources, %d functions",
			len(p.schema.ResourceSchemas), len(p.schema.DataSourceSchemas), len(p.schema.Functions))
	}
}

func checkAttributes(t *testing.T, where string, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, a := range attributes {
		name := where + "." + a.Name
		wantDescription(t, name, a.Description)
		if a.DescriptionKind != tfprotov6.StringKindMarkdown {
			t.Errorf("%s: its description is not Markdown", name)
		}
		if a.NestedType != nil {
			checkAttributes(t, name, a.NestedType.Attributes)
		}
	}
}

func wantDescription(t *testing.T, what, description string) {
	t.Helper()
	switch {
	case description == "":
		t.Errorf("%s has no description", what)
	case !strings.HasSuffix(description, ".") && !strings.HasSuffix(description, ".)"):
		t.Errorf("%s: its description is no sentence: %q", what, description)
	}
}

func TestProviderSchema_isOptionalAndHidesSecrets(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	secrets := []string{"http_headers", "token"}
	for _, a := range p.schema.Provider.Block.Attributes {
		if !a.Optional || a.Required {
			t.Errorf("%s is not optional", a.Name)
		}
		if a.Sensitive != slices.Contains(secrets, a.Name) {
			t.Errorf("%s: sensitive = %t", a.Name, a.Sensitive)
		}
	}
}
