// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE users (x)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		url  string
		code identity.Code
		says []string
	}{
		"empty":             {"", identity.CodeInvalid, []string{"sqlite:"}},
		"no scheme":         {"hunter2", identity.CodeInvalid, []string{"sqlite:"}},
		"another scheme":    {"mysql://sym:hunter2@db.acme.com/sym", identity.CodeInvalid, []string{"sqlite:"}},
		"no path":           {"sqlite:", identity.CodeInvalid, []string{"no file"}},
		"memory":            {"sqlite::memory:", identity.CodeInvalid, []string{"file of its own"}},
		"a host":            {"sqlite://identities.db", identity.CodeInvalid, []string{"host"}},
		"a NUL byte":        {"sqlite:a\x00b", identity.CodeInvalid, []string{"NUL"}},
		"a directory":       {"sqlite:" + dir, identity.CodeUnavailable, []string{dir, "regular file"}},
		"no directory":      {"sqlite:" + filepath.Join(dir, "none", "a.db"), identity.CodeUnavailable, []string{"none", "does not exist"}},
		"no database":       {"sqlite:" + garbage, identity.CodeUnavailable, []string{garbage, "not an SQLite database"}},
		"another program's": {"sqlite:" + foreign, identity.CodeUnavailable, []string{foreign, "another program", `"users"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), c.url, Options{})
			if err == nil {
				t.Fatal(s.Close())
			}
			if got := identity.CodeOf(err); got != c.code {
				t.Errorf("got code %q, want %q: %v", got, c.code, err)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the message holds a password: %v", err)
			}
		})
	}
}

func TestOddPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "a?mode=ro.db", "a#b.db", "a%20b.db", "ä'\".db", "a:b.db", "-", "a&_pragma=x.db"} {
		path := filepath.Join(t.TempDir(), name)
		s := openFile(t, path, Options{})
		fill(t, s, 1)
		info, err := os.Stat(path)
		if err != nil || info.Size() == 0 && !fileHasWAL(path) {
			t.Errorf("%q: the store is not in its file: %v", name, err)
		}
	}
}

func fileHasWAL(path string) bool {
	_, err := os.Stat(path + "-wal")
	return err == nil
}

func TestFilesBelongToTheirOwner(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // modes mean nothing there
	}
	for _, linked := range []bool{false, true} {
		path := newPath(t)
		name := path
		if linked { // to a file that is not there yet
			name = newPath(t)
			if err := os.Symlink(path, name); err != nil {
				t.Fatal(err)
			}
		}
		fill(t, openFile(t, name, Options{}), 1)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != 0o600 {
				t.Errorf("%s%s has mode %o (by a link: %v)", filepath.Base(path), suffix, mode, linked)
			}
		}
	}
}

func TestConnectionsAreSetUp(t *testing.T) {
	t.Parallel()
	s := openFile(t, newPath(t), Options{BusyTimeout: 1234 * time.Millisecond})
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "1234"} {
		var got string
		if err := s.db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", pragma, got, want, err)
		}
	}
}

func TestDatabaseFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hurt  func(t *testing.T, s *Store, path string)
		says  string
		retry bool
	}{
		"full":      {func(t *testing.T, s *Store, _ string) { pragma(t, s, "max_page_count = 1") }, "is full", true},
		"read-only": {func(t *testing.T, s *Store, _ string) { pragma(t, s, "query_only = 1") }, "cannot be written", false},
		"locked": {func(t *testing.T, _ *Store, path string) {
			other := openFile(t, path, Options{})
			tx, err := other.db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tx.Rollback() })
		}, "stayed locked", true},
		"damaged": {func(t *testing.T, s *Store, path string) {
			pragma(t, s, "wal_checkpoint(TRUNCATE)")
			damage(t, path)
			pragma(t, s, "shrink_memory")
		}, "is damaged", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			s := openFile(t, path, Options{MaxConns: 1, BusyTimeout: 50 * time.Millisecond})
			fill(t, s, 100)
			c.hurt(t, s, path)
			_, err := s.UpsertUsers(t.Context(), actor, people(0, 1000, "x"))
			var e *identity.Error
			if !errors.As(err, &e) || e.Code != identity.CodeUnavailable || e.Retryable != c.retry {
				t.Fatalf("got %v (%+v), want %s, retryable %v", err, e, identity.CodeUnavailable, c.retry)
			}
			if !strings.Contains(e.Message, c.says) || !strings.Contains(e.Message, path) || e.Hint == "" {
				t.Errorf("the message does not say %q of %s: %v", c.says, path, e)
			}
		})
	}
}

// A write that ran out of space leaves nothing behind and the store usable.
func TestFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	s := openFile(t, newPath(t), Options{MaxConns: 1})
	fill(t, s, 100)
	pragma(t, s, "max_page_count = 1")
	if _, err := s.UpsertUsers(t.Context(), actor, people(100, 3000, "")); identity.CodeOf(err) != identity.CodeUnavailable {
		t.Fatalf("got %v", err)
	}
	pragma(t, s, "max_page_count = 1000000")
	users, _, err := s.Users(t.Context(), store.UserFilter{})
	if err != nil || len(users) != 100 {
		t.Fatalf("%d users are there, want 100 (%v)", len(users), err)
	}
	checkIntegrity(t, s)
	if _, err := s.UpsertUsers(t.Context(), actor, people(100, 200, "")); err != nil {
		t.Errorf("after making room: %v", err)
	}
}

func TestClosedStore(t *testing.T) {
	t.Parallel()
	s := openFile(t, newPath(t), Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); identity.CodeOf(err) != identity.CodeUnavailable {
		t.Errorf("ping: got %v", err)
	}
	if _, err := s.UpsertUsers(t.Context(), actor, people(0, 1, "")); identity.CodeOf(err) != identity.CodeUnavailable {
		t.Errorf("write: got %v", err)
	}
}

// pragma runs on the store's only connection.
func pragma(t *testing.T, s *Store, text string) {
	t.Helper()
	if _, err := s.db.ExecContext(t.Context(), "PRAGMA "+text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// damage overwrites everything behind the first page.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("garbage!", int(info.Size()-4096)/8)), 4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url, Options{})
		if _, err := s.db.ExecContext(t.Context(), "INSERT INTO "+versionTable+" (version_id, is_applied) VALUES (99, true)"); err != nil {
			t.Fatal(err)
		}
		for _, noMigrate := range []bool{false, true} {
			_, err := Open(t.Context(), url, Options{NoMigrate: noMigrate})
			if identity.CodeOf(err) != identity.CodeUnavailable || !strings.Contains(err.Error(), "version 99") || identity.AsError(err).Retryable {
				t.Errorf("got %v", err)
			}
		}
		if _, err := Schema(t.Context(), url, Options{}); !strings.Contains(err.Error(), "version 99") {
			t.Errorf("schema: got %v", err)
		}
	})
}

// A store that an older release wrote is brought up to date, and nothing in it
// is lost; who must not migrate says what to do.
func TestOlderSchemaIsMigrated(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url, Options{})
		fill(t, s, 3)
		p, _, know, err := provider(t.Context(), s.db, s.dialect)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.DownTo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		have, err := Schema(t.Context(), url, Options{})
		if want := (SchemaVersion{Have: 1, Want: know}); have != want || err != nil {
			t.Errorf("got schema %+v, %v, want %+v", have, err, want)
		}
		_, err = Open(t.Context(), url, Options{NoMigrate: true})
		if e := identity.AsError(err); e.Code != identity.CodeUnavailable || !strings.Contains(e.Message, "version 1") || !strings.Contains(e.Hint, "migrate") {
			t.Errorf("without migrating: got %v", err)
		}
		again := openURL(t, url, Options{})
		users, _, err := again.Users(t.Context(), store.UserFilter{})
		if err != nil || len(users) != 3 || again.Created() {
			t.Errorf("got %v, %v, created %v", users, err, again.Created())
		}
		openURL(t, url, Options{NoMigrate: true})
	})
}

// Users and services of earlier releases get revisions, so that they can be asserted.
func TestUsersAndServicesOfEarlierReleasesGetRevisions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url, Options{})
		if _, err := s.CreateService(t.Context(), actor, okta, "Okta"); err != nil {
			t.Fatal(err)
		}
		before, err := s.UpsertUsers(t.Context(), actor, []store.UserWrite{{Key: "ada@acme.com", Mappings: []store.MappingWrite{{
			Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}}}}})
		if err != nil {
			t.Fatal(err)
		}
		p, _, _, err := provider(t.Context(), s.db, s.dialect)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.DownTo(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		again := openURL(t, url, Options{})
		users, _, err := again.Users(t.Context(), store.UserFilter{})
		if err != nil || len(users) != 1 || users[0].Revision <= before[0].Mappings[0].Revision {
			t.Errorf("users %+v, %v", users, err)
		}
		services, err := again.Services(t.Context(), store.ServiceFilter{})
		if err != nil || len(services) != 2 || services[0].Revision <= before[0].Mappings[0].Revision || services[1].Revision != 0 {
			t.Errorf("services %+v, %v", services, err)
		}
	})
}

func TestEmptyStoreIsNotMadeUnasked(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		_, err := Open(t.Context(), url, Options{NoMigrate: true})
		if e := identity.AsError(err); e.Code != identity.CodeUnavailable || !strings.Contains(e.Hint, "migrate") {
			t.Errorf("got %v", err)
		}
		if got, err := Schema(t.Context(), url, Options{}); err != nil || got.Have != 0 || got.Want == 0 {
			t.Errorf("got schema %+v, %v", got, err)
		}
		if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("%s was made (%v)", path, err)
			}
		}
		if !openURL(t, url, Options{}).Created() {
			t.Error("it was made before it was opened")
		}
	})
}

// Whoever migrates holds the advisory lock: a second one waits, and touches
// nothing until it has it.
func TestMigrationsTakeTurns(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	holder := stdlibConn(t, url)
	if _, err := holder.ExecContext(t.Context(), "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		t.Fatal(err)
	}
	const name = "waits-for-its-turn"
	type opened struct {
		store *Store
		err   error
	}
	done := make(chan opened, 1)
	go func() {
		s, err := Open(t.Context(), pgtest.WithParameter(t, url, "application_name", name), Options{})
		done <- opened{s, err}
	}()
	const waiting = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND NOT l.granted AND a.application_name = $1"
	for n, deadline := 0, time.Now().Add(10*time.Minute); n == 0; {
		if err := holder.QueryRowContext(t.Context(), waiting, name).Scan(&n); err != nil || time.Now().After(deadline) {
			t.Fatalf("nobody waits for the lock (%v)", err)
		}
	}
	var tables int
	if err := holder.QueryRowContext(t.Context(), "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()").Scan(&tables); err != nil || tables != 0 {
		t.Errorf("it made %d tables without the lock (%v)", tables, err)
	}
	if _, err := holder.ExecContext(t.Context(), "SELECT pg_advisory_unlock($1)", int64(migrationLock)); err != nil {
		t.Fatal(err)
	}
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	if !got.store.Created() {
		t.Error("it did not make the store")
	}
	if err := got.store.Close(); err != nil {
		t.Error(err)
	}
}

// stdlibConn is one connection of a store's database.
func stdlibConn(t *testing.T, url string) *sql.Conn {
	t.Helper()
	config, err := postgresConfig(url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); _ = db.Close() })
	return c
}

// Other programs may have stored a text as bytes. It is read all the same: a matcher must
// not seem blank.
func TestTextsThatAreBytes(t *testing.T) {
	t.Parallel()
	s := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "s.db"), Options{})
	key := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	if _, err := s.CreateService(t.Context(), actor, key, ""); err != nil {
		t.Fatal(err)
	}
	_, err := s.UpsertUsers(t.Context(), actor, []store.UserWrite{{Key: "ada@acme.com", Mappings: []store.MappingWrite{{
		Service: key, Matcher: identity.Matcher{"user_id": "00u1"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.ExecContext(t.Context(), "UPDATE mappings SET matcher = CAST(matcher AS BLOB)"); err != nil {
		t.Fatal(err)
	}
	users, err := s.FindUsers(t.Context(), []identity.UserKey{"ada@acme.com"})
	if err != nil || len(users) != 1 || len(users[0].Mappings) != 1 || users[0].Mappings[0].Matcher["user_id"] != "00u1" {
		t.Errorf("got %+v, %v", users, err)
	}
}
