// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Load accepts any file or reports problems with places and without secrets. It
// never panics.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join("testdata", "diagnostics", "*.txt"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(head + "service \"okta\" \"acme.okta.com\" {\n  label = <<EOT\n${env(\"SECRET\")}\nEOT\n}\n"))
	f.Add([]byte("\xef\xbb\xbforg = \"a\"\n\x00"))
	f.Add([]byte(head + "token \"a\" {\n  sha256 = env([])\n  role = {}[env(\"SECRET\")]\n}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		cfg, err := parse(src, "id.hcl", filepath.FromSlash("/etc/sym"), Options{LookupEnv: testEnv})
		if err == nil {
			if cfg.Org == "" || cfg.Store.URL == "" {
				t.Errorf("accepted without org or store: %q", src)
			}
			return
		}
		var found *DiagnosticsError
		if !errors.As(err, &found) || len(found.Diagnostics) == 0 {
			t.Fatalf("%q gave %T: %v", src, err, err)
		}
		for _, d := range found.Diagnostics {
			if d.File != "id.hcl" || d.Line < 1 || d.Column < 1 || d.Summary == "" {
				t.Errorf("%q gave a diagnostic without a place: %+v", src, d)
			}
		}
		if strings.Contains(err.Error(), secretValue) {
			t.Errorf("%q shows a secret: %v", src, err)
		}
	})
}
