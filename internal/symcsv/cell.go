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

// readCell reads and checks a cell. In the columns of Sym's own service types a
// cell is the value of the type's own key, as plain text. In other columns an
// object in JSON is the whole matcher, and other text the value of the own key.
func readCell(service identity.ServiceKey, value string) (ServiceIdentity, error) {
	id := ServiceIdentity{Service: service, Matcher: identity.NewMatcher(service.Type, value)}
	if err := identity.CheckSpreadsheet(value); err != nil {
		return id, err
	}
	if isObject(value) {
		if identity.SymType(service.Type) {
			return id, checkText(service, value)
		}
		matcher, ok := stringObject(value)
		if !ok {
			return id, fmt.Errorf("the cell %s is JSON, but no matcher: the keys and values of a matcher are strings, and no key stands there twice. "+
				"Write the identity alone, or {%q: \"…\"}", identity.Quote(value), identity.MatcherKey(service.Type))
		}
		id.Matcher, id.Whole = matcher, true
	}
	return id, id.Matcher.Validate(service)
}

// checkText checks an identity of one of Sym's own types that has the form of a JSON
// object. Only custom services have such identities.
func checkText(service identity.ServiceKey, value string) error {
	if !service.Custom() {
		return fmt.Errorf("the cell %s is JSON, but in this column a cell is plain text. Write the value of %s alone",
			identity.Quote(value), identity.MatcherKey(service.Type))
	}
	return identity.ValidateIdentity(service, value)
}

// writeCell reverses readCell. It refuses a matcher that a cell cannot hold.
func writeCell(service identity.ServiceKey, matcher identity.Matcher) (string, error) {
	if err := matcher.Validate(service); err != nil {
		return "", err
	}
	id, plain := matcher.Identity(service.Type)
	switch {
	case plain && !isObject(id):
		return id, identity.CheckSpreadsheet(id)
	case plain && identity.SymType(service.Type):
		return id, checkText(service, id)
	case identity.SymType(service.Type):
		return "", fmt.Errorf("the matcher %s has more keys than %s, and in columns of %s a cell is the value of that key alone. "+
			"Leave it out here, or use a form that holds matchers (sym-identityd export -format jsonl)",
			identity.Quote(matcher.String()), identity.MatcherKey(service.Type), service.Type)
	}
	// A map of strings always marshals, with its keys sorted.
	text, _ := json.Marshal(matcher)
	return string(text), nil
}

func isObject(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{") && json.Valid([]byte(s))
}

// stringObject decodes a JSON object of strings. It reads tokens, because decoding
// into a map would hide a repeated key.
func stringObject(object string) (identity.Matcher, bool) {
	d := json.NewDecoder(strings.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	out := identity.Matcher{}
	for d.More() {
		key, _ := d.Token()
		value, err := d.Token()
		name, isName := key.(string)
		text, isText := value.(string)
		if _, twice := out[name]; err != nil || twice || !isName || !isText {
			return nil, false
		}
		out[name] = text
	}
	return out, true
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
