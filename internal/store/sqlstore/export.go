// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"

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

// exporter reads one state of the store.
type exporter struct {
	*tx
	visit func(store.Record) error
}

func (e *exporter) services(ctx context.Context) error {
	var all []*store.ServiceRecord
	const query = "SELECT id, service_key, label, created_at, updated_at, updated_by, request_id FROM services ORDER BY id"
	err := eachRow(ctx, e.tx, query, nil, func(rows *sql.Rows) error {
		r := &store.ServiceRecord{}
		all = append(all, r)
		return scanStamped(rows, &r.Stamp, &r.ID, &r.Key, &r.Label)
	})
	for _, r := range all {
		if err == nil {
			err = e.visit(store.Record{Service: r})
		}
	}
	return err
}

// scanStamped reads columns, with those of a stamp behind them.
func scanStamped(row scanner, stamp *store.Stamp, columns ...any) error {
	var created, updated int64
	if err := row.Scan(append(columns, &created, &updated, &stamp.UpdatedBy, &stamp.RequestID)...); err != nil {
		return err
	}
	stamp.CreatedAt, stamp.UpdatedAt = fromMicros(created), fromMicros(updated)
	return nil
}

func (e *exporter) users(ctx context.Context) error {
	const query = `SELECT id, user_key, type, role, name, first_name, last_name, created_at, updated_at, updated_by, request_id
		FROM users WHERE user_key > ? ORDER BY user_key LIMIT ?`
	for after := ""; ; {
		var page []*store.UserRecord
		err := eachRow(ctx, e.tx, query, []any{after, pageSize}, func(rows *sql.Rows) error {
			r := &store.UserRecord{}
			page = append(page, r)
			return scanStamped(rows, &r.Stamp, &r.ID, &r.Key, &r.Type, &r.Role, &r.Name, &r.FirstName, &r.LastName)
		})
		if err != nil {
			return fmt.Errorf("reading users: %w", err)
		}
		if err := e.mappings(ctx, page); err != nil {
			return err
		}
		for _, r := range page {
			if err := e.visit(store.Record{User: r}); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
		after = string(page[len(page)-1].Key)
	}
}

// mappings fills in the mappings of a page of users.
func (e *exporter) mappings(ctx context.Context, page []*store.UserRecord) error {
	byID := make(map[string]*store.UserRecord, len(page))
	ids := make([]string, len(page))
	for i, r := range page {
		byID[r.ID], ids[i] = r, r.ID
	}
	const query = "SELECT " + mappingColumns + ` FROM mappings m JOIN services s ON s.id = m.service_id
		WHERE m.user_id %s ORDER BY m.revision`
	return selectIn(ctx, e.tx, query, nil, ids, func(rows *sql.Rows) error {
		userID, m, err := scanMapping(rows)
		if err != nil {
			return err
		}
		r := byID[userID]
		r.Mappings = append(r.Mappings, store.MappingRecord{ID: m.id, Service: m.Service.String(), Matcher: m.Matcher, Profile: m.Profile,
			Source: m.Source, Rule: m.Rule, Revision: m.Revision,
			Stamp: store.Stamp{CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, UpdatedBy: m.UpdatedBy, RequestID: m.requestID}})
		return nil
	})
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
			err := e.visit(store.Record{Change: &store.ChangeRecord{ID: c.ID, At: c.At, By: c.By, RequestID: c.RequestID,
				UserID: c.UserID, User: c.User, Service: c.Service.String(), Before: valueRecord(c.Before), After: valueRecord(c.After)}})
			if err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

func valueRecord(m *identity.Mapping) *store.ValueRecord {
	if m == nil {
		return nil
	}
	return &store.ValueRecord{Matcher: m.Matcher, Profile: m.Profile, Source: m.Source, Rule: m.Rule, Revision: m.Revision,
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, UpdatedBy: m.UpdatedBy}
}
