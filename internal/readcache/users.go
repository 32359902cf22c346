// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// FindUsers returns the users among keys that exist, each once, in the order
// in which keys first name them.
func (r *Reader) FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	keys = identity.Distinct(keys)
	if len(keys) == 0 {
		return nil, nil
	}
	found, stale, held := r.cache.find(keys)
	var listErr error
	if !held && ask(&r.policy, keys) {
		listErr = r.list(ctx)
		found, stale, _ = r.cache.find(keys)
	}
	if len(stale) == 0 {
		return found, nil
	}
	byKey, err := r.finds.get(ctx, stale)
	if err != nil {
		return nil, withListError(err, listErr)
	}
	for _, u := range found {
		byKey[u.Key] = &u
	}
	out := make([]identity.User, 0, len(keys))
	for _, key := range keys {
		if u := byKey[key]; u != nil {
			out = append(out, *u)
		}
	}
	return out, nil
}

// withListError adds to the error of a single read that reading everybody had
// failed before it.
func withListError(err, listErr error) error {
	if listErr == nil {
		return err
	}
	return fmt.Errorf("%w (before that, reading all users failed: %w)", err, listErr)
}

// askUsers asks the API for users, for finds, and keeps the answer.
func (r *Reader) askUsers(ctx context.Context, keys []identity.UserKey) (map[identity.UserKey]*identity.User, error) {
	r.policy.spend()
	sent := r.cache.now()
	users, err := r.API.FindUsers(ctx, keys)
	if err != nil {
		return nil, err
	}
	byKey := make(map[identity.UserKey]*identity.User, len(users))
	for i := range users {
		byKey[users[i].Key] = &users[i]
	}
	r.cache.keep(keys, byKey, sent)
	return byKey, nil
}

// AllUsers walks every user, ordered by id: those held where a snapshot is at hand,
// else those of the API, which then are held for what is asked next. After an error
// nothing follows, and nobody who was not yielded may be called absent.
func (r *Reader) AllUsers(ctx context.Context) iter.Seq2[identity.User, error] {
	return func(yield func(identity.User, error) bool) {
		var all []identity.User
		held, err := r.view(ctx, func(s *snapshot) { all = s.users.All() })
		if err != nil {
			yield(identity.User{}, err)
			return
		}
		slices.SortFunc(all, func(a, b identity.User) int { return cmp.Compare(a.ID, b.ID) }) // as the API's pages are
		for _, u := range all {
			if !yield(u, nil) {
				return
			}
		}
		if !held {
			r.readAll(ctx, yield)
		}
	}
}

// readAll passes the API's users on and holds them once they are complete.
func (r *Reader) readAll(ctx context.Context, yield func(identity.User, error) bool) {
	s := r.newSnapshot()
	for u, err := range r.API.AllUsers(ctx) {
		if err != nil {
			yield(identity.User{}, err)
			return
		}
		if s != nil && !s.add(u) {
			s = nil // what cannot be held can still be passed on
		}
		if !yield(u, nil) {
			return
		}
	}
	if s != nil {
		r.cache.install(s)
	}
}
