// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import "time"

// LookupResult holds what a target service said about one e-mail.
type LookupResult struct {
	Email      string
	Status     LookupStatus
	Matcher    Matcher   // set when Found; the inactive account's when Inactive
	Candidates []Matcher // set when Ambiguous
	Err        *Error    // set when Failed
	AsOf       time.Time // when the service was asked; zero = unknown
}

// LookupStatus names the outcome of asking a target service for one e-mail.
type LookupStatus string

// Outcomes of a lookup. Failed means that the service was not asked or did not
// answer, never that the person has no account.
const (
	Found     LookupStatus = "found"
	NotFound  LookupStatus = "not_found"
	Ambiguous LookupStatus = "ambiguous"
	Inactive  LookupStatus = "inactive"
	Failed    LookupStatus = "failed"
)

// AccountStatus holds what a target service said about one stored identity.
type AccountStatus struct {
	Identity string
	Status   AccountState
	Err      *Error    // set when AccountFailed
	AsOf     time.Time // when the service was asked; zero = unknown
}

// AccountState names the outcome of asking a target service for one account.
type AccountState string

// States of accounts. AccountUnknown means that the service cannot be asked for
// accounts by identity, AccountFailed that it was not asked or did not answer.
// Neither means that the account is gone.
const (
	AccountActive   AccountState = "active"
	AccountInactive AccountState = "inactive"
	AccountAbsent   AccountState = "absent"
	AccountUnknown  AccountState = "unknown"
	AccountFailed   AccountState = "failed"
)
