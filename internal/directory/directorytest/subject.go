// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package directorytest holds the suite that every directory passes. A
// connector brings a fake of its service, as an http.Handler over a World,
// and a way to open itself; the suite brings the people, the faults and the
// expectations.
package directorytest

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Secret is the credential that fakes accept and no error may show.
const Secret = `s3cr3t/token+with "odd" bytes`

// Person is one account of a service.
type Person struct {
	ID       string
	Emails   []string // Emails[0] is the primary address
	Inactive bool
	// The fakes of services that know of these show them in the service's terms.
	Unproved bool // nobody proved that the addresses are the person's
	Pending  bool // registered by the person, approved by nobody
	Guest    bool
}

// World holds what a fake service knows.
type World struct {
	People   []Person
	PageSize int  // accounts a page at most; 0 = the service's own
	Repeats  bool // the next page is always the first page again
}

// Env describes where a connector is opened.
type Env struct {
	BaseURL string // the fake's, http://127.0.0.1:…; "" for connectors without HTTP
	CAFile  string // certificates of the authority of a fake with https; "" = the system's
	Secret  string
	Clock   apiclient.Clock // sleeps without taking time
	World   World           // for connectors without HTTP, which bring it to where they read
}

// Subject is a connector under test.
type Subject struct {
	// Kind is the connector's name in a configuration; see Excuses.
	Kind string
	// Variant says what is particular about the service or the configuration
	// of another run of a connector's suite. "" is the run that leaves out
	// nothing but what Excuses names.
	Variant string
	// Service is a key of the connector's service type, for Lookup.
	Service identity.ServiceKey
	// ID is the n-th valid identity of the service; nil gives u-1, u-2, ….
	ID func(n int) string
	// AddressIsID says that the identity of an account is its first address, so
	// that ID does not matter.
	AddressIsID bool
	// AllPrimary says that the service or its fake keeps all addresses of a
	// person alike: none is an alias.
	AllPrimary bool
	// SignsIn says that the connector reads Emails[0] as the sign-in name.
	SignsIn bool
	// Fake answers as the real service would about w, compares addresses as
	// the service does, and refuses a request without Secret. nil for
	// connectors without HTTP.
	Fake func(w World) http.Handler
	// Open gives the connector on env. It must allow http and private hosts.
	Open func(t testing.TB, env Env) (directory.Directory, error)
	// Limit sends the service's refusal of a request that came too soon; nil
	// sends a 429 with Retry-After in seconds.
	Limit func(w http.ResponseWriter, wait time.Duration)
	// Lacks names further cases that have no meaning for a Variant, and why.
	Lacks map[Case]string
}

func (s Subject) id(n int) string {
	if s.ID != nil {
		return s.ID(n)
	}
	return "u-" + strconv.Itoa(n)
}

// limit asks a client to wait.
func (s Subject) limit(w http.ResponseWriter, wait time.Duration) {
	if s.Limit != nil {
		s.Limit(w, wait)
		return
	}
	w.Header().Set("Retry-After", seconds(wait))
	w.WriteHeader(http.StatusTooManyRequests)
}

// Case names one thing that the suite proves.
type Case string

// Cases of the suite.
const (
	Found          Case = "found"
	NotFound       Case = "not found"
	Alias          Case = "alias"
	Inactive       Case = "inactive"
	Twin           Case = "two accounts, one inactive"
	Duplicate      Case = "duplicate"
	SameAccount    Case = "one account twice"
	UpperCase      Case = "upper case"
	OddAddress     Case = "odd characters in the address"
	SubstringMatch Case = "address inside another"
	Alike          Case = "alone and among others"
	SecondPage     Case = "match on the second page"
	PageSizeOne    Case = "page size 1"

	DuplicateOnTwoPages Case = "duplicate on two pages"

	FailsInMiddle   Case = "a page in the middle fails"
	LimitedInMiddle Case = "429 in the middle"
	ShortPages      Case = "shorter pages from the middle on"

	MovingList  Case = "somebody leaves in the middle"
	OtherCount  Case = "another count than the rows"
	PagesAtOnce Case = "pages at once"

	Accounts     Case = "accounts"
	RepeatedPage Case = "repeated cursor"
	Checks       Case = "check"

	Unauthorized   Case = "401"
	Forbidden      Case = "403"
	CollectionGone Case = "404 for the collection"
	LimitedOnce    Case = "429 with wait"
	LimitedLong    Case = "429 with a long wait"
	Paced          Case = "documented pace"
	FailsOnce      Case = "500 then fine"
	FailsAlways    Case = "500 always"
	HTMLBody       Case = "HTML body"
	TruncatedJSON  Case = "truncated JSON"
	OtherJSON      Case = "JSON of another kind"
	Redirect       Case = "redirect to another host"
	PrivateCA      Case = "certificate of a private authority"
	Cancelled      Case = "cancelled context"
	SecretHidden   Case = "secret never in errors or logs"
)

// NeedsHTTP returns the cases that need a Fake.
func NeedsHTTP() []Case {
	return []Case{Unauthorized, Forbidden, CollectionGone, LimitedOnce, LimitedLong, Paced, FailsOnce, FailsAlways,
		HTMLBody, TruncatedJSON, OtherJSON, Redirect, PrivateCA, SecretHidden}
}

// NeedsPages returns the cases about lists in several pages.
func NeedsPages() []Case {
	return append([]Case{SecondPage, PageSizeOne, DuplicateOnTwoPages, RepeatedPage, FailsInMiddle, LimitedInMiddle, ShortPages}, NeedsCount()...)
}

// NeedsCount returns the cases about lists that the service counts, and gives by
// number.
func NeedsCount() []Case { return []Case{MovingList, OtherCount, PagesAtOnce} }

// Lacking makes a Lacks of cases that share a reason.
func Lacking(reason string, cases ...Case) map[Case]string {
	lacks := map[Case]string{}
	for _, c := range cases {
		lacks[c] = reason
	}
	return lacks
}
