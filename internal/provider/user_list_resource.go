// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

var (
	_ list.ListResourceWithConfigure = (*userListResource)(nil)
)

// NewUserListResource returns sym_user for terraform query: the users that can be
// imported.
func NewUserListResource() list.ListResource {
	return &userListResource{baseResource{name: "user"}}
}

type userListResource struct{ baseResource }

// userFilterModel selects stored users; null fields select all.
type userFilterModel struct {
	Type types.String `tfsdk:"type"`
	Role types.String `tfsdk:"role"`
}

func (l *userListResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the stored people and bots that `sym_user` can import, for `terraform query` (Terraform 1.14 or newer). Filters combine. Without filters, everybody is listed. " +
			"Only bots need a `sym_user` to be mapped. Terraform stops after 100 results, unless the block sets `limit`.",
		Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.OneOf(string(identity.Normal), string(identity.Bot))},
				MarkdownDescription: "Only people (`normal`) or only bots (`bot`).",
			},
			"role": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.OneOf(roles()...)},
				MarkdownDescription: "Only users with this role: `admin`, `member` or `guest`.",
			},
		},
	}
}

func (l *userListResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var config userFilterModel
	diags := req.Config.Get(ctx, &config)
	stream.Results = l.results(ctx, req, diags, func(api *readcache.Reader, failed *diag.Diagnostics, push func(list.ListResult) bool) {
		for u, err := range api.AllUsers(ctx) {
			if err != nil {
				addFailure(failed, "List Users", "", "", err)
				return
			}
			if !config.selects(u) {
				continue
			}
			var m userModel
			m.setStored(u)
			if !push(listResult(ctx, req, fmt.Sprintf("%s (%s)", u.Key, u.Role), userKeyModel{m.ID}, m)) {
				return
			}
		}
	})
}

func (m userFilterModel) selects(u identity.User) bool {
	return (m.Type.IsNull() || m.Type.ValueString() == string(u.Key.Type())) && (m.Role.IsNull() || m.Role.ValueString() == string(u.Role))
}
