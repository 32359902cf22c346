// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi

import (
	"fmt"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// EncodeUser returns a user as the API shows it. The first identity is
// sym:cloud, the user's own record.
func EncodeUser(u identity.User) User {
	identities := make([]Identity, 0, len(u.Mappings)+1)
	identities = append(identities, encodeOwnRecord(u))
	for _, m := range u.Mappings {
		identities = append(identities, EncodeMapping(m))
	}
	return User{
		ID: u.ID, Type: string(u.Type), Role: string(u.Role),
		CreatedAt: Time{u.CreatedAt.UTC()}, Identities: identities,
		Revision: u.Revision, UpdatedAt: encodeTime(u.UpdatedAt), UpdatedBy: u.UpdatedBy,
	}
}

// EncodeUsers encodes a list. It never returns nil, which would be null on the
// wire.
func EncodeUsers(users []identity.User) []User {
	out := make([]User, len(users))
	for i, u := range users {
		out[i] = EncodeUser(u)
	}
	return out
}

// encodeOwnRecord returns the user's sym:cloud identity. Its matcher keeps the
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

// EncodeMapping returns a stored mapping as the API shows it.
func EncodeMapping(m identity.Mapping) Identity {
	i := Identity{
		Service:   encodeRef(m.Service),
		Matcher:   m.Matcher,
		AccountID: m.AccountID,
		Profile:   m.Profile,
		Source:    string(m.Source),
		Rule:      m.Rule,
		Revision:  m.Revision, UpdatedBy: m.UpdatedBy,
	}
	if i.Profile == nil {
		i.Profile = map[string]string{} // clients do not expect null
	}
	if !m.UpdatedAt.IsZero() {
		i.UpdatedAt = new(m.UpdatedAt.UTC())
	}
	return i
}

// EncodeService returns a registered service as the API shows it. directory says
// whether the server can look people up in it, configured whether its
// configuration file owns it.
func EncodeService(s identity.Service, directory, configured bool) Service {
	return Service{
		ID: s.ID, Slug: s.Key.Type, ExternalID: s.Key.ExternalID,
		Label: s.Label, Revision: s.Revision, UpdatedAt: encodeTime(s.UpdatedAt), UpdatedBy: s.UpdatedBy, Directory: &directory, Configured: &configured,
	}
}

// otherDomain is the reason of a lookup that asked nobody.
const otherDomain = "other_domain"

// EncodeLookup returns a target service's result for one e-mail as the API shows
// it.
func EncodeLookup(a identity.LookupResult) LookupResult {
	r := LookupResult{Email: a.Email, Status: string(a.Status), Matcher: a.Matcher, AccountID: a.AccountID, Evidence: string(a.Evidence), Unique: a.Unique, AsOf: encodeTime(a.AsOf), Error: encodeCause(a.Err)}
	if a.OtherDomain {
		r.Reason = otherDomain
	}
	for _, c := range a.Candidates {
		r.Candidates = append(r.Candidates, c.Matcher)
		r.Accounts = append(r.Accounts, CandidateAccount{Matcher: c.Matcher, AccountID: c.AccountID, State: c.State, Name: c.Name})
	}
	return r
}

// EncodeStatus returns a target service's result for one account as the API
// shows it.
func EncodeStatus(a identity.AccountStatus) StatusResult {
	return StatusResult{Identity: a.Identity, Status: string(a.Status), AccountID: a.AccountID, NewIdentity: a.NewIdentity, AsOf: encodeTime(a.AsOf), Error: encodeCause(a.Err)}
}

// encodeCause returns why a result failed; nil where it did not.
func encodeCause(e *identity.Error) *Error {
	if e == nil {
		return nil
	}
	return new(EncodeError(e, ""))
}

// encodeTime truncates a time to milliseconds; it returns nil for the zero time.
func encodeTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Truncate(time.Millisecond))
}

