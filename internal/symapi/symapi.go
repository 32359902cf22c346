// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package symapi holds the wire types of the identity API (/api/v1), the
// translation between them and the domain, and the table of error codes and
// HTTP statuses. Client and server share it, so they cannot drift apart.
//
// The contract is the one Sym's public symflow command speaks; fields and
// calls beyond it are additive.
package symapi

import "time"

// Limits of one request.
const (
	MaxBatch     = 2500     // elements of one list in a request that reads, and in a write of our client
	MaxWrites    = 20_000   // elements of one list in a request that writes: symflow sends all that a person changed at once
	MaxPage      = 2500     // users of one page
	MaxAccounts  = 10_000   // accounts of one page
	HistoryPage  = 100      // changes of one page when the request does not say
	MaxBodyBytes = 16 << 20 // a request's body
)

// RequestIDHeader carries the request's id both ways.
const RequestIDHeader = "X-Sym-Request-ID"

// BasePath is where the API is mounted.
const BasePath = "/api/v1"

// User is a person or a bot.
type User struct {
	ID         string     `json:"id" doc:"UUID of the user"`
	Type       string     `json:"type" enum:"normal,bot" doc:"normal for people, bot for bots"`
	Role       string     `json:"role" enum:"admin,member,guest" doc:"What the user may do in Sym"`
	CreatedAt  Time       `json:"created_at" format:"date-time" doc:"When the user was created"`
	Revision   int64      `json:"revision,omitempty" doc:"Grows with each change of the user's own name, role and profile; identities leave it alone"`
	UpdatedAt  *time.Time `json:"updated_at,omitempty" doc:"When revision was given"`
	UpdatedBy  string     `json:"updated_by,omitempty" doc:"Token name or JWT subject that got it"`
	Identities []Identity `json:"identities" doc:"Stored identities; sym:cloud, the user's own record, stands first"`
}

// Time is a time that other servers write without a zone, which means UTC, or with
// a blank before the hour. A form that is none of these is the zero time, because
// nothing depends on it.
type Time struct{ time.Time }

// UnmarshalJSON reads a time in any form. It never fails.
func (t *Time) UnmarshalJSON(data []byte) error {
	if t.Time.UnmarshalJSON(data) == nil {
		return nil
	}
	t.Time = time.Time{}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", time.DateTime, time.RFC1123} {
		if at, err := time.Parse(`"`+layout+`"`, string(data)); err == nil {
			t.Time = at
		}
	}
	return nil
}

// ServiceRef names a service inside an identity.
type ServiceRef struct {
	Slug       string `json:"slug" doc:"Service type"`
	ExternalID string `json:"external_id" doc:"Which workspace, domain or account of that type"`
}

// Identity is one stored identity of a user.
type Identity struct {
	Service   ServiceRef        `json:"service"`
	Matcher   map[string]string `json:"matcher" doc:"The stored value, nearly always one key that depends on the service type"`
	AccountID string            `json:"account_id,omitempty" doc:"The account's immutable id, kept beside an identity that is a name which another account may get"`
	Profile   map[string]string `json:"profile" doc:"Further facts; first_name and last_name on sym:cloud"`
	Source    string            `json:"source,omitempty" doc:"Who stored it: manual, rule, email or fetch_remote_identity"`
	Rule      string            `json:"rule,omitempty" doc:"Name of the reducer rule that gave it"`
	Revision  int64             `json:"revision,omitempty" doc:"Grows with each change of this user and service"`
	UpdatedAt *time.Time        `json:"updated_at,omitempty" doc:"When it was stored last"`
	UpdatedBy string            `json:"updated_by,omitempty" doc:"Token name or JWT subject that stored it"`
}

// UserList is one page of users, or all of them.
type UserList struct {
	Users      []User `json:"users"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Send it as cursor to get the next page; absent on the last"`
}

// UserUpserts is the body of PATCH users.
type UserUpserts struct {
	Users []UserUpsert `json:"users" doc:"Users to create or change; at most 20000"`
}

