// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// lossRecorder is PostgreSQL that remembers why transactions were run again.
type lossRecorder struct {
	dialect
	mu     sync.Mutex
	states []string
}

func (d *lossRecorder) transient(err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states = append(d.states, sqlState(err))
	return d.dialect.transient(err)
}

func recordLosses(s *Store) *lossRecorder {
	d := &lossRecorder{dialect: s.dialect}
	s.dialect = d
	return d
}

// A transaction that read what another changed meanwhile is run again, and
// sees the change.
func TestPostgresSerializationFailureIsRunAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	s, other := openURL(t, url, Options{}), openURL(t, url, Options{})
	fill(t, s, 1)
	losses := recordLosses(s)
	var seen []string
	err := s.write(t.Context(), func(tx *tx) error {
		var label string
		if err := tx.row(t.Context(), "SELECT label FROM services WHERE service_key = ?", okta.String()).Scan(&label); err != nil {
			return err
		}
		seen = append(seen, label)
		if len(seen) == 1 {
			if _, err := other.UpdateService(t.Context(), actor, store.ServiceUpdate{Key: okta, Label: new("by another")}); err != nil {
				return err
			}
		}
		return tx.exec(t.Context(), "UPDATE services SET label = ? WHERE service_key = ?", label+", then by us", okta.String())
	})
	if err != nil || !slices.Equal(seen, []string{"Okta", "by another"}) || !slices.Equal(losses.states, []string{serializationFailure}) {
		t.Fatalf("saw %q, lost with %q, %v", seen, losses.states, err)
	}
	services, err := s.Services(t.Context(), store.ServiceFilter{Type: "okta"})
	if err != nil || services[0].Label != "by another, then by us" {
		t.Errorf("got %v, %v", services, err)
	}
}

