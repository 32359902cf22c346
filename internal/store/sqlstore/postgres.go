// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// postgresDialect speaks to a PostgreSQL server.
type postgresDialect struct {
	server string // host:port, as messages name it
}

func (d *postgresDialect) goose() goose.Dialect { return goose.DialectPostgres }

// rebind numbers the parameters. No statement of this package holds a question
// mark that is not one.
func (d *postgresDialect) rebind(query string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// values sends one array for each column, so that the statement is the same for
// any number of rows and is prepared once.
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

// load uses COPY, which costs a fraction of INSERT.
func (d *postgresDialect) load(ctx context.Context, t *tx, into string, rows [][]any) error {
	t.changed = t.changed || len(rows) > 0
	return withDriver(t.conn, func(c *pgx.Conn) error { return copyRows(ctx, c, into, rows) })
}

func copyRows(ctx context.Context, c *pgx.Conn, into string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	table, columns, _ := strings.Cut(strings.TrimSuffix(into, ")"), " (")
	_, err := c.CopyFrom(ctx, pgx.Identifier{table}, strings.Split(columns, ", "), pgx.CopyFromRows(rows))
	return err
}

func (d *postgresDialect) in(values []string) (condition string, arg any) {
	return "= ANY(CAST(? AS TEXT[]))", values
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

func (d *postgresDialect) embedded() bool { return false }

// barrier writes a record to the log, so that the commit waits for the standbys
// as that of a write does. By then they have all that was visible before, also
// what another process committed without waiting to the end.
func (d *postgresDialect) barrier(ctx context.Context, t *tx) error {
	var at string
	if err := t.row(ctx, "SELECT CAST(pg_logical_emit_message(true, 'sym', '') AS TEXT)").Scan(&at); err != nil {
		return fmt.Errorf("writing to the server's log: %w", err)
	}
	return nil
}

// lastWarning is where a connection keeps the last warning of its server.
const lastWarning = "sym_last_warning"

// keepWarning remembers a warning until the commit looks.
func keepWarning(conn *pgconn.PgConn, notice *pgconn.Notice) {
	if notice.SeverityUnlocalized == "WARNING" {
		conn.CustomData()[lastWarning] = (*pgconn.PgError)(notice)
	}
}

// takeWarning returns what the server last warned about, and forgets it.
func takeWarning(conn *sql.Conn) (warning error, err error) {
	err = withDriver(conn, func(c *pgx.Conn) error {
		data := c.PgConn().CustomData()
		warning, _ = data[lastWarning].(error)
		delete(data, lastWarning)
		return nil
	})
	return warning, err
}

// withDriver calls do with the driver's own connection.
func withDriver(conn *sql.Conn, do func(*pgx.Conn) error) error {
	return conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver is a %T", driver)
		}
		return do(c.Conn())
	})
}

// commit commits, and does not take the server's word for it alone: a server
// that stops waiting for its standby (somebody cancels it, a timeout, it shuts
// down) says that all is well and warns. Warnings come in many languages, and
// none belongs to a commit, so each means that the outcome is not known.
func (d *postgresDialect) commit(t *tx) error {
	if _, err := takeWarning(t.conn); err != nil {
		_ = t.Rollback()
		return fmt.Errorf("committing: %w", err)
	}
	switch err := t.Commit(); {
	case err != nil && d.refused(err):
		return fmt.Errorf("committing: %w", err)
	case err != nil:
		return outcomeUnknown("the server "+d.server+" did not answer the commit", err)
	}
	switch warning, err := takeWarning(t.conn); {
	case err != nil:
		return outcomeUnknown("the server "+d.server+" answered the commit and went away", err)
	case warning != nil:
		return outcomeUnknown("the server "+d.server+" has it, but did not wait for its standby", warning)
	}
	return nil
}

// settle does nothing: the server keeps its own files.
func (d *postgresDialect) settle(*sql.DB) error { return nil }

