// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"cmp"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// dnEscape matches a special character or two hex digits behind a backslash.
var dnEscape = regexp.MustCompile(`\\(?:[ "#+,;<=>\\]|[[:xdigit:]]{2})`)

// dnAttribute matches a type, its value (the hex digits of its encoding behind a #, or
// text) and the comma or plus behind it. Outer spaces of text count only if escaped.
var dnAttribute = regexp.MustCompile(`^ *([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+) *= *` +
	`(#(?:[[:xdigit:]]{2})+|(?:(?:` + dnEscape.String() + `|[^,+";<>\\\x00 #])(?: *(?:` + dnEscape.String() + `|[^,+";<>\\\x00 ]))*)?) *([,+]|$)`)

// foldDN returns the one spelling of an LDAP distinguished name (RFC 4514) that
// all its spellings share, or the text itself if it is no DN. It regards neither
// the case of attribute types, nor spaces around "=", "," and "+", nor the order
// of the parts of one RDN, nor which characters are escaped and how. Values of
// the attribute types that RFC 4514 names compare without ASCII case and with
// runs of spaces as one, as every directory's schema has it; all other values
// compare exactly.
func foldDN(text string) string {
	var rdns, parts []string
	for rest, end := text, ","; end != ""; {
		m := dnAttribute.FindStringSubmatch(rest)
		if m == nil {
			return text
		}
		parts = append(parts, foldAttribute(m[1], m[2]))
		rest, end = rest[len(m[0]):], m[3]
		if end != "+" {
			slices.Sort(parts)
			rdns, parts = append(rdns, strings.Join(parts, "+")), nil
		}
	}
	return strings.Join(rdns, ",")
}

// caseIgnored holds the attribute types of RFC 4514, section 3, by name and OID.
// All of them compare without case.
var caseIgnored = map[string]string{
	"cn": "cn", "l": "l", "st": "st", "o": "o", "ou": "ou", "c": "c", "street": "street", "dc": "dc", "uid": "uid",
	"2.5.4.3": "cn", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.6": "c", "2.5.4.9": "street",
	"0.9.2342.19200300.100.1.25": "dc", "0.9.2342.19200300.100.1.1": "uid",
}

// foldAttribute returns the one spelling of a type and its value.
func foldAttribute(name, value string) string {
	name = FoldASCII(name)
	known, caseless := caseIgnored[name]
	name = cmp.Or(known, name)
	if strings.HasPrefix(value, "#") {
		return name + "=" + FoldASCII(value)
	}
	value = dnEscape.ReplaceAllStringFunc(value, func(escaped string) string {
		if raw, err := hex.DecodeString(escaped[1:]); err == nil {
			return string(raw)
		}
		return escaped[1:]
	})
	if caseless {
		value = FoldASCII(strings.Join(strings.FieldsFunc(value, func(r rune) bool { return r == ' ' }), " "))
	}
	return name + "=" + escapeDN(value)
}

// escapeDN writes a value with the escapes that it needs and no others.
func escapeDN(value string) string {
	var b strings.Builder
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRuneInString(value[i:])
		switch {
		case r == utf8.RuneError && size == 1 || r < ' ' || r == 0x7f:
			b.WriteString(`\` + hex.EncodeToString([]byte{value[i]}))
		case strings.ContainsRune(`"+,;<>\`, r), r == '#' && i == 0, r == ' ' && (i == 0 || i == len(value)-1):
			b.WriteString(`\` + string(r))
		default:
			b.WriteString(value[i : i+size])
		}
		i += size
	}
	return b.String()
}
