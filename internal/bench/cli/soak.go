// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const (
	// soakUsers are stored before a soak.
	soakUsers = 10_000

	// soakPause is how long the caller of a soak thinks between two calls.
	soakPause = 20 * time.Millisecond

	// soakSamples are taken of a server's memory; the first third of them is the
	// time in which caches and pools fill.
	soakSamples = 60
)

// soak lets servers answer a mixture of calls for a long while, one on each
// database at the same time, and compares their memory at the end with that after a third of it.
func (b *bench) soak(ctx context.Context) ([]row, error) {
	exports, err := b.storePrograms(ctx, soakUsers)
	if err != nil {
		return nil, err
	}
	all, err := b.databases()
	if err != nil {
		return nil, err
	}
	both := make([][]row, len(all))
	errs := make([]error, len(all))
	var soaking sync.WaitGroup
	for n, db := range all {
		soaking.Go(func() {
			both[n], errs[n] = b.soakOn(ctx, db, exports.large)
			errs[n] = errors.Join(errs[n], db.close())
		})
	}
	soaking.Wait()
	return slices.Concat(both...), errors.Join(errs...)
}

// sample is what a process holds at a moment.
type sample struct {
	memory int64 // resident bytes
	files  int   // open ones, connections among them
}

func (b *bench) soakOn(ctx context.Context, db database, c crowd) (_ []row, err error) {
	i, _, err := b.fill(ctx, db, "soak", c)
	if err != nil {
		return nil, err
	}
	d, err := i.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	// The same calls each time.
	s := &soaker{d: d, emails: c.emails(symapi.MaxBatch), random: rand.New(rand.NewPCG(1, 2))}
	var samples []sample
	start := time.Now()
	for calls := 0; len(samples) < soakSamples; calls++ {
		if err := s.call(ctx, calls); err != nil {
			return nil, err
		}
		if time.Since(start) >= time.Duration(len(samples)+1)*b.opts.soak/soakSamples {
			samples = append(samples, d.sample())
			if len(samples)%(soakSamples/10) == 0 {
				last := samples[len(samples)-1]
				b.say("%s: %d calls, %.1f MB, %d files", db.name, calls, megabytes(last.memory), last.files)
			}
		}
		time.Sleep(soakPause)
	}
	return soakRows(db, b.opts.soak, samples), nil
}

// soakRows compare the middle third of the samples with the last.
func soakRows(db database, span time.Duration, samples []sample) []row {
	third := len(samples) / 3
	middle, last := samples[third:2*third], samples[2*third:]
	memory := func(s sample) int64 { return s.memory }
	files := func(s sample) int { return s.files }
	before, after := median(middle, memory), median(last, memory)
	return []row{{
		what:     db.named("soak of %s: memory in its last third, times that in the second", span),
		measured: float64(after) / float64(before), unit: unitRatio, bound: atMost, target: 1.1,
		detail: fmt.Sprintf("%.1f MB / %.1f MB, %.1f MB at the end", megabytes(after), megabytes(before), megabytes(samples[len(samples)-1].memory)),
	}, {
		what:     db.named("soak of %s: open files in its last third, times those in the second", span),
		measured: float64(median(last, files)) / float64(max(1, median(middle, files))), unit: unitRatio, bound: atMost, target: 1.1,
		detail: fmt.Sprintf("%d / %d", median(last, files), median(middle, files)),
	}}
}

func (d *daemon) sample() sample {
	open, _ := os.ReadDir(filepath.Join(directoryOf(d.cmd.Process), "fd")) // none where the system has no /proc
	return sample{memory: d.memory(), files: len(open)}
}

// soaker calls as people and programs do.
type soaker struct {
	d      *daemon
	emails []string
	random *rand.Rand
}

// call makes the next call of the mixture.
func (s *soaker) call(ctx context.Context, n int) error {
	email := s.emails[s.random.IntN(len(s.emails))]
	okta := crowdServices[0]
	switch n % 10 {
	case 0:
		body := fmt.Sprintf(`{"users":[{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":%q}},`+
			`{"service_type":%q,"external_id":%q,"matcher":{"user_id":"00s%d"},"source":"manual"}]}]}`, email, okta.Type, okta.ExternalID, n)
		_, err := s.d.call(ctx, http.MethodPatch, "users", []byte(body))
		return err
	case 1:
		body, err := json.Marshal(map[string]any{"emails": s.emails})
		if err != nil {
			return err
		}
		_, err = s.d.call(ctx, http.MethodPost, "users/search", body)
		return err
	case 2:
		_, err := s.d.call(ctx, http.MethodGet, fmt.Sprintf("users?limit=%d", symapi.MaxPage), nil)
		return err
	case 3:
		_, err := s.d.call(ctx, http.MethodGet, "identities/history?limit=100&user="+url.QueryEscape(email), nil)
		return err
	case 4: // what is wrong is refused, and leaves nothing behind either
		if _, err := s.d.call(ctx, http.MethodPatch, "users", []byte(`{"users":[{"identities":[{"service_type":"okta","external_id":"x"}]}]}`)); err == nil {
			return errors.New("a write without a user was not refused")
		}
		return ctx.Err()
	}
	_, err := s.d.call(ctx, http.MethodGet, "users?email="+url.QueryEscape(email), nil)
	return err
}
