// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// pageSize is how many users are read at a time when all are asked for.
const pageSize = 1000

// Users lists users ordered by key, all pages from one state of the store.
func (s *Store) Users(ctx context.Context, filter store.UserFilter) (users []identity.User, next string, err error) {
	after, err := parseCursor(filter.Cursor)
	if err != nil {
		return nil, "", err
	}
	if filter.Limit < 0 {
		return nil, "", identity.Invalid(identity.CodeInvalid, fmt.Sprintf("the limit %d is negative", filter.Limit), "0 means all.")
	}
	if filter.Key != "" && !validKey(filter.Key) || filter.ID != "" && !validID(filter.ID) {
		return []identity.User{}, "", nil // nothing stored is named like that
	}
	if filter.Key != "" || filter.ID != "" {
		users, err = s.oneUser(ctx, filter, after)
		return users, "", err
	}
	err = s.read(ctx, func(t *tx) error {
		users, next = []identity.User{}, ""
		after := after
		for {
			want := pageSize
			if filter.Limit > 0 {
				want = min(want, filter.Limit-len(users))
			}
			page, err := userPage(ctx, t, filter, after, want+1)
			if err != nil {
				return err
			}
			more := len(page) > want
			page = page[:min(want, len(page))]
			if err := addMappings(ctx, t, page); err != nil {
				return err
			}
			for _, r := range page {
				users = append(users, r.user())
			}
			if !more {
				return nil
			}
			after = page[len(page)-1].key
			if len(users) == filter.Limit {
				next = cursor(after)
				return nil
			}
		}
	})
	if err != nil {
		return nil, "", err
	}
	return users, next, nil
}

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

// userWhere is the condition on users u that a filter makes.
func userWhere(filter store.UserFilter, after identity.UserKey) (where string, args []any) {
	var conditions []string
	and := func(condition, value string) {
		if value != "" {
			conditions, args = append(conditions, condition), append(args, value)
		}
	}
	and("u.user_key = ?", string(filter.Key))
	and("u.id = ?", filter.ID)
	and("u.type = ?", string(filter.Type))
	if after != "" || len(conditions) == 0 {
		conditions, args = append(conditions, "u.user_key > ?"), append(args, string(after))
	}
	return strings.Join(conditions, " AND "), args
}

func userPage(ctx context.Context, t *tx, filter store.UserFilter, after identity.UserKey, limit int) ([]*record, error) {
	where, args := userWhere(filter, after)
	query := "SELECT " + userColumns + " FROM users u WHERE " + where + " ORDER BY u.user_key LIMIT ?"
	var page []*record
	err := eachRow(ctx, t, query, append(args, limit), func(rows *sql.Rows) error {
		r, err := scanUser(rows)
		page = append(page, r)
		return err
	})
	return page, err
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
		records, err := usersBy(ctx, t, "user_key", unique(keys, validKey))
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

// cursor names the last user of a page. It is opaque to callers, and stays
// right when users are added and removed between pages.
func cursor(last identity.UserKey) string {
	return base64.RawURLEncoding.EncodeToString([]byte(last))
}

func parseCursor(c string) (identity.UserKey, error) {
	if c == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(c)
	if err != nil || !validKey(identity.UserKey(raw)) {
		return "", identity.Invalid(identity.CodeInvalid, "the cursor is not one that this list gave out",
			"Start again without a cursor.")
	}
	return identity.UserKey(raw), nil
}
