// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// batchSize bounds one FindMany, so that a rate limit in the middle of a long
// list of people loses little.
const batchSize = 500

func (l *lookup) batches(ctx context.Context, many BatchFinder, want []string) error {
	for batch := range slices.Chunk(want, batchSize) {
		found, err := many.FindMany(ctx, batch)
		if err != nil {
			return l.limitedOr(err, want)
		}
		for _, email := range batch {
			l.results[email] = l.policy.decide(email, found[email])
		}
	}
	return nil
}

// oneByOne looks up every address, a few at once. The first failure that is
// not about one address stops the others; a rate limit only keeps new ones
// from being asked.
func (l *lookup) oneByOne(ctx context.Context, want []string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu      sync.Mutex
		limited error
		fatal   error
	)
	record := func(email string, found []Account, err error) {
		mu.Lock()
		defer mu.Unlock()
		var limit *RateLimitError
		switch {
		case err == nil:
			l.results[email] = l.policy.decide(email, found)
		case errors.Is(err, ErrAnswer):
			l.results[email] = Result{Status: identity.Failed, Err: err}
		case errors.As(err, &limit):
			limited = err
		case fatal == nil:
			fatal = err
			cancel(err)
		}
	}
	stopped := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return limited != nil || fatal != nil
	}

	next := make(chan string)
	var workers sync.WaitGroup
	for range min(parallelLookups, len(want)) {
		workers.Go(func() {
			for email := range next {
				found, err := l.directory.Find(ctx, email)
				record(email, found, err)
			}
		})
	}
	for _, email := range want {
		if stopped() || ctx.Err() != nil {
			break
		}
		next <- email
	}
	close(next)
	workers.Wait()

	switch {
	case fatal != nil:
		return fatal
	case limited != nil:
		return l.limitedOr(limited, want)
	}
	return context.Cause(ctx)
}

// limitedOr keeps what is known when err is a rate limit and marks the others
// as not asked; any other error, or one before anything is known, is returned.
func (l *lookup) limitedOr(err error, want []string) error {
	var limit *RateLimitError
	if !errors.As(err, &limit) || len(l.results) == 0 {
		return err
	}
	for _, email := range want {
		if _, known := l.results[email]; !known {
			l.results[email] = Result{Status: identity.Failed, Err: err}
		}
	}
	return nil
}
