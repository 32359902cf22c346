// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import "time"

// LookupResult holds what a target service said about one e-mail.
type LookupResult struct {
	Email      string
	Status     LookupStatus
	Matcher    Matcher     // set when Found; the inactive account's when Inactive
	AccountID  string      // of the account of Matcher; "" = the service has no id beside the identity
	Evidence   Evidence    // set when Found
	Unique     bool        // with Found: a whole list shows that the e-mail is the only address of the account\'s own
	Candidates []Candidate // set when Ambiguous, Alias or Unverified
	// OtherDomain is set when NotFound and nobody was asked: the directory is
	// not for addresses of this domain.
	OtherDomain bool
	Err         *Error    // set when Failed
	AsOf        time.Time // when the service was asked; zero = unknown
}

// Candidate is an account that may be somebody's.
type Candidate struct {
	Matcher   Matcher
	AccountID string
	State     string // active, inactive, invited, pending; "" = unknown
	Name      string // the full name, for people to read; "" = unknown
}

// LookupStatus names the outcome of asking a target service for one e-mail.
type LookupStatus string

// Outcomes of a lookup. Alias is an address that no account has as its own, but
// one or more have as another. Unverified is an address that the service has not
// proved, or of somebody who registered without approval. Failed means
// that the service was not asked or did not answer, never that the person has
// no account.
const (
	Found      LookupStatus = "found"
	NotFound   LookupStatus = "not_found"
	Ambiguous  LookupStatus = "ambiguous"
	Inactive   LookupStatus = "inactive"
	Alias      LookupStatus = "alias"
	Unverified LookupStatus = "unverified"
	Failed     LookupStatus = "failed"
)

// Evidence says why an identity is believed to be somebody's.
type Evidence string

// Evidence, from what people declared to what services said.
const (
	EvidenceDeclared      Evidence = "declared"
	EvidenceManual        Evidence = "manual"
	EvidenceRule          Evidence = "rule"
	EvidenceVerifiedEmail Evidence = "verified_email" // the service proved the address
	EvidenceEmail         Evidence = "email"
	EvidenceAlias         Evidence = "alias"
	EvidenceFetch         Evidence = "fetch_remote_identity"
)

// AccountQuery asks for one stored identity.
type AccountQuery struct {
	Identity  string
	AccountID string // kept beside an identity that is a reusable name; "" = not known
}

// AccountStatus holds what a target service said about one stored identity.
type AccountStatus struct {
	Identity  string // as it was asked for
	AccountID string // of the account that has the identity now; "" = none, or unknown
	// NewIdentity is set when AccountRenamed: what the account that was asked
	// for is called now.
	NewIdentity string
	Status      AccountState
	Err         *Error    // set when AccountFailed
	AsOf        time.Time // when the service was asked; zero = unknown
}

// AccountState names the outcome of asking a target service for one account.
type AccountState string

// States of accounts. AccountRenamed is the account that was asked for, under
// another identity; AccountReused is the identity that was asked for, which
// another account has now. AccountUnknown means that the service cannot be
// asked for accounts by identity, AccountFailed that it was not asked or did
// not answer. Neither means that the account is gone.
const (
	AccountActive   AccountState = "active"
	AccountInactive AccountState = "inactive"
	AccountAbsent   AccountState = "absent"
	AccountRenamed  AccountState = "renamed"
	AccountReused   AccountState = "reused"
	AccountUnknown  AccountState = "unknown"
	AccountFailed   AccountState = "failed"
)
