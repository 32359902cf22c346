// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// userModel is the state and configuration of sym_user.
type userModel struct {
	Email            types.String `tfsdk:"email"`
	Username         types.String `tfsdk:"username"`
	FirstName        types.String `tfsdk:"first_name"`
	LastName         types.String `tfsdk:"last_name"`
	Role             types.String `tfsdk:"role"`
	DeleteIdentities types.Bool   `tfsdk:"delete_identities"`
	ID               types.String `tfsdk:"id"`
	Type             types.String `tfsdk:"type"`
	CreatedAt        types.String `tfsdk:"created_at"`
}

// userKeyModel is Terraform's resource identity of a user: the id, because it
// stays when the user is renamed.
type userKeyModel struct {
	ID types.String `tfsdk:"id"`
}

// kind is which of the two names the model has; "" while that is unknown.
func (m userModel) kind() identity.UserType {
	switch {
	case m.Username.IsNull(), isSet(m.Email):
		return identity.Normal
	case m.Email.IsNull(), isSet(m.Username):
		return identity.Bot
	}
	return ""
}

func isSet(v types.String) bool { return !v.IsNull() && !v.IsUnknown() }

// name is the user's name as the model spells it.
func (m userModel) name() string { return cmp.Or(m.Email.ValueString(), m.Username.ValueString()) }

// namePath is the attribute that holds the name.
func (m userModel) namePath() path.Path {
	if m.kind() == identity.Bot {
		return path.Root("username")
	}
	return path.Root("email")
}

// key is known where just one of the names is, and is one.
func (m userModel) key() (key identity.UserKey, known bool) {
	if isSet(m.Email) == isSet(m.Username) {
		return "", false
	}
	key, err := identity.ParseUser(m.name())
	return key, err == nil && key.IsEmail() == isSet(m.Email)
}

// sameSettings compares all that somebody may set beside the name.
func (m userModel) sameSettings(other userModel) bool {
	return m.sameStored(other) && m.DeleteIdentities.Equal(other.DeleteIdentities)
}

// sameStored compares those settings that the API stores.
func (m userModel) sameStored(other userModel) bool {
	return m.FirstName.Equal(other.FirstName) && m.LastName.Equal(other.LastName) && m.Role.Equal(other.Role)
}

// setStored takes over what is stored. A name that only is spelled another way
// keeps the model's spelling.
func (m *userModel) setStored(u identity.User) {
	if key, known := m.key(); !known || key != u.Key {
		m.Email, m.Username = types.StringNull(), types.StringNull()
		if u.Key.IsEmail() {
			m.Email = types.StringValue(u.Name)
		} else {
			m.Username = types.StringValue(u.Name)
		}
	}
	m.FirstName, m.LastName = storedName(m.FirstName, u.FirstName), storedName(m.LastName, u.LastName)
	m.Role = textOrNull(u.Role)
	m.setGiven(u)
}

// setGiven takes over what the API gives users, which nobody sets.
func (m *userModel) setGiven(u identity.User) {
	m.ID, m.Type, m.CreatedAt = types.StringValue(u.ID), types.StringValue(string(u.Key.Type())), timeOrNull(u.CreatedAt)
}

// fillIn replaces what is still unknown by what is stored. What was planned
// stays: a difference shows in the next plan.
func (m *userModel) fillIn(u identity.User) {
	stored := userModel{}
	stored.setStored(u)
	for _, f := range []struct{ have, stored *types.String }{
		{&m.FirstName, &stored.FirstName}, {&m.LastName, &stored.LastName}, {&m.Role, &stored.Role},
	} {
		if f.have.IsUnknown() {
			*f.have = *f.stored
		}
	}
	m.setGiven(u)
}

// storedName is null where nothing is stored, unless the configuration says
// "", which is the same.
func storedName(have types.String, stored string) types.String {
	if stored == "" && isSet(have) && have.ValueString() == "" {
		return have
	}
	return textOrNull(stored)
}

// given is what is to be stored; nil leaves alone what is.
func given(v types.String) *string {
	if !isSet(v) {
		return nil
	}
	s := v.ValueString()
	return &s
}

// timeOrNull is RFC 3339 in UTC.
func timeOrNull(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}

// ownNameValidator checks that a string is a user's name of one kind.
type ownNameValidator struct{ kind identity.UserType }

var _ validator.String = ownNameValidator{}

func (v ownNameValidator) Description(context.Context) string {
	if v.kind == identity.Bot {
		return "must be a bot's username, without an @"
	}
	return "must be an e-mail"
}

func (v ownNameValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v ownNameValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !isSet(req.ConfigValue) {
		return
	}
	if _, err := parseOwnName(v.kind, req.ConfigValue.ValueString()); err != nil {
		addInvalid(&resp.Diagnostics, req.Path, "Invalid User", err)
	}
}

// parseOwnName is identity.ParseUser for a name of one kind.
func parseOwnName(kind identity.UserType, name string) (identity.UserKey, error) {
	key, err := identity.ParseUser(name)
	switch {
	case err != nil || key.Type() == kind:
		return key, err
	case kind == identity.Bot:
		return key, identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is an e-mail, not a username", name), "Set email for a person.")
	}
	return key, identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not an e-mail", name), "Set username for a bot.")
}

// personNameValidator keeps names to what every store gives back unchanged.
type personNameValidator struct{}

var _ validator.String = personNameValidator{}

const maxPersonNameBytes = 1024

func (personNameValidator) Description(context.Context) string {
	return fmt.Sprintf("must be at most %d bytes without outer spaces and control characters", maxPersonNameBytes)
}

func (v personNameValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (v personNameValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	name := req.ConfigValue.ValueString() // "" passes, so null and unknown do
	if name != strings.TrimSpace(name) || len(name) > maxPersonNameBytes || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Name", sentence("A name "+v.Description(ctx)))
	}
}
