// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// numbered is a list of rows by number, whose total may lie. turn changes it
// after each request.
type numbered struct {
	rows    []directory.Account
	total   func(page int) int // nil = the truth
	atMost  int                // rows the service has on a page
	endsAt  int                // rows it shows at all; 0 = all
	changes func(n *numbered, request int)

	requests int
}

// pages lists the rows; the service answers one request at a time.
func (n *numbered) pages(ctx context.Context, full int) iter.Seq2[[]directory.Account, error] {
	var mu sync.Mutex
	return directory.Numbered(ctx, full, func(_ context.Context, at directory.Position) (directory.Page[directory.Position], *bool, error) {
		mu.Lock()
		defer mu.Unlock()
		return n.page(at)
	})
}

func (n *numbered) page(at directory.Position) (p directory.Page[directory.Position], more *bool, err error) {
	n.requests++
	shown := n.rows
	if n.endsAt > 0 {
		shown = shown[:n.endsAt]
	}
	shown = shown[min(at.Rows, len(shown)):]
	shown = shown[:min(n.atMost, len(shown))]
	total := len(n.rows)
	if n.total != nil {
		total = n.total(len(shown))
	}
	if n.changes != nil {
		n.changes(n, n.requests)
	}
	return directory.Page[directory.Position]{Accounts: shown, Rows: len(shown), Total: &total}, nil, nil
}

func crowd(n int) []directory.Account {
	people := make([]directory.Account, n)
	for i := range people {
		people[i] = person(fmt.Sprint("p", i), fmt.Sprintf("p%d@example.com", i))
	}
	return people
}

// A list counts only if it has as many rows as it says at its end.
func TestNumbered(t *testing.T) {
	t.Parallel()
	drop := func(request int) func(*numbered, int) { // the first row goes after a request
		return func(n *numbered, now int) {
			if now == request {
				n.rows = n.rows[1:]
			}
		}
	}
	for name, tc := range map[string]struct {
		list     numbered
		full     int
		want     int // rows; -1 = it fails
		requests int
	}{
		"empty":                    {numbered{atMost: 100}, 10, 0, 1},
		"one page":                 {numbered{rows: crowd(5), atMost: 100}, 10, 5, 1},
		"pages":                    {numbered{rows: crowd(250), atMost: 100}, 10, 250, 3},
		"smaller pages than asked": {numbered{rows: crowd(250), atMost: 50}, 10, 250, 5},
		"full last page":           {numbered{rows: crowd(200), atMost: 100}, 10, 200, 2},
		"full only page":           {numbered{rows: crowd(100), atMost: 100}, 10, 100, 2},
		"ends before its count":    {numbered{rows: crowd(250), atMost: 100, endsAt: 100}, 10, -1, 3},
		"ends in the middle":       {numbered{rows: crowd(250), atMost: 100, endsAt: 210}, 10, -1, 4},
		"nobody, though counted":   {numbered{rows: crowd(5), atMost: 0}, 10, -1, 1},
		"more than its count":      {numbered{rows: crowd(30), atMost: 20, total: func(int) int { return 25 }}, 10, -1, 2},
		"the page's count":         {numbered{rows: crowd(250), atMost: 100, total: func(rows int) int { return rows }}, 10, -1, 2},
		"the page's count, capped": {numbered{rows: crowd(250), atMost: 50, total: func(rows int) int { return rows }}, 10, -1, 2},
		"the count of a search":    {numbered{rows: crowd(15), atMost: 100}, 0, 15, 1},
		"somebody left in between": {numbered{rows: crowd(30), atMost: 10, changes: drop(1)}, 10, 29, 6},
		"somebody left at the end": {numbered{rows: crowd(30), atMost: 10, changes: drop(3)}, 10, 30, 3},
		"people come all the time": {numbered{rows: crowd(30), atMost: 10, changes: func(n *numbered, _ int) {
			n.rows = append(n.rows, person(fmt.Sprint("new", len(n.rows)), "new@example.com"))
		}}, 10, 37, 0},
		"another account twice each time": {numbered{rows: crowd(30), atMost: 10, changes: func(n *numbered, request int) {
			// Behind the first page somebody of it moves on, and one of the others to it.
			if i := 10 + request; request%3 == 1 {
				n.rows = slices.Clone(n.rows)
				n.rows[0], n.rows[i] = n.rows[i], n.rows[0]
			}
		}}, 10, -1, 6},
		"one account twice":         {numbered{rows: append(crowd(15), crowd(1)...), atMost: 10}, 10, 16, 4},
		"people leave all the time": {numbered{rows: crowd(300), atMost: 10, changes: func(n *numbered, _ int) { n.rows = n.rows[1:] }}, 10, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := directory.All(tc.list.pages(t.Context(), tc.full))
			if tc.want < 0 && !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("%d rows, %v, want ErrUnavailable", len(got), err)
			}
			if tc.want >= 0 && (err != nil || len(got) != tc.want) {
				t.Errorf("%d rows, %v, want %d", len(got), err, tc.want)
			}
			if tc.requests > 0 && tc.list.requests != tc.requests {
				t.Errorf("%d requests, want %d", tc.list.requests, tc.requests)
			}
		})
	}
}

