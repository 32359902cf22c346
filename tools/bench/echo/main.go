// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command echo is a provider of the plugin framework that asks nobody: it returns
// what it receives. It shows what Terraform, the protocol and the framework cost
// for the resources and data sources that bench measures.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	data "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func main() {
	_ = os.Setenv("TF_LOG_SDK", "off") // Terraform discards this log
	if err := providerserver.Serve(context.Background(), func() provider.Provider { return echo{} }, providerserver.ServeOpts{Address: "registry.terraform.io/echo-identity/echo"}); err != nil {
		panic(err)
	}
}

type echo struct{}

func (echo) Metadata(context.Context, provider.MetadataRequest, *provider.MetadataResponse)    {}
func (echo) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse)          {}
func (echo) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (echo) Resources(context.Context) []func() resource.Resource {
	one, all := stored("echo_identity"), stored("echo_identities")
	return []func() resource.Resource{func() resource.Resource { return one }, func() resource.Resource { return all }}
}

// stored is a resource type with as many attributes as sym_identity. A resource is what
// it was planned to be; no benchmark changes one.
type stored string

func (s stored) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = string(s)
}

func (stored) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	text, computed := schema.StringAttribute{Optional: true}, schema.StringAttribute{Computed: true}
	texts, yes := schema.MapAttribute{Optional: true, ElementType: types.StringType}, schema.BoolAttribute{Optional: true}
	resp.Schema.Attributes = map[string]schema.Attribute{
		"user": text, "service_type": text, "external_id": text, "identity": text, "matcher": texts, "identities": texts,
		"overwrite": yes, "allow_shared": yes, "id": computed, "service": computed, "source": computed, "updated_at": computed, "revision": computed,
	}
}

func (stored) Create(_ context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	values := map[string]tftypes.Value{}
	_ = req.Plan.Raw.As(&values) // a plan is an object
	for name, value := range values {
		if !value.IsKnown() {
			values[name] = tftypes.NewValue(tftypes.String, "echo")
		}
	}
	resp.State.Raw = tftypes.NewValue(req.Plan.Raw.Type(), values)
}

func (stored) Read(context.Context, resource.ReadRequest, *resource.ReadResponse)       {}
func (stored) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}
func (stored) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

func (echo) DataSources(context.Context) []func() datasource.DataSource {
	one, all := resolved("echo_resolved_identity"), resolved("echo_resolved_identities")
	return []func() datasource.DataSource{func() datasource.DataSource { return one }, func() datasource.DataSource { return all }}
}

// resolved is a data source type that returns as many texts of a person as
// sym_resolved_identity, and maps of the size that sym_resolved_identities returns.
type resolved string

func (r resolved) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = string(r)
}

func (resolved) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text, computed := data.StringAttribute{Optional: true}, data.StringAttribute{Computed: true}
	textsType := types.MapType{ElemType: types.StringType}
	maps, objects := data.MapAttribute{Computed: true, ElementType: textsType}, data.ListAttribute{Optional: true, ElementType: textsType}
	resp.Schema.Attributes = map[string]data.Attribute{
		"user": text, "service_type": text, "external_id": text, "users": data.ListAttribute{Optional: true, ElementType: types.StringType},
		"services": objects, "rules": objects,
		"identity": computed, "source": computed, "evidence": computed, "account_id": computed, "identities": maps, "by_service": maps,
	}
}

func (resolved) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model struct {
		User        types.String                 `tfsdk:"user"`
		ServiceType types.String                 `tfsdk:"service_type"`
		ExternalID  types.String                 `tfsdk:"external_id"`
		Users       []string                     `tfsdk:"users"`
		Services    types.List                   `tfsdk:"services"`
		Rules       types.List                   `tfsdk:"rules"`
		Identity    types.String                 `tfsdk:"identity"`
		Source      types.String                 `tfsdk:"source"`
		Evidence    types.String                 `tfsdk:"evidence"`
		AccountID   types.String                 `tfsdk:"account_id"`
		Identities  map[string]map[string]string `tfsdk:"identities"`
		ByService   map[string]map[string]string `tfsdk:"by_service"`
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	model.Identity, model.Source, model.Evidence, model.AccountID = model.User, model.User, model.User, model.User
	if model.Users != nil {
		const service = "okta:acme.okta.com"
		model.Identities, model.ByService = map[string]map[string]string{}, map[string]map[string]string{service: {}}
		for i, user := range model.Users {
			account := fmt.Sprintf("U%08d", i)
			model.Identities[user], model.ByService[service][user] = map[string]string{service: account}, account
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}
