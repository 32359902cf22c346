// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package readcache lets the many single reads of one run share requests.
// Terraform asks for one resource at a time, a few at once, and knows nothing
// of the others; N resources must not cost N requests.
//
// Questions that come at about the same time go into one request. After a few
// dozen of them everybody is read once, page by page, and the rest is answered
// from that snapshot. Writes go straight through; the API is asked again about the
// users concerned, so that a read shows all earlier writes of this process.
// What others write in the meantime shows at the latest after five minutes.
//
// A Reader belongs to one configured provider. Nothing it holds is stored, or
// survives it.
package readcache

import (
	"context"
	"iter"
	"sync"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// API is the identity API as *client.Client offers it, with its limits of
// concurrency and rate.
type API interface {
	Login(ctx context.Context) (identity.Session, error)
	RequireExtensions(ctx context.Context) error
	FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error)
	UserByID(ctx context.Context, id string) (*identity.User, error)
	AllUsers(ctx context.Context) iter.Seq2[identity.User, error]
	Holders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.Holder, error)
	Lookup(ctx context.Context, service identity.ServiceKey, emails []string, list string) ([]identity.LookupResult, error)
	LookupInList(ctx context.Context, service identity.ServiceKey, emails []string, list string) ([]identity.LookupResult, error)
	Status(ctx context.Context, service identity.ServiceKey, queries []identity.AccountQuery, list string) ([]identity.AccountStatus, error)
	Accounts(ctx context.Context, service identity.ServiceKey, name string) (identity.AccountList, error)
	Services(ctx context.Context) ([]identity.Service, error)
	References(ctx context.Context, serviceID string) ([]string, error)

	Write(ctx context.Context, writes []identity.Write) ([]identity.User, error)
	Delete(ctx context.Context, deletes []identity.Delete) ([]bool, error)
	UpsertUser(ctx context.Context, w client.UserWrite) (identity.User, error)
	SetRole(ctx context.Context, userID string, role identity.Role) (identity.User, error)
	DeleteUsers(ctx context.Context, users []identity.User) ([]bool, error)
	CreateService(ctx context.Context, key identity.ServiceKey, label string) (identity.Service, error)
	UpdateService(ctx context.Context, key identity.ServiceKey, label string, ifRevision int64) (identity.Service, error)
	DeleteService(ctx context.Context, key identity.ServiceKey, ifRevision int64) (bool, error)
}

var _ API = (*client.Client)(nil)

// single bounds the keys of a call that counts as single reads: larger calls do not
// bring a run to reading everybody.
const single = 100

// maxRecords bounds the users and mappings in a snapshot: some 64 MB.
const maxRecords = 100_000

// Reader is an API whose reads share requests. It is safe for concurrent use. Users,
// services and answers that it returns are shared: their mappings, matchers and other
// maps must not be changed.
//
// Errors are those of the API. A request that failed fails for everybody who
// waits for it, and is asked again for whoever comes next.
type Reader struct {
	API
	cache      *cache
	policy     listPolicy
	maxRecords int

	finds    *batcher[identity.UserKey, *identity.User]
	lists    httpx.Flight[struct{}]
	services *answers[string, []identity.Service]
	lookups  *answers[string, identity.LookupResult]
	listed   *answers[string, identity.LookupResult] // lookups in whole lists
	statuses *answers[identity.AccountQuery, identity.AccountStatus]
	holders  *answers[identity.AccountQuery, []identity.Holder]

	mu        sync.Mutex
	listNames map[identity.ServiceKey]string // of the lists that this run has read
}

// New makes a Reader that holds nothing yet.
func New(api API) *Reader {
	r := &Reader{
		API: api, cache: newCache(), maxRecords: maxRecords,
		services:  newAnswers("lists", maxAge, askServices(api), func([]identity.Service) bool { return true }),
		listNames: map[identity.ServiceKey]string{},
	}
	r.lookups = newAnswers("e-mails", forever, inList(r, api.Lookup), finalLookup)
	r.listed = newAnswers("e-mails", forever, inList(r, api.LookupInList), finalLookup)
	r.statuses = newAnswers("identities", forever, inList(r, api.Status), finalStatus)
	r.holders = newAnswers("identities", 0, r.askHolders, func([]identity.Holder) bool { return false })
	r.holders.clock = r.cache.now
	r.finds = newBatcher(r.askUsers, r.cache.now)
	return r
}
