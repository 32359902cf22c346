// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// maxPages bounds a walk: a service whose cursor never ends is broken.
const maxPages = 20_000

// PageGuard notices a list that does not come to an end. Its zero value is
// ready; it serves one walk.
type PageGuard struct {
	seen  map[[sha256.Size]byte]bool
	pages int
}

// Check refuses a page that was there before and a walk that is too long. Its
// errors match ErrUnavailable.
func (g *PageGuard) Check(page []Account) error {
	g.pages++
	if g.pages > maxPages {
		return fmt.Errorf("%w in full: its list has more than %d pages", ErrUnavailable, maxPages)
	}
	sum, ok := fingerprint(page)
	if !ok {
		return nil
	}
	if g.seen[sum] {
		return fmt.Errorf("%w in full: its list repeats a page (page %d)", ErrUnavailable, g.pages)
	}
	if g.seen == nil {
		g.seen = map[[sha256.Size]byte]bool{}
	}
	g.seen[sum] = true
	return nil
}

// fingerprint returns a hash of a page. ok is false where no account has an id
// or an address: such pages look alike without being the same one.
func fingerprint(page []Account) (sum [sha256.Size]byte, ok bool) {
	h := sha256.New()
	for _, a := range page {
		ok = ok || a.ID != "" || len(a.Emails) > 0
		fmt.Fprintf(h, "%q%q", a.ID, a.Emails)
	}
	return [sha256.Size]byte(h.Sum(nil)), ok
}

// Walk visits every page of a list until visit returns false. It returns nil
// only if the list ended or visit stopped it; after an error nobody may be
// called absent. A Lister that also describes itself has its ListMaxAccounts
// watched: a list that reaches it fails with ErrTruncated.
func Walk(ctx context.Context, l Lister, visit func(page []Account) bool) error {
	limit := 0
	if d, ok := l.(interface{ Describe() Descriptor }); ok {
		limit = d.Describe().ListMaxAccounts
	}
	var guard PageGuard
	total := 0
	for page, err := range l.Pages(ctx) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := guard.Check(page); err != nil {
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
