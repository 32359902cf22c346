// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"encoding/json"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxEscapes is how many escapes within each other are undone.
const maxEscapes = 3

// index finds many forms in one pass over a text. It has them by their first bytes.
type index map[[MinLength]byte][]pattern

// pattern is a form, or the beginning or the end of one.
type pattern struct {
	form     string
	from, to int // the part of form to look for
}

// built returns the index of a Redactor's own forms.
func (r *Redactor) built() index {
	if x := r.index.Load(); x != nil {
		return *x
	}
	x := index{}
	for _, v := range r.values {
		for _, f := range v.forms() {
			n := len(f.text)
			x.add(pattern{f.text, 0, n})
			if f.head > 0 && f.head < n {
				x.add(pattern{f.text, 0, f.head})
			}
			if f.tail > 0 && f.tail < n {
				x.add(pattern{f.text, n - f.tail, n})
			}
		}
	}
	r.index.Store(&x)
	return x
}

func (x index) add(p pattern) {
	key := [MinLength]byte([]byte(p.form[p.from:p.to]))
	x[key] = append(x[key], p)
}

// span is a part of a text.
type span struct{ from, to int }

// find returns the parts of a text that are secrets.
func (x index) find(s string) []span {
	if len(x) == 0 {
		return nil
	}
	v := view{text: s}
	found := x.inView(nil, v)
	for range maxEscapes {
		var changed bool
		if v, changed = v.unescape(); !changed {
			break
		}
		found = x.inView(found, v)
	}
	return found
}

func (x index) inView(found []span, v view) []span {
	text := v.text
	for i := 0; i+MinLength <= len(text); i++ {
		for _, p := range x[[MinLength]byte{text[i], text[i+1], text[i+2], text[i+3]}] {
			if strings.HasPrefix(text[i:], p.form[p.from:p.to]) {
				found = append(found, v.raw(p.extend(text, i)))
			}
		}
	}
	return found
}

// extend returns where the secret ends whose part begins at i. Where it
// was cut off, everything up to the end of the word goes with it: what follows
// must not show how far a guess was right.
func (p pattern) extend(text string, i int) span {
	at := span{i, i + p.to - p.from}
	head, tail := p.to, p.from
	for head < len(p.form) && at.to < len(text) && text[at.to] == p.form[head] {
		head++
		at.to++
	}
	for tail > 0 && at.from > 0 && text[at.from-1] == p.form[tail-1] {
		tail--
		at.from--
	}
	if head < len(p.form) {
		for at.to < len(text) && inWord(text[at.to]) {
			at.to++
		}
	}
	if tail > 0 {
		for at.from > 0 && inWord(text[at.from-1]) {
			at.from--
		}
	}
	return at
}

func inWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("+/=_.~%-\\", c) >= 0
}

// view is a text whose escapes are undone, and where each of its bytes was.
type view struct {
	text string
	at   []int // where the byte began, and last the end of all; nil = where it is
}

func (v view) raw(s span) span {
	if v.at == nil {
		return s
	}
	return span{v.at[s.from], v.at[s.to]}
}

// unescape undoes the escapes of URLs, JSON, Go strings and HTML, once. It
// reports whether there were any.
func (v view) unescape() (view, bool) {
	if !strings.ContainsAny(v.text, `%\&`) {
		return v, false
	}
	var text []byte
	at := make([]int, 0, len(v.text)+1)
	changed := false
	for i := 0; i < len(v.text); {
		plain, n := unescapeOne(v.text[i:])
		changed = changed || n != len(plain)
		for range len(plain) {
			at = append(at, v.raw(span{i, i}).from)
		}
		text = append(text, plain...)
		i += n
	}
	at = append(at, v.raw(span{len(v.text), len(v.text)}).from)
	return view{string(text), at}, changed
}

// unescapeOne returns the bytes that a text begins with, and how many bytes of
// it they take.
func unescapeOne(s string) (plain string, n int) {
	switch s[0] {
	case '%':
		if plain, err := url.PathUnescape(s[:min(len(s), 3)]); err == nil {
			return plain, 3
		}
	case '\\':
		return unescapeBackslash(s)
	case '&':
		if end := strings.IndexByte(s[:min(len(s), 10)], ';'); end > 0 {
			if plain := html.UnescapeString(s[:end+1]); plain != s[:end+1] {
				return plain, end + 1
			}
		}
	}
	return s[:1], 1
}

// unescapeBackslash undoes an escape of Go or JSON.
func unescapeBackslash(s string) (plain string, n int) {
	if len(s) > 1 && strings.IndexByte(`"'/`, s[1]) >= 0 {
		return s[1:2], 2
	}
	if c, multibyte, rest, err := strconv.UnquoteChar(s, 0); err == nil {
		if !multibyte {
			return string([]byte{byte(c)}), len(s) - len(rest)
		}
		return string(c), len(s) - len(rest)
	}
	// JSON writes some characters as two units of UTF-16.
	if len(s) >= 12 && json.Unmarshal([]byte(`"`+s[:12]+`"`), &plain) == nil && utf8.RuneCountInString(plain) == 1 {
		return plain, 12
	}
	return s[:1], 1
}
