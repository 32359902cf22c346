// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import "math/rand/v2"

const (
	// revisionSlack is how far a sequence may trail the clock, in microseconds,
	// before it is moved.
	revisionSlack = 1_000_000

	// maxRevision is the largest revision that is believed: microseconds since
	// 1970, in the year 2112. JSON clients read whole numbers up to twice as large.
	maxRevision = 1 << 52
)

// revisionClock says where the revisions of a transaction begin. They are counted,
// and they follow the clock: each is greater than the one before, and than the
// microseconds since 1970 (less revisionSlack). So a store that was restored from
// a backup never repeats what it gave out after that backup.
type revisionClock struct {
	now int64 // microseconds since 1970; 0 where the clock cannot be right
	gap int64 // what to leave out where the counter is ahead of the clock; 0 = nothing
}

// revisionClock returns that of a transaction. A counter ahead of the clock means
// that the clock was set back, so it does not tell what was given out. The first
// write after an open then leaves a random gap.
func (s *Store) revisionClock() revisionClock {
	c := revisionClock{now: micros(s.opts.Now())}
	if c.now > maxRevision {
		c.now = 0
	}
	if !s.revised.Load() {
		c.gap = revisionSlack + rand.Int64N(1<<24)
	}
	return c
}

// after returns the number behind which revisions continue after last. The gap is
// left once.
func (c *revisionClock) after(last int64) int64 {
	gap := c.gap
	c.gap = 0
	if last < c.now {
		return c.now
	}
	return last + gap
}
