// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// record is a user as it is worked with: mappings by service.
type record struct {
	store.UserRecord
	mappings map[identity.ServiceKey]*mapping
	created  bool // by the batch at hand
	changed  bool // its own columns, not its mappings
	dirty    bool // changed by the element at hand
}

// mapping is a stored or planned mapping of a record.
type mapping struct {
	store.MappingRecord
	dirty  bool // to be written
	writer int  // element of the batch that gave it its value; stored = before the batch
}

// stored is the writer of what was there before the batch.
const stored = -1

// clone copies a record so that the copy's mappings can be replaced. Mappings
// themselves are never changed in place.
func (r *record) clone() *record {
	c := *r
	c.mappings = maps.Clone(r.mappings)
	return &c
}

// user returns the record as the store hands it out.
func (r *record) user() identity.User {
	u := r.User
	u.Mappings = make([]identity.Mapping, 0, len(r.mappings))
	for _, m := range r.mappings {
		u.Mappings = append(u.Mappings, m.Mapping)
	}
	slices.SortFunc(u.Mappings, func(a, b identity.Mapping) int {
		return strings.Compare(a.Service.String(), b.Service.String())
	})
	return u
}

func usersOf(records []*record) []identity.User {
	users := make([]identity.User, len(records))
	for i, r := range records {
		users[i] = r.user()
	}
	return users
}

// scanner is *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// userColumns go with "users u".
const userColumns = "u.id, u.user_key, u.type, u.role, u.name, u.first_name, u.last_name, u.revision, u.created_at, u.updated_at, u.updated_by, u.request_id"

// scanUser reads userColumns, and the columns behind them into more.
func scanUser(row scanner, more ...any) (*record, error) {
	r := &record{mappings: map[identity.ServiceKey]*mapping{}}
	dest := append([]any{&r.ID, &r.Key, &r.Type, &r.Role, &r.Name, &r.FirstName, &r.LastName, &r.Revision,
		(*timeColumn)(&r.CreatedAt), (*timeColumn)(&r.UpdatedAt), &r.UpdatedBy, &r.RequestID}, more...)
	if err := row.Scan(dest...); err != nil {
		return nil, fmt.Errorf("reading a user: %w", err)
	}
	return r, nil
}

// mappingColumns go with "mappings m JOIN services s ON s.id = m.service_id".
const mappingColumns = "m.user_id, m.id, s.service_key, m.matcher, m.account_id, m.profile, m.source, m.rule, m.revision, m.created_at, m.updated_at, m.updated_by, m.request_id"

// dest returns the targets of mappingColumns.
func (m *mapping) dest(userID *string) []any {
	return []any{userID, &m.ID, (*keyColumn)(&m.Service), (*objectColumn)(&m.Matcher), &m.AccountID, (*objectColumn)(&m.Profile), &m.Source, &m.Rule,
		&m.Revision, (*timeColumn)(&m.CreatedAt), (*timeColumn)(&m.UpdatedAt), &m.UpdatedBy, &m.RequestID}
}

// encodeObject writes a map of strings as JSON; none is {}.
func encodeObject(m map[string]string) string {
	if len(m) == 0 {
		return "{}"
	}
	text, _ := json.Marshal(m) // a map of strings always marshals
	return string(text)
}

// joinedUser reads one user with all mappings in one statement, a row for each
// mapping; scanJoined reads its rows. A condition that at most one user meets
// follows. For many users two statements cost less: here the columns of a user
// are repeated for each mapping. A user without mappings has one row of blanks.
const joinedUser = "SELECT " + userColumns + `, coalesce(m.user_id, ''), coalesce(m.id, ''), coalesce(s.service_key, ''), coalesce(m.matcher, ''),
	coalesce(m.account_id, ''), coalesce(m.profile, ''), coalesce(m.source, ''), coalesce(m.rule, ''), coalesce(m.revision, 0), coalesce(m.created_at, 0),
	coalesce(m.updated_at, 0), coalesce(m.updated_by, ''), coalesce(m.request_id, '') FROM users u
	LEFT JOIN mappings m ON m.user_id = u.id LEFT JOIN services s ON s.id = m.service_id WHERE `

// scanJoined returns a function that reads a row of the user found so far, nil before
// the first row.
func scanJoined(found **record) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		m := &mapping{writer: stored}
		var userID string
		r, err := scanUser(rows, m.dest(&userID)...)
		if err != nil {
			return err
		}
		if *found == nil {
			*found = r
		}
		if m.ID != "" {
			(*found).mappings[m.Service] = m
		}
		return nil
	}
}

