// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
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
	errNotUTF8   = identity.Invalid(identity.CodeInvalid, "The request's body is not valid UTF-8", "Encode the JSON as UTF-8, and do not compress it.")
	errSurrogate = identity.Invalid(identity.CodeInvalid, "The request's body holds half of a surrogate pair",
		`Escape a character beyond U+FFFF as two \u escapes.`)
	errUnread = identity.Invalid(identity.CodeInvalid, "The request's body ended early or could not be read", "Send the whole body again.")
)

func errValues(most int) *identity.Error {
	return identity.Invalid(identity.CodeTooLarge, fmt.Sprintf("The request's body holds more than %d values", most), "Send it in parts.")
}

func errBytes(most int64) *identity.Error {
	return identity.Invalid(identity.CodeTooLarge, fmt.Sprintf("The request's body is larger than %d bytes", most), "Send it in parts.")
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

// checkJSON checks a JSON text before the decoder sees it. It bounds nesting and
// values, because a few megabytes of brackets and commas would become gigabytes of
// values. It refuses what the decoder would change silently: broken UTF-8 and half
// surrogate pairs become U+FFFD, so that two names become one, and of two keys that are
// equal without case one is lost. It refuses conditions that are not known where they
// stand, since without them a write is unconditional. It accepts a text that is not
// JSON: the decoder says what is wrong.
func checkJSON(text []byte, fields *bodyFields, most int) error {
	if !utf8.Valid(text) {
		return errNotUTF8
	}
	if halfPair(text) {
		return errSurrogate
	}
	inside := fields
	stack := []jsonObject{{fields: fields}} // the text is the element of a list
	names := map[string]jsonKey{}           // by the key as it was sent
	for values := 0; len(text) > 0; {
		c := text[0]
		text = text[1:]
		top := &stack[len(stack)-1]
		switch c {
		case '"':
			end := stringEnd(text)
			if top.wantKey {
				top.wantKey = false
				var err error
				if inside, err = top.key(text[:end], text[min(end+1, len(text)):], names); err != nil {
					return err
				}
			}
			text = text[min(end+1, len(text)):]
		case '[', '{':
			if len(stack) > maxNesting {
				return errNesting
			}
			values++
			if !top.object {
				inside = top.fields
			}
			stack = append(stack, jsonObject{object: c == '{', wantKey: c == '{', fields: inside, keys: map[string]string{}})
		case ']', '}':
			stack = stack[:max(len(stack)-1, 1)]
		case ',':
			values++
			top.wantKey = top.object
		}
		if values > most {
			return errValues(most)
		}
	}
	return nil
}

// halfPair reports an escape of one half of a surrogate pair.
func halfPair(text []byte) bool {
	for {
		_, escape, found := bytes.Cut(text, []byte{'\\'})
		unit := codeUnit(escape)
		switch {
		case !found:
			return false
		case !utf16.IsSurrogate(unit):
			text = escape[min(1, len(escape)):]
		case len(escape) < 6 || escape[5] != '\\' || utf16.DecodeRune(unit, codeUnit(escape[6:])) == utf8.RuneError:
			return true
		default:
			text = escape[11:]
		}
	}
}

// codeUnit returns what an escape stands for that is written as u and four hex digits
// behind its backslash, 0 for others.
func codeUnit(escape []byte) rune {
	if len(escape) < 5 || escape[0] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(escape[1:5]), 16, 16)
	return rune(unit)
}

// stringEnd returns where a string ends whose content begins the text.
func stringEnd(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(text)
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

// key compares a key with the others of its object. It returns the fields of its value,
// with which the text behind the key begins.
func (o *jsonObject) key(raw, behind []byte, names map[string]jsonKey) (*bodyFields, error) {
	name, known := names[string(raw)]
	if !known {
		if json.Unmarshal(slices.Concat([]byte{'"'}, raw, []byte{'"'}), &name.text) != nil {
			return nil, nil // the decoder says what is wrong
		}
		name.folded = foldKey(name.text)
		names[string(raw)] = name
	}
	if first, twice := o.keys[name.folded]; twice {
		return nil, errSameKeys(first, name.text)
	}
	o.keys[name.folded] = name.text
	return o.fields.field(name, behind)
}

// foldKey returns what keys that are equal without case share.
func foldKey(key string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, key)
}
