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

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
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
	path := newPath(t)
	fill(t, openFile(t, path, Options{}), 1)
	if runtime.GOOS == "windows" {
		return // modes mean nothing there
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s%s has mode %o", filepath.Base(path), suffix, mode)
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
