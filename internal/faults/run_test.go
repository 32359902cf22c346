// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// Flags of make faults. The defaults make a few runs, always the same ones.
var (
	runs  = flag.Int("runs", 4, "random runs")
	first = flag.Int64("seed", 1, "seed of the first random run; the others follow")
)

// shape holds the size and the faults of a run.
type shape struct {
	teams        int // configurations that are applied at the same time
	bulk, single int // mappings of each: in one sym_identities, and in sym_identity
	kills        int
	rough        bool // with faults that may fail an apply
	store        string
}

func (s shape) String() string {
	return fmt.Sprintf("%d x (%d + %d) mappings, %d kills, rough %t", s.teams, s.bulk, s.single, s.kills, s.rough)
}

// shapeOf returns the shape for a seed: every third run has two teams, every
// second is rough, and every tenth has 2,000 mappings.
func shapeOf(seed int64) shape {
	r := dice(seed).about("shape")
	s := shape{teams: 1, bulk: 120 + r.IntN(60), single: 20 + r.IntN(30), kills: r.IntN(5), rough: r.IntN(2) == 0}
	if r.IntN(3) == 0 {
		s.teams, s.bulk, s.single = 2, s.bulk/2, s.single/2
	}
	if r.IntN(10) == 0 {
		s.bulk, s.single = 1850/s.teams, 150/s.teams
	}
	return s
}

// TestRandom makes the runs of make faults.
func TestRandom(t *testing.T) {
	t.Parallel()
	for i := range *runs {
		seed := *first + int64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			run(t, seed, shapeOf(seed))
		})
	}
}

// TestTwoThousand applies 2,000 mappings through faults from which the client
// recovers by itself: each apply succeeds at its first try.
func TestTwoThousand(t *testing.T) {
	t.Parallel()
	run(t, 2000, shape{teams: 1, bulk: 1880, single: 120, kills: 4})
}

// TestTwoHalves has two people apply different halves at the same time.
func TestTwoHalves(t *testing.T) {
	t.Parallel()
	run(t, 22, shape{teams: 2, bulk: 300, single: 40, kills: 4})
}

// TestPostgres applies two halves on PostgreSQL.
func TestPostgres(t *testing.T) {
	t.Parallel()
	run(t, 15, shape{teams: 2, bulk: 200, single: 40, kills: 3, store: pgtest.URL(t)})
}

func run(t *testing.T, seed int64, s shape) {
	t.Helper()
	store := s.store
	if store == "" {
		store = "sqlite:identities.db"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	d := startDaemon(t, store, "")
	faults, rounds, tries := passing, 1, 10
	if s.rough {
		faults, rounds, tries = rough, 30, 2
	}
	p := newProxy(t, seed, d, faults, 3, s.kills, 2*s.teams*(s.single+20))
	teams := make([]*team, s.teams)
	for i := range teams {
		name := fmt.Sprintf("team%d", i)
		teams[i] = newTeam(name, dice(seed).about(name), p.apiURL(), tries)
		teams[i].add(s.bulk, s.single)
	}
	start := time.Now()
	for phase := range 2 {
		var group errgroup.Group
		for _, team := range teams {
			if phase > 0 {
				team.change()
			}
			group.Go(func() error { return team.converge(ctx, rounds) })
		}
		if err := group.Wait(); err != nil {
			t.Fatalf("seed %d (%s), phase %d: %v\nfaults: %s", seed, s, phase, err, p.tally())
		}
	}
	p.settle()
	took := time.Since(start).Round(time.Millisecond)
	again := 0
	for _, team := range teams {
		again += team.fails
	}
	check(ctx, t, d, teams, !s.rough)
	t.Logf("seed %d: %s; %s, %d applies run again, %d kills; %s", seed, s, took, again, d.kills, p.tally())
	if t.Failed() {
		t.Logf("again: go test ./internal/faults -run TestRandom -v -args -seed %d -runs 1", seed)
	}
}
