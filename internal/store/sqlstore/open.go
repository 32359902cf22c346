// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package sqlstore keeps users, services and mappings in an SQL database. SQLite
// and PostgreSQL share all of it but what the dialect interface declares.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
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
	revised atomic.Bool   // revisions were taken since it was opened
	gate    chan struct{} // holds a token for each writer under way

	commitLimit time.Duration

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

// openDB readies a database. migrating is the same one, with the connections
// that migrations may use.
func openDB(ctx context.Context, db, migrating *sql.DB, d dialect, opts Options) (*Store, error) {
	s := &Store{db: db, dialect: d, opts: opts, prepared: map[string]*sql.Stmt{}, commitLimit: commitLimit}
	db.SetMaxOpenConns(opts.MaxConns)
	db.SetMaxIdleConns(opts.MaxConns)
	writers := 1
	if !d.embedded() {
		writers = max(1, opts.MaxConns-readersOnly)
	}
	s.gate = make(chan struct{}, writers)
	var err error
	if s.created, err = migrate(ctx, migrating, d, opts.NoMigrate); err != nil {
		return nil, errors.Join(s.explain(ctx, err), db.Close())
	}
	return s, nil
}

// Created reports whether Open made the store: there was no file before, or an
// empty one. If several processes open a new file at once, it is true for one of them.
func (s *Store) Created() bool { return s.created }

// ID returns the UUID of the store. It is read each time, because another process
// may import into an empty store.
func (s *Store) ID(ctx context.Context) (string, error) {
	var id string
	err := s.db.QueryRowContext(ctx, "SELECT id FROM store").Scan(&id)
	return id, s.explain(ctx, err)
}

// Ping reads one row, so that it notices a database that has gone away.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM services WHERE service_key = 'sym:cloud'").Scan(&n)
	return s.explain(ctx, err)
}

