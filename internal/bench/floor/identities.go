// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// identities is floor_identities: the map of sym_identities, stored nowhere
// but in state.
type identities struct{}

type identitiesModel struct {
	ID         types.String `tfsdk:"id"`
	Identities types.Map    `tfsdk:"identities"`
}

func (identities) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "floor_identities"
}

func (identities) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":         schema.StringAttribute{Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
		"identities": schema.MapAttribute{Required: true, ElementType: types.StringType},
	}}
}

func (identities) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var model identitiesModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	model.ID = types.StringValue("floor")
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

// Read leaves state as it is, which is what the framework hands in.
func (identities) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (identities) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = req.Plan.Raw
}

func (identities) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}
