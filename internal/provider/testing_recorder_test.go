// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// diagnosticsTold are all diagnostics that the provider has given in this
// package's tests, whichever test it was.
var diagnosticsTold = &diagnosticsRecord{seen: map[tfprotov6.Diagnostic]bool{}}

type diagnosticsRecord struct {
	mu   sync.Mutex
	seen map[tfprotov6.Diagnostic]bool // without the place
}

func (r *diagnosticsRecord) add(diags []*tfprotov6.Diagnostic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range diags {
		r.seen[tfprotov6.Diagnostic{Severity: d.Severity, Summary: d.Summary, Detail: d.Detail}] = true
	}
}

// newTestProviderServer is what tests start the provider with.
func newTestProviderServer(p provider.Provider) (tfprotov6.ProviderServer, error) {
	server, err := providerserver.NewProtocol6WithError(p)()
	if err != nil {
		return nil, err
	}
	full, ok := server.(wholeServer)
	if !ok {
		return nil, fmt.Errorf("%T speaks less than all of the protocol", server)
	}
	return recordedServer{full}, nil
}

type wholeServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
	tfprotov6.StateStoreServer
}

// recordedServer keeps the diagnostics of every answer.
type recordedServer struct{ wholeServer }

func (s recordedServer) ValidateProviderConfig(ctx context.Context, req *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	resp, err := s.wholeServer.ValidateProviderConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ConfigureProvider(ctx context.Context, req *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	resp, err := s.wholeServer.ConfigureProvider(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := s.wholeServer.ValidateResourceConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	resp, err := s.wholeServer.ReadResource(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := s.wholeServer.PlanResourceChange(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := s.wholeServer.ApplyResourceChange(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ImportResourceState(ctx context.Context, req *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	resp, err := s.wholeServer.ImportResourceState(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ValidateDataResourceConfig(ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	resp, err := s.wholeServer.ValidateDataResourceConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	resp, err := s.wholeServer.ReadDataSource(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ValidateListResourceConfig(ctx context.Context, req *tfprotov6.ValidateListResourceConfigRequest) (*tfprotov6.ValidateListResourceConfigResponse, error) {
	resp, err := s.wholeServer.ValidateListResourceConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ListResource(ctx context.Context, req *tfprotov6.ListResourceRequest) (*tfprotov6.ListResourceServerStream, error) {
	stream, err := s.wholeServer.ListResource(ctx, req)
	if stream == nil {
		return stream, err
	}
	results := stream.Results
	stream.Results = func(push func(tfprotov6.ListResourceResult) bool) {
		results(func(r tfprotov6.ListResourceResult) bool {
			diagnosticsTold.add(r.Diagnostics)
			return push(r)
		})
	}
	return stream, err
}
