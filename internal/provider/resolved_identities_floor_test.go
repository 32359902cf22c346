// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// floorProvider has one data source, written as the framework's guide has it:
// users in, maps of accounts out.
type floorProvider struct{}

func (*floorProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "floor"
}
func (*floorProvider) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}
func (*floorProvider) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}
func (*floorProvider) Resources(context.Context) []func() resource.Resource { return nil }
func (*floorProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return floorMaps{} }}
}

type floorMaps struct{}

type floorModel struct {
	Users      types.List `tfsdk:"users"`
	Identities types.Map  `tfsdk:"identities"`
	ByService  types.Map  `tfsdk:"by_service"`
}

func (floorMaps) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "floor_maps"
}

func (floorMaps) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"users":      schema.ListAttribute{Required: true, ElementType: types.StringType},
		"identities": schema.MapAttribute{Computed: true, ElementType: identitiesByKey},
		"by_service": schema.MapAttribute{Computed: true, ElementType: identitiesByKey},
	}}
}

func (floorMaps) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model floorModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	const service = "okta:acme.okta.com"
	byUser, byService := map[string]attr.Value{}, map[string]attr.Value{}
	for i, user := range model.Users.Elements() {
		account := types.StringValue(fmt.Sprintf("00u%05d", i))
		name := user.(types.String).ValueString()
		byUser[name] = types.MapValueMust(types.StringType, map[string]attr.Value{service: account})
		byService[name] = account
	}
	model.Identities = types.MapValueMust(identitiesByKey, byUser)
	model.ByService = types.MapValueMust(identitiesByKey, map[string]attr.Value{service: types.MapValueMust(types.StringType, byService)})
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}
