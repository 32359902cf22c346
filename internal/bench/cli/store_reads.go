// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const (
	// loopCallers call at once, each again as soon as it has its answer.
	loopCallers = 8

	// pageSize is how many users a page has.
	pageSize = 1000

	// loopRounds is how often each side has its turn.
	loopRounds = 3
)

// users calls for a list of users and insists on how many there are.
func (d *daemon) users(ctx context.Context, method, path string, body []byte, want int) error {
	answer, err := d.call(ctx, method, path, body)
	if err != nil {
		return err
	}
	var list symapi.UserList
	if err := json.Unmarshal(answer, &list); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(list.Users) != want || len(list.Users[0].Identities) != len(crowdServices)+1 {
		return fmt.Errorf("%s answered with %d users, not %d with all their identities", path, len(list.Users), want)
	}
	return nil
}

// searchAtScale compares a search in the large store with one in the small.
func (b *bench) searchAtScale(ctx context.Context, db database, large, small *daemon, from exports) ([]row, error) {
	search := func(d *daemon, c crowd) func(int) error {
		emails := c.emails(symapi.MaxBatch)
		body, err := json.Marshal(map[string]any{"emails": emails})
		return func(int) error {
			return errors.Join(err, d.users(ctx, http.MethodPost, "users/search", body, len(emails)))
		}
	}
	atLarge, atSmall, err := inTurns(storeRounds, search(large, from.large), search(small, from.small))
	if err != nil {
		return nil, err
	}
	return []row{{
		what: db.named("search of %s e-mails among %s users, times that among %s", count(min(symapi.MaxBatch, from.large.users)),
			count(from.large.users), count(from.small.users)),
		measured: atLarge.Seconds() / atSmall.Seconds(), unit: unitRatio, bound: atMost, target: 2,
		detail: fmt.Sprintf("%.1f ms / %.1f ms", millis(atLarge), millis(atSmall)),
	}}, nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// wholeList lists all users at once, before anything else has cost memory.
func (b *bench) wholeList(ctx context.Context, db database, large, _ *daemon, from exports) ([]row, error) {
	var list counter
	start := time.Now()
	if err := large.copy(ctx, http.MethodGet, "users", nil, &list); err != nil {
		return nil, err
	}
	return []row{{
		what: db.named("list of all %s users: memory of the server", count(from.large.users)), measured: megabytes(large.peak()), unit: unitMemory,
		detail: fmt.Sprintf("%.0f MB of JSON in %.1f s", megabytes(int64(list)), time.Since(start).Seconds()),
	}}, nil
}

// counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// firstPage times the first page of the list of all users.
func (b *bench) firstPage(ctx context.Context, db database, large, small *daemon, from exports) ([]row, error) {
	path := fmt.Sprintf("users?limit=%d", pageSize)
	want := min(pageSize, from.large.users)
	took, _, err := inTurns(storeRounds,
		func(int) error { _, err := large.call(ctx, http.MethodGet, path, nil); return err },
		func(int) error { return nil })
	if err != nil {
		return nil, err
	}
	return []row{{
		what:     db.named("first page of %s users", count(want)),
		measured: millis(took), unit: unitMillis, bound: atMost, target: 50,
	}}, large.users(ctx, http.MethodGet, path, nil, want)
}

// reads compares reads of one user with a bare handler that asks the same of
// the database, under loops of equal callers.
func (b *bench) reads(ctx context.Context, db database, large, _ *daemon, from exports) (_ []row, err error) {
	bare, err := b.bare(ctx, large.store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	emails := from.large.emails(symapi.MaxBatch)
	for _, d := range []*daemon{large, bare} {
		if err := d.users(ctx, http.MethodGet, "users?email="+url.QueryEscape(emails[0]), nil, 1); err != nil {
			return nil, err
		}
	}
	var our, their []float64
	for range loopRounds {
		ours, err := large.loop(ctx, b.opts.loop, emails)
		if err != nil {
			return nil, err
		}
		theirs, err := bare.loop(ctx, b.opts.loop, emails)
		if err != nil {
			return nil, err
		}
		our, their = append(our, ours), append(their, theirs)
	}
	same := func(rate float64) float64 { return rate }
	ours, theirs := median(our, same), median(their, same)
	return []row{{
		what:     db.named("reads of one user, %d callers, times those of a bare handler", loopCallers),
		measured: ours / theirs, unit: unitRatio, bound: atLeast, target: 0.6,
		detail: fmt.Sprintf("%s a second / %s a second", count(int(ours)), count(int(theirs))),
	}}, nil
}

// loop lets all callers read users for a while and tells how many they read a
// second.
func (d *daemon) loop(ctx context.Context, span time.Duration, emails []string) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done atomic.Int64
	var callers sync.WaitGroup
	start := time.Now()
	for caller := range loopCallers {
		callers.Go(func() {
			for n := caller; ctx.Err() == nil && time.Since(start) < span; n += loopCallers {
				if _, err := d.call(ctx, http.MethodGet, "users?email="+url.QueryEscape(emails[n%len(emails)]), nil); err != nil {
					cancel(err)
					return
				}
				done.Add(1)
			}
		})
	}
	callers.Wait()
	return float64(done.Load()) / time.Since(start).Seconds(), context.Cause(ctx)
}
