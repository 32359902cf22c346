// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

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
	migrations := stdlib.OpenDB(*patient)
	migrations.SetMaxOpenConns(migrationConns)
	defer migrations.Close() // what it did is committed or not there
	return openDB(ctx, db, migrations, d, opts)
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
	return config, nil
}

func badURL(message string) *identity.Error {
	return identity.Invalid(identity.CodeInvalid, message,
		"It must look like postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full; in the password, write / ? # @ % and spaces percent-encoded.")
}

// wrongPart says in which part of a URL the fault is, without quoting it.
func wrongPart(u *url.URL) string {
	for name, values := range u.Query() {
		for _, v := range values {
			probe := url.URL{Scheme: "postgres", Host: "localhost", RawQuery: url.Values{name: {v}}.Encode()}
			if _, err := pgx.ParseConfig(probe.String()); err != nil && isPlainName(name) {
				return fmt.Sprintf("a parameter %s that is not right, or names a file that cannot be read", name)
			}
		}
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "a port that is no number from 1 to 65535"
		}
	}
	return "a part that is not right"
}

func isPlainName(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// serverName is where the server is, as messages may name it.
func serverName(config *pgx.ConnConfig) string {
	if strings.HasPrefix(config.Host, "/") {
		return config.Host
	}
	return net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}
