// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// plainIdentity returns the identity that a cell holds. symflow writes the
// matchers of service types it does not know as JSON: {"user_id": "x"} is the
// identity x, and no string says what another object does.
func plainIdentity(service identity.ServiceKey, value string) (string, error) {
	if !isObject(value) {
		return value, nil
	}
	key := identity.MatcherKey(service.Type)
	if id, ok := onlyValue(value, key); ok {
		return id, nil
	}
	return "", fmt.Errorf("the cell is a JSON object that says more than one identity (of %s, only {%q: …} would not). "+
		"Clear the cell and declare this mapping with the matcher attribute of a sym_identity resource", service.Type, key)
}

// cellOf reverses plainIdentity. It wraps an identity that happens to be a JSON
// object, which would be read as a matcher.
func cellOf(service identity.ServiceKey, id string) string {
	if !isObject(id) {
		return id
	}
	// Strings always marshal.
	text, _ := json.Marshal(map[string]string{identity.MatcherKey(service.Type): id})
	return string(text)
}

func isObject(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{") && json.Valid([]byte(s))
}

// onlyValue returns the string under the only key of a JSON object. It reads
// tokens, because decoding into a map would hide a repeated key.
func onlyValue(object, key string) (string, bool) {
	d := json.NewDecoder(strings.NewReader(object))
	var tokens [4]json.Token
	for i := range tokens {
		token, err := d.Token()
		if err != nil {
			return "", false
		}
		tokens[i] = token
	}
	id, isString := tokens[2].(string)
	return id, isString && tokens[1] == key && tokens[3] == json.Delim('}')
}

// escape puts an apostrophe before a cell that a spreadsheet would execute.
// Cells that escape could have written get one more, so that unescape gives
// every cell back.
func escape(text string) string {
	if looksEscaped("'" + text) {
		return "'" + text
	}
	return text
}

// unescape reverses escape. It leaves other cells alone, among them formulas
// from files without escapes.
func unescape(text string) string {
	if looksEscaped(text) {
		return text[1:]
	}
	return text
}

// looksEscaped reports whether apostrophes lead to a character that makes a
// formula of a cell. Spreadsheets take some wide forms as well.
func looksEscaped(text string) bool {
	rest := strings.TrimLeft(text, "'")
	first, _ := utf8.DecodeRuneInString(rest)
	return len(rest) < len(text) && strings.ContainsRune("=+-@\t\r＝＋－＠", first)
}
