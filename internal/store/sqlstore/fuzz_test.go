// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"math"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Whatever a caller sends as a cursor is refused or names one place.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "%", "AAAA", cursor("01a22944-e80d-7526-9915-a6a5ddc595a9"), cursor("alice@acme.com"), "Y\nQ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := parseCursor(text)
		switch {
		case err != nil:
			if identity.CodeOf(err) != identity.CodeInvalid || id != "" {
				t.Errorf("%q: got %q, %v", text, id, err)
			}
		case text != "" && !validID(id):
			t.Errorf("%q names %q, which is no user", text, id)
		case text != "":
			if again, err := parseCursor(cursor(id)); again != id || err != nil {
				t.Errorf("%q became %q, %v", id, again, err)
			}
		}
	})
}

// Whatever a caller is called, it can be stored, and storable names stay.
func FuzzSanitize(f *testing.F) {
	for _, seed := range []string{"", "ci", "a\x00b", "\xff", "\u0085", string(make([]byte, 5000)), "ä\xf0\x9f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := sanitize(text)
		if wrong := checkText(got); wrong != "" {
			t.Errorf("%q became %q, which %s", text, got, wrong)
		}
		if checkText(text) == "" && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// The same for the history's.
func FuzzHistoryCursor(f *testing.F) {
	for _, seed := range []string{"", "%", "AAAA", "MA", "LTE", historyCursor(1), historyCursor(math.MaxInt64), "OTIyMzM3MjAzNjg1NDc3NTgwOA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		below, err := parseHistoryCursor(text)
		switch {
		case err != nil:
			if identity.CodeOf(err) != identity.CodeInvalid || below != 0 {
				t.Errorf("%q: got %d, %v", text, below, err)
			}
		case below < 1:
			t.Errorf("%q names change %d", text, below)
		case text != "" && historyCursor(below) != text:
			t.Errorf("%q became %d and then %q", text, below, historyCursor(below))
		}
	})
}
