// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// columns says which columns of a table hold what.
type columns struct {
	id       column
	signIn   column   // an address of the account's own where it holds an @
	emails   []column // further addresses of its own
	aliases  column
	name     column
	statuses []statusColumn
}

// column is a column under one of its names; none is no column.
type column struct {
	names    []string
	required bool
}

// need and maybe return a column that a file must have or may lack. The first of
// the names that the file has counts.
func need(names ...string) column  { return column{names, true} }
func maybe(names ...string) column { return column{names, false} }

// statusColumn says what the cells of a column mean for an account.
type statusColumn struct {
	column
	read func(cell string) (status, error)
}

// status is what a cell says about its account; what it does not say is zero.
type status struct {
	state directory.State
	kind  directory.Kind
	none  bool // the row is no account
}

var (
	active   = status{state: directory.StateActive}
	inactive = status{state: directory.StateInactive}
	invited  = status{state: directory.StateInvited}
	guest    = status{kind: directory.KindGuest}
)

// oneOf reads cells by their words in lower case; others mean otherwise.
func oneOf(words map[string]status, otherwise status) func(string) (status, error) {
	return func(cell string) (status, error) {
		if known, ok := words[fold(cell)]; ok {
			return known, nil
		}
		return otherwise, nil
	}
}

// readActive reads cells of our own form; a blank one is active.
func readActive(cell string) (status, error) {
	switch fold(cell) {
	case "", "true", "yes", "1":
		return active, nil
	case "false", "no", "0":
		return inactive, nil
	}
	return status{}, fmt.Errorf("active is %q; it is true, false, yes, no, 1, 0 or blank", cell)
}

// table is a CSV file, or the records of a JSON file.
type table interface {
	len() int
	line(i int) int
	has(name string) (bool, error)
	lacks(name string) error
	// cells returns what a record has in a column that the table has.
	cells(i int, name string) ([]string, error)
}

// in returns the name that a table has for a column, "" for an optional one that
// it lacks.
func (c column) in(t table) (string, error) {
	for _, name := range c.names {
		if has, err := t.has(name); has || err != nil {
			return name, err
		}
	}
	if c.required {
		return "", t.lacks(c.names[0])
	}
	return "", nil
}

// read returns the accounts of a table.
func (c *columns) read(t table) ([]entry, error) {
	var missing error
	find := func(col column) string {
		name, err := col.in(t)
		if missing == nil {
			missing = err
		}
		return name
	}
	id, signIn, aliases, name := find(c.id), find(c.signIn), find(c.aliases), find(c.name)
	emails, statuses := make([]string, len(c.emails)), make([]string, len(c.statuses))
	for i, col := range c.emails {
		emails[i] = find(col)
	}
	for i, col := range c.statuses {
		statuses[i] = find(col.column)
	}
	if missing != nil {
		return nil, missing
	}
	var entries []entry
	for i := range t.len() {
		var broken error
		cells := func(name string) []string {
			if name == "" {
				return nil
			}
			some, err := t.cells(i, name)
			if broken == nil && err != nil {
				broken = fmt.Errorf("%s: %w", name, err)
			}
			return some
		}
		one := func(name string) string { return strings.TrimSpace(strings.Join(cells(name), ", ")) }
		a := directory.Account{Identity: one(id), Name: one(name), State: directory.StateActive}
		none := false
		for j, col := range c.statuses {
			if statuses[j] == "" {
				continue
			}
			says, err := col.read(one(statuses[j]))
			if broken == nil {
				broken = err
			}
			if says.state != directory.StateUnknown && a.State != directory.StateInactive {
				a.State = says.state
			}
			a.Kind, none = cmp.Or(says.kind, a.Kind), none || says.none
		}
		if name := one(signIn); strings.Contains(name, "@") {
			a.SignIn = name
			addAddress(&a, directory.Primary, name)
		}
		for _, column := range emails {
			for _, email := range cells(column) {
				addAddress(&a, directory.Primary, email)
			}
		}
		for _, email := range cells(aliases) {
			addAddress(&a, directory.Alias, email)
		}
		if err := identity.CheckSpreadsheet(a.Identity); broken == nil && err != nil {
			broken = fmt.Errorf("the id %w", err)
		}
		if broken != nil {
			return nil, problem{t.line(i), broken}
		}
		if !none {
			entries = append(entries, entry{t.line(i), a})
		}
	}
	return entries, nil
}

// addAddress adds an address that the account does not have yet, or marks the
// record that it cannot be read. A blank one is none.
func addAddress(a *directory.Account, kind directory.AddressKind, email string) {
	email = strings.TrimSpace(email)
	_, err := identity.ParseUser(email)
	switch {
	case email == "" || slices.ContainsFunc(a.Emails(), func(known string) bool { return identity.FoldASCII(known) == identity.FoldASCII(email) }):
	case !strings.Contains(email, "@"):
		a.Unreadable = fmt.Errorf("%q is not an e-mail", email)
	case err != nil:
		a.Unreadable = err
	default:
		a.Add(kind, directory.ProofUnknown, email)
	}
}