// readUser reads the user that a filter names, with all mappings, in one
// statement. Programs ask this most.
func (s *Store) readUser(ctx context.Context, w userWalk) ([]identity.User, error) {
	where, args := w.where()
	var found *record
	err := s.readRows(ctx, joinedUser+where, args, func() { found = nil }, scanJoined(&found))
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return []identity.User{}, nil
	}
	return []identity.User{found.user()}, nil
}

// addMappings fills in the mappings of records.
func addMappings(ctx context.Context, t *tx, records []*record) error {
	byID := make(map[string]*record, len(records))
	ids := make([]string, len(records))
	for i, r := range records {
		byID[r.ID], ids[i] = r, r.ID
	}
	const query = "SELECT " + mappingColumns + " FROM mappings m JOIN services s ON s.id = m.service_id WHERE m.user_id %s"
	return selectIn(ctx, t, query, nil, ids, func(rows *sql.Rows) error {
		m := &mapping{writer: stored}
		var userID string
		if err := rows.Scan(m.dest(&userID)...); err != nil {
			return fmt.Errorf("reading a mapping: %w", err)
		}
		byID[userID].mappings[m.Service] = m
		return nil
	})
}

// FindUsers returns the users among keys that exist.
func (s *Store) FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	keys = unique(keys, storable)
	if len(keys) == 1 {
		return s.readUser(ctx, userWalk{filter: store.UserFilter{Key: keys[0]}})
	}
	return inTx(ctx, s.read, func(t *tx) ([]identity.User, error) {
		records, err := usersBy(ctx, t, "user_key", keys)
		return usersOf(records), err
	})
}

