// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"iter"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// pageSize is how many users are read at a time when all are asked for.
const pageSize = 1000

// Users lists users ordered by key, all pages from one state of the store.
func (s *Store) Users(ctx context.Context, filter store.UserFilter) (users []identity.User, next string, err error) {
	if filter.Limit < 0 {
		return nil, "", identity.Invalid(identity.CodeInvalid, fmt.Sprintf("the limit %d is negative", filter.Limit), "0 means all.")
	}
	start, err := newUserWalk(filter)
	switch {
	case err != nil:
		return nil, "", err
	case start.nobody():
		return []identity.User{}, "", nil
	case start.one():
		users, err = s.oneUser(ctx, filter, start.after)
		return users, "", err
	}
	err = s.read(ctx, func(t *tx) error {
		users, next = []identity.User{}, ""
		for w := start; ; {
			want := pageSize
			if filter.Limit > 0 {
				want = min(want, filter.Limit-len(users))
			}
			page, more, err := w.next(ctx, t, want)
			if err != nil {
				return err
			}
			users = append(users, page...)
			switch {
			case !more:
				return nil
			case len(users) == filter.Limit:
				next = cursor(w.after)
				return nil
			}
		}
	})
	if err != nil {
		return nil, "", err
	}
	return users, next, nil
}

// UserPages lists all users that a filter selects in pages from one state of
// the store. Writers go on meanwhile.
func (s *Store) UserPages(ctx context.Context, filter store.UserFilter) iter.Seq2[[]identity.User, error] {
	return func(yield func([]identity.User, error) bool) {
		err := s.walk(ctx, func(t *tx) error {
			w, err := newUserWalk(filter)
			if err != nil || w.nobody() {
				return err
			}
			for others := true; others; {
				var page []identity.User
				if page, others, err = w.next(ctx, t, pageSize); err != nil {
					return err
				}
				if err := more(yield(page, nil)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// userWalk is a place in the list of the users that a filter selects.
type userWalk struct {
	filter store.UserFilter
	after  identity.UserKey // the last one before the place; "" = the beginning
}

func newUserWalk(filter store.UserFilter) (userWalk, error) {
	after, err := parseCursor(filter.Cursor)
	return userWalk{filter, after}, err
}

// nobody says that nothing stored can be named as the filter names it.
func (w userWalk) nobody() bool {
	return w.filter.Key != "" && !storable(w.filter.Key) || w.filter.ID != "" && !validID(w.filter.ID)
}

// one says that the filter names one user.
func (w userWalk) one() bool { return w.filter.Key != "" || w.filter.ID != "" }

// next reads up to want users from the place on and moves it behind them; more
// says that others come there.
func (w *userWalk) next(ctx context.Context, t *tx, want int) (users []identity.User, more bool, err error) {
	page, err := userPage(ctx, t, w.filter, w.after, want+1)
	if err != nil {
		return nil, false, err
	}
	more = len(page) > want
	page = page[:min(want, len(page))]
	if err := addMappings(ctx, t, page); err != nil {
		return nil, false, err
	}
	users = make([]identity.User, len(page))
	for i, r := range page {
		users[i] = r.user()
	}
	if len(page) > 0 {
		w.after = page[len(page)-1].Key
	}
	return users, more, nil
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
