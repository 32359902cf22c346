// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package pgtest

import (
	"os"
	"testing"

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