// usersBy reads the users whose column has one of values, with their mappings.
func usersBy[T ~string](ctx context.Context, t *tx, column string, values []T) ([]*record, error) {
	var records []*record
	if len(values) == 1 {
		var found *record
		err := eachRow(ctx, t, joinedUser+"u."+column+" = ?", []any{string(values[0])}, scanJoined(&found))
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
	return inTx(ctx, s.write, func(t *tx) (identity.User, error) {
		found, err := usersBy(ctx, t, "id", []string{userID})
		switch {
		case err != nil:
			return identity.User{}, err
		case len(found) == 0:
			return identity.User{}, unknownID(userID)
		}
		r := found[0]
		if r.Role != role {
			revisions, err := t.dialect.revisions(ctx, t, 1)
			if err != nil {
				return identity.User{}, err
			}
			r.Role, r.Revision, r.UpdatedAt, r.UpdatedBy, r.RequestID = role, revisions[0], s.now(), sanitize(actor.Name), sanitize(actor.RequestID)
			if err := insertRows(ctx, t, intoUsers, replaceUser, [][]any{userRow(r.UserRecord)}); err != nil {
				return identity.User{}, err
			}
		}
		return r.user(), nil
	})
}

func unknownID(id string) *identity.Error {
	return &identity.Error{Code: identity.CodeUserNotFound, Message: fmt.Sprintf("Unknown user for id: %s", truncate(id))}
}

// newID returns a UUID of version 7: ids that are made together are neighbours in
// the indexes, which keeps large batches and searches in few pages.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// validID reports whether id can be one of the store's. Others never reach
// the database, which may refuse to compare them.
func validID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// validKey reports whether a user can be stored under key. Users of an older
// release may have names that today's rules refuse.
func validKey(key identity.UserKey) bool {
	return storable(key) && len(key) <= identity.MaxNameBytes &&
		identity.KeyOf(string(key)) == key && strings.TrimSpace(string(key)) == string(key)
}

// unique drops repeats, and what keep refuses.
func unique[T ~string](values []T, keep func(T) bool) []T {
	return slices.DeleteFunc(identity.Distinct(values), func(v T) bool { return !keep(v) })
}

// pageSize is how many users are read at a time where pages are handed out.
const pageSize = 1000

// Users lists users as they are at one moment: all ordered by key, or a page of them
// ordered by id.
func (s *Store) Users(ctx context.Context, filter store.UserFilter) (users []identity.User, next string, err error) {
	if err := checkLimit(filter.Limit); err != nil {
		return nil, "", err
	}
	start, err := newUserWalk(filter)
	switch {
	case err != nil:
		return nil, "", err
	case start.matchesNone():
		return []identity.User{}, "", nil
	case filter.Key != "" || filter.ID != "": // at most one
		users, err = s.readUser(ctx, start)
		return users, "", err
	}
	err = s.read(ctx, func(t *tx) error {
		w := start
		page, more, err := w.next(ctx, t, cmp.Or(filter.Limit, math.MaxInt32))
		if err != nil {
			return err
		}
		if users, next = usersOf(page), ""; more {
			next = cursor(w.after)
		}
		return nil
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
		filter.Limit = 0
		err := s.walk(ctx, func(t *tx) error {
			w, err := newUserWalk(filter)
			if err != nil || w.matchesNone() {
				return err
			}
			return w.pages(ctx, t, func(page []*record) error { return stopUnless(yield(usersOf(page), nil)) })
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// userWalk is a place in the list of the users that a filter selects.
type userWalk struct {
	filter store.UserFilter
	after  string // the key or id of the last one before the place; "" = the beginning
}

func newUserWalk(filter store.UserFilter) (userWalk, error) {
	after, err := parseCursor(filter.Cursor)
	return userWalk{filter, after}, err
}

// byID reports whether the list is ordered by id. Pages that are read one after the
// other are: a user who is renamed meanwhile must not move behind the reader's back.
func (w userWalk) byID() bool { return w.filter.Limit > 0 || w.filter.Cursor != "" }

// column returns the one that orders the list.
func (w userWalk) column() string {
	if w.byID() {
		return "u.id"
	}
	return "u.user_key"
}

// matchesNone reports that nothing stored can be named as the filter names it.
func (w userWalk) matchesNone() bool {
	return w.filter.Key != "" && !storable(w.filter.Key) || w.filter.ID != "" && !validID(w.filter.ID)
}

// next reads up to want users from the place on and moves the place behind them.
// more reports that others follow.
func (w *userWalk) next(ctx context.Context, t *tx, want int) (page []*record, more bool, err error) {
	where, args := w.where()
	query := "SELECT " + userColumns + " FROM users u WHERE " + where + " ORDER BY " + w.column() + " LIMIT ?"
	err = eachRow(ctx, t, query, append(args, want+1), func(rows *sql.Rows) error {
		r, err := scanUser(rows)
		page = append(page, r)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	more = len(page) > want
	page = page[:min(want, len(page))]
	if len(page) > 0 {
		if w.after = string(page[len(page)-1].Key); w.byID() {
			w.after = page[len(page)-1].ID
		}
	}
	return page, more, addMappings(ctx, t, page)
}

// pages calls visit with all pages from the place on.
func (w *userWalk) pages(ctx context.Context, t *tx, visit func([]*record) error) error {
	for {
		page, more, err := w.next(ctx, t, pageSize)
		if err == nil {
			err = visit(page)
		}
		if err != nil || !more {
			return err
		}
	}
}

// where returns the condition on users u that the walk makes.
func (w userWalk) where() (where string, args []any) {
	var conditions []string
	and := func(condition, value string) {
		if value != "" {
			conditions, args = append(conditions, condition), append(args, value)
		}
	}
	and("u.user_key = ?", string(w.filter.Key))
	and("u.id = ?", w.filter.ID)
	and("u.type = ?", string(w.filter.Type))
	if w.after != "" || len(conditions) == 0 {
		conditions, args = append(conditions, w.column()+" > ?"), append(args, w.after)
	}
	return strings.Join(conditions, " AND "), args
}

// cursor names the last entry of a page. It is opaque to callers, and stays right
// when entries are added, renamed and removed between pages.
func cursor(last string) string { return base64.RawURLEncoding.EncodeToString([]byte(last)) }

// parseCursor returns the id of the last user of the page before, "" for no cursor.
func parseCursor(c string) (string, error) {
	last, err := base64.RawURLEncoding.Strict().DecodeString(c)
	if id := string(last); c == "" || err == nil && validID(id) {
		return id, nil
	}
	return "", badCursor()
}

func badCursor() *identity.Error {
	return identity.Invalid(identity.CodeInvalid, "the cursor is not one that this list gave out", "Start again without a cursor.")
}

// checkLimit refuses a limit on the length of a page.
func checkLimit(limit int) error {
	if limit < 0 {
		return identity.Invalid(identity.CodeInvalid, fmt.Sprintf("the limit %d is negative", limit), "0 means all.")
	}
	return nil
}
