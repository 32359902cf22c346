// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// JSON decodes the answer into into. Numbers in an any keep their literal
// text, as json.Number. An answer that is not one complete JSON value of the
// expected shape matches directory.ErrUnavailable.
func (r *Response) JSON(into any) error {
	dec := json.NewDecoder(bytes.NewReader(r.Body))
	dec.UseNumber()
	err := dec.Decode(into)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return r.Unexpected("there is more after the JSON")
	}
	var shape *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(r.Body)) == 0:
		return r.Unexpected("it is empty")
	case r.html():
		return r.Unexpected("it is an HTML page, not JSON")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return r.Unexpected("its JSON is cut off")
	case errors.As(err, &shape):
		return r.Unexpected(fmt.Sprintf("its JSON has another type than expected at %q", shape.Field))
	}
	return r.Unexpected("it is not the JSON expected")
}

// Unexpected is the error for an answer with a good status that cannot be
// what the service means; it matches directory.ErrUnavailable.
func (r *Response) Unexpected(why string) error {
	contentType := r.Header.Get("Content-Type")
	if r.private {
		contentType, _, _ = strings.Cut(contentType, ";")
	}
	text := fmt.Sprintf("%s: unexpected answer: %s (status %d, content type %q)", r.at, why, r.Status,
		r.redact.clip(contentType, 60))
	if excerpt := r.excerpt(); excerpt != "" {
		text += ": " + excerpt
	}
	return &unexpected{text: text}
}

// Redact is err with the secrets of the request blotted out of its text, for
// errors that quote the answer. It still matches what err matches.
func (r *Response) Redact(err error) error {
	if err == nil {
		return nil
	}
	return &redacted{text: r.redact.clip(err.Error(), 600), err: err}
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }

type unexpected struct{ text string }

func (e *unexpected) Error() string { return e.text }
func (e *unexpected) Unwrap() error { return directory.ErrUnavailable }

func (r *Response) html() bool {
	return bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("<"))
}

const (
	excerptLength = 160
	excerptSource = 64 << 10 // a larger body gives no excerpt
)

// excerpt is the beginning of the body as one short line. Secrets are blotted
// out of all of it before it is shortened, so that no half of one is left.
func (r *Response) excerpt() string {
	if r.private || r.html() || len(r.Body) > excerptSource {
		return ""
	}
	return r.redact.clip(string(r.Body), excerptLength)
}

// clip is oneLine without secrets, shortened. They are blotted out once more
// after what cannot be seen is gone, which may have stood within one.
func (r *redactor) clip(text string, length int) string {
	text = r.text(oneLine(r.text(text)))
	if runes := []rune(text); len(runes) > length {
		return string(runes[:length]) + "…"
	}
	return text
}

// oneLine makes one line of text, without what cannot be seen.
func oneLine(text string) string {
	text = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case c == unicode.ReplacementChar || !unicode.IsPrint(c):
			return -1
		}
		return c
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// redactor blots secrets out of texts that go into errors.
type redactor struct{ secrets []string }

// HeaderSecrets is what of headers that hold credentials may not be shown:
// their values, whole and in their parts (the token without its scheme, the
// halves of a Basic pair).
func HeaderSecrets(credential http.Header) []string {
	var secrets []string
	for _, values := range credential {
		for _, value := range values {
			secrets = append(secrets, value)
			secrets = append(secrets, credentialParts(value)...)
		}
	}
	return secrets
}

// newRedactor knows the secrets and how they look inside URLs and JSON.
func newRedactor(secrets []string) *redactor {
	r := &redactor{}
	for _, secret := range secrets {
		if len(secret) < shortestSecret {
			continue
		}
		quoted, _ := json.Marshal(secret) // a string always marshals
		r.secrets = append(r.secrets, secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`),
			strings.ReplaceAll(secret, "/", `\/`),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)))
	}
	slices.Sort(r.secrets)
	r.secrets = slices.Compact(r.secrets)
	// The longest first: a part must not be blotted out of the whole before it.
	slices.SortStableFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	return r
}

const (
	shortestSecret = 4 // blotting out every "1" would hide the error, and no secret
	shortestPart   = 6 // "Token" and the like are no secrets
)

func credentialParts(value string) []string {
	var parts []string
	for _, part := range strings.FieldsFunc(value, func(c rune) bool { return unicode.IsSpace(c) || strings.ContainsRune(`",;`, c) }) {
		if _, after, ok := strings.Cut(part, "="); ok && after != "" && len(strings.Trim(after, "=")) >= shortestPart {
			parts = append(parts, after)
		}
		parts = append(parts, part)
		if pair, err := base64.StdEncoding.DecodeString(part); err == nil {
			if user, password, ok := strings.Cut(string(pair), ":"); ok {
				parts = append(parts, string(pair), user, password)
			}
		}
	}
	return slices.DeleteFunc(parts, func(s string) bool {
		return len(s) < shortestPart || strings.EqualFold(s, "Bearer")
	})
}

func (r *redactor) text(s string) string {
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, "[secret]")
	}
	return s
}
