// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// sqliteIdleTime is how long a connection is kept that nobody uses: each has
// its own cache of pages.
const sqliteIdleTime = time.Minute

// sqliteDialect is SQLite in one file, in WAL mode.
type sqliteDialect struct {
	path string
	busy time.Duration
}

func openSQLite(ctx context.Context, path string, opts Options) (*Store, error) {
	path, err := sqlitePath(path)
	if err != nil {
		return nil, err
	}
	d := &sqliteDialect{path: path, busy: opts.BusyTimeout}
	if opts.NoMigrate {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			want, err := latest(d)
			return nil, errors.Join(err, outdated(SchemaVersion{Want: want}))
		}
	}
	if err := createFile(path); err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector(sqliteDSN(path, opts.BusyTimeout))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db := sql.OpenDB(connector)
	db.SetConnMaxIdleTime(sqliteIdleTime)
	return openDB(ctx, db, db, d, opts)
}

func sqlitePath(path string) (string, error) {
	bad := func(message string) (string, error) {
		return "", identity.Invalid(identity.CodeInvalid, message, "Write sqlite: and the path of a file, as in sqlite:identities.db.")
	}
	switch {
	case path == "":
		return bad("the store names no file")
	case strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file:"):
		return bad("the store must be a file of its own")
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return bad("the store has a host where a path belongs")
	case strings.ContainsRune(path, 0):
		return bad("the store's path holds a NUL byte")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding the store's file: %w", err)
	}
	return abs, nil
}

// createFile makes the file before SQLite does, so that only its owner can
// read it, also where path is a link to a file that is not there yet. SQLite
// gives its -wal and -shm files the same mode.
func createFile(path string) error {
	fail := func(cause error, message, hint string) error {
		return &identity.Error{Code: identity.CodeUnavailable, Message: message, Hint: hint, Cause: cause}
	}
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return fail(nil, path+" is not a regular file", "Name a file for the store, not a folder.")
		}
		return nil
	}
	// Not O_EXCL: it does not follow links, and another process may be faster.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	switch {
	case err == nil:
		return f.Close()
	case errors.Is(err, fs.ErrNotExist):
		return fail(err, "the folder of "+path+" does not exist", "Create it, or name another path for the store.")
	case errors.Is(err, fs.ErrPermission):
		return fail(err, "the store "+path+" cannot be created: permission denied", "Let this user write to the folder.")
	}
	return fail(err, "the store "+path+" cannot be created", "Check the folder and the disk.")
}

// sqliteDSN escapes the path, which may hold ?, # and %.
func sqliteDSN(path string, busy time.Duration) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/dir becomes file:///C:/dir
	}
	q := url.Values{
		"_txlock": {"immediate"},
		// busy_timeout comes first: the others may already have to wait.
		"_pragma": {
			"busy_timeout(" + strconv.FormatInt(max(1, busy.Milliseconds()), 10) + ")",
			"foreign_keys(1)",
			"synchronous(FULL)",
			"cache_size(-4096)", // KiB, for each connection; the default of 2 MiB rereads pages of a large store
		},
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: q.Encode()}
	return "file://" + u.EscapedPath() + "?" + u.RawQuery
}

func (d *sqliteDialect) goose() goose.Dialect { return goose.DialectSQLite3 }

func (d *sqliteDialect) rebind(query string) string { return query }

func (d *sqliteDialect) values(rows [][]any) (query string, args []any) {
	width := len(rows[0])
	args = make([]any, 0, width*len(rows))
	for _, r := range rows {
		args = append(args, r...)
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", width), ",") + "),"
	return "VALUES " + strings.TrimSuffix(strings.Repeat(row, len(rows)), ","), args
}

func (d *sqliteDialect) load(ctx context.Context, t *tx, into string, rows [][]any) error {
	return insertRows(ctx, t, into, "", rows)
}

func (d *sqliteDialect) in(values []string) (condition string, arg any) {
	list, _ := json.Marshal(values) // texts always marshal
	return "IN (SELECT value FROM json_each(?))", string(list)
}

func (d *sqliteDialect) embedded() bool { return true }

// barrier does nothing: what a transaction of a file sees is committed to it.
func (d *sqliteDialect) barrier(context.Context, *tx) error { return nil }

func (d *sqliteDialect) commit(t *tx) error {
	if err := t.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// checkpointWait is how long the last checkpoint waits for other processes. It
// is short: Terraform kills a provider two seconds after asking it to end.
const checkpointWait = 500 * time.Millisecond

// settle moves what was committed from the -wal file into the file itself, so
// that a copy of the file alone is the whole store. SQLite does so when the last
// connection closes, but not if two processes close at the same moment, or if
// this one ends while it still reads. What others keep from being moved, the
// next one to close moves.
func (d *sqliteDialect) settle(db *sql.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*checkpointWait)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil //nolint:nilerr // all connections are in use; the -wal file keeps everything
	}
	defer conn.Close() // its database is about to be closed
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = "+strconv.FormatInt(checkpointWait.Milliseconds(), 10)); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	switch sqliteCode(err) & primary {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT:
		return nil // not now, or not by this process
	}
	return err
}

