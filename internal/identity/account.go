// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import "time"

// Account is one account of a target service, and who holds it in the store.
type Account struct {
	AccountID string  // never changes and is never given again; "" = the service has none beside the identity
	Matcher   Matcher // nil = the service shows no identity of the account
	SignIn    string  // the sign-in name, an address or not; "" = unknown
	Emails    []AccountEmail
	Name      string // the full name, for people to read; "" = unknown
	State     string // one of AccountStates
	Kind      string // one of AccountKinds
	// HeldBy are the users whose stored mapping is this account, sorted.
	HeldBy []UserKey
	// Unreadable says why the record of the account cannot be read. Whose it is
	// cannot be known then, unless somebody holds it. "" = it can.
	Unreadable string
}

// AccountEmail is one normalised address of an account.
type AccountEmail struct {
	Address string
	Primary bool  // the account's own; other addresses are aliases
	Proved  *bool // whether the service made sure of it; nil = it does not say
}

// AccountStates lists what services say of accounts. Invited accounts were made
// by an administrator and count as active, and so do unknown ones; nobody has
// approved pending ones, which people registered by themselves.
func AccountStates() []string { return []string{"active", "invited", "pending", "inactive", "unknown"} }

// AccountKinds lists the kinds of accounts. Accounts of services that do not say
// are those of persons.
func AccountKinds() []string { return []string{KindPerson, "guest", "bot", "shared"} }

// KindPerson is the kind of the accounts that belong to one person each.
const KindPerson = "person"

// AccountList is the whole list of the accounts of a service, as it was at one
// moment.
type AccountList struct {
	Accounts []Account // ordered by identity, then by account id
	AsOf     time.Time // when the service was asked
	Name     string    // of this list, for questions that are to be answered from it; "" = the API gives none
}

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

// AccountQuery names one account.
type AccountQuery struct {
	Identity  string
	AccountID string // kept beside an identity that is a reusable name; "" = not known
}

// Named returns accounts whose ids are not known.
func Named(identities ...string) []AccountQuery {
	accounts := make([]AccountQuery, len(identities))
	for i, id := range identities {
		accounts[i].Identity = id
	}
	return accounts
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
