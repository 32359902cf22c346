// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command echo is a Terraform provider below any framework: its echo_identity
// has the attributes of sym_identity, and each question about one is answered
// with the bytes that came with it. It is what Terraform and the protocol cost
// for resources that live in another process; no provider can be cheaper.
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
	// Terraform throws this log away; writing it would not be the protocol's cost.
	err := os.Setenv("TF_LOG_SDK", "off")
	if err == nil {
		err = tf6server.Serve("registry.terraform.io/sym-identity/echo", func() tfprotov6.ProviderServer { return echo{} })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-echo:", err)
		os.Exit(1)
	}
}

// echo answers what Terraform asks about managed resources; nothing else is
// asked of it.
type echo struct{ tfprotov6.ProviderServer }

const typeName = "echo_identity"

func schema() *tfprotov6.Schema {
	strings := tftypes.Map{ElementType: tftypes.String}
	attributes := []*tfprotov6.SchemaAttribute{
		{Name: "user", Type: tftypes.String, Required: true},
		{Name: "service_type", Type: tftypes.String, Required: true},
		{Name: "external_id", Type: tftypes.String, Required: true},
		{Name: "identity", Type: tftypes.String, Optional: true},
		{Name: "matcher", Type: strings, Optional: true},
		{Name: "overwrite", Type: tftypes.Bool, Optional: true},
		{Name: "allow_shared", Type: tftypes.Bool, Optional: true},
		{Name: "revision", Type: tftypes.Number, Computed: true},
	}
	for _, name := range []string{"id", "service", "source", "updated_at"} {
		attributes = append(attributes, &tfprotov6.SchemaAttribute{Name: name, Type: tftypes.String, Computed: true})
	}
	return &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{Attributes: attributes}}
}

var capabilities = &tfprotov6.ServerCapabilities{GetProviderSchemaOptional: true}

func (echo) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{Resources: []tfprotov6.ResourceMetadata{{TypeName: typeName}}, ServerCapabilities: capabilities}, nil
}

func (echo) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{
		Provider: &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{}}, ResourceSchemas: map[string]*tfprotov6.Schema{typeName: schema()},
		ServerCapabilities: capabilities,
	}, nil
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

// ApplyResourceChange fills in what is computed. It runs before anything is
// measured.
func (echo) ApplyResourceChange(_ context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	of := schema().ValueType()
	planned, err := req.PlannedState.Unmarshal(of)
	if err != nil {
		return nil, err
	}
	stored, err := tftypes.Transform(planned, func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		switch {
		case v.IsKnown():
			return v, nil
		case v.Type().Is(tftypes.Number):
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
