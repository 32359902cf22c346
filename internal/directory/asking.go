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
			l.results[email] = l.decide(email, found[email])
		}
	}
	return nil
}

// oneByOne looks up every address, a few at once.
func (l *lookup) oneByOne(ctx context.Context, want []string) error {
	err := askEach(ctx, want, l.directory.Find, func(email string, found []Account, unusable error) {
		if unusable != nil {
			l.results[email] = Result{Status: identity.Failed, Err: unusable}
			return
		}
		l.results[email] = l.decide(email, found)
	})
	return l.limitedOr(err, want)
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

// askEach asks about each key, a few at once, and calls done, never twice at
// once, with every answer, or with the error that says that the answer about
// this key cannot be used. The first other failure stops the rest; a rate
// limit only keeps new keys from being asked. Either is returned.
func askEach(
	ctx context.Context, keys []string,
	ask func(ctx context.Context, key string) ([]Account, error),
	done func(key string, found []Account, unusable error),
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu      sync.Mutex
		limited error
		fatal   error
	)
	record := func(key string, found []Account, err error) {
		mu.Lock()
		defer mu.Unlock()
		var limit *RateLimitError
		switch {
		case err == nil, errors.Is(err, ErrAnswer):
			done(key, found, err)
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
	for range min(parallelLookups, len(keys)) {
		workers.Go(func() {
			for key := range next {
				found, err := ask(ctx, key)
				record(key, found, err)
			}
		})
	}
	for _, key := range keys {
		if stopped() || ctx.Err() != nil {
			break
		}
		next <- key
	}
	close(next)
	workers.Wait()

	switch {
	case fatal != nil:
		return fatal
	case limited != nil:
		return limited
	}
	return context.Cause(ctx)
}