// A page without rows ends a list, unless the service says that it may not.
func TestCountedEmptyPage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sparse bool
		rows   int // of the page without accounts
		ok     bool
	}{
		"before the end":         {false, 0, false},
		"of a sparse list":       {true, 0, true},
		"rows that are no users": {false, 3, true},
	} {
		got, err := directory.All(directory.Counted(t.Context(), func(_ context.Context, cursor int) (directory.Page[int], error) {
			p := directory.Page[int]{Rows: 1, Next: cursor + 1, Sparse: tc.sparse}
			switch cursor {
			case 1:
				p.Rows = tc.rows
			case 2:
				p.Next = 0
				fallthrough
			default:
				p.Accounts = crowd(cursor + 1)[cursor:]
			}
			return p, nil
		}))
		if ok := err == nil && len(got) == 2; ok != tc.ok || err != nil && !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("%s: %d rows, %v", name, len(got), err)
		}
	}
}

// Paged takes an empty page for a list that breaks off, PagedSparse does not.
func TestPagedEmptyPage(t *testing.T) {
	t.Parallel()
	page := func(_ context.Context, cursor int) ([]directory.Account, int, error) {
		return [][]directory.Account{crowd(1), nil, crowd(2)[1:]}[cursor], (cursor + 1) % 3, nil
	}
	if got, err := directory.All(directory.Paged(t.Context(), page)); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("Paged: %d rows, %v, want ErrUnavailable", len(got), err)
	}
	if got, err := directory.All(directory.PagedSparse(t.Context(), page)); err != nil || len(got) != 2 {
		t.Errorf("PagedSparse: %d rows, %v, want two", len(got), err)
	}
}

// A list of people without addresses is a permission that is missing; so is a
// person without one that a lookup by address finds.
func TestNoAddresses(t *testing.T) {
	t.Parallel()
	hidden := func(id string) directory.Account { return directory.Account{Identity: id, Kind: directory.KindPerson} }
	bot := kind(directory.KindBot, hidden("b"))
	broken := hidden("x")
	broken.Unreadable = errors.New("broken")
	descriptor := directory.Descriptor{AddressGrant: "the scope users:email"}
	for name, tc := range map[string]struct {
		found  []directory.Account
		denied bool
	}{
		"people without addresses": {[]directory.Account{hidden("1"), hidden("2"), bot}, true},
		"one of them has one":      {[]directory.Account{hidden("1"), person("2", bobs)}, false},
		"bots only":                {[]directory.Account{bot}, false},
		"nobody":                   {nil, false},
		"an unreadable one":        {[]directory.Account{broken}, false},
	} {
		for way, d := range map[string]directory.Directory{
			"look up": describedAs{single{func(context.Context, string) ([]directory.Account, error) { return tc.found, nil }}, descriptor},
			"batch": directoryWithBatches{single{}, func([]string) (map[string][]directory.Account, error) {
				return map[string][]directory.Account{ann: tc.found}, nil
			}},
			"walk": listed{descriptor: descriptor, pages: [][]directory.Account{tc.found}, read: new(atomic.Int64)},
		} {
			got, err := directory.Lookup(t.Context(), d, okta, []string{ann})
			if unread := tc.found != nil && tc.found[0].Unreadable != nil; unread {
				// It may be anybody: of a list, nobody else is known.
				if way == "walk" != errors.Is(err, directory.ErrUnavailable) || err == nil && got[0].Status != identity.Failed {
					t.Errorf("%s, %s: %+v, %v", name, way, got, err)
				}
				continue
			}
			if denied := errors.Is(err, directory.ErrPermission); denied != tc.denied || !denied && err != nil {
				t.Errorf("%s, %s: %v, want ErrPermission: %t", name, way, err, tc.denied)
			}
			if tc.denied && way != "batch" && !strings.Contains(err.Error(), "the scope users:email") {
				t.Errorf("%s, %s: %v does not say what to grant", name, way, err)
			}
		}
	}
}

