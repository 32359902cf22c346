// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// FuzzQuote: a filter's value is one JSON string, whatever the address holds.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{`a@example.com`, `"a b"@example.com`, `a\@example.com`, `\"`, `(?i)^"a b"@example\.com$`, `<&>@example.com`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, r := range value {
			if r < ' ' || r == utf8.RuneError {
				return // such addresses are refused before any connector sees them
			}
		}
		var back string
		if err := json.Unmarshal([]byte(apiclient.Quote(value)), &back); err != nil || back != value {
			t.Errorf("quote(%q) = %s, read back as %q, %v", value, apiclient.Quote(value), back, err)
		}
	})
}
