// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// bareProvider has one resource with the schema of sym_identities, written as
// the framework's documentation shows: what such a map costs at least.
type bareProvider struct{}

func (bareProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "sym"
}
func (bareProvider) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}
func (bareProvider) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}
func (bareProvider) DataSources(context.Context) []func() datasource.DataSource { return nil }
func (bareProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return bareResource{} }}
}

type bareResource struct{}

type bareModel struct {
	ID          types.String `tfsdk:"id"`
	Service     types.String `tfsdk:"service"`
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
	Identities  types.Map    `tfsdk:"identities"`
	Exclusive   types.Bool   `tfsdk:"exclusive"`
	Overwrite   types.Bool   `tfsdk:"overwrite"`
	AllowShared types.Bool   `tfsdk:"allow_shared"`
}

func (bareResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_identities"
}

func (bareResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":           schema.StringAttribute{Computed: true, PlanModifiers: keep},
		"service":      schema.StringAttribute{Computed: true, PlanModifiers: keep},
		"service_type": schema.StringAttribute{Required: true, PlanModifiers: replace},
		"external_id":  schema.StringAttribute{Required: true, PlanModifiers: replace},
		"identities":   schema.MapAttribute{Required: true, ElementType: types.StringType},
		"exclusive":    schema.BoolAttribute{Optional: true},
		"overwrite":    schema.BoolAttribute{Optional: true},
		"allow_shared": schema.BoolAttribute{Optional: true},
	}}
}

func (bareResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m bareModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	m.setComputed()
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (bareResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m bareModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (bareResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m bareModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	m.setComputed()
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (bareResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

func (m *bareModel) setComputed() {
	key := types.StringValue(m.ServiceType.ValueString() + ":" + m.ExternalID.ValueString())
	m.ID, m.Service = key, key
}
