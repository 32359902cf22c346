// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

// NewUsersDataSource returns sym_users, which lists stored users.
func NewUsersDataSource() datasource.DataSource { return newDataSource[usersModel]("users") }

type usersModel struct {
	Type    types.String `tfsdk:"type"`
	Role    types.String `tfsdk:"role"`
	Emails  types.List   `tfsdk:"emails"`
	Users   types.List   `tfsdk:"users"`
	Missing types.List   `tfsdk:"missing"`
}

func (*usersModel) schema() schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Lists the stored users, people and bots, without their identities. Use `sym_identities` for their stored identities, " +
			"and `sym_resolved_identities` for accounts that rules and lookups find. Filters combine. Without filters, everybody is listed.",
		Attributes: map[string]schema.Attribute{
			"type": optionalText("Only people (`normal`) or only bots (`bot`).", stringvalidator.OneOf(string(identity.Normal), string(identity.Bot))),
			"role": optionalText("Only users with this role: `admin`, `member` or `guest`.", stringvalidator.OneOf(roles()...)),
			"emails": schema.ListAttribute{
				Optional: true, ElementType: types.StringType, Validators: []validator.List{listvalidator.NoNullValues()},
				MarkdownDescription: "Only people with these e-mails. Duplicates are ignored. People who are not stored are in `missing`. An empty list selects nobody.",
			},
			"users":   computedList("The users, ordered by normalised e-mail or username.", userRecordAttributes()),
			"missing": computedTexts("The entries of `emails` that are not stored, in their order and spelling."),
		},
	}
}

func (m *usersModel) check(_ context.Context, diags *diag.Diagnostics) { askedEmails(m.Emails, diags) }

func (m *usersModel) read(ctx context.Context, _ *providerData, api *readcache.Reader, diags *diag.Diagnostics) {
	asked := askedEmails(m.Emails, diags)
	users, err := m.readUsers(ctx, api, asked)
	if err != nil {
		addFailure(diags, "Read Users", "", "", err)
		return
	}
	m.setUsers(users, asked)
}

// askedEmail is an e-mail with its text in the configuration.
type askedEmail struct {
	key identity.UserKey
	raw string
}

// askedEmails reads a list of e-mails, each once. It reports all invalid ones in
// one diagnostic and leaves out unknown ones.
func askedEmails(list types.List, diags *diag.Diagnostics) []askedEmail {
	var asked []askedEmail
	var wrong []string
	seen := map[identity.UserKey]bool{}
	for i, e := range list.Elements() {
		text, ok := e.(types.String)
		if !ok || !isSet(text) {
			continue
		}
		key, err := parseOwnName(identity.Normal, text.ValueString())
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("[%d] %s", i, sentence(identity.AsError(err).Message)))
		case !seen[key]:
			seen[key] = true
			asked = append(asked, askedEmail{key, text.ValueString()})
		}
	}
	if len(wrong) > 0 {
		diags.AddAttributeError(path.Root("emails"), "Invalid E-mails", "Each element must be the e-mail of a person. These are not:\n\n"+listing(wrong))
	}
	return asked
}

// readUsers reads the users asked for, or everybody.
func (m *usersModel) readUsers(ctx context.Context, api *readcache.Reader, asked []askedEmail) ([]identity.User, error) {
	if !m.Emails.IsNull() {
		return api.FindUsers(ctx, each(asked, func(a askedEmail) identity.UserKey { return a.key }))
	}
	var all []identity.User
	for u, err := range api.AllUsers(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

// setUsers filters and sorts the users.
func (m *usersModel) setUsers(users []identity.User, asked []askedEmail) {
	found := make(map[identity.UserKey]bool, len(users))
	var selected []identity.User
	for _, u := range users {
		found[u.Key] = true
		if (m.Type.IsNull() || m.Type.ValueString() == string(u.Key.Type())) && (m.Role.IsNull() || m.Role.ValueString() == string(u.Role)) {
			selected = append(selected, u)
		}
	}
	sortUsers(selected)
	missing := []attr.Value{}
	for _, a := range asked {
		if !found[a.key] {
			missing = append(missing, types.StringValue(a.raw))
		}
	}
	m.Users, m.Missing = types.ListValueMust(userRecordType, each(selected, userRecord)), types.ListValueMust(types.StringType, missing)
}
