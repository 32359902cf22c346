// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// pattern is a compiled match.
type pattern struct {
	re *regexp.Regexp
}

// RE2's (?i) folds as Unicode does, where two characters outside ASCII are
// letters of ASCII: the Kelvin sign is a k and the long s an s. Users differ by
// them, so that a rule for one must not match the other. They are hidden behind
// characters of the same length in bytes that no normalised e-mail holds.
const asciiLookalikes = "\u212a\u017f"

var hideLookalikes = strings.NewReplacer("\u212a", "\ue000", "\u017f", "\u0080")

func compilePattern(text string) (*pattern, *fault) {
	switch {
	case text == "":
		return nil, faultf("Leave it out to have the rule apply to everybody.", "match is empty")
	case len(text) > MaxTextBytes:
		return nil, tooLong(text)
	case text != strings.TrimSpace(text):
		return nil, faultf("Remove the outer spaces.", "match starts or ends with a space, which no e-mail does")
	case strings.ContainsAny(text, asciiLookalikes):
		return nil, faultf("Write k or s; it may have come along when pasting.",
			"match holds the Kelvin sign or the long s, which only look like letters of ASCII")
	}
	if _, err := identity.Normalize(text); err != nil {
		return nil, faultOf(err)
	}
	// Alone first: a stray parenthesis must not close the group around it.
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
	return &pattern{re: re}, nil
}

func badPattern(err error) *fault {
	const hint = "It is an RE2 regular expression: no look-around and no back references. It must match the whole e-mail, case does not matter, ^ and $ are not needed."
	var e *syntax.Error
	if !errors.As(err, &e) {
		return faultf(hint, "match is not a regular expression: %s", err)
	}
	return faultf(hint, "match is not a regular expression: %s: %s", e.Code, quote(e.Expr))
}

// groups are the byte offsets of the match and its groups in the e-mail, nil
// where it does not match, as for users without one.
func (p *pattern) groups(email string) []int {
	if email == "" {
		return nil
	}
	if !isASCII(email) {
		email = hideLookalikes.Replace(email)
	}
	return p.re.FindStringSubmatchIndex(email)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
