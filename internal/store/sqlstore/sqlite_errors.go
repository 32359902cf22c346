// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// primary cuts SQLite's extended result codes down to the plain ones.
const primary = 0xff

func sqliteCode(err error) (int, bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Code(), true
}

func isBusy(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&primary == sqlite3.SQLITE_BUSY
}

// transient holds for a reader that must start again on a newer state and for
// a database that another process is recovering after a crash. A plain busy
// has already waited as long as it may.
func (d *sqliteDialect) transient(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_BUSY_SNAPSHOT || code == sqlite3.SQLITE_BUSY_RECOVERY)
}

// lostRace: a table that already exists is a plain SQLITE_ERROR, and a
// version that is already recorded a constraint.
func (d *sqliteDialect) lostRace(err error) bool {
	code, ok := sqliteCode(err)
	if !ok {
		return false
	}
	switch code & primary {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_SCHEMA:
		return true
	}
	return false
}

func (d *sqliteDialect) duplicate(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func (d *sqliteDialect) explain(err error) error {
	code, ok := sqliteCode(err)
	if !ok {
		return nil
	}
	e := &identity.Error{Code: identity.CodeUnavailable, Cause: err}
	switch code & primary {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		e.Message = fmt.Sprintf("the store %s stayed locked for %s", d.path, d.busy)
		e.Hint, e.Retryable = "Another process is writing to it; try again.", true
	case sqlite3.SQLITE_FULL:
		e.Message = fmt.Sprintf("the disk of the store %s is full", d.path)
		e.Hint, e.Retryable = "Nothing was written; make room and try again.", true
	case sqlite3.SQLITE_IOERR:
		e.Message = fmt.Sprintf("the store %s could not be read or written", d.path)
		e.Hint, e.Retryable = "Look at the disk and its file system.", true
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		e.Message = fmt.Sprintf("the store %s cannot be written", d.path)
		e.Hint = "Let this user write to the file and its directory."
	case sqlite3.SQLITE_CANTOPEN:
		e.Message = fmt.Sprintf("the store %s cannot be opened", d.path)
		e.Hint = "Look at its path and the permissions of the file and its directory."
	case sqlite3.SQLITE_NOTADB:
		e.Message = fmt.Sprintf("%s is not an SQLite database", d.path)
		e.Hint = "Name another file for the store."
	case sqlite3.SQLITE_CORRUPT:
		e.Message = fmt.Sprintf("the store %s is damaged", d.path)
		e.Hint = "Restore it from a backup; nothing was written."
	default:
		e.Code, e.Message = identity.CodeInternal, "the store could not run a statement"
	}
	return e
}
