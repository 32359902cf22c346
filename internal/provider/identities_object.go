// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// identitiesObject is a sym_identities object as Terraform hands it over:
// configuration, plan or state. It is read and changed in Terraform's own
// representation, because converting a map of thousands to Go values and back
// costs more than everything else that is done with it.
type identitiesObject struct {
	raw         tftypes.Value
	service     identity.ServiceKey // valid only where serviceKnown
	exclusive   option
	overwrite   option
	allowShared option
	// elements is the map as it is spelled; nil while the map as a whole is
	// unknown, or null.
	elements map[string]tftypes.Value

	serviceType, externalID types.String
}

// option is an optional attribute that is off when it is not set.
type option uint8

const (
	off option = iota
	on
	undecided // unknown at plan
)

// mappingRow is one entry of the map.
type mappingRow struct {
	spelled string // the key, in the configuration's spelling
	user    identity.UserKey
	value   string
	known   bool // the value is known
}

// readIdentitiesObject never fails: what is null or unknown is left out.
func readIdentitiesObject(raw tftypes.Value) identitiesObject {
	o := identitiesObject{raw: raw, serviceType: types.StringNull(), externalID: types.StringNull()}
	attributes := attributesOf(raw)
	o.serviceType = stringAttribute(attributes["service_type"])
	o.externalID = stringAttribute(attributes["external_id"])
	o.service = identity.ServiceKey{Type: o.serviceType.ValueString(), ExternalID: o.externalID.ValueString()}
	o.exclusive = optionOf(attributes["exclusive"])
	o.overwrite = optionOf(attributes["overwrite"])
	o.allowShared = optionOf(attributes["allow_shared"])
	if v := attributes["identities"]; v.IsKnown() && !v.IsNull() {
		_ = v.As(&o.elements) // the schema says that it is a map
	}
	return o
}

func attributesOf(raw tftypes.Value) map[string]tftypes.Value {
	var attributes map[string]tftypes.Value
	if raw.IsKnown() {
		_ = raw.As(&attributes) // the schema says that it is an object
	}
	return attributes
}

func stringAttribute(v tftypes.Value) types.String {
	if !v.IsKnown() {
		return types.StringUnknown()
	}
	if v.IsNull() {
		return types.StringNull()
	}
	return types.StringValue(textOf(v))
}

// textOf is a known string.
func textOf(v tftypes.Value) string {
	var s string
	_ = v.As(&s) // the schema says that it is a string
	return s
}

func optionOf(v tftypes.Value) option {
	if !v.IsKnown() {
		return undecided
	}
	var set bool
	if _ = v.As(&set); set { // the schema says that it is a bool
		return on
	}
	return off
}

// serviceKnown reports whether both parts of the service are known and right.
func (o identitiesObject) serviceKnown() bool {
	return !o.serviceType.IsUnknown() && !o.externalID.IsUnknown() && o.service.Validate() == nil
}

// rows are the entries whose key names a user, ordered by user. Validation has
// refused the others before anything reaches state or is applied.
func (o identitiesObject) rows() []mappingRow {
	rows := make([]mappingRow, 0, len(o.elements))
	for spelled, v := range o.elements {
		user, err := identity.ParseUser(spelled)
		if err != nil {
			continue
		}
		row := mappingRow{spelled: spelled, user: user, known: v.IsKnown()}
		if row.known {
			row.value = textOf(v)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b mappingRow) int {
		return cmp.Or(strings.Compare(string(a.user), string(b.user)), strings.Compare(a.spelled, b.spelled))
	})
	return rows
}

// with is the object with some attributes changed.
func (o identitiesObject) with(changed map[string]tftypes.Value) tftypes.Value {
	attributes := maps.Clone(attributesOf(o.raw))
	maps.Copy(attributes, changed)
	return tftypes.NewValue(o.raw.Type(), attributes)
}

// withComputed is the object with what its service determines.
func (o identitiesObject) withComputed() tftypes.Value {
	key := tftypes.NewValue(tftypes.String, o.service.String())
	return o.with(map[string]tftypes.Value{"id": key, "service": key})
}

// withElements is the object with other entries, and with what its service
// determines.
func (o identitiesObject) withElements(elements map[string]tftypes.Value) tftypes.Value {
	o.raw = o.with(map[string]tftypes.Value{
		"identities": tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, elements),
	})
	return o.withComputed()
}

func usersOf(rows []mappingRow) []identity.UserKey {
	users := make([]identity.UserKey, len(rows))
	for i, r := range rows {
		users[i] = r.user
	}
	return users
}

// identitiesKeyModel is the resource identity.
type identitiesKeyModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
}

func (o identitiesObject) key() identitiesKeyModel {
	return identitiesKeyModel{types.StringValue(o.service.Type), types.StringValue(o.service.ExternalID)}
}

// shownValue is a stored value as an entry of the map: the identity, or the
// matcher as JSON where it is more than the type's own key. Sym's own tools
// show it so.
func shownValue(serviceType string, stored identity.Matcher) string {
	if id, plain := stored.Identity(serviceType); plain {
		return id
	}
	text, _ := json.Marshal(stored) // a map of strings always marshals
	return string(text)
}

// shownMatcher is the reverse of shownValue, for values that a read put into
// state.
func shownMatcher(serviceType, value string) identity.Matcher {
	if strings.HasPrefix(value, "{") {
		var m identity.Matcher
		if err := json.Unmarshal([]byte(value), &m); err == nil {
			if _, plain := m.Identity(serviceType); !plain && len(m) > 0 {
				return m
			}
		}
	}
	return identity.NewMatcher(serviceType, value)
}
