// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import "regexp"

// patternPart matches what a dot can be part of: quoted text, escapes, classes, and
// a dot with its quantifier, which means any text.
var patternPart = regexp.MustCompile(`\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\.[*+?{]|[.@]`)

// EscapeDomain returns a pattern with the single dots behind its @ escaped. They
// nearly always mean the dot of a domain, and match any character.
func EscapeDomain(match string) string {
	domain := false
	return patternPart.ReplaceAllStringFunc(match, func(part string) string {
		domain = domain || part == "@"
		if domain && part == "." {
			return `\.`
		}
		return part
	})
}
