// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// dialect is all that differs between the databases. Everything else is
// written once, in SQL that all of them understand, with ? for parameters.
type dialect interface {
	// goose names the dialect to the migration tool; migrations are its files.
	goose() goose.Dialect
	migrations() (fs.FS, error)
	// prepare readies a database, new or old, for the migrations. Of all who
	// prepare a new one at once, exactly one is told that it was new.
	prepare(ctx context.Context, db *sql.DB) (fresh bool, err error)
	// lostRace reports whether a migration failed only because another process
	// ran it at the same time.
	lostRace(err error) bool

	// rebind writes ? as the driver wants it.
	rebind(query string) string
	// options are those of a transaction that sees one state of everything.
	options(readOnly bool) *sql.TxOptions
	// transient reports whether the whole transaction is to be run again.
	transient(err error) bool
	// explain says in words what the driver's error means; nil where err is not
	// the driver's.
	explain(err error) error
	// revisions takes n revisions that were never given out; first is the lowest.
	revisions(ctx context.Context, t *tx, n int) (first int64, err error)
	// oneWriter says that the database lets only one transaction write at a
	// time, so that writers of this process queue up here, in order.
	oneWriter() bool
}

// micros is how times are stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }
