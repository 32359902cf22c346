// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"bytes"
	"encoding/csv"
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

// readActive: a blank cell is an active account.
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
