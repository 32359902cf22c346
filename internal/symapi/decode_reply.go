// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// ParseReply decodes the body of a success into out. The field named must be
// there, null or not: a proxy that answers 200 {} must not look like an empty
// store. A body that says error: true is an *identity.Error whatever the
// status said.
func ParseReply(status int, body []byte, field string, out any) error {
	// Nearly every reply is a success that says so in its first bytes; a large
	// one is then read once and not twice.
	if !bytes.Contains(body, []byte(`"error"`)) && beginsWith(body, field) && decodeOnce(body, out) == nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return fmt.Errorf("it is not a JSON object: %w", err)
	}
	if parseFlag(fields["error"]) {
		e, _ := ParseError(status, body)
		return e
	}
	if _, there := fields[field]; field != "" && !there {
		return fmt.Errorf("it has no field %q, so the URL may not be that of an identity API", field)
	}
	return json.Unmarshal(body, out)
}

// plainUser is a User whose times all are RFC 3339, as nearly always. It needs
// no method of its own, for which the decoder would read each user three times.
type plainUser User

// bulkReply is the reply to a bulk call that was a success. It is read at once
// where every record is plain.
type bulkReply struct {
	Status  string          `json:"status"`
	Failed  int             `json:"failed"`
	Errors  json.RawMessage `json:"errors"`
	Results []BulkResult    `json:"results"`
}

// decodeOnce decodes a body into out; an error says to try json.Unmarshal.
func decodeOnce(body []byte, out any) error {
	switch out := out.(type) {
	case *UserList:
		var list struct {
			Users      []plainUser `json:"users"`
			NextCursor string      `json:"next_cursor"`
		}
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		*out = UserList{NextCursor: list.NextCursor}
		if list.Users != nil {
			out.Users = make([]User, len(list.Users))
		}
		for i, u := range list.Users {
			out.Users[i] = User(u)
		}
		return nil
	case *bulkReply:
		var reply struct {
			Status  string          `json:"status"`
			Failed  int             `json:"failed"`
			Errors  json.RawMessage `json:"errors"`
			Results []struct {
				BulkResult
				Record *plainUser `json:"record"` // in place of the embedded one
			} `json:"results"`
		}
		if err := json.Unmarshal(body, &reply); err != nil {
			return err
		}
		*out = bulkReply{reply.Status, reply.Failed, reply.Errors, make([]BulkResult, len(reply.Results))}
		for i, r := range reply.Results {
			r.BulkResult.Record = (*User)(r.Record)
			out.Results[i] = r.BulkResult
		}
		return nil
	}
	return json.Unmarshal(body, out)
}

// beginsWith reports whether body is an object, if it is JSON at all, whose
// first field is the one named.
func beginsWith(body []byte, field string) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
	if !ok || field == "" {
		return false
	}
	rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"`+field+`"`))
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":"))
}

// parseFlag reads a truth that some replies spell as a string.
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
	if raw, said := fields["is_retryable"]; said {
		e.Retryable = parseFlag(raw)
	}
	return e, true
}

// repeatableStatus tells the statuses that pass by themselves.
func repeatableStatus(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// parseTexts joins a list of strings; elements that are none stand as JSON.
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

// DecodeError is an error body in the domain. A code that is not of the form
// Type:NAME is another API's and follows from the status instead.
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

// ParseBulk reads the reply to a bulk call of n elements that was a success:
// one result per element, in order of the request. An element the server says
// nothing about has an empty result. What is not an acknowledgement is an
// error.
func ParseBulk(status int, body []byte, n int) ([]BulkResult, error) {
	var reply bulkReply
	if err := ParseReply(status, body, "status", &reply); err != nil {
		// Results that cannot be read are another server's own, and ignored.
		var head struct {
			Status string          `json:"status"`
			Failed int             `json:"failed"`
			Errors json.RawMessage `json:"errors"`
		}
		if err := ParseReply(status, body, "status", &head); err != nil {
			if batch := ParseItemErrors(body, n); batch != nil {
				return nil, batch
			}
			return nil, err
		}
		reply = bulkReply{Status: head.Status, Failed: head.Failed, Errors: head.Errors}
	}
	said := parseTexts(reply.Errors)
	if reply.Status != "success" || reply.Failed != 0 || said != "" {
		if batch := ParseItemErrors(body, n); batch != nil {
			return nil, batch
		}
		return nil, &identity.Error{Code: CodeForStatus(status),
			Message: cmp.Or(said, fmt.Sprintf("the reply says status %q, %d failed", reply.Status, reply.Failed))}
	}
	return placeResults(reply.Results, n), nil
}

// placeResults puts results at their indexes. Results that do not fit the
// request are another server's own and are ignored.
func placeResults(results []BulkResult, n int) []BulkResult {
	out := make([]BulkResult, n)
	placed := make([]bool, n)
	for _, r := range results {
		if r.Index < 0 || r.Index >= n || placed[r.Index] {
			return make([]BulkResult, n)
		}
		out[r.Index], placed[r.Index] = r, true
	}
	return out
}

// ParseItemErrors reads which of n elements a failed bulk call names, ordered by
// index; nil when it names none, or not clearly.
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

// decodeItemError is one failure in the domain. A stored value that makes no
// sense is an error: without it a conflict would read as "nothing is stored".
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
