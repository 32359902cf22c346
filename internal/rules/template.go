// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"fmt"
	"strconv"
	"strings"
)

// template is a compiled identity or lookup_email.
type template struct {
	parts []part
}

// part is literal text, a group of match, or a part of the e-mail.
type part struct {
	literal string
	from    int // a group's number, 0 is the whole e-mail; or one of the below
}

const (
	fromLiteral = -1 - iota
	fromLocal
	fromDomain
)

// parseTemplate reads a template whose groups are those of match, which may be
// nil.
func parseTemplate(text string, match *pattern) (*template, *fault) {
	t := &template{}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			t.parts = append(t.parts, part{literal: literal.String(), from: fromLiteral})
			literal.Reset()
		}
	}
	for rest := text; rest != ""; {
		at := strings.IndexByte(rest, '$')
		if at < 0 {
			literal.WriteString(rest)
			break
		}
		literal.WriteString(rest[:at])
		rest = rest[at+1:]
		if strings.HasPrefix(rest, "$") {
			literal.WriteByte('$')
			rest = rest[1:]
			continue
		}
		name, after, f := cutReference(rest)
		if f != nil {
			return nil, f
		}
		from, known := resolveReference(name, match)
		if !known {
			return nil, unknownGroup(name, match)
		}
		flush()
		t.parts = append(t.parts, part{from: from})
		rest = after
	}
	flush()
	return t, nil
}

// cutReference cuts what stands after a $: digits, or a name in braces.
func cutReference(s string) (name, after string, f *fault) {
	const hint = "Write $1 or ${name} for a group, $0 for the e-mail, ${local} and ${domain} for its parts, $$ for a dollar sign; in Terraform configuration ${ is written $${."
	if inner, braced := strings.CutPrefix(s, "{"); braced {
		name, after, closed := strings.Cut(inner, "}")
		if !closed || name == "" {
			return "", "", faultf(hint, "the template holds ${ without a name and a closing brace: %s", quote("$"+s))
		}
		return name, after, nil
	}
	digits := 0
	for digits < len(s) && '0' <= s[digits] && s[digits] <= '9' {
		digits++
	}
	if digits == 0 {
		return "", "", faultf(hint, "the template holds a $ that begins nothing: %s", quote("$"+s))
	}
	return s[:digits], s[digits:], nil
}

func resolveReference(name string, match *pattern) (from int, known bool) {
	if isDigits(name) {
		// $01 could be meant as group 1 or as $0 and a 1, so it is neither.
		n, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(n) != name {
			return 0, false
		}
		return n, n == 0 || match != nil && n <= match.re.NumSubexp()
	}
	switch name {
	case "local":
		return fromLocal, true
	case "domain":
		return fromDomain, true
	}
	if match == nil {
		return 0, false
	}
	n := match.re.SubexpIndex(name)
	return n, n > 0
}

func unknownGroup(name string, match *pattern) *fault {
	spelled := "${" + name + "}"
	if isDigits(name) {
		spelled = "$" + name
	}
	if match == nil {
		return faultf("Without match there are only $0, ${local} and ${domain}.",
			"the template uses %s, but the rule has no match and so no groups", quote(spelled))
	}
	hint := "There are " + strings.Join(knownGroups(match), ", ") + "."
	if len(name) > 1 && isDigits(name) {
		hint += fmt.Sprintf(" Braces end a number: ${%s}%s.", name[:1], name[1:])
	}
	return faultf(hint, "the template uses %s, but match has no such group", quote(spelled))
}

func knownGroups(match *pattern) []string {
	groups := []string{"$0", "${local}", "${domain}"}
	for i, name := range match.re.SubexpNames()[1:] {
		text := "$" + strconv.Itoa(i+1)
		if name != "" {
			text += " (${" + name + "})"
		}
		groups = append(groups, text)
	}
	return groups
}

// constant is the text of a template that says the same of everybody.
func (t *template) constant() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].from == fromLiteral:
		return t.parts[0].literal, true
	}
	return "", false
}

// expand fills the template in. It is a miss where it needs an e-mail that is
// not there, or a group that took no part in the match.
func (t *template) expand(in *input, groups []int) (string, bool) {
	if len(t.parts) == 1 { // no copy for the likes of $1
		return t.parts[0].value(in, groups)
	}
	size := 0
	for _, p := range t.parts {
		value, ok := p.value(in, groups)
		if !ok {
			return "", false
		}
		size += len(value)
	}
	var b strings.Builder
	b.Grow(size)
	for _, p := range t.parts {
		value, _ := p.value(in, groups)
		b.WriteString(value)
	}
	return b.String(), true
}

func (p part) value(in *input, groups []int) (string, bool) {
	switch p.from {
	case fromLiteral:
		return p.literal, true
	case fromLocal:
		return in.local, in.email != ""
	case fromDomain:
		return in.domain, in.email != ""
	case 0:
		return in.email, in.email != ""
	}
	start, end := groups[2*p.from], groups[2*p.from+1]
	if start < 0 {
		return "", false
	}
	return in.email[start:end], true
}
