// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Write stores mappings, as client.Client.Write does. The next read returns what
// the reply showed. It asks the server about the other users concerned, as after
// a conflict or a lost reply.
func (r *Reader) Write(ctx context.Context, writes []identity.Write) (users []identity.User, err error) {
	keys := make([]identity.UserKey, len(writes))
	for i, w := range writes {
		keys[i] = keyOf(w)
	}
	t := r.cache.begin(keys)
	defer func() { r.cache.end(t, shownBy(writes, keys, users), named(err)) }()
	return r.api.Write(ctx, writes)
}

func keyOf(w identity.Write) identity.UserKey {
	if w.User != "" {
		return w.User
	}
	return identity.KeyOf(w.Name)
}

// shownBy returns the users that the reply to writes shows as they are stored now.
// It skips a user without the written mapping's revision, which is no record of
// the server: the client made it up.
func shownBy(writes []identity.Write, keys []identity.UserKey, users []identity.User) map[identity.UserKey]identity.User {
	shown := make(map[identity.UserKey]identity.User, len(users))
	failed := map[identity.UserKey]bool{}
	for i, w := range writes {
		if i < len(users) && users[i].Key == keys[i] && users[i].ID != "" {
			if m, ok := users[i].Mapping(w.Service); ok && m.Revision != 0 {
				shown[keys[i]] = users[i] // the last one is the latest
				continue
			}
		}
		failed[keys[i]] = true
	}
	for key := range failed {
		delete(shown, key)
	}
	return shown
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

// Delete removes mappings, as client.Client.Delete does. The next read of the
// users concerned asks the server.
func (r *Reader) Delete(ctx context.Context, deletes []identity.Delete) (deleted []bool, err error) {
	keys := make([]identity.UserKey, len(deletes))
	for i, d := range deletes {
		keys[i] = d.User
	}
	t := r.cache.begin(keys)
	defer func() { r.cache.end(t, nil, named(err)) }()
	return r.api.Delete(ctx, deletes)
}

// UpsertUser stores a user's own record and returns the user as stored.
func (r *Reader) UpsertUser(ctx context.Context, w client.UserWrite) (user identity.User, err error) {
	t := r.cache.begin([]identity.UserKey{identity.KeyOf(w.Name)})
	defer func() {
		if w.ID != "" { // it may have had another name
			r.cache.changed(w.ID)
		}
		r.cache.end(t, nil, named(err))
	}()
	return r.api.UpsertUser(ctx, w)
}

// SetRole changes a user's role and returns the user as stored.
func (r *Reader) SetRole(ctx context.Context, userID string, role identity.Role) (identity.User, error) {
	defer r.cache.changed(userID)
	return r.api.SetRole(ctx, userID, role)
}

// DeleteUsers removes users with their mappings, as client.Client.DeleteUsers
// does.
func (r *Reader) DeleteUsers(ctx context.Context, users []identity.User) (deleted []bool, err error) {
	keys := make([]identity.UserKey, len(users))
	for i, u := range users {
		keys[i] = u.Key
	}
	t := r.cache.begin(keys)
	defer func() { r.cache.end(t, nil, named(err)) }()
	return r.api.DeleteUsers(ctx, users)
}
