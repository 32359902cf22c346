// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
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
	if len(page) == 0 {
		return nil
	}
	sum := fingerprint(page)
	if g.seen[sum] {
		return fmt.Errorf("%w in full: its list repeats a page (page %d)", ErrUnavailable, g.pages)
	}
	if g.seen == nil {
		g.seen = map[[sha256.Size]byte]bool{}
	}
	g.seen[sum] = true
	return nil
}

func fingerprint(page []Account) [sha256.Size]byte {
	h := sha256.New()
	for _, a := range page {
		fmt.Fprintf(h, "%q%q%q", a.ID, a.Emails, a.Attrs) // fmt sorts maps
	}
	return [sha256.Size]byte(h.Sum(nil))
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

// index is a walked list by normalised address. Rows that share an id with a
// row of the address are kept with it, because Decide wants them all.
type index struct {
	byAddress map[string][]Account
	foldID    func(string) string
	byID      map[string][]Account
}

func newIndex(foldID func(string) string) *index {
	return &index{byAddress: map[string][]Account{}, byID: map[string][]Account{}, foldID: foldID}
}

func (x *index) add(page []Account) {
	for _, a := range page {
		x.byID[x.foldID(a.ID)] = append(x.byID[x.foldID(a.ID)], a)
		var seen []string
		for _, address := range a.Emails {
			key, err := identity.Normalize(address)
			if err != nil || slices.Contains(seen, key) {
				continue // such an address is nobody's: Decide cannot match it
			}
			seen = append(seen, key)
			x.byAddress[key] = append(x.byAddress[key], a)
		}
	}
}

// find returns the accounts with the address and all other rows of them.
func (x *index) find(email string) []Account {
	var found []Account
	done := map[string]bool{}
	for _, a := range x.byAddress[email] {
		id := x.foldID(a.ID)
		switch {
		case id == "":
			found = append(found, a)
		case !done[id]:
			done[id] = true
			found = append(found, x.byID[id]...)
		}
	}
	return found
}
