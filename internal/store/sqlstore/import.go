// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Import fills an empty store with the records of another's Export, which next
// gives one by one and ends with io.EOF. Services may be there already; users
// and history may not. It is one transaction: when anything fails, or the
// process ends, nothing is there. It keeps three pages at a time in memory. next
// is called by one goroutine, and not any more when Import has returned.
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
		i := &importer{tx: t}
		if err := i.checkEmpty(ctx); err != nil {
			return err
		}
		var err error
		if counts, err = i.write(ctx, next); err != nil {
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

// importer writes pages of records.
type importer struct {
	*tx
	highest int64 // number that was given out
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

// write writes all pages. While the database is at work on one, the next is
// made from the records.
func (i *importer) write(ctx context.Context, next func() (store.Record, error)) (counts store.Counts, err error) {
	ctx, cancel := context.WithCancel(ctx)
	pages := make(chan *importPage, 1)
	made := make(chan struct{})
	go func() {
		defer close(made)
		defer close(pages)
		makePages(ctx, next, pages)
	}()
	defer func() { cancel(); <-made }()
	for p := range pages {
		if p.err != nil {
			return store.Counts{}, &sourceError{p.err}
		}
		if err := i.flush(ctx, p); err != nil {
			return store.Counts{}, err
		}
		i.highest, counts = max(i.highest, p.highest), p.counts
	}
	return counts, ctx.Err()
}

// flush writes a page, users before their mappings.
func (i *importer) flush(ctx context.Context, p *importPage) error {
	for _, row := range p.services {
		if err := i.addService(ctx, row); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		what, insert string
		rows         [][]any
	}{
		{"users", insertUser, p.users},
		{"mappings", insertMapping, p.mappings},
		{"changes", insertHistory, p.changes},
	} {
		if err := insertRows(ctx, i.tx, part.insert, "", part.rows); err != nil {
			return fmt.Errorf("storing %s: %w", part.what, err)
		}
	}
	return nil
}

// addService puts the record in the place of a service that a configuration
// has registered: nothing refers to that one yet.
func (i *importer) addService(ctx context.Context, row []any) error {
	key := row[1]
	if err := i.exec(ctx, "DELETE FROM services WHERE service_key = ?", key); err != nil {
		return fmt.Errorf("replacing the service %s: %w", key, err)
	}
	const insert = "INSERT INTO services (id, service_key, label, created_at, updated_at, updated_by, request_id)"
	if err := insertRows(ctx, i.tx, insert, "", [][]any{row}); err != nil {
		return fmt.Errorf("storing the service %s: %w", key, err)
	}
	return nil
}
