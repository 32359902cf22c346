// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"strings"
	"testing"
)

// What nobody sees, or sees as something else, is named in the message.
func TestTextProblem(t *testing.T) {
	t.Parallel()
	for r, want := range map[rune]string{
		0x00: "control character U+0000", 0x1f: "U+001F", 0x7f: "U+007F", 0x80: "U+0080",
		0xa0: "U+00A0", 0xad: "U+00AD", 0x34f: "U+034F", 0x115f: "U+115F", 0x1160: "U+1160", 0x3164: "U+3164", 0xffa0: "U+FFA0",
		0x2800: "U+2800", 0x200b: "U+200B", 0x202e: "U+202E", 0x2028: "U+2028", 0xfe0f: "U+FE0F", 0xe000: "U+E000",
		0x378: "assigns to no character", 0xfffd: "character that was lost",
		' ': "", '!': "", '~': "", 0xe4: "", 0x212a: "", 0x1f600: "",
	} {
		problem, hint := textProblem("a" + string(r) + "b")
		if want == "" && problem != "" || want != "" && (!strings.Contains(problem, want) || hint == "") {
			t.Errorf("%U: %q, %q, want %q", r, problem, hint, want)
		}
	}
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	fits := strings.Repeat("x", 64)
	for in, want := range map[string]string{fits: fits, fits + "x": fits + "…", fits[:63] + "ä": fits[:63] + "…", "": ""} {
		if got := Truncate(in); got != want {
			t.Errorf("Truncate(%q) = %q", in, got)
		}
	}
	if got := Quote(fits + "xy"); got != `"`+fits+`…" (66 bytes)` || Quote("a\n") != `"a\n"` {
		t.Errorf("Quote = %s, %s", got, Quote("a\n"))
	}
}