// UserUpsert creates or changes one user. Identities not sent are left alone.
type UserUpsert struct {
	ID         string           `json:"id,omitempty" nullable:"true" doc:"A known id is that user; an unknown one is ignored and the user is found or created by its sym:cloud identity"`
	Type       string           `json:"type,omitempty" nullable:"true" doc:"normal or bot"`
	Identities []IdentityUpsert `json:"identities,omitempty"`
}

// IdentityUpsert stores one identity of a user.
type IdentityUpsert struct {
	ServiceType string            `json:"service_type"`
	ExternalID  string            `json:"external_id"`
	Matcher     map[string]string `json:"matcher"`
	AccountID   string            `json:"account_id,omitempty" doc:"The account's immutable id, if the identity is a name which another account may get; absent leaves that of an equal identity alone"`
	Profile     map[string]string `json:"profile,omitempty" nullable:"true"`
	Source      string            `json:"source,omitempty" doc:"manual, rule, email or fetch_remote_identity; a source other than manual never overwrites. On sym:cloud, manual with if_revision asserts the user: it gets a new revision, also where nothing changes"`
	Rule        string            `json:"rule,omitempty"`
	IfAbsent    bool              `json:"if_absent,omitempty" doc:"Write only where nothing is stored"`
	IfRevision  int64             `json:"if_revision,omitempty" minimum:"1" doc:"Write only where this revision is stored"`
	IfUnclaimed bool              `json:"if_unclaimed,omitempty" doc:"Write only where no other user of the service holds the identity, or the account under another name"`
}

// IdentityDeletes is the body of POST users/identities/delete.
type IdentityDeletes struct {
	Identities []IdentityDelete `json:"identities" doc:"At most 20000"`
}

// IdentityDelete removes an identity that still has this matcher.
type IdentityDelete struct {
	UserID      string            `json:"user_id"`
	ServiceType string            `json:"service_type"`
	ExternalID  string            `json:"external_id"`
	Matcher     map[string]string `json:"matcher" doc:"Must equal the stored one"`
	IfRevision  int64             `json:"if_revision,omitempty" minimum:"1" doc:"Delete only where this revision is stored"`
}

// UserDeletes is the body of POST users/delete.
type UserDeletes struct {
	Users []UserDelete `json:"users" doc:"At most 20000"`
}

// UserDelete removes a user with all identities.
type UserDelete struct {
	ID         string        `json:"id,omitempty" nullable:"true" doc:"UUID of the user; without it the sym identity names the user"`
	Identity   *UserIdentity `json:"identity,omitempty" doc:"The user's sym identity; must equal the stored one"`
	IfRevision int64         `json:"if_revision,omitempty" minimum:"1" doc:"Delete only where the user has this revision"`
	IfUnmapped bool          `json:"if_unmapped,omitempty" doc:"Delete only where the user has no identities that would go along"`
}

// UserIdentity is the sym identity sent along with a deletion.
type UserIdentity struct {
	ServiceType string            `json:"service_type"`
	Matcher     map[string]string `json:"matcher"`
}

// RoleChange is the body of POST users/{id}/set-role.
type RoleChange struct {
	Role string `json:"role" doc:"admin, member or guest"`
}

// UserSearch is the body of POST users/search.
type UserSearch struct {
	Emails    []string `json:"emails,omitempty" doc:"At most 2500"`
	Usernames []string `json:"usernames,omitempty" doc:"At most 2500"`
}

// Service is one registered service.
type Service struct {
	ID         string     `json:"id"`
	Slug       string     `json:"slug" doc:"Service type"`
	ExternalID string     `json:"external_id"`
	Label      string     `json:"label"`
	Revision   int64      `json:"revision,omitempty" doc:"Grows with each change of the label; sym:cloud has none"`
	UpdatedAt  *time.Time `json:"updated_at,omitempty" doc:"When revision was given"`
	UpdatedBy  string     `json:"updated_by,omitempty" doc:"Token name or JWT subject that got it"`
	Directory  *bool      `json:"directory,omitempty" doc:"Whether identities/lookup can ask this service"`
	Configured *bool      `json:"configured,omitempty" doc:"Whether the server's configuration file owns this service: its label cannot be changed and it cannot be deleted here"`
}

