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
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// State of an account, as its service reports it.
type State uint8

// States of accounts. An administrator invited Invited accounts: they count as
// active, as Unknown ones do. Nobody has approved Pending ones, which people
// registered by themselves.
const (
	StateUnknown State = iota
	StateActive
	StateInvited
	StatePending
	StateInactive
)

// String returns the word for people; "" for an unknown state.
func (s State) String() string {
	return [...]string{"", "active", "invited", "pending", "inactive"}[s]
}

// Kind of an account. Only people match, and the kinds in Descriptor.Kinds. ""
// counts as a person: the service does not report kinds.
type Kind string

// Kinds of accounts.
const (
	KindPerson Kind = "person"
	KindGuest  Kind = "guest"
	KindBot    Kind = "bot"
	KindShared Kind = "shared"
)

// Account holds what a service shows of one account.
type Account struct {
	AccountID string    // never changes and is never given again; "" = the service has none beside the identity
	Identity  string    // stored under the service type's matcher key
	SignIn    string    // the sign-in name as the service spells it, an address or not; "" = unknown
	Name      string    // the full name, for people to read; "" = unknown
	Addresses []Address // a sign-in name that is an address stands among them
	State     State
	Kind      Kind
	// Unreadable marks a record that cannot be read. The people of its
	// addresses are Failed, and so is the status of its identity.
	Unreadable error
}

// Address is one address of an account.
type Address struct {
	Email string
	Kind  AddressKind
	Proof Proof
}

// AddressKind says what an address is to its account.
type AddressKind uint8

// Kinds of addresses. A Primary address is the account's own: its sign-in name
// or its mail attribute. Several accounts may list the same Alias.
const (
	Alias AddressKind = iota
	Primary
)

// Proof says whether a service made sure that an address belongs to the person.
type Proof uint8

// Proofs of addresses. ProofUnknown is a service that does not say. Of two
// statements about one address the later of these counts.
const (
	ProofUnknown Proof = iota
	Proved
	Unproved
)

// ProofOf returns what a service's own flag proves; nil = it does not say.
func ProofOf(verified *bool) Proof {
	switch {
	case verified == nil:
		return ProofUnknown
	case *verified:
		return Proved
	}
	return Unproved
}

// Primaries returns primary addresses of unknown proof. It leaves out "".
func Primaries(emails ...string) []Address {
	var a Account
	a.Add(Primary, ProofUnknown, emails...)
	return a.Addresses
}

// Aliases returns aliases of unknown proof. It leaves out "".
func Aliases(emails ...string) []Address {
	var a Account
	a.Add(Alias, ProofUnknown, emails...)
	return a.Addresses
}

// Add adds addresses to an account. It leaves out "".
func (a *Account) Add(kind AddressKind, proof Proof, emails ...string) {
	for _, email := range emails {
		if email != "" {
			a.Addresses = append(a.Addresses, Address{email, kind, proof})
		}
	}
}

// SetSignIn sets the sign-in name and adds it as a primary address if it is one.
func (a *Account) SetSignIn(name string, proof Proof) {
	a.SignIn = name
	if strings.Contains(name, "@") {
		a.Add(Primary, proof, name)
	}
}

// Owns reports whether a normalised address is a primary one of an account.
func (a Account) Owns(email string) bool {
	return slices.ContainsFunc(a.Addresses, func(x Address) bool { return x.Kind == Primary && sameAddress(email, x.Email) })
}

// Emails returns the addresses of an account, in order.
func (a Account) Emails() []string {
	emails := make([]string, len(a.Addresses))
	for i, address := range a.Addresses {
		emails[i] = address.Email
	}
	return emails
}

