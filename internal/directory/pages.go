// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
)

// maxWalkPages bounds a walk: a service whose cursor never ends is broken.
const maxWalkPages = 20_000

type progressKey struct{}

// WithProgress returns a context whose walks call f after each page, with the
// number of accounts on it, and before, with the total, where the service says it.
// f is safe for concurrent use.
func WithProgress(ctx context.Context, f func(read, total int)) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

func progress(ctx context.Context, read, total int) {
	if f, ok := ctx.Value(progressKey{}).(func(read, total int)); ok {
		f(read, total)
	}
}

// Walk visits every page of a list until visit returns false, and once more if
// the list moved. It calls begin before each time. It returns nil only if the list
// ended or visit stopped it; after an error nobody may be called absent. If the
// Lister describes itself, a list that reaches its ListMaxAccounts fails with
// ErrTruncated. A list of people without a single address fails with
// ErrPermission.
func Walk(ctx context.Context, l Lister, begin func(), visit func(page []Account) bool) error {
	var d Descriptor
	if described, ok := l.(interface{ Describe() Descriptor }); ok {
		d = described.Describe()
	}
	pages := l.Pages(ctx)
	return twice(func() error {
		begin()
		return walk(ctx, d, pages, visit)
	})
}

func walk(ctx context.Context, d Descriptor, pages iter.Seq2[[]Account, error], visit func(page []Account) bool) error {
	guard := newPageGuard()
	total := 0
	var seen addressCount
	for page, err := range pages {
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
		progress(ctx, len(page), 0)
		seen.add(page)
		if !visit(page) {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err // a connector may end its pages on cancellation
	}
	if d.ListMaxAccounts > 0 && total >= d.ListMaxAccounts {
		return fmt.Errorf("%w after %d accounts", ErrTruncated, d.ListMaxAccounts)
	}
	if seen.people == 0 && seen.hidden != nil {
		return fmt.Errorf("%w as expected: nobody in its list can be read: %w", ErrUnavailable, seen.hidden)
	}
	return seen.check(d)
}

// addressCount counts accounts, the people among them, and those who show an address.
type addressCount struct {
	accounts, people, withAddress int
	hidden                        error // of a record that cannot be read and shows no address
}

func (c *addressCount) add(page []Account) {
	c.accounts += len(page)
	for _, a := range page {
		if (a.Kind == "" || a.Kind == KindPerson) && a.Unreadable == nil {
			c.people++
			if len(a.Addresses) > 0 {
				c.withAddress++
			}
		}
		if hidesAddresses(a) && c.hidden == nil {
			c.hidden = unreadable(a)
		}
	}
}

// check returns an error that matches ErrPermission if there are people and none
// of them shows an address, or if nobody is there where that may mean the same.
func (c *addressCount) check(d Descriptor) error {
	err := fmt.Errorf("%w: it sees no e-mail address of any of %d people", ErrPermission, c.people)
	switch {
	case c.accounts == 0 && d.MayBeBlind:
		err = fmt.Errorf("%w: it sees nobody at all", ErrPermission)
	case c.people == 0 || c.withAddress > 0:
		return nil
	}
	if d.AddressGrant != "" {
		err = NeedsGrant(err, d.AddressGrant)
	}
	return err
}

// Page is one page of a list.
type Page[C comparable] struct {
	Accounts []Account
	Next     C    // asks for the next page; the zero value ends the list
	Rows     int  // what the service sent; accounts may be fewer, where rows are passed over
	Total    *int // rows of the whole list, as this page says; nil = it does not say
	Sparse   bool // the service may send a page without rows before the end
	// After guesses the cursor of the page after another one, so that several are
	// read at once; the zero value ends the list. nil = only Next is known.
	After func(C) C
}

// Counted returns the Pages of a service that gives a cursor with every page.
// The zero cursor asks for the first page. It refuses what is no whole list,
// with errors that match ErrUnavailable: a page or cursor that comes again, an
// empty page before the end, another number of rows than the last page says
// there are. Several pages are read at once where Page.After says which; when they
// are read again, they are read one after the other.
func Counted[C comparable](ctx context.Context, page func(ctx context.Context, cursor C) (Page[C], error)) iter.Seq2[[]Account, error] {
	changing := false // counts of pages that are read at once need not come in order
	return func(yield func([]Account, error) bool) {
		w := wholeness{guard: newPageGuard(), accounts: map[string]int{}}
		a := ahead[C]{page: page, alone: changing}
		early, cancel := context.WithCancel(ctx)
		defer a.running.Wait()
		defer cancel()
		var cursor, end C
		seen := map[C]bool{}
		for {
			p, err := a.next(ctx, cursor)
			if err == nil {
				err = w.add(p.Accounts, p.Rows, p.Total)
			}
			if p.Total != nil {
				progress(ctx, 0, *p.Total)
			}
			switch {
			case err != nil:
			case seen[p.Next]:
				err = notWhole("its list repeats a cursor")
			case p.Next != end && p.Rows == 0 && !p.Sparse:
				err = notWhole("its list has an empty page before the end")
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(p.Accounts, nil) {
				return
			}
			if p.Next == end {
				if err := w.end(); err != nil {
					changing = true
					yield(nil, err)
				}
				return
			}
			seen[p.Next] = true
			cursor = p.Next
			a.start(early, cancel, cursor, p.After)
		}
	}
}

// Paged returns what Counted does, for a service that does not count its list.
func Paged[C comparable](ctx context.Context, page func(ctx context.Context, cursor C) (accounts []Account, next C, err error)) iter.Seq2[[]Account, error] {
	return paged(ctx, page, false)
}

// PagedSparse returns what Paged does, for a service that may send empty pages
// before the end.
func PagedSparse[C comparable](ctx context.Context, page func(ctx context.Context, cursor C) (accounts []Account, next C, err error)) iter.Seq2[[]Account, error] {
	return paged(ctx, page, true)
}

func paged[C comparable](ctx context.Context, page func(ctx context.Context, cursor C) ([]Account, C, error), sparse bool) iter.Seq2[[]Account, error] {
	return Counted(ctx, func(ctx context.Context, cursor C) (Page[C], error) {
		accounts, next, err := page(ctx, cursor)
		return Page[C]{Accounts: accounts, Next: next, Rows: len(accounts), Sparse: sparse}, err
	})
}

// Position is the place of a page in a list that is asked for by number.
type Position struct {
	Page, Rows int  // before this one
	probe      bool // nothing should come
}

// Numbered returns the Pages of a service that is asked for pages or rows by
// number. page returns what the service sent, and whether it says that more
// follows: nil = it does not, so that its count decides, and without a count an
// empty page. A first page that is full (0 = it is none) and has as many rows as
// there are in all may give its own count for the list's: then Numbered asks for
// one page more.
func Numbered(
	ctx context.Context, full int, page func(ctx context.Context, at Position) (p Page[Position], more *bool, err error),
) iter.Seq2[[]Account, error] {
	return Counted(ctx, func(ctx context.Context, at Position) (Page[Position], error) {
		p, more, err := page(ctx, at)
		next := Position{Page: at.Page + 1, Rows: at.Rows + p.Rows}
		switch {
		case err != nil:
		case more != nil:
			if *more {
				p.Next = next
			}
		case p.Rows == 0:
		case at.probe:
			err = notWhole("its list goes on after the %d rows that it says there are", at.Rows)
		case p.Total == nil || next.Rows < *p.Total:
			p.Next = next
		case at.Page == 0 && full > 0 && p.Rows >= full && p.Rows == *p.Total:
			p.Next, p.Next.probe = next, true
		}
		if at.probe {
			p.Total = nil // of no rows
		}
		if total, rows := p.Total, next.Rows/next.Page; total != nil && rows > 0 {
			p.After = func(at Position) Position {
				if at = (Position{Page: at.Page + 1, Rows: at.Rows + rows}); at.Rows < *total {
					return at
				}
				return Position{}
			}
		}
		return p, err
	})
}

func notWhole(format string, args ...any) error {
	return fmt.Errorf("%w in full: "+format, append([]any{ErrUnavailable}, args...)...)
}

// movedError is a list whose length changed while it was read, or that holds an
// account twice: somebody may have moved to a page that was read before. One new
// walk finds out.
type movedError struct {
	rows, total int
	grew        bool           // nothing else happened: nobody can have been passed over
	accounts    map[string]int // of a list that kept its length and repeats accounts
}

func (e *movedError) Error() string {
	return fmt.Sprintf("%s in full: its list changed while it was read: %d rows came, and it says that there are %d", ErrUnavailable, e.rows, e.total)
}

func (e *movedError) Unwrap() error { return ErrUnavailable }

// wholeness finds out whether a list is whole. It serves one walk.
type wholeness struct {
	guard    pageGuard
	accounts map[string]int // how often each was listed, by accountKey
	listed   int            // accounts with a key
	rows     int
	total    *int
	moved    bool
	shrank   bool
}

func (w *wholeness) add(accounts []Account, rows int, total *int) error {
	if err := w.guard.check(accounts); err != nil {
		return err
	}
	w.rows += rows
	for _, a := range accounts {
		if key := accountKey(a, func(id string) string { return id }); key != "" {
			w.listed++
			w.accounts[key]++
		}
	}
	if total != nil {
		if w.total != nil {
			w.moved, w.shrank = w.moved || *w.total != *total, w.shrank || *w.total > *total
		}
		w.total = total
	}
	return nil
}

// end says whether a list that ended is whole.
func (w *wholeness) end() error {
	if w.total == nil {
		return nil
	}
	repeats := len(w.accounts) < w.listed
	switch {
	case w.moved:
		return &movedError{w.rows, *w.total, w.rows == *w.total && !w.shrank && !repeats, nil}
	case w.rows == *w.total && repeats:
		return &movedError{w.rows, *w.total, false, w.accounts}
	case w.rows != *w.total:
		return notWhole("its list has %d rows, and it says that there are %d", w.rows, *w.total)
	}
	return nil
}

// twice runs a walk, and once more if the list moved. A list may grow all the
// time, and a service may list an account twice, then the same ones each time. A
// list that shrinks while it is read again, or repeats others than before, may hide
// somebody who moved to a page before.
func twice(walk func() error) error {
	err := walk()
	first, moved := errors.AsType[*movedError](err)
	if !moved {
		return err
	}
	err = walk()
	again, moved := errors.AsType[*movedError](err)
	if moved && (again.grew || again.accounts != nil && maps.Equal(again.accounts, first.accounts)) {
		return nil
	}
	return err
}

// Concat returns the pages of lists, one list after the other, up to an error.
func Concat(lists ...iter.Seq2[[]Account, error]) iter.Seq2[[]Account, error] {
	return func(yield func([]Account, error) bool) {
		for _, list := range lists {
			for page, err := range list {
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
	}
}

// All reads pages to their end, and once more if the list moved.
func All(pages iter.Seq2[[]Account, error]) ([]Account, error) {
	var all []Account
	err := twice(func() error {
		all = nil
		for page, err := range pages {
			if err != nil {
				return err
			}
			all = append(all, page...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func newPageGuard() pageGuard { return pageGuard{map[[sha256.Size]byte]bool{}, 0} }

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
		return notWhole("its list has more than %d pages", maxWalkPages)
	}
	sum, ok := fingerprint(page)
	if !ok {
		return nil
	}
	if g.seen[sum] {
		return notWhole("its list repeats a page (page %d)", g.pages)
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
		fmt.Fprintf(h, "%q%q%q%v", a.AccountID, a.Identity, a.SignIn, a.Addresses)
	}
	return [sha256.Size]byte(h.Sum(nil)), ok
}
