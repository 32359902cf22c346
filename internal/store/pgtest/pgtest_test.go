// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package pgtest

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// What was committed outlives a crash: the cluster writes through to the disk.
func TestClusterRestarts(t *testing.T) {
	t.Parallel()
	c := Start(t)
	Execute(t, c.URL(), "CREATE TABLE t (n int)")
	for _, crash := range []bool{true, false} {
		Execute(t, c.URL(), "INSERT INTO t VALUES (1)")
		c.Restart(t, crash)
	}
	conn, err := pgx.Connect(t.Context(), c.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var rows int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d rows are there, want 2 (%v)", rows, err)
	}
}

func TestClusterLeavesNothing(t *testing.T) {
	t.Parallel()
	var dir string
	t.Run("use", func(t *testing.T) { dir = Start(t).dir })
	if _, err := os.Stat(dir); dir != "" && !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", dir, err)
	}
}

func TestURLsAreApart(t *testing.T) {
	t.Parallel()
	for range 2 {
		Execute(t, URL(t), "CREATE TABLE t (n int)")
	}
}

func TestStopsOf(t *testing.T) {
	t.Parallel()
	log := `2026-11-29 10:00:00.123 UTC [7] LOG:  database system is shut down
2026-11-29 10:00:01,000 INFO: no action. I am (node0), the leader with the lock
2026-11-29 10:00:02.500 UTC [9] LOG:  received fast shutdown request
2026-11-29 10:00:02.501 UTC [9] LOG:  aborting any active transactions
2026-11-29 10:00:02.750 UTC [9] LOG:  database system is shut down
2026-11-29 10:00:05.000 UTC [11] LOG:  received fast shutdown request
2026-11-29 10:00:06.000 UTC [12] LOG:  starting PostgreSQL 15.14
2026-11-29 10:00:07.000 UTC [12] LOG:  received fast shutdown request
`
	at := func(ms int64) time.Time { return time.Date(2026, 11, 29, 10, 0, 0, int(ms*1e6), time.UTC) }
	want := []Stop{{at(2500), at(2751)}, {at(5000), at(6001)}, {at(7000), at(7000).AddDate(1, 0, 0)}}
	if diff := cmp.Diff(want, stopsOf(log)); diff != "" {
		t.Error(diff)
	}
}
