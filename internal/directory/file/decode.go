// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// columns names the columns of a CSV file. No names are email, id and active.
type columns struct {
	emails   []string // every one is an address of the account's own; cells may be blank
	ids      []string // the first that the file has
	active   string
	isActive func(cell string) (bool, error) // nil = readActive
}

// custom reports whether a configuration names columns. Then others in the file
// are passed over.
func (c columns) custom() bool { return c.emails != nil || c.ids != nil || c.active != "" }

// among and notAmong tell the cells of active accounts, without regard to case.
func among(values ...string) func(string) (bool, error) {
	return func(cell string) (bool, error) {
		return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, strings.TrimSpace(cell)) }), nil
	}
}

func notAmong(values ...string) func(string) (bool, error) {
	in := among(values...)
	return func(cell string) (bool, error) {
		found, err := in(cell)
		return !found && strings.TrimSpace(cell) != "", err
	}
}

// formats are exports with columns that are always called the same.
var formats = map[string]columns{
	"google_users": {emails: []string{"Email Address [Required]"}, ids: []string{"Email Address [Required]"},
		active: "Status [READ ONLY]", isActive: among("Active")},
	"entra_users": {emails: []string{"userPrincipalName", "mail"}, ids: []string{"id", "objectId"},
		active: "accountEnabled", isActive: among("true")},
	"slack_members": {emails: []string{"email"}, ids: []string{"userid"},
		active: "status", isActive: notAmong("Deactivated")},
}

// place is where the columns are in a file; active is -1 where it has none.
type place struct {
	emails     []int
	id, active int
}

// decodeCSV reads rows below a header that names the columns.
func decodeCSV(name, text string, want columns) ([]row, error) {
	lines, err := symcsv.Table(text)
	var problem symcsv.Problem
	switch {
	case errors.As(err, &problem):
		return nil, fmt.Errorf("%s:%d: %w", name, problem.Line, problem.Err)
	case len(lines) == 0:
		return nil, fmt.Errorf("%s:1: the file is empty; its first line is the header email,id or email,id,active", name)
	}
	at, err := readHeader(lines[0].Cells, want)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, lines[0].Line, err)
	}
	rows := make([]row, len(lines)-1)
	for i, line := range lines[1:] {
		if rows[i], err = readRecord(line.Cells, at, want); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line.Line, err)
		}
		rows[i].line = line.Line
	}
	return rows, nil
}

// readRecord reads one row.
func readRecord(record []string, at place, want columns) (row, error) {
	next := row{active: true, own: true, id: strings.TrimSpace(record[at.id])}
	if err := identity.CheckSpreadsheet(next.id); err != nil {
		return row{}, fmt.Errorf("the id %w", err)
	}
	for _, i := range at.emails {
		if email := strings.TrimSpace(record[i]); email != "" && !slices.ContainsFunc(next.emails, func(e string) bool { return strings.EqualFold(e, email) }) {
			next.emails = append(next.emails, email)
		}
	}
	if at.active < 0 {
		return next, nil
	}
	isActive := readActive
	if want.isActive != nil {
		isActive = want.isActive
	}
	var err error
	next.active, err = isActive(record[at.active])
	return next, err
}

// readHeader finds the columns in the first row. Without names of the
// configuration's own it refuses other columns, as one of them may be a
// misspelled active.
func readHeader(header []string, want columns) (place, error) {
	fold := func(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
	at := map[string][]int{}
	for i, cell := range header {
		column := fold(cell)
		if !want.custom() && column != "" && column != "email" && column != "id" && column != "active" {
			return place{}, fmt.Errorf("the header names a column %q; the columns are email, id and optionally active", cell)
		}
		at[column] = append(at[column], i)
	}
	find := func(names ...string) (int, error) {
		for _, name := range names {
			switch found := at[fold(name)]; len(found) {
			case 0:
			case 1:
				return found[0], nil
			default:
				return 0, fmt.Errorf("the header names the column %q twice", name)
			}
		}
		return 0, fmt.Errorf("the header lacks the column %q", names[0])
	}
	out := place{active: -1}
	emails, ids := want.emails, want.ids
	if emails == nil {
		emails = []string{"email"}
	}
	if ids == nil {
		ids = []string{"id"}
	}
	for _, name := range emails {
		i, err := find(name)
		if err != nil {
			return place{}, err
		}
		out.emails = append(out.emails, i)
	}
	var err error
	if out.id, err = find(ids...); err != nil {
		return place{}, err
	}
	if active := cmp.Or(want.active, "active"); want.active != "" || at["active"] != nil {
		out.active, err = find(active)
	}
	return out, err
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
