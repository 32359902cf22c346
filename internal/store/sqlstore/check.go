// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Bounds on what comes along with names and mappings.
const (
	maxTextBytes   = 1024
	maxProfileKeys = 64
)

// checked is what is wrong with a write whatever the store holds.
type checked struct {
	user     *identity.Error
	mappings map[int]*identity.Error // by index into the write's mappings
}

func check(w store.UserWrite) checked {
	c := checked{user: checkUser(w), mappings: map[int]*identity.Error{}}
	for i, m := range w.Mappings {
		if err := checkMapping(m); err != nil {
			about := *err
			about.User, about.Service = w.Key, m.Service
			c.mappings[i] = &about
		}
	}
	return c
}

func checkUser(w store.UserWrite) *identity.Error {
	invalid := func(message, hint string) *identity.Error {
		e := identity.Invalid(identity.CodeUserInvalid, message, hint)
		e.User = w.Key
		return e
	}
	if w.Key != "" {
		key, err := identity.ParseUser(string(w.Key))
		if err != nil {
			return identity.AsError(err)
		}
		if key != w.Key {
			return invalid(fmt.Sprintf("the user key %q is not normalised", w.Key), fmt.Sprintf("It must be %q.", key))
		}
	}
	if w.Name != "" && w.Name != string(w.Key) {
		if key, err := identity.ParseUser(w.Name); err != nil || key != w.Key {
			return invalid(fmt.Sprintf("the name %q is not a spelling of %q", truncate(w.Name), w.Key), "Send the name that the key was made from.")
		}
	}
	switch w.Type {
	case "", identity.Normal, identity.Bot:
	default:
		return invalid(fmt.Sprintf("%q is not a user type", truncate(string(w.Type))), "It must be normal or bot.")
	}
	if w.ID == "" && !typeFits(w) {
		return wrongType(w)
	}
	for _, text := range []*string{w.FirstName, w.LastName} {
		if text != nil {
			if wrong := checkText(*text); wrong != "" {
				return invalid("a first or last name "+wrong, "")
			}
		}
	}
	return nil
}

// typeFits reports that a name is one of the type that was sent.
func typeFits(w store.UserWrite) bool {
	return w.Key == "" || w.Type == "" || w.Type == w.Key.Type()
}

func wrongType(w store.UserWrite) *identity.Error {
	e := identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%s cannot be a user of type %s", w.Key, w.Type),
		"A person (type normal) is named by e-mail, with an @; a bot by username, without one.")
	e.User = w.Key
	return e
}

func checkMapping(m store.MappingWrite) *identity.Error {
	invalid := func(message, hint string) *identity.Error {
		return identity.Invalid(identity.CodeIdentityInvalid, message, hint)
	}
	err := cmp.Or(m.Service.Validate(), m.Service.CheckDeclarable(), m.Matcher.Validate(m.Service), identity.ValidateAccountID(m.AccountID))
	if err != nil {
		return identity.AsError(err)
	}
	if m.Source != "" && !m.Source.Valid() {
		return invalid(fmt.Sprintf("%q is not a source", truncate(string(m.Source))), "It must be manual, rule, email or fetch_remote_identity.")
	}
	if wrong := checkText(m.Rule); wrong != "" {
		return invalid("the name of the rule "+wrong, "")
	}
	if m.IfRevision < 0 {
		return invalid(fmt.Sprintf("if_revision is %d", m.IfRevision), "Revisions are greater than 0. Leave if_revision out, or send 0, to write without this condition.")
	}
	if len(m.Profile) > maxProfileKeys {
		return invalid(fmt.Sprintf("the profile has %d keys", len(m.Profile)), fmt.Sprintf("It must have at most %d.", maxProfileKeys))
	}
	for k, v := range m.Profile {
		if wrong := checkText(k); wrong != "" {
			return invalid("a key of the profile "+wrong, "")
		}
		if wrong := checkText(v); wrong != "" {
			return invalid(fmt.Sprintf("%q of the profile %s", k, wrong), "")
		}
	}
	return nil
}

// checkText refuses what not every database keeps as it is; "" is fine.
func checkText(s string) (wrong string) {
	switch {
	case len(s) > maxTextBytes:
		return fmt.Sprintf("is %d bytes long, more than %d", len(s), maxTextBytes)
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "holds a control character"
	}
	return ""
}

// sanitize replaces what checkText would refuse in a caller's name. A call must
// never fail because of who made it.
func sanitize(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	if len(s) > maxTextBytes {
		s = strings.ToValidUTF8(s[:maxTextBytes], "")
	}
	return s
}

// truncate returns a caller's value as a message may quote it.
func truncate(s string) string { return identity.Truncate(sanitize(s)) }
