// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programs is the directory of what tests build; TestMain makes and removes it.
var programs string

var buildProvider = sync.OnceValues(func() (string, error) {
	program := filepath.Join(programs, "terraform-provider-sym")
	if out, err := exec.Command("go", "build", "-o", program, "../..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

// builtProvider builds the provider once and returns its path.
func builtProvider(t *testing.T) string {
	t.Helper()
	program, err := buildProvider()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// devOverrides returns a CLI configuration that uses the built provider without init.
func devOverrides(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cli.tfrc")
	writeFile(t, path, fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"sym-identity/sym\" = %q\n  }\n  direct {}\n}\n", filepath.Dir(builtProvider(t))))
	return path
}
