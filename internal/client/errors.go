// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"errors"
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// ErrReadOnly is why a write of a read-only client was not sent.
var ErrReadOnly = errors.New("the client is read-only, so it sends no writes")

// Error is a call that failed. Err's chain holds an *identity.Error, or the
// *identity.BatchError of a bulk call that named its failures; of a call that
// was cancelled or never sent it holds the reason alone.
type Error struct {
	Method    string
	Path      string // escaped, without query
	Status    int    // of the last answer; 0 where there was none
	RequestID string
	Attempts  int // 0: nothing was sent
	// Credential is what told the API who asks; "" = not known.
	Credential string
	// MayBeStored says that this was a write, and that an attempt of it got no
	// answer, or one that does not tell what became of it.
	MayBeStored bool
	Err         error
}

// Error returns one line for a person: the request, its answer, and the id to find
// it in the server's log.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Method, e.Path)
	switch {
	case e.Attempts == 0:
		b.WriteString(" was not sent")
	case e.Status == 0:
		b.WriteString(" got no answer")
	default:
		fmt.Fprintf(&b, " answered %d", e.Status)
	}
	if e.Attempts > 0 {
		fmt.Fprintf(&b, " (request %s", e.RequestID)
		if e.Attempts > 1 {
			fmt.Fprintf(&b, ", %d attempts", e.Attempts)
		}
		b.WriteByte(')')
	}
	fmt.Fprintf(&b, ": %s", e.Err)
	return cleanLine(b.String(), maxError)
}

func (e *Error) Unwrap() error { return e.Err }

// Lengths in runes at which texts of a server are cut.
const (
	maxError   = 4000
	maxMessage = 2000
	maxExcerpt = 160
	maxID      = 128
)

// cleanLine returns a text as one line: runs of white space and control characters
// become one space, and the rest behind limit runes is cut off.
func cleanLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return s
}

// redactor replaces secrets in the texts of a server.
type redactor struct{ *redact.Redactor }

// failure returns err with its texts redacted and made printable. Of an error
// of the transport that holds a secret, only the redacted text is left.
func (r redactor) failure(err error) error {
	switch e := err.(type) { //nolint:errorlint // the outermost kind is what is rebuilt
	case *identity.Error:
		return r.identityError(e)
	case *identity.BatchError:
		clean := &identity.BatchError{Items: make([]identity.ItemError, len(e.Items))}
		for i, c := range e.Items {
			clean.Items[i] = identity.ItemError{Index: c.Index, Err: r.identityError(c.Err)}
		}
		return clean
	}
	if text := err.Error(); r.Text(text) != text {
		return errors.New(r.Text(text))
	}
	return err
}

func (r redactor) identityError(e *identity.Error) *identity.Error {
	clean := *e
	clean.Message = cleanLine(r.Text(e.Message), maxMessage)
	clean.Hint = cleanLine(r.Text(e.Hint), maxMessage)
	clean.Code = identity.Code(cleanLine(r.Text(string(e.Code)), maxID))
	clean.User = identity.UserKey(r.Text(string(e.User)))
	clean.Holder = identity.UserKey(r.Text(string(e.Holder)))
	if e.Cause != nil {
		clean.Cause = r.failure(e.Cause)
	}
	return &clean
}

// excerpt returns the beginning of a body that is not JSON, in words: the title or
// text of a page, or nothing where it is not text.
func (r redactor) excerpt(body []byte) string {
	const look = 16 << 10
	text := strings.ToValidUTF8(string(body[:min(len(body), look)]), "") // a rune may be cut in two
	if !utf8.Valid(body) || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) && !unicode.IsSpace(c) }) {
		return ""
	}
	return cleanLine(r.Text(pageText(r.Text(text))), maxExcerpt)
}

var (
	pageTitle = regexp.MustCompile(`<title>([^<]*)`)
	pageTags  = regexp.MustCompile(`<[^>]*>?`)
)

// pageText returns the title of an HTML page, else its text without tags; other
// text is returned as it is.
func pageText(s string) string {
	if !strings.HasPrefix(strings.TrimSpace(s), "<") {
		return s
	}
	if title := pageTitle.FindStringSubmatch(s); title != nil {
		return html.UnescapeString(title[1])
	}
	return html.UnescapeString(pageTags.ReplaceAllString(s, " "))
}