// Descriptor describes what a directory can do and at what pace.
type Descriptor struct {
	Lookup          bool          // Find asks for one address; without it Find returns ErrNeedsList
	ListPage        int           // accounts a page; 0 = everything in one answer
	LookupEvery     time.Duration // documented steady spacing of lookups
	ListEvery       time.Duration // and of pages
	Burst           int           // requests of each kind that come before the spacing
	ListMaxAccounts int           // the list is cut off there; 0 = no limit known
	BatchSize       int           // addresses that FindMany puts into one request; 0 = one
	AddressGrant    string        // what to grant to a credential that sees people without addresses
	// LookupSeesInactive says that lookups see inactive accounts too, or that
	// there are none. Without it, what an inactive account could change is read
	// from the list.
	LookupSeesInactive bool
	// MayBeBlind says that a credential that may not see people or their addresses
	// finds nobody, without an error. There is always somebody, so that the list shows
	// whether to believe that.
	MayBeBlind bool
	Kinds      []Kind // kinds that match besides people, by configuration
}

// Describe implements Directory. Connectors embed their Descriptor.
func (d Descriptor) Describe() Descriptor { return d }

// Kinds returns the kinds of accounts that the switches include_bots and
// include_guests allow.
func Kinds(bots, guests bool) []Kind {
	var kinds []Kind
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

// Searcher is a Lister whose list may lack accounts that exist. Lookup searches
// for a few of the people that a list lacks, and does not use a list that a
// search contradicts.
type Searcher interface {
	// Search returns accounts that may have this normalised address. Those that
	// it returns exist; it may miss others, and refused searches are no error.
	Search(ctx context.Context, email string) ([]Account, error)
}

// ListOnly is embedded by connectors of services without lookups. Their
// Descriptor has no Lookup.
type ListOnly struct{}

// Find implements Directory.
func (ListOnly) Find(context.Context, string) ([]Account, error) { return nil, ErrNeedsList }

// Assumed is the directory of a service whose identities are e-mails. It sends no
// requests: an address of the domain is its own identity, unless it is an alias.
type Assumed struct {
	Descriptor
	Domain string
}

// Check implements Directory: there is nothing to check.
func (Assumed) Check(ctx context.Context) error { return ctx.Err() }

// CheckNote says what a successful check proves.
func (Assumed) CheckNote() string {
	return "no request is made: an address of the domain is its own identity"
}

// Find takes every address of the domain for an account of unknown state.
func (a Assumed) Find(ctx context.Context, email string) ([]Account, error) {
	if err := ctx.Err(); err != nil || !HasDomain(email, a.Domain) {
		return nil, err
	}
	return []Account{{Identity: email, SignIn: email, Addresses: Primaries(email)}}, nil
}

// HasDomain reports whether an address is one of a domain.
func HasDomain(email, domain string) bool {
	at := strings.LastIndexByte(email, '@')
	return at >= 0 && identity.FoldASCII(email[at+1:]) == identity.FoldASCII(domain)
}

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

// AccountFinder is an IDFinder of a service whose identities are names that can
// go to another account. It asks for an account by the id that stays.
type AccountFinder interface {
	// FindAccount returns the account with an AccountID, as FindID does.
	FindAccount(ctx context.Context, accountID string) ([]Account, error)
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
	// ErrNoList is a directory that cannot show all accounts of its service.
	ErrNoList = errors.New("the directory cannot list accounts")
	// ErrListChanged is a list that is not the one that a caller began with.
	ErrListChanged = errors.New("the list of accounts has changed since it was first read, or lacked an account that a search found")
	// ErrForeign is a credential that works, for another account, workspace or
	// organization than the service's external id.
	ErrForeign = errors.New("the credential does not match the service's external ID")
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
	case errors.Is(err, ErrNoList):
		e.Code, e.Hint = identity.CodeNoList, "Look people up by e-mail; this service cannot show who has the other accounts."
	case errors.Is(err, ErrListChanged):
		e.Code, e.Hint = identity.CodeListChanged, "Read the list again from its first page."
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
	return fmt.Errorf("%w: it is for the %s %q, not for %q", ErrForeign, what, got, want)
}

// NeedsGrant adds to a missing permission what to grant. It returns other
// errors as they are.
func NeedsGrant(err error, grant string) error {
	if !errors.Is(err, ErrPermission) {
		return err
	}
	return fmt.Errorf("%w; grant it %s", err, grant)
}