// refused reports whether a failed commit is certain to have written nothing:
// the server rolled back and says why. The driver's own "safe to retry" is no
// such proof: it says so of a commit whose connection the server ended.
func (d *postgresDialect) refused(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return errors.Is(err, pgx.ErrTxCommitRollback)
	}
	if e.SeverityUnlocalized != "ERROR" {
		return false
	}
	switch {
	case e.Code == "40003", strings.HasPrefix(e.Code, "57P"): // completion unknown, the server is shutting down
		return false
	}
	switch e.Code[:2] {
	case "08", "58", "XX": // connections, the system, internal errors
		return false
	}
	return true
}

// revisionLock is the advisory lock of those who move the revisions: another setval
// behind theirs could take the numbers back that were given out between the two.
const revisionLock = 0x73796d2d72 // "sym-r"

// revisions counts with a sequence. Where that trails the clock, it is moved first.
// A lock that others hold is not awaited for long: they have moved the sequence,
// and their commit may take its time.
func (d *postgresDialect) revisions(ctx context.Context, t *tx, n int) ([]int64, error) {
	const (
		attempts = 20
		pause    = 5 * time.Millisecond
	)
	var least, begin int64
	for attempt := 1; ; attempt++ {
		taken, err := d.take(ctx, t, n)
		if err != nil || n == 0 {
			return taken, err
		}
		if attempt == 1 {
			first := t.clock.gap > 0
			begin = t.clock.after(taken[0])
			if least = begin - revisionSlack; first { // exactly: the store may just have been restored
				least, begin = begin, begin+revisionSlack
			}
		}
		if taken[0] > least || attempt == attempts {
			return taken, nil
		}
		if attempt > 1 {
			if err := httpx.Sleep(ctx, pause); err != nil {
				return nil, err
			}
		}
		if err := d.move(ctx, t, least, begin); err != nil {
			return nil, err
		}
	}
}

// move makes a sequence that is below least continue behind begin, unless another
// transaction holds the lock. It does so at once, whatever becomes of this
// transaction: that only skips numbers. The lock comes before the number to
// compare. begin is revisionSlack above least, so that those who meanwhile take
// numbers without the lock do not get past begin.
func (d *postgresDialect) move(ctx context.Context, t *tx, least, begin int64) error {
	const query = `SELECT CASE WHEN pg_try_advisory_xact_lock(CAST(? AS BIGINT)) THEN
		CASE WHEN nextval('revisions') < CAST(? AS BIGINT) THEN setval('revisions', CAST(? AS BIGINT)) END END`
	var moved sql.NullInt64
	if err := t.row(ctx, query, int64(revisionLock), least, begin).Scan(&moved); err != nil {
		return fmt.Errorf("advancing the revisions: %w", err)
	}
	return nil
}

// take takes the next n numbers of the sequence.
func (d *postgresDialect) take(ctx context.Context, t *tx, n int) ([]int64, error) {
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

func (d *postgresDialect) advance(ctx context.Context, t *tx, highest int64) error {
	if err := t.exec(ctx, "SELECT pg_advisory_xact_lock(CAST(? AS BIGINT))", int64(revisionLock)); err != nil {
		return fmt.Errorf("advancing the revisions: %w", err)
	}
	return d.move(ctx, t, highest, highest)
}

// prepare claims a new database: one that holds tables of some other program
// under our names is left alone.
func (d *postgresDialect) prepare(ctx context.Context, db *sql.DB) (fresh bool, err error) {
	return claimDatabase(ctx, db, d)
}

// isOurSchema reports whether the schema is this program's. A schema that cannot
// become it is an error.
func (d *postgresDialect) isOurSchema(ctx context.Context, t querier) (bool, error) {
	var schema sql.NullString
	if err := t.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return false, err
	}
	if !schema.Valid {
		return false, &identity.Error{Code: identity.CodeUnavailable,
			Message: "the schema that the store's URL names does not exist on " + d.server + ", or its user may not use it",
			Hint:    "Create it, grant USAGE on it, or change search_path in the URL."}
	}
	// One statement, because another process may be creating the tables. The views of
	// the information schema hide tables that the user may not read.
	const query = "SELECT count(CASE WHEN relname = '" + versionTable + "' THEN 1 END) > 0, coalesce(min(CAST(relname AS TEXT)), '')" +
		" FROM pg_catalog.pg_class WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)" +
		" AND relkind IN ('r', 'p') AND relname IN ('" + versionTable + "', 'users', 'services', 'mappings', 'history')"
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
	// It belongs to a transaction, so that poolers keep the connection.
	held := context.WithoutCancel(ctx)
	t, err := c.BeginTx(held, nil)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if _, err := t.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
		return nil, errors.Join(err, t.Rollback(), c.Close())
	}
	return func() {
		_ = t.Rollback() // a connection that is gone has released the lock already
		_ = c.Close()
	}, nil
}

