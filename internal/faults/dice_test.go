// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// dice decides by a seed and the text of a request, not by time: requests that
// arrive in another order meet the same faults.
type dice int64

func (d dice) about(subject ...any) *rand.Rand {
	sum := sha256.Sum256(fmt.Append(nil, append([]any{int64(d), "\x00"}, subject...)...))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])))
}

// fault names what happens to one delivery of a request.
type fault string

const (
	pass      fault = "pass"
	delay     fault = "delay"            // both ways
	hold      fault = "reorder"          // until others have overtaken it
	refuse    fault = "cut before"       // reset, nothing delivered
	cutHalf   fault = "cut in the body"  // the server gets half a request
	drop      fault = "drop the reply"   // after the server has committed
	truncate  fault = "truncate"         // the reply, and break the connection
	shorten   fault = "end early"        // the reply, in good order: no length says that more was meant
	repeat    fault = "duplicate"        // one after the other; the client gets the last reply
	both      fault = "duplicate, race"  // both at once; the client gets the first reply
	late      fault = "duplicate, late"  // the second arrives long after the reply
	limited   fault = "429"              // with Retry-After, or without
	gateway   fault = "5xx of a gateway" // a page in HTML
	busy      fault = "503 of the API"
	page      fault = "200 in HTML"
	missing   fault = "404 in HTML"
	broken    fault = "500 in HTML"
	crash     fault = "kill -9"
	crashLate fault = "kill -9 after the commit"
	crashMid  fault = "kill -9 at work"
)

// mix holds the percentage of each fault; the remaining requests pass.
type mix map[fault]int

var (
	// The client must recover from passing faults by itself, as long as they
	// come less often than it retries.
	passing = mix{delay: 8, hold: 5, refuse: 4, cutHalf: 3, drop: 7, truncate: 4, shorten: 2, repeat: 4, both: 4, late: 3, limited: 4, gateway: 4, busy: 2}
	// rough adds faults that may fail an apply, which then runs again.
	rough = with(passing, mix{page: 2, missing: 2, broken: 2})
	// light lets most requests pass.
	light = mix{delay: 3, hold: 2, refuse: 2, drop: 2, truncate: 2, shorten: 2, limited: 2, gateway: 2, busy: 1, page: 2, missing: 2, broken: 2}
)

func with(mixes ...mix) mix {
	out := mix{}
	for _, m := range mixes {
		for f, share := range m {
			out[f] += share
		}
	}
	return out
}

// pick chooses a fault.
func (m mix) pick(r *rand.Rand) fault {
	at := r.IntN(100)
	kinds := make([]fault, 0, len(m))
	for f := range m {
		kinds = append(kinds, f)
	}
	slices.Sort(kinds)
	for _, f := range kinds {
		if at -= m[f]; at < 0 {
			return f
		}
	}
	return pass
}

// tally counts what happened, for the log of a run.
type tally map[fault]int

func (t tally) String() string {
	var parts []string
	for f, n := range t {
		parts = append(parts, fmt.Sprintf("%s %d", f, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
