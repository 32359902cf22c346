// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var (
	_ resource.Resource                   = (*serviceResource)(nil)
	_ resource.ResourceWithConfigure      = (*serviceResource)(nil)
	_ resource.ResourceWithValidateConfig = (*serviceResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*serviceResource)(nil)
	_ resource.ResourceWithIdentity       = (*serviceResource)(nil)
	_ resource.ResourceWithImportState    = (*serviceResource)(nil)
)

// NewServiceResource is sym_service: one registered target service.
func NewServiceResource() resource.Resource { return &serviceResource{} }

type serviceResource struct{ data *providerData }

// serviceModel is a service as configuration and state have it. No label and
// an empty one are the same to the API; here it is null.
type serviceModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
	Label       types.String `tfsdk:"label"`
	ID          types.String `tfsdk:"id"`
	Key         types.String `tfsdk:"key"`
}

// serviceKeyModel is Terraform's resource identity of a service.
type serviceKeyModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
}

func newServiceModel(s identity.Service) serviceModel {
	m := serviceModel{
		ServiceType: types.StringValue(s.Key.Type), ExternalID: types.StringValue(s.Key.ExternalID),
		ID: types.StringValue(s.ID), Key: types.StringValue(s.Key.String()),
	}
	if s.Label != "" {
		m.Label = types.StringValue(s.Label)
	}
	return m
}

func (m serviceModel) key() identity.ServiceKey {
	return identity.ServiceKey{Type: m.ServiceType.ValueString(), ExternalID: m.ExternalID.ValueString()}
}

func (r *serviceResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_service"
}

func (r *serviceResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A target service, registered so that people can be mapped in it.\n\n" +
			"Creating one that is registered with the same label adopts it; another label is an error, so that two configurations do not " +
			"overwrite each other. Services in the server's configuration file belong to that file: they can be adopted, but neither relabelled nor deleted. " +
			"A service that mappings refer to cannot be deleted.",
		Attributes: map[string]schema.Attribute{
			"service_type": schema.StringAttribute{
				Required: true, PlanModifiers: replace,
				MarkdownDescription: "Type of the service, such as `okta`, `github`, `aws_iam` or `custom`: lower case letters, digits and underscores. Changing it replaces the service.",
			},
			"external_id": schema.StringAttribute{
				Required: true, PlanModifiers: replace,
				MarkdownDescription: "Which workspace, domain or account of that type, such as `acme.okta.com`. Changing it replaces the service.",
			},
			"label": schema.StringAttribute{
				Optional: true, Validators: []validator.String{labelCheck},
				MarkdownDescription: "Name shown to people. Without it the service has no label.",
			},
			"id": schema.StringAttribute{
				Computed: true, PlanModifiers: keep,
				MarkdownDescription: "Id of the service (a UUID), given by the API.",
			},
			"key": schema.StringAttribute{
				Computed: true, PlanModifiers: keep,
				MarkdownDescription: "Service key: `SERVICE_TYPE:EXTERNAL_ID`. It is also the import id.",
			},
		},
	}
}

func (r *serviceResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"service_type": identityschema.StringAttribute{RequiredForImport: true, Description: "Type of the service."},
		"external_id":  identityschema.StringAttribute{RequiredForImport: true, Description: "External id of the service."},
	}}
}

func (r *serviceResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = fromProviderData(req.ProviderData, &resp.Diagnostics)
}

func (r *serviceResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config serviceModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if managed := (identity.ServiceKey{Type: config.ServiceType.ValueString()}).Managed(); managed {
		resp.Diagnostics.AddAttributeError(path.Root("service_type"), "Managed Service",
			"Services of type "+config.ServiceType.ValueString()+" cannot be declared: they are managed by Sym, which registers them itself.")
		return
	}
	serviceKey(config.ServiceType, config.ExternalID, &resp.Diagnostics)
}

// ModifyPlan makes the key known at plan, so that what depends on it is too.
func (r *serviceResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan serviceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() || plan.ServiceType.IsUnknown() || plan.ExternalID.IsUnknown() {
		return
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("key"), plan.key().String())...)
}
