// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"iter"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

var (
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
		config.check(&resp.Diagnostics)
	}
}

func (l *identityListResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var config mappingFilterModel
	diags := req.Config.Get(ctx, &config)
	config.check(&diags)
	stream.Results = l.results(ctx, req, diags, func(api *readcache.Reader, failed *diag.Diagnostics, push func(list.ListResult) bool) {
		found := false
		for m, err := range config.mappings(ctx, api) {
			if err != nil {
				addFailure(failed, "List Identity Mappings", config.User.ValueString(), "", err)
				return
			}
			if m.Service.Managed() {
				continue
			}
			found = true
			key := mappingKey{m.user, m.Service}
			name := fmt.Sprintf("%s in %s: %s", m.user, m.Service, m.Matcher)
			if !push(listResult(ctx, req, name, key.model(), importedModel(key, m.name, m.Mapping))) {
				return
			}
		}
		if !found {
			config.checkRegistered(ctx, api, "List Identity Mappings", failed)
		}
	})
}

// results streams what a list resource finds, up to the request's limit (0 is none).
// Warnings go first, on their own; what find reports as failed goes last.
func (r *baseResource) results(ctx context.Context, req list.ListRequest, diags diag.Diagnostics,
	find func(api *readcache.Reader, failed *diag.Diagnostics, push func(list.ListResult) bool)) iter.Seq[list.ListResult] {
	api, ok := r.data.connect(ctx, &diags)
	if !ok {
		return list.ListResultsStreamDiagnostics(diags)
	}
	return func(push func(list.ListResult) bool) {
		if len(diags) > 0 && !push(list.ListResult{Diagnostics: diags}) {
			return
		}
		var failed diag.Diagnostics
		pushed, more := int64(0), true // after a push that returns false nothing may be pushed
		find(api, &failed, func(result list.ListResult) bool {
			pushed++
			more = push(result) && pushed != req.Limit
			return more
		})
		if more && len(failed) > 0 {
			push(list.ListResult{Diagnostics: failed})
		}
	}
}

// listResult returns the same resource as an import. key and model are its
// resource identity and its state.
func listResult(ctx context.Context, req list.ListRequest, name string, key, model any) list.ListResult {
	result := req.NewListResult(ctx)
	result.DisplayName = name
	result.Diagnostics.Append(result.Identity.Set(ctx, key)...)
	if req.IncludeResource {
		result.Diagnostics.Append(result.Resource.Set(ctx, model)...)
	}
	return result
}
