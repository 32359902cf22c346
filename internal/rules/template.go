// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// template is a compiled identity or lookup_email.
type template []part

// part is literal text, a group of match, or a part of the e-mail.
type part struct {
	literal string
	source  int // a group's number (0 is the whole e-mail) or a constant below
}

const (
	sourceLiteral = -1 - iota
	sourceLocal
	sourceDomain
)

// parseTemplate parses a template that may use the groups of match, which may be
// nil.
func parseTemplate(text string, match *regexp.Regexp) (template, error) {
	literal, rest, more := strings.Cut(text, "$")
	t := template{{literal: literal, source: sourceLiteral}}
	for more {
		if after, dollar := strings.CutPrefix(rest, "$"); dollar {
			literal, rest, more = strings.Cut(after, "$")
			t = append(t, part{literal: "$" + literal, source: sourceLiteral})
			continue
		}
		name, after, err := cutReference(rest)
		if err != nil {
			return nil, err
		}
		source, known := resolveReference(name, match)
		if !known {
			return nil, unknownGroup(name, match)
		}
		literal, rest, more = strings.Cut(after, "$")
		t = append(t, part{source: source}, part{literal: literal, source: sourceLiteral})
	}
	return t, nil
}

// cutReference splits s, which follows a $, behind its digits or its name in
// braces.
func cutReference(s string) (name, after string, err error) {
	const hint = "Write $1 or ${name} for a group, $0 for the e-mail, ${local} and ${domain} for its parts, $$ for a dollar sign; in Terraform configuration ${ is written $${."
	if inner, braced := strings.CutPrefix(s, "{"); braced {
		name, after, closed := strings.Cut(inner, "}")
		if !closed || name == "" {
			return "", "", faultf(hint, "the template holds ${ without a name and a closing brace: %s", quote("$"+s))
		}
		return name, after, nil
	}
	after = strings.TrimLeft(s, digits)
	if after == s {
		return "", "", faultf(hint, "the template holds a $ that begins nothing: %s", quote("$"+s))
	}
	return strings.TrimSuffix(s, after), after, nil
}

func resolveReference(name string, match *regexp.Regexp) (source int, known bool) {
	if isDigits(name) {
		// $01 could mean group 1, or $0 and a 1, so it is refused.
		n, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(n) != name {
			return 0, false
		}
		return n, n == 0 || match != nil && n <= match.NumSubexp()
	}
	switch name {
	case "local":
		return sourceLocal, true
	case "domain":
		return sourceDomain, true
	}
	if match == nil {
		return 0, false
	}
	n := match.SubexpIndex(name)
	return n, n > 0
}

func unknownGroup(name string, match *regexp.Regexp) error {
	reference := "${" + name + "}"
	if isDigits(name) {
		reference = "$" + name
	}
	if match == nil {
		return faultf("Without match there are only $0, ${local} and ${domain}.",
			"the template uses %s, but the rule has no match and so no groups", quote(reference))
	}
	hint := "There are " + strings.Join(knownGroups(match), ", ") + "."
	if len(name) > 1 && isDigits(name) {
		hint += fmt.Sprintf(" Braces end a number: $${%s}%s in Terraform.", name[:1], name[1:])
	}
	return faultf(hint, "the template uses %s, but match has no such group", quote(reference))
}

func knownGroups(match *regexp.Regexp) []string {
	groups := []string{"$0", "${local}", "${domain}"}
	for i, name := range match.SubexpNames()[1:] {
		text := "$" + strconv.Itoa(i+1)
		if name != "" {
			text += " (${" + name + "})"
		}
		groups = append(groups, text)
	}
	return groups
}

// constant returns the text of a template that is the same for everybody.
func (t template) constant() (string, bool) {
	if slices.ContainsFunc(t, func(p part) bool { return p.source != sourceLiteral }) {
		return "", false
	}
	return t.expand(nil, nil)
}

// expand fills in the template. ok is false where it needs an e-mail that the
// user does not have, or a group that took no part in the match.
func (t template) expand(in *input, groups []int) (text string, ok bool) {
	var b strings.Builder
	for _, p := range t {
		value, ok := p.value(in, groups)
		if !ok {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}

func (p part) value(in *input, groups []int) (string, bool) {
	switch p.source {
	case sourceLiteral:
		return p.literal, true
	case sourceLocal:
		return in.local, in.email != ""
	case sourceDomain:
		return in.domain, in.email != ""
	case 0:
		return in.email, in.email != ""
	}
	start, end := groups[2*p.source], groups[2*p.source+1]
	if start < 0 {
		return "", false
	}
	return in.email[start:end], true
}

// RE2's (?i) folds as Unicode does: the Kelvin sign matches k and the long s
// matches s. Users differ by them, so a rule for one must not match the other.
// Both are replaced by characters of the same length in bytes that no normalised
// e-mail holds.
const asciiLookalikes = "\u212a\u017f"

var hideLookalikes = strings.NewReplacer("\u212a", "\ue000", "\u017f", "\u0080")

func compilePattern(text string) (*regexp.Regexp, error) {
	switch {
	case text == "":
		return nil, faultf("Leave it out to have the rule apply to everybody.", "match is empty")
	case len(text) > MaxTextBytes:
		return nil, tooLong(text)
	case text != strings.TrimSpace(text):
		return nil, faultf("Remove it.", "match starts or ends with a space, which no e-mail does")
	case strings.ContainsAny(text, asciiLookalikes):
		return nil, faultf("Write k or s; it may have come along when pasting.",
			"match holds the Kelvin sign or the long s, which only look like letters of ASCII")
	}
	if _, err := identity.Normalize(text); err != nil {
		return nil, err
	}
	// By itself first: a stray parenthesis must not close the group around it.
	if _, err := syntax.Parse(text, syntax.Perl); err != nil {
		return nil, badPattern(err)
	}
	re, err := regexp.Compile(`\A(?i:` + text + `)\z`)
	if err != nil {
		return nil, faultf(`Is there a \Q without its \E, or is the pattern too large?`,
			"%s is not a regular expression that can stand for a whole e-mail", quote(text))
	}
	for _, name := range re.SubexpNames() {
		switch {
		case name == "local" || name == "domain":
			return nil, faultf("Give the group another name.",
				"the group %s has the name of a part of the e-mail, so that ${%s} would mean two things", name, name)
		case name != "" && isDigits(name):
			return nil, faultf("Give the group a name with a letter, as in (?P<first>…).",
				"the group name %s is a number, so that ${%s} would mean two things", name, name)
		}
	}
	return re, nil
}

func badPattern(err error) error {
	const hint = "It is an RE2 regular expression: no look-around and no back references. It must match the whole e-mail, case does not matter, ^ and $ are not needed."
	var e *syntax.Error
	if !errors.As(err, &e) {
		return faultf(hint, "match is not a regular expression: %s", err)
	}
	return faultf(hint, "match is not a regular expression: %s: %s", e.Code, quote(e.Expr))
}

// groupsOf returns the byte offsets of a match and its groups in an e-mail, nil
// where it does not match or is empty.
func groupsOf(match *regexp.Regexp, email string) []int {
	if email == "" {
		return nil
	}
	return match.FindStringSubmatchIndex(hideLookalikes.Replace(email))
}

const digits = "0123456789"

func isDigits(s string) bool { return s != "" && strings.Trim(s, digits) == "" }
