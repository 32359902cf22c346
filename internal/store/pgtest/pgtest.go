// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package pgtest gives tests a real PostgreSQL: the server that
// SYM_TEST_POSTGRES_URL names, else a throw-away cluster started from the
// installed binaries, one for each test process. Where there is neither, tests
// are skipped with a message that names the variable.
package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable names a server to use: a URL of a user who may create schemas.
const Variable = "SYM_TEST_POSTGRES_URL"

// shared is the cluster of this process. It is started when the first test
// asks and ends with the process; see Cluster.
var shared = sync.OnceValues(New)

// URL returns a store's URL with a new schema, which is removed when the test
// ends. The URL holds a password if the server wants one.
func URL(tb testing.TB) string {
	tb.Helper()
	base, ours := server(tb)
	schema := "sym_" + randomHex()
	Execute(tb, base, "CREATE SCHEMA "+schema)
	if !ours {
		tb.Cleanup(func() { Execute(tb, base, "DROP SCHEMA "+schema+" CASCADE") })
	}
	return WithParameter(tb, base, "search_path", schema)
}

// WithParameter returns a store's URL with one parameter set.
func WithParameter(tb testing.TB, text, name, value string) string {
	tb.Helper()
	u, err := url.Parse(text)
	if err != nil {
		tb.Fatal("the URL of the test server cannot be understood") // the error may quote a password
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// server returns the URL of the server that tests use. ours reports that the
// server ends with this process.
func server(tb testing.TB) (base string, ours bool) {
	tb.Helper()
	if base := os.Getenv(Variable); base != "" {
		return base, false
	}
	c, err := shared()
	if errors.Is(err, ErrNotInstalled) {
		skip(tb)
	}
	if err != nil {
		tb.Fatalf("starting PostgreSQL: %v", err)
	}
	return c.URL(), true
}

func skip(tb testing.TB) {
	tb.Helper()
	tb.Skipf("PostgreSQL is not installed here: put initdb and pg_ctl on PATH, or name a server with %s", Variable)
}

// Execute runs one statement on a connection of its own.
func Execute(tb testing.TB, base, statement string) {
	tb.Helper()
	// Cleanups run when the test's own context has ended.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		tb.Fatalf("connecting to PostgreSQL: %v", err)
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		tb.Errorf("%s: %v", statement, err)
	}
	if err := conn.Close(ctx); err != nil {
		tb.Errorf("closing the connection: %v", err)
	}
}

func randomHex() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails: the runtime ends the process instead
	return hex.EncodeToString(b)
}