// Settings of connections to a server.
const (
	defaultConnectTimeout   = 10 * time.Second
	defaultStatementTimeout = 30 * time.Second

	connMaxIdleTime = 5 * time.Minute
	connMaxLifetime = 30 * time.Minute // after a failover they find the new server
)

// openPostgres opens the store on a PostgreSQL server. Migrations run on
// connections of their own: they may take longer than any other statement.
func openPostgres(ctx context.Context, text string, opts Options) (*Store, error) {
	config, err := postgresConfig(text, opts)
	if err != nil {
		return nil, err
	}
	d := &postgresDialect{server: serverName(config)}
	db := stdlib.OpenDB(*config)
	db.SetConnMaxIdleTime(connMaxIdleTime)
	db.SetConnMaxLifetime(connMaxLifetime)
	patient := config.Copy()
	delete(patient.RuntimeParams, statementTimeout)
	migrating := stdlib.OpenDB(*patient)
	migrating.SetMaxOpenConns(migrationConns)
	defer migrating.Close() // what it did is committed or not there
	return openDB(ctx, db, migrating, d, opts)
}

const (
	statementTimeout = "statement_timeout"
	applicationName  = "application_name"
	isolation        = "default_transaction_isolation"

	// migrationConns are one that holds the lock, and one that migrates.
	migrationConns = 2
)

// postgresConfig reads the URL, with the same parameters and environment
// variables as psql. Its own errors say what is wrong; the driver's may quote
// the URL, and are not shown.
func postgresConfig(text string, opts Options) (*pgx.ConnConfig, error) {
	if strings.ContainsRune(text, 0) {
		return nil, badURL("the store's URL holds a NUL byte")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, badURL("the store's PostgreSQL URL cannot be understood")
	case u.Opaque != "" || !strings.Contains(text, "://"):
		return nil, badURL("the store's PostgreSQL URL has no // behind its scheme")
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, badURL("the store's PostgreSQL URL has " + wrongPart(u))
	}
	if opts.ConnectTimeout > 0 || !u.Query().Has("connect_timeout") {
		config.ConnectTimeout = cmp.Or(max(0, opts.ConnectTimeout), defaultConnectTimeout)
	}
	params := config.RuntimeParams
	// Statements outside of transactions are as isolated as those within.
	params[isolation] = "serializable"
	params[applicationName] = cmp.Or(params[applicationName], "sym-identityd")
	if opts.StatementTimeout > 0 || params[statementTimeout] == "" {
		limit := cmp.Or(max(0, opts.StatementTimeout), defaultStatementTimeout)
		params[statementTimeout] = strconv.FormatInt(max(1, limit.Milliseconds()), 10)
	}
	// A server that vanished is noticed within half a minute, not in hours.
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
	config.OnNotice = keepWarning
	if config.ValidateConnect == nil { // without target_session_attrs
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	}
	return config, nil
}

