// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// conditionPrefix begins the names of fields that make a write conditional.
const conditionPrefix = "if_"

// bodyFields describes the fields of one object of a request's body. Nil describes
// an object whose keys are the caller's own, such as a matcher.
type bodyFields struct {
	byName map[string]*bodyFields // the fields of each field's own value
	byFold map[string]string      // names by folded name
}

// fieldsOf returns the fields that objects of type t have, also as elements of a list.
// Maps and unknown fields have none.
func fieldsOf(t reflect.Type) *bodyFields {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	f := &bodyFields{byName: map[string]*bodyFields{}, byFold: map[string]string{}}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || name == "" || name == "-" {
			continue
		}
		f.byName[name], f.byFold[foldKey(name)] = fieldsOf(field.Type), name
	}
	return f
}

// requestFields returns the fields of the body that an operation's input has, nil
// where it has no body.
func requestFields(input reflect.Type) *bodyFields {
	if body, ok := input.FieldByName("Body"); ok {
		return fieldsOf(body.Type)
	}
	return nil
}

// field returns the fields inside the value of a key, which stands behind it. It refuses
// known fields in another case, which the decoder would take for the field or drop, and
// conditions that are unknown or null. Other unknown fields are ignored: later clients may
// send more.
func (f *bodyFields) field(key jsonKey, behind []byte) (*bodyFields, error) {
	if f == nil {
		return nil, nil
	}
	if inside, known := f.byName[key.text]; known {
		if strings.HasPrefix(key.text, conditionPrefix) && bytes.HasPrefix(bytes.TrimLeft(behind, ": \t\r\n"), []byte("null")) {
			return nil, identity.Invalid(identity.CodeInvalid, "The request's body has the condition "+identity.Quote(key.text)+" without a value",
				"Give it one, or leave it out for an unconditional write.")
		}
		return inside, nil
	}
	if name, known := f.byFold[key.folded]; known {
		return nil, identity.Invalid(identity.CodeInvalid,
			fmt.Sprintf("The request's body has the key %s, but the field is called %s", identity.Quote(key.text), identity.Quote(name)), "Write the key like that: upper and lower case count.")
	}
	if strings.HasPrefix(key.folded, foldKey(conditionPrefix)) {
		return nil, identity.Invalid(identity.CodeInvalid, "The request's body has the unknown condition "+identity.Quote(key.text),
			"Correct its spelling, or move it to its element. Without this condition the write would be unconditional.")
	}
	return nil, nil
}
