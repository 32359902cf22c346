// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// smallCrowd are the users of the store that a large one stands beside.
	smallCrowd = 10_000

	// settleTime is how long a server is left alone after its start.
	settleTime = 3 * time.Second

	// storeRounds is how often each call is made; medians are shown.
	storeRounds = 31
)

// store measures sym-identityd, in a process of its own, over a store of many
// users: on SQLite, and on PostgreSQL where that is installed.
func (b *bench) store(ctx context.Context) (rows []row, err error) {
	exports, err := b.storePrograms(ctx, b.opts.crowd)
	if err != nil {
		return nil, err
	}
	all, err := b.databases()
	if err != nil {
		return nil, err
	}
	for _, db := range all {
		more, err := b.storeOn(ctx, db, exports)
		rows = append(rows, more...)
		if err := errors.Join(err, db.close()); err != nil {
			return nil, fmt.Errorf("%s: %w", db.name, err)
		}
	}
	return rows, nil
}

// exports are the files that stores are filled from.
type exports struct {
	large, small crowd
}

// storePrograms builds what is measured and writes what it is fed with.
func (b *bench) storePrograms(ctx context.Context, users int) (exports, error) {
	for name, pkg := range map[string]string{serverProgram: "./cmd/sym-identityd", bareProgram: "./internal/bench/bare"} {
		b.say("building %s", name)
		if _, err := output(ctx, b.root, "go", "build", "-o", b.server(name), pkg); err != nil {
			return exports{}, err
		}
	}
	e := exports{large: crowd{b.path("crowd.jsonl"), users}, small: crowd{b.path("small.jsonl"), min(smallCrowd, users)}}
	b.say("writing an export of %s users", count(e.large.users))
	return e, errors.Join(e.large.write(), e.small.write())
}

// storeOn takes all figures of one database.
func (b *bench) storeOn(ctx context.Context, db database, from exports) (rows []row, err error) {
	large, filled, err := b.fill(ctx, db, "large", from.large)
	if err != nil {
		return nil, err
	}
	small, _, err := b.fill(ctx, db, "small", from.small)
	if err != nil {
		return nil, err
	}
	b.say("%s: imported %s mappings in %.1f s", db.name, count(from.large.mappings()), filled.wall.Seconds())
	rows = append(rows, filled.rows(db, from.large)...)

	one, err := large.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, one.stop()) }()
	atRest, err := one.atRest(ctx, min(b.opts.rest, settleTime))
	if err != nil {
		return nil, err
	}
	other, err := small.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, other.stop()) }()

	for _, take := range []func(context.Context, database, *daemon, *daemon, exports) ([]row, error){b.wholeList, b.searchAtScale, b.firstPage, b.reads, b.writes} {
		more, err := take(ctx, db, one, other, from)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	busy := one.memory()
	b.say("%s: leaving the server alone for %s", db.name, b.opts.rest)
	after, err := one.atRest(ctx, b.opts.rest)
	return append(rows, row{
		what: db.named("memory of the server at rest after its start"), measured: megabytes(atRest), unit: unitMemory, bound: atMost, target: 60,
	}, row{
		what:     db.named("memory of the server at rest, %s after the calls above", b.opts.rest),
		measured: megabytes(after), unit: unitMemory, bound: atMost, target: 60,
		detail: fmt.Sprintf("%.0f MB right after them", megabytes(busy)),
	}), err
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

// named is what a row of this measure is about.
func (db database) named(format string, args ...any) string {
	return "store on " + db.name + ": " + fmt.Sprintf(format, args...)
}

// rows are those of an import.
func (u usage) rows(db database, c crowd) []row {
	return []row{{
		what:     db.named("import of %s mappings", count(c.mappings())),
		measured: float64(c.mappings()) / u.wall.Seconds(), unit: unitRate, bound: atLeast, target: 20_000,
		detail: fmt.Sprintf("%.1f s, of which the importing process is at work for %.1f s", u.wall.Seconds(), u.cpu.Seconds()),
	}, {
		what:     db.named("memory of the import"),
		measured: megabytes(u.memory), unit: unitMemory, bound: atMost, target: 200,
	}}
}

// inTurns times two calls, one after the other and each in turn, after one of
// each that is not counted, and gives the median of each.
func inTurns(rounds int, ours, theirs func(round int) error) (our, their time.Duration, err error) {
	var a, b []time.Duration
	for round := range rounds + 1 {
		start := time.Now()
		if err := ours(round); err != nil {
			return 0, 0, err
		}
		middle := time.Now()
		if err := theirs(round); err != nil {
			return 0, 0, err
		}
		if round > 0 {
			a, b = append(a, middle.Sub(start)), append(b, time.Since(middle))
		}
	}
	same := func(d time.Duration) time.Duration { return d }
	return median(a, same), median(b, same), nil
}