// ServiceList is the reply of GET services.
type ServiceList struct {
	Services []Service `json:"services"`
}

// ServiceWrite is the body of POST services, PATCH services and
// POST services/delete.
type ServiceWrite struct {
	ServiceType string `json:"service_type"`
	ExternalID  string `json:"external_id"`
	// Label is nil where it is null or not sent: an update then leaves it alone.
	Label      *string `json:"label,omitempty" nullable:"true" doc:"For people to read"`
	Source     string  `json:"source,omitempty" doc:"Of PATCH services: manual with if_revision asserts the service, which gets a new revision, also where nothing changes"`
	IfRevision int64   `json:"if_revision,omitempty" minimum:"1" doc:"Update or delete only where the service has this revision"`
}

// ServiceReferences is the reply of GET service/{id}/references. Error is the
// string "false": Sym's clients expect it so.
type ServiceReferences struct {
	Error      string     `json:"error" enum:"false"`
	References References `json:"references"`
}

// References lists what refers to a service, by id.
type References struct {
	Identities   []string `json:"identities"`
	Integrations []string `json:"integrations"`
}

// TokenList is the reply of GET tokens.
type TokenList struct {
	Tokens []struct{} `json:"tokens" doc:"Always empty: tokens are made with sym-identityd"`
}

// Login tells who a token is. symflow reads the first two.
type Login struct {
	Organization string `json:"organization" doc:"The same as org"`
	Username     string `json:"username" doc:"The same as name"`

	Org   string `json:"org"`
	Role  string `json:"role" enum:"admin,member,guest"`
	Name  string `json:"name" doc:"Token name or JWT subject"`
	Email string `json:"email,omitempty" doc:"The e-mail asked for, echoed"`

	StoreID string `json:"store_id,omitempty" doc:"The id of the store, a UUID. It moves with an export, and tells two stores of one organization apart"`
}

// LookupRequest is the body of POST identities/lookup.
type LookupRequest struct {
	ServiceType string   `json:"service_type"`
	ExternalID  string   `json:"external_id"`
	Emails      []string `json:"emails" doc:"At most 2500"`
	WholeList   bool     `json:"whole_list,omitempty" doc:"Answer from the whole list of accounts, where the service shows one, so that results can be unique"`
	List        string   `json:"list,omitempty" doc:"Answer from the list that GET accounts named so, however old; Directory:LIST_CHANGED if the service shows another one now"`
}

// LookupReply holds one result per e-mail asked, in order.
type LookupReply struct {
	Results []LookupResult `json:"results"`
}

// LookupResult is what the service says of one e-mail.
type LookupResult struct {
	Email      string              `json:"email"`
	Status     string              `json:"status" enum:"found,not_found,ambiguous,inactive,alias,unverified,failed"`
	Matcher    map[string]string   `json:"matcher,omitempty" doc:"The account, when found or inactive"`
	AccountID  string              `json:"account_id,omitempty" doc:"The account's immutable id, where the service has one beside the identity"`
	Evidence   string              `json:"evidence,omitempty" enum:"verified_email,email,alias,fetch_remote_identity" doc:"Why the account is believed to be the person's, when found"`
	Unique     bool                `json:"unique,omitempty" doc:"With whole_list, when found: the e-mail is the only address of the account's own, so nobody else gets the account by e-mail"`
	Reason     string              `json:"reason,omitempty" enum:"other_domain" doc:"Why nobody was asked, when not_found: the directory is for other domains"`
	Candidates []map[string]string `json:"candidates,omitempty" doc:"The accounts, when ambiguous, alias or unverified"`
	Accounts   []CandidateAccount  `json:"accounts,omitempty" doc:"What is known of the candidates, in the same order"`
	Error      *Error              `json:"error,omitempty" doc:"Why it could not be asked, when failed"`
	AsOf       *time.Time          `json:"as_of,omitempty" doc:"Of when the answer is: the server keeps lists of accounts for a while. Absent where it does not tell"`
}

