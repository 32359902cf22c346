// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"net/http"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// UserWrite creates or changes a user's own record.
type UserWrite struct {
	ID        string            // of a known user; "" finds or creates one by Name
	Type      identity.UserType // Bot creates an unknown bot; "" follows from Name
	Name      string            // e-mail or username; another one than a known user's renames it
	FirstName *string           // nil leaves it alone
	LastName  *string
}

// UpsertUser stores a user's own record and returns the user as stored.
func (c *Client) UpsertUser(ctx context.Context, w UserWrite) (identity.User, error) {
	key, err := identity.ParseUser(w.Name)
	if err != nil {
		return identity.User{}, err
	}
	kind := w.Type
	if kind == "" {
		kind = key.Type()
	}
	own := ownRecord(kind, w.Name)
	own.Profile = map[string]string{}
	if w.FirstName != nil {
		own.Profile["first_name"] = *w.FirstName
	}
	if w.LastName != nil {
		own.Profile["last_name"] = *w.LastName
	}
	results, err := c.bulk(ctx, call{method: http.MethodPatch, path: []string{"users"}, write: true, elements: 1,
		body: symapi.UserUpserts{Users: []symapi.UserUpsert{{ID: w.ID, Type: string(kind), Identities: []symapi.IdentityUpsert{own}}}}})
	if err != nil {
		return identity.User{}, err
	}
	if user, err := recordOf(results[0]); err == nil {
		return user, nil
	}
	found, err := c.FindUsers(ctx, []identity.UserKey{key})
	if err != nil {
		return identity.User{}, err
	}
	if len(found) == 0 {
		return identity.User{}, identity.UnknownUser(key)
	}
	return found[0], nil
}

// DeleteUsers removes users with their mappings, if they still have their
// names, and reports per user whether they were there. At most
// symapi.MaxBatch users are one transaction; the first that fails is the last.
func (c *Client) DeleteUsers(ctx context.Context, users []identity.User) ([]bool, error) {
	deleted := make([]bool, len(users))
	for from := 0; from < len(users); from += symapi.MaxBatch {
		chunk := users[from:min(from+symapi.MaxBatch, len(users))]
		elements := make([]symapi.UserDelete, len(chunk))
		for i, u := range chunk {
			own := ownRecord(u.Type, u.Name)
			elements[i] = symapi.UserDelete{ID: u.ID, Identity: &symapi.UserIdentity{ServiceType: own.ServiceType, Matcher: own.Matcher}}
		}
		results, err := c.bulk(ctx, call{method: http.MethodPost, path: []string{"users", "delete"}, write: true, repeat: true,
			body: symapi.UserDeletes{Users: elements}, elements: len(chunk)})
		if err != nil {
			var failed failures
			failed.add(err, func(failure *identity.ItemError) {
				complete(failure.Err, chunk[failure.Index].Key, identity.ServiceKey{})
				failure.Index += from
			})
			return deleted, failed.err()
		}
		for i, r := range results {
			deleted[from+i] = deletedOf(r)
		}
	}
	return deleted, nil
}

// SetRole changes a user's role and returns the user as stored.
func (c *Client) SetRole(ctx context.Context, userID string, role identity.Role) (identity.User, error) {
	r, err := c.do(ctx, call{method: http.MethodPost, path: []string{"users", userID, "set-role"}, write: true, repeat: true,
		body: symapi.RoleChange{Role: string(role)}})
	if err != nil {
		return identity.User{}, err
	}
	var said symapi.User
	if err := r.read("id", &said); err != nil {
		return identity.User{}, err
	}
	user, err := symapi.DecodeUser(said)
	return user, r.understood(err)
}
