// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const secretValue = `s3cr3t/"V4lue"+&<1>`

func TestText(t *testing.T) {
	t.Parallel()
	r := New(secretValue, "postgres://sym:pass/word9@db.acme.com/sym", "abc")
	inJSON, err := json.Marshal(secretValue)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		secretValue,
		fmt.Sprintf("%q", secretValue),
		"https://x.example.com/?q=" + url.QueryEscape(secretValue),
		"https://x.example.com/" + url.PathEscape(secretValue),
		(&url.URL{Scheme: "https", Host: "x.example.com", Path: "/" + secretValue}).String(),
		string(inJSON),
		html.EscapeString(secretValue),
		strings.ReplaceAll(secretValue, "/", `\/`),
		"the password pass/word9 is wrong",
	} {
		got := r.Text("before " + text + " after")
		if strings.Contains(got, "V4lue") || strings.Contains(got, "word9") {
			t.Errorf("%q became %q", text, got)
		}
		if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
			t.Errorf("%q lost more than the secret: %q", text, got)
		}
	}
	if got := r.Text("abc in a word"); got != "abc in a word" {
		t.Errorf("a short value was taken out: %q", got)
	}
	if got := (*Redactor)(nil).Text(secretValue); got != secretValue {
		t.Errorf("nil changed the text to %q", got)
	}
}

// In base64 a secret is found whatever stands around it, as in the user and
// password of Basic authentication.
func TestTextFindsBase64(t *testing.T) {
	t.Parallel()
	r := New("hunter22-long>>???")
	for _, pair := range []string{"%s", "u:%s", "me:%s", "nora:%s", "nora:%s:x", "%s-"} {
		text := fmt.Sprintf(pair, "hunter22-long>>???")
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if got := r.Text("Basic " + encoding.EncodeToString([]byte(text))); !strings.Contains(got, Mark) || len(got) > len("Basic ")+len(Mark)+14 {
				t.Errorf("%s became %q", text, got)
			}
		}
	}
}

// Answers and quotations end in the middle of a secret. URLs and paths begin as
// others do that are no secrets.
func TestTextFindsTheBeginning(t *testing.T) {
	t.Parallel()
	const token = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"
	if got := New(token).Text("bad token " + token[:16] + "…"); got != "bad token "+Mark+"…" {
		t.Errorf("got %q", got)
	}
	for secret, text := range map[string]string{
		"https://api.acme.example/hooks/T0123": "https://api.acme.example/users",
		"/etc/ssl/private/acme.example.pem":    "/etc/ssl/private/other.pem",
	} {
		if got := New(secret).Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
		if got := New(secret).Text(url.QueryEscape(text)); got != url.QueryEscape(text) {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// What cannot be seen is left out of a line, so that it must not keep the parts
// of a secret apart until then.
func TestLineFindsBrokenSecrets(t *testing.T) {
	t.Parallel()
	const secret = `tok/123 "456"`
	r := New(secret)
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{secret, string(quoted), url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
		for _, unseen := range []string{"\xaa", "\x00", "\u200b", "\ufffd"} {
			text := "it said " + form[:4] + unseen + form[4:]
			if got := r.Line(text, 1000); !strings.Contains(got, Mark) {
				t.Errorf("%q became %q", text, got)
			}
		}
	}
	if got := r.Line(" a\n\tb\x00 "+strings.Repeat("ü", 9), 5); got != "a b ü…" {
		t.Errorf("got %q", got)
	}
}

func TestErrorKeepsTheChain(t *testing.T) {
	t.Parallel()
	r := New(secretValue)
	err := r.Error(fmt.Errorf("reading %s: %w", secretValue, fs.ErrNotExist))
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), secretValue) {
		t.Errorf("got %v", err)
	}
	if got := r.Error(fs.ErrNotExist); got != fs.ErrNotExist { //nolint:errorlint // the same value
		t.Errorf("an error without a secret became %#v", got)
	}
	if got := r.Error(nil); got != nil {
		t.Errorf("nil became %v", got)
	}
}

func TestHeaderSecrets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ value, text string }{
		"bearer":    {"Bearer tok-123456", "bad token tok-123456!"},
		"own":       {"SSWS tok-123456", "SSWS tok-123456"},
		"parameter": {`Token token="tok-123456"`, "token tok-123456"},
		"bare":      {"tok-123456", `{"key":"tok-123456"}`},
		"basic":     {"Basic " + base64.StdEncoding.EncodeToString([]byte("me:tok-123456")), "password tok-123456"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := New(HeaderSecrets(http.Header{"Authorization": {tc.value}})...).Text(tc.text)
			if strings.Contains(got, "123456") {
				t.Errorf("%q still shows the secret", got)
			}
		})
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
		if got, _ := URLPassword(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	if got := WithoutPassword("postgres://sym:pass/word@db/sym"); got != "postgres://sym@db/sym" {
		t.Errorf("got %q", got)
	}
}

// FuzzRedact: whatever a service says around it, no form of a secret stays.
func FuzzRedact(f *testing.F) {
	f.Add("key/with+odd=chars", "it said ", " at noon")
	f.Add("aaaa", "aaa", "aaaa")
	f.Add("[secret]", "", "x")
	f.Add("user:hunter22", "", "")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if len(secret) < MinLength || strings.ContainsAny(secret, "[]") {
			return // cannot be told from the mark itself
		}
		r := New(secret)
		for _, form := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if got := r.Text(before + form + after); strings.Contains(got, secret) && !strings.Contains(before+Mark+after, secret) {
				t.Errorf("%q still holds %q", got, secret)
			}
		}
	})
}
