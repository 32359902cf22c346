// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ list.ListResource                   = (*identityListResource)(nil)
	_ list.ListResourceWithConfigure      = (*identityListResource)(nil)
	_ list.ListResourceWithValidateConfig = (*identityListResource)(nil)
)

// NewIdentityListResource returns sym_identity for terraform query: the mappings
// that can be imported.
func NewIdentityListResource() list.ListResource {
	return &identityListResource{baseResource{name: "identity"}}
}

type identityListResource struct{ baseResource }

func (l *identityListResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the stored mappings that `sym_identity` can import, for `terraform query` (Terraform 1.14 or newer). Filters combine. Without filters, all are listed. " +
			"Mappings that Sym manages itself are left out, because they cannot be declared. Terraform stops after 100 results, unless the block sets `limit`.",
		Attributes: map[string]schema.Attribute{
			"service_type": schema.StringAttribute{Optional: true, MarkdownDescription: filterServiceType},
			"external_id":  schema.StringAttribute{Optional: true, MarkdownDescription: filterExternalID},
			"user":         schema.StringAttribute{Optional: true, Validators: []validator.String{userCheck}, MarkdownDescription: filterUser},
			"source":       schema.StringAttribute{Optional: true, Validators: sourceValidators(), MarkdownDescription: filterSource},
		},
	}
}

func (l *identityListResource) ValidateListResourceConfig(ctx context.Context, req list.ValidateConfigRequest, resp *list.ValidateConfigResponse) {
	config, ok := decode[mappingFilterModel](ctx, req.Config, &resp.Diagnostics)
	if ok {
		config.User = types.StringNull() // its own validator tells
		config.filter(&resp.Diagnostics)
	}
}

func (l *identityListResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var config mappingFilterModel
	diags := req.Config.Get(ctx, &config)
	filter := config.filter(&diags)
	api, ok := l.data.connect(ctx, &diags)
	if !ok {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = func(push func(list.ListResult) bool) {
		// Warnings go first, on their own. After a push that returns false
		// nothing may be pushed any more.
		if len(diags) > 0 && !push(list.ListResult{Diagnostics: diags}) {
			return
		}
		pushed := int64(0)
		for m, err := range filter.mappings(ctx, api) {
			var failed diag.Diagnostics
			switch {
			case err != nil:
				addFailure(&failed, "List Identity Mappings", string(filter.user), "", err)
				push(list.ListResult{Diagnostics: failed})
				return
			case m.Service.Managed():
				continue
			case !push(listedMapping(ctx, req, m)):
				return
			}
			if pushed++; pushed == req.Limit { // a limit of 0 is none
				return
			}
		}
		var unregistered diag.Diagnostics
		if pushed == 0 {
			filter.checkRegistered(ctx, api, "List Identity Mappings", &unregistered)
		}
		if len(unregistered) > 0 {
			push(list.ListResult{Diagnostics: unregistered})
		}
	}
}

// listedMapping returns the same resource as an import of the mapping.
func listedMapping(ctx context.Context, req list.ListRequest, m storedMapping) list.ListResult {
	key := mappingKey{m.user, m.Service}
	result := req.NewListResult(ctx)
	result.DisplayName = fmt.Sprintf("%s in %s: %s", m.user, m.Service, m.Matcher)
	result.Diagnostics.Append(result.Identity.Set(ctx, key.model())...)
	if req.IncludeResource {
		result.Diagnostics.Append(result.Resource.Set(ctx, importedModel(key, m.name, m.Mapping))...)
	}
	return result
}
