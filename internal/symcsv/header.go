// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// column is one column of the header.
type column struct {
	name    string              // as in the header, without outer spaces; "" = what spreadsheets leave behind
	service identity.ServiceKey // zero where the column is none of a service, or reported already
}

// header reads the first row. It reports whether the rows below can be read.
func (p *parser) header(r row) bool {
	own := findUserColumn(r)
	if own < 0 {
		p.reportNoUser(r)
		return false
	}
	p.user = own
	p.columns = make([]column, len(r))
	first := map[string]int{}
	for i, c := range r {
		col, err := newColumn(c.text)
		switch {
		case i == own:
			err = nil
		case col.name == userColumn, col.name == oldUserColumn:
			err = fmt.Errorf("the user of each row is in column %d already. Remove one of the two columns", own+1)
		case first[col.name] > 0:
			err = fmt.Errorf("the header has this column twice, as columns %d and %d. Make one column of the two", first[col.name], i+1)
			col.service = identity.ServiceKey{}
		}
		if err != nil {
			p.report(c.line, col.name, err)
		}
		if col.service != (identity.ServiceKey{}) {
			first[col.name] = i + 1
			p.sheet.Services = append(p.sheet.Services, col.service)
		}
		p.columns[i] = col
	}
	return true
}

// newColumn reads the name of a column.
func newColumn(text string) (column, error) {
	c := column{name: strings.TrimSpace(text)}
	if c.name == "" || c.name == userIDColumn {
		return c, nil
	}
	service, err := identity.ParseServiceKey(c.name)
	if err != nil {
		if strings.Contains(c.name, ":") {
			return c, err
		}
		return c, fmt.Errorf("the column is none of %s, %s and a service key (SERVICE_TYPE:EXTERNAL_ID, as in okta:acme.okta.com). Rename or remove it",
			userColumn, userIDColumn)
	}
	if service.Managed() {
		return c, fmt.Errorf("identities of %s cannot be declared: they are managed by Sym. Remove the column", service)
	}
	c.service = service
	return c, nil
}

// findUserColumn returns the index of the user's column, -1 where there is none.
func findUserColumn(r row) int {
	old := -1
	for i, c := range r {
		switch strings.TrimSpace(c.text) {
		case userColumn:
			return i
		case oldUserColumn:
			if old < 0 {
				old = i
			}
		}
	}
	return old
}

// reportNoUser explains why a first line without the user's column cannot be a
// header.
func (p *parser) reportNoUser(r row) {
	line := r[0].line
	for _, c := range r {
		if col, err := newColumn(c.text); err == nil && col.name != "" {
			p.report(line, "", fmt.Errorf("the header has no column %s, which names the user of each row", userColumn))
			return
		}
	}
	p.report(line, "", errNotAHeader)
}
