// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// failureSaid is what a complete answer says went wrong; nil for a success.
func (a *attempt) failureSaid() error {
	switch {
	case len(a.body) > a.c.maxReply:
		return &identity.Error{Code: identity.CodeInternal, Message: fmt.Sprintf("the answer is larger than %d MiB", a.c.maxReply>>20)}
	case a.status >= 200 && a.status < 300:
		return a.cutShort()
	case a.status >= 300 && a.status < 400:
		return a.redact.failure(&identity.Error{Code: identity.CodeInternal, Message: "the answer leads elsewhere" + a.redirectHost(),
			Hint: "Redirects are followed only on the same host and with the same method; set the API URL to where it leads."})
	}
	if a.request.elements > 0 {
		if batch := symapi.ParseItemErrors(a.body, a.request.elements); batch != nil {
			return a.redact.failure(batch)
		}
	}
	e, isJSON := symapi.ParseError(a.status, a.body)
	if !isJSON {
		e, _ = symapi.ParseError(a.status, []byte("{}"))
		e.Message, e.Cause = a.notJSON(), errNotJSON
	}
	if a.request.extends && lacksCall(a.status, e.Code) {
		name := strings.Join(a.request.path, "/")
		e.Message = fmt.Sprintf("the API at %s lacks %s, which the provider needs (%s)", a.c.base, name, e.Message)
		e.Hint = fmt.Sprintf("Use sym-identityd, of this release or a later one, or another API that has %s; check that the URL leads there.", name)
	}
	return a.redact.failure(e)
}

// lacksCall reports whether the answer to an extension says that the server
// does not have it: 404 or 405 without one of the codes that only a server
// which has it gives.
func lacksCall(status int, code identity.Code) bool {
	if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		return false
	}
	switch code {
	case identity.CodeUserNotFound, identity.CodeServiceNotFound, identity.CodeIdentityNotFound, identity.CodeNoDirectory:
		return false
	}
	return true
}

// cutShort reports a success whose JSON ends too early: the connection broke,
// and nothing announced that more was to come. It may succeed the next time.
func (a *attempt) cutShort() error {
	if kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); kind != "application/json" || !unfinished(a.body) {
		return nil
	}
	return &identity.Error{Code: identity.CodeInternal, Message: a.notJSON(), Retryable: true, Cause: io.ErrUnexpectedEOF}
}

// unfinished reports whether text is the beginning of a JSON object or array
// and not all of it: a look for the end, without the price of decoding.
func unfinished(text []byte) bool {
	depth, quoted, escaped := 0, false, false
	for _, b := range text {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = b == '\\', b != '"'
		case b == '"':
			quoted = true
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
	}
	return depth > 0
}

// errNotJSON marks answers that a proxy rather than the API gave.
var errNotJSON = errors.New("the answer is not the API's")

func (a *attempt) redirectHost() string {
	to, err := a.url.Parse(a.header.Get("Location"))
	if err != nil || to.Host == "" || a.header.Get("Location") == "" {
		return ""
	}
	return fmt.Sprintf(", to %s://%s", to.Scheme, to.Host)
}

// notJSON describes a body that is something else: its type, the status, and
// how it begins.
func (a *attempt) notJSON() string {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || kind == "" {
		kind = "no content type"
	}
	if len(a.body) == 0 {
		kind = "empty"
	}
	if kind == "application/json" { // what there is of it is data, not a message
		return fmt.Sprintf("the answer was not valid JSON (%s, %d, %d bytes)", kind, a.status, len(a.body))
	}
	message := fmt.Sprintf("the answer was not JSON (%s, %d)", kind, a.status)
	if said := a.redact.excerpt(a.body); said != "" {
		message += ": " + said
	}
	return message
}

// failed is err of an attempt with all a reader needs to find it.
func (a *attempt) failed(attempts int, err error) error {
	return &Error{
		Method: a.request.method, Path: a.url.EscapedPath(), Status: a.status,
		RequestID: a.requestID, Attempts: attempts, Err: err,
	}
}

// read decodes a success that must have the field.
func (r *reply) read(field string, out any) error {
	return r.understood(symapi.ParseReply(r.status, r.body, field, out))
}

// understood makes the error of a success whose body makes no sense; nil for
// nil.
func (r *reply) understood(err error) error {
	if err == nil {
		return nil
	}
	var known *identity.Error
	var batch *identity.BatchError
	switch {
	case errors.As(err, &batch):
		err = batch
	case errors.As(err, &known):
		err = known
	case !json.Valid(r.body):
		err = &identity.Error{Code: identity.CodeInternal, Message: r.notJSON()}
	default:
		err = &identity.Error{Code: identity.CodeInternal, Message: "the answer makes no sense: " + err.Error(), Cause: err}
	}
	return r.failed(r.attempts, r.redact.failure(err))
}
