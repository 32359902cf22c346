// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// away is how long calls are given whose commit waits for a standby that never
// comes: they fail at once if it does not wait.
const away = 300 * time.Millisecond

// withoutStandby returns a store with one mapping, whose server waits for a
// standby that is away. attach ends that.
func withoutStandby(t *testing.T, opts Options) (s *Store, c *pgtest.Cluster, attach func()) {
	t.Helper()
	c = pgtest.Start(t)
	s = openURL(t, c.URL(), opts)
	fill(t, s, 1)
	c.Set(t, "synchronous_standby_names", "away")
	waitUntilCommitsWait(t, s, c)
	attach = func() { c.Set(t, "synchronous_standby_names", "") }
	t.Cleanup(attach)
	return s, c, attach
}

// waitUntilCommitsWait waits until the server's checkpointer has read which standbys
// there are: no commit waits before, whatever the server says of its settings.
func waitUntilCommitsWait(t *testing.T, s *Store, c *pgtest.Cluster) {
	t.Helper()
	const end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
	for waits := 0; waits == 0; {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if conn, err := pgx.Connect(t.Context(), c.URL()); err == nil {
				_, _ = conn.Exec(t.Context(), "SELECT pg_logical_emit_message(true, '', '')") // an error: it was ended
				_ = conn.Close(t.Context())
			}
		}()
		for ended := false; waits == 0 && !ended; {
			select {
			case <-done:
				ended = true
			case <-time.After(time.Millisecond):
			}
			if err := s.db.QueryRowContext(t.Context(), end).Scan(&waits); err != nil {
				t.Fatal(err)
			}
		}
		<-done
	}
}

// A connection that leads to a standby, as behind a proxy after a switchover, is
// refused with an error that says so. The store goes on once it leads to a primary.
func TestAStandbyIsRefused(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	s := openURL(t, c.URL(), Options{})
	fill(t, s, 1)
	c.Demote(t)
	_, _ = s.FindUsers(t.Context(), nil) // on a connection that ended with the server
	standby := func(what string, err error) {
		t.Helper()
		e := identity.AsError(err)
		if err == nil || e.Code != identity.CodeUnavailable || !e.Retryable || !strings.Contains(e.Message, "it is a standby") {
			t.Errorf("%s: got %v, want an error that names the standby", what, err)
		}
	}
	for what, read := range map[string]func() error{
		"a read": func() error { _, err := s.FindUsers(t.Context(), []identity.UserKey{person(0)}); return err },
		"a list": func() error { return s.Export(t.Context(), ExportOptions{}, func(store.Record) error { return nil }) },
		"a write": func() error {
			_, err := s.UpsertUsers(t.Context(), actor, []store.UserWrite{{Key: person(1)}})
			return err
		},
	} {
		standby(what, read())
	}
	if other, err := Open(t.Context(), c.URL(), Options{}); err == nil {
		_ = other.Close()
		t.Error("a store was opened on a standby")
	} else {
		standby("a new store", err)
	}
	c.Promote(t)
	if users, err := s.FindUsers(t.Context(), []identity.UserKey{person(0)}); err != nil || len(users) != 1 {
		t.Errorf("after the promotion: %d users, %v", len(users), err)
	}
}

// unknown fails unless an error says that a write may be stored or not.
func unknown(t *testing.T, what string, err error) {
	t.Helper()
	e := identity.AsError(err)
	if err == nil || e.Code != identity.CodeUnavailable || !e.Retryable || !strings.Contains(e.Message, "not known whether the write is stored") {
		t.Errorf("%s: got %v, want an unknown outcome", what, err)
	}
}

