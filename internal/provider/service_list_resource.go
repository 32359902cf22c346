// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

var (
	_ list.ListResourceWithConfigure      = (*serviceListResource)(nil)
	_ list.ListResourceWithValidateConfig = (*serviceListResource)(nil)
)

// NewServiceListResource returns sym_service for terraform query: the services
// that can be imported.
func NewServiceListResource() list.ListResource {
	return &serviceListResource{baseResource{name: "service"}}
}

type serviceListResource struct{ baseResource }

// serviceFilterModel selects registered services; null selects all.
type serviceFilterModel struct {
	ServiceType types.String `tfsdk:"service_type"`
}

func (l *serviceListResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the registered services that `sym_service` can import, for `terraform query` (Terraform 1.14 or newer). " +
			"`sym:cloud`, which Sym manages itself, is left out. The label of a service in the server's configuration file can be changed only there. " +
			"Terraform stops after 100 results, unless the block sets `limit`.",
		Attributes: map[string]schema.Attribute{
			"service_type": schema.StringAttribute{Optional: true, MarkdownDescription: "Only services of this type, such as `okta`."},
		},
	}
}

func (l *serviceListResource) ValidateListResourceConfig(ctx context.Context, req list.ValidateConfigRequest, resp *list.ValidateConfigResponse) {
	config, ok := decode[serviceFilterModel](ctx, req.Config, &resp.Diagnostics)
	if ok {
		serviceKey(config.ServiceType, types.StringNull(), &resp.Diagnostics)
	}
}

func (l *serviceListResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var config serviceFilterModel
	diags := req.Config.Get(ctx, &config)
	serviceKey(config.ServiceType, types.StringNull(), &diags)
	stream.Results = l.results(ctx, req, diags, func(api *readcache.Reader, failed *diag.Diagnostics, push func(list.ListResult) bool) {
		services, err := api.Services(ctx)
		if err != nil {
			addFailure(failed, "List Services", "", "", err)
		}
		for _, s := range sortedServices(services) {
			if s.Key.Managed() || !config.ServiceType.IsNull() && config.ServiceType.ValueString() != s.Key.Type {
				continue
			}
			name, m := s.Key.String(), newServiceModel(s)
			if s.Label != "" {
				name += ": " + s.Label
			}
			if !push(listResult(ctx, req, name, serviceKeyModel{m.ServiceType, m.ExternalID}, m)) {
				return
			}
		}
	})
}
