// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"database/sql"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// assert stores user 0's mapping again and returns its revision.
func assert(t *testing.T, s *Store) int64 {
	t.Helper()
	users, err := s.UpsertUsers(t.Context(), store.Actor{Name: "ci"}, people(0, 1, ""))
	if err != nil {
		t.Fatalf("%v: %v", err, errors.Unwrap(err))
	}
	return users[0].Mappings[0].Revision
}

// counter reads how far the revisions have come.
func counter(t *testing.T, s *Store) (last int64) {
	t.Helper()
	query := "SELECT last FROM revisions"
	if _, postgres := s.dialect.(*postgresDialect); postgres {
		query = "SELECT last_value FROM revisions"
	}
	if err := s.db.QueryRowContext(t.Context(), query).Scan(&last); err != nil {
		t.Fatal(err)
	}
	return last
}

// restoreCounter sets the revisions back, as restoring a backup does.
func restoreCounter(t *testing.T, s *Store, last int64) {
	t.Helper()
	var err error
	if _, postgres := s.dialect.(*postgresDialect); postgres {
		err = s.db.QueryRowContext(t.Context(), "SELECT setval('revisions', $1)", last).Scan(new(sql.NullInt64))
	} else {
		_, err = s.db.ExecContext(t.Context(), "UPDATE revisions SET last = ?", last)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stepClock is a clock that goes on by a minute each time it is read.
func stepClock(at time.Time) func() time.Time {
	var steps atomic.Int64
	return func() time.Time { return at.Add(time.Duration(steps.Add(1)) * time.Minute) }
}

// A store that was restored gives out no revision again, though the one that was
// given out last is in no table: neither while it stays open, nor when it is opened
// again, nor with a clock that was set back. Each row's clocks are those of the
// writes before and after.
func TestRestoredRevisions(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		clock, then time.Time
		reopened    bool
	}{
		"while it is open":     {noon, noon, false},
		"opened again":         {noon, noon.Add(time.Hour), true},
		"a clock set back":     {noon, noon.Add(-24 * time.Hour), true},
		"a clock at 0":         {noon, time.Unix(0, 0), true},
		"a clock before 1970":  {noon, time.Unix(-1e9, 0), true},
		"a clock far ahead":    {noon, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), true},
		"a clock set right":    {noon.AddDate(1, 0, 0), noon, true},
		"a clock set straight": {time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), noon, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, url string) {
				s := openURL(t, url, Options{Now: stepClock(c.clock)})
				fill(t, s, 1)
				backup := counter(t, s)
				given, then := map[int64]bool{}, stepClock(c.then)
				for range 3 {
					given[assert(t, s)] = true
				}
				for range 3 { // restored several times from one backup
					restoreCounter(t, s, backup)
					if c.reopened {
						s = openURL(t, url, Options{Now: then})
					}
					last := backup
					for range 3 {
						r := assert(t, s)
						if given[r] || r <= last || r > 2*maxRevision {
							t.Errorf("got revision %d after %d; %v were given out", r, last, given)
						}
						given[r], last = true, r
					}
				}
			})
		})
	}
}

// A copy of the file that is put back is a restored backup.
func TestRestoredFile(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	session := func(work func(s *Store)) {
		s, err := Open(t.Context(), "sqlite:"+path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		work(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	session(func(s *Store) { fill(t, s, 1) })
	backup, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var before, after int64
	session(func(s *Store) { before = assert(t, s) })
	if err := os.WriteFile(path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	session(func(s *Store) { after = assert(t, s) })
	if after <= before {
		t.Errorf("got revision %d again, or below: %d", before, after)
	}
}

// An export that is older than what state knows does not bring revisions back.
func TestImportedRevisions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openFile(t, newPath(t), Options{})
		fill(t, s, 1)
		old := export(t, s)
		known := assert(t, s)
		moved := openURL(t, url, Options{})
		if _, err := moved.Import(t.Context(), ImportOptions{StoreID: idOf(t, s)}, source(old)); err != nil {
			t.Fatal(err)
		}
		if r := assert(t, moved); r <= known {
			t.Errorf("got revision %d, and %d was given out before", r, known)
		}
	})
}

// Several processes whose clocks disagree write at once. Each revision is given
// out once, and those of each process grow.
func TestRevisionsOfManyClocks(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		fill(t, openURL(t, url, Options{}), 1)
		var mu sync.Mutex
		given := map[int64]int{}
		var all sync.WaitGroup
		for i, at := range []time.Time{time.Now(), time.Now().Add(-time.Hour), time.Now().Add(20 * time.Minute), time.Unix(0, 0)} {
			s := openURL(t, url, Options{Now: stepClock(at)})
			all.Go(func() {
				last := int64(0)
				for range 20 {
					users, err := s.UpsertUsers(t.Context(), store.Actor{Name: "ci"}, people(10*(i+1), 10*(i+1)+5, ""))
					for err != nil && identity.AsError(err).Retryable { // it lost against the others
						users, err = s.UpsertUsers(t.Context(), store.Actor{Name: "ci"}, people(10*(i+1), 10*(i+1)+5, ""))
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, u := range users {
						r := u.Mappings[0].Revision
						if given[r]++; given[r] > 1 || r <= last {
							t.Errorf("process %d: revision %d comes after %d, and was given out %d times", i, r, last, given[r])
						}
						last = r
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
	})
}
