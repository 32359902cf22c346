// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/datasourcevalidator"
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

var _ datasource.DataSourceWithConfigValidators = (*userDataSource)(nil)

// NewUserDataSource returns sym_user, which reads one stored user.
func NewUserDataSource() datasource.DataSource {
	return &userDataSource{newDataSource[userDataModel]("user")}
}

type userDataSource struct {
	*dataSource[userDataModel, *userDataModel]
}

type userDataModel struct {
	storedUserModel
	Identities types.Map `tfsdk:"identities"`
}

func (*userDataModel) schema() schema.Schema {
	attributes := userRecordAttributes()
	attributes["email"] = schema.StringAttribute{
		Optional: true, Computed: true, Validators: []validator.String{emailCheck},
		MarkdownDescription: "E-mail of a person. It compares without case and outer spaces. Null for a bot. Exactly one of `email`, `username` and `id` is set.",
	}
	attributes["username"] = schema.StringAttribute{
		Optional: true, Computed: true, Validators: []validator.String{usernameCheck},
		MarkdownDescription: "Username of a bot. Null for a person.",
	}
	attributes["id"] = schema.StringAttribute{
		Optional: true, Computed: true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		MarkdownDescription: "Id of the user. It stays the same when the user is renamed.",
	}
	attributes["identities"] = computedMap(types.StringType, "Stored identities of the user, as a map of service key to identity. Values with more than one key are left out; the data source `sym_identities` has them.")
	return schema.Schema{
		MarkdownDescription: "Reads one stored user, by e-mail, username or id. A user who is not stored is an error; " +
			"`sym_users` lists users without failing.",
		Attributes: attributes,
	}
}

func (d *userDataSource) ConfigValidators(context.Context) []datasource.ConfigValidator {
	return []datasource.ConfigValidator{
		datasourcevalidator.ExactlyOneOf(path.MatchRoot("email"), path.MatchRoot("username"), path.MatchRoot("id")),
	}
}

func (*userDataModel) check(context.Context, *diag.Diagnostics) {}

func (m *userDataModel) read(ctx context.Context, _ *providerData, api *readcache.Reader, diags *diag.Diagnostics) {
	at, name := m.namePath(), m.name()
	var (
		user *identity.User
		err  error
	)
	if isSet(m.ID) {
		at, name = path.Root("id"), m.ID.ValueString()
		user, err = api.UserByID(ctx, name)
	} else {
		key, known := m.key()
		if !known { // was unknown until now, and is invalid
			_, err := parseOwnName(m.kind(), name)
			addInvalid(diags, at, "Invalid User", err)
			return
		}
		user, err = findUser(ctx, api, key)
	}
	switch {
	case err != nil:
		addFailure(diags, "Read User", name, "", err)
	case user == nil:
		diags.AddAttributeError(at, "User Not Found",
			fmt.Sprintf("No user is stored with the %s %q.\n\nCheck the spelling. Mapping a person, or a sym_user resource, stores one; "+
				"the data source sym_users reports who is missing without failing.", at, name))
	default:
		m.setStored(*user)
	}
}

// findUser returns the user with a key, nil where there is none.
func findUser(ctx context.Context, api *readcache.Reader, key identity.UserKey) (*identity.User, error) {
	users, err := api.FindUsers(ctx, []identity.UserKey{key})
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if u.Key == key {
			return &u, nil
		}
	}
	return nil, nil
}

// setStored fills the model from the store. The name stays as configured.
func (m *userDataModel) setStored(u identity.User) {
	m.storedUserModel.setStored(u)
	identities := map[string]attr.Value{}
	for _, mapping := range u.Mappings {
		if id, plain := mapping.Matcher.Identity(mapping.Service.Type); plain {
			identities[mapping.Service.String()] = types.StringValue(id)
		}
	}
	m.Identities = types.MapValueMust(types.StringType, identities)
}