// acknowledgements are calls that succeed on what fill(1) made. None changes a
// mapping, a user or a service.
func acknowledgements(t *testing.T, s *Store) map[string]func(context.Context) error {
	t.Helper()
	users, err := s.FindUsers(t.Context(), []identity.UserKey{person(0)})
	if err != nil || len(users) != 1 || len(users[0].Mappings) != 1 {
		t.Fatalf("got %v, %v", users, err)
	}
	ann, stored := users[0], users[0].Mappings[0]
	other := identity.ServiceKey{Type: "okta", ExternalID: "none.okta.com"}
	absent := people(0, 1, "other")
	absent[0].Mappings[0].Source = identity.FromRule
	absent[0].Mappings[0].Matcher = stored.Matcher
	absent[0].Mappings[0].Conditions = identity.Conditions{IfAbsent: true}
	return map[string]func(context.Context) error{
		"an equal write": func(ctx context.Context) error {
			_, err := s.UpsertUsers(ctx, actor, people(0, 1, ""))
			return err
		},
		"an equal write if absent": func(ctx context.Context) error {
			_, err := s.UpsertUsers(ctx, actor, absent)
			return err
		},
		"a user alone": func(ctx context.Context) error {
			_, err := s.UpsertUsers(ctx, actor, []store.UserWrite{{Key: person(0)}})
			return err
		},
		"deleting a mapping that is not stored": func(ctx context.Context) error {
			_, err := s.DeleteMappings(ctx, actor, []store.MappingDelete{{UserID: ann.ID, Service: other, Matcher: stored.Matcher}})
			return err
		},
		"deleting a user that is not stored": func(ctx context.Context) error {
			_, err := s.DeleteUsers(ctx, actor, []store.UserDelete{{ID: newID()}})
			return err
		},
		"an equal role": func(ctx context.Context) error {
			_, err := s.SetRole(ctx, actor, ann.ID, ann.Role)
			return err
		},
		"an equal service": func(ctx context.Context) error {
			_, err := s.CreateService(ctx, actor, okta, "Okta")
			return err
		},
		"an equal label": func(ctx context.Context) error {
			_, err := s.UpdateService(ctx, actor, store.ServiceUpdate{Key: okta, Label: new("Okta")})
			return err
		},
		"deleting a service that is not stored": func(ctx context.Context) error {
			_, err := s.DeleteService(ctx, actor, other, 0)
			return err
		},
		"a pin of what has changed": func(ctx context.Context) error {
			return s.PinAccounts(ctx, []store.Pin{{UserID: ann.ID, Service: identity.ServiceKey{Type: "github", ExternalID: "acme"},
				Matcher: identity.Matcher{"user_id": "ann"}, AccountID: "7", Revision: 1}})
		},
		"pruning nothing": func(ctx context.Context) error {
			_, err := s.PruneHistory(ctx, time.Unix(0, 0), 10)
			return err
		},
	}
}

// A write that no standby has is not acknowledged, by no reply: not when its
// caller gives up, not when it is sent again, not when it is "stored already".
func TestStandbyIsAwaited(t *testing.T) {
	t.Parallel()
	s, _, attach := withoutStandby(t, Options{MaxConns: 20})
	ack := acknowledgements(t, s)
	ack["a write"] = func(ctx context.Context) error {
		_, err := s.UpsertUsers(ctx, actor, people(1, 2, ""))
		return err
	}
	ack["the same write again"] = ack["a write"]
	for name, call := range ack {
		ctx, cancel := context.WithTimeout(t.Context(), away)
		if err := call(ctx); err == nil {
			t.Errorf("%s was acknowledged without a standby", name)
		}
		cancel()
	}
	users, _, err := s.Users(t.Context(), store.UserFilter{})
	if err != nil || len(users) != 1 {
		t.Errorf("readers see %d users (%v): a commit that waits was cancelled", len(users), err)
	}
	attach()
	for name, call := range ack {
		if err := call(t.Context()); err != nil {
			t.Errorf("%s, with the standby: %v", name, err)
		}
	}
	if users, _, err = s.Users(t.Context(), store.UserFilter{}); err != nil || len(users) != 2 {
		t.Errorf("got %d users, want 2 (%v)", len(users), err)
	}
}

