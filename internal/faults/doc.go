// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package faults holds tests only. They put a hostile network between the
// provider and a real sym-identityd, kill that process again and again, and
// assert what is promised all the same: what an apply acknowledged is stored,
// each change happened once, the plan that follows is empty, and nobody is
// called unmapped because of an outage.
//
// One number, the seed, decides all that the network does to a request. To run
// one again:
//
//	go test ./internal/faults -run TestRandom -v -args -seed 1234 -runs 1
package faults
