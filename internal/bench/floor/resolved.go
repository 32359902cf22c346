// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// resolved is floor_resolved: users in, and out the two maps of
// sym_resolved_identities at the same size. It asks nobody. It is written as
// fast as the framework allows, on types.Map, so that it flatters no one.
type resolved struct{}

type resolvedModel struct {
	Users      types.List   `tfsdk:"users"`
	Service    types.String `tfsdk:"service"`
	Identities types.Map    `tfsdk:"identities"`
	ByService  types.Map    `tfsdk:"by_service"`
}

func (resolved) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "floor_resolved"
}

func (resolved) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	maps := types.MapType{ElemType: types.StringType}
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"users":      schema.ListAttribute{Required: true, ElementType: types.StringType},
		"service":    schema.StringAttribute{Required: true},
		"identities": schema.MapAttribute{Computed: true, ElementType: maps},
		"by_service": schema.MapAttribute{Computed: true, ElementType: maps},
	}}
}

func (resolved) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model resolvedModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	service := model.Service.ValueString()
	byUser, byService := map[string]attr.Value{}, map[string]attr.Value{}
	for i, element := range model.Users.Elements() {
		user, ok := element.(types.String)
		if !ok {
			resp.Diagnostics.AddError("Not a String", fmt.Sprintf("users holds a %T.", element))
			return
		}
		account := types.StringValue(fmt.Sprintf("00u%05d", i))
		byUser[user.ValueString()] = types.MapValueMust(types.StringType, map[string]attr.Value{service: account})
		byService[user.ValueString()] = account
	}
	maps := types.MapType{ElemType: types.StringType}
	model.Identities = types.MapValueMust(maps, byUser)
	model.ByService = types.MapValueMust(maps, map[string]attr.Value{service: types.MapValueMust(types.StringType, byService)})
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}
