// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package redact takes secrets out of texts that people see: errors, log
// entries, excerpts of answers.
package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
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
	// maxCut is how many bytes of a secret that was cut off always give it away.
	maxCut = 12
)

// Redactor replaces secrets in texts, in every encoding in which URLs, JSON,
// HTML, quoted Go strings, hex dumps and Basic credentials repeat them, and in
// up to three of these within each other. The zero value has no secrets, and
// nil is valid. Add and AddCredentials must not run at the same time as the
// other methods.
//
// Secrets shorter than MinLength bytes are not looked for. What is left of a
// credential of 8 bytes or more that was cut off, at its beginning or its end, is
// replaced too, if it is half of it (but at least 6 bytes), or 12 bytes.
type Redactor struct {
	parent *Redactor
	values []value
	index  atomic.Pointer[index] // of the values; nil = not built yet
}

// value is a text that is or may be a secret.
type value struct {
	text       string
	credential bool // it is known to be one
}

// New makes a Redactor of credentials.
func New(credentials ...string) *Redactor {
	r := &Redactor{}
	r.AddCredentials(credentials...)
	return r
}

// With returns a Redactor of the secrets of r, which may be nil, and of further
// credentials.
func (r *Redactor) With(credentials ...string) *Redactor {
	all := New(credentials...)
	all.parent = r
	return all
}

// Add remembers values that may be secrets, such as those of the environment. Of
// a URL, its password and the parts that look like keys are secrets too.
func (r *Redactor) Add(values ...string) {
	for _, text := range values {
		r.values = append(r.values, value{text, looksRandom(text)})
	}
	r.index.Store(nil)
}

// AddCredentials remembers values that are known to be secrets.
func (r *Redactor) AddCredentials(values ...string) {
	for _, text := range values {
		r.values = append(r.values, value{text, true})
	}
	r.index.Store(nil)
}

// forms returns all texts that give a value away.
func (v value) forms() []form {
	forms := formsOf(v.text, cutOf(v.text, v.credential))
	if strings.Contains(v.text, "\n") { // such as a PEM block, which is quoted by lines
		for line := range strings.Lines(v.text) {
			if line = strings.TrimSpace(line); len(line) >= 16 && !strings.Contains(line, " ") {
				forms = append(forms, formsOf(line, cutOf(line, v.credential))...)
			}
		}
	}
	parts := URLSecrets(v.text)
	authority, rest := authorityOf(v.text)
	for _, whole := range []string{authority, authority + rest} { // in the second, a password may hold unescaped slashes
		password, _ := passwordBeforeAt(whole)
		parts = append(parts, password, unescaped(password))
	}
	for _, part := range parts {
		forms = append(forms, formsOf(part, cutOf(part, true))...)
	}
	return forms
}

// form is a secret in one encoding.
type form struct {
	text string
	// head and tail are how many bytes of its beginning and its end are looked
	// for as well, since a text may end within it. 0 = only the whole.
	head, tail int
}

// cutOf returns how many bytes of a secret give it away. URLs and paths begin as
// others do that are no secrets, and so do values that may be names.
func cutOf(secret string, credential bool) (cut form) {
	switch {
	case strings.HasPrefix(secret, "/"), strings.Contains(secret, "://"):
	case credential && len(secret) >= 8:
		cut.head = max(minPart, min(maxCut, len(secret)/2))
		cut.tail = cut.head
	case len(secret) >= 2*maxCut:
		cut.head = maxCut
	}
	return cut
}

// formsOf returns a secret in all encodings, nothing where it is too short. The
// index undoes the escapes of URLs, JSON and HTML. They are here as well, for
// secrets that hold what reads like an escape.
func formsOf(secret string, cut form) []form {
	if len(secret) < MinLength {
		return nil
	}
	inJSON, _ := json.Marshal(secret) // a string always marshals
	raw := []byte(secret)
	inHex := hex.EncodeToString(raw)
	texts := append(inBase64(raw),
		secret, strings.ReplaceAll(secret, " ", "+"),
		url.QueryEscape(secret), url.PathEscape(secret), (&url.URL{Path: secret}).EscapedPath(),
		html.EscapeString(secret),
		unquote(string(inJSON)), unquote(strconv.Quote(secret)), strings.ReplaceAll(secret, "/", `\/`),
		base64.StdEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw),
		inHex, strings.ToUpper(inHex))
	slices.Sort(texts)
	texts = slices.Compact(texts)
	forms := make([]form, len(texts))
	for i, text := range texts {
		forms[i] = form{text, cut.head * len(text) / len(secret), cut.tail * len(text) / len(secret)}
	}
	return forms
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

