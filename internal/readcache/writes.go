// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// writeUsers makes a write to users. The next read of them asks the API, as does that of
// other users that its error names.
func writeUsers[T any](r *Reader, keys []identity.UserKey, do func() (T, error)) (done T, err error) {
	r.cache.begin(keys)
	defer func() { r.cache.end(keys, named(err)) }()
	return do()
}

// Write stores mappings, as client.Client.Write does.
func (r *Reader) Write(ctx context.Context, writes []identity.Write) ([]identity.User, error) {
	keys := make([]identity.UserKey, len(writes))
	for i, w := range writes {
		keys[i] = w.User
	}
	return writeUsers(r, keys, func() ([]identity.User, error) { return r.API.Write(ctx, writes) })
}

// named returns the users that an error names: the cache may be wrong about them.
func named(err error) []identity.UserKey {
	var keys []identity.UserKey
	add := func(e *identity.Error) {
		for _, key := range []identity.UserKey{e.User, e.Holder} {
			if key != "" {
				keys = append(keys, key)
			}
		}
	}
	var batch *identity.BatchError
	var one *identity.Error
	switch {
	case errors.As(err, &batch):
		for _, c := range batch.Items {
			add(c.Err)
		}
	case errors.As(err, &one):
		add(one)
	}
	return keys
}

// Delete removes mappings, as client.Client.Delete does.
func (r *Reader) Delete(ctx context.Context, deletes []identity.Delete) ([]bool, error) {
	keys := make([]identity.UserKey, len(deletes))
	for i, d := range deletes {
		keys[i] = d.User
	}
	return writeUsers(r, keys, func() ([]bool, error) { return r.API.Delete(ctx, deletes) })
}

// UpsertUser stores a user's own record and returns the user as stored.
func (r *Reader) UpsertUser(ctx context.Context, w client.UserWrite) (identity.User, error) {
	return writeUsers(r, []identity.UserKey{identity.KeyOf(w.Name)}, func() (identity.User, error) {
		if w.ID != "" { // it may have had another name
			defer r.cache.changed(w.ID)
		}
		return r.API.UpsertUser(ctx, w)
	})
}

// SetRole changes a user's role and returns the user as stored.
func (r *Reader) SetRole(ctx context.Context, userID string, role identity.Role) (identity.User, error) {
	defer r.cache.changed(userID)
	return r.API.SetRole(ctx, userID, role)
}

// DeleteUsers removes users with their mappings, as client.Client.DeleteUsers
// does.
func (r *Reader) DeleteUsers(ctx context.Context, users []identity.User) ([]bool, error) {
	keys := make([]identity.UserKey, len(users))
	for i, u := range users {
		keys[i] = u.Key
	}
	return writeUsers(r, keys, func() ([]bool, error) { return r.API.DeleteUsers(ctx, users) })
}
