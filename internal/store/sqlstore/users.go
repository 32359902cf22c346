// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// oneUser reads the user that a filter names, with all mappings, in one
// statement. Programs ask this most.
func (s *Store) oneUser(ctx context.Context, filter store.UserFilter, after identity.UserKey) ([]identity.User, error) {
	where, args := userWhere(filter, after)
	var found *record
	err := s.readRows(ctx, joinedUser+where, args, func() { found = nil }, func(rows *sql.Rows) (err error) {
		found, err = scanJoined(rows, found)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return []identity.User{}, nil
	}
	return []identity.User{found.user()}, nil
}

// addMappings fills in the mappings of records, a chunk of users at a time.
func addMappings(ctx context.Context, t *tx, records []*record) error {
	byID := make(map[string]*record, len(records))
	ids := make([]string, len(records))
	for i, r := range records {
		byID[r.ID], ids[i] = r, r.ID
	}
	const query = "SELECT " + mappingColumns + ", m.request_id FROM mappings m JOIN services s ON s.id = m.service_id WHERE m.user_id %s"
	return selectIn(ctx, t, query, nil, ids, func(rows *sql.Rows) error {
		var requestID string
		userID, m, err := scanMapping(rows, &requestID)
		if err != nil {
			return err
		}
		m.requestID = requestID
		byID[userID].mappings[m.Service] = m
		return nil
	})
}

// FindUsers returns the users among keys that exist.
func (s *Store) FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	var users []identity.User
	err := s.read(ctx, func(t *tx) error {
		records, err := usersBy(ctx, t, "user_key", unique(keys, storable))
		if err != nil {
			return err
		}
		users = make([]identity.User, len(records))
		for i, r := range records {
			users[i] = r.user()
		}
		return nil
	})
	return users, err
}

// usersBy reads the users whose column has one of values, with their mappings.
func usersBy[T ~string](ctx context.Context, t *tx, column string, values []T) ([]*record, error) {
	var records []*record
	if len(values) == 1 {
		var found *record
		err := eachRow(ctx, t, joinedUser+"u."+column+" = ?", []any{string(values[0])}, func(rows *sql.Rows) (err error) {
			found, err = scanJoined(rows, found)
			return err
		})
		if found != nil {
			records = append(records, found)
		}
		return records, err
	}
	query := "SELECT " + userColumns + " FROM users u WHERE u." + column + " %s"
	err := selectIn(ctx, t, query, nil, values, func(rows *sql.Rows) error {
		r, err := scanUser(rows)
		records = append(records, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, addMappings(ctx, t, records)
}

// SetRole changes a user's role.
func (s *Store) SetRole(ctx context.Context, actor store.Actor, userID string, role identity.Role) (identity.User, error) {
	if !role.Valid() {
		return identity.User{}, identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not a role", role), "It must be admin, member or guest.")
	}
	if !validID(userID) {
		return identity.User{}, unknownID(userID)
	}
	var user identity.User
	err := s.write(ctx, func(t *tx) error {
		found, err := usersBy(ctx, t, "id", []string{userID})
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return unknownID(userID)
		}
		r := found[0]
		if r.Role != role {
			r.Role = role
			err = t.exec(ctx, "UPDATE users SET role = ?, updated_at = ?, updated_by = ?, request_id = ? WHERE id = ?",
				string(role), micros(s.now()), plain(actor.Name), plain(actor.RequestID), userID)
		}
		user = r.user()
		return err
	})
	if err != nil {
		return identity.User{}, err
	}
	return user, nil
}

func unknownID(id string) *identity.Error {
	return &identity.Error{Code: identity.CodeUserNotFound, Message: fmt.Sprintf("Unknown user for id: %s", brief(id))}
}

// newID is a UUID of version 7: ids made together stand together in the
// indexes, which keeps large batches and searches in few pages.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// validID reports whether id can be one of the store's. Others never reach
// the database, which may refuse to compare them.
func validID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// validKey reports whether key is normalised.
func validKey(key identity.UserKey) bool {
	k, err := identity.ParseUser(string(key))
	return err == nil && k == key
}

// unique drops repeats, and what keep refuses.
func unique[T ~string](values []T, keep func(T) bool) []T {
	seen := make(map[T]bool, len(values))
	return slices.DeleteFunc(slices.Clone(values), func(v T) bool {
		if seen[v] || !keep(v) {
			return true
		}
		seen[v] = true
		return false
	})
}
