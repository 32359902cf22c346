// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// dialect holds everything that differs between the databases. All else is written
// once, in SQL that both understand, with ? for parameters.
type dialect interface {
	// goose names the dialect to the migration tool, and the folder of its migrations.
	goose() goose.Dialect
	// prepare readies a database, new or old, for the migrations. If several
	// processes prepare a new one at once, fresh is true for one of them.
	prepare(ctx context.Context, db *sql.DB) (fresh bool, err error)
	// isOurSchema reports whether a database is this program's already. One that
	// belongs to another program is an error.
	isOurSchema(ctx context.Context, db querier) (bool, error)
	// lock keeps other processes from migrating until unlock, where the database
	// can; lostRace is for those that cannot.
	lock(ctx context.Context, db *sql.DB) (unlock func(), err error)
	// lostRace reports whether a migration failed only because another process
	// ran it at the same time.
	lostRace(err error) bool

	// rebind writes ? as the driver wants it.
	rebind(query string) string
	// values returns what follows INSERT INTO … for rows of texts and int64s, all
	// with the same columns, and its parameters.
	values(rows [][]any) (query string, args []any)
	// load inserts many rows at once into a table with its columns, as insertRows.
	load(ctx context.Context, t *tx, into string, rows [][]any) error
	// in returns the condition that a column has one of values, and its parameter.
	// The condition is always the same, so that statements are.
	in(values []string) (condition string, arg any)
	// transient reports whether the whole transaction is to be run again.
	transient(err error) bool
	// duplicate reports whether a row was refused because it is there already.
	duplicate(err error) bool
	// explain returns the driver's error in words, nil if err is not the driver's.
	explain(err error) error
	// revisions takes n revisions in growing order, greater than all before.
	revisions(ctx context.Context, t *tx, n int) ([]int64, error)
	// advance makes sure that revisions up to highest are never given out.
	advance(ctx context.Context, t *tx, highest int64) error
	// barrier makes a transaction that changed nothing wait, when it commits, for
	// all that it saw to be as safe as a write.
	barrier(ctx context.Context, t *tx) error
	// commit commits. Its error says so where the outcome is not known.
	commit(t *tx) error
	// settle leaves the database as a copy of it should find it, before it is
	// closed.
	settle(db *sql.DB) error
	// embedded reports that the database runs in this process. It lets only one
	// transaction write at a time, so that writers queue up here, in order, and
	// nobody caches its statements.
	embedded() bool
}

// failure describes an error of a database. Its texts may name the place of the
// store, %[1]s, and how long or how often it was tried, %[2]v.
type failure struct {
	message, hint string
	retryable     bool
}

// explained returns the error of a failure; a blank one is the program's fault.
func explained(cause error, f failure, place string, tried any) error {
	if f == (failure{}) {
		return &identity.Error{Code: identity.CodeInternal, Cause: cause, Message: "the store could not run a statement"}
	}
	return &identity.Error{Code: identity.CodeUnavailable, Cause: cause, Message: fmt.Sprintf(f.message, place, tried), Hint: f.hint, Retryable: f.retryable}
}

// querier is a database, one connection of it or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// micros returns a time as it is stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// These types scan what is stored into fields of a user, a service or a mapping. A
// mapping that an outer join did not find is blank.
type (
	timeColumn   time.Time
	keyColumn    identity.ServiceKey
	objectColumn map[string]string
)

// Scan implements sql.Scanner.
func (c *timeColumn) Scan(src any) error {
	us, ok := src.(int64)
	if !ok {
		return fmt.Errorf("%T is not a time", src)
	}
	*c = timeColumn(fromMicros(us))
	return nil
}

// Scan implements sql.Scanner.
func (c *keyColumn) Scan(src any) error {
	text, err := columnText(src)
	if text == "" {
		return err
	}
	return (*identity.ServiceKey)(c).UnmarshalText([]byte(text))
}

// Scan implements sql.Scanner.
func (c *objectColumn) Scan(src any) error {
	switch text, err := columnText(src); text {
	case "":
		return err
	case "{}": // as nearly all profiles are
		*c = objectColumn{}
		return nil
	default:
		return json.Unmarshal([]byte(text), (*map[string]string)(c))
	}
}

// columnText returns a text, also one that was stored as bytes.
func columnText(src any) (string, error) {
	switch text := src.(type) {
	case string:
		return text, nil
	case []byte:
		return string(text), nil
	}
	return "", fmt.Errorf("%T is not a text", src)
}
