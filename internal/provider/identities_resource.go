// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ resource.Resource                   = (*identitiesResource)(nil)
	_ resource.ResourceWithConfigure      = (*identitiesResource)(nil)
	_ resource.ResourceWithValidateConfig = (*identitiesResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*identitiesResource)(nil)
	_ resource.ResourceWithIdentity       = (*identitiesResource)(nil)
	_ resource.ResourceWithImportState    = (*identitiesResource)(nil)
)

// NewIdentitiesResource is sym_identities: the manual mappings of one service,
// thousands of them in one resource.
func NewIdentitiesResource() resource.Resource { return &identitiesResource{} }

type identitiesResource struct{ data *providerData }

func (r *identitiesResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_identities"
}

func (r *identitiesResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The manual mappings of one service: a map from user to identity. Thousands of mappings cost Terraform one resource, " +
			"and the API a request per thousand.\n\n" +
			"Each entry follows the rules of `sym_identity`: an equal stored value is adopted, a value that a rule or a lookup stored is overwritten " +
			"with a warning, a different *manual* value is an error at plan unless `overwrite = true`, and an account that somebody else holds " +
			"is one unless `allow_shared = true`. Everything that is wrong stands in one diagnostic.\n\n" +
			"When only some mappings can be stored, an update keeps them in state and the error lists the others. A creation that fails leaves " +
			"nothing in state, because Terraform would delete everybody's mapping before it tries again; what was stored stays stored, and the next apply adopts it.",
		Attributes: map[string]schema.Attribute{
			"service_type": schema.StringAttribute{
				Required: true, PlanModifiers: replace,
				MarkdownDescription: "Type of the service, such as `okta`, `github` or `custom`. Changing it replaces the mappings.",
			},
			"external_id": schema.StringAttribute{
				Required: true, PlanModifiers: replace,
				MarkdownDescription: "Which workspace, domain or account of that type, such as `acme.okta.com`. The service must be registered when the mappings are applied. Changing it replaces the mappings.",
			},
			"identities": schema.MapAttribute{
				Required: true, ElementType: types.StringType,
				MarkdownDescription: "Who is mapped to which account: keys are people by e-mail or bots by username, values the accounts as in `sym_identity`. " +
					"Keys compare without case and outer spaces; two that name one user are an error. Changing an entry changes that mapping alone. " +
					"A stored value that is more than one string shows as JSON.",
			},
			"exclusive": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether these are all manual mappings of the service. If `true`, manual mappings that are not listed are removed: a plan shows them as entries " +
					"that go away, and the first one, which has no entries to compare with, warns about each. Mappings of rules and lookups stay. Off when not set: only listed mappings are read and changed. " +
					"Do not combine it with `sym_identity` resources of the same service.",
			},
			"overwrite": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Whether adding an entry may overwrite a different identity that was mapped by hand. Off when not set.",
			},
			"allow_shared": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Whether an account may belong to several users. Off when not set: an account that somebody else holds is then an error that names the holder.",
			},
			"id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Import id: the service key.",
			},
			"service": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Service key: `SERVICE_TYPE:EXTERNAL_ID`.",
			},
		},
	}
}

func (r *identitiesResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"service_type": identityschema.StringAttribute{RequiredForImport: true, Description: "Type of the service."},
		"external_id":  identityschema.StringAttribute{RequiredForImport: true, Description: "External id of the service."},
	}}
}

func (r *identitiesResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = fromProviderData(req.ProviderData, &resp.Diagnostics)
}
