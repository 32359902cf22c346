// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package linearizability holds tests only. Clients write, assert, delete and
// read through two replicas of the identity API on one PostgreSQL, while
// replicas and the database are killed and paused, the leader of a cluster is lost,
// and replies are lost or come late. A checker then asks whether one order of all that happened explains
// every reply.
//
// A number, the seed, decides what clients and faults do; the scheduler decides
// when. To make a run again:
//
//	go test ./internal/linearizability -run TestRandom -v -args -seed 1234 -runs 1
package linearizability
