// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"reflect"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/vmihailenco/msgpack/v5"
)

// steadyIdentity is identityModel on the wire; nil is null. An unknown value
// has no place in it.
type steadyIdentity struct {
	ID          *string            `msgpack:"id"`
	User        *string            `msgpack:"user"`
	ServiceType *string            `msgpack:"service_type"`
	ExternalID  *string            `msgpack:"external_id"`
	Identity    *string            `msgpack:"identity"`
	Matcher     map[string]*string `msgpack:"matcher"`
	Overwrite   *bool              `msgpack:"overwrite"`
	AllowShared *bool              `msgpack:"allow_shared"`
	Service     *string            `msgpack:"service"`
	Source      *string            `msgpack:"source"`
	Revision    *int64             `msgpack:"revision"`
	UpdatedAt   *string            `msgpack:"updated_at"`
}

// steadyAttributes are the names of its attributes.
var steadyAttributes = func() map[string]bool {
	names := map[string]bool{}
	for t, i := reflect.TypeFor[steadyIdentity](), 0; i < t.NumField(); i++ {
		names[t.Field(i).Tag.Get("msgpack")] = true
	}
	return names
}()

// decodeSteady reads a value that is known as a whole; ok is false for any
// other.
func decodeSteady(v *tfprotov6.DynamicValue) (m identityModel, ok bool) {
	if v == nil || len(v.MsgPack) == 0 {
		return m, false
	}
	var wire *steadyIdentity
	if err := msgpack.Unmarshal(v.MsgPack, &wire); err != nil || wire == nil {
		return m, false
	}
	m = identityModel{
		ID: types.StringPointerValue(wire.ID), User: types.StringPointerValue(wire.User),
		ServiceType: types.StringPointerValue(wire.ServiceType), ExternalID: types.StringPointerValue(wire.ExternalID),
		Identity: types.StringPointerValue(wire.Identity), Matcher: types.MapNull(types.StringType),
		Overwrite: types.BoolPointerValue(wire.Overwrite), AllowShared: types.BoolPointerValue(wire.AllowShared),
		Service: types.StringPointerValue(wire.Service), Source: types.StringPointerValue(wire.Source),
		Revision: types.Int64PointerValue(wire.Revision), UpdatedAt: types.StringPointerValue(wire.UpdatedAt),
	}
	if wire.Matcher == nil {
		return m, true
	}
	elements := make(map[string]attr.Value, len(wire.Matcher))
	for key, value := range wire.Matcher {
		elements[key] = types.StringPointerValue(value)
	}
	m.Matcher = types.MapValueMust(types.StringType, elements)
	return m, true
}

// completeSteady reports whether a stored state has the schema's attributes and
// no others, which Terraform would not take back.
func completeSteady(text []byte) bool {
	var attributes map[string]json.RawMessage
	if json.Unmarshal(text, &attributes) != nil || len(attributes) != len(steadyAttributes) {
		return false
	}
	for name := range attributes {
		if !steadyAttributes[name] {
			return false
		}
	}
	return true
}

// valid reports whether validating finds nothing to say.
func (m identityModel) valid() bool {
	if m.Identity.IsNull() == m.Matcher.IsNull() {
		return false
	}
	key, known := m.key()
	matcher, knownToo := m.matcher()
	return known && knownToo && matcher.Validate(key.service) == nil
}

// current reports whether the mapping is held as stored, and is what this state
// says. It asks nobody.
func (m identityModel) current(data *providerData) bool {
	if data == nil {
		return false
	}
	open := data.session.Current()
	key, known := m.key()
	if open == nil || !known {
		return false
	}
	user, held := open.API.Held(key.user)
	if !held || user == nil {
		return false
	}
	stored, there := user.Mapping(key.service)
	if !there {
		return false
	}
	read := m
	read.setStored(key, stored)
	return read.equal(m)
}

// equal compares all attributes.
func (m identityModel) equal(o identityModel) bool {
	return m.sameValue(o) && m.sameOptions(o) &&
		m.ID.Equal(o.ID) && m.User.Equal(o.User) && m.ServiceType.Equal(o.ServiceType) && m.ExternalID.Equal(o.ExternalID) &&
		m.Service.Equal(o.Service) && m.Source.Equal(o.Source) && m.Revision.Equal(o.Revision) && m.UpdatedAt.Equal(o.UpdatedAt)
}

// resourceIdentity is what Terraform knows the mapping by.
func (m identityModel) resourceIdentity() (*tfprotov6.DynamicValue, bool) {
	key, known := m.key()
	if !known {
		return nil, false
	}
	// In the order in which Terraform writes attributes.
	text, err := msgpack.Marshal(struct {
		ExternalID  string `msgpack:"external_id"`
		ServiceType string `msgpack:"service_type"`
		User        string `msgpack:"user"`
	}{key.service.ExternalID, key.service.Type, string(key.user)})
	return &tfprotov6.DynamicValue{MsgPack: text}, err == nil
}
