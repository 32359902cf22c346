// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

type jsonAccount struct {
	ID     any      `json:"id"`
	Emails []string `json:"emails"`
	Active *bool    `json:"active"`
}

// decodeJSON reads a list of accounts.
func decodeJSON(name string, data []byte) ([]row, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields() // a misspelled "emails" would be an account nobody has
	dec.UseNumber()
	at := func(err error) error { return jsonError(name, data, dec.InputOffset(), err) }

	if open, err := dec.Token(); err != nil || open != json.Delim('[') {
		return nil, at(errors.New(`the file is not a list of {"id", "emails", "active"}`))
	}
	var rows []row
	for dec.More() {
		// The element begins after the comma and spaces that come next.
		start := dec.InputOffset() + int64(len(data[dec.InputOffset():])-len(bytes.TrimLeft(data[dec.InputOffset():], ", \t\r\n")))
		var a jsonAccount
		if err := dec.Decode(&a); err != nil {
			return nil, at(err)
		}
		r, err := a.row()
		if err != nil {
			return nil, jsonError(name, data, start, err)
		}
		r.line = lineAt(data, start)
		rows = append(rows, r)
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return nil, at(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, at(errors.New("there is more after the list"))
	}
	return rows, nil
}

func (a jsonAccount) row() (row, error) {
	r := row{emails: a.Emails, active: a.Active == nil || *a.Active}
	switch id := a.ID.(type) {
	case string:
		r.id = id
	case json.Number:
		r.id = id.String()
	case nil:
		return row{}, errors.New("the id is missing")
	default:
		return row{}, errors.New("the id is neither a string nor a number")
	}
	return r, nil
}

func jsonError(name string, data []byte, offset int64, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		offset, err = int64(len(data)), errors.New("the file is cut off")
	}
	return fmt.Errorf("%s:%d: %w", name, lineAt(data, offset), err)
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
}
