// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// checkDecoded: a file is refused with its name and a line, or every account
// in it has an id and stands under the normalised form of its address.
func checkDecoded(t *testing.T, name string, data []byte) {
	t.Helper()
	got, err := decode(name, data, columns{})
	if err != nil {
		rest, ok := strings.CutPrefix(err.Error(), name+":")
		if !ok || rest == "" || rest[0] < '1' || rest[0] > '9' {
			t.Errorf("the error lacks file and line: %v", err)
		}
		return
	}
	for address, accounts := range got {
		for _, a := range accounts {
			if address == "" && len(a.Emails()) == 0 && strings.TrimSpace(a.Identity) != "" {
				continue // an account without an address
			}
			key, err := identity.ParseUser(a.Emails()[0])
			if strings.TrimSpace(a.Identity) == "" || err != nil || key.Email() != address {
				t.Errorf("%q is an account of %q", a, address)
			}
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"email,id\nann@example.com,1\n", "\ufeffID,Active,EMAIL\r\n1,no,a@example.com\r\n", "", "email,id\n\"a", "sep=;\nemail;id\n;1\n", "\xff\xfee\x00", "email\n", "\n\n,\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkDecoded(t, "people.csv", data) })
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`[{"id":"1","emails":["ann@example.com"],"active":true}]`, `[{"id":1e3}]`, `[null]`, `[`, `[{}`, `[{"id":"1"},]`, `{}`, "\ufeff[]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkDecoded(t, "people.json", data) })
}