// Of two transactions that wait for each other one is run again.
func TestPostgresDeadlockIsRunAgain(t *testing.T) {
	t.Parallel()
	s := openURL(t, pgtest.URL(t), Options{})
	fill(t, s, 2)
	losses := recordLosses(s)
	var both sync.WaitGroup
	both.Add(2)
	var runs [2]int
	var group sync.WaitGroup
	for i := range 2 {
		group.Go(func() {
			err := s.write(t.Context(), func(tx *tx) error {
				runs[i]++
				rename := func(n int) error {
					return tx.exec(t.Context(), "UPDATE users SET first_name = ? WHERE user_key = ?", fmt.Sprint(i), string(person(n)))
				}
				if err := rename(i); err != nil {
					return err
				}
				if runs[i] == 1 { // each holds one row before it asks for the other's
					both.Done()
					both.Wait()
				}
				return rename(1 - i)
			})
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if !slices.Contains(losses.states, deadlockDetected) || runs[0]+runs[1] < 3 {
		t.Errorf("lost with %q after %v runs", losses.states, runs)
	}
	users, _, err := s.Users(t.Context(), store.UserFilter{})
	if err != nil || users[0].FirstName != users[1].FirstName {
		t.Errorf("the two rows were not written by one transaction: %v, %v", users, err)
	}
}

func TestPostgresSettings(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	setting := func(s *Store, name string) (value string) {
		t.Helper()
		if err := s.db.QueryRowContext(t.Context(), "SHOW "+name).Scan(&value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	plain := openURL(t, url, Options{})
	if got := setting(plain, statementTimeout); got != "30s" {
		t.Errorf("the default statement timeout is %s", got)
	}
	if got := setting(openURL(t, pgtest.WithParameter(t, url, statementTimeout, "7s"), Options{}), statementTimeout); got != "7s" {
		t.Errorf("the URL's statement timeout became %s", got)
	}
	s := openURL(t, url, Options{MaxConns: 3, StatementTimeout: 100 * time.Millisecond})
	if n := s.db.Stats().MaxOpenConnections; n != 3 {
		t.Errorf("at most %d connections, want 3", n)
	}
	err := s.read(t.Context(), func(tx *tx) error { return tx.exec(t.Context(), "SELECT pg_sleep(10)") })
	if e := identity.AsError(err); e.Code != identity.CodeUnavailable || !e.Retryable || !strings.Contains(e.Message, "statement timeout") {
		t.Errorf("a slow statement: got %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("after a slow statement: %v", err)
	}
	if err := s.read(t.Context(), func(tx *tx) error {
		var isolation string
		err := tx.row(t.Context(), "SHOW transaction_isolation").Scan(&isolation)
		if isolation != "serializable" {
			t.Errorf("the isolation is %s", isolation)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// A server that restarts, in order or not, costs retryable errors and nothing else.
func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	s := openURL(t, c.URL(), Options{})
	fill(t, s, 0)
	for round, crash := range []bool{true, false} {
		if _, err := s.UpsertUsers(t.Context(), actor, people(round, round+1, "")); err != nil {
			t.Fatal(err)
		}
		held, err := s.db.BeginTx(t.Context(), nil) // a transaction that the restart cuts off
		if err != nil {
			t.Fatal(err)
		}
		c.Restart(t, crash)
		var n int
		err = held.QueryRowContext(t.Context(), "SELECT 1").Scan(&n)
		if e := identity.AsError(s.explain(t.Context(), err)); err == nil || e.Code != identity.CodeUnavailable || !e.Retryable {
			t.Errorf("a transaction cut off: got %v", e)
		}
		_ = held.Rollback()
		users, err := retry(t, func() ([]identity.User, error) {
			users, _, err := s.Users(t.Context(), store.UserFilter{})
			return users, err
		})
		if err != nil || len(users) != round+1 {
			t.Fatalf("after restart %d: %d users, %v", round, len(users), err)
		}
	}
}

// retry repeats what fails in a way that passes.
func retry[T any](t *testing.T, call func() (T, error)) (T, error) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		v, err := call()
		if err == nil || !identity.AsError(err).Retryable || time.Now().After(deadline) {
			return v, err
		}
	}
}

func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it accepts, and never says a word
	start := time.Now()
	_, err = Open(t.Context(), "postgres://sym:hunter2@"+l.Addr().String()+"/sym", Options{ConnectTimeout: 200 * time.Millisecond})
	if e := identity.AsError(err); e.Code != identity.CodeUnavailable || !e.Retryable || !strings.Contains(e.Message, l.Addr().String()) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

var _ querier = (*sql.DB)(nil)

func TestRebind(t *testing.T) {
	t.Parallel()
	got := (&postgresDialect{}).rebind("INSERT INTO t VALUES (?,?), (?, 'x')")
	if want := "INSERT INTO t VALUES ($1,$2), ($3, 'x')"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPostgresCancelledWhileWaiting(t *testing.T) {
	t.Parallel()
	s := openURL(t, pgtest.URL(t), Options{MaxConns: 1})
	held, err := s.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Rollback() //nolint:errcheck // it holds the one connection, nothing else
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = s.Ping(ctx)
	if e := identity.AsError(err); e.Code != identity.CodeUnavailable || !e.Retryable {
		t.Errorf("got %v", err)
	}
}

const password = "hunter2"

// hides fails when an error or any of its causes holds the password: causes
// end up in logs.
func hides(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if strings.Contains(err.Error(), password) {
		t.Errorf("an error holds the password: %v", err)
	}
	switch e := err.(type) { //nolint:errorlint // the chain is walked here
	case interface{ Unwrap() error }:
		hides(t, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			hides(t, cause)
		}
	}
}

func TestPostgresURLsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ url, says string }{
		"no slashes":              {"postgres:sym:hunter2@db.acme.com/sym", "//"},
		"no slashes, a path":      {"postgresql:/hunter2", "//"},
		"a slash in the password": {"postgres://sym:a/hunter2@db.acme.com/sym", "percent-encoded"},
		"a percent sign":          {"postgres://sym:%hunter2@db.acme.com/sym", "percent-encoded"},
		"a control character":     {"postgres://sym:hunter2@db.acme.com/\x7f", "cannot be understood"},
		"a NUL byte":              {"postgres://sym:hunter2@db.acme.com/\x00", "NUL"},
		"a word as port":          {"postgres://sym:hunter2@db.acme.com:port/sym", "percent-encoded"},
		"a port too high":         {"postgres://sym:hunter2@db.acme.com:70000/sym", "a port"},
		"an unknown sslmode":      {"postgres://sym:hunter2@db.acme.com/sym?sslmode=hunter2", "parameter sslmode"},
		"a missing file":          {"postgres://sym:hunter2@db.acme.com/sym?sslmode=verify-full&sslrootcert=/none/hunter2.pem", "a wrong parameter sslrootcert"},
		"a bad timeout":           {"postgres://sym:hunter2@db.acme.com/sym?connect_timeout=hunter2", "parameter connect_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), c.url, Options{})
			if err == nil {
				t.Fatal(s.Close())
			}
			hides(t, err)
			if identity.CodeOf(err) != identity.CodeInvalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q in it", err, c.says)
			}
		})
	}
}

func TestPostgresCannotBeOpened(t *testing.T) {
	t.Parallel()
	base := pgtest.Start(t).URL() // another server may let people in without a password
	change := func(edit func(*url.URL)) string {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal("the test server's URL cannot be understood")
		}
		edit(u)
		return u.String()
	}
	for name, c := range map[string]struct {
		url   string
		says  string
		retry bool
	}{
		"nobody listens":      {change(func(u *url.URL) { u.Host, u.User = "127.0.0.1:1", url.UserPassword("sym", password) }), "127.0.0.1:1 of the store cannot be reached", true},
		"an unknown host":     {change(func(u *url.URL) { u.Host, u.User = "db.invalid", url.UserPassword("sym", password) }), "db.invalid:5432 of the store cannot be reached", true},
		"a wrong password":    {change(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), password) }), "refuses the user or the password", false},
		"an unknown user":     {change(func(u *url.URL) { u.User = url.UserPassword("nobody", password) }), "refuses the user or the password", false},
		"an unknown database": {change(func(u *url.URL) { u.Path = "/none" }), "database that the store's URL names does not exist", false},
		"a wrong schema":      {pgtest.WithParameter(t, base, "search_path", "none"), "schema that the store's URL names does not exist", false},
		"an unknown setting":  {pgtest.WithParameter(t, base, "no_such_setting", "x"), "could not run", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), c.url, Options{})
			if err == nil {
				t.Fatal(s.Close())
			}
			hides(t, err)
			var e *identity.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, c.says) || e.Retryable != c.retry {
				t.Errorf("got %v (retryable %v), want %q in it", err, e != nil && e.Retryable, c.says)
			}
		})
	}
}

