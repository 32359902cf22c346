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
		case invisible(r):
			return fmt.Sprintf("holds the invisible character %U", r), pasted
		case unassigned(r):
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

// invisible reports control, format and private characters, and spaces and
// fillers that look like nothing or like an ordinary space.
func invisible(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r < ' ' || r == 0x7f
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Variation_Selector):
		return true
	case unicode.Is(unicode.Zs, r):
		return true // a no-break space in the middle of a name
	case r == '\u034f' || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0' || r == '\u2800':
		return true // fillers and blanks that Unicode calls letters, marks or symbols
	}
	return false
}

// unassigned reports code points that are no character in this program's
// version of Unicode. Nobody can see what they are.
func unassigned(r rune) bool {
	return r >= utf8.RuneSelf && unicode.Is(unicode.Cn, r)
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
