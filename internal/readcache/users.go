// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"fmt"
	"iter"
	"time"

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
	if !held && len(keys) <= single {
		questions := make([]string, len(keys))
		for i, key := range keys {
			questions[i] = string(key)
		}
		if r.policy.ask(questions...) {
			listErr = r.list(ctx)
			found, stale, _ = r.cache.find(keys)
		}
	}
	if len(stale) == 0 {
		return found, nil
	}
	asked, err := r.ask(ctx, stale, false)
	if err != nil {
		return nil, withListError(err, listErr)
	}
	if len(found) == 0 {
		return asked, nil
	}
	return ordered(keys, append(found, asked...)), nil
}

// FindUsersFresh finds users as FindUsers does, but always asks the server. Use it
// to decide what cannot be undone or checked afterwards.
func (r *Reader) FindUsersFresh(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	keys = identity.Distinct(keys)
	if len(keys) == 0 {
		return nil, nil
	}
	return r.ask(ctx, keys, true)
}

// withListError adds to the error of a single read that reading everybody had
// failed before it.
func withListError(err, listErr error) error {
	if listErr == nil {
		return err
	}
	return fmt.Errorf("%w (before that, reading all users failed: %w)", err, listErr)
}

// ask asks the server for distinct keys. Few keys share a request with those of
// other callers.
func (r *Reader) ask(ctx context.Context, keys []identity.UserKey, fresh bool) ([]identity.User, error) {
	if len(keys) > single {
		return r.find(ctx, keys)
	}
	byKey, err := r.finds.get(ctx, keys, fresh)
	if err != nil {
		return nil, err
	}
	var out []identity.User
	for _, key := range keys {
		if u := byKey[key]; u != nil {
			out = append(out, *u)
		}
	}
	return out, nil
}

// find sends FindUsers and keeps the answer.
func (r *Reader) find(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	sent := r.cache.now()
	users, err := r.api.FindUsers(ctx, keys)
	if err == nil {
		r.cache.keep(keys, users, sent)
	}
	return users, err
}

// askUsers finds users for finds.
func (r *Reader) askUsers(ctx context.Context, keys []identity.UserKey) (map[identity.UserKey]*identity.User, error) {
	r.policy.spend(len(keys))
	users, err := r.find(ctx, keys)
	if err != nil {
		return nil, err
	}
	byKey := make(map[identity.UserKey]*identity.User, len(users))
	for i := range users {
		byKey[users[i].Key] = &users[i]
	}
	return byKey, nil
}

// ordered puts distinct users in the order of keys.
func ordered(keys []identity.UserKey, users []identity.User) []identity.User {
	byKey := make(map[identity.UserKey]identity.User, len(users))
	for _, u := range users {
		byKey[u.Key] = u
	}
	out := users[:0]
	for _, key := range keys {
		if u, there := byKey[key]; there {
			out = append(out, u)
		}
	}
	return out
}

// UserByID finds one user by the id the API gave it; nil where nobody has it.
// It asks the server each time.
func (r *Reader) UserByID(ctx context.Context, id string) (*identity.User, error) {
	return r.api.UserByID(ctx, id)
}

// AllUsers walks every user: those held where a snapshot is at hand, else those
// of the API, which then are held for what is asked next. After an error
// nothing follows, and nobody who was not yielded may be called absent.
func (r *Reader) AllUsers(ctx context.Context) iter.Seq2[identity.User, error] {
	return func(yield func(identity.User, error) bool) {
		var all []identity.User
		held, err := r.view(ctx, func(s *snapshot) { all = s.users.All() })
		if err != nil {
			yield(identity.User{}, err)
			return
		}
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
	s := newSnapshot(time.Now(), r.cache.now())
	for u, err := range r.api.AllUsers(ctx) {
		if err != nil {
			yield(identity.User{}, err)
			return
		}
		if s != nil && (s.add(u) != nil || s.bytes > r.maxBytes) {
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
