// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Write stores mappings and returns, in order of writes, the users as they are
// stored then.
//
// Up to symapi.MaxBatch writes are one transaction; more are sent as several,
// in order. A transaction that named its failures does not stop those after
// it; any other failure does. So beside an error the users of what was written
// are returned too, and a user without Name stands for a write that was not
// done. The error's chain then holds an *identity.BatchError whose indexes are
// those of writes, unless the call failed as a whole.
//
// An acknowledged write is never an error: where the server does not return
// the mapping, the user holds what was written.
func (c *Client) Write(ctx context.Context, writes []identity.Write) ([]identity.User, error) {
	if len(writes) == 0 {
		return nil, nil
	}
	users := make([]identity.User, len(writes))
	if c.cfg.ReadOnly {
		_, err := c.do(ctx, call{method: http.MethodPatch, path: []string{"users"}, write: true})
		return users, err
	}
	if err := c.RequireExtensions(ctx); err != nil {
		return users, err
	}
	err := c.transactions(ctx, len(writes), transaction{
		request: func(from, to int) call {
			repeat := true
			elements := make([]symapi.UserUpsert, to-from)
			for i, w := range writes[from:to] {
				repeat = repeat && conditional(w)
				elements[i] = upsertElement(w)
			}
			return call{method: http.MethodPatch, path: []string{"users"}, write: true, repeat: repeat, body: symapi.UserUpserts{Users: elements}}
		},
		about: func(i int) (int, identity.UserKey, identity.ServiceKey) { return i, writes[i].User, writes[i].Service },
		done: func(i int, r symapi.BulkResult) {
			user, err := recordOf(r)
			if _, shown := user.Mapping(writes[i].Service); err != nil || !shown {
				user = written(writes[i])
			}
			users[i] = user
		},
	})
	return users, err
}

// upsertElement returns the element of PATCH users that stores w.
func upsertElement(w identity.Write) symapi.UserUpsert {
	own := symapi.IdentityUpsert{
		ServiceType: w.Service.Type, ExternalID: w.Service.ExternalID, Matcher: w.Matcher, AccountID: w.AccountID,
		Source: string(w.Source.OrManual()), Rule: w.Rule,
		IfAbsent: w.IfAbsent, IfRevision: w.IfRevision, IfUnclaimed: w.IfUnclaimed,
	}
	if w.UserID != "" {
		return symapi.UserUpsert{ID: w.UserID, Identities: []symapi.IdentityUpsert{own}}
	}
	// Without a type: one would create an unknown bot.
	return symapi.UserUpsert{Identities: []symapi.IdentityUpsert{ownRecord(w.User.Type(), cmp.Or(w.Name, string(w.User))), own}}
}

// conditional reports whether the server refuses w when another value has been
// stored meanwhile, so that sending it twice cannot undo another's change.
func conditional(w identity.Write) bool {
	return w.IfAbsent || w.IfRevision != 0 || w.Source.OrManual() != identity.Manual
}

// ownRecord returns a user's sym identity, by which the API finds or creates a
// user without id.
func ownRecord(t identity.UserType, name string) symapi.IdentityUpsert {
	key := "email"
	if t == identity.Bot {
		key = "username"
	}
	return symapi.IdentityUpsert{
		ServiceType: identity.SymCloud().Type, ExternalID: identity.SymCloud().ExternalID,
		Matcher: map[string]string{key: name},
	}
}

func recordOf(r symapi.BulkResult) (identity.User, error) {
	if r.Record == nil {
		return identity.User{}, errors.New("the result has no record")
	}
	return symapi.DecodeUser(*r.Record)
}

// written returns the user of a write that was acknowledged without a readable
// record.
func written(w identity.Write) identity.User {
	return identity.User{ID: w.UserID, Key: w.User, Type: w.User.Type(), Name: cmp.Or(w.Name, string(w.User)),
		Mappings: []identity.Mapping{{Service: w.Service, Matcher: w.Matcher, Source: w.Source.OrManual(), Rule: w.Rule}}}
}

// bulk sends one transaction and returns one result per element. Where the
// server named failures the error's chain holds an *identity.BatchError.
func (c *Client) bulk(ctx context.Context, request call) ([]symapi.BulkResult, error) {
	r, err := c.do(ctx, request)
	if err != nil {
		return nil, err
	}
	results, err := symapi.ParseBulk(r.status, r.body, request.elements)
	return results, r.invalid(err)
}

