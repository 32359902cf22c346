// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestPaged(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, tc := range map[string]struct {
		next func(n int) (string, error)
		want error
		all  int
	}{
		"to the end":      {func(n int) (string, error) { return []string{"a", "b", ""}[n], nil }, nil, 3},
		"one page":        {func(int) (string, error) { return "", nil }, nil, 1},
		"cursor repeated": {func(int) (string, error) { return "a", nil }, directory.ErrUnavailable, 0},
		"fails later":     {func(n int) (string, error) { return "a", []error{nil, failed}[n] }, failed, 0},
	} {
		n := 0
		got, err := directory.All(directory.Paged(t.Context(), func(_ context.Context, _ string) ([]directory.Account, string, error) {
			next, err := tc.next(n)
			n++
			return []directory.Account{{Identity: strconv.Itoa(n)}}, next, err
		}))
		if !errors.Is(err, tc.want) || len(got) != tc.all {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestBelongs(t *testing.T) {
	t.Parallel()
	if err := errors.Join(directory.Belongs("workspace", "T1", ""), directory.Belongs("workspace", "acme", "Acme")); err != nil {
		t.Error(err)
	}
	if err := directory.Belongs("workspace", "T1", "T2"); !errors.Is(err, directory.ErrForeign) || !strings.Contains(err.Error(), `"T1"`) {
		t.Errorf("Belongs: %v", err)
	}
	if err := directory.NeedsGrant(directory.ErrPermission, "a scope"); !errors.Is(err, directory.ErrPermission) || !strings.Contains(err.Error(), "a scope") {
		t.Errorf("NeedsGrant: %v", err)
	}
}

// A walk is finished although everybody wanted was on the first page.
func TestWalkIsFinished(t *testing.T) {
	t.Parallel()
	pages := [][]directory.Account{
		{person("1", ann)},
		{{Identity: "2", Addresses: append(directory.Primaries("b@example.com"), directory.Aliases("alias@example.com")...)}},
		{person("3", ann)},
	}
	for name, tc := range map[string]struct {
		email string
		want  identity.LookupStatus
		read  int64
	}{
		"a duplicate": {ann, identity.Ambiguous, 3},
		"an alias":    {"alias@example.com", identity.Alias, 3},
		"not found":   {"c@example.com", identity.NotFound, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listed{pages: pages, read: new(atomic.Int64)}
			got, err := directory.Lookup(t.Context(), l, okta, []string{tc.email})
			if err != nil {
				t.Fatal(err)
			}
			if got[0].Status != tc.want || l.read.Load() != tc.read {
				t.Errorf("%s after %d pages, want %s after %d", got[0].Status, l.read.Load(), tc.want, tc.read)
			}
		})
	}
}

// The row that says that an account is inactive or a bot counts, on whatever
// page and with whatever address it stands.
func TestWalkMergesRows(t *testing.T) {
	t.Parallel()
	l := listed{read: new(atomic.Int64), pages: [][]directory.Account{
		{{Identity: "1", Addresses: directory.Primaries(ann)}},
		{{Identity: "1", Addresses: directory.Primaries("b@example.com"), Kind: directory.KindBot}},
	}}
	got, err := directory.Lookup(t.Context(), l, okta, []string{ann})
	if err != nil || got[0].Status != identity.NotFound {
		t.Errorf("Lookup = %+v, %v, want not found: the account is a bot", got, err)
	}
}

func TestWalkGuards(t *testing.T) {
	t.Parallel()
	endless := func(page func(n int) []directory.Account) directory.Lister {
		return lister(func(context.Context) iter.Seq2[[]directory.Account, error] {
			return func(yield func([]directory.Account, error) bool) {
				for n := 0; yield(page(n), nil); n++ {
				}
			}
		})
	}
	for name, page := range map[string]func(n int) []directory.Account{
		"repeated page":     func(int) []directory.Account { return []directory.Account{person("1", ann)} },
		"cycle of pages":    func(n int) []directory.Account { return []directory.Account{person(fmt.Sprint(n%3), ann)} },
		"empty pages":       func(int) []directory.Account { return nil },
		"ever new accounts": func(n int) []directory.Account { return []directory.Account{person(fmt.Sprint(n), ann)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := directory.Walk(t.Context(), endless(page), func([]directory.Account) bool { return true })
			if !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("Walk: %v, want ErrUnavailable", err)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		err := directory.Walk(ctx, endless(func(n int) []directory.Account { return []directory.Account{person(fmt.Sprint(n), ann)} }),
			func([]directory.Account) bool { seen++; cancel(); return true })
		if !errors.Is(err, context.Canceled) || seen != 1 {
			t.Errorf("Walk: %v after %d pages, want context.Canceled after 1", err, seen)
		}
	})
}

type lister func(context.Context) iter.Seq2[[]directory.Account, error]

func (l lister) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] { return l(ctx) }

// A list that reaches its documented cap proves nothing: people are looked up,
// or nobody gets an answer.
func TestWalkTruncated(t *testing.T) {
	t.Parallel()
	capped := directory.Descriptor{ListMaxAccounts: 1001, ListPage: 1, LookupEvery: time.Hour}
	var page []directory.Account
	for n := range 1001 {
		page = append(page, person(fmt.Sprint(n), fmt.Sprintf("x%d@example.com", n)))
	}
	l := listed{descriptor: capped, pages: [][]directory.Account{page}, read: new(atomic.Int64)}
	l.find = func(_ context.Context, email string) ([]directory.Account, error) {
		return []directory.Account{person("looked up", email)}, nil
	}
	if got, err := directory.Lookup(t.Context(), l, okta, []string{ann}); !errors.Is(err, directory.ErrTruncated) {
		t.Errorf("Lookup in a list only = %+v, %v, want ErrTruncated", got, err)
	}
	l.descriptor.Lookup = true
	got, err := directory.Lookup(t.Context(), l, okta, []string{ann})
	if diff := cmp.Diff([]identity.LookupResult{found(ann, "looked up")}, got); err != nil || diff != "" {
		t.Errorf("Lookup: %v (-want +got):\n%s", err, diff)
	}
	if l.read.Load() != 2 {
		t.Errorf("%d pages read, want one in each call", l.read.Load())
	}
}
