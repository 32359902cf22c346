// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/ldap"
)

// decodeLDIF returns the people of an export of a kind of server, as strategy of
// the directory ldap names it. idAttribute is stored; "" = the kind's own.
func decodeLDIF(text, strategy, idAttribute string) ([]entry, error) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		return nil, problem{lineAt(text, len(text)), errors.New("the file is cut off: its last line has no end")}
	}
	var found []entry
	now := time.Now()
	for _, b := range blocks(text) {
		e, err := b.entry()
		if err != nil {
			return nil, problem{b.line, err}
		}
		if e == nil {
			continue
		}
		if a, person := ldap.Read(e, strategy, idAttribute, now); person {
			found = append(found, entry{b.line, a})
		}
	}
	if found == nil {
		return nil, errors.New("the file holds no entry of a person, by its objectClass")
	}
	return found, nil
}

// block is the lines of an entry, unfolded.
type block struct {
	line  int
	lines []string
}

// blocks returns the entries of LDIF (RFC 2849) without comments.
func blocks(text string) []block {
	var all []block
	var now block
	comment := false
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n")+"\n", "\n") {
		switch {
		case strings.HasPrefix(line, " "):
			if !comment && len(now.lines) > 0 {
				now.lines[len(now.lines)-1] += line[1:]
			}
			continue
		case line == "" && len(now.lines) > 0:
			all = append(all, now)
			now = block{}
		case line != "" && line[0] != '#':
			if now.lines == nil {
				now.line = i + 1
			}
			now.lines = append(now.lines, line)
		}
		comment = strings.HasPrefix(line, "#")
	}
	return all
}

// entry returns the entry of a block, nil for one of the version alone.
func (b block) entry() (*goldap.Entry, error) {
	dn, attributes := "", map[string][]string{}
	for _, line := range b.lines {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok:
			return nil, errors.New("a line has no colon: the file is cut off, or no LDIF")
		case strings.HasPrefix(value, "<"):
			return nil, errors.New(name + " is in another file; export its value")
		case strings.HasPrefix(value, ":"):
			decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value[1:]))
			if err != nil {
				return nil, errors.New("the value of " + name + " is not base64: the file is cut off, or no LDIF")
			}
			value = string(decoded)
		default:
			value = strings.TrimLeft(value, " ")
		}
		switch {
		case strings.EqualFold(name, "version") && dn == "":
		case strings.EqualFold(name, "dn") && dn == "":
			dn = value
		case dn == "":
			return nil, errors.New("the entry begins with " + name + " and not with dn; export with ldapsearch -LLL, or slapcat")
		case strings.EqualFold(name, "changetype"):
			return nil, errors.New("the file holds changes, not entries")
		default:
			attributes[name] = append(attributes[name], value)
		}
	}
	if dn == "" {
		return nil, nil
	}
	return goldap.NewEntry(dn, attributes), nil
}
