// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package linearizability

import (
	"math"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// TestRandomFailovers makes histories in which the leader of a cluster with a
// synchronous standby is lost. The check proves itself first: it finds writes
// that were acknowledged without the standby.
func TestRandomFailovers(t *testing.T) {
	t.Parallel()
	cluster := pgtest.StartPatroni(t)
	local := pgtest.WithParameter(t, cluster.URL(), "synchronous_commit", "local")
	// On a busy machine the standby may have every write before the leader is lost.
	for attempt := range 5 {
		h := record(t, local, math.MaxInt32-int64(attempt), "", pace, func(t *testing.T, r *run) { loseLeader(t, r, cluster, cutOff) })
		result := porcupine.CheckOperationsTimeout(model, h, checkLimit)
		if result == porcupine.Illegal {
			break
		}
		t.Logf("acknowledged without the standby: the history of %d operations is %s", len(h), result)
		if attempt == 4 {
			t.Error("no history shows that writes were acknowledged without the standby")
		}
	}
	var c count
	for i := range *failovers {
		seed := *first + int64(i)
		h := record(t, cluster.URL(), seed, "", pace, func(t *testing.T, r *run) { loseLeader(t, r, cluster, int(seed%3)) })
		c.check(t, cluster.URL(), seed, h)
	}
	t.Log(c)
}

// pace lets clients be at work before and after the loss.
const pace = 100 * time.Millisecond

// Ways to lose a leader.
const (
	killed = iota
	cutOff
	stopped
)

// loseLeader loses the leader, and gives it back once another has taken over.
// With two servers nothing new is acknowledged or shown until the old leader is
// the standby, so that what it answers when it wakes is not out of date.
func loseLeader(t *testing.T, r *run, cluster *pgtest.Patroni, how int) {
	t.Helper()
	leader := cluster.WaitForLeader(t)
	r.after(1, 3)
	start := time.Now()
	[...]func(int){killed: cluster.Kill, cutOff: cluster.CutOff, stopped: cluster.Stop}[how](leader)
	cluster.WaitForAnother(t, leader)
	cluster.Restore(t, leader)
	cluster.WaitForLeader(t)
	r.stops = cluster.Stops(t)
	t.Logf("the leader was %s, all well after %s, orderly stops so far: %d", [...]string{"killed", "cut off", "stopped"}[how], time.Since(start).Round(time.Millisecond), len(r.stops))
}
