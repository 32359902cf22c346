// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func TestWireMap(t *testing.T) { //nolint:paralleltest // allocations are counted
	of := wireMapType{types.MapType{ElemType: types.StringType}}
	entries := map[string]tftypes.Value{}
	for i := range 1000 {
		entries[fmt.Sprint(i)] = wireText("00u")
	}
	value := func(raw any) attr.Value {
		v, err := of.ValueFromTerraform(t.Context(), tftypes.NewValue(stringMapType, raw))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if !value(nil).IsNull() || !value(tftypes.UnknownValue).IsUnknown() {
		t.Error("null and unknown maps are neither")
	}
	all, same := value(entries), value(entries)
	other := value(map[string]tftypes.Value{"0": wireText("00u")})
	if all.IsNull() || all.IsUnknown() || !all.Equal(same) || all.Equal(other) || all.Equal(value(nil)) || !all.Type(t.Context()).Equal(of) {
		t.Error("a known map is not what it holds")
	}
	if raw, err := all.ToTerraformValue(t.Context()); err != nil || !raw.Equal(tftypes.NewValue(stringMapType, entries)) {
		t.Errorf("the map came back as %s, %v", raw, err)
	}
	raw := tftypes.NewValue(stringMapType, entries)
	if n := testing.AllocsPerRun(10, func() { _, _ = of.ValueFromTerraform(t.Context(), raw) }); n > 10 {
		t.Errorf("a map of 1,000 entries made %v values", n)
	}
}

func TestUserList(t *testing.T) {
	t.Parallel()
	of := userListType{types.ListType{ElemType: types.StringType}}
	value := func(raw any) userList {
		v, err := of.ValueFromTerraform(t.Context(), tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, raw))
		list, ok := v.(userList)
		if err != nil || !ok {
			t.Fatalf("%T, %v", v, err)
		}
		return list
	}
	one := value([]tftypes.Value{wireText("nora@acme.example")})
	if !value(nil).IsNull() || !value(tftypes.UnknownValue).IsUnknown() || !one.Equal(value([]tftypes.Value{wireText("nora@acme.example")})) || one.Equal(value(nil)) || !one.Type(t.Context()).Equal(of) {
		t.Error("a list is not what it holds")
	}
	if same, diags := one.ListSemanticEquals(t.Context(), one); !same || diags.HasError() {
		t.Error("the framework would compare each user with the configuration")
	}
}
