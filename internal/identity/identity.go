// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package identity is the domain: users, services, mappings, how their names
// are spelled and compared, and the error codes every layer shares. It does no
// I/O and imports only the standard library.
//
// The stored record is called a mapping (user × service → matcher). The word
// identity is kept for the plain string inside the matcher, as Sym uses it.
package identity

import (
	"strings"
	"time"
)

// UserType says whether a user is a person or a bot.
type UserType string

// The two kinds of users, as the wire spells them.
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

// Source names who stored a mapping.
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
	return s == Manual || s == FromRule || s == FromEmail || s == FromRemote
}

// OrManual returns s, or Manual if a writer named no source.
func (s Source) OrManual() Source {
	if s == "" {
		return Manual
	}
	return s
}

// Mapping describes one stored answer: this user is that account of this service.
type Mapping struct {
	Service   ServiceKey        `json:"service,omitzero"`
	Matcher   Matcher           `json:"matcher"`
	AccountID string            `json:"account_id,omitempty"` // the pin of a reusable identity: the account's immutable id; "" = none
	Profile   map[string]string `json:"profile,omitempty"`
	Source    Source            `json:"source"`
	Rule      string            `json:"rule,omitempty"` // name of the reducer rule, if Source is FromRule
	Revision  int64             `json:"revision"`       // grows with each change of this user and service; never 0 once stored
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by"` // token name or JWT subject
}

// AccountKey returns what tells the mapping's account from others of its service.
func (m Mapping) AccountKey() string { return m.Matcher.AccountKey(m.Service.Type) }

// Holds reports whether the mapping is of an account, which is given by what
// AccountKey returns for it, and by its id where that is known: its name may be
// another now.
func (m Mapping) Holds(account AccountQuery) bool {
	return m.AccountKey() == account.Identity || account.AccountID != "" && m.AccountID == account.AccountID
}

// Conditions make a write depend on what is stored. A write whose matcher
// equals the stored one satisfies all of them, so it may be repeated.
type Conditions struct {
	IfAbsent    bool  // only where nothing is stored
	IfRevision  int64 // only where this revision is stored; 0 asks nothing
	IfUnclaimed bool  // only where no other user of the service holds the identity, or an earlier name of its account
}

// Principal describes the holder of a token.
type Principal struct {
	Name string // token name or JWT subject
	Org  string
	Role Role
	Via  string // how it authenticated, for logs: "token", "jwt of …" or "client certificate"; may be empty
	// Kind tells principals of equal names apart: "token", "jwt:ISSUER" or "cert".
	// It is empty for the program itself.
	Kind string
}

// ID returns the name that nobody else has, for logs and the history:
// "token:ci", "jwt:https://issuer.example.com#repo:acme/infra", "cert:runner".
func (p Principal) ID() string {
	switch {
	case p.Kind == "":
		return p.Name
	case strings.HasPrefix(p.Kind, "jwt:"):
		return p.Kind + "#" + p.Name
	}
	return p.Kind + ":" + p.Name
}

// Session is who sends requests, and to which store.
type Session struct {
	Principal
	StoreID string // "" where the API gives none
}

// Write asks for one mapping to be stored.
type Write struct {
	UserID  string  // known id of the user; "" if only the name is known
	User    UserKey // who it is for; an unknown person is created, an unknown bot is an error
	Name    string  // the user's own spelling of the name; "" = as User
	Service ServiceKey
	Matcher Matcher
	// AccountID is stored beside an identity that is a reusable name; "" = none.
	AccountID string
	Source    Source // "" = Manual
	Rule      string
	Conditions
}

// Delete asks for one mapping to be removed if Matcher is still stored.
type Delete struct {
	User       UserKey
	Service    ServiceKey
	Matcher    Matcher
	IfRevision int64 // 0 asks nothing
}

// Change describes one entry of the history: what one call did to one mapping.
type Change struct {
	ID        int64     `json:"id"` // grows with each change of one user and service; the new revision, unless it was a deletion
	At        time.Time `json:"at"`
	By        string    `json:"by"`                   // token name or JWT subject
	RequestID string    `json:"request_id,omitempty"` // "" if the caller sent none
	Address   string    `json:"address,omitempty"`    // that the call came from, without a port; "" if not known

	UserID  string     `json:"user_id"` // UUID; the user may be gone
	User    UserKey    `json:"user"`    // as the user was called at the time
	Service ServiceKey `json:"service"`

	Before *Mapping `json:"before,omitempty"` // nil: nothing was stored
	After  *Mapping `json:"after,omitempty"`  // nil: it was deleted
}
