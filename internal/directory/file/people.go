// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// row is one line of a CSV file or one object of a JSON file.
type row struct {
	line   int
	id     string
	emails []string
	active bool
}

// people is a file's content: the accounts of each normalised address, and
// under "" those without one.
type people map[string][]directory.Account

func (p people) find(email string) []directory.Account { return p[email] }

// all are the accounts in some order that is always the same.
func (p people) all() []directory.Account {
	all := make([]directory.Account, 0, len(p))
	for _, email := range slices.Sorted(maps.Keys(p)) {
		all = append(all, p[email]...)
	}
	return all
}

// gather checks rows and indexes them. Each address stands in an account of
// its own: the order of rows must not make one holder of an address its
// primary holder and another one an alias.
func gather(name string, rows []row) (people, error) {
	type entry struct {
		line   int
		active bool
	}
	byID := map[string]entry{}
	all := people{}
	for _, r := range rows {
		at := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: %s", name, r.line, fmt.Sprintf(format, args...))
		}
		if strings.TrimSpace(r.id) == "" {
			return nil, at("the id is empty")
		}
		if before, known := byID[r.id]; known && before.active != r.active {
			return nil, at("the account %q is active here or on line %d, but not on both", r.id, before.line)
		} else if !known {
			byID[r.id] = entry{line: r.line, active: r.active}
		}
		state := directory.StateActive
		if !r.active {
			state = directory.StateInactive
		}
		if len(r.emails) == 0 {
			all[""] = append(all[""], directory.Account{ID: r.id, State: state})
		}
		for _, address := range r.emails {
			key, err := identity.ParseUser(address)
			if err != nil {
				return nil, at("%s", err)
			}
			if !key.IsEmail() {
				return nil, at("%q is not an e-mail", address)
			}
			all[key.Email()] = append(all[key.Email()], directory.Account{ID: r.id, Emails: []string{address}, State: state})
		}
	}
	return all, nil
}
