// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import "time"

const (
	// roundTrip is what a request takes where no slower pace is documented.
	roundTrip = 100 * time.Millisecond
	// parallelLookups is how many lookups are under way at once.
	parallelLookups = 4

	// A list of unknown size is taken to be ten times what is wanted, and not
	// smaller than this.
	sizeFactor = 10
	sizeFloor  = 1000
)

// Plan chooses between asking for each of want addresses and walking the
// list of size accounts (0 = unknown): whatever takes less time at the pace
// that the service documents. True means walk. A list that is cut off before
// its end is never walked where lookups are possible.
func Plan(d Descriptor, want, size int) bool {
	if !d.Lookup {
		return true
	}
	if size <= 0 {
		size = max(sizeFactor*want, sizeFloor)
	}
	if d.ListMaxAccounts > 0 && size >= d.ListMaxAccounts {
		return false
	}
	pages := 1
	if d.ListPage > 0 {
		pages = (size-1)/d.ListPage + 1
	}
	return d.walking(pages) < d.lookingUp(want)
}

// walking is the time that pages take, lookingUp that lookups do.
func (d Descriptor) walking(pages int) time.Duration {
	return time.Duration(pages) * max(d.ListEvery, roundTrip)
}

func (d Descriptor) lookingUp(want int) time.Duration {
	requests := (want-1)/max(d.BatchSize, 1) + 1
	return time.Duration(requests) * max(d.LookupEvery, roundTrip/parallelLookups)
}

// patience is after how many pages a walk has cost as much as lookups would
// have: a list that is longer than Plan took it for is then left, so that it
// never costs more than twice the better way. 0 = there are no lookups.
func (d Descriptor) patience(want int) int {
	if !d.Lookup {
		return 0
	}
	return max(int(d.lookingUp(want)/d.walking(1)), 1)
}
