// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"fmt"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// BenchmarkSearch1000 finds 1,000 of 100,000 users. Target: 30 ms.
func BenchmarkSearch1000(b *testing.B) {
	s := openFile(b, newPath(b), Options{})
	fill(b, s, 100_000)
	var keys []identity.UserKey
	for i := range 1000 {
		keys = append(keys, person(i*97))
	}
	for b.Loop() {
		users, err := s.FindUsers(b.Context(), keys)
		if err != nil || len(users) != len(keys) {
			b.Fatal(len(users), err)
		}
	}
}

// BenchmarkUpsert1000 changes 1,000 mappings among 10,000. Target: 1 s.
func BenchmarkUpsert1000(b *testing.B) {
	s := openFile(b, newPath(b), Options{})
	fill(b, s, 10_000)
	round := 0
	for b.Loop() {
		round++
		if _, err := s.UpsertUsers(b.Context(), actor, people(0, 1000, fmt.Sprint(".", round))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUpsertOne is what one sym_identity costs.
func BenchmarkUpsertOne(b *testing.B) {
	s := openFile(b, newPath(b), Options{})
	fill(b, s, 10_000)
	round := 0
	for b.Loop() {
		round++
		if _, err := s.UpsertUsers(b.Context(), actor, people(7, 8, fmt.Sprint(".", round))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkListAll lists 10,000 users with their mappings.
func BenchmarkListAll(b *testing.B) {
	s := openFile(b, newPath(b), Options{})
	fill(b, s, 10_000)
	for b.Loop() {
		users, _, err := s.Users(b.Context(), store.UserFilter{})
		if err != nil || len(users) != 10_000 {
			b.Fatal(len(users), err)
		}
	}
}

// BenchmarkOpen is what every plan in embedded mode costs.
func BenchmarkOpen(b *testing.B) {
	path := newPath(b)
	fill(b, openFile(b, path, Options{}), 10)
	for b.Loop() {
		s, err := Open(b.Context(), "sqlite:"+path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
