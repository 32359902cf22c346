// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"fmt"
	"strings"
	"time"
)

// MaxNameBytes bounds e-mails and usernames (RFC 5321 allows 254).
const MaxNameBytes = 320

// User describes a person or a bot and the mappings stored for them.
type User struct {
	ID        string   `json:"id"`  // UUID
	Key       UserKey  `json:"key"` // Name, normalised; set wherever a User is made
	Type      UserType `json:"type"`
	Role      Role     `json:"role"`
	Name      string   `json:"name"` // e-mail or username in its owner's spelling
	FirstName string   `json:"first_name,omitempty"`
	LastName  string   `json:"last_name,omitempty"`
	// Revision grows with each change of the user's own name, role and profile, and
	// when the user is asserted. Mappings leave it alone. 0 = not known.
	Revision  int64     `json:"revision,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"` // when Revision was given
	UpdatedBy string    `json:"updated_by"` // by whose token
	Mappings  []Mapping `json:"-"`          // ordered by service key; without sym:cloud
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
		return "", Invalid(CodeUserInvalid, Quote(trimmed)+" is neither an e-mail nor a username",
			"An e-mail holds an @; a bot's username has no @, comma or space.")
	}
	return UserKey(trimmed), nil
}

// KeyOf returns the key of a name that is already stored. Names that today's
// rules refuse have keys too, so that they can still be read and deleted.
func KeyOf(name string) UserKey {
	key, err := ParseUser(name)
	switch {
	case err == nil:
		return key
	case strings.Contains(name, "@"):
		return UserKey(FoldASCII(strings.TrimSpace(name)))
	}
	return UserKey(name)
}

func parseEmail(s string) (UserKey, error) {
	local, domain := SplitEmail(s)
	if local == "" || domain == "" || strings.ContainsAny(s, " \t,") {
		return "", Invalid(CodeUserInvalid, Quote(s)+" is not an e-mail",
			"An e-mail looks like name@example.com, without spaces or commas.")
	}
	if quoted := len(local) > 1 && local[0] == '"' && strings.HasSuffix(local, `"`); strings.Contains(local, "@") && !quoted {
		return "", Invalid(CodeUserInvalid, Quote(s)+" is not an e-mail: it holds more than one @", "An e-mail looks like name@example.com.")
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

// checkVisible refuses what textProblem finds in a user's name.
func checkVisible(s string) error {
	if problem, hint := textProblem(s); problem != "" {
		return Invalid(CodeUserInvalid, Quote(s)+" "+problem, hint)
	}
	return nil
}
