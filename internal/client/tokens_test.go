// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFileToken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	token := FileToken(path)
	get := func() string {
		t.Helper()
		got, err := token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if _, err := token(t.Context()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing: %v", err)
	}
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	write := func(content string, at time.Time) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	write("  one\r\n", at)
	if got := get(); got != "one" {
		t.Errorf("got %q", got)
	}
	write("  two\r\n", at) // neither time nor size tells
	if got := get(); got != "one" {
		t.Errorf("read again although nothing shows a change: %q", got)
	}
	write("  two\r\n", at.Add(time.Second))
	if got := get(); got != "two" {
		t.Errorf("newer time: %q", got)
	}
	write("three", at.Add(time.Second))
	if got := get(); got != "three" {
		t.Errorf("other size: %q", got)
	}
	write(" \n", at)
	if _, err := token(t.Context()); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("empty: %v", err)
	}
	write("secret"+strings.Repeat("x", maxTokenFile), at)
	if _, err := token(t.Context()); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "larger") {
		t.Error("a file of more than 1 MiB is not refused well")
	}
	if _, err := FileToken(t.TempDir())(t.Context()); err == nil {
		t.Error("a folder is a token")
	}
}

func TestSymflowLogin(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		content string
		want    Login
		err     string
	}{
		"full":          {"auth_token:\n  access_token: secret.jwt\n  refresh_token: r\n  expires_in: 86400\nemail: ada@example.com\norg: acme\n", Login{"secret.jwt", "acme", "ada@example.com"}, ""},
		"older":         {"auth_token: {access_token: secret.jwt}\norg: {slug: acme, client_id: c}\n", Login{"secret.jwt", "acme", ""}, ""},
		"logged out":    {"email: ada@example.com\n", Login{}, "run symflow login"},
		"empty":         {"", Login{}, "run symflow login"},
		"no text":       {"auth_token: {access_token: [secret]}\n", Login{}, "run symflow login"},
		"no mapping":    {"secret", Login{}, "not a YAML mapping"},
		"broken":        {"auth_token: secret: x\n", Login{}, "not a YAML mapping"},
		"unknown alias": {"auth_token: *secret\n", Login{}, "not a YAML mapping"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "config.yml")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := SymflowLogin(path)
			if got != test.want {
				t.Errorf("got %+v", got)
			}
			switch {
			case test.err == "" && err != nil:
				t.Error(err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "secret")):
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := SymflowLogin(filepath.Join(t.TempDir(), "none.yml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}
