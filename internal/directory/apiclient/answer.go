// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
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
		r.redact.Line(contentType, 60))
	if excerpt := r.excerpt(); excerpt != "" {
		text += ": " + excerpt
	}
	return &unexpected{text: text}
}

// Redact returns err with a text without the secrets of the request, for errors
// that quote the answer. It still matches what err matches.
func (r *Response) Redact(err error) error {
	if err == nil {
		return nil
	}
	return redact.WithText(err, r.redact.Line(err.Error(), 600))
}

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

// excerpt returns the beginning of the body as one short line. Secrets are
// replaced before it is cut, so that no half of one is left.
func (r *Response) excerpt() string {
	if r.private || r.html() || len(r.Body) > excerptSource {
		return ""
	}
	return r.redact.Line(string(r.Body), excerptLength)
}
