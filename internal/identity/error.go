// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code names a kind of failure for programs, as Type:NAME. Codes never change.
type Code string

// Codes of the identity API.
const (
	CodeUserNotFound      Code = "User:NOT_FOUND"
	CodeUserInvalid       Code = "User:INVALID"
	CodeUserConflict      Code = "User:CONFLICT"
	CodeServiceNotFound   Code = "Service:NOT_FOUND"
	CodeServiceInvalid    Code = "Service:INVALID"
	CodeServiceConflict   Code = "Service:CONFLICT"
	CodeServiceReferenced Code = "Service:REFERENCED"
	CodeServiceManaged    Code = "Service:MANAGED"
	CodeIdentityNotFound  Code = "Identity:NOT_FOUND"
	CodeIdentityInvalid   Code = "Identity:INVALID"
	CodeIdentityConflict  Code = "Identity:CONFLICT"
	CodeIdentityClaimed   Code = "Identity:CLAIMED"
	CodeDirectoryFailed   Code = "Directory:UNAVAILABLE"
	CodeDirectoryDenied   Code = "Directory:DENIED"
	CodeDirectoryLimited  Code = "Directory:RATE_LIMITED"
	CodeNoDirectory       Code = "Directory:NOT_CONFIGURED"
	CodeNoList            Code = "Directory:NO_LIST"      // the service cannot show all its accounts
	CodeListChanged       Code = "Directory:LIST_CHANGED" // between two pages
	CodeUnauthenticated   Code = "Authentication:INVALID_JWT"
	CodeForbidden         Code = "Auth:FORBIDDEN"
	CodeAuthUnavailable   Code = "Auth:UNAVAILABLE" // the key set of the issuer cannot be read now
	CodeInvalid           Code = "Request:INVALID"
	CodeTooLarge          Code = "Request:TOO_LARGE"
	CodeLimited           Code = "Request:RATE_LIMITED"
	CodeMissing           Code = "Request:NOT_FOUND"
	CodeMethod            Code = "Request:METHOD_NOT_ALLOWED"
	CodeBusy              Code = "Server:BUSY"
	CodeUnavailable       Code = "Store:UNAVAILABLE"
	CodeInternal          Code = "Internal:ERROR"
)

// Error describes a failure with a code and in words for the person who caused
// it. It travels from the store through the API to the provider's diagnostics.
type Error struct {
	Code       Code
	Message    string
	Hint       string        // what to do about it; may be empty
	Retryable  bool          // the same request may succeed later
	RetryAfter time.Duration // 0 = unknown

	User    UserKey    // the user it is about, "" if it is not about one
	Service ServiceKey // the service it is about
	Stored  *Mapping   // of a conflict: what is stored; nil = nothing
	Holder  UserKey    // of a claim: who holds the account

	Cause error // for logs; never shown to API callers
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return strings.TrimSuffix(e.Message, ".") + ". " + e.Hint
}

func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is compare by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Invalid returns an error about a value, with a hint at what is right.
func Invalid(code Code, message, hint string) *Error {
	return &Error{Code: code, Message: message, Hint: hint}
}

// CodeOf returns the code of the first *Error in err's chain, or "".
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// AsError returns the first *Error of err's chain, or an internal error that
// hides err from API callers.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Message: "an internal error occurred", Cause: err}
}

// UnknownUser returns the error for a user that is not in the store.
func UnknownUser(key UserKey) *Error {
	if key.IsEmail() {
		return &Error{Code: CodeUserNotFound, Message: "Unknown user for email: " + key.Email(), User: key}
	}
	return &Error{Code: CodeUserNotFound, Message: "Unknown bot: " + key.Username(), User: key,
		Hint: "A bot must exist before it is mapped; a person is named by e-mail, with an @."}
}

// UnknownService returns the error for a service that is not registered.
func UnknownService(key ServiceKey) *Error {
	return &Error{Code: CodeServiceNotFound, Message: "No service is registered for " + key.String(), Service: key,
		Hint: "Register it: a sym_service resource, or a service block of the server's configuration."}
}

// Conflict returns the error of a write or delete whose condition does not hold;
// stored is nil if nothing is stored.
func Conflict(user UserKey, service ServiceKey, stored *Mapping) *Error {
	e := &Error{Code: CodeIdentityConflict, User: user, Service: service, Stored: stored}
	if stored == nil {
		e.Message = fmt.Sprintf("no identity is stored for %s in %s any more", user, service)
	} else {
		e.Message = fmt.Sprintf("another identity is stored for %s in %s: %s (%s, revision %d)",
			user, service, stored.Matcher, stored.Source, stored.Revision)
	}
	return e
}

// Claimed returns the error of a write whose identity another user already holds.
func Claimed(user UserKey, service ServiceKey, matcher Matcher, holder UserKey) *Error {
	return &Error{Code: CodeIdentityClaimed, User: user, Service: service, Holder: holder,
		Message: fmt.Sprintf("%s in %s already belongs to %s", matcher, service, holder)}
}

// ItemError describes one element of a batch that failed.
type ItemError struct {
	Index int // in the outer list of the call
	Err   *Error
}

// BatchError names every element that failed. Nothing of the batch was done.
type BatchError struct{ Items []ItemError }

func (e *BatchError) Error() string {
	if len(e.Items) == 1 {
		return e.Items[0].Err.Error()
	}
	return fmt.Sprintf("%d elements failed, the first: %s", len(e.Items), e.Items[0].Err)
}

// Unwrap lets errors.Is and errors.As find every failure.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, len(e.Items))
	for i, c := range e.Items {
		errs[i] = c.Err
	}
	return errs
}
