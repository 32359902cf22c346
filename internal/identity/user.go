// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes bounds e-mails and usernames (RFC 5321 allows 254).
const MaxNameBytes = 320

// User describes a person or a bot and the mappings stored for them.
type User struct {
	ID        string // UUID
	Type      UserType
	Role      Role
	Key       UserKey // Name, normalised; set wherever a User is made
	Name      string  // e-mail or username in its owner's spelling
	FirstName string
	LastName  string
	CreatedAt time.Time
	Mappings  []Mapping // ordered by service key; without sym:cloud
}

// Mapping returns the mapping that is stored for a service.
func (u User) Mapping(service ServiceKey) (Mapping, bool) {
	for _, m := range u.Mappings {
		if m.Service == service {
			return m, true
		}
	}
	return Mapping{}, false
}

// UserKey names a user by normalised e-mail (it holds an @) or by a bot's
// username. Equal keys are the same user.
type UserKey string

// IsEmail reports whether the key is a person's e-mail.
func (k UserKey) IsEmail() bool { return strings.Contains(string(k), "@") }

// Email returns the e-mail, or "" for a bot.
func (k UserKey) Email() string {
	if k.IsEmail() {
		return string(k)
	}
	return ""
}

// Username returns the bot's username, or "" for a person.
func (k UserKey) Username() string {
	if k.IsEmail() {
		return ""
	}
	return string(k)
}

// Type returns the kind of user that the key names.
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
			fmt.Sprintf("the user %q is %d bytes long", Truncate(trimmed), len(trimmed)),
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
	if !strings.ContainsAny(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// checkVisible refuses control, format and invisible characters, and bytes that
// are not UTF-8.
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

// Truncate returns the first 64 bytes of a text and "…" if there is more. Error
// messages quote values that may be of any length.
func Truncate(s string) string {
	const keep = 64
	if len(s) <= keep {
		return s
	}
	return strings.ToValidUTF8(s[:keep], "") + "…"
}