// CandidateAccount is an account that may be somebody's.
type CandidateAccount struct {
	Matcher   map[string]string `json:"matcher"`
	AccountID string            `json:"account_id,omitempty" doc:"The account's immutable id"`
	State     string            `json:"state,omitempty" doc:"active, inactive, invited or pending; absent where it is unknown"`
	Name      string            `json:"name,omitempty" doc:"The full name, for people to read"`
}

// StatusRequest is the body of POST identities/status.
type StatusRequest struct {
	ServiceType string   `json:"service_type"`
	ExternalID  string   `json:"external_id"`
	Identities  []string `json:"identities" doc:"Accounts as mappings store them; at most 2500"`
	AccountIDs  []string `json:"account_ids,omitempty" doc:"The account ids that mappings keep beside the identities, in the same order; empty where there is none. With one, the answer tells an account that was renamed from a name that another account has now"`
	List        string   `json:"list,omitempty" doc:"As in identities/lookup"`
}

// StatusReply holds one result per identity asked, in order.
type StatusReply struct {
	Results []StatusResult `json:"results"`
}

// StatusResult is what the service says of one account.
type StatusResult struct {
	Identity    string     `json:"identity"`
	Status      string     `json:"status" enum:"active,inactive,absent,renamed,reused,unknown,failed" doc:"absent: the service has no such account; renamed: the account that was asked for has another identity; reused: another account has the identity; unknown: it cannot be asked for accounts by identity; failed: it did not answer, which says nothing of the account"`
	AccountID   string     `json:"account_id,omitempty" doc:"The immutable id of the account that has the identity now; of the account that was asked for, when renamed"`
	NewIdentity string     `json:"new_identity,omitempty" doc:"What the account is called now, when renamed"`
	AsOf        *time.Time `json:"as_of,omitempty" doc:"Of when the answer is; absent when unknown or failed"`
	Error       *Error     `json:"error,omitempty" doc:"Why it could not be asked, when failed"`
}

// IdentitySearch is the body of POST identities/search.
type IdentitySearch struct {
	ServiceType string   `json:"service_type"`
	ExternalID  string   `json:"external_id"`
	Identities  []string `json:"identities" doc:"At most 2500"`
	AccountIDs  []string `json:"account_ids,omitempty" doc:"The accounts' ids, in the same order; empty where none is known. With one, whoever holds the account under another name is named too"`
}

// IdentityHolders is the reply of POST identities/search.
type IdentityHolders struct {
	Results []IdentityHolder `json:"results" doc:"One per identity asked, in order"`
}

// IdentityHolder lists who holds one identity.
type IdentityHolder struct {
	Identity string `json:"identity"`
	Users    []User `json:"users"`
}

// AccountList is one page of the accounts of a service, or all of them.
type AccountList struct {
	Accounts   []Account `json:"accounts" doc:"Ordered by identity"`
	AsOf       time.Time `json:"as_of" doc:"When the service was asked: the server keeps lists of accounts for a while"`
	Total      int       `json:"total" doc:"Accounts of the whole list"`
	List       string    `json:"list" doc:"Names this list: later requests that send it are answered from it, so that all of a long run is about one list"`
	NextCursor string    `json:"next_cursor,omitempty" doc:"Send it as cursor to get the next page; absent on the last"`
}

// Account is one account of a service.
type Account struct {
	AccountID  string            `json:"account_id,omitempty" doc:"The account's immutable id; absent where the service has none"`
	Matcher    map[string]string `json:"matcher,omitempty" doc:"As a mapping to the account would be stored; absent where the service shows no identity"`
	SignIn     string            `json:"sign_in,omitempty" doc:"The sign-in name, an address or not"`
	Emails     []AccountEmail    `json:"emails"`
	Name       string            `json:"name,omitempty" doc:"The full name, for people to read"`
	State      string            `json:"state" enum:"active,invited,pending,inactive,unknown" doc:"invited by an administrator; pending: registered by the person and approved by nobody; unknown: the service does not say"`
	Kind       string            `json:"kind" enum:"person,guest,bot,shared" doc:"person also where the service does not say"`
	HeldBy     []string          `json:"held_by" doc:"Users whose stored identity is this account, by e-mail or username"`
	Unreadable string            `json:"unreadable,omitempty" doc:"Why the record cannot be read; whose account it is cannot be known then"`
}

