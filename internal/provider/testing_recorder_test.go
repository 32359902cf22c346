// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"sync"

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
func newTestProviderServer(env map[string]string) tfprotov6.ProviderServer {
	return recordedServer{newServer("test", lookupIn(env)).(*steadyServer)}
}

// recordedServer keeps the diagnostics of every answer.
type recordedServer struct{ *steadyServer }

func (s recordedServer) ValidateProviderConfig(ctx context.Context, req *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	resp, err := s.steadyServer.ValidateProviderConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ConfigureProvider(ctx context.Context, req *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	resp, err := s.steadyServer.ConfigureProvider(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := s.steadyServer.ValidateResourceConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	resp, err := s.steadyServer.ReadResource(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := s.steadyServer.PlanResourceChange(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := s.steadyServer.ApplyResourceChange(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ImportResourceState(ctx context.Context, req *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	resp, err := s.steadyServer.ImportResourceState(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ValidateDataResourceConfig(ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	resp, err := s.steadyServer.ValidateDataResourceConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	resp, err := s.steadyServer.ReadDataSource(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ValidateListResourceConfig(ctx context.Context, req *tfprotov6.ValidateListResourceConfigRequest) (*tfprotov6.ValidateListResourceConfigResponse, error) {
	resp, err := s.steadyServer.ValidateListResourceConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ListResource(ctx context.Context, req *tfprotov6.ListResourceRequest) (*tfprotov6.ListResourceServerStream, error) {
	stream, err := s.steadyServer.ListResource(ctx, req)
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
