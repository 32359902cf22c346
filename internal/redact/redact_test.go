// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/redact/redacttest"
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

func TestEveryEncoding(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"xoxb-1234/5678+abc=", `p%41ss\word"9`, "spaced out s3cret", "größe-ß-9"} {
		for name, text := range redacttest.Encodings(secret) {
			got := New(secret).Text("before " + text + " after")
			left := strings.ReplaceAll(got, Mark, "")
			// Base64 shares characters with its neighbours.
			if !strings.Contains(got, Mark) || len(left) > len("before \"\" after")+8 {
				t.Errorf("%s: %q became %q", name, text, got)
			}
		}
	}
}

// Whatever a text was cut to, at either end and in any encoding, no more than
// half of a credential is left, and less than 12 bytes.
func TestCutSecrets(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"8bytes-1", "a-16-byte-secret", "sym_Zm9vYmFyYmF6cXV4-0123456789abcdefghij"} {
		r := New(secret)
		for cut := 1; cut < len(secret); cut++ {
			for _, text := range []string{"not " + secret[:cut], "…" + secret[cut:] + " is wrong", url.QueryEscape("not " + secret[:cut])} {
				got := r.Text(text)
				left := strings.Trim(strings.NewReplacer("not ", "", "not+", "", "…", "", " is wrong", "", Mark, "").Replace(got), " ")
				if len(left) > max(5, min(12, len(secret)/2)) {
					t.Errorf("%q became %q", text, got)
				}
			}
			inHex := hex.EncodeToString([]byte(secret))[:2*cut]
			if got := r.Text("dump " + inHex); cut > max(6, min(12, len(secret)/2)) && strings.Contains(got, inHex[:8]) {
				t.Errorf("%q became %q", inHex, got)
			}
		}
	}
}

// Whoever guesses how a secret goes on is shown the same for a right guess and a
// wrong one.
func TestGuessesAreNotConfirmed(t *testing.T) {
	t.Parallel()
	const secret = "xoxb-123456789-abcdefghijkl"
	r := New(secret)
	right, wrong := r.Text(`bad address "`+secret[:14]+`"`), r.Text(`bad address "`+secret[:13]+`Z"`)
	if right != wrong {
		t.Errorf("a right guess gives %q, a wrong one %q", right, wrong)
	}
}

// A value that may be a name is replaced as a whole only; of a URL, what looks
// like a key is a secret of its own.
func TestValues(t *testing.T) {
	t.Parallel()
	r := &Redactor{}
	r.Add("acme.okta.com", "https://hooks.acme.example/services/T0123ABCD/users?email={email}&key=k3yk3yk3y", "MIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB")
	for text, want := range map[string]string{
		"acme.okta.com and dev.okta.com":                 Mark + " and dev.okta.com",
		"https://hooks.acme.example/services/x":          "https://hooks.acme.example/services/x",
		"no hook T0123ABCD":                              "no hook " + Mark,
		`{"key":"k3yk3yk3y"}`:                            `{"key":"` + Mark + `"}`,
		"a line of a key: AQEFAASCBKcwggSjAgEAAoIB":      "a line of a key: " + Mark,
		"GET https://hooks.acme.example/services/T0123A": "GET https://hooks.acme.example/services/" + Mark,
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	more := r.With("another-s3cret")
	if got := more.Text("acme.okta.com, another-s3cret"); got != Mark+", "+Mark {
		t.Errorf("got %q", got)
	}
	if got := r.Text("another-s3cret"); got != "another-s3cret" {
		t.Errorf("the parent learned it: %q", got)
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
		"postgres://sym:pw@db/sym":                          "pw",
		"postgres://sym@db/sym":                             "",
		"postgres://sym:@db/sym":                            "",
		"https://a:b:c@host":                                "b:c",
		"https://host:8080/users?email=a@b.com":             "",
		"https://host/users:x?email={email}@b":              "",
		"sqlite:a:b@c":                                      "",
		"https://user:p@ss@host/":                           "p@ss",
		"https://host?x=a:b@c":                              "",
		"https://host.example.com/users/{email}":            "",
		"postgres://sym@db/sym?sslmode=disable&password=pw": "pw",
	} {
		if got, _ := URLPassword(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"postgres://sym:pass/word@db/sym":                   "postgres://sym@db/sym",
		"postgres://sym:p@ss/wo rd%@db:5432/sym?sslmode=on": "postgres://sym@db:5432/sym",
		"postgres://sym:p?ss@db/sym":                        "postgres://…",
		"postgres://sym@db/sym?password=pw":                 "postgres://sym@db/sym",
		"postgres://sym@db/sym?password=p@w":                "postgres://…",
		"postgres://db/sym":                                 "postgres://db/sym",
		"postgres:/db?password=pw":                          "postgres://…",
		"postgres:host=db password=pw":                      "postgres://…",
		"postgres://host=db password=pw":                    "postgres://…",
		"postgres://sym:pw db/sym":                          "postgres://…",
		"postgres://db/sym;password=pw":                     "postgres://…",
	} {
		if got := WithoutPassword(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	for in, secret := range map[string]string{
		"postgres://sym@db/sym?password=hunter": "hunter",
		"postgres://sym:p@ss/wo-rd@db/sym":      "p@ss/wo-rd",
		"postgres://sym:p%40ss%2Fword@db/sym":   "p@ss/word",
	} {
		r := &Redactor{}
		r.Add(in)
		if got := r.Text("it said " + secret); got != "it said "+Mark {
			t.Errorf("%s: got %q", in, got)
		}
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
