// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// ParseReply decodes the body of a success into out. The field must be there,
// null or not: a proxy that answers 200 {} must not look like an empty store. A
// body that says error: true is an *identity.Error whatever the status said.
func ParseReply(status int, body []byte, field string, out any) error {
	var fields map[string]flag
	if err := json.Unmarshal(body, &fields); err != nil {
		return fmt.Errorf("it is not a JSON object: %w", err)
	}
	if fields["error"] {
		e, _ := ParseError(status, body)
		return e
	}
	if _, there := fields[field]; field != "" && !there {
		return fmt.Errorf("it has no field %q, so the URL may not be that of an identity API", field)
	}
	return json.Unmarshal(body, out)
}

// flag is true where a field is true or "true", as some replies write it. It keeps
// nothing of the field.
type flag bool

// UnmarshalJSON reads a field of any type.
func (f *flag) UnmarshalJSON(raw []byte) error {
	*f = flag(parseFlag(raw))
	return nil
}

// parseFlag reads a boolean that some replies write as a string.
func parseFlag(raw json.RawMessage) bool {
	return string(raw) == "true" || string(raw) == `"true"`
}

// ParseError reads the body of a reply that is not a success, also where it
// is a gateway's own JSON. It reports false when the body is not a JSON
// object. A code that the body does not name follows from the status.
func ParseError(status int, body []byte) (*identity.Error, bool) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, false
	}
	text := func(name string) string {
		var s string
		if json.Unmarshal(fields[name], &s) != nil {
			return ""
		}
		return s
	}
	e := DecodeError(Error{
		Message:    cmp.Or(text("message"), text("detail"), text("error_description"), parseTexts(fields["errors"]), text("error")),
		Code:       text("code"),
		StatusCode: status,
	})
	e.Retryable = repeatableStatus(status)
	if raw, ok := fields["is_retryable"]; ok {
		e.Retryable = parseFlag(raw)
	}
	return e, true
}

// repeatableStatus reports whether the same request may succeed later.
func repeatableStatus(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// parseTexts joins a list of strings; other elements are kept as JSON.
func parseTexts(raw json.RawMessage) string {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return ""
	}
	texts := make([]string, len(list))
	for i, element := range list {
		if json.Unmarshal(element, &texts[i]) != nil {
			texts[i] = string(element)
		}
	}
	return strings.Join(texts, "; ")
}

// DecodeError reads an error body. A code that is not of the form Type:NAME is
// another API's; the status gives the code instead.
func DecodeError(e Error) *identity.Error {
	out := &identity.Error{Code: identity.Code(e.Code), Message: e.Message, Retryable: e.Retryable}
	if kind, name, ok := strings.Cut(e.Code, ":"); !ok || kind == "" || name == "" {
		out.Code = CodeForStatus(e.StatusCode)
	}
	if out.Message == "" {
		out.Message = cmp.Or(strings.ToLower(http.StatusText(e.StatusCode)), "the server gave no reason")
	}
	return out
}

// ParseBulk reads the reply to a bulk call of n elements that succeeded: one
// result per element, in order of the request. An element that the server does
// not mention has an empty result. A reply that acknowledges nothing is an error.
func ParseBulk(status int, body []byte, n int) ([]BulkResult, error) {
	var reply struct {
		Status  string          `json:"status"`
		Failed  int             `json:"failed"`
		Errors  json.RawMessage `json:"errors"`
		Results json.RawMessage `json:"results"`
	}
	if err := ParseReply(status, body, "status", &reply); err != nil {
		if batch := ParseItemErrors(body, n); batch != nil {
			return nil, batch
		}
		return nil, err
	}
	problems := parseTexts(reply.Errors)
	if reply.Status != "success" || reply.Failed != 0 || problems != "" {
		if batch := ParseItemErrors(body, n); batch != nil {
			return nil, batch
		}
		return nil, &identity.Error{Code: CodeForStatus(status),
			Message: cmp.Or(problems, fmt.Sprintf("the reply says status %q, %d failed", reply.Status, reply.Failed))}
	}
	results, placed := []BulkResult{}, make([]BulkResult, n)
	if json.Unmarshal(reply.Results, &results) != nil {
		return placed, nil // the write is acknowledged all the same
	}
	seen := map[int]bool{}
	for _, r := range results {
		if r.Index < 0 || r.Index >= n || seen[r.Index] {
			return make([]BulkResult, n), nil // they are another server's own, and may be about anybody
		}
		placed[r.Index], seen[r.Index] = r, true
	}
	return placed, nil
}

// ParseItemErrors reads which of n elements a failed bulk call names, ordered by
// index. It returns nil for a call that names none, or not clearly.
func ParseItemErrors(body []byte, n int) *identity.BatchError {
	var reply struct {
		Results   []BulkResult `json:"results"`
		Retryable bool         `json:"is_retryable"`
	}
	if json.Unmarshal(body, &reply) != nil {
		return nil
	}
	var batch identity.BatchError
	for _, r := range reply.Results {
		if r.Code == "" {
			continue
		}
		e, err := decodeItemError(r)
		if err != nil || r.Index < 0 || r.Index >= n {
			return nil
		}
		e.Retryable = reply.Retryable
		batch.Items = append(batch.Items, identity.ItemError{Index: r.Index, Err: e})
	}
	if len(batch.Items) == 0 {
		return nil
	}
	slices.SortStableFunc(batch.Items, func(a, b identity.ItemError) int { return cmp.Compare(a.Index, b.Index) })
	return &batch
}

// decodeItemError reads one failure. An invalid stored value is an error: without
// it a conflict would read as "nothing is stored".
func decodeItemError(r BulkResult) (*identity.Error, error) {
	e := &identity.Error{
		Code:    identity.Code(r.Code),
		Message: cmp.Or(r.Message, "the server refused it with "+r.Code),
		User:    identity.KeyOf(r.User),
		Service: identity.ServiceKey{Type: r.ServiceType, ExternalID: r.ExternalID},
		Holder:  identity.KeyOf(r.Holder),
	}
	if r.Stored != nil {
		m, err := DecodeIdentity(*r.Stored)
		if err != nil {
			return nil, errors.Join(errors.New("the stored identity of a conflict"), err)
		}
		e.Stored = &m
	}
	return e, nil
}
