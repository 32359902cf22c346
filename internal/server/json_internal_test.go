// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	nested := func(n int) string {
		text := ""
		for range n {
			text += "["
		}
		return text
	}
	many := strings.Repeat("0,", maxValues)
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"plain":                 {`{"users":[{"id":"a","identities":[{"matcher":{"user_id":"x"}}]}]}`, nil},
		"deep enough":           {nested(maxNesting), nil},
		"too deep":              {nested(maxNesting + 1), errNesting},
		"in a string":           {`{"a":"` + nested(100) + `"}`, nil},
		"after an escape":       {`{"a":"\"` + nested(100) + `"}`, nil},
		"after a string":        {`{"a":"\\","b":` + nested(100), errNesting},
		"closed again":          {`[[[]]][[[]]]`, nil},
		"too many":              {"[" + many + "0]", errValues(maxValues)},
		"many in a string":      {`"` + many + `"`, nil},
		"UTF-8":                 {`["é日😀\u0007f"]`, nil},
		"Latin-1":               {"[\"jos\xe9@example.com\"]", errNotUTF8},
		"too long a form":       {"[\"\xc0\xaf\"]", errNotUTF8},
		"a surrogate in UTF-8":  {"[\"\xed\xa0\x80\"]", errNotUTF8},
		"beyond Unicode":        {"[\"\xf4\x90\x80\x80\"]", errNotUTF8},
		"a pair":                {`["\ud83d\ude00"]`, nil},
		"a high half":           {`["\ud83d"]`, errSurrogate},
		"a high half, then a":   {`["\ud83da"]`, errSurrogate},
		"a high half, then \\n": {`["\ud83d\n"]`, errSurrogate},
		"a high half, then é":   {`["\ud83d\u00e9"]`, errSurrogate},
		"two high halves":       {`["\ud83d\ud83d\ude00"]`, errSurrogate},
		"a low half":            {`["\ude00"]`, errSurrogate},
		"an escaped backslash":  {`["\\ud83d"]`, nil},
		"a half in a key":       {`{"\ud83d":1}`, errSurrogate},
		"distinct keys":         {`{"a":1,"b":{"a":1,"b":2},"c":[{"a":1},{"a":1}]}`, nil},
		"keys as values":        {`{"a":"a","b":["a","a","A"]}`, nil},
	} {
		if diff := cmp.Diff(tt.want, checkJSON([]byte(tt.text), nil, maxValues)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestCheckJSONEscapes bounds the work for a body that is all escapes: it is done for
// every body, and a megabyte has half a million of them.
func TestCheckJSONEscapes(t *testing.T) { //nolint:paralleltest // allocations are counted
	for _, escape := range []string{`\n`, `\u00e9`, `\ud83d\ude00`} {
		text := []byte(`["` + strings.Repeat(escape, 1000) + `"]`)
		allocs := testing.AllocsPerRun(10, func() {
			if err := checkJSON(text, nil, maxValues); err != nil {
				t.Error(err)
			}
		})
		if allocs > 100 {
			t.Errorf("a thousand times %s: got %v allocations", escape, allocs)
		}
	}
}

func TestJSONKeysAreToldApart(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		`{"users":1,"users":2}`:                     {"users", "users"},
		`{"Users":1,"users":2}`:                     {"Users", "users"},
		`{"x":[{"a":{"b":1},"c":2,"A":3}]}`:         {"a", "A"},
		`{"a":{},"\u0061":1}`:                       {"a", "a"},
		`{"k":1,"` + "\u212a" + `":2}`:              {"k", "\u212a"},
		`{"matcher":{"user_id":"a","USER_ID":"b"}}`: {"user_id", "USER_ID"},
		`{"É":1,"é":2}`:                             {"É", "é"},
	} {
		wanted := errSameKeys(want[0], want[1])
		if diff := cmp.Diff(error(wanted), checkJSON([]byte(text), nil, maxValues)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// FuzzCheckJSON: what is let through is what the decoder reads: no text
// changes, and no key is lost.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{"a":"\ud83d\ude00","A":1}`, `{"a":{"a":[{}]},"b":"é"}`, "{\"\xff\":1}", `{"":0,"\u0000":1}`, `[`, `{"a":1,}`, `"\ud800"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkJSON([]byte(text), nil, maxValues) != nil || !json.Valid([]byte(text)) {
			return
		}
		if !utf8.ValidString(text) {
			t.Errorf("%q is not UTF-8", text)
		}
		d := json.NewDecoder(strings.NewReader(text))
		lost := strings.Contains(text, "\ufffd") || strings.Contains(strings.ToLower(text), `\ufffd`)
		for {
			token, err := d.Token()
			if err != nil {
				break
			}
			if s, ok := token.(string); ok && !lost && strings.Contains(s, "\ufffd") {
				t.Errorf("%q: the decoder replaced something in %q", text, s)
			}
		}
		var v any
		if json.Unmarshal([]byte(text), &v) == nil && countKeys(v) != strings.Count(stripStrings(text), ":") {
			t.Errorf("%q: keys are lost", text)
		}
	})
}

func countKeys(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, value := range v {
			n += countKeys(value)
		}
	case []any:
		for _, value := range v {
			n += countKeys(value)
		}
	}
	return n
}

// stripStrings leaves out the strings of a valid JSON text.
func stripStrings(text string) string {
	var b strings.Builder
	inString, escaped := false, false
	for _, c := range []byte(text) {
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case !inString:
			b.WriteByte(c)
		}
	}
	return b.String()
}
