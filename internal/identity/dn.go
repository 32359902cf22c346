// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// foldDN returns the one spelling of an LDAP distinguished name (RFC 4514) that
// all its spellings share, or the text itself if it is no DN. It regards neither
// the case of attribute types, nor spaces around "=", "," and "+", nor the order
// of the parts of one RDN, nor which characters are escaped and how. Values of
// the attribute types that RFC 4514 names compare without ASCII case and with
// runs of spaces as one, as every directory's schema has it; all other values
// compare exactly.
func foldDN(text string) string {
	p := dnParser{rest: text}
	var rdns []string
	for {
		rdn, ok := p.rdn()
		if !ok {
			return text
		}
		rdns = append(rdns, rdn)
		if p.rest == "" {
			return strings.Join(rdns, ",")
		}
		p.rest = p.rest[1:] // the comma
	}
}

// caseIgnored holds the attribute types of RFC 4514, section 3, by name and OID.
// All of them compare without case.
var caseIgnored = map[string]string{
	"cn": "cn", "l": "l", "st": "st", "o": "o", "ou": "ou", "c": "c", "street": "street", "dc": "dc", "uid": "uid",
	"2.5.4.3": "cn", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.6": "c", "2.5.4.9": "street",
	"0.9.2342.19200300.100.1.25": "dc", "0.9.2342.19200300.100.1.1": "uid",
}

// dnParser reads a DN from left to right.
type dnParser struct{ rest string }

// rdn reads one RDN and stops before the comma behind it.
func (p *dnParser) rdn() (folded string, ok bool) {
	var parts []string
	for {
		part, ok := p.attribute()
		if !ok {
			return "", false
		}
		parts = append(parts, part)
		if !strings.HasPrefix(p.rest, "+") {
			break
		}
		p.rest = p.rest[1:]
	}
	slices.Sort(parts)
	return strings.Join(parts, "+"), true
}

// attribute reads a type and its value and stops before a comma, a plus or the
// end.
func (p *dnParser) attribute() (folded string, ok bool) {
	name, rest, found := strings.Cut(p.rest, "=")
	name = FoldASCII(strings.Trim(name, " "))
	if !found || !isAttributeType(name) {
		return "", false
	}
	known, caseless := caseIgnored[name]
	if caseless {
		name = known
	}
	p.rest = strings.TrimLeft(rest, " ")
	if strings.HasPrefix(p.rest, "#") {
		value, ok := p.hexValue()
		return name + "=" + value, ok
	}
	value, ok := p.value()
	if caseless {
		value = FoldASCII(strings.Join(strings.FieldsFunc(value, func(r rune) bool { return r == ' ' }), " "))
	}
	return name + "=" + escapeDN(value), ok
}

// isAttributeType reports a short name such as cn, or a dotted OID.
func isAttributeType(name string) bool {
	if name == "" {
		return false
	}
	if 'a' <= name[0] && name[0] <= 'z' {
		return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	}
	for number := range strings.SplitSeq(name, ".") {
		if number == "" || strings.Trim(number, "0123456789") != "" {
			return false
		}
	}
	return strings.Contains(name, ".")
}

// hexValue reads a value that is written as # and the hex digits of its encoding.
func (p *dnParser) hexValue() (value string, ok bool) {
	end := strings.IndexAny(p.rest, ",+")
	if end < 0 {
		end = len(p.rest)
	}
	value, p.rest = FoldASCII(strings.TrimRight(p.rest[:end], " ")), p.rest[end:]
	raw, err := hex.DecodeString(value[1:])
	return value, err == nil && len(raw) > 0
}

// value reads a value without its escapes. Spaces at its end count only where
// they are escaped.
func (p *dnParser) value() (value string, ok bool) {
	var out []byte
	kept := 0 // bytes of out that are not spaces at its end
	for p.rest != "" && p.rest[0] != ',' && p.rest[0] != '+' {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case c == '\\':
			if c, ok = p.escaped(); !ok {
				return "", false
			}
			out = append(out, c)
			kept = len(out)
			continue
		case strings.IndexByte("\";<>\x00", c) >= 0:
			return "", false
		}
		out = append(out, c)
		if c != ' ' {
			kept = len(out)
		}
	}
	return string(out[:kept]), true
}

// escaped reads what follows a backslash: a special character, or two hex digits.
func (p *dnParser) escaped() (c byte, ok bool) {
	if p.rest == "" {
		return 0, false
	}
	if strings.IndexByte(` "#+,;<=>\`, p.rest[0]) >= 0 {
		c, p.rest = p.rest[0], p.rest[1:]
		return c, true
	}
	if len(p.rest) < 2 {
		return 0, false
	}
	raw, err := hex.DecodeString(p.rest[:2])
	if err != nil {
		return 0, false
	}
	p.rest = p.rest[2:]
	return raw[0], true
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
