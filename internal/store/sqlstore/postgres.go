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
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

//go:embed migrations/postgres/*.sql
var postgresMigrations embed.FS

// postgresDialect speaks to a PostgreSQL server.
type postgresDialect struct {
	server string // host:port, as messages name it
}

func (d *postgresDialect) goose() goose.Dialect { return goose.DialectPostgres }

func (d *postgresDialect) migrations() (fs.FS, error) {
	return fs.Sub(postgresMigrations, "migrations/postgres")
}

// rebind numbers the parameters. No statement of this package holds a question
// mark that is not one.
func (d *postgresDialect) rebind(query string) string {
	var b strings.Builder
	b.Grow(len(query) + len(query)/4)
	n := 0
	for {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		query = after
	}
}

// values hands over columns rather than rows: one parameter for each, so that
// the statement is the same for any number of rows and is prepared once.
func (d *postgresDialect) values(rows [][]any) (query string, args []any) {
	width := len(rows[0])
	arrays := make([]string, width)
	args = make([]any, width)
	for i := range width {
		if _, text := rows[0][i].(string); text {
			arrays[i], args[i] = "CAST(? AS TEXT[])", column[string](rows, i)
		} else {
			arrays[i], args[i] = "CAST(? AS BIGINT[])", column[int64](rows, i)
		}
	}
	return "SELECT * FROM unnest(" + strings.Join(arrays, ", ") + ")", args
}

// among takes one parameter for any number of values, for the same reason.
func (d *postgresDialect) among(values []string) (condition string, args []any) {
	return "= ANY(CAST(? AS TEXT[]))", []any{values}
}

func column[T any](rows [][]any, i int) []T {
	values := make([]T, len(rows))
	for n, r := range rows {
		v, ok := r[i].(T)
		if !ok {
			panic(fmt.Sprintf("sqlstore: column %d holds a %T beside others", i, r[i]))
		}
		values[n] = v
	}
	return values
}

func (d *postgresDialect) options(readOnly bool) *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: readOnly}
}

func (d *postgresDialect) snapshot() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

func (d *postgresDialect) keepsNoPlans() bool { return false } // the driver does

func (d *postgresDialect) oneWriter() bool { return false }

func (d *postgresDialect) revisions(ctx context.Context, t *tx, n int) ([]int64, error) {
	taken := make([]int64, 0, n)
	const query = "SELECT nextval('revisions') FROM generate_series(1, CAST(? AS BIGINT))"
	err := eachRow(ctx, t, query, []any{n}, func(rows *sql.Rows) error {
		var r int64
		err := rows.Scan(&r)
		taken = append(taken, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("taking revisions: %w", err)
	}
	return taken, nil
}

// advance moves the sequence at once, whatever becomes of the transaction: that
// only skips numbers.
func (d *postgresDialect) advance(ctx context.Context, t *tx, highest int64) error {
	var last int64
	if err := t.row(ctx, "SELECT last_value FROM revisions").Scan(&last); err != nil {
		return fmt.Errorf("reading the last revision: %w", err)
	}
	if last >= highest {
		return nil
	}
	if err := t.row(ctx, "SELECT setval('revisions', CAST(? AS BIGINT))", highest).Scan(&last); err != nil {
		return fmt.Errorf("advancing the revisions: %w", err)
	}
	return nil
}

func (d *postgresDialect) analyze(ctx context.Context, db *sql.DB) {
	for _, table := range []string{"users", "mappings", "history"} {
		// Whoever may not do this waits for the server to do it by itself.
		_, _ = db.ExecContext(ctx, "ANALYZE "+table)
	}
}

// prepare claims a new database: one that holds tables of some other program
// under our names is left alone.
func (d *postgresDialect) prepare(ctx context.Context, db *sql.DB) (fresh bool, err error) {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer t.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	ours, err := d.ours(ctx, t)
	if err != nil || ours {
		return false, err
	}
	versions, err := database.NewStore(goose.DialectPostgres, versionTable)
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

// ours reports whether the schema is this program's. A schema that cannot
// become it is an error.
func (d *postgresDialect) ours(ctx context.Context, t querier) (bool, error) {
	var schema sql.NullString
	if err := t.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return false, err
	}
	if !schema.Valid {
		return false, &identity.Error{Code: identity.CodeUnavailable,
			Message: "the schema that the store's URL names does not exist on " + d.server,
			Hint:    "Create it, or change search_path in the URL."}
	}
	// One statement, because another process may be creating the tables.
	const query = "SELECT count(CASE WHEN table_name = '" + versionTable + "' THEN 1 END) > 0, coalesce(min(table_name), '')" +
		" FROM information_schema.tables WHERE table_schema = $1" +
		" AND table_name IN ('" + versionTable + "', 'users', 'services', 'mappings', 'history')"
	var ours bool
	var found string
	if err := t.QueryRowContext(ctx, query, schema.String).Scan(&ours, &found); err != nil || ours {
		return ours, err
	}
	if found != "" {
		return false, &identity.Error{Code: identity.CodeUnavailable,
			Message: fmt.Sprintf("the schema %q on %s belongs to another program: it holds a table %q", schema.String, d.server, found),
			Hint:    "Give the store a database or a schema of its own, as in postgres://…/identities?search_path=sym."}
	}
	return false, nil
}

// migrationLock is the advisory lock that migrations hold. Those of PostgreSQL
// count per database, so stores in two schemas of one take turns as well.
const migrationLock = 0x73796d2d6964 // "sym-id"

// lock keeps other processes from migrating until unlock. It only saves them
// failed attempts: a migration is one transaction together with its version.
func (d *postgresDialect) lock(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return func() {
		// A connection that is gone has released the lock already.
		_, _ = c.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock))
		_ = c.Close()
	}, nil
}
