// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"strings"
	"testing"
)

func TestParseUser(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   string
		want UserKey
		err  string // part of the message; "" = no error
	}{
		"e-mail":                {in: "ada@example.com", want: "ada@example.com"},
		"case and outer spaces": {in: "  Ada.Martin@Example.COM\t", want: "ada.martin@example.com"},
		"odd but legal":         {in: "o'brien+x%/@example.com", want: "o'brien+x%/@example.com"},
		"two at signs":          {in: `"a@b"@example.com`, want: `"a@b"@example.com`},
		"kelvin sign stays":     {in: "\u212Aim@example.com", want: "\u212Aim@example.com"},
		"umlaut stays":          {in: "Jörg@example.com", want: "jörg@example.com"},
		"capital umlaut stays":  {in: "Ärger@example.com", want: "Ärger@example.com"},
		"bot":                   {in: " deploy-bot ", want: "deploy-bot"},
		"bot keeps case":        {in: "Deploy-Bot", want: "Deploy-Bot"},
		"empty":                 {in: " ", err: "is empty"},
		"comma":                 {in: "ada,okta", err: "neither an e-mail nor a username"},
		"inner space":           {in: "ada martin", err: "neither an e-mail nor a username"},
		"space in e-mail":       {in: "ada @example.com", err: "is not an e-mail"},
		"no local part":         {in: "@example.com", err: "is not an e-mail"},
		"no domain":             {in: "ada@", err: "is not an e-mail"},
		"NUL":                   {in: "a\x00da@example.com", err: "U+0000"},
		"newline":               {in: "ada@exam\nple.com", err: "U+000A"},
		"zero width space":      {in: "ada\u200b@example.com", err: "U+200B"},
		"soft hyphen":           {in: "a\u00adda@example.com", err: "U+00AD"},
		"right-to-left mark":    {in: "ada@example.com\u202eevil", err: "U+202E"},
		"no-break space":        {in: "a\u00a0da@example.com", err: "U+00A0"},
		"hangul filler":         {in: "ada\u3164@example.com", err: "U+3164"},
		"a lost character":      {in: "jos\ufffd@example.com", err: "U+FFFD"},
		"unassigned":            {in: "a\u0378da@example.com", err: "U+0378"},
		"unquoted at sign":      {in: "a@b@example.com", err: "more than one @"},
		"broken UTF-8":          {in: "a\xffda@example.com", err: "UTF-8"},
		"too long":              {in: strings.Repeat("a", 10_000) + "@example.com", err: "bytes long"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseUser(test.in)
			switch {
			case test.err == "" && err != nil:
				t.Fatalf("ParseUser(%q): %v", test.in, err)
			case test.err == "" && got != test.want:
				t.Fatalf("ParseUser(%q) = %q, want %q", test.in, got, test.want)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Fatalf("ParseUser(%q): error %v, want one with %q", test.in, err, test.err)
			case test.err != "" && CodeOf(err) != CodeUserInvalid:
				t.Fatalf("ParseUser(%q): code %q", test.in, CodeOf(err))
			}
		})
	}
}

func FuzzParseUser(f *testing.F) {
	for _, seed := range []string{"ada@example.com", " A@B ", "bot", "\u212A@x", "a\x00@b", "a,b", "\xff@x", "@"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := ParseUser(s)
		if err != nil {
			return
		}
		again, err := ParseUser(string(key))
		if err != nil || again != key {
			t.Fatalf("ParseUser(%q) = %q, and of that %q, %v", s, key, again, err)
		}
		if n, err := Normalize(string(key)); err != nil || key.IsEmail() && n != string(key) {
			t.Fatalf("Normalize(%q) = %q, %v", key, n, err)
		}
		if key.IsEmail() == (key.Type() == Bot) || strings.TrimSpace(string(key)) != string(key) {
			t.Fatalf("ParseUser(%q) = %q is inconsistent", s, key)
		}
	})
}

func TestUserMapping(t *testing.T) {
	t.Parallel()
	okta, slack := ServiceKey{"okta", "a"}, ServiceKey{"slack", "T1"}
	u := User{Mappings: []Mapping{{Service: okta, Revision: 3}}}
	if m, ok := u.Mapping(okta); !ok || m.Revision != 3 {
		t.Errorf("got %+v, %t", m, ok)
	}
	if m, ok := u.Mapping(slack); ok || m.Revision != 0 {
		t.Errorf("got %+v, %t for a service without a mapping", m, ok)
	}
}

func TestParseUserLimits(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", MaxNameBytes)
	if _, err := ParseUser(longest); err != nil {
		t.Error(err)
	}
	if _, err := ParseUser(longest + "a"); err == nil {
		t.Error("a name that is too long is accepted")
	}
	for in, want := range map[string]bool{`"a@b"@x.io`: true, `a@b"@x.io`: false, `"a@b@x.io`: false, "a@b@x.io": false} {
		if _, err := ParseUser(in); (err == nil) != want {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// Names that are refused today still have keys.
func TestKeyOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]UserKey{
		"Zoe@X.io": "zoe@x.io", " Deploy-Bot ": "Deploy-Bot", " A B@X.io ": "a b@x.io", "a, b": "a, b", "": "",
	} {
		if got := KeyOf(in); got != want {
			t.Errorf("KeyOf(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSplitEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"a@x": {"a", "x"}, `"a@b"@x`: {`"a@b"`, "x"}, "@x": {"", "x"}, "a@": {"a", ""}, "bot": {"bot", ""},
	} {
		if local, domain := SplitEmail(in); local != want[0] || domain != want[1] {
			t.Errorf("SplitEmail(%q) = %q, %q", in, local, domain)
		}
	}
}

func TestFoldASCII(t *testing.T) {
	t.Parallel()
	const upper, lower = "@ABCXYZ[\\ÄÉ\u212A", "@abcxyz[\\ÄÉ\u212A"
	if got := FoldASCII(upper); got != lower || FoldASCII(lower) != lower {
		t.Errorf("FoldASCII(%q) = %q, want %q", upper, got, lower)
	}
}
