// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// A clock that is a year ahead for some passes costs days of the history, though
// changes were recorded by it, and nothing once it is right again.
func TestClockAYearAhead(t *testing.T) {
	t.Parallel()
	const retention, day = 30 * 24 * time.Hour, 24 * time.Hour
	onBoth(t, func(t *testing.T, url string) {
		now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
		s := openURL(t, url, Options{Now: func() time.Time { return now }})
		pass := func(want time.Time) {
			t.Helper()
			seen, err := s.AdvanceClock(t.Context())
			if err != nil || !seen.Equal(want) {
				t.Fatalf("the store's clock is %s, want %s (%v)", seen, want, err)
			}
			if _, err := s.PruneHistory(t.Context(), seen.Add(-retention), 1000); err != nil {
				t.Fatal(err)
			}
		}
		left := func(want int) {
			t.Helper()
			if got, _, err := s.History(t.Context(), store.HistoryFilter{}); err != nil || len(got) != want {
				t.Errorf("%d changes are left, want %d (%v)", len(got), want, err)
			}
		}
		start := now
		now = start.Add(-retention + day/2)
		fill(t, s, 1)
		pass(now)
		now = start.Add(-day)
		assert(t, s)
		for range 40 { // catches up a day each time, with what the server did not run for
			_, err := s.AdvanceClock(t.Context())
			if err != nil {
				t.Fatal(err)
			}
		}
		pass(now)
		left(2)
		now = start.AddDate(1, 0, 0)
		assert(t, s)
		pass(start)
		left(3)
		pass(start.Add(day)) // the first change is older than the retention by then
		left(2)
		now = start.Add(time.Hour)
		pass(now)
		left(2)
	})
}

// The clock of a store that was used before starts at its latest change.
func TestClockOfAnOlderStore(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
		s := openURL(t, url, Options{Now: func() time.Time { return now }})
		fill(t, s, 1)
		changed := now
		now = now.AddDate(1, 0, 0)
		if seen, err := s.AdvanceClock(t.Context()); err != nil || !seen.Equal(changed.Add(clockStep)) {
			t.Errorf("the store's clock is %s, %v", seen, err)
		}
	})
}