func TestPostgresSchemaOfAnotherProgram(t *testing.T) {
	t.Parallel()
	base := pgtest.URL(t)
	s := openURL(t, base, Options{})
	for _, statement := range []string{"CREATE SCHEMA foreigner", "CREATE TABLE foreigner.users (x int)"} {
		if _, err := s.db.ExecContext(t.Context(), strings.ReplaceAll(statement, "foreigner", schemaOf(t, base)+"_foreigner")); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_, _ = s.db.Exec("DROP SCHEMA " + schemaOf(t, base) + "_foreigner CASCADE")
	})
	foreign := pgtest.WithParameter(t, base, "search_path", schemaOf(t, base)+"_foreigner")
	for _, noMigrate := range []bool{false, true} {
		_, err := Open(t.Context(), foreign, Options{NoMigrate: noMigrate})
		if e := identity.AsError(err); e.Code != identity.CodeUnavailable || !strings.Contains(e.Message, "another program") || !strings.Contains(e.Message, `"users"`) {
			t.Errorf("got %v", err)
		}
	}
}

// What a user lacks is said, and no store is missing by that.
func TestPostgresGrants(t *testing.T) {
	t.Parallel()
	base := pgtest.URL(t)
	s := openURL(t, base, Options{})
	schema := schemaOf(t, base)
	role := schema + "_server"
	do := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if _, err := s.db.ExecContext(t.Context(), strings.NewReplacer("ROLENAME", role, "SCHEMANAME", schema).Replace(statement)); err != nil {
				t.Fatal(err)
			}
		}
	}
	do("CREATE ROLE ROLENAME")
	t.Cleanup(func() {
		_, _ = s.db.Exec("DROP OWNED BY " + role)
		_, _ = s.db.Exec("DROP ROLE " + role)
	})
	url := pgtest.WithParameter(t, base, "role", role)
	refused := func(says string) {
		t.Helper()
		for _, noMigrate := range []bool{false, true} {
			st, err := Open(t.Context(), url, Options{NoMigrate: noMigrate})
			if err == nil {
				err = st.Writable(t.Context())
				_ = st.Close()
			}
			if e, ok := errors.AsType[*identity.Error](err); !ok || !strings.Contains(e.Message, says) || e.Retryable {
				t.Errorf("migrate = %v: %v, want %q", !noMigrate, err, says)
			}
		}
	}
	refused("or its user may not use it")
	do("GRANT USAGE ON SCHEMA SCHEMANAME TO ROLENAME")
	refused("may not do this")
	do("GRANT SELECT, INSERT, UPDATE, DELETE ON users, services, mappings, history, store TO ROLENAME")
	refused("may not do this")
	do("REVOKE ALL ON ALL TABLES IN SCHEMA SCHEMANAME FROM ROLENAME", "GRANT SELECT ON ALL TABLES IN SCHEMA SCHEMANAME TO ROLENAME")
	refused("may not do this") // to write
	do("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA SCHEMANAME TO ROLENAME")
	st, err := Open(t.Context(), url, Options{NoMigrate: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(st.Writable(t.Context()), st.Close()); err != nil {
		t.Error(err)
	}
}

func schemaOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal("the test server's URL cannot be understood")
	}
	return u.Query().Get("search_path")
}

