// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi

import (
	"fmt"
	"maps"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// EncodeUser is a user as the API shows it: sym:cloud, the user's own record,
// stands first among the identities.
func EncodeUser(u identity.User) User {
	identities := make([]Identity, 0, len(u.Mappings)+1)
	identities = append(identities, encodeOwnRecord(u))
	for _, m := range u.Mappings {
		identities = append(identities, EncodeMapping(m))
	}
	return User{
		ID: u.ID, Type: string(u.Type), Role: string(u.Role),
		CreatedAt: u.CreatedAt.UTC(), Identities: identities,
	}
}

// EncodeUsers is EncodeUser for a list; never nil, so that it is [] on the wire.
func EncodeUsers(users []identity.User) []User {
	out := make([]User, len(users))
	for i, u := range users {
		out[i] = EncodeUser(u)
	}
	return out
}

// encodeOwnRecord is the user's sym:cloud identity. Its matcher keeps the
// spelling the user chose.
func encodeOwnRecord(u identity.User) Identity {
	key := "email"
	if u.Type == identity.Bot {
		key = "username"
	}
	profile := map[string]string{}
	if u.FirstName != "" {
		profile["first_name"] = u.FirstName
	}
	if u.LastName != "" {
		profile["last_name"] = u.LastName
	}
	return Identity{
		Service: encodeRef(identity.SymCloud()),
		Matcher: map[string]string{key: u.Name},
		Profile: profile,
	}
}

// EncodeMapping is a stored mapping as the API shows it.
func EncodeMapping(m identity.Mapping) Identity {
	i := Identity{
		Service:  encodeRef(m.Service),
		Matcher:  encodeMatcher(m.Matcher),
		Profile:  map[string]string{},
		Source:   string(m.Source),
		Rule:     m.Rule,
		Revision: m.Revision, UpdatedBy: m.UpdatedBy,
	}
	maps.Copy(i.Profile, m.Profile)
	if !m.UpdatedAt.IsZero() {
		at := m.UpdatedAt.UTC()
		i.UpdatedAt = &at
	}
	return i
}

// EncodeService is a registered service as the API shows it; directory tells
// whether the server can ask it for people.
func EncodeService(s identity.Service, directory bool) Service {
	return Service{
		ID: s.ID, Slug: s.Key.Type, ExternalID: s.Key.ExternalID,
		Label: s.Label, Directory: &directory,
	}
}

// EncodeAnswer is what a target service said of one e-mail, as the API shows it.
func EncodeAnswer(a identity.LookupResult) LookupResult {
	r := LookupResult{Email: a.Email, Status: string(a.Status)}
	if len(a.Matcher) > 0 {
		r.Matcher = encodeMatcher(a.Matcher)
	}
	for _, c := range a.Candidates {
		r.Candidates = append(r.Candidates, encodeMatcher(c))
	}
	if a.Err != nil {
		e := EncodeError(a.Err, "")
		r.Error = &e
	}
	r.AsOf = encodeTime(a.AsOf)
	return r
}

// EncodeStatus is what a target service said of one account, as the API shows it.
func EncodeStatus(a identity.AccountStatus) StatusResult {
	r := StatusResult{Identity: a.Identity, Status: string(a.Status), AsOf: encodeTime(a.AsOf)}
	if a.Err != nil {
		e := EncodeError(a.Err, "")
		r.Error = &e
	}
	return r
}

// encodeTime is a time of the wire, in milliseconds; nil where there is none.
func encodeTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// EncodeError is the body of a reply that is not a success. The cause of the
// error is left out: it is for logs.
func EncodeError(e *identity.Error, requestID string) Error {
	return Error{
		IsError: true, Message: e.Error(), Code: string(e.Code),
		StatusCode: Status(e.Code), Retryable: e.Retryable, RequestID: requestID,
	}
}

// EncodeItemError is one element of a bulk call that could not be done.
func EncodeItemError(c identity.ItemError) BulkResult {
	r := BulkResult{
		Index: c.Index, User: string(c.Err.User),
		ServiceType: c.Err.Service.Type, ExternalID: c.Err.Service.ExternalID,
		Code: string(c.Err.Code), Message: c.Err.Error(), Holder: string(c.Err.Holder),
	}
	if c.Err.Stored != nil {
		stored := EncodeMapping(*c.Err.Stored)
		r.Stored = &stored
	}
	return r
}

// BulkSuccess is the reply of a bulk call that was done: one result per
// element of the request's outer list.
func BulkSuccess(results []BulkResult) BulkReply {
	if results == nil {
		results = []BulkResult{}
	}
	return BulkReply{Status: "success", Errors: []string{}, Succeeded: len(results), Results: results}
}

// BulkFailure is the reply of a bulk call of n elements of which nothing was
// done, because of the failures. A batch whose failures have several codes is
// a conflict.
func BulkFailure(failures []identity.ItemError, n int) BulkReply {
	reply := BulkReply{Status: "error", Errors: []string{}, Failed: n, Results: []BulkResult{}, Error: true}
	code, retryable := identity.CodeIdentityConflict, len(failures) > 0
	for i, c := range failures {
		reply.Errors = append(reply.Errors, c.Err.Error())
		reply.Results = append(reply.Results, EncodeItemError(c))
		retryable = retryable && c.Err.Retryable
		switch {
		case i == 0:
			code = c.Err.Code
		case code != c.Err.Code:
			code = identity.CodeIdentityConflict
		}
	}
	reply.Code, reply.StatusCode, reply.Retryable = string(code), Status(code), retryable
	switch len(failures) {
	case 0:
		reply.Message = "nothing was done"
	case 1:
		reply.Message = reply.Errors[0]
	default:
		reply.Message = fmt.Sprintf("nothing was done because of %d problems, the first: %s", len(failures), reply.Errors[0])
	}
	return reply
}

func encodeRef(k identity.ServiceKey) ServiceRef {
	return ServiceRef{Slug: k.Type, ExternalID: k.ExternalID}
}

// encodeMatcher copies, so that a reply never aliases what a store keeps.
func encodeMatcher(m identity.Matcher) map[string]string {
	out := make(map[string]string, len(m))
	maps.Copy(out, m)
	return out
}
