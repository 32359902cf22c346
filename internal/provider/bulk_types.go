// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// After a data source is read, the framework compares its state with its
// configuration, attribute by attribute and element by element. For attributes
// with an element for each of a hundred thousand users, that takes as much memory
// as the state itself. The types here end the comparison at the attribute.

// userListType is the type of a configured list of users.
type userListType struct{ types.ListType }

// Equal reports whether the other type is the same.
func (t userListType) Equal(other attr.Type) bool {
	o, ok := other.(userListType)
	return ok && t.ListType.Equal(o.ListType)
}

// ValueFromTerraform returns a userList.
func (t userListType) ValueFromTerraform(ctx context.Context, value tftypes.Value) (attr.Value, error) {
	read, err := t.ListType.ValueFromTerraform(ctx, value)
	list, _ := read.(types.List)
	return userList{list}, err
}

// userList is a list that the state takes over from the configuration as it is.
type userList struct{ types.List }

// Type returns the type of the list.
func (l userList) Type(ctx context.Context) attr.Type {
	return userListType{types.ListType{ElemType: l.ElementType(ctx)}}
}

// Equal reports whether the other value is a list with the same elements.
func (l userList) Equal(other attr.Value) bool {
	o, ok := other.(userList)
	return ok && l.List.Equal(o.List)
}

// ListSemanticEquals returns true.
func (l userList) ListSemanticEquals(context.Context, basetypes.ListValuable) (bool, diag.Diagnostics) {
	return true, nil
}

// wireMapType is the type of a computed map with an entry for each user.
type wireMapType struct{ types.MapType }

// Equal reports whether the other type is the same.
func (t wireMapType) Equal(other attr.Type) bool {
	o, ok := other.(wireMapType)
	return ok && t.MapType.Equal(o.MapType)
}

// ValueFromTerraform returns a known map as a wireMap.
func (t wireMapType) ValueFromTerraform(ctx context.Context, value tftypes.Value) (attr.Value, error) {
	if value.IsNull() || !value.IsKnown() {
		return t.MapType.ValueFromTerraform(ctx, value)
	}
	return &wireMap{value, t}, nil
}

// wireMap is a known map in the protocol's own form.
type wireMap struct {
	tftypes.Value
	of wireMapType
}

// Type returns the type of the map.
func (m *wireMap) Type(context.Context) attr.Type { return m.of }

// ToTerraformValue returns the protocol's value.
func (m *wireMap) ToTerraformValue(context.Context) (tftypes.Value, error) { return m.Value, nil }

// Equal reports whether the other value is a map with the same entries.
func (m *wireMap) Equal(other attr.Value) bool {
	o, ok := other.(*wireMap)
	return ok && (m == o || m.Value.Equal(o.Value))
}

// IsUnknown returns false.
func (m *wireMap) IsUnknown() bool { return false }
