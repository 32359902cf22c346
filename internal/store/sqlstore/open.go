// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package sqlstore keeps users, services and mappings in an SQL database. It
// is one store in SQL that SQLite and PostgreSQL share; what differs stands
// behind the dialect interface.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Options tune a store. The zero value is right for nearly everyone.
type Options struct {
	// BusyTimeout is how long a writer of an SQLite file waits for another
	// process; 0 = 10 s.
	BusyTimeout time.Duration
	// ConnectTimeout is how long connecting to a server may take; 0 = as the URL
	// says, else 10 s.
	ConnectTimeout time.Duration
	// StatementTimeout is how long a server may take over one statement, waiting
	// for locks included; 0 = as the URL says, else 30 s. Migrations have no limit.
	StatementTimeout time.Duration
	// NoMigrate leaves the schema as it is. One that is not up to date is then an
	// error with what to do.
	NoMigrate bool
	// MaxConns bounds the connections of this process; 0 = 8.
	MaxConns int
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 10 * time.Second
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 8
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Store is a store.Store in an SQL database. It is safe for concurrent use,
// also by several processes on one database.
type Store struct {
	db      *sql.DB
	dialect dialect
	opts    Options
	created bool
	gate    chan struct{} // held by the one writer, where the dialect has only one

	mu       sync.Mutex           // never held while a connection is awaited
	prepared map[string]*sql.Stmt // closed with db
	writer   *sql.Conn            // of the gate's holder; nil before the first write
	closed   bool
}

var _ store.Store = (*Store)(nil)

// Open opens the store that url names, creating it where it is missing, and
// brings its schema up to date. url is sqlite:PATH, where the path is taken as
// it is, without any decoding, or postgres://… as psql takes it. Errors never
// hold the url: it may hold a password.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, rest, opts)
	case "postgres", "postgresql":
		return openPostgres(ctx, url, opts)
	}
	return nil, &identity.Error{Code: identity.CodeInvalid, Message: "the store is not a URL that this program knows",
		Hint: "It must look like sqlite:identities.db or postgres://HOST/DATABASE."}
}

// openDB readies a database. migrations is the same one, with the connections
// that migrations may use.
func openDB(ctx context.Context, db, migrations *sql.DB, d dialect, opts Options) (*Store, error) {
	s := &Store{db: db, dialect: d, opts: opts, prepared: map[string]*sql.Stmt{}}
	db.SetMaxOpenConns(opts.MaxConns)
	db.SetMaxIdleConns(opts.MaxConns)
	if d.oneWriter() {
		s.gate = make(chan struct{}, 1)
	}
	var err error
	if s.created, err = migrate(ctx, migrations, d, opts.NoMigrate); err != nil {
		return nil, errors.Join(s.explain(ctx, err), db.Close())
	}
	return s, nil
}

// Created reports whether Open made the store: there was no file before, or an
// empty one. Where several processes open a new file at once, one is told so.
func (s *Store) Created() bool { return s.created }

// Ping reads one row, so that it notices a database that has gone away.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM services WHERE service_key = 'sym:cloud'").Scan(&n)
	return s.explain(ctx, err)
}

// Close releases the database. Calls under way may fail.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.writer != nil {
		_ = s.writer.Close() // back to the database, which closes it
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// now is the time of a change, as exact as it is stored.
func (s *Store) now() time.Time { return s.opts.Now().UTC().Truncate(time.Microsecond) }
