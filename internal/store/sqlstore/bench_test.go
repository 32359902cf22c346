// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
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

// scaleVariable is how many users the benchmarks of this file store, with three
// services each. The numbers are for 1,000,000; a plain run takes fewer.
const scaleVariable = "SYM_BENCH_USERS"

const smallScale = 10_000

func scale(b *testing.B) int {
	b.Helper()
	text := os.Getenv(scaleVariable)
	if text == "" {
		return 2 * smallScale
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < smallScale {
		b.Fatalf("%s is %q, not a number from %d", scaleVariable, text, smallScale)
	}
	return n
}

// dialects runs a benchmark on each.
func dialects(b *testing.B, bench func(b *testing.B, open func() *Store)) {
	b.Helper()
	b.Run("SQLite", func(b *testing.B) {
		bench(b, func() *Store { return openFile(b, newPath(b), Options{}) })
	})
	b.Run("Postgres", func(b *testing.B) {
		bench(b, func() *Store { return openURL(b, pgtest.URL(b), Options{}) })
	})
}

// crowd is an export of n users with an identity in each of three services.
func crowd(n int) func() (store.Record, error) {
	at := time.Unix(1, 0)
	services := []identity.ServiceKey{okta, {Type: "github", ExternalID: "acme"}, {Type: "custom", ExternalID: "VictorOps"}}
	i := -len(services)
	return func() (store.Record, error) {
		defer func() { i++ }()
		switch {
		case i < 0:
			return store.Record{Service: &store.ServiceRecord{CreatedAt: at,
				Service: identity.Service{ID: newID(), Key: services[-i-1], UpdatedAt: at, UpdatedBy: "bench"}}}, nil
		case i >= n:
			return store.Record{}, io.EOF
		}
		key := person(i)
		u := &store.UserRecord{User: identity.User{ID: newID(), Key: key, Type: identity.Normal, Role: identity.Member, Name: string(key), Revision: int64(4*i + 4),
			CreatedAt: at, UpdatedAt: at, UpdatedBy: "bench"}}
		for j, service := range services {
			u.Mappings = append(u.Mappings, store.MappingRecord{ID: newID(), Mapping: identity.Mapping{Service: service, Source: identity.Manual, Revision: int64(4*i + j + 1),
				Matcher: identity.Matcher{"user_id": fmt.Sprintf("00u%06d", i)}, CreatedAt: at, UpdatedAt: at, UpdatedBy: "bench"}})
		}
		return store.Record{User: u}, nil
	}
}

func populate(b *testing.B, s *Store, n int) {
	b.Helper()
	if _, err := s.Import(b.Context(), ImportOptions{}, crowd(n)); err != nil {
		b.Fatal(err)
	}
}

// heapPeak samples the heap until stop and gives the most that was live or not
// yet collected, in MiB.
func heapPeak() (stop func() float64) {
	var done atomic.Bool
	peak := make(chan float64)
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		var most uint64
		for !done.Load() {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			time.Sleep(5 * time.Millisecond)
		}
		peak <- float64(most) / (1 << 20)
	}()
	return func() float64 {
		done.Store(true)
		return <-peak
	}
}

// BenchmarkImport moves users with three mappings each into an empty store, and
// copies the same rows with pgx alone. Targets on PostgreSQL: 0.7 of the latter's
// speed, and 200 MiB whatever the scale.
func BenchmarkImport(b *testing.B) {
	n := scale(b)
	dialects(b, func(b *testing.B, open func() *Store) {
		var plain time.Duration
		var peak float64
		for b.Loop() {
			b.StopTimer()
			s := open()
			stop := heapPeak()
			b.StartTimer()
			populate(b, s, n)
			b.StopTimer()
			peak = max(peak, stop())
			if !s.dialect.embedded() {
				plain += copyPlainly(b, n)
			}
			b.StartTimer()
		}
		if plain > 0 {
			b.ReportMetric(plain.Seconds()/b.Elapsed().Seconds(), "x-plain-pgx")
		}
		b.ReportMetric(float64(3*n*b.N)/b.Elapsed().Seconds(), "mappings/s")
		b.ReportMetric(peak, "MiB-heap")
	})
}

// BenchmarkExport reads everything. Target: constant memory.
func BenchmarkExport(b *testing.B) {
	n := scale(b)
	dialects(b, func(b *testing.B, open func() *Store) {
		s := open()
		populate(b, s, n)
		stop := heapPeak()
		for b.Loop() {
			if err := s.Export(b.Context(), ExportOptions{History: true}, func(store.Record) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(3*n*b.N)/b.Elapsed().Seconds(), "mappings/s")
		b.ReportMetric(stop(), "MiB-heap")
	})
}

// BenchmarkSearchAtScale finds 1,000 users in a small and in a large store, in
// turns. Target: the large one takes at most twice as long.
func BenchmarkSearchAtScale(b *testing.B) {
	n := scale(b)
	dialects(b, func(b *testing.B, open func() *Store) {
		small, large := open(), open()
		populate(b, small, smallScale)
		populate(b, large, n)
		search := func(s *Store, size int) time.Duration {
			keys := make([]identity.UserKey, 1000)
			for i := range keys {
				keys[i] = person(i * (size / len(keys)))
			}
			start := time.Now()
			users, err := s.FindUsers(b.Context(), keys)
			if err != nil || len(users) != len(keys) {
				b.Fatal(len(users), err)
			}
			return time.Since(start)
		}
		search(small, smallScale)
		search(large, n)
		var atSmall, atLarge time.Duration
		for b.Loop() {
			atSmall += search(small, smallScale)
			atLarge += search(large, n)
		}
		b.ReportMetric(float64(atLarge.Milliseconds())/float64(b.N), "ms/search")
		b.ReportMetric(float64(atLarge)/float64(atSmall), "x-of-10000")
	})
}

// BenchmarkFirstPage lists the first 1,000 users. Target: 50 ms.
func BenchmarkFirstPage(b *testing.B) {
	n := scale(b)
	dialects(b, func(b *testing.B, open func() *Store) {
		s := open()
		populate(b, s, n)
		for b.Loop() {
			users, next, err := s.Users(b.Context(), store.UserFilter{Limit: 1000})
			if err != nil || len(users) != 1000 || next == "" {
				b.Fatal(len(users), next, err)
			}
		}
	})
}

// copyPlainly returns how long pgx alone takes to copy the rows of an import into
// empty tables.
func copyPlainly(b *testing.B, n int) time.Duration {
	url := pgtest.URL(b)
	openURL(b, url, Options{})
	i, rows := importer{services: map[identity.ServiceKey]string{}}, &importPage{}
	for next := crowd(n); ; {
		r, err := next()
		if err != nil {
			break
		}
		i.add(rows, r)
	}
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	start := time.Now()
	err = errors.Join(copyRows(b.Context(), conn, intoServices, rows.services),
		copyRows(b.Context(), conn, intoUsers, rows.users), copyRows(b.Context(), conn, intoMappings, rows.mappings))
	if err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
