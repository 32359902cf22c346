// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package identity is the domain: users, services, mappings, how their names
// are spelled and compared, and the error codes every layer shares. It does no
// I/O and imports only the standard library.
//
// The stored record is called a mapping (user × service → matcher). The word
// identity is kept for the plain string inside the matcher, as Sym uses it.
package identity

import "time"

// UserType says whether a user is a person or a bot.
type UserType string

// The two kinds of users, as they stand on the wire.
const (
	Normal UserType = "normal"
	Bot    UserType = "bot"
)

// Role is what a user or a token may do.
type Role string

// Roles from least to most: guests read, members may also look people up,
// admins write.
const (
	Guest  Role = "guest"
	Member Role = "member"
	Admin  Role = "admin"
)

// Valid reports whether r is one of the three roles.
func (r Role) Valid() bool { return r == Guest || r == Member || r == Admin }

// Allows reports whether a holder of r may do what needs the role need.
func (r Role) Allows(need Role) bool {
	rank := map[Role]int{Guest: 1, Member: 2, Admin: 3}
	return r.Valid() && rank[r] >= rank[need]
}

// Source says who stored a mapping.
type Source string

// Sources of stored mappings. Only Manual overwrites what is stored.
const (
	Manual     Source = "manual"
	FromRule   Source = "rule"
	FromEmail  Source = "email"
	FromRemote Source = "fetch_remote_identity"
)

// Valid reports whether s is a source a mapping can have.
func (s Source) Valid() bool {
	switch s {
	case Manual, FromRule, FromEmail, FromRemote:
		return true
	}
	return false
}

// OrManual is s, or Manual where a writer named no source.
func (s Source) OrManual() Source {
	if s == "" {
		return Manual
	}
	return s
}

// User is a person or a bot with the mappings stored for them.
type User struct {
	ID        string // UUID
	Type      UserType
	Role      Role
	Key       UserKey // Name, normalised; set wherever a User is made
	Name      string  // e-mail or username in its owner's spelling
	FirstName string
	LastName  string
	CreatedAt time.Time
	Mappings  []Mapping // ordered by service key; without sym:cloud
}

// Mapping finds what is stored for a service.
func (u User) Mapping(service ServiceKey) (Mapping, bool) {
	for _, m := range u.Mappings {
		if m.Service == service {
			return m, true
		}
	}
	return Mapping{}, false
}

// Mapping is one stored answer: this user is that account of this service.
type Mapping struct {
	Service   ServiceKey
	Matcher   Matcher
	Profile   map[string]string
	Source    Source
	Rule      string // name of the reducer rule, where Source is FromRule
	Revision  int64  // grows with each change of this user and service; never 0 once stored
	CreatedAt time.Time
	UpdatedAt time.Time
	UpdatedBy string // token name or JWT subject
}

// AccountKey returns what tells the mapping's account from others of its service.
func (m Mapping) AccountKey() string { return m.Matcher.AccountKey(m.Service.Type) }

// Service is one registered target service.
type Service struct {
	ID    string // UUID
	Key   ServiceKey
	Label string
	// NoDirectory: the server said that it cannot ask this service for people.
	// False where it can, or did not say.
	NoDirectory bool
}

// Conditions make a write depend on what is stored. A write whose matcher
// equals the stored one satisfies all of them, so it may be repeated.
type Conditions struct {
	IfAbsent    bool  // only where nothing is stored
	IfRevision  int64 // only where this revision is stored; 0 asks nothing
	IfUnclaimed bool  // only where no other user of the service holds the identity
}

// LookupResult is what a target service said about one e-mail.
type LookupResult struct {
	Email      string
	Status     LookupStatus
	Matcher    Matcher   // set when Found; the inactive account's when Inactive
	Candidates []Matcher // set when Ambiguous
	Err        *Error    // set when Failed
	AsOf       time.Time // of when the answer is; zero = not told
}

// LookupStatus is the outcome of asking a target service for one e-mail.
type LookupStatus string

// Outcomes of a lookup. Failed says that the service was not asked or did not
// answer: it never means that the person has no account.
const (
	Found     LookupStatus = "found"
	NotFound  LookupStatus = "not_found"
	Ambiguous LookupStatus = "ambiguous"
	Inactive  LookupStatus = "inactive"
	Failed    LookupStatus = "failed"
)

// AccountStatus is what a target service said about one stored identity.
type AccountStatus struct {
	Identity string
	Status   AccountState
	Err      *Error    // set when AccountFailed
	AsOf     time.Time // of when the answer is; zero = not told
}

// AccountState is the outcome of asking a target service for one account.
type AccountState string

// States of accounts. AccountUnknown says that the service cannot be asked for
// accounts by identity, AccountFailed that it was not asked or did not answer:
// neither means that the account is gone.
const (
	AccountActive   AccountState = "active"
	AccountInactive AccountState = "inactive"
	AccountAbsent   AccountState = "absent"
	AccountUnknown  AccountState = "unknown"
	AccountFailed   AccountState = "failed"
)

// Principal is who a token is.
type Principal struct {
	Name string // token name or JWT subject
	Org  string
	Role Role
	Via  string // how they showed it, for logs: "token", "jwt of …" or "client certificate"; may be empty
}
