// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"runtime"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func held(b *testing.B, n int) (*Reader, []identity.UserKey) {
	b.Helper()
	names := people(n)
	f := newFakeAPI(names...)
	r := New(f)
	for _, err := range r.AllUsers(context.Background()) {
		if err != nil {
			b.Fatal(err)
		}
	}
	return r, keys(names...)
}

// BenchmarkFindHeld is one single read that the snapshot answers.
func BenchmarkFindHeld(b *testing.B) {
	r, keys := held(b, 10_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if users, err := r.FindUsers(context.Background(), keys[i%len(keys):i%len(keys)+1]); err != nil || len(users) != 1 {
			b.Fatal(users, err)
		}
		i++
	}
}

// BenchmarkFindHeldByTen is the same from ten goroutines per core.
func BenchmarkFindHeldByTen(b *testing.B) {
	r, keys := held(b, 10_000)
	b.SetParallelism(10)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if users, err := r.FindUsers(context.Background(), keys[i%len(keys):i%len(keys)+1]); err != nil || len(users) != 1 {
				b.Fatal(users, err)
			}
		}
	})
}

// BenchmarkFindHeldMany is one bulk read of 10,000 users.
func BenchmarkFindHeldMany(b *testing.B) {
	r, keys := held(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if users, err := r.FindUsers(context.Background(), keys); err != nil || len(users) != len(keys) {
			b.Fatal(len(users), err)
		}
	}
}

// BenchmarkHoldersHeld is one question for a holder that the snapshot answers.
func BenchmarkHoldersHeld(b *testing.B) {
	r, keys := held(b, 10_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		claim := "00u-" + string(keys[i%len(keys)])
		if holders, err := r.Holders(context.Background(), okta, identity.Named(claim)); err != nil || len(holders) != 1 {
			b.Fatal(holders, err)
		}
		i++
	}
}

// BenchmarkSnapshot builds a snapshot of 10,000 users and reports what each holds.
func BenchmarkSnapshot(b *testing.B) {
	names := people(10_000)
	users := make([]identity.User, len(names))
	fill := func() {
		for i, name := range names {
			f := newFakeAPI(name)
			users[i] = f.users[identity.UserKey(name)]
		}
	}
	b.ReportAllocs()
	var s *snapshot
	for b.Loop() {
		b.StopTimer()
		s = nil //nolint:ineffassign,wastedassign // it frees the last one before memory is measured
		fill()
		b.StartTimer()
		s = New(newFakeAPI()).newSnapshot()
		for _, u := range users {
			if !s.add(u) {
				b.Fatal(u.Name)
			}
		}
	}
	clear(users)
	with := heap()
	runtime.KeepAlive(s)
	s = nil //nolint:wastedassign // it frees the snapshot before memory is measured again
	b.ReportMetric(float64(with-heap())/float64(len(names)), "B/user")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
