// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// identityModel is the state and configuration of sym_identity.
type identityModel struct {
	ID          types.String `tfsdk:"id"`
	User        types.String `tfsdk:"user"`
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
	Identity    types.String `tfsdk:"identity"`
	Matcher     types.Map    `tfsdk:"matcher"`
	Overwrite   types.Bool   `tfsdk:"overwrite"`
	AllowShared types.Bool   `tfsdk:"allow_shared"`
	Service     types.String `tfsdk:"service"`
	Source      types.String `tfsdk:"source"`
	Revision    types.Int64  `tfsdk:"revision"`
	UpdatedAt   types.String `tfsdk:"updated_at"`
}

// identityKeyModel is the resource identity: what a mapping is known by.
type identityKeyModel struct {
	User        types.String `tfsdk:"user"`
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
}

// mappingKey is which mapping a resource is about.
type mappingKey struct {
	user    identity.UserKey
	service identity.ServiceKey
}

// String is the import id: USER,SERVICE_TYPE:EXTERNAL_ID.
func (k mappingKey) String() string { return string(k.user) + "," + k.service.String() }

func (k mappingKey) model() identityKeyModel {
	return identityKeyModel{
		User:        types.StringValue(string(k.user)),
		ServiceType: types.StringValue(k.service.Type),
		ExternalID:  types.StringValue(k.service.ExternalID),
	}
}

func newMappingKey(user, serviceType, externalID string) (mappingKey, error) {
	u, err := identity.ParseUser(user)
	if err != nil {
		return mappingKey{}, err
	}
	service := identity.ServiceKey{Type: serviceType, ExternalID: externalID}
	if err := service.Validate(); err != nil {
		return mappingKey{}, err
	}
	return mappingKey{u, service}, service.CheckDeclarable()
}

// parseImportID cuts at the first comma, then at the first colon: external
// ids may hold both.
func parseImportID(id string) (mappingKey, error) {
	user, service, ok := strings.Cut(id, ",")
	if !ok {
		return mappingKey{}, fmt.Errorf("%q is not an import id: it has no comma", id)
	}
	key, err := identity.ParseServiceKey(service)
	if err != nil {
		return mappingKey{}, err
	}
	return newMappingKey(user, key.Type, key.ExternalID)
}

// key is known only where all its attributes are.
func (m identityModel) key() (k mappingKey, known bool) {
	if m.User.IsUnknown() || m.ServiceType.IsUnknown() || m.ExternalID.IsUnknown() {
		return mappingKey{}, false
	}
	k, err := newMappingKey(m.User.ValueString(), m.ServiceType.ValueString(), m.ExternalID.ValueString())
	return k, err == nil
}

// matcher is the value to store; known is false while any of it is unknown.
func (m identityModel) matcher() (matcher identity.Matcher, known bool) {
	if m.Identity.IsUnknown() || m.Matcher.IsUnknown() {
		return nil, false
	}
	if !m.Identity.IsNull() {
		return identity.NewMatcher(m.ServiceType.ValueString(), m.Identity.ValueString()), true
	}
	return matcherOf(m.Matcher)
}

func matcherOf(value types.Map) (matcher identity.Matcher, known bool) {
	matcher = make(identity.Matcher, len(value.Elements()))
	for k, v := range value.Elements() {
		s, ok := v.(types.String)
		if !ok || s.IsUnknown() {
			return nil, false
		}
		matcher[k] = s.ValueString()
	}
	return matcher, true
}

func matcherValue(matcher identity.Matcher) types.Map {
	elements := make(map[string]attr.Value, len(matcher))
	for k, v := range matcher {
		elements[k] = types.StringValue(v)
	}
	return types.MapValueMust(types.StringType, elements)
}

// setMatcher puts a stored value into the form the model already has; one that
// has none takes identity where the matcher is just the type's own key. A
// value that only is spelled another way keeps the model's spelling.
func (m *identityModel) setMatcher(stored identity.Matcher) {
	serviceType := m.ServiceType.ValueString()
	if have, known := m.matcher(); known && have.Equal(serviceType, stored) {
		return
	}
	id, plain := stored.Identity(serviceType)
	if plain && m.Matcher.IsNull() {
		m.Identity, m.Matcher = types.StringValue(id), types.MapNull(types.StringType)
		return
	}
	m.Identity, m.Matcher = types.StringNull(), matcherValue(stored)
}

// setStored fills in what the store knows of the mapping.
func (m *identityModel) setStored(key mappingKey, stored identity.Mapping) {
	m.setKey(key)
	m.setMatcher(stored.Matcher)
	m.Source = types.StringValue(string(stored.Source.OrManual()))
	m.Revision = types.Int64Value(stored.Revision)
	m.UpdatedAt = types.StringNull()
	if !stored.UpdatedAt.IsZero() {
		m.UpdatedAt = types.StringValue(stored.UpdatedAt.UTC().Format(time.RFC3339))
	}
}

func (m *identityModel) setKey(key mappingKey) {
	m.ID = types.StringValue(key.String())
	m.Service = types.StringValue(key.service.String())
}

// equal compares all attributes.
func (m identityModel) equal(o identityModel) bool {
	return m.sameValue(o) && m.sameOptions(o) &&
		m.ID.Equal(o.ID) && m.User.Equal(o.User) && m.ServiceType.Equal(o.ServiceType) && m.ExternalID.Equal(o.ExternalID) &&
		m.Service.Equal(o.Service) && m.Source.Equal(o.Source) && m.Revision.Equal(o.Revision) && m.UpdatedAt.Equal(o.UpdatedAt)
}
