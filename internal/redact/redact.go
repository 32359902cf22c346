// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package redact takes secrets out of texts that people see: errors, log
// entries, excerpts of answers.
package redact

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Mark replaces a secret.
const Mark = "[secret]"

const (
	// MinLength is the length in bytes of the shortest secret that is looked
	// for. Shorter ones are parts of ordinary words.
	MinLength = 4
	// minPart is MinLength for what is cut out of a header or encoded:
	// "Token" and four letters of base64 occur everywhere.
	minPart = 6
	// beginning is how many bytes of a secret, where that is at most half of
	// it, give it away: answers and quotations of them end in the middle.
	beginning = 12
)

// Redactor replaces secrets in texts, in every encoding in which URLs, JSON,
// HTML, quoted Go strings and Basic credentials repeat them. The zero value
// has no secrets, and nil is valid. Add must not run at the same time as the
// other methods.
type Redactor struct {
	forms []string // longest first: a part must not be replaced before the whole
	long  []string // those of them whose beginning is replaced too
}

// New makes a Redactor of secrets.
func New(secrets ...string) *Redactor {
	r := &Redactor{}
	r.Add(secrets...)
	return r
}

// Add remembers secrets. Of a URL with a password, the password is one more.
func (r *Redactor) Add(secrets ...string) {
	for _, secret := range secrets {
		all := forms(secret)
		if !strings.HasPrefix(secret, "/") && !strings.Contains(secret, "://") {
			for _, form := range all {
				if len(form) >= 2*beginning {
					r.long = append(r.long, form)
				}
			}
		}
		if password, ok := anyURLPassword(secret); ok {
			all = append(all, forms(password)...)
		}
		r.forms = append(r.forms, all...)
	}
	slices.Sort(r.forms)
	r.forms = slices.Compact(r.forms)
	slices.SortStableFunc(r.forms, func(a, b string) int { return len(b) - len(a) })
}

// forms returns a secret in all encodings, nothing where it is too short.
func forms(secret string) []string {
	if len(secret) < MinLength {
		return nil
	}
	inJSON, _ := json.Marshal(secret) // a string always marshals
	raw := []byte(secret)
	return append(inBase64(raw),
		secret,
		url.QueryEscape(secret), url.PathEscape(secret), (&url.URL{Path: secret}).EscapedPath(),
		html.EscapeString(secret),
		unquote(string(inJSON)), unquote(strconv.Quote(secret)), strings.ReplaceAll(secret, "/", `\/`),
		base64.StdEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw))
}

func unquote(s string) string { return s[1 : len(s)-1] }

// inBase64 returns the characters that a secret has in the base64 of any text
// that holds it, such as "user:secret": they depend only on where in a group
// of three bytes the secret begins.
func inBase64(secret []byte) []string {
	var found []string
	for offset := range 3 {
		text := append(make([]byte, offset), secret...)
		from, to := (offset*8+5)/6, len(text)*8/6
		if to-from < minPart {
			continue
		}
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			found = append(found, encoding.EncodeToString(text)[from:to])
		}
	}
	return found
}

// Text returns s with Mark in place of every secret. Of a long secret that was
// cut off, the beginning is replaced too, unless it is a URL or a path, which
// begins as others do.
func (r *Redactor) Text(s string) string {
	if r == nil {
		return s
	}
	for _, form := range r.forms {
		s = strings.ReplaceAll(s, form, Mark)
	}
	for _, form := range r.long {
		for at := strings.Index(s, form[:beginning]); at >= 0; at = strings.Index(s, form[:beginning]) {
			end := beginning
			for end < len(form) && at+end < len(s) && s[at+end] == form[end] {
				end++
			}
			s = s[:at] + Mark + s[at+end:]
		}
	}
	return s
}

// Line returns text as one line without secrets, of at most limit runes and
// "…". Characters that cannot be seen are dropped; secrets are replaced before
// and after that, because such a character may stand within one.
func (r *Redactor) Line(text string, limit int) string {
	text = r.Text(text)
	text = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case c == unicode.ReplacementChar || !unicode.IsPrint(c):
			return -1
		}
		return c
	}, text)
	text = r.Text(strings.Join(strings.Fields(text), " "))
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}

// Error returns err with another text where its own holds a secret. The result
// still matches what err matches.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	return WithText(err, r.Text(err.Error()))
}

// WithText returns an error that has this text and matches what err matches.
func WithText(err error, text string) error {
	if err.Error() == text {
		return err
	}
	return &redacted{text: text, err: err}
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }

// HeaderSecrets returns the secrets of headers that hold credentials: their
// values, whole and in parts (the token without its scheme, both halves of a
// Basic pair).
func HeaderSecrets(credentials http.Header) []string {
	var secrets []string
	for _, values := range credentials {
		for _, value := range values {
			secrets = append(secrets, value)
			secrets = append(secrets, credentialParts(value)...)
		}
	}
	return secrets
}

func credentialParts(value string) []string {
	var parts []string
	for _, part := range strings.FieldsFunc(value, func(c rune) bool { return unicode.IsSpace(c) || strings.ContainsRune(`",;`, c) }) {
		if _, after, ok := strings.Cut(part, "="); ok && len(strings.Trim(after, "=")) >= minPart {
			parts = append(parts, after)
		}
		parts = append(parts, part)
		if pair, err := base64.StdEncoding.DecodeString(part); err == nil {
			if user, password, ok := strings.Cut(string(pair), ":"); ok {
				parts = append(parts, string(pair), user, password)
			}
		}
	}
	return slices.DeleteFunc(parts, func(s string) bool { return len(s) < minPart || strings.EqualFold(s, "Bearer") })
}

// URLPassword returns the password in a URL's user part. It does not parse the
// URL: passwords often hold characters that a URL must not have.
func URLPassword(s string) (string, bool) {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return "", false
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return passwordBeforeAt(rest)
}

// anyURLPassword also finds passwords with unescaped slashes. It may return
// another part of a URL: it serves only to hide text.
func anyURLPassword(s string) (string, bool) {
	if password, ok := URLPassword(s); ok {
		return password, true
	}
	_, rest, _ := strings.Cut(s, "://")
	return passwordBeforeAt(rest)
}

func passwordBeforeAt(s string) (string, bool) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", false
	}
	_, password, ok := strings.Cut(s[:at], ":")
	return password, ok && password != ""
}

// WithoutPassword returns a URL as it may be shown.
func WithoutPassword(s string) string {
	password, ok := anyURLPassword(s)
	if !ok {
		return s
	}
	return strings.Replace(s, ":"+password+"@", "@", 1)
}
