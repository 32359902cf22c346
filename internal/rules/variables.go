// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"fmt"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// The types of user and service. Their names are no CEL identifiers, so that an
// expression cannot make such a value itself.
var (
	celUser    = cel.ObjectType("<user>")
	celService = cel.ObjectType("<service>")
)

const fieldsHint = "user has email, local, domain, username, type, role, first_name, last_name and identities; service has type, external_id and key."

// variables is what one evaluation shows to expressions. It implements
// cel.Activation without a map.
type variables struct {
	subject       Subject
	service       identity.ServiceKey
	local, domain string

	userValue, serviceValue object
}

func newVariables(u Subject, in input, service identity.ServiceKey) *variables {
	v := &variables{subject: u, service: service, local: in.local, domain: in.domain}
	v.userValue = object{celType: celUser, of: v}
	v.serviceValue = object{celType: celService, of: v}
	return v
}

// ResolveName implements cel.Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "user":
		return &v.userValue, true
	case "service":
		return &v.serviceValue, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (*variables) Parent() cel.Activation { return nil }

// field is one field of user or service.
type field struct {
	name    string
	celType *cel.Type
	get     func(*variables) any
}

func text(name string, get func(*variables) string) field {
	return field{name: name, celType: cel.StringType, get: func(v *variables) any { return types.String(get(v)) }}
}

func userFields(adapter types.Adapter) []field {
	return []field{
		text("email", func(v *variables) string { return v.subject.Key.Email() }),
		text("local", func(v *variables) string { return v.local }),
		text("domain", func(v *variables) string { return v.domain }),
		text("username", func(v *variables) string { return v.subject.Key.Username() }),
		text("type", func(v *variables) string {
			if v.subject.Type == "" {
				return string(v.subject.Key.Type())
			}
			return string(v.subject.Type)
		}),
		text("role", func(v *variables) string { return string(v.subject.Role) }),
		text("first_name", func(v *variables) string { return v.subject.FirstName }),
		text("last_name", func(v *variables) string { return v.subject.LastName }),
		{"identities", cel.MapType(cel.StringType, cel.StringType), func(v *variables) any {
			return types.NewStringStringMap(adapter, v.subject.Identities)
		}},
	}
}

func serviceFields() []field {
	return []field{
		text("type", func(v *variables) string { return v.service.Type }),
		text("external_id", func(v *variables) string { return v.service.ExternalID }),
		text("key", func(v *variables) string { return v.service.String() }),
	}
}

// fieldProvider tells CEL's checker and runtime of the fields; everything else
// is the standard provider's. With it a misspelled field fails to compile.
type fieldProvider struct {
	types.Provider
	structs map[string]map[string]*types.FieldType
}

func newFieldProvider(standard types.Provider, adapter types.Adapter) *fieldProvider {
	return &fieldProvider{Provider: standard, structs: map[string]map[string]*types.FieldType{
		celUser.TypeName():    fieldTypes(userFields(adapter)),
		celService.TypeName(): fieldTypes(serviceFields()),
	}}
}

func fieldTypes(fields []field) map[string]*types.FieldType {
	byName := make(map[string]*types.FieldType, len(fields))
	for _, f := range fields {
		byName[f.name] = &types.FieldType{
			Type:  f.celType,
			IsSet: func(any) bool { return true }, // a missing value is empty, as the contract has it
			GetFrom: func(target any) (any, error) {
				o, ok := target.(*object)
				if !ok {
					return nil, fmt.Errorf("%T has no field %s", target, f.name)
				}
				return f.get(o.of), nil
			},
		}
	}
	return byName
}

// FindStructType implements types.Provider.
func (p *fieldProvider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.structs[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p *fieldProvider) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := p.structs[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	names := make([]string, 0, len(fields))
	for field := range fields {
		names = append(names, field)
	}
	return names, true
}

// FindStructFieldType implements types.Provider.
func (p *fieldProvider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if fields, ok := p.structs[name]; ok {
		f, ok := fields[field]
		return f, ok
	}
	return p.Provider.FindStructFieldType(name, field)
}

// object is user or service as a CEL value. One evaluation has one of each.
type object struct {
	celType *types.Type
	of      *variables
}

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(target reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s cannot be converted to %s", o.celType, target)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(target ref.Type) ref.Val {
	switch target.TypeName() {
	case o.celType.TypeName():
		return o
	case types.TypeType.TypeName():
		return o.celType
	}
	return types.NewErr("%s cannot be converted to %s", o.celType, target.TypeName())
}

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val { return types.Bool(other == ref.Val(o)) }

// Type implements ref.Val.
func (o *object) Type() ref.Type { return o.celType }

// Value implements ref.Val.
func (o *object) Value() any { return o }
