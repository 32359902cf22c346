// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"sync"

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
func newTestProviderServer(env map[string]string) tfprotov6.ProviderServer {
	return newRecordedServer(env)
}

func newRecordedServer(env map[string]string) recordedServer {
	p := newProvider("test", lookupIn(env))
	return recordedServer{providerserver.NewProtocol6(p)().(frameworkServer), p}
}

// recordedServer keeps the diagnostics of every answer.
type recordedServer struct {
	frameworkServer
	provider *symProvider
}

// planningServer takes each plan for a walk of its own, where Terraform plans
// every resource of a configuration in one: what was planned before is forgotten.
type planningServer struct{ recordedServer }

func (s planningServer) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	if data := s.provider.configured.Load(); data != nil {
		data.planned.forget()
	}
	return s.recordedServer.PlanResourceChange(ctx, req)
}

// frameworkServer has the methods of the framework's server that tests call.
type frameworkServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
	tfprotov6.StateStoreServer
}

func newFrameworkServer(env map[string]string) frameworkServer {
	return providerserver.NewProtocol6(newProvider("test", lookupIn(env)))().(frameworkServer)
}

func (s recordedServer) ValidateProviderConfig(ctx context.Context, req *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	resp, err := s.frameworkServer.ValidateProviderConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ConfigureProvider(ctx context.Context, req *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	resp, err := s.frameworkServer.ConfigureProvider(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := s.frameworkServer.ValidateResourceConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	resp, err := s.frameworkServer.ReadResource(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := s.frameworkServer.PlanResourceChange(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := s.frameworkServer.ApplyResourceChange(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ImportResourceState(ctx context.Context, req *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	resp, err := s.frameworkServer.ImportResourceState(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ValidateDataResourceConfig(ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	resp, err := s.frameworkServer.ValidateDataResourceConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	resp, err := s.frameworkServer.ReadDataSource(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ValidateListResourceConfig(ctx context.Context, req *tfprotov6.ValidateListResourceConfigRequest) (*tfprotov6.ValidateListResourceConfigResponse, error) {
	resp, err := s.frameworkServer.ValidateListResourceConfig(ctx, req)
	diagnosticsTold.add(resp.Diagnostics)
	return resp, err
}

func (s recordedServer) ListResource(ctx context.Context, req *tfprotov6.ListResourceRequest) (*tfprotov6.ListResourceServerStream, error) {
	stream, err := s.frameworkServer.ListResource(ctx, req)
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
