// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package store declares what keeps users, services and mappings, and the
// contract every store keeps. The conformance tests of sqlstore prove it.
//
// Contract. One call is one serializable transaction: when any element of a
// list fails nothing is written, every element is checked, and the error is a
// *identity.BatchError naming each failure. What a call acknowledged survives a crash.
// Errors about values are *identity.Error; a store that cannot answer returns
// one with identity.CodeUnavailable, and Retryable set where the same call may
// succeed later (not with a damaged or read-only database).
//
// An element with several faults has several failures of the same Index.
// Elements are applied in order, so that a later one sees what an earlier one
// did; only IfUnclaimed is held against the outcome of the whole batch, so that
// users may swap accounts, and of two elements that take one account the later
// is the failure. A failure is one even after the other failures are left out.
//
// Every change of a mapping is recorded in the history by the transaction that
// makes it: one entry for each mapping that differs afterwards, or was asserted.
// Entries stay when the user or the service is deleted.
//
// Revisions are never given out twice in one store, whatever is deleted,
// recreated or renamed in between.
package store

import (
	"context"
	"iter"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Actor names who changes the store. It is kept with the change.
//
// A request that comes again, with the same Name and the same RequestID, is not
// carried out again: its assertions are not repeated, and a write with IfAbsent
// is a conflict if the mapping that it stored was removed since. An empty
// RequestID recognises nothing.
type Actor struct {
	Name      string // token name or JWT subject
	RequestID string // "" = not said
	Address   string // of the network, without a port; "" = not said
}

// UserFilter selects users; empty fields select all.
type UserFilter struct {
	Key    identity.UserKey
	ID     string
	Type   identity.UserType
	Limit  int    // 0 = all
	Cursor string // from the page before; "" = the first page
}

// ServiceFilter selects services; empty fields select all.
type ServiceFilter struct {
	Type       string
	ExternalID string
}

// HistoryFilter selects changes; empty fields select all.
type HistoryFilter struct {
	User    identity.UserKey // by a present or former name
	Service identity.ServiceKey
	Limit   int    // 0 = all
	Cursor  string // from the page before; "" = the latest
}

// UserWrite creates or changes one user and some of its mappings. A known ID
// selects the user, and a Key that differs renames it. An unknown ID is ignored:
// the user is found or created by Key. An unknown bot is created only if Type is
// identity.Bot. A user's type never changes. Name is used only if a user is
// created or renamed.
type UserWrite struct {
	ID        string
	Type      identity.UserType // "" = as Key says
	Key       identity.UserKey  // "" = not sent
	Name      string            // own spelling of Key
	FirstName *string           // nil = leave alone
	LastName  *string
	// IfRevision makes the write depend on the user's revision. A write that
	// changes nothing of the user satisfies it. 0 = no condition.
	IfRevision int64
	// Assert gives the user a new revision also where nothing changes, so that a
	// caller that knows only the old one no longer owns the user.
	Assert   bool
	Mappings []MappingWrite // those not listed are left alone
}

// MappingWrite stores one mapping of a user.
//
// A value equal to the stored one satisfies every condition. Without Source it
// changes nothing; with one it is an assertion: an equal value whose source is
// Manual stores source manual and a new revision, while an automatic source
// never touches what is stored (it is always IfAbsent, and an equal value is a
// success without a change). An assertion stores the writer's spelling of an
// identity that compares without case. A Profile that differs is stored with a
// new revision, except by automatic sources.
type MappingWrite struct {
	Service identity.ServiceKey
	Matcher identity.Matcher
	// AccountID is kept where identity.PinOf keeps it. "" leaves that of an equal
	// value alone; another value loses it.
	AccountID string
	Profile   map[string]string // nil = leave alone
	Source    identity.Source   // "" = not said
	Rule      string
	identity.Conditions
}

// Pin gives a stored mapping the id of its account.
type Pin struct {
	UserID    string
	Service   identity.ServiceKey
	Matcher   identity.Matcher // as it was read
	Revision  int64            // as it was read
	AccountID string
}

// MappingDelete removes a mapping that still has this matcher (and revision,
// where IfRevision is not 0). Another value or revision is a conflict; nothing
// stored is a success.
type MappingDelete struct {
	UserID     string
	Service    identity.ServiceKey
	Matcher    identity.Matcher
	IfRevision int64
	Invalid    *identity.Error // as in UserDelete
}

// UserDelete removes a user and its mappings. Key is compared with the stored
// one: another is a conflict. Empty, it is not compared. Without ID, Key names the
// user, and a bot that is not stored is an error.
type UserDelete struct {
	ID         string
	Key        identity.UserKey
	IfRevision int64 // another revision is a conflict; 0 = any
	IfUnmapped bool  // a mapping is a conflict
	// Invalid is what the caller found wrong with this element; nil = nothing. It
	// fails, after all others were checked.
	Invalid *identity.Error
}

// ServiceUpdate changes a registered service.
type ServiceUpdate struct {
	Key   identity.ServiceKey
	Label *string // nil = leave alone
	// IfRevision makes the update depend on the service's revision. An update that
	// changes nothing satisfies it. 0 = no condition.
	IfRevision int64
	Assert     bool // a new revision also where nothing changes
}

// DeletedUser tells what a UserDelete found.
type DeletedUser struct {
	ID       string // "" = nobody was named by Key
	Existed  bool
	Mappings int // how many went with the user
}

// Store keeps users, services and mappings.
type Store interface {
	// Users lists users ordered by key, or by id where there is a limit or a cursor, so
	// that a user who is renamed between pages is still in one. next is "" on the last page.
	Users(ctx context.Context, filter UserFilter) (users []identity.User, next string, err error)
	// UserPages lists all users that a filter selects, ordered as Users does and as they
	// are at one moment, a page at a time: for more of them than fit into memory.
	// Limit is not regarded. An error is the last element. A connection is taken
	// until the loop ends.
	UserPages(ctx context.Context, filter UserFilter) iter.Seq2[[]identity.User, error]
	// FindUsers returns the users among keys that exist, in no set order.
	FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error)
	// UpsertUsers applies writes and returns the users as they are then, one
	// per write in order.
	UpsertUsers(ctx context.Context, actor Actor, writes []UserWrite) ([]identity.User, error)
	// DeleteMappings reports per element whether anything was there to delete.
	DeleteMappings(ctx context.Context, actor Actor, deletes []MappingDelete) (deleted []bool, err error)
	// DeleteUsers reports per element whether the user was there.
	DeleteUsers(ctx context.Context, actor Actor, deletes []UserDelete) (deleted []DeletedUser, err error)
	// PinAccounts stores the account ids of mappings that have none. It is no
	// change of the mapping: neither its revision nor the history grows. A mapping
	// that is not as it was read any more, or has an id, is left alone.
	PinAccounts(ctx context.Context, pins []Pin) error
	// SetRole changes a user's role.
	SetRole(ctx context.Context, actor Actor, userID string, role identity.Role) (identity.User, error)

	// Services lists services ordered by key; sym:cloud is always among all.
	Services(ctx context.Context, filter ServiceFilter) ([]identity.Service, error)
	// CreateService registers a service. An equal one is returned as it is; one
	// with another label is a conflict.
	CreateService(ctx context.Context, actor Actor, key identity.ServiceKey, label string) (identity.Service, error)
	// UpdateService changes the label of a registered service, or asserts it.
	UpdateService(ctx context.Context, actor Actor, update ServiceUpdate) (identity.Service, error)
	// DeleteService removes a service that no mapping refers to, and reports
	// whether it was there. Another revision than ifRevision is a conflict, which is
	// found before the mappings are; 0 = any.
	DeleteService(ctx context.Context, actor Actor, key identity.ServiceKey, ifRevision int64) (deleted bool, err error)
	// References lists the ids of the mappings that refer to a service, sorted; an
	// unknown service is an error. An error is the last element. A connection is
	// taken until the loop ends.
	References(ctx context.Context, serviceID string) iter.Seq2[string, error]
	// Holders finds the users who hold accounts of a service, under their names or
	// by their ids, in no set order. Identities are as identity.Matcher.AccountKey
	// and identity.FoldIdentity return them; one account may have several holders.
	// An unregistered service has none.
	Holders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.User, error)

	// Held yields every mapping of a service and its user, in no set order, as they
	// are at one moment. The mapping has its service, matcher, account id and
	// source alone. An unregistered service has none. An error is the last element.
	// A connection is taken until the loop ends.
	Held(ctx context.Context, service identity.ServiceKey) iter.Seq2[identity.Holder, error]

	// History lists changes of mappings, the latest first. next is "" on the last
	// page.
	History(ctx context.Context, filter HistoryFilter) (changes []identity.Change, next string, err error)
	// PruneHistory removes entries made before a time, the oldest first and at
	// most most of them, and reports how many.
	PruneHistory(ctx context.Context, before time.Time, most int) (removed int, err error)

	// ID returns the UUID that was made with the store. Restored backups keep it,
	// and Import into an empty store takes that of the export.
	ID(ctx context.Context) (string, error)
	// Ping reports whether the store can answer.
	Ping(ctx context.Context) error
	Close() error
}
