// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

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
	for n, deadline := 0, time.Now().Add(time.Minute); n == 0; {
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
