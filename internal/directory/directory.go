// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package directory declares what can find a user of a target service by
// e-mail, and decides, in one place for all connectors, what an answer means.
// directorytest holds the suite every connector passes.
package directory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// State is what a service says of an account.
type State uint8

// States of accounts. Unknown and Pending count as active.
const (
	StateUnknown State = iota
	StateActive
	StatePending
	StateInactive
)

// Kinds of accounts. Only people are matched unless AllowKinds says otherwise;
// "" means that the service does not say, and counts as a person.
const (
	KindPerson = "person"
	KindGuest  = "guest"
	KindBot    = "bot"
	KindShared = "shared"
)

// Account is one account of a target service.
type Account struct {
	ID     string   // stored under the service type's matcher key
	Emails []string // Emails[0] is the primary address
	State  State
	Kind   string
}

// Descriptor tells what a directory can do and at what pace.
type Descriptor struct {
	Lookup             bool          // Find asks for one address, without walking the list
	ListPage           int           // accounts a page; 0 = everything in one answer
	LookupEvery        time.Duration // documented steady spacing of lookups
	ListEvery          time.Duration // and of pages
	ListMaxAccounts    int           // the list is cut off there; 0 = no limit known
	BatchSize          int           // addresses that FindMany puts into one request; 0 = one
	ListNeedsEmail     bool          // the list leaves out accounts without an address
	LookupSeesInactive bool
	// Kinds may match besides people, because the configuration says so.
	Kinds []string
}

// Kinds are the kinds of accounts that the switches include_bots and
// include_guests allow, for Descriptor.
func Kinds(bots, guests bool) []string {
	var kinds []string
	if bots {
		kinds = append(kinds, KindBot)
	}
	if guests {
		kinds = append(kinds, KindGuest)
	}
	return kinds
}

// Directory finds accounts of one service. It is safe for concurrent use.
type Directory interface {
	Describe() Descriptor
	// Check proves that the credential works and belongs to the external id.
	Check(ctx context.Context) error
	// Find returns every account that may have this normalised address,
	// inactive ones too; Decide picks. None is not an error.
	Find(ctx context.Context, email string) ([]Account, error)
}

// Lister is a Directory that can walk all its accounts.
type Lister interface {
	// Pages yields pages until the end or an error; after an error nothing
	// that was not yielded may be called absent.
	Pages(ctx context.Context) iter.Seq2[[]Account, error]
}

// BatchFinder is a Directory that can look for several addresses at once.
type BatchFinder interface {
	// FindMany returns the accounts per address; an address that is missing
	// from the map has none.
	FindMany(ctx context.Context, emails []string) (map[string][]Account, error)
}

// Errors of directories, matched with errors.Is and errors.As.
var (
	ErrCredential  = errors.New("the credential was rejected")
	ErrPermission  = errors.New("the credential lacks a permission")
	ErrUnavailable = errors.New("the service did not answer")
	// ErrRefused is a request that will fail again unless somebody changes the
	// configuration, such as a 404 for a whole collection.
	ErrRefused = errors.New("the service refused the request")
	// ErrAnswer is an answer about one address that cannot be used. It says
	// nothing about the other addresses of a call.
	ErrAnswer = errors.New("the answer cannot be used")
	// ErrTruncated is a list that ends at the service's own limit, so that
	// nobody can be called absent from it.
	ErrTruncated = errors.New("the service cuts its list off")
)

// RateLimitError says that the service wants a pause.
type RateLimitError struct{ RetryAfter time.Duration }

func (e *RateLimitError) Error() string {
	if e.RetryAfter <= 0 {
		return "the service limits requests; try again later"
	}
	return fmt.Sprintf("the service limits requests; try again in %s", e.RetryAfter.Round(time.Second))
}

// AsIdentityError turns a directory's failure into the API's error. The text
// of err is shown to callers: connectors keep secrets out of it.
func AsIdentityError(service identity.ServiceKey, err error) *identity.Error {
	e := &identity.Error{Service: service, Cause: err, Message: fmt.Sprintf("the directory of %s could not answer: %s", service, err)}
	var limit *RateLimitError
	switch {
	case errors.As(err, &limit):
		e.Code, e.Retryable = identity.CodeDirectoryLimited, true
	case errors.Is(err, ErrCredential):
		e.Code, e.Hint = identity.CodeDirectoryDenied, "Renew the credential in the server's configuration."
	case errors.Is(err, ErrPermission):
		e.Code, e.Hint = identity.CodeDirectoryDenied, "Grant the permission to the credential in the server's configuration."
	default:
		e.Code, e.Retryable = identity.CodeDirectoryFailed, passing(err)
	}
	return e
}

// passing reports whether the same request may succeed later.
func passing(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
