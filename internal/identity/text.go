// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// blanks are fillers and blanks that Unicode calls letters, marks or symbols.
const blanks = "\u034f\u115f\u1160\u3164\uffa0\u2800"

// textProblem returns what is wrong with the characters of a name or an
// identity, and what to do about it, or "". Two values that look alike must not
// be two people or two accounts, so nothing that cannot be seen is accepted.
func textProblem(s string) (problem, hint string) {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8", "Remove the broken bytes."
	}
	const pasted = "Remove it; it may have come along when pasting."
	for _, r := range s {
		switch {
		case r == utf8.RuneError:
			return "holds U+FFFD, which stands for a character that was lost", "Write the character that belongs there; the text was read in the wrong encoding."
		case unicode.IsControl(r):
			return fmt.Sprintf("holds the invisible control character %U", r), pasted
		case r < utf8.RuneSelf:
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Z, unicode.Variation_Selector), strings.ContainsRune(blanks, r):
			return fmt.Sprintf("holds the invisible character %U", r), pasted
		case unicode.Is(unicode.Cn, r):
			return fmt.Sprintf("holds %U, which Unicode assigns to no character", r), pasted
		}
	}
	return "", ""
}

// Visible reports whether a text holds only characters that people see and that
// leave each other where they are, so that no two names look alike by them.
func Visible(s string) bool {
	problem, _ := textProblem(s)
	return problem == ""
}

// OuterSpace names the space that a text starts or ends with, or returns "".
func OuterSpace(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	switch {
	case unicode.IsSpace(first):
		return "starts with " + nameSpace(first)
	case unicode.IsSpace(last):
		return "ends with " + nameSpace(last)
	}
	return ""
}

func nameSpace(r rune) string {
	switch r {
	case ' ':
		return "a space"
	case '\t':
		return "a tab"
	case '\n', '\r', '\u0085', '\u2028', '\u2029':
		return "a line break"
	case '\u00a0', '\u202f':
		return fmt.Sprintf("a no-break space (%U)", r)
	}
	return fmt.Sprintf("a space (%U)", r)
}

// Truncate returns the first 64 bytes of a text and "…" if there is more. Error
// messages quote values that may be of any length.
func Truncate(s string) string {
	const keep = 64
	if len(s) <= keep {
		return s
	}
	return strings.ToValidUTF8(s[:keep], "") + "…"
}

// Distinct returns a list without repetitions, in order.
func Distinct[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
}

// Quote returns a text as messages quote it: truncated where it is long, with
// its number of bytes, and what cannot be seen as an escape.
func Quote(s string) string {
	short := Truncate(s)
	if short == s {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q (%d bytes)", short, len(s))
}
