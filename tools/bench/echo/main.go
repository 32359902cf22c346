// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command echo is a Terraform provider that asks nobody: it returns what it
// receives. It shows what Terraform and the protocol cost for the resources and
// data sources that bench measures.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func main() {
	err := os.Setenv("TF_LOG_SDK", "off") // Terraform discards this log
	if err == nil {
		err = tf6server.Serve("registry.terraform.io/sym-identity/echo", func() tfprotov6.ProviderServer { return echo{} })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-echo:", err)
		os.Exit(1)
	}
}

// echo implements what Terraform calls for managed resources and data sources.
type echo struct{ tfprotov6.ProviderServer }

var (
	stringMap    = tftypes.Map{ElementType: tftypes.String}
	capabilities = &tfprotov6.ServerCapabilities{GetProviderSchemaOptional: true}

	resources = map[string]*tfprotov6.Schema{
		"echo_identity": schema(map[string]tftypes.Type{
			"user": tftypes.String, "service_type": tftypes.String, "external_id": tftypes.String, "identity": tftypes.String,
			"matcher": stringMap, "overwrite": tftypes.Bool, "allow_shared": tftypes.Bool,
		}, map[string]tftypes.Type{
			"id": tftypes.String, "service": tftypes.String, "source": tftypes.String, "updated_at": tftypes.String, "revision": tftypes.Number,
		}),
		"echo_identities": schema(map[string]tftypes.Type{"identities": stringMap}, map[string]tftypes.Type{"id": tftypes.String}),
	}
	one         = "echo_resolved_one"
	dataSources = map[string]*tfprotov6.Schema{
		one: schema(map[string]tftypes.Type{"user": tftypes.String, "service_type": tftypes.String, "external_id": tftypes.String}, map[string]tftypes.Type{
			"identity": tftypes.String, "matcher": stringMap, "mapped": tftypes.Bool, "source": tftypes.String, "evidence": tftypes.String, "account_id": tftypes.String,
		}),
		"echo_resolved": schema(map[string]tftypes.Type{"users": tftypes.List{ElementType: tftypes.String}},
			map[string]tftypes.Type{"identities": tftypes.Map{ElementType: stringMap}, "by_service": tftypes.Map{ElementType: stringMap}}),
	}
)

func schema(optional, computed map[string]tftypes.Type) *tfprotov6.Schema {
	block := &tfprotov6.SchemaBlock{}
	for name, t := range optional {
		block.Attributes = append(block.Attributes, &tfprotov6.SchemaAttribute{Name: name, Type: t, Optional: true})
	}
	for name, t := range computed {
		block.Attributes = append(block.Attributes, &tfprotov6.SchemaAttribute{Name: name, Type: t, Computed: true})
	}
	return &tfprotov6.Schema{Block: block}
}

func (echo) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	resp := &tfprotov6.GetMetadataResponse{ServerCapabilities: capabilities}
	for name := range resources {
		resp.Resources = append(resp.Resources, tfprotov6.ResourceMetadata{TypeName: name})
	}
	for name := range dataSources {
		resp.DataSources = append(resp.DataSources, tfprotov6.DataSourceMetadata{TypeName: name})
	}
	return resp, nil
}

func (echo) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{Provider: schema(nil, nil), ResourceSchemas: resources, DataSourceSchemas: dataSources, ServerCapabilities: capabilities}, nil
}

func (echo) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (echo) ValidateProviderConfig(_ context.Context, req *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: req.Config}, nil
}

func (echo) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (echo) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (echo) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (echo) UpgradeResourceState(_ context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &tfprotov6.DynamicValue{JSON: req.RawState.JSON}}, nil
}

func (echo) ReadResource(_ context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return &tfprotov6.ReadResourceResponse{NewState: req.CurrentState}, nil
}

func (echo) PlanResourceChange(_ context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: req.ProposedNewState}, nil
}

// ApplyResourceChange fills in computed attributes.
func (echo) ApplyResourceChange(_ context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	of := resources[req.TypeName].ValueType()
	planned, err := req.PlannedState.Unmarshal(of)
	if err != nil {
		return nil, err
	}
	stored, err := tftypes.Transform(planned, func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if v.IsKnown() {
			return v, nil
		}
		if v.Type().Is(tftypes.Number) {
			return tftypes.NewValue(tftypes.Number, 1), nil
		}
		return tftypes.NewValue(tftypes.String, "echo"), nil
	})
	if err != nil {
		return nil, err
	}
	state, err := tfprotov6.NewDynamicValue(of, stored)
	return &tfprotov6.ApplyResourceChangeResponse{NewState: &state}, err
}

func (echo) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

// ReadDataSource returns maps of the size that sym_resolved_identities returns, or
// the texts of one person.
func (echo) ReadDataSource(_ context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	of := dataSources[req.TypeName].ValueType()
	config, err := req.Config.Unmarshal(of)
	if err != nil {
		return nil, err
	}
	var attributes map[string]tftypes.Value
	var users []tftypes.Value
	if err := config.As(&attributes); err != nil {
		return nil, err
	}
	if req.TypeName == one {
		for name, value := range attributes {
			if value.IsNull() && value.Type().Is(tftypes.String) {
				attributes[name] = attributes["user"]
			}
		}
		state, err := tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, attributes))
		return &tfprotov6.ReadDataSourceResponse{State: &state}, err
	}
	if err := attributes["users"].As(&users); err != nil {
		return nil, err
	}
	byUser, accounts := map[string]tftypes.Value{}, map[string]tftypes.Value{}
	for i, user := range users {
		var email string
		if err := user.As(&email); err != nil {
			return nil, err
		}
		accounts[email] = tftypes.NewValue(tftypes.String, fmt.Sprintf("00u%06d", i))
		byUser[email] = tftypes.NewValue(stringMap, map[string]tftypes.Value{"okta:acme.okta.com": accounts[email]})
	}
	attributes["identities"] = tftypes.NewValue(tftypes.Map{ElementType: stringMap}, byUser)
	attributes["by_service"] = tftypes.NewValue(tftypes.Map{ElementType: stringMap}, map[string]tftypes.Value{"okta:acme.okta.com": tftypes.NewValue(stringMap, accounts)})
	state, err := tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, attributes))
	return &tfprotov6.ReadDataSourceResponse{State: &state}, err
}
