// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package directory declares the contract of directories, which find a user of
// a target service by e-mail, and decides for all of them what an answer means.
// The tests of every connector run the suite in directorytest.
package directory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// State of an account, as its service reports it.
type State uint8

// States of accounts. Unknown and Pending count as active.
const (
	StateUnknown State = iota
	StateActive
	StatePending
	StateInactive
)

// Kinds of accounts. Only people match, and the kinds in Descriptor.Kinds. ""
// counts as a person: the service does not report kinds.
const (
	KindPerson = "person"
	KindGuest  = "guest"
	KindBot    = "bot"
	KindShared = "shared"
)

// Account of a target service.
type Account struct {
	ID     string   // stored under the service type's matcher key
	Emails []string // Emails[0] is the primary address
	State  State
	Kind   string
}

// Descriptor describes what a directory can do and at what pace.
type Descriptor struct {
	Lookup             bool          // Find asks for one address; without it Find returns ErrNeedsList
	ListPage           int           // accounts a page; 0 = everything in one answer
	LookupEvery        time.Duration // documented steady spacing of lookups
	ListEvery          time.Duration // and of pages
	ListMaxAccounts    int           // the list is cut off there; 0 = no limit known
	BatchSize          int           // addresses that FindMany puts into one request; 0 = one
	ListNeedsEmail     bool          // the list leaves out accounts without an address
	LookupSeesInactive bool
	Kinds              []string // kinds that match besides people, by configuration
}

// Kinds returns the kinds of accounts that the switches include_bots and
// include_guests allow.
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
	// inactive ones too; Decide picks. None is not an error. A Lister returns
	// ErrNeedsList for an address that only its list can answer.
	Find(ctx context.Context, email string) ([]Account, error)
}

// Lister is a Directory that can walk all its accounts.
type Lister interface {
	// Pages yields pages until the end or an error. After an error no account
	// that was not yielded may be called absent.
	Pages(ctx context.Context) iter.Seq2[[]Account, error]
}

// ListOnly is embedded by connectors of services without lookups. Their
// Descriptor has no Lookup.
type ListOnly struct{}

// Find implements Directory.
func (ListOnly) Find(context.Context, string) ([]Account, error) { return nil, ErrNeedsList }

// BatchFinder is a Directory that can look for several addresses at once.
type BatchFinder interface {
	// FindMany returns the accounts per address; an address that is missing
	// from the map has none.
	FindMany(ctx context.Context, emails []string) (map[string][]Account, error)
}

// IDFinder is a Directory that can ask for an account by the stored id.
type IDFinder interface {
	// FindID returns the account, in whatever state; it may return other
	// accounts too. None means that the service itself answered that there is
	// no such account; every other failure to answer is an error.
	FindID(ctx context.Context, id string) ([]Account, error)
}

// Errors of directories, matched with errors.Is and errors.As.
var (
	ErrCredential  = errors.New("the credential was rejected")
	ErrPermission  = errors.New("the credential lacks a permission")
	ErrUnavailable = errors.New("the service did not answer")
	// ErrRefused is a request that fails again until somebody changes the
	// configuration, such as a 404 for a whole collection.
	ErrRefused = errors.New("the service refused the request")
	// ErrAnswer is an unusable answer about one address. It says nothing about
	// the other addresses of a call.
	ErrAnswer = errors.New("the answer cannot be used")
	// ErrTruncated is a list that ends at the service's own limit, so that
	// nobody can be called absent from it.
	ErrTruncated = errors.New("the service cuts its list off")
	// ErrForeign is a credential that works, for another account, workspace or
	// organization than the service's external id.
	ErrForeign = errors.New("the credential belongs elsewhere")
	// ErrNeedsList is a lookup that cannot answer; Lookup walks the list then.
	ErrNeedsList = errors.New("only the list of accounts can answer")
)

// RateLimitError says that the service wants a pause.
type RateLimitError struct{ RetryAfter time.Duration }

func (e *RateLimitError) Error() string {
	if e.RetryAfter <= 0 {
		return "the service limits requests; try again later"
	}
	return fmt.Sprintf("the service limits requests; try again in %s", e.RetryAfter.Round(time.Second))
}

// AsIdentityError turns a directory's failure into the API's error. Callers of
// the API see the text of err: connectors keep secrets out of it.
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
		e.Code = identity.CodeDirectoryFailed
		e.Retryable = errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	}
	return e
}

// Belongs compares where a credential is valid with the external id. want is
// "", and nothing is compared, if the service is of another type than the
// connector's. what names the thing, as in "workspace".
func Belongs(what, got, want string) error {
	if want == "" || strings.EqualFold(got, want) {
		return nil
	}
	return fmt.Errorf("%w: to the %s %q, but the service's external ID is %q", ErrForeign, what, got, want)
}

// NeedsGrant adds to a missing permission what to grant. It returns other
// errors as they are.
func NeedsGrant(err error, grant string) error {
	if !errors.Is(err, ErrPermission) {
		return err
	}
	return fmt.Errorf("%w; grant it %s", err, grant)
}