// A server that stops waiting says "done" and warns. What it then shows to
// readers is no reason to acknowledge it either.
func TestCommittedLocallyIsUnknown(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]struct {
		limit time.Duration
		sql   string // stops the wait, where the limit does not
	}{
		"cancelled":      {commitLimit, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"},
		"terminated":     {commitLimit, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"},
		"nobody answers": {away, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c, attach := withoutStandby(t, Options{})
			s.commitLimit = stop.limit
			admin := openURL(t, c.URL(), Options{MaxConns: 1})
			for round := range 2 { // a write, and the same again, which readers see by then
				done := make(chan error, 1)
				go func() {
					_, err := s.UpsertUsers(t.Context(), actor, people(1, 2, ""))
					done <- err
				}()
				if stop.sql != "" {
					awaitBackends(t, admin, 1)
					if _, err := admin.db.ExecContext(t.Context(), stop.sql); err != nil {
						t.Fatal(err)
					}
				}
				unknown(t, name, <-done)
				users, _, err := admin.Users(t.Context(), store.UserFilter{})
				if err != nil || stop.sql != "" && len(users) != 2 {
					t.Errorf("round %d: got %d users (%v), want what is committed locally", round, len(users), err)
				}
			}
			attach()
			if _, err := s.UpsertUsers(t.Context(), actor, people(1, 2, "")); err != nil {
				t.Error(err)
			}
		})
	}
}

// awaitBackends waits until n commits wait for the standby.
func awaitBackends(t *testing.T, s *Store, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if waiting := backends(t, s); waiting >= n {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("%d commits wait for the standby, want %d", waiting, n)
		}
	}
}

func backends(t *testing.T, s *Store) (n int) {
	t.Helper()
	const query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
	if err := s.db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Commits whose callers gave up are bounded, readers go on, and Close does not
// wait for ever.
func TestCommitsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	const conns = 5
	s, c, attach := withoutStandby(t, Options{MaxConns: conns})
	admin := openURL(t, c.URL(), Options{MaxConns: 1})
	var calls sync.WaitGroup
	for range 4 * conns {
		calls.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // enough to get as far as the commit
			defer cancel()
			err := s.write(ctx, func(*tx) error { return nil })
			if e := identity.AsError(err); err == nil || e.Code != identity.CodeUnavailable || !e.Retryable {
				t.Errorf("got %v", err)
			}
		})
	}
	calls.Wait()
	if n := backends(t, admin); n != conns-readersOnly {
		t.Errorf("%d commits wait, want %d", n, conns-readersOnly)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("a reader: %v", err)
	}
	start := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > closeLimit+20*time.Second {
		t.Errorf("closing took %s", took)
	}
	attach()
}

// Whenever a caller gives up, it gets an error or what it wrote, and what it wrote
// is there once.
func TestCallersGiveUpAtAnyMoment(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url, Options{})
		fill(t, s, 0)
		stored, given := 0, 0
		for i := range 60 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
			_, err := s.UpsertUsers(ctx, actor, people(i, i+1, ""))
			cancel()
			if e := identity.AsError(err); err != nil && (e.Code != identity.CodeUnavailable || !e.Retryable) {
				t.Errorf("given up after %d: %v (%v)", i, err, e.Cause)
			}
			if err != nil {
				given++
				continue
			}
			stored++
			users, err := s.FindUsers(t.Context(), []identity.UserKey{person(i)})
			if err != nil || len(users) != 1 || len(users[0].Mappings) != 1 {
				t.Errorf("an acknowledged write: got %v, %v", users, err)
			}
		}
		for i := range 60 {
			if _, err := s.UpsertUsers(t.Context(), actor, people(i, i+1, "")); err != nil {
				t.Errorf("sent again: %v", err)
			}
		}
		changes, _, err := s.History(t.Context(), store.HistoryFilter{Service: okta, Limit: 500})
		if err != nil || len(changes) != 60 {
			t.Errorf("%d changes are recorded, want 60 (%v)", len(changes), err)
		}
		t.Logf("%d stored, %d given up", stored, given)
	})
}
