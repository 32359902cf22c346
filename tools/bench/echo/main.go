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
	err := os.Setenv("TF_LOG_SDK", "off") // Terraform discards this log
	if err == nil {
		err = providerserver.Serve(context.Background(), func() provider.Provider { return echo{} },
			providerserver.ServeOpts{Address: "registry.terraform.io/sym-identity/echo"})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-echo:", err)
		os.Exit(1)
	}
}

type echo struct{}

func (echo) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "echo"
}

func (echo) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

func (echo) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (echo) Resources(context.Context) []func() resource.Resource {
	text, computed := schema.StringAttribute{Optional: true}, schema.StringAttribute{Computed: true}
	texts := schema.MapAttribute{Optional: true, ElementType: types.StringType}
	return []func() resource.Resource{
		func() resource.Resource {
			return stored{"echo_identity", schema.Schema{Attributes: map[string]schema.Attribute{
				"user": text, "service_type": text, "external_id": text, "identity": text, "matcher": texts,
				"overwrite": schema.BoolAttribute{Optional: true}, "allow_shared": schema.BoolAttribute{Optional: true},
				"id": computed, "service": computed, "source": computed, "updated_at": computed, "revision": schema.Int64Attribute{Computed: true},
			}}}
		},
		func() resource.Resource {
			return stored{"echo_identities", schema.Schema{Attributes: map[string]schema.Attribute{"identities": texts, "id": computed}}}
		},
	}
}

// stored is a resource that is what it was planned to be.
type stored struct {
	name   string
	schema schema.Schema
}

func (s stored) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = s.name
}

func (s stored) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = s.schema
}

func (stored) Create(_ context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	resp.State.Raw = known(req.Plan.Raw)
}

func (stored) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (stored) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = known(req.Plan.Raw)
}

func (stored) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// known fills in what is computed.
func known(planned tftypes.Value) tftypes.Value {
	filled, err := tftypes.Transform(planned, func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		switch {
		case v.IsKnown():
			return v, nil
		case v.Type().Is(tftypes.Number):
			return tftypes.NewValue(tftypes.Number, 1), nil
		}
		return tftypes.NewValue(tftypes.String, "echo"), nil
	})
	if err != nil {
		panic(err) // it returns none
	}
	return filled
}

func (echo) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		func() datasource.DataSource { return one{} },
		func() datasource.DataSource { return all{} },
	}
}

// one returns as many texts of a person as sym_resolved_identity.
type one struct{}

func (one) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "echo_resolved_one"
}

func (one) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text, computed := data.StringAttribute{Optional: true}, data.StringAttribute{Computed: true}
	resp.Schema = data.Schema{Attributes: map[string]data.Attribute{
		"user": text, "service_type": text, "external_id": text,
		"identity": computed, "source": computed, "evidence": computed, "account_id": computed,
		"matcher": data.MapAttribute{Computed: true, ElementType: types.StringType}, "mapped": data.BoolAttribute{Computed: true},
	}}
}

func (one) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model struct {
		User        types.String      `tfsdk:"user"`
		ServiceType types.String      `tfsdk:"service_type"`
		ExternalID  types.String      `tfsdk:"external_id"`
		Identity    types.String      `tfsdk:"identity"`
		Source      types.String      `tfsdk:"source"`
		Evidence    types.String      `tfsdk:"evidence"`
		AccountID   types.String      `tfsdk:"account_id"`
		Matcher     map[string]string `tfsdk:"matcher"`
		Mapped      types.Bool        `tfsdk:"mapped"`
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	model.Identity, model.Source, model.Evidence, model.AccountID = model.User, model.User, model.User, model.User
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

// all returns maps of the size that sym_resolved_identities returns.
type all struct{}

func (all) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "echo_resolved"
}

func (all) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	maps := data.MapAttribute{Computed: true, ElementType: types.MapType{ElemType: types.StringType}}
	resp.Schema = data.Schema{Attributes: map[string]data.Attribute{
		"users": data.ListAttribute{Optional: true, ElementType: types.StringType}, "identities": maps, "by_service": maps,
	}}
}

func (all) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model struct {
		Users      []string                     `tfsdk:"users"`
		Identities map[string]map[string]string `tfsdk:"identities"`
		ByService  map[string]map[string]string `tfsdk:"by_service"`
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	const service = "okta:acme.okta.com"
	model.Identities, model.ByService = map[string]map[string]string{}, map[string]map[string]string{service: {}}
	for i, user := range model.Users {
		account := fmt.Sprintf("00u%06d", i)
		model.Identities[user], model.ByService[service][user] = map[string]string{service: account}, account
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}
