// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// dynamicObject reads the attributes of a dynamic argument. A null attribute
// counts as absent. err holds the first attribute that has a wrong type.
type dynamicObject struct {
	attributes map[string]attr.Value
	err        error
}

// objectOf returns an object or a map as a dynamicObject. It refuses attributes
// that are not allowed, so that misspelled ones are not ignored.
func objectOf(value attr.Value, allowed ...string) (*dynamicObject, error) {
	o := &dynamicObject{}
	switch v := unwrap(value).(type) {
	case types.Object:
		o.attributes = v.Attributes()
	case types.Map:
		o.attributes = v.Elements()
	default:
		return nil, fmt.Errorf("it must be an object with attributes among %s", strings.Join(allowed, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(o.attributes)) {
		if !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("it has an unknown attribute %q; allowed are %s", name, strings.Join(allowed, ", "))
		}
	}
	return o, nil
}

// elementsOf returns the elements of a tuple, a list or a set, none for null.
func elementsOf(value attr.Value) ([]attr.Value, error) {
	switch v := unwrap(value).(type) {
	case nil:
		return nil, nil
	case types.Tuple:
		return v.Elements(), nil
	case types.List:
		return v.Elements(), nil
	case types.Set:
		return v.Elements(), nil
	}
	if value.IsNull() {
		return nil, nil
	}
	return nil, errors.New("the rules must be a list of objects")
}

func unwrap(value attr.Value) attr.Value {
	if d, ok := value.(types.Dynamic); ok {
		return d.UnderlyingValue()
	}
	return value
}

// pointer returns a string attribute, nil where it is absent.
func (o *dynamicObject) pointer(name string) *string {
	value := unwrap(o.attributes[name])
	if value == nil || value.IsNull() {
		return nil
	}
	s, ok := value.(types.String)
	if !ok || s.IsUnknown() {
		o.fail(name, "a string")
		return nil
	}
	return s.ValueStringPointer()
}

// text returns a string attribute, "" where it is absent.
func (o *dynamicObject) text(name string) string {
	if p := o.pointer(name); p != nil {
		return *p
	}
	return ""
}

// texts returns an attribute that is a map of strings, nil where it is absent.
// Null elements are left out.
func (o *dynamicObject) texts(name string) map[string]string {
	value := unwrap(o.attributes[name])
	if value == nil || value.IsNull() {
		return nil
	}
	var elements map[string]attr.Value
	switch v := value.(type) {
	case types.Object:
		elements = v.Attributes()
	case types.Map:
		elements = v.Elements()
	default:
		o.fail(name, "a map of strings")
		return nil
	}
	texts := make(map[string]string, len(elements))
	for key, element := range elements {
		element = unwrap(element)
		if element == nil || element.IsNull() {
			continue
		}
		s, ok := element.(types.String)
		if !ok || s.IsUnknown() {
			o.fail(name, "a map of strings")
			return nil
		}
		texts[key] = s.ValueString()
	}
	return texts
}

func (o *dynamicObject) fail(name, want string) {
	if o.err == nil {
		o.err = fmt.Errorf("its attribute %q must be %s", name, want)
	}
}
