// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import "testing"

func TestEscapeDomain(t *testing.T) {
	t.Parallel()
	for match, want := range map[string]string{
		`.*@acme.example`:             `.*@acme\.example`,
		`(.+)@(acme.co.uk|acme\.com)`: `(.+)@(acme\.co\.uk|acme\.com)`,
		`a.b@acme\.example`:           `a.b@acme\.example`,
		`.*@.*\.acme\.example`:        `.*@.*\.acme\.example`,
		`.*@.+`:                       `.*@.+`,
		`.*@acme[.]example`:           `.*@acme[.]example`,
		`.*@[^.]]acme.example`:        `.*@[^.]]acme\.example`,
		`.*@\Qacme.example\E`:         `.*@\Qacme.example\E`,
		`.*@acme\\.example`:           `.*@acme\\\.example`,
		`.*@acme.{3}`:                 `.*@acme.{3}`,
		`.*`:                          `.*`,
	} {
		if got := EscapeDomain(match); got != want {
			t.Errorf("%s: %s, want %s", match, got, want)
		}
		if _, f := compilePattern(want); f != nil {
			t.Errorf("%s: %s", want, f)
		}
	}
}