// A database that acknowledges what it may lose, and a connection that others
// on the network can read, are worth a warning.
func TestPostgresWarnings(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	for value, warned := range map[string]bool{"on": false, "remote_write": false, "remote_apply": false, "local": true, "off": true} {
		found, err := Warnings(t.Context(), pgtest.WithParameter(t, url, "synchronous_commit", value), Options{})
		if err != nil {
			t.Fatal(err)
		}
		found = slices.DeleteFunc(found, func(text string) bool { return strings.HasPrefix(text, "fsync is off") }) // as in some test servers
		if (len(found) > 0) != warned || warned && !strings.HasPrefix(found[0], "synchronous_commit is "+value+" on ") {
			t.Errorf("synchronous_commit %s: %q", value, found)
		}
	}
	if found, err := Warnings(t.Context(), "sqlite:"+newPath(t), Options{}); err != nil || found != nil {
		t.Errorf("SQLite: %q, %v", found, err)
	}
}

// A URL may ask for no statement timeout; a pooler may drop what is asked for.
func TestPostgresWarnsOfDroppedSettings(t *testing.T) {
	t.Parallel()
	found, err := Warnings(t.Context(), pgtest.WithParameter(t, pgtest.URL(t), "statement_timeout", "0"), Options{})
	if err != nil || !strings.Contains(strings.Join(found, "\n"), "SET statement_timeout = '30s'") {
		t.Errorf("got %q, %v", found, err)
	}
}

func TestPostgresInTheClear(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"postgres://sym@db.acme.example/sym":                                                       true,
		"postgres://sym@db.acme.example/sym?sslmode=disable":                                       true,
		"postgres://sym@db.acme.example/sym?sslmode=allow":                                         true,
		"postgres://sym@db.acme.example/sym?sslmode=prefer":                                        true,
		"postgres://sym@db.acme.example/sym?sslmode=require":                                       false,
		"postgres://sym@db.acme.example/sym?sslmode=verify-ca":                                     false,
		"postgres://sym@db.acme.example/sym?sslmode=verify-full":                                   false,
		"postgres://sym@127.0.0.1/sym":                                                             false,
		"postgres://sym@[::1]/sym":                                                                 false,
		"postgres://sym@localhost/sym?sslmode=disable":                                             false,
		"postgres:///sym?host=/run/postgresql":                                                     false,
		"postgres://sym@127.0.0.1,10.0.0.2/sym?target_session_attrs=read-write":                    true,
		"postgres://sym@10.0.0.1,10.0.0.2/sym?sslmode=verify-full&target_session_attrs=read-write": false,
	} {
		parsed, err := postgresConfig(url, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := mayTalkInTheClear(parsed); got != want {
			t.Errorf("%s: %v, want %v", url, got, want)
		}
	}
}
