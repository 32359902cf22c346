// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"testing"
)

func TestRedactor(t *testing.T) {
	t.Parallel()
	secrets := &redactor{}
	secrets.add(secretValue)
	secrets.add("postgres://sym:pass/word9@db.acme.com/sym")
	secrets.add("abc")
	for _, text := range []string{
		secretValue,
		fmt.Sprintf("%q", secretValue),
		"https://x.example.com/?q=" + url.QueryEscape(secretValue),
		"https://x.example.com/" + url.PathEscape(secretValue),
		(&url.URL{Scheme: "https", Host: "x.example.com", Path: "/" + secretValue}).String(),
		"the password pass/word9 is wrong",
	} {
		got := secrets.clean("before " + text + " after")
		if strings.Contains(got, "V4lue") || strings.Contains(got, "word9") {
			t.Errorf("%q became %q", text, got)
		}
		if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
			t.Errorf("%q lost more than the secret: %q", text, got)
		}
	}
	if got := secrets.clean("abc in a word"); got != "abc in a word" {
		t.Errorf("a short value was taken out: %q", got)
	}
}

func TestCleanErrorKeepsTheChain(t *testing.T) {
	t.Parallel()
	secrets := &redactor{}
	secrets.add(secretValue)
	err := secrets.cleanError(fmt.Errorf("reading %s: %w", secretValue, fs.ErrNotExist))
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), secretValue) {
		t.Errorf("got %v", err)
	}
	if got := secrets.cleanError(nil); got != nil {
		t.Errorf("nil became %v", got)
	}
}

func TestURLPassword(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"postgres://sym:pw@db/sym":               "pw",
		"postgres://sym@db/sym":                  "",
		"postgres://sym:@db/sym":                 "",
		"https://a:b:c@host":                     "b:c",
		"https://host:8080/users?email=a@b.com":  "",
		"https://host/users:x?email={email}@b":   "",
		"sqlite:a:b@c":                           "",
		"https://user:p@ss@host/":                "p@ss",
		"https://host?x=a:b@c":                   "",
		"https://host.example.com/users/{email}": "",
	} {
		if got, _ := urlPassword(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestSecretName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Authorization": true, "Proxy-Authorization": true, "X-Api-Key": true, "apikey": true, "X-VO-Api-Key": true,
		"Private-Token": true, "X-Secret": true, "Cookie": true, "Accept": false, "X-Request-Id": false, "X-Keyed": false,
	} {
		if got := secretName(name); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
