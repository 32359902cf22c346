// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes bounds e-mails and usernames (RFC 5321 allows 254).
const MaxNameBytes = 320

// UserKey is the normalised way a user is known: an e-mail (it holds an @) or
// a bot's username. Equal keys are the same user.
type UserKey string

// IsEmail reports whether the key is a person's e-mail.
func (k UserKey) IsEmail() bool { return strings.Contains(string(k), "@") }

// Email is the e-mail, or "" for a bot.
func (k UserKey) Email() string {
	if k.IsEmail() {
		return string(k)
	}
	return ""
}

// Username is the bot's username, or "" for a person.
func (k UserKey) Username() string {
	if k.IsEmail() {
		return ""
	}
	return string(k)
}

// Type is the kind of user such a key names.
func (k UserKey) Type() UserType {
	if k.IsEmail() {
		return Normal
	}
	return Bot
}

// Normalize trims outer white space and lower-cases ASCII letters. Nothing
// else is folded: a Kelvin sign is not a k. Control and invisible characters
// are an error, because two names that look alike must not be two people.
func Normalize(s string) (string, error) {
	s = strings.TrimSpace(s)
	if err := checkVisible(s); err != nil {
		return "", err
	}
	return FoldASCII(s), nil
}

// ParseUser reads a user as configurations spell it: an e-mail, which is
// normalised, or a bot's username, which is only trimmed.
func ParseUser(s string) (UserKey, error) {
	trimmed := strings.TrimSpace(s)
	switch {
	case trimmed == "":
		return "", Invalid(CodeUserInvalid, "the user is empty", "Name a person by e-mail or a bot by username.")
	case len(trimmed) > MaxNameBytes:
		return "", Invalid(CodeUserInvalid,
			fmt.Sprintf("the user %q… is %d bytes long", shorten(trimmed), len(trimmed)),
			fmt.Sprintf("E-mails and usernames have at most %d bytes.", MaxNameBytes))
	}
	if err := checkVisible(trimmed); err != nil {
		return "", err
	}
	if strings.Contains(trimmed, "@") {
		return parseEmail(trimmed)
	}
	if strings.ContainsAny(trimmed, ", \t") {
		return "", Invalid(CodeUserInvalid, fmt.Sprintf("%q is neither an e-mail nor a username", trimmed),
			"An e-mail holds an @; a bot's username has no @, comma or space.")
	}
	return UserKey(trimmed), nil
}

// KeyOf returns the key of a name that is already stored: as ParseUser does, but
// a name that today's rules refuse stays as it is, so that it can still be read.
func KeyOf(name string) UserKey {
	key, err := ParseUser(name)
	if err != nil {
		return UserKey(name)
	}
	return key
}

func parseEmail(s string) (UserKey, error) {
	local, domain := SplitEmail(s)
	if local == "" || domain == "" || strings.ContainsAny(s, " \t,") {
		return "", Invalid(CodeUserInvalid, fmt.Sprintf("%q is not an e-mail", s),
			"An e-mail looks like name@example.com, without spaces or commas.")
	}
	return UserKey(FoldASCII(s)), nil
}

// SplitEmail cuts an e-mail at its last @.
func SplitEmail(s string) (local, domain string) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s, ""
	}
	return s[:at], s[at+1:]
}

// FoldASCII lower-cases A to Z and leaves everything else alone.
func FoldASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return foldASCII(s)
		}
	}
	return s
}

func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// checkVisible refuses what a reader cannot see: control, format and
// invisible characters, and bytes that are not UTF-8.
func checkVisible(s string) error {
	if !utf8.ValidString(s) {
		return Invalid(CodeUserInvalid, fmt.Sprintf("%q is not valid UTF-8", s), "Remove the broken bytes.")
	}
	for _, r := range s {
		if invisible(r) {
			return Invalid(CodeUserInvalid, fmt.Sprintf("%q holds the invisible character %U", s, r), "Remove it; it may have come along when pasting.")
		}
	}
	return nil
}

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

func shorten(s string) string {
	const keep = 64
	if len(s) <= keep {
		return s
	}
	return strings.ToValidUTF8(s[:keep], "")
}
