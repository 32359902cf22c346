// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
)

// maxWalkPages bounds a walk: a service whose cursor never ends is broken.
const maxWalkPages = 20_000

// Walk visits every page of a list until visit returns false. It returns nil
// only if the list ended or visit stopped it; after an error nobody may be
// called absent. If the Lister describes itself, a list that reaches its
// ListMaxAccounts fails with ErrTruncated.
func Walk(ctx context.Context, l Lister, visit func(page []Account) bool) error {
	limit := 0
	if d, ok := l.(interface{ Describe() Descriptor }); ok {
		limit = d.Describe().ListMaxAccounts
	}
	guard := pageGuard{map[[sha256.Size]byte]bool{}, 0}
	total := 0
	for page, err := range l.Pages(ctx) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := guard.check(page); err != nil {
			return err
		}
		total += len(page)
		if !visit(page) {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err // a connector may end its pages on cancellation
	}
	if limit > 0 && total >= limit {
		return fmt.Errorf("%w after %d accounts", ErrTruncated, limit)
	}
	return nil
}

// Paged returns the Pages of a service that gives a cursor with every page.
// The zero cursor asks for the first page, and ends the list if page returns
// it. A page or cursor that comes again is an error that matches ErrUnavailable.
func Paged[C comparable](ctx context.Context, page func(ctx context.Context, cursor C) (accounts []Account, next C, err error)) iter.Seq2[[]Account, error] {
	return func(yield func([]Account, error) bool) {
		guard := pageGuard{map[[sha256.Size]byte]bool{}, 0}
		var cursor, end C
		seen := map[C]bool{}
		for {
			accounts, next, err := page(ctx, cursor)
			if err == nil {
				err = guard.check(accounts)
			}
			if err == nil && seen[next] {
				err = fmt.Errorf("%w in full: its list repeats a cursor", ErrUnavailable)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(accounts, nil) || next == end {
				return
			}
			seen[next] = true
			cursor = next
		}
	}
}

// All reads pages to their end.
func All(pages iter.Seq2[[]Account, error]) ([]Account, error) {
	var all []Account
	for page, err := range pages {
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	return all, nil
}

// pageGuard detects a list that never ends. It serves one walk.
type pageGuard struct {
	seen  map[[sha256.Size]byte]bool
	pages int
}

// check refuses a page that was there before and a walk that is too long. Its
// errors match ErrUnavailable.
func (g *pageGuard) check(page []Account) error {
	g.pages++
	if g.pages > maxWalkPages {
		return fmt.Errorf("%w in full: its list has more than %d pages", ErrUnavailable, maxWalkPages)
	}
	sum, ok := fingerprint(page)
	if !ok {
		return nil
	}
	if g.seen[sum] {
		return fmt.Errorf("%w in full: its list repeats a page (page %d)", ErrUnavailable, g.pages)
	}
	g.seen[sum] = true
	return nil
}

// fingerprint returns a hash of a page. ok is false if no account has an id or
// an address: such pages look alike without being the same one.
func fingerprint(page []Account) (sum [sha256.Size]byte, ok bool) {
	h := sha256.New()
	for _, a := range page {
		ok = ok || a.Identity != "" || len(a.Addresses) > 0
		fmt.Fprintf(h, "%q%q%q", a.AccountID, a.Identity, a.Emails())
	}
	return [sha256.Size]byte(h.Sum(nil)), ok
}