// AccountEmail is one address of an account.
type AccountEmail struct {
	Address  string `json:"address" doc:"Normalised"`
	Kind     string `json:"kind" enum:"primary,alias" doc:"primary: the account's own"`
	Verified *bool  `json:"verified,omitempty" doc:"Whether the service made sure of the address; absent where it does not say"`
}

// HistoryReply is one page of the history.
type HistoryReply struct {
	Changes    []Change `json:"changes" doc:"The latest first"`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Send it as cursor to get the next page; absent on the last"`
}

// Change is what one call made of one identity.
type Change struct {
	ID        int64      `json:"id" doc:"Grows with each change of this user and service"`
	At        time.Time  `json:"at" doc:"When it was made"`
	By        string     `json:"by" doc:"Token name or JWT subject that made it"`
	RequestID string     `json:"request_id,omitempty" doc:"X-Sym-Request-ID of the call"`
	Address   string     `json:"address,omitempty" doc:"Network address of the client that made the call; of the proxy where there is one"`
	UserID    string     `json:"user_id" doc:"UUID of the user, who may be gone"`
	User      string     `json:"user" doc:"E-mail or username, as it was at the time"`
	Service   ServiceRef `json:"service"`
	Before    *Identity  `json:"before,omitempty" doc:"What was stored; absent where nothing was"`
	After     *Identity  `json:"after,omitempty" doc:"What is stored since; absent where it was deleted"`
}

// BulkReply answers a bulk call. The counts are elements of the request's
// outer list: all or none of them.
type BulkReply struct {
	Status    string       `json:"status" enum:"success,error"`
	Errors    []string     `json:"errors"`
	Succeeded int          `json:"succeeded"`
	Failed    int          `json:"failed"`
	Results   []BulkResult `json:"results"`

	DeletedIdentities int `json:"deleted_identities,omitempty" doc:"Of users/delete: how many identities went with the users"`

	// The error body's fields stand beside them when the call failed.
	Error      bool   `json:"error,omitempty"`
	Message    string `json:"message,omitempty"`
	Code       string `json:"code,omitempty"`
	StatusCode int    `json:"status_code,omitempty"`
	Retryable  *bool  `json:"is_retryable,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
}

// BulkResult is one element that was done, or one failure.
type BulkResult struct {
	Index       int       `json:"index" doc:"Place in the request's list"`
	UserID      string    `json:"user_id,omitempty"`
	User        string    `json:"user,omitempty" doc:"E-mail or username"`
	ServiceType string    `json:"service_type,omitempty"`
	ExternalID  string    `json:"external_id,omitempty"`
	Deleted     *bool     `json:"deleted,omitempty" doc:"Whether there was anything to delete"`
	Identities  int       `json:"deleted_identities,omitempty" doc:"How many identities went with the user"`
	Record      *User     `json:"record,omitempty" doc:"The user as stored after the write"`
	Code        string    `json:"code,omitempty" doc:"Why this element could not be done"`
	Message     string    `json:"message,omitempty"`
	Stored      *Identity `json:"stored,omitempty" doc:"On a conflict: what is stored"`
	Holder      string    `json:"holder,omitempty" doc:"On a claim: who holds the identity"`
}

// Error is the body of every reply that is not a success.
type Error struct {
	IsError    bool   `json:"error"`
	Message    string `json:"message"`
	Code       string `json:"code" doc:"Type:NAME"`
	StatusCode int    `json:"status_code"`
	Retryable  bool   `json:"is_retryable" doc:"Whether the same request may succeed later"`
	RequestID  string `json:"request_id,omitempty"`
}