// Warnings returns how a PostgreSQL store falls short of what is promised: what
// it acknowledges may be lost, or others on the network can read along. It is
// empty for other stores. The sentences hold neither URL nor password.
func Warnings(ctx context.Context, text string, opts Options) (warnings []string, err error) {
	if scheme, _, _ := strings.Cut(text, ":"); scheme == "sqlite" {
		return nil, nil
	}
	config, err := postgresConfig(text, opts)
	if err != nil {
		return nil, err
	}
	name := serverName(config)
	if mayTalkInTheClear(config) {
		warnings = append(warnings, "the connection to "+name+" may be unencrypted, and the server's identity is not checked: others on the network can read passwords and people's data. "+
			"Set sslmode=verify-full in the store's URL, and sslrootcert=FILE if the certificate is of your own authority.")
	}
	ctx, cancel := context.WithTimeout(ctx, config.ConnectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return warnings, (&postgresDialect{server: name}).explain(err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) // nothing was changed
	const mayLose = "a crash or a failover can lose acknowledged writes. Set it to on, for the server, the database or the user"
	const dropped = "a connection pooler ignored the value that this program asked for. Set it for the store's user: ALTER ROLE … SET "
	for _, check := range []struct {
		setting string
		bad     []string
		why     string
	}{
		{"synchronous_commit", []string{"off", "local"}, mayLose},
		{"fsync", []string{"off"}, mayLose},
		{isolation, []string{"read uncommitted", "read committed", "repeatable read"}, dropped + isolation + " = 'serializable'"},
		{statementTimeout, []string{"0"}, dropped + statementTimeout + " = '30s'"},
	} {
		var value string
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", check.setting).Scan(&value); err != nil {
			return warnings, fmt.Errorf("reading %s of %s: %w", check.setting, name, err)
		}
		if slices.Contains(check.bad, value) {
			warnings = append(warnings, fmt.Sprintf("%s is %s on %s for the store's user and database: %s.", check.setting, value, name, check.why))
		}
	}
	return warnings, nil
}

// mayTalkInTheClear reports whether a connection to another machine may be
// without TLS, as with sslmode=disable, allow or prefer, or none.
func mayTalkInTheClear(config *pgx.ConnConfig) bool {
	plain := func(host string, tls *tls.Config) bool {
		return tls == nil && !strings.HasPrefix(host, "/") && !strings.HasPrefix(host, "@") && !httpx.Loopback(host)
	}
	return plain(config.Host, config.TLSConfig) ||
		slices.ContainsFunc(config.Fallbacks, func(f *pgconn.FallbackConfig) bool { return plain(f.Host, f.TLSConfig) })
}

func badURL(message string) *identity.Error {
	return identity.Invalid(identity.CodeInvalid, message,
		"It must look like postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full; in the password, write / ? # @ % and spaces percent-encoded.")
}

// wrongPart names in which part of a URL the fault is, without quoting it.
func wrongPart(u *url.URL) string {
	for name, values := range u.Query() {
		for _, v := range values {
			probe := url.URL{Scheme: "postgres", Host: "localhost", RawQuery: url.Values{name: {v}}.Encode()}
			if _, err := pgx.ParseConfig(probe.String()); err != nil && isPlainName(name) {
				return fmt.Sprintf("a wrong parameter %s, or one that names a file that cannot be read", name)
			}
		}
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "a port that is not a number from 1 to 65535"
		}
	}
	return "a part that cannot be understood"
}

