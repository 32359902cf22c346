// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// checkDecoded: a file is refused with its name and a line, or every account
// in it has an id and stands under the normalised form of its address.
func checkDecoded(t *testing.T, name string, want format, data []byte) {
	t.Helper()
	got, err := (&file{cfg: Config{Path: name}, format: want}).decode(data)
	if err != nil {
		rest, ok := strings.CutPrefix(err.Error(), name+":")
		if !ok || rest == "" || rest[0] < '1' || rest[0] > '9' {
			t.Errorf("the error lacks file and line: %v", err)
		}
		return
	}
	for _, a := range got.accounts {
		if strings.TrimSpace(a.Identity) == "" {
			t.Errorf("an account without an id: %+v", a)
		}
	}
	for address, places := range got.byEmail {
		for _, i := range places {
			a := got.accounts[i]
			if !slices.ContainsFunc(a.Emails(), func(email string) bool {
				key, err := identity.ParseUser(email)
				return err == nil && key.Email() == address
			}) {
				t.Errorf("%+v is an account of %q", a, address)
			}
		}
	}
}

// growing is a file that somebody writes while it is read.
type growing struct {
	io.Reader
	stats []os.FileInfo // of one after the other
}

func (g *growing) Stat() (os.FileInfo, error) {
	now := g.stats[0]
	g.stats = g.stats[1:]
	return now, nil
}

func TestFileThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	const text = "email,id\nann@acme.example,1\n"
	stat := func(size int, modified time.Time) os.FileInfo {
		path := filepath.Join(t.TempDir(), "people.csv")
		writeErr := errors.Join(os.WriteFile(path, make([]byte, size), 0o600), os.Chtimes(path, modified, modified))
		info, statErr := os.Stat(path)
		if err := errors.Join(writeErr, statErr); err != nil {
			t.Fatal(err)
		}
		return info
	}
	now := time.Unix(1_700_000_000, 0)
	for name, tc := range map[string]struct {
		after   os.FileInfo
		changed bool
	}{
		"the same":    {stat(len(text), now), false},
		"longer":      {stat(len(text)+30, now), true},
		"written new": {stat(len(text), now.Add(time.Second)), true},
	} {
		_, _, err := readWhole("people.csv", &growing{strings.NewReader(text), []os.FileInfo{stat(len(text), now), tc.after}})
		if changed := err != nil && strings.HasPrefix(err.Error(), "people.csv changed while it was read"); changed != tc.changed || !tc.changed && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"email,id\nann@example.com,1\n", "\ufeffID,Active,EMAIL\r\n1,no,a@example.com\r\n", "", "email,id\n\"a", "sep=;\nemail;id\n;1\n", "\xff\xfee\x00", "email\n", "\n\n,\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkDecoded(t, "people.csv", format{}, data) })
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`[{"id":"1","emails":["ann@example.com"],"active":true}]`, `[{"id":1e3}]`, `[null]`, `[`, `[{}`, `[{"id":"1"},]`, `{}`, "\ufeff[]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkDecoded(t, "people.json", format{}, data) })
}

// FuzzFormats reads any text as each of the formats.
func FuzzFormats(f *testing.F) {
	all := formats()
	names := slices.Sorted(maps.Keys(all))
	for _, seed := range []string{"dn: uid=ann,dc=acme\nobjectClass: person\nmail:: YQ==\n x\n", `{"Users":[{"UserId":"1","Emails":[{"Value":"ann@example.com"}]}]}`,
		"[]\n[{}]", `{"data":{"nodes":[{"node":null}]}}`, "arn,user\n1,ann@example.com\n"} {
		for i := range names {
			f.Add(uint8(i), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		checkDecoded(t, "export", all[names[int(which)%len(names)]], data)
	})
}