// looksRandom reports whether a value reads like a key, and not like a name, a
// host, an address or a path.
func looksRandom(value string) bool {
	return len(value) >= 16 && strings.ContainsAny(value, "0123456789") && !strings.ContainsAny(value, ".@:/ \t\n")
}

// Text returns s with Mark in place of every secret.
func (r *Redactor) Text(s string) string {
	var found []span
	for ; r != nil; r = r.parent {
		found = append(found, r.built().find(s)...)
	}
	if len(found) == 0 {
		return s
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var clean strings.Builder
	end := 0
	for i, at := range found {
		if i > 0 && at.from < end {
			end = max(end, at.to)
			continue
		}
		clean.WriteString(s[end:at.from])
		clean.WriteString(Mark)
		end = at.to
	}
	clean.WriteString(s[end:])
	return clean.String()
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

// authorityOf splits a URL behind its scheme, before the path. It does not parse
// it: passwords often hold characters that a URL must not have.
func authorityOf(s string) (authority, rest string) {
	_, authority, _ = strings.Cut(s, "://")
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		return authority[:end], authority[end:]
	}
	return authority, ""
}

// URLPassword returns the password in a URL's user part or, as PostgreSQL takes it
// too, in its query.
func URLPassword(s string) (string, bool) {
	authority, rest := authorityOf(s)
	if password, ok := passwordBeforeAt(authority); ok {
		return password, true
	}
	_, query, _ := strings.Cut(rest, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(pair, "="); isPassword(name) && value != "" {
			return value, true
		}
	}
	return "", false
}

func isPassword(parameter string) bool { return parameter == "password" || parameter == "sslpassword" }

func passwordBeforeAt(s string) (string, bool) {
	at := strings.LastIndexByte(s, '@')
	_, password, _ := strings.Cut(s[:max(at, 0)], ":")
	return password, password != ""
}

// URLSecrets returns the parts of a URL that may be keys: the segments of its
// path and the values of its query that have a digit and at least 8 bytes, or at
// least 16 bytes, a password in the query, and a user without one. Parts with braces
// are the places of other values.
func URLSecrets(s string) (secrets []string) {
	authority, rest := authorityOf(s)
	path, query, _ := strings.Cut(rest, "?")
	parts := strings.Split(path, "/")
	if user, _, ok := strings.Cut(authority, "@"); ok && !strings.Contains(user, ":") {
		parts = append(parts, user)
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if parts = append(parts, value); isPassword(name) {
			secrets = append(secrets, unescaped(value))
		}
	}
	for _, part := range parts {
		part = unescaped(part)
		long := len(part) >= 16 || len(part) >= 8 && strings.ContainsAny(part, "0123456789")
		if long && !strings.ContainsAny(part, "{}") {
			secrets = append(secrets, part)
		}
	}
	return secrets
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// WithoutPassword returns a URL as it may be shown: without password and query.
// Passwords often hold characters that a URL must not have.
func WithoutPassword(s string) string {
	scheme, rest, _ := strings.Cut(s, ":")
	rest, isURL := strings.CutPrefix(rest, "//")
	rest, query, _ := strings.Cut(rest, "?")
	at := strings.LastIndexByte(rest, '@')
	switch {
	case strings.Contains(query, "@"), // the ? may be one of a password
		!isURL, at < 0 && strings.ContainsAny(rest, " ;="): // such as settings in a row
		rest = "…"
	case at >= 0:
		rest = rest[:strings.IndexAny(rest, ":@")] + rest[at:]
	}
	return scheme + "://" + rest
}
