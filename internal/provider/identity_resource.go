// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
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
	_ resource.Resource                     = (*identityResource)(nil)
	_ resource.ResourceWithConfigure        = (*identityResource)(nil)
	_ resource.ResourceWithConfigValidators = (*identityResource)(nil)
	_ resource.ResourceWithValidateConfig   = (*identityResource)(nil)
	_ resource.ResourceWithModifyPlan       = (*identityResource)(nil)
	_ resource.ResourceWithIdentity         = (*identityResource)(nil)
	_ resource.ResourceWithImportState      = (*identityResource)(nil)
)

// NewIdentityResource is sym_identity: one manual mapping, declared.
func NewIdentityResource() resource.Resource { return &identityResource{} }

type identityResource struct{ data *providerData }

func (r *identityResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_identity"
}

func (r *identityResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A manual mapping: this user is that account of this service. Manual mappings win over reducer rules " +
			"and e-mail lookups, and only they remove or overwrite what is stored.\n\n" +
			"Creating a mapping that is already stored adopts it. A different value that a rule or a lookup stored is overwritten, " +
			"with a warning that shows both; a different *manual* value is an error at plan unless `overwrite = true`. " +
			"Destroying removes the mapping only while it still is what state says, and leaves the user.",
		Attributes: map[string]schema.Attribute{
			"user": schema.StringAttribute{
				Required:   true,
				Validators: []validator.String{userValidator{}},
				PlanModifiers: []planmodifier.String{
					stringplanmodifier.RequiresReplaceIf(isAnotherUser, "Another user is another mapping.", "Another user is another mapping."),
				},
				MarkdownDescription: "Who is mapped: a person by e-mail, or a bot by username (no `@`). E-mails compare without case and outer spaces. " +
					"A person the API does not know is created; a bot must exist. Another user replaces the mapping.",
			},
			"service_type": schema.StringAttribute{
				Required: true, PlanModifiers: replace,
				MarkdownDescription: "Type of the service, such as `okta`, `github` or `custom`. Changing it replaces the mapping.",
			},
			"external_id": schema.StringAttribute{
				Required: true, PlanModifiers: replace,
				MarkdownDescription: "Which workspace, domain or account of that type, such as `acme.okta.com`. The service must be registered when the mapping is applied. Changing it replaces the mapping.",
			},
			"identity": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "The account: a Slack user id, an IAM user ARN, a GitHub login. Exactly one of `identity` and `matcher` is set. " +
					"GitHub, Google and Tailscale identities compare without case, all others exactly.",
			},
			"matcher": schema.MapAttribute{
				Optional: true, ElementType: types.StringType,
				Validators:          []validator.Map{mapvalidator.SizeAtLeast(1)},
				MarkdownDescription: "The account as the API stores it, for services whose value is more than one string. Exactly one of `identity` and `matcher` is set.",
			},
			"overwrite": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Whether creating this mapping may overwrite a different one that was mapped by hand. Off when not set.",
			},
			"allow_shared": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Whether the account may belong to another user too. Off when not set: an account somebody else holds is then an error that names the holder.",
			},
			"id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Import id: `USER,SERVICE_TYPE:EXTERNAL_ID`, with the normalised e-mail.",
			},
			"service": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Service key: `SERVICE_TYPE:EXTERNAL_ID`.",
			},
			"source": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Who stored the mapping: `manual`; or, for an imported one, `rule`, `email` or `fetch_remote_identity` until it is changed.",
			},
			"revision": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Grows with each change of this user and service. Updates and deletions depend on it, so that a change made elsewhere is never lost.",
			},
			"updated_at": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "When the mapping was stored last, as RFC 3339 in UTC.",
			},
		},
	}
}

func (r *identityResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"user":         identityschema.StringAttribute{RequiredForImport: true, Description: "The normalised e-mail of a person, or the username of a bot."},
		"service_type": identityschema.StringAttribute{RequiredForImport: true, Description: "Type of the service."},
		"external_id":  identityschema.StringAttribute{RequiredForImport: true, Description: "External id of the service."},
	}}
}

func (r *identityResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = fromProviderData(req.ProviderData, &resp.Diagnostics)
}

func (r *identityResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{
		resourcevalidator.ExactlyOneOf(path.MatchRoot("identity"), path.MatchRoot("matcher")),
	}
}

func (r *identityResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config identityModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	service, ok := serviceKey(config.ServiceType, config.ExternalID, &resp.Diagnostics)
	if !ok {
		return
	}
	if err := service.CheckDeclarable(); err != nil {
		addInvalid(&resp.Diagnostics, path.Root("service_type"), "Managed Service", err)
		return
	}
	if config.Identity.IsNull() == config.Matcher.IsNull() {
		return // none or both: the validator above says so
	}
	matcher, known := config.matcher()
	if !known {
		return
	}
	if err := matcher.Validate(service); err != nil {
		at := path.Root("identity")
		if config.Identity.IsNull() {
			at = path.Root("matcher")
		}
		addInvalid(&resp.Diagnostics, at, "Invalid Identity", err)
	}
}

// isAnotherUser keeps a case-only change of an e-mail from replacing a mapping.
func isAnotherUser(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
	before, err := identity.ParseUser(req.StateValue.ValueString())
	if err != nil {
		resp.RequiresReplace = true
		return
	}
	after, err := identity.ParseUser(req.PlanValue.ValueString())
	resp.RequiresReplace = err != nil || before != after
}

func (r *identityResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	key, ok := importKey(ctx, req, resp)
	if !ok {
		return
	}
	stored := r.read(ctx, key, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if stored == nil {
		addNothingToImport(&resp.Diagnostics, key)
		return
	}
	state := identityModel{
		User: types.StringValue(string(key.user)), ServiceType: types.StringValue(key.service.Type), ExternalID: types.StringValue(key.service.ExternalID),
		Matcher: types.MapNull(types.StringType),
	}
	state.setStored(key, *stored)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, key.model())...)
	}
}

func importKey(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) (mappingKey, bool) {
	var key mappingKey
	var err error
	if req.ID != "" {
		key, err = parseImportID(req.ID)
	} else {
		var named identityKeyModel
		resp.Diagnostics.Append(req.Identity.Get(ctx, &named)...)
		if resp.Diagnostics.HasError() {
			return key, false
		}
		key, err = newMappingKey(named.User.ValueString(), named.ServiceType.ValueString(), named.ExternalID.ValueString())
	}
	if err != nil {
		addBadImportID(&resp.Diagnostics, err)
		return key, false
	}
	return key, true
}
