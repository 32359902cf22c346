// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// Record is one record of a list. One that cannot be read does not make the
// whole list unreadable: Err says why, and Value holds what can be read of it.
type Record[T any] struct {
	Value T
	Err   error
}

// UnmarshalJSON implements json.Unmarshaler. It never fails.
func (r *Record[T]) UnmarshalJSON(raw []byte) error {
	*r = Record[T]{}
	if string(bytes.TrimSpace(raw)) == "null" {
		r.Err = errors.New("it is null")
		return nil
	}
	if r.Err = json.Unmarshal(raw, &r.Value); r.Err == nil {
		return nil
	}
	if shape, ok := errors.AsType[*json.UnmarshalTypeError](r.Err); ok {
		r.Err = fmt.Errorf("its field %q has another type than expected", shape.Field)
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(raw, &fields)
	for name, value := range fields {
		if field, err := json.Marshal(map[string]json.RawMessage{name: value}); err == nil {
			_ = json.Unmarshal(field, &r.Value)
		}
	}
	return nil
}

// Flag is a boolean that may be missing. Some servers send it as a string.
type Flag struct{ Known, Value bool }

// UnmarshalJSON implements json.Unmarshaler.
func (f *Flag) UnmarshalJSON(raw []byte) error {
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true":
		*f = Flag{Known: true, Value: true}
	case "false":
		*f = Flag{Known: true}
	case "null", "":
		*f = Flag{}
	default:
		return &json.UnmarshalTypeError{Value: "value"} // json adds the name of the field
	}
	return nil
}

// Proof returns what the flag of an address proves.
func (f Flag) Proof() directory.Proof {
	if !f.Known {
		return directory.ProofUnknown
	}
	return directory.ProofOf(&f.Value)
}

// RecordAccounts turns the records of a page into accounts. Those that cannot
// be read are marked; it refuses the page if one of them shows neither an id nor
// an address, so that it could be anybody's. It refuses a list that the
// answer does not have (nil), which must not look like an empty one.
func RecordAccounts[User any](resp *Response, records *[]Record[User], account func(User) directory.Account) ([]directory.Account, error) {
	if records == nil {
		return nil, resp.Unexpected("it is not a list of users")
	}
	accounts := make([]directory.Account, len(*records))
	for i, record := range *records {
		a := account(record.Value)
		a.Unreadable = record.Err
		if a.Unreadable != nil && a.Identity == "" && len(a.Addresses) == 0 {
			return nil, resp.Unexpected(fmt.Sprintf("one of its users cannot be read: %s", record.Err))
		}
		accounts[i] = a
	}
	return accounts, nil
}

// ReadRecord returns the account of one record. One that cannot be read is marked.
func ReadRecord[User any](raw []byte, account func(User) directory.Account) directory.Account {
	var record Record[User]
	_ = record.UnmarshalJSON(raw) // it never fails
	a := account(record.Value)
	a.Unreadable = record.Err
	return a
}
