// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"time"
)

// Listed gives a service that can only list its accounts the methods Find and
// FindMany, over a snapshot of the list. Connectors embed it:
//
//	d := &tailnet{…}
//	d.Listed = directory.FromLister(d, time.Minute)
type Listed struct {
	lister Lister
	ttl    time.Duration
	turn   chan struct{} // holds one token: who has it may use the fields below

	snapshot *index
	taken    time.Time // the end of the walk
}

// FromLister makes a Listed whose snapshot of l serves for ttl. A walk
// that fails is reported to the caller and leaves the older snapshot alone.
func FromLister(l Lister, ttl time.Duration) *Listed {
	return &Listed{lister: l, ttl: ttl, turn: make(chan struct{}, 1)}
}

// Find implements Directory.
func (l *Listed) Find(ctx context.Context, email string) ([]Account, error) {
	snapshot, err := l.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return snapshot.find(email), nil
}

// FindMany implements BatchFinder.
func (l *Listed) FindMany(ctx context.Context, emails []string) (map[string][]Account, error) {
	snapshot, err := l.fresh(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string][]Account, len(emails))
	for _, email := range emails {
		found[email] = snapshot.find(email)
	}
	return found, nil
}

// fresh returns a snapshot, which never changes once it is complete. Callers
// that come while one is being taken wait for it, not longer than their own
// context lasts.
func (l *Listed) fresh(ctx context.Context) (*index, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.snapshot != nil && time.Since(l.taken) < l.ttl {
		return l.snapshot, nil
	}
	next := newIndex(func(id string) string { return id })
	if err := Walk(ctx, l.lister, func(page []Account) bool { next.add(page); return true }); err != nil {
		return nil, err
	}
	l.snapshot, l.taken = next, time.Now()
	return next, nil
}