// EncodeError returns the body of a reply that is not a success. It leaves out
// the cause, which is for logs.
func EncodeError(e *identity.Error, requestID string) Error {
	return Error{
		IsError: true, Message: e.Error(), Code: string(e.Code),
		StatusCode: Status(e.Code), Retryable: e.Retryable, RequestID: requestID,
	}
}

// EncodeItemError returns the result of one element of a bulk call that failed.
func EncodeItemError(c identity.ItemError) BulkResult {
	return BulkResult{
		Index: c.Index, User: string(c.Err.User),
		ServiceType: c.Err.Service.Type, ExternalID: c.Err.Service.ExternalID,
		Code: string(c.Err.Code), Message: c.Err.Error(), Holder: string(c.Err.Holder), Stored: encodeOptional(c.Err.Stored),
	}
}

// BulkSuccess returns the reply of a bulk call that succeeded: one result per
// element of the request's outer list.
func BulkSuccess(results []BulkResult) BulkReply {
	if results == nil {
		results = []BulkResult{}
	}
	reply := BulkReply{Status: "success", Errors: []string{}, Succeeded: len(results), Results: results}
	for _, r := range results {
		reply.DeletedIdentities += r.Identities
	}
	return reply
}

// maxErrors bounds the texts that a client prints one by one. The results name
// every failure.
const maxErrors = 100

// BulkFailure returns the reply of a bulk call of n elements that changed
// nothing because of the failures. Failures with several codes make a conflict.
// It has a message only where it has no errors: symflow shows the message alone.
func BulkFailure(failures []identity.ItemError, n int) BulkReply {
	reply := BulkReply{Status: "error", Errors: []string{}, Failed: n, Results: []BulkResult{}, Error: true}
	code, retryable := identity.CodeIdentityConflict, len(failures) > 0
	for i, c := range failures {
		if i < maxErrors {
			reply.Errors = append(reply.Errors, c.Err.Error())
		}
		reply.Results = append(reply.Results, EncodeItemError(c))
		retryable = retryable && c.Err.Retryable
		switch {
		case i == 0:
			code = c.Err.Code
		case code != c.Err.Code:
			code = identity.CodeIdentityConflict
		}
	}
	reply.Code, reply.StatusCode, reply.Retryable = string(code), Status(code), &retryable
	switch more := len(failures) - maxErrors; {
	case len(failures) == 0:
		reply.Message = "nothing was done"
	case more > 0:
		reply.Errors = append(reply.Errors, fmt.Sprintf("and %d more problems, which the reply's results name", more))
	}
	return reply
}

func encodeRef(k identity.ServiceKey) ServiceRef {
	return ServiceRef{Slug: k.Type, ExternalID: k.ExternalID}
}

// EncodeChange returns an entry of the history as the API shows it.
func EncodeChange(c identity.Change) Change {
	return Change{
		ID: c.ID, At: c.At.UTC(), By: c.By, RequestID: c.RequestID, Address: c.Address, UserID: c.UserID, User: string(c.User),
		Service: encodeRef(c.Service), Before: encodeOptional(c.Before), After: encodeOptional(c.After),
	}
}

func encodeOptional(m *identity.Mapping) *Identity {
	if m == nil {
		return nil
	}
	return new(EncodeMapping(*m))
}

// The kinds of an account's addresses, as the API names them.
const (
	primaryAddress = "primary"
	aliasAddress   = "alias"
)

// EncodeAccount returns an account of a service as the API shows it.
func EncodeAccount(a identity.Account) Account {
	out := Account{AccountID: a.AccountID, Matcher: a.Matcher, SignIn: a.SignIn, Name: a.Name, State: a.State, Kind: a.Kind, Unreadable: a.Unreadable,
		Emails: make([]AccountEmail, len(a.Emails)), HeldBy: make([]string, len(a.HeldBy))}
	for i, email := range a.Emails {
		out.Emails[i] = AccountEmail{Address: email.Address, Kind: aliasAddress, Verified: email.Proved}
		if email.Primary {
			out.Emails[i].Kind = primaryAddress
		}
	}
	for i, user := range a.HeldBy {
		out.HeldBy[i] = string(user)
	}
	return out
}
