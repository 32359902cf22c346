// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// decodeCSV reads rows below a header that names the columns.
func decodeCSV(name string, data []byte) ([]row, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = true
	header, err := r.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s:1: the file is empty; its first line is the header email,id or email,id,active", name)
	case err != nil:
		return nil, csvError(name, err)
	}
	columns, err := readHeader(header)
	if err != nil {
		line, _ := r.FieldPos(0)
		return nil, fmt.Errorf("%s:%d: %w", name, line, err)
	}
	var rows []row
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, csvError(name, err)
		}
		line, _ := r.FieldPos(0)
		next := row{line: line, active: true, id: strings.TrimSpace(record[columns["id"]]), emails: []string{strings.TrimSpace(record[columns["email"]])}}
		if at, ok := columns["active"]; ok {
			if next.active, err = readActive(record[at]); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, line, err)
			}
		}
		rows = append(rows, next)
	}
}

func readHeader(header []string) (map[string]int, error) {
	columns := map[string]int{}
	for i, cell := range header {
		column := strings.ToLower(strings.TrimSpace(cell))
		switch column {
		case "email", "id", "active":
		default:
			return nil, fmt.Errorf("the header names a column %q; the columns are email, id and optionally active", cell)
		}
		if _, twice := columns[column]; twice {
			return nil, fmt.Errorf("the header names the column %q twice", column)
		}
		columns[column] = i
	}
	for _, need := range []string{"email", "id"} {
		if _, ok := columns[need]; !ok {
			return nil, fmt.Errorf("the header lacks the column %q", need)
		}
	}
	return columns, nil
}

// readActive reads the cell of an account; a blank one is active.
func readActive(cell string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(cell)) {
	case "", "true", "yes", "1":
		return true, nil
	case "false", "no", "0":
		return false, nil
	}
	return false, fmt.Errorf("active is %q; it is true, false, yes, no, 1, 0 or blank", cell)
}

func csvError(name string, err error) error {
	var parse *csv.ParseError
	switch {
	case !errors.As(err, &parse):
		return fmt.Errorf("%s: %w", name, err)
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Errorf("%s:%d: the row has more or fewer cells than the header", name, parse.Line)
	}
	return fmt.Errorf("%s:%d: %w", name, parse.Line, parse.Err)
}

type jsonAccount struct {
	ID     any      `json:"id"`
	Emails []string `json:"emails"`
	Active *bool    `json:"active"`
}

// decodeJSON reads a list of accounts.
func decodeJSON(name string, data []byte) ([]row, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields() // a misspelled "emails" would be an account without addresses
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
		if err := checkKeys(data[start:dec.InputOffset()]); err != nil {
			return nil, jsonError(name, data, start, err)
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

// checkKeys refuses an object with a key that comes twice or in another case, as
// the last of them would hide another account.
func checkKeys(object []byte) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return err // null, which has no id
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		switch {
		case seen[name]:
			return fmt.Errorf("the key %q comes twice", name)
		case name != strings.ToLower(name):
			return fmt.Errorf("the key is %q; the keys are id, emails and active", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
	}
	return nil
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