func isPlainName(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// serverName returns the address of the server as messages may name it.
func serverName(config *pgx.ConnConfig) string {
	if strings.HasPrefix(config.Host, "/") {
		return config.Host
	}
	return net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}

// SQLSTATEs that the store distinguishes; see PostgreSQL's appendix of error codes.
const (
	serializationFailure  = "40001"
	deadlockDetected      = "40P01"
	uniqueViolation       = "23505"
	notSupported          = "0A000"
	duplicateTable        = "42P07"
	duplicateObject       = "42710"
	internalError         = "XX000"
	undefinedTable        = "42P01"
	invalidSchema         = "3F000"
	unknownDatabase       = "3D000"
	insufficientPrivilege = "42501"
	readOnlyTransaction   = "25006"
	queryCanceled         = "57014"
	tooManyConnections    = "53300"
	diskFull              = "53100"
	lockNotAvailable      = "55P03"
)

// sqlState returns the server's code for an error, "" if the server did not send it.
func sqlState(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

// transient reports conflicts with other transactions, and a statement that was
// prepared before another process migrated, which the next run prepares again.
func (d *postgresDialect) transient(err error) bool {
	switch sqlState(err) {
	case serializationFailure, deadlockDetected, uniqueViolation: // two writers found nothing; the second looks again
		return true
	case notSupported:
		return strings.Contains(err.Error(), "cached plan")
	}
	return false
}

// lostRace reports that something exists already: as a duplicate, or as a
// violation of the catalogue's own unique indexes.
func (d *postgresDialect) lostRace(err error) bool {
	switch sqlState(err) {
	case serializationFailure, deadlockDetected, uniqueViolation, duplicateTable, duplicateObject, internalError:
		return true
	}
	return false
}

func (d *postgresDialect) duplicate(err error) bool { return sqlState(err) == uniqueViolation }

// postgresFailures are by SQLSTATE, or by its class.
var postgresFailures = map[string]failure{
	serializationFailure: busyServer,
	deadlockDetected:     busyServer,
	uniqueViolation:      busyServer,
	queryCanceled:        slowServer,
	lockNotAvailable:     slowServer,
	tooManyConnections:   {"the server %[1]s has no free connection", "Lower max_connections of the replicas, or raise the server's.", true},
	diskFull:             {"the disk of the server %[1]s is full", "Nothing was written; make room and try again.", true},
	readOnlyTransaction:  readOnlyServer,
	notSupported:         readOnlyServer, // serializable transactions, which a standby lacks
	unknownDatabase:      {"the database that the store's URL names does not exist on %[1]s", "Create it.", false},
	insufficientPrivilege: {"the user of the store may not do this on %[1]s",
		"Let it create tables in its schema, or run the migrations as another user; afterwards it needs SELECT, INSERT, UPDATE and DELETE, and USAGE and UPDATE of the sequence.", false},
	undefinedTable: noTables,
	invalidSchema:  noTables,
	"08":           goneServer, // connection exceptions
	"57":           goneServer, // operator intervention
	"53":           {"the server %[1]s is out of memory or another resource", "Nothing was written; try again.", true},
	"28":           {"the server %[1]s refuses the user or the password of the store's URL", "Check both, and the server's pg_hba.conf.", false},
}

var (
	busyServer     = failure{"the store is busy: other writers were faster %[2]d times", "Nothing was written; try again.", true}
	slowServer     = failure{"the store %[1]s did not answer within the statement timeout", "Nothing was written; try again, or raise statement_timeout.", true}
	goneServer     = failure{"the server %[1]s is stopping, starting or gone", "Try again.", true}
	readOnlyServer = failure{"the server %[1]s only reads: it is a standby, or it was made read-only",
		"Name the primary; target_session_attrs=read-write in the URL finds it among several hosts.", true}
	noTables = failure{"the tables of the store are not in the schema that its URL names on %[1]s",
		"Check search_path in the URL, or run sym-identityd migrate.", false}
)

func (d *postgresDialect) explain(err error) error {
	code := sqlState(err)
	if code == "" {
		return d.explainConnection(err)
	}
	f, known := postgresFailures[code]
	if !known {
		f = postgresFailures[code[:2]]
	}
	return explained(err, f, d.server, txAttempts)
}

// explainConnection explains errors that the server did not send.
func (d *postgresDialect) explainConnection(err error) error {
	var refused *pgconn.ConnectError
	if !errors.As(err, &refused) {
		return nil
	}
	e := &identity.Error{Code: identity.CodeUnavailable, Cause: err, Retryable: true,
		Message: "the server " + d.server + " of the store cannot be reached",
		Hint:    "Check that it runs, and that this machine may connect to it."}
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var expired x509.CertificateInvalidError
	if errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &expired) {
		e.Retryable = false
		e.Message, e.Hint = "the certificate of the server "+d.server+" is not trusted", "Name its authority with sslrootcert=FILE in the URL."
	}
	return e
}
