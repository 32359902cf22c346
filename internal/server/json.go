// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"cmp"
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Bounds of a request's JSON. Real ones nest five deep, and a batch of 1,000
// users with ten identities each holds some 100,000 values.
const (
	maxNesting = 32
	maxValues  = 1_000_000
)

// What a request's body may not be.
var (
	errNesting = identity.Invalid(identity.CodeInvalid, "The request's body is nested too deeply",
		fmt.Sprintf("Objects and lists may be nested %d levels deep.", maxNesting))
	errNotUTF8   = identity.Invalid(identity.CodeInvalid, "The request's body is not valid UTF-8", "Encode the JSON as UTF-8.")
	errSurrogate = identity.Invalid(identity.CodeInvalid, "The request's body holds half of a surrogate pair",
		`Escape a character beyond U+FFFF as two \u escapes.`)
	errUnread = identity.Invalid(identity.CodeInvalid, "The request's body ended early or could not be read", "Send the whole body again.")
)

func errValues(most int) *identity.Error {
	return identity.Invalid(identity.CodeTooLarge, fmt.Sprintf("The request's body holds more than %d values", most), "Send it in parts.")
}

// errSameKeys is about two keys of one object that readers may take for one.
func errSameKeys(first, second string) *identity.Error {
	if first == second {
		return identity.Invalid(identity.CodeInvalid, "The request's body has the key "+identity.Quote(first)+" twice in one object", "Send it once.")
	}
	return identity.Invalid(identity.CodeInvalid,
		fmt.Sprintf("The request's body has the keys %s and %s in one object, which differ only in case", identity.Quote(first), identity.Quote(second)),
		"Send one of them.")
}

// jsonLimits checks a JSON text while it is read, before the decoder sees it. It
// bounds nesting and values, because a few megabytes of brackets and commas would
// become gigabytes of values. It refuses what the decoder would change silently:
// broken UTF-8 and half surrogate pairs become U+FFFD, so that two names become
// one, and of two keys that are equal without case one is lost. It refuses
// conditions that are not known where they stand, since without them a write is
// unconditional. It does not check that the text is JSON; the decoder does.
type jsonLimits struct {
	fields   *bodyFields // of the body; nil compares no keys with fields
	most     int         // values; 0 = maxValues
	values   int
	stack    []jsonObject // what is open
	inString bool
	inKey    bool
	escape   byte // 0, or the backslash or the u that was read last
	digits   int  // of a \u escape, still to be read
	unit     rune // of the \u escape
	high     bool // a high surrogate was read, its other half must follow
	key      []byte
	names    map[string]jsonKey // by the key as it was sent
	inside   *bodyFields        // of the value that follows a key
	char     []byte             // the beginning of a character
}

// jsonKey is a key without escapes.
type jsonKey struct{ text, folded string }

// jsonObject is an open object or list. A list has no keys.
type jsonObject struct {
	object  bool
	wantKey bool
	keys    map[string]string // by folded key
	fields  *bodyFields       // of the object, or of the list's elements
}

func (l *jsonLimits) check(text []byte) error {
	for _, c := range text {
		if c >= utf8.RuneSelf || len(l.char) > 0 {
			l.char = append(l.char, c)
			if utf8.FullRune(l.char) {
				if !utf8.Valid(l.char) {
					return errNotUTF8
				}
				l.char = l.char[:0]
			}
		}
		var err error
		if l.inString {
			err = l.checkInside(c)
		} else {
			err = l.checkOutside(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkInside reads a byte of a string.
func (l *jsonLimits) checkInside(c byte) error {
	ends := l.escape == 0 && c == '"'
	if l.inKey && !ends {
		l.key = append(l.key, c)
	}
	switch {
	case l.digits > 0:
		l.unit = l.unit<<4 | hexDigit(c)
		if l.digits--; l.digits == 0 {
			return l.checkUnit()
		}
	case l.escape != 0 && c == 'u':
		l.escape, l.digits, l.unit = 0, 4, 0
	case l.high && (l.escape != 0 || c != '\\'):
		return errSurrogate
	case l.escape != 0:
		l.escape = 0
	case c == '\\':
		l.escape = c
	case ends:
		l.inString = false
		if l.inKey {
			return l.checkKey()
		}
	}
	return nil
}

// hexDigit returns the value of a hex digit. The decoder refuses other bytes.
func hexDigit(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return 0
}

// checkUnit looks at a code unit that was written as \u and four digits.
func (l *jsonLimits) checkUnit() error {
	low := 0xdc00 <= l.unit && l.unit < 0xe000
	if low != l.high {
		return errSurrogate
	}
	l.high = 0xd800 <= l.unit && l.unit < 0xdc00
	return nil
}

// checkKey compares a key with those of its object.
func (l *jsonLimits) checkKey() error {
	l.inKey = false
	object := &l.stack[len(l.stack)-1]
	object.wantKey = false
	name, known := l.names[string(l.key)]
	if !known {
		if json.Unmarshal(append(append([]byte{'"'}, l.key...), '"'), &name.text) != nil {
			return nil // the decoder says what is wrong
		}
		name.folded = foldKey(name.text)
		if l.names == nil {
			l.names = map[string]jsonKey{}
		}
		l.names[string(l.key)] = name
	}
	if first, twice := object.keys[name.folded]; twice {
		return errSameKeys(first, string(l.key))
	}
	if object.keys == nil {
		object.keys = map[string]string{}
	}
	object.keys[name.folded] = string(l.key)
	var err error
	l.inside, err = object.fields.field(name)
	return err
}

// foldKey returns what keys that are equal without case share.
func foldKey(key string) string {
	folded := []rune(key)
	for i, r := range folded {
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			folded[i] = min(folded[i], other)
		}
	}
	return string(folded)
}

// opened returns the fields of the object or list that begins.
func (l *jsonLimits) opened() *bodyFields {
	if len(l.stack) == 0 {
		return l.fields
	}
	if outer := l.stack[len(l.stack)-1]; !outer.object {
		return outer.fields
	}
	return l.inside
}

func (l *jsonLimits) checkOutside(c byte) error {
	switch c {
	case '"':
		l.inString = true
		l.inKey = len(l.stack) > 0 && l.stack[len(l.stack)-1].wantKey
		l.key = l.key[:0]
	case '[', '{':
		if len(l.stack) == maxNesting {
			return errNesting
		}
		l.stack = append(l.stack, jsonObject{object: c == '{', wantKey: c == '{', fields: l.opened()})
		l.values++
	case ']', '}':
		if len(l.stack) > 0 {
			l.stack = l.stack[:len(l.stack)-1]
		}
	case ',':
		if len(l.stack) > 0 {
			l.stack[len(l.stack)-1].wantKey = l.stack[len(l.stack)-1].object
		}
		l.values++
	}
	if most := cmp.Or(l.most, maxValues); l.values > most {
		return errValues(most)
	}
	return nil
}
