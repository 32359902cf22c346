// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"embed"
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
	"github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

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
	if err := createFile(path); err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector(sqliteDSN(path, opts.BusyTimeout))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return openDB(ctx, sql.OpenDB(connector), &sqliteDialect{path: path, busy: opts.BusyTimeout}, opts)
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
// read it; SQLite gives its -wal and -shm files the same mode.
func createFile(path string) error {
	fail := func(cause error, message, hint string) error {
		return &identity.Error{Code: identity.CodeUnavailable, Message: message, Hint: hint, Cause: cause}
	}
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return fail(nil, path+" is not a regular file", "Name a file for the store, not a directory.")
		}
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case err == nil:
		return f.Close()
	case errors.Is(err, fs.ErrExist):
		return nil // another process was faster
	case errors.Is(err, fs.ErrNotExist):
		return fail(err, "the directory of "+path+" does not exist", "Create it, or name another path for the store.")
	case errors.Is(err, fs.ErrPermission):
		return fail(err, "the store "+path+" cannot be created: permission denied", "Let this user write to the directory.")
	}
	return fail(err, "the store "+path+" cannot be created", "Look at the directory and the disk.")
}

// sqliteDSN escapes the path, which may hold ?, # and %.
func sqliteDSN(path string, busy time.Duration) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/dir becomes file:///C:/dir
	}
	q := url.Values{
		"_txlock": {"immediate"},
		// busy_timeout stands first: the others may already have to wait.
		"_pragma": {
			"busy_timeout(" + strconv.FormatInt(max(1, busy.Milliseconds()), 10) + ")",
			"foreign_keys(1)",
			"synchronous(FULL)",
			"cache_size(-16384)", // KiB; the default of 2 MiB rereads pages of a large store
		},
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: q.Encode()}
	return "file://" + u.EscapedPath() + "?" + u.RawQuery
}

func (d *sqliteDialect) goose() goose.Dialect { return goose.DialectSQLite3 }

func (d *sqliteDialect) migrations() (fs.FS, error) {
	return fs.Sub(sqliteMigrations, "migrations/sqlite")
}

func (d *sqliteDialect) rebind(query string) string { return query }

func (d *sqliteDialect) options(readOnly bool) *sql.TxOptions {
	return &sql.TxOptions{ReadOnly: readOnly}
}

func (d *sqliteDialect) oneWriter() bool { return true }

func (d *sqliteDialect) revisions(ctx context.Context, t *tx, n int) (int64, error) {
	var last int64
	if err := t.row(ctx, "UPDATE revisions SET last = last + ? RETURNING last", n).Scan(&last); err != nil {
		return 0, fmt.Errorf("taking revisions: %w", err)
	}
	return last - int64(n) + 1, nil
}

// prepare switches a new file to WAL mode and claims it: a database of some
// other program is left alone. It runs in one write transaction, because
// several processes may open a new file at once.
func (d *sqliteDialect) prepare(ctx context.Context, db *sql.DB) (fresh bool, err error) {
	if err := d.enableWAL(ctx, db); err != nil {
		return false, err
	}
	var ours bool
	const isOurs = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '" + versionTable + "')"
	if err := db.QueryRowContext(ctx, isOurs).Scan(&ours); err != nil || ours {
		return false, err
	}
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer t.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := t.QueryRowContext(ctx, isOurs).Scan(&ours); err != nil || ours {
		return false, err
	}
	var foreign string
	err = t.QueryRowContext(ctx, "SELECT coalesce(min(name), '') FROM sqlite_master WHERE type = 'table'").Scan(&foreign)
	if err != nil {
		return false, err
	}
	if foreign != "" {
		return false, &identity.Error{Code: identity.CodeUnavailable,
			Message: fmt.Sprintf("%s is a database of another program: it holds a table %q", d.path, foreign),
			Hint:    "Name a file of its own for the store."}
	}
	versions, err := database.NewStore(goose.DialectSQLite3, versionTable)
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

// enableWAL is not left to SQLite's busy handler, which does not cover the
// change of a journal mode.
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
		case !isBusy(err) || time.Now().After(deadline):
			return err
		}
		if err := sleep(ctx, jitter(20*time.Millisecond)); err != nil {
			return err
		}
	}
}
