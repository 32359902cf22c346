// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var (
	_ resource.Resource                     = (*userResource)(nil)
	_ resource.ResourceWithConfigure        = (*userResource)(nil)
	_ resource.ResourceWithConfigValidators = (*userResource)(nil)
	_ resource.ResourceWithModifyPlan       = (*userResource)(nil)
	_ resource.ResourceWithIdentity         = (*userResource)(nil)
	_ resource.ResourceWithImportState      = (*userResource)(nil)
)

// NewUserResource is sym_user: one person or bot.
func NewUserResource() resource.Resource { return &userResource{} }

type userResource struct{ data *providerData }

// roles are the roles a user can have, as configurations spell them.
func roles() []string {
	return []string{string(identity.Admin), string(identity.Member), string(identity.Guest)}
}

func (r *userResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_user"
}

func (r *userResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	names := []validator.String{personNameValidator{}}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A person or a bot. People need no `sym_user` to be mapped, because mapping an e-mail that the API does not know creates the person; " +
			"bots do, because a mapping never creates one.\n\n" +
			"Creating a user that exists adopts it, and sets those of `first_name`, `last_name` and `role` that the configuration sets; what would be overwritten is a warning at plan. " +
			"What the configuration leaves out is left as it is, also later. Another `email` or `username` renames the user in place: id and identities stay.\n\n" +
			"Deleting a user deletes the user's identities. So destroying is refused while any is stored, unless `delete_identities = true`. " +
			"Identities of the same configuration go first when they refer to this resource, as in `user = sym_user.ada.email`.",
		Attributes: map[string]schema.Attribute{
			"email": schema.StringAttribute{
				Optional: true, Validators: []validator.String{ownNameValidator{identity.Normal}},
				MarkdownDescription: "E-mail of a person. It compares without case and outer spaces; another one renames the user in place, and is an error where another user has it. " +
					"Exactly one of `email` and `username` is set; changing from one to the other replaces the user.",
			},
			"username": schema.StringAttribute{
				Optional: true, Validators: []validator.String{ownNameValidator{identity.Bot}},
				MarkdownDescription: "Username of a bot, without `@`, comma and space. It compares exactly; another one renames the bot in place.",
			},
			"first_name": schema.StringAttribute{
				Optional: true, Computed: true, PlanModifiers: keep, Validators: names,
				MarkdownDescription: "First name. Left as it is when not set; `\"\"` removes it.",
			},
			"last_name": schema.StringAttribute{
				Optional: true, Computed: true, PlanModifiers: keep, Validators: names,
				MarkdownDescription: "Last name. Left as it is when not set; `\"\"` removes it.",
			},
			"role": schema.StringAttribute{
				Optional: true, Computed: true, PlanModifiers: keep, Validators: []validator.String{stringvalidator.OneOf(roles()...)},
				MarkdownDescription: "What the user may do in Sym: `admin`, `member` or `guest`. Left as it is when not set; a new user is a `member`.",
			},
			"delete_identities": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether destroying the user may delete identities that are still stored for it. Off when not set: destroying then stops and lists them. " +
					"It counts once it is applied, so set it one apply before the user is destroyed.",
			},
			"id": schema.StringAttribute{
				Computed: true, PlanModifiers: keep,
				MarkdownDescription: "Id of the user, given by the API. It stays when the user is renamed.",
			},
			"type": schema.StringAttribute{
				Computed: true, PlanModifiers: keep,
				MarkdownDescription: "Kind of user: `normal` for a person, `bot` for a bot.",
			},
			"created_at": schema.StringAttribute{
				Computed: true, PlanModifiers: keep,
				MarkdownDescription: "When the user was created, as RFC 3339 in UTC.",
			},
		},
	}
}

func (r *userResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{RequiredForImport: true, Description: "Id of the user, given by the API."},
	}}
}

func (r *userResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = fromProviderData(req.ProviderData, &resp.Diagnostics)
}

func (r *userResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{resourcevalidator.ExactlyOneOf(path.MatchRoot("email"), path.MatchRoot("username"))}
}

func (r *userResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	named := userKeyModel{}
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &named)...)
	}
	stored := r.findImported(ctx, req.ID, named.ID.ValueString(), &resp.Diagnostics)
	if stored == nil {
		return
	}
	var state userModel
	state.setStored(*stored)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, userKeyModel{state.ID})...)
	}
}