// fillIn fills in what a server left out of a failure and the request says.
func fillIn(e *identity.Error, user identity.UserKey, service identity.ServiceKey) {
	e.User, e.Service = cmp.Or(e.User, user), cmp.Or(e.Service, service)
}

// transaction describes the transactions of one call.
type transaction struct {
	request func(from, to int) call // of some elements
	// about returns where an element is in the caller's list, and what it is about.
	about func(i int) (index int, user identity.UserKey, service identity.ServiceKey)
	done  func(i int, r symapi.BulkResult) // takes the result of an element
	// stops ends the call at the first transaction that is refused.
	stops bool
}

// transactions sends n elements, at most symapi.MaxBatch in each transaction. One
// that named its failures does not stop those after it, unless t says so; any
// other failure does. The error holds all failures, at the caller's indexes.
func (c *Client) transactions(ctx context.Context, n int, t transaction) error {
	var named identity.BatchError
	var first *Error // of the transactions that named failures
	var fatal error
	for from := 0; from < n && fatal == nil && (first == nil || !t.stops); from += symapi.MaxBatch {
		to := min(from+symapi.MaxBatch, n)
		request := t.request(from, to)
		request.elements = to - from
		results, err := c.bulk(ctx, request)
		failed, _ := errors.AsType[*Error](err)
		batch, refused := errors.AsType[*identity.BatchError](err)
		switch {
		case refused && failed != nil:
			for _, failure := range batch.Items {
				index, user, service := t.about(from + failure.Index)
				fillIn(failure.Err, user, service)
				named.Items = append(named.Items, identity.ItemError{Index: index, Err: failure.Err})
			}
			first = cmp.Or(first, failed)
		case err != nil:
			fatal = err
		}
		for k, r := range results {
			t.done(from+k, r)
		}
	}
	if first == nil {
		return fatal
	}
	wrapped := *first
	wrapped.Err = &named
	if fatal != nil {
		return fmt.Errorf("%w; before that: %w", fatal, &wrapped)
	}
	return &wrapped
}

// Delete removes mappings that still are what deletes say, and reports per
// element whether there was anything to remove. A user who is not stored has
// nothing to remove. Transactions and errors are as in Write: an element of a
// transaction that failed is false.
func (c *Client) Delete(ctx context.Context, deletes []identity.Delete) ([]bool, error) {
	deleted := make([]bool, len(deletes))
	if len(deletes) == 0 {
		return deleted, nil
	}
	if c.cfg.ReadOnly {
		_, err := c.do(ctx, call{method: http.MethodPost, path: []string{"users", "identities", "delete"}, write: true})
		return deleted, err
	}
	indexes, elements, err := c.identifyDeletes(ctx, deletes)
	if err != nil {
		return deleted, err
	}
	return deleted, c.transactions(ctx, len(indexes), transaction{
		request: func(from, to int) call {
			unconditional := func(e symapi.IdentityDelete) bool { return e.IfRevision == 0 }
			return call{method: http.MethodPost, path: []string{"users", "identities", "delete"}, write: true,
				repeat: !slices.ContainsFunc(elements[from:to], unconditional), // else it could delete what somebody else stored in between
				body:   symapi.IdentityDeletes{Identities: elements[from:to]}}
		},
		about: func(i int) (int, identity.UserKey, identity.ServiceKey) {
			return indexes[i], deletes[indexes[i]].User, deletes[indexes[i]].Service
		},
		done: func(i int, r symapi.BulkResult) { deleted[indexes[i]] = wasDeleted(r) },
	})
}

// identifyDeletes finds the users' ids, and leaves out users who are not stored.
// indexes are the places of elements in deletes.
func (c *Client) identifyDeletes(ctx context.Context, deletes []identity.Delete) (indexes []int, elements []symapi.IdentityDelete, err error) {
	keys := make([]identity.UserKey, len(deletes))
	for i, d := range deletes {
		keys[i] = d.User
	}
	users, err := c.FindUsers(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	ids := make(map[identity.UserKey]string, len(users))
	for _, u := range users {
		ids[u.Key] = u.ID
	}
	for i, d := range deletes {
		if id := ids[d.User]; id != "" {
			indexes = append(indexes, i)
			elements = append(elements, symapi.IdentityDelete{UserID: id, ServiceType: d.Service.Type,
				ExternalID: d.Service.ExternalID, Matcher: d.Matcher, IfRevision: d.IfRevision})
		}
	}
	return indexes, elements, nil
}
