// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// ExportOptions say what is exported.
type ExportOptions struct {
	History bool // the changes too
}

// Export hands out everything the store holds, as it was at one moment, in the
// order that Import wants. Writers go on meanwhile. It keeps a page at a time
// in memory. An error of visit ends it and is returned as it is.
func (s *Store) Export(ctx context.Context, opts ExportOptions, visit func(store.Record) error) error {
	var failed error // of visit, which is no fault of the store
	err := s.walk(ctx, func(t *tx) error {
		e := &exporter{tx: t, visit: func(r store.Record) error {
			failed = visit(r)
			return failed
		}}
		err := e.services(ctx)
		if err == nil {
			err = e.users(ctx)
		}
		if err == nil && opts.History {
			err = e.changes(ctx)
		}
		return err
	})
	return cmp.Or(failed, err)
}

// Size returns how many records Export hands out.
func (s *Store) Size(ctx context.Context, opts ExportOptions) (n int64, err error) {
	query := "SELECT (SELECT count(*) FROM services) + (SELECT count(*) FROM users)"
	if opts.History {
		query += " + (SELECT count(*) FROM history)"
	}
	err = s.db.QueryRowContext(ctx, query).Scan(&n)
	return n, s.explain(ctx, err)
}

// exporter reads one state of the store.
type exporter struct {
	*tx
	visit func(store.Record) error
}

func (e *exporter) services(ctx context.Context) error {
	var all []store.ServiceRecord
	err := eachRow(ctx, e.tx, "SELECT "+serviceColumns+" FROM services ORDER BY id", nil, func(rows *sql.Rows) error {
		r, err := scanService(rows)
		all = append(all, r)
		return err
	})
	for _, r := range all {
		if err == nil {
			err = e.visit(store.Record{Service: &r})
		}
	}
	return err
}

func (e *exporter) users(ctx context.Context) error {
	var w userWalk
	return w.pages(ctx, e.tx, func(page []*record) error {
		for _, r := range page {
			if err := e.visit(store.Record{User: userRecord(r)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// userRecord returns a user with the mappings in the order of their revisions.
func userRecord(r *record) *store.UserRecord {
	out := r.UserRecord
	for _, m := range r.mappings {
		out.Mappings = append(out.Mappings, m.MappingRecord)
	}
	slices.SortFunc(out.Mappings, func(a, b store.MappingRecord) int { return cmp.Compare(a.Revision, b.Revision) })
	return &out
}

func (e *exporter) changes(ctx context.Context) error {
	const query = "SELECT " + historyColumns + " FROM history WHERE id > ? ORDER BY id LIMIT ?"
	for after := int64(0); ; {
		var page []identity.Change
		err := eachRow(ctx, e.tx, query, []any{after, pageSize}, func(rows *sql.Rows) error {
			c, err := scanChange(rows)
			page = append(page, c)
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range page {
			for _, m := range []*identity.Mapping{c.Before, c.After} {
				if m != nil {
					m.Service = identity.ServiceKey{} // the change names it
				}
			}
			if err := e.visit(store.Record{Change: &c}); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
		after = page[len(page)-1].ID
	}
}
