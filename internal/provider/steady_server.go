// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"context"
	"os"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// NewServer gives a constructor of what Terraform talks to: the provider at a
// version, as the framework serves it, behind a steadyServer.
func NewServer(version string) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer { return newServer(version, os.LookupEnv) }
}

// newServer is NewServer with another environment than the process's.
func newServer(version string, lookupEnv func(string) (string, bool)) tfprotov6.ProviderServer {
	p := newProvider(version, lookupEnv)
	return newSteadyServer(p, &p.configured)
}

// frameworkServer is all that the framework's server answers.
type frameworkServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
	tfprotov6.StateStoreServer
}

// steadyServer answers, without the framework, what a plan asks of each
// sym_identity that is as the configuration and the store have it: that its
// configuration is valid, its state current, and nothing is to be done. Nearly
// all mappings are, in nearly all plans, and the framework spends ten times as
// much on saying so. Whatever needs a thought, a diagnostic or a request to the
// API is the framework's, so that there is one place for each decision; the
// answers are the same, and tests compare them.
type steadyServer struct {
	frameworkServer
	data *atomic.Pointer[providerData] // nil until the provider is configured
}

func newSteadyServer(p provider.Provider, data *atomic.Pointer[providerData]) tfprotov6.ProviderServer {
	// The framework's server implements all of it, but says so of its parts only.
	return &steadyServer{providerserver.NewProtocol6(p)().(frameworkServer), data} //nolint:errcheck // as above
}

const steadyType = "sym_identity"

// ValidateResourceConfig finds a configuration good that is known as a whole.
func (s *steadyServer) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	if req.TypeName == steadyType {
		if config, ok := decodeSteady(req.Config); ok && config.valid() {
			return &tfprotov6.ValidateResourceConfigResponse{}, nil
		}
	}
	return s.frameworkServer.ValidateResourceConfig(ctx, req)
}

// UpgradeResourceState passes on a state of the schema's own version.
func (s *steadyServer) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	if req.TypeName == steadyType && req.Version == 0 && req.RawState != nil && completeSteady(req.RawState.JSON) {
		return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &tfprotov6.DynamicValue{JSON: req.RawState.JSON}}, nil
	}
	return s.frameworkServer.UpgradeResourceState(ctx, req)
}

// ReadResource finds a state current that is what the run's snapshot holds.
// Private data may tell the framework something, as that this read follows an
// import.
func (s *steadyServer) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	if req.TypeName == steadyType && len(req.Private) == 0 {
		if state, ok := decodeSteady(req.CurrentState); ok && state.current(s.data.Load()) {
			id, ok := state.resourceIdentity()
			if ok && (req.CurrentIdentity == nil || sameValue(req.CurrentIdentity.IdentityData, id)) {
				return &tfprotov6.ReadResourceResponse{NewState: req.CurrentState, NewIdentity: &tfprotov6.ResourceIdentityData{IdentityData: id}}, nil
			}
		}
	}
	return s.frameworkServer.ReadResource(ctx, req)
}

// PlanResourceChange plans nothing where nothing is proposed. Terraform
// proposes the configuration with the computed attributes of the prior state.
func (s *steadyServer) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	if req.TypeName == steadyType && len(req.PriorPrivate) == 0 && sameValue(req.PriorState, req.ProposedNewState) {
		if state, ok := decodeSteady(req.PriorState); ok && state.valid() {
			identity := req.PriorIdentity
			if identity == nil {
				identity = &tfprotov6.ResourceIdentityData{IdentityData: &tfprotov6.DynamicValue{MsgPack: msgpackNull}}
			}
			return &tfprotov6.PlanResourceChangeResponse{PlannedState: req.PriorState, PlannedIdentity: identity}, nil
		}
	}
	return s.frameworkServer.PlanResourceChange(ctx, req)
}

// msgpackNull is how a null value is written.
var msgpackNull = []byte{0xc0}

// sameValue compares encodings. Terraform's is the same for equal values; where
// another one is not, the framework compares.
func sameValue(a, b *tfprotov6.DynamicValue) bool {
	return a != nil && b != nil && len(a.MsgPack) > 0 && bytes.Equal(a.MsgPack, b.MsgPack)
}