// revisions counts in a row, which only one writer at a time can change.
func (d *sqliteDialect) revisions(ctx context.Context, t *tx, n int) ([]int64, error) {
	var last int64
	if err := t.row(ctx, "SELECT last FROM revisions").Scan(&last); err != nil {
		return nil, fmt.Errorf("reading the last revision: %w", err)
	}
	last = t.clock.after(last)
	taken := make([]int64, n)
	for i := range taken {
		last++
		taken[i] = last
	}
	return taken, d.advance(ctx, t, last)
}

func (d *sqliteDialect) advance(ctx context.Context, t *tx, highest int64) error {
	if err := t.exec(ctx, "UPDATE revisions SET last = max(last, ?)", highest); err != nil {
		return fmt.Errorf("advancing the revisions: %w", err)
	}
	return nil
}

// lock does nothing: prepare and every migration are write transactions, and a
// file has one write transaction at a time.
func (d *sqliteDialect) lock(context.Context, *sql.DB) (unlock func(), err error) {
	return func() {}, nil
}

// prepare switches a new file to WAL mode and claims it: a database of some
// other program is left alone. It runs in one write transaction, because
// several processes may open a new file at once.
func (d *sqliteDialect) prepare(ctx context.Context, db *sql.DB) (fresh bool, err error) {
	if err := d.enableWAL(ctx, db); err != nil {
		return false, err
	}
	if ours, err := d.isOurSchema(ctx, db); err != nil || ours {
		return false, err
	}
	return claimDatabase(ctx, db, d)
}

// isOurSchema asks everything in one statement: another process may be creating the
// tables meanwhile.
func (d *sqliteDialect) isOurSchema(ctx context.Context, db querier) (bool, error) {
	var ours bool
	var foreign string
	const query = "SELECT count(CASE WHEN name = '" + versionTable + "' THEN 1 END) > 0, coalesce(min(name), '') FROM sqlite_master WHERE type = 'table'"
	err := db.QueryRowContext(ctx, query).Scan(&ours, &foreign)
	if err == nil && !ours && foreign != "" {
		err = &identity.Error{Code: identity.CodeUnavailable,
			Message: fmt.Sprintf("%s is a database of another program: it holds a table %q", d.path, foreign),
			Hint:    "Name a file of its own for the store."}
	}
	return ours, err
}

// enableWAL switches to WAL mode. It waits by itself, because SQLite's busy
// handler does not cover the change of a journal mode.
func (d *sqliteDialect) enableWAL(ctx context.Context, db *sql.DB) error {
	deadline := time.Now().Add(d.busy)
	for {
		var mode string
		err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
		if err == nil && mode != "wal" {
			err = db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		}
		switch {
		case err == nil && mode == "wal":
			return nil
		case err == nil:
			return &identity.Error{Code: identity.CodeUnavailable,
				Message: fmt.Sprintf("%s cannot be used in WAL mode (it stays in %s mode)", d.path, mode),
				Hint:    "Put the store on a local file system."}
		case sqliteCode(err)&primary != sqlite3.SQLITE_BUSY || time.Now().After(deadline):
			return err
		}
		if err := httpx.Sleep(ctx, jitter(20*time.Millisecond)); err != nil {
			return err
		}
	}
}

// primary cuts SQLite's extended result codes down to the plain ones.
const primary = 0xff

// sqliteCode returns SQLite's code for an error, SQLITE_OK for an error of others.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return sqlite3.SQLITE_OK
	}
	return e.Code()
}

// transient holds for a reader that must start again on a newer state and for
// a database that another process is recovering after a crash. A plain busy
// has already waited as long as it may.
func (d *sqliteDialect) transient(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_BUSY_SNAPSHOT || code == sqlite3.SQLITE_BUSY_RECOVERY
}

// lostRace: a table that already exists is a plain SQLITE_ERROR, and a
// version that is already recorded a constraint.
func (d *sqliteDialect) lostRace(err error) bool {
	switch sqliteCode(err) & primary {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_SCHEMA:
		return true
	}
	return false
}

func (d *sqliteDialect) duplicate(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

var sqliteFailures = map[int]failure{
	sqlite3.SQLITE_BUSY:     {"the store %[1]s stayed locked for %[2]s", "Another process is writing to it; try again.", true},
	sqlite3.SQLITE_LOCKED:   {"the store %[1]s stayed locked for %[2]s", "Another process is writing to it; try again.", true},
	sqlite3.SQLITE_FULL:     {"the disk of the store %[1]s is full", "Nothing was written; make room and try again.", true},
	sqlite3.SQLITE_IOERR:    {"the store %[1]s could not be read or written", "Check the disk and its file system.", true},
	sqlite3.SQLITE_READONLY: {"the store %[1]s cannot be written", "Let this user write to the file and its folder.", false},
	sqlite3.SQLITE_PERM:     {"the store %[1]s cannot be written", "Let this user write to the file and its folder.", false},
	sqlite3.SQLITE_CANTOPEN: {"the store %[1]s cannot be opened", "Check its path and the permissions of the file and its folder.", false},
	sqlite3.SQLITE_NOTADB:   {"%[1]s is not an SQLite database", "Name another file for the store.", false},
	sqlite3.SQLITE_CORRUPT:  {"the store %[1]s is damaged", "Restore it from a backup; nothing was written.", false},
}

func (d *sqliteDialect) explain(err error) error {
	code := sqliteCode(err)
	if code == sqlite3.SQLITE_OK {
		return nil
	}
	return explained(err, sqliteFailures[code&primary], d.path, d.busy)
}
