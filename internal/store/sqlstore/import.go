// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Import fills an empty store with the records of another's Export, which next
// gives one by one and ends with io.EOF. Services may be there already; users
// and history may not. It is one transaction: when anything fails, or the
// process ends, nothing is there. It keeps a page at a time in memory.
func (s *Store) Import(ctx context.Context, next func() (store.Record, error)) (store.Counts, error) {
	if s.gate != nil {
		select {
		case s.gate <- struct{}{}:
			defer func() { <-s.gate }()
		case <-ctx.Done():
			return store.Counts{}, s.explain(ctx, ctx.Err())
		}
	}
	var counts store.Counts
	// Records cannot be had twice, so a lost transaction is not run again.
	err := s.once(ctx, false, func(t *tx) error {
		i := &importer{tx: t, services: map[string]string{}}
		if err := i.checkEmpty(ctx); err != nil {
			return err
		}
		for {
			r, err := next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				err = checkRecord(r, i.services)
			}
			if err != nil {
				return &sourceError{err}
			}
			if err := i.add(ctx, r); err != nil {
				return err
			}
			counts.Add(r)
		}
		if err := i.flush(ctx); err != nil {
			return err
		}
		return s.dialect.advance(ctx, t, i.highest)
	})
	var bad *sourceError
	switch {
	case errors.As(err, &bad):
		return store.Counts{}, bad.err
	case s.dialect.duplicate(err):
		return store.Counts{}, badRecord("two records have the same name or number")
	case err != nil:
		return store.Counts{}, s.explain(ctx, err)
	}
	s.dialect.analyze(ctx, s.db)
	return counts, nil
}

// sourceError is about a record, or about getting one.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// importer writes records a page at a time.
type importer struct {
	*tx
	services map[string]string // keys of records so far, to ids
	users    [][]any
	mappings [][]any
	changes  [][]any
	highest  int64 // number that was given out
}

// checkEmpty refuses stores whose users or history would get mixed up with
// those of the records.
func (i *importer) checkEmpty(ctx context.Context) error {
	for _, table := range []string{"users", "history"} {
		var n int
		if err := i.row(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+table+" LIMIT 1) AS one").Scan(&n); err != nil {
			return fmt.Errorf("looking for %s: %w", table, err)
		}
		if n > 0 {
			return &identity.Error{Code: identity.CodeInvalid, Message: "the store is not empty: it holds " + table,
				Hint: "Import into a new store. Nothing was changed."}
		}
	}
	return nil
}

func (i *importer) add(ctx context.Context, r store.Record) error {
	switch {
	case r.Service != nil:
		return i.addService(ctx, r.Service)
	case r.User != nil:
		i.addUser(r.User)
	default:
		i.addChange(r.Change)
	}
	if len(i.users) >= chunkSize || len(i.mappings) >= chunkSize || len(i.changes) >= chunkSize {
		return i.flush(ctx)
	}
	return nil
}

// addService puts the record in the place of a service that a configuration
// has registered: nothing refers to that one yet.
func (i *importer) addService(ctx context.Context, r *store.ServiceRecord) error {
	i.services[r.Key] = r.ID
	if err := i.exec(ctx, "DELETE FROM services WHERE service_key = ?", r.Key); err != nil {
		return fmt.Errorf("replacing the service %s: %w", r.Key, err)
	}
	row := append([]any{r.ID, r.Key, r.Label}, stampValues(r.Stamp)...)
	const insert = "INSERT INTO services (id, service_key, label, created_at, updated_at, updated_by, request_id)"
	if err := insertRows(ctx, i.tx, insert, "", [][]any{row}); err != nil {
		return fmt.Errorf("storing the service %s: %w", r.Key, err)
	}
	return nil
}

func stampValues(s store.Stamp) []any {
	return []any{micros(s.CreatedAt), micros(s.UpdatedAt), s.UpdatedBy, s.RequestID}
}

func (i *importer) addUser(r *store.UserRecord) {
	i.users = append(i.users, append([]any{r.ID, string(r.Key), string(r.Type), string(r.Role), r.Name, r.FirstName, r.LastName},
		stampValues(r.Stamp)...))
	for _, m := range r.Mappings {
		key, _ := cutKey(m.Service) // checked
		i.mappings = append(i.mappings, append([]any{m.ID, r.ID, i.services[m.Service], object(m.Matcher),
			claimColumn(m.Matcher.Claim(key.Type)), object(m.Profile), string(m.Source), m.Rule, m.Revision}, stampValues(m.Stamp)...))
		i.highest = max(i.highest, m.Revision)
	}
}

func (i *importer) addChange(r *store.ChangeRecord) {
	key, _ := cutKey(r.Service) // checked
	i.changes = append(i.changes, historyRow(identity.Change{ID: r.ID, At: r.At, By: r.By, RequestID: r.RequestID,
		UserID: r.UserID, User: r.User, Service: key, Before: recordedValue(r.Before), After: recordedValue(r.After)}))
	i.highest = max(i.highest, r.ID)
}

func recordedValue(v *store.ValueRecord) *identity.Mapping {
	if v == nil {
		return nil
	}
	return &identity.Mapping{Matcher: v.Matcher, Profile: v.Profile, Source: v.Source, Rule: v.Rule, Revision: v.Revision,
		CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy}
}

// flush writes what was gathered, users before their mappings.
func (i *importer) flush(ctx context.Context) error {
	for _, part := range []struct {
		what, insert string
		rows         *[][]any
	}{
		{"users", insertUser, &i.users},
		{"mappings", insertMapping, &i.mappings},
		{"changes", insertHistory, &i.changes},
	} {
		if err := insertRows(ctx, i.tx, part.insert, "", *part.rows); err != nil {
			return fmt.Errorf("storing %s: %w", part.what, err)
		}
		*part.rows = (*part.rows)[:0]
	}
	return nil
}
