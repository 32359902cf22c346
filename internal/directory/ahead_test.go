// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
)

// slow is a list of pages of two rows that take a second each.
type slow struct {
	rows     []directory.Account
	rowsOf   func(page int) int   // nil = two
	failOf   func(page int) error // nil = none fails
	mu       sync.Mutex
	requests int
	underWay int
	most     int // under way at once
	canceled int
}

func (s *slow) page(ctx context.Context, at directory.Position) (p directory.Page[directory.Position], more *bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.underWay++
	defer func() { s.underWay-- }()
	s.most = max(s.most, s.underWay)
	s.mu.Unlock()
	err = httpx.Sleep(ctx, time.Second)
	s.mu.Lock()
	if err != nil {
		s.canceled++
		return p, nil, err
	}
	if s.failOf != nil {
		if err := s.failOf(at.Page); err != nil {
			return p, nil, err
		}
	}
	size := 2
	if s.rowsOf != nil {
		size = s.rowsOf(at.Page)
	}
	p.Accounts = s.rows[min(at.Rows, len(s.rows)):min(at.Rows+size, len(s.rows))]
	p.Rows, p.Total = len(p.Accounts), new(len(s.rows))
	return p, nil, nil
}

func (s *slow) pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return directory.Numbered(ctx, 0, s.page)
}

// Pages come in order, a few are read at once, and none is asked for twice.
func TestPagesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list, began := slow{rows: crowd(100)}, time.Now()
		got, err := directory.All(list.pages(t.Context()))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(list.rows) {
			t.Errorf("%d rows, %v, want all in order", len(got), err)
		}
		// the first tells how many there are; then six at once
		if took := time.Since(began); took != 10*time.Second || list.requests != 50 || list.most != 6 {
			t.Errorf("%s, %d requests, %d at once; want 10 s, 50, 6", took, list.requests, list.most)
		}
	})
}

// A walk that is left early has read few pages too many, and leaves none behind.
func TestPagesAtOnce_left(t *testing.T) {
	t.Parallel()
	for leave, want := range map[int]int{1: 1, 2: 7, 3: 8, 20: 25} {
		synctest.Test(t, func(t *testing.T) {
			list, n, left := slow{rows: crowd(100)}, 0, time.Time{}
			for _, err := range list.pages(t.Context()) {
				if n++; n == leave || err != nil {
					left = time.Now()
					break
				}
			}
			if list.requests > want || list.underWay > 0 || time.Since(left) > 0 {
				t.Errorf("left after %d: %d requests, want at most %d; %d under way, ended after %s", leave, list.requests, want, list.underWay, time.Since(left))
			}
		})
	}
}

// The first page that fails ends the list with its own error, and the others with it.
func TestPagesAtOnce_failure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failed := errors.New("failed")
		list := slow{rows: crowd(100), failOf: func(page int) error {
			switch page {
			case 9:
				return failed
			case 10:
				return errors.New("failed later")
			}
			return nil
		}}
		n := 0
		var err error
		for _, err = range list.pages(t.Context()) {
			if err == nil {
				n++
			}
		}
		if !errors.Is(err, failed) || n != 9 || list.requests > 9+6 || list.underWay > 0 {
			t.Errorf("%d pages, %v, %d requests, %d under way", n, err, list.requests, list.underWay)
		}
	})
}

func TestPagesAtOnce_canceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		list := slow{rows: crowd(100)}
		if _, err := directory.All(list.pages(ctx)); !errors.Is(err, context.DeadlineExceeded) || list.canceled == 0 || list.underWay > 0 {
			t.Errorf("%v, %d canceled, %d under way", err, list.canceled, list.underWay)
		}
	})
}

// Where a page is shorter than those before, the next rows are not where they were
// expected: the rest is read page by page.
func TestPagesAtOnce_shortPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list := slow{rows: crowd(100), rowsOf: func(page int) int { return 2 - page%10/9 }}
		got, err := directory.All(list.pages(t.Context()))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(list.rows) {
			t.Errorf("%d rows, %v, want all in order", len(got), err)
		}
		if pages := 53; list.requests > pages+6 || list.underWay > 0 {
			t.Errorf("%d requests for %d pages, %d under way", list.requests, pages, list.underWay)
		}
	})
}

// A list that changed is read again page by page: counts of pages that are read at
// once need not come in order.
func TestPagesAtOnce_changed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list := slow{rows: crowd(100)}
		list.failOf = func(int) error {
			if list.requests < 150 {
				list.rows = crowd(len(list.rows) + 1)
			}
			if list.requests > 110 && list.underWay > 1 {
				t.Errorf("%d under way after %d requests", list.underWay, list.requests)
			}
			return nil
		}
		got, err := directory.All(list.pages(t.Context()))
		if err != nil || len(got) < 150 || len(got) > len(list.rows) {
			t.Errorf("%d of %d rows, %v", len(got), len(list.rows), err)
		}
	})
}

// A connector that panics on a page that nobody waits for ends the walk, not the
// process.
func TestPagesAtOnce_panic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list := slow{rows: crowd(100), failOf: func(page int) error {
			if page == 5 {
				panic("broken")
			}
			return nil
		}}
		d := struct {
			directory.ListOnly
			described
			lister
		}{lister: list.pages}
		if _, err := directory.Lookup(t.Context(), d, okta, []string{ann}); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("Lookup: %v, want the panic as an error", err)
		}
	})
}