// Writable returns an error if the store's user may not change it. It changes nothing.
func (s *Store) Writable(ctx context.Context) error {
	return s.retry(ctx, func() error {
		t, err := s.beginWrite(ctx)
		if err != nil {
			return fmt.Errorf("beginning a transaction: %w", err)
		}
		defer t.rollback()
		for _, table := range []string{"users", "services", "mappings", "history"} {
			for _, statement := range []string{"INSERT INTO %[1]s SELECT * FROM %[1]s WHERE 1 = 0", "UPDATE %[1]s SET id = id WHERE 1 = 0", "DELETE FROM %[1]s WHERE 1 = 0"} {
				if statement[0] == 'U' && table == "history" {
					continue // nobody changes a row of it
				}
				if err := t.exec(ctx, fmt.Sprintf(statement, table)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Close releases the database. It lets writes under way end, within a limit;
// other calls may fail. When the last process closes an SQLite file, that file
// alone is the whole store.
func (s *Store) Close() error {
	defer s.awaitWriters(closeLimit)()
	s.mu.Lock()
	s.closed = true
	if s.writer != nil {
		_ = s.writer.Close() // back to the database, which closes it
	}
	s.mu.Unlock()
	if err := errors.Join(s.dialect.settle(s.db), s.db.Close()); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// now returns the time of a change, as exact as it is stored.
func (s *Store) now() time.Time { return s.opts.Now().UTC().Truncate(time.Microsecond) }

// migrations has a folder for each dialect.
//
//go:embed migrations
var migrations embed.FS

// versionTable is where the migration tool keeps the schema's version.
const versionTable = "sym_schema_versions"

// migrateAttempts bounds how often a migration is tried that other processes
// run at the same time. Each lost race means that one of them made progress.
const migrateAttempts = 20

// migrate brings the schema up to date, or with onlyLook reports that it is
// not. Every migration is one transaction with its version, so processes that
// start together cannot leave half of one; the losers look again and find the
// work done.
func migrate(ctx context.Context, db *sql.DB, d dialect, onlyLook bool) (fresh bool, err error) {
	if onlyLook {
		v, err := schema(ctx, db, d)
		if err == nil && v.Have != v.Want {
			err = outdated(v)
		}
		return false, err
	}
	unlock, err := d.lock(ctx, db)
	if err != nil {
		return false, err
	}
	defer unlock()
	for attempt := 1; ; attempt++ {
		made, err := d.prepare(ctx, db)
		fresh = fresh || made
		if err == nil {
			err = migrateOnce(ctx, db, d)
		}
		if err == nil || attempt == migrateAttempts || !d.lostRace(err) {
			return fresh, err
		}
		if err := httpx.Sleep(ctx, jitter(time.Duration(attempt)*10*time.Millisecond)); err != nil {
			return fresh, err
		}
	}
}

// provider knows the migrations, and refuses a schema that is newer than they are.
func provider(ctx context.Context, db *sql.DB, d dialect) (p *goose.Provider, have, know int64, err error) {
	files, err := fs.Sub(migrations, "migrations/"+string(d.goose()))
	if err == nil {
		p, err = goose.NewProvider(d.goose(), db, files, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("reading the migrations: %w", err)
	}
	have, know, err = p.GetVersions(ctx)
	switch {
	case err != nil:
		return nil, 0, 0, fmt.Errorf("reading the schema's version: %w", err)
	case have > know:
		return nil, 0, 0, &identity.Error{Code: identity.CodeUnavailable,
			Message: fmt.Sprintf("the store has schema version %d, this program knows versions up to %d", have, know),
			Hint:    "A newer release wrote it: upgrade this program. Nothing was changed."}
	}
	return p, have, know, nil
}

// claimDatabase marks a new database as this program's. fresh is false if it was before; one
// that belongs to another program is an error.
func claimDatabase(ctx context.Context, db *sql.DB, d dialect) (fresh bool, err error) {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer t.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if ours, err := d.isOurSchema(ctx, t); err != nil || ours {
		return false, err
	}
	versions, err := database.NewStore(d.goose(), versionTable)
	if err != nil {
		return false, err
	}
	if err := versions.CreateVersionTable(ctx, t); err != nil {
		return false, err
	}
	if err := versions.Insert(ctx, t, database.InsertRequest{Version: 0}); err != nil {
		return false, err
	}
	return true, t.Commit()
}

func migrateOnce(ctx context.Context, db *sql.DB, d dialect) error {
	p, have, know, err := provider(ctx, db, d)
	if err != nil || have == know {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating from schema version %d to %d: %w", have, know, err)
	}
	return nil
}

// SchemaVersion is which schema a store has and which one this program needs.
type SchemaVersion struct {
	Have int64 // 0 = the store is empty, or not there yet
	Want int64
}

// Schema tells a store's schema and changes nothing. A store that cannot be
// used (another program's, a newer one, one that cannot be reached) is an error.
func Schema(ctx context.Context, url string, opts Options) (SchemaVersion, error) {
	opts.NoMigrate = true
	s, err := Open(ctx, url, opts)
	var old *outdatedError
	switch {
	case errors.As(err, &old):
		return old.version, nil
	case err != nil:
		return SchemaVersion{}, err
	}
	version, err := schema(ctx, s.db, s.dialect)
	return version, errors.Join(s.explain(ctx, err), s.Close())
}

// outdatedError reports a schema that is not up to date and must not be changed.
type outdatedError struct{ version SchemaVersion }

func (e *outdatedError) Error() string {
	return fmt.Sprintf("schema version %d in place of %d", e.version.Have, e.version.Want)
}

func outdated(v SchemaVersion) error {
	e := &identity.Error{Code: identity.CodeUnavailable, Cause: &outdatedError{v},
		Message: fmt.Sprintf("the store has schema version %d, this program needs version %d", v.Have, v.Want),
		Hint:    "Run `sym-identityd migrate`, or set migrate = true in store_options."}
	if v.Have == 0 {
		e.Message = "the store does not exist yet: nothing has created its tables"
	}
	return e
}

func schema(ctx context.Context, db *sql.DB, d dialect) (SchemaVersion, error) {
	ours, err := d.isOurSchema(ctx, db)
	if err != nil {
		return SchemaVersion{}, err
	}
	if !ours {
		want, err := latest(d)
		return SchemaVersion{Want: want}, err
	}
	_, have, know, err := provider(ctx, db, d)
	return SchemaVersion{have, know}, err
}

// latest returns the newest version.
func latest(d dialect) (int64, error) {
	names, err := fs.Glob(migrations, "migrations/"+string(d.goose())+"/*.sql") // sorted
	if err != nil {
		return 0, fmt.Errorf("reading the migrations: %w", err)
	}
	return goose.NumericComponent(names[len(names)-1])
}