// Misses alone say nothing where a credential may be blind, also beside people who
// cannot be asked for. Until the list has shown an address they are no answers.
func TestMissesOfTheBlind(t *testing.T) {
	t.Parallel()
	limit := &directory.RateLimitError{}
	for name, tc := range map[string]struct{ of, list, want error }{
		"an answer that cannot be used": {directory.ErrAnswer, nil, directory.ErrPermission},
		"a limit":                       {limit, nil, directory.ErrPermission},
		"a list that is limited":        {nil, limit, limit},
	} {
		said := func(id string) ([]directory.Account, error) {
			if id == bobs {
				return nil, tc.of
			}
			return nil, nil
		}
		list := listed{pages: [][]directory.Account{{{Identity: "1"}}}, err: tc.list, read: new(atomic.Int64)}
		if tc.list != nil {
			list.pages = nil
		}
		list.descriptor = directory.Descriptor{Lookup: true, LookupSeesInactive: true, MayBeBlind: true}
		list.find = func(_ context.Context, email string) ([]directory.Account, error) { return said(email) }
		d := struct {
			listed
			finder
		}{list, said}
		if got, err := directory.Lookup(t.Context(), d, okta, []string{ann, bobs}); !errors.Is(err, tc.want) {
			t.Errorf("%s: Lookup = %+v, %v, want %v", name, got, err, tc.want)
		}
		d.descriptor.ListPage = 1 // lookups by id cost less than the list
		if got, err := directory.Status(t.Context(), d, okta, []identity.AccountQuery{{Identity: ann}, {Identity: bobs}}, ""); !errors.Is(err, tc.want) {
			t.Errorf("%s: Status = %+v, %v, want %v", name, got, err, tc.want)
		}
	}
}

type finder func(id string) ([]directory.Account, error)

func (f finder) FindID(_ context.Context, id string) ([]directory.Account, error) { return f(id) }

type describedAs struct {
	single
	descriptor directory.Descriptor
}

func (d describedAs) Describe() directory.Descriptor {
	d.descriptor.Lookup = true
	return d.descriptor
}

// A list that changed while it was read is read once more, from the start.
func TestWalkMoved(t *testing.T) {
	t.Parallel()
	list := numbered{rows: crowd(30), atMost: 10}
	list.changes = func(n *numbered, request int) {
		if request == 1 {
			n.rows = n.rows[1:]
		}
	}
	d := struct {
		directory.ListOnly
		described
		lister
	}{lister: func(ctx context.Context) iter.Seq2[[]directory.Account, error] {
		return list.pages(ctx, 10)
	}}
	got, err := directory.Lookup(t.Context(), d, okta, []string{"p10@example.com", "p0@example.com"})
	if err != nil || got[0].Status != identity.Found || got[1].Status != identity.NotFound || list.requests != 6 {
		t.Errorf("Lookup: %+v, %v after %d requests", got, err, list.requests)
	}
}

type described struct{}

func (described) Describe() directory.Descriptor { return directory.Descriptor{} }
func (described) Check(context.Context) error    { return nil }

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
			err := directory.Walk(t.Context(), endless(page), func() {}, func([]directory.Account) bool { return true })
			if !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("Walk: %v, want ErrUnavailable", err)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		err := directory.Walk(ctx, endless(func(n int) []directory.Account { return []directory.Account{person(fmt.Sprint(n), ann)} }), func() {},
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
	capped := directory.Descriptor{LookupSeesInactive: true, ListMaxAccounts: 1001, ListPage: 1, LookupEvery: time.Hour}
	var page []directory.Account
	for n := range 1001 {
		page = append(page, person(fmt.Sprint(n), fmt.Sprintf("x%d@example.com", n)))
	}
	l := listed{descriptor: capped, pages: [][]directory.Account{page}, read: new(atomic.Int64)}
	l.find = func(_ context.Context, email string) ([]directory.Account, error) {
		return []directory.Account{person("looked-up", email)}, nil
	}
	if got, err := directory.Lookup(t.Context(), l, okta, []string{ann}); !errors.Is(err, directory.ErrTruncated) {
		t.Errorf("Lookup in a list only = %+v, %v, want ErrTruncated", got, err)
	}
	l.descriptor.Lookup = true
	got, err := directory.Lookup(t.Context(), l, okta, []string{ann})
	if diff := cmp.Diff([]identity.LookupResult{found(ann, "looked-up")}, got); err != nil || diff != "" {
		t.Errorf("Lookup: %v (-want +got):\n%s", err, diff)
	}
	if l.read.Load() != 2 {
		t.Errorf("%d pages read, want one in each call", l.read.Load())
	}
}

// pagedList is a directory with the list of a numbered service alone.
type pagedList struct{ list *numbered }

func (pagedList) Describe() directory.Descriptor { return directory.Descriptor{} }
func (pagedList) Check(context.Context) error    { return nil }
func (pagedList) Find(context.Context, string) ([]directory.Account, error) {
	return nil, directory.ErrNeedsList
}

func (p pagedList) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return p.list.pages(ctx, 10)
}

// A walk on somebody's behalf tells them how far it is.
func TestWithProgress(t *testing.T) {
	t.Parallel()
	d := directory.Cache(pagedList{&numbered{rows: crowd(25), atMost: 10}}, okta, minutes)
	defer d.Close()
	var got []string
	ctx := directory.WithProgress(t.Context(), func(read, total int) { got = append(got, fmt.Sprint(read, "/", total)) })
	if _, err := directory.Lookup(ctx, d, okta, []string{ann}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0/25", "10/0", "0/25", "10/0", "0/25", "5/0"}, got); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}
