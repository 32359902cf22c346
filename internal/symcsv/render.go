// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Render writes service key → user → identity as CSV: sym:cloud first, then
// the services in order of their keys; one row per user, in order of the
// normalised name; double quotes where a cell needs them, LF at line ends. An
// empty identity is a blank cell. A cell that a spreadsheet would execute starts
// with an apostrophe. Parse reads the map back, except for users
// who are spelled in several ways (they get one row, in the spelling of the
// first service that names them) and users without any identity (no service
// names them, so they have no row). The error joins everything that is wrong.
func Render(identities map[string]map[string]string) (string, error) {
	matchers := make(map[string]map[string]identity.Matcher, len(identities))
	for name, users := range identities {
		serviceType, _, _ := strings.Cut(name, ":")
		key := identity.MatcherKey(serviceType)
		matchers[name] = make(map[string]identity.Matcher, len(users))
		for user, id := range users {
			if id != "" {
				matchers[name][user] = identity.Matcher{key: id}
			}
		}
	}
	return RenderMatchers(matchers)
}

// RenderMatchers does the same with matchers. One with several keys is written as
// JSON, but not for Sym's own service types: symflow reads a cell of theirs as the
// value of one key. ParseSheet reads the matchers back.
func RenderMatchers(matchers map[string]map[string]identity.Matcher) (string, error) {
	services := slices.Sorted(maps.Keys(matchers))
	var errs []error
	names := map[identity.UserKey]string{}
	cells := make([]map[identity.UserKey]string, len(services))
	for i, name := range services {
		service, err := declarable(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var more []error
		cells[i], more = columnCells(service, matchers[name], names)
		errs = append(errs, more...)
	}
	if len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	var b strings.Builder
	WriteRow(&b, append([]string{userColumn}, services...))
	for _, user := range slices.Sorted(maps.Keys(names)) {
		line := []string{names[user]}
		for _, column := range cells {
			line = append(line, column[user])
		}
		WriteRow(&b, line)
	}
	return b.String(), nil
}

func declarable(name string) (identity.ServiceKey, error) {
	service, err := identity.ParseServiceKey(name)
	if err == nil {
		err = service.CheckDeclarable()
	}
	if err != nil {
		return service, fmt.Errorf("service %q: %w", identity.Truncate(name), err)
	}
	return service, nil
}

// columnCells returns the cells of one service. names collects how users are
// spelled.
func columnCells(service identity.ServiceKey, matchers map[string]identity.Matcher, names map[identity.UserKey]string) (map[identity.UserKey]string, []error) {
	cells := make(map[identity.UserKey]string, len(matchers))
	first := make(map[identity.UserKey]string, len(matchers))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(matchers)) {
		user, err := identity.ParseUser(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("service %q: %w", service, err))
			continue
		}
		if other, twice := first[user]; twice {
			errs = append(errs, fmt.Errorf("service %q: %q and %q are the same user. Leave one of the two", service, other, name))
			continue
		}
		first[user] = name
		cell, err := writeCell(service, matchers[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("service %q, user %q: %w", service, name, err))
			continue
		}
		cells[user] = cell
		if _, known := names[user]; !known {
			names[user] = strings.TrimSpace(name)
		}
	}
	return cells, errs
}

// WriteRow writes one line of CSV. It escapes formulas with an apostrophe, and quotes
// cells as standard CSV does, and those that start with a backtick, which Parse could
// take for symflow's other quote.
func WriteRow(b *strings.Builder, cells []string) {
	for i, c := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		c = escape(c)
		if strings.ContainsAny(c, ",\"\r\n") || strings.HasPrefix(c, "`") {
			c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		b.WriteString(c)
	}
	b.WriteByte('\n')
}
