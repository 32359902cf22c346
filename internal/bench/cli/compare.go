// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// pairs are the runs of both sides, in turns: what disturbs the machine
// disturbs both.
type pairs struct{ ours, floor []usage }

// side runs one side once. round 0 is the warm-up, if there is one.
type side func(ctx context.Context, round int) (usage, error)

func (b *bench) compare(ctx context.Context, what string, ours, floor side) (pairs, error) {
	var p pairs
	first := 0
	if !b.opts.warmUp {
		first = 1
	}
	for round := first; round <= b.opts.runs; round++ {
		our, err := ours(ctx, round)
		if err != nil {
			return p, err
		}
		their, err := floor(ctx, round)
		if err != nil {
			return p, err
		}
		b.say("%s, run %d: %.2f s of CPU beside %.2f s, %d requests", what, round, our.cpu.Seconds(), their.cpu.Seconds(), our.requests.total())
		if round > 0 {
			p.ours, p.floor = append(p.ours, our), append(p.floor, their)
		}
	}
	return p, nil
}

// cpu is the row of how many times the floor's CPU ours takes.
func (p pairs) cpu(what string, target float64) row {
	cpu := func(u usage) time.Duration { return u.cpu }
	ours, floor := median(p.ours, cpu).Seconds(), median(p.floor, cpu).Seconds()
	return row{
		what: what, measured: ours / floor, unit: unitRatio, bound: atMost, target: target,
		detail: fmt.Sprintf("%.2f s / %.2f s of CPU", ours, floor),
	}
}

// wall is the row of the time that a run takes.
func (p pairs) wall(what string, target float64) row {
	wall := func(u usage) time.Duration { return u.wall }
	return row{
		what: what, measured: median(p.ours, wall).Seconds(), unit: unitSeconds, bound: atMost, target: target,
		detail: fmt.Sprintf("the floor takes %.2f s", median(p.floor, wall).Seconds()),
	}
}

// requests is the row of the most requests that a run sent.
func (p pairs) requests(what string, target float64) row {
	most := slices.MaxFunc(p.ours, func(a, b usage) int { return cmp.Compare(a.requests.total(), b.requests.total()) }).requests
	return row{what: what, measured: float64(most.total()), unit: unitRequests, bound: atMost, target: target, detail: most.String()}
}

// memory is the row of the most memory that the provider took.
func (p pairs) memory(what string, target float64) row {
	most := func(runs []usage) float64 {
		var bytes int64
		for _, u := range runs {
			bytes = max(bytes, u.memory)
		}
		return float64(bytes) / 1e6
	}
	return row{
		what: what, measured: most(p.ours), unit: unitMemory, bound: atMost, target: target,
		detail: fmt.Sprintf("the floor takes %.0f MB", most(p.floor)),
	}
}

func median[T any, V cmp.Ordered](all []T, value func(T) V) V {
	values := make([]V, len(all))
	for i, one := range all {
		values[i] = value(one)
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
