// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// company is a service with a list and, where told, lookups. Each page takes a
// second, so that walks overlap in a bubble of synctest.
type company struct {
	descriptor directory.Descriptor

	mu       sync.Mutex
	accounts []directory.Account
	fail     error // of every request
	walks    int
	pages    int
	lookups  []string
}

func newCompany(accounts ...directory.Account) *company {
	return &company{accounts: accounts, descriptor: directory.Descriptor{ListPage: 1}}
}

func (c *company) set(fail error, accounts ...directory.Account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail, c.accounts = fail, accounts
}

func (c *company) now() ([]directory.Account, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accounts, c.fail
}

// asked returns the walks, and the lookups in the order of the alphabet: several
// are under way at once.
func (c *company) asked() (walks int, lookups string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.lookups)
	walks, lookups = c.walks, strings.Join(c.lookups, " ")
	c.walks, c.lookups = 0, nil
	return walks, lookups
}

func (c *company) Describe() directory.Descriptor { return c.descriptor }
func (c *company) Check(context.Context) error    { return nil }

func (c *company) Find(_ context.Context, email string) ([]directory.Account, error) {
	c.mu.Lock()
	c.lookups = append(c.lookups, email)
	c.mu.Unlock()
	accounts, err := c.now()
	var found []directory.Account
	for _, a := range accounts {
		if a.Emails()[0] == email && (a.State != directory.StateInactive || c.descriptor.LookupSeesInactive) {
			found = append(found, a)
		}
	}
	return found, err
}

func (c *company) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		c.mu.Lock()
		c.walks++
		c.mu.Unlock()
		accounts, _ := c.now()
		for _, a := range accounts {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
			c.mu.Lock()
			c.pages++
			c.mu.Unlock()
			if _, err := c.now(); err != nil {
				yield(nil, err)
				return
			}
			if !yield([]directory.Account{a}, nil) {
				return
			}
		}
		if _, err := c.now(); err != nil {
			yield(nil, err)
		}
	}
}

func inactive(id, email string) directory.Account {
	return directory.Account{Identity: id, Addresses: directory.Primaries(email), State: directory.StateInactive}
}

// says is the outcome of asking for ann, bob and cy, who is nobody at first.
func says(t *testing.T, d directory.Directory, emails ...string) string {
	t.Helper()
	if len(emails) == 0 {
		emails = []string{ann, bobs, cys}
	}
	answers, err := directory.Lookup(t.Context(), d, okta, emails)
	if err != nil {
		return "error " + string(identity.CodeOf(err))
	}
	var out []string
	for _, a := range answers {
		text := string(a.Status)
		if a.Matcher != nil {
			text += "=" + a.Matcher["user_id"]
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

const bobs, cys = "bob@example.com", "cy@example.com"

var minutes = directory.Settings{TTL: 5 * time.Minute, Misses: time.Minute}

// Hits serve for the whole TTL, misses for the short one; what is asked again
// is the whole list where a service has no lookups.
func TestCacheListOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(person("1", ann), inactive("2", bobs))
		d := directory.Cache(c, okta, minutes)
		step := func(name, emails, want string, walks int) {
			t.Helper()
			if got := says(t, d, strings.Fields(emails)...); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			if n, _ := c.asked(); n != walks {
				t.Errorf("%s: %d walks, want %d", name, n, walks)
			}
		}
		started := time.Now()
		step("first", "", "found=1 inactive=2 not_found", 1)
		step("kept", "", "found=1 inactive=2 not_found", 0)
		answers, err := directory.Lookup(t.Context(), d, okta, []string{ann, cys})
		if err != nil || !answers[0].AsOf.Equal(started) || !answers[1].AsOf.Equal(started) {
			t.Errorf("answers as of %v and %v, want the walk's start %v (%v)", answers[0].AsOf, answers[1].AsOf, started, err)
		}

		c.set(nil, person("9", ann), person("2", bobs), person("3", cys))
		time.Sleep(59 * time.Second)
		step("misses still serve", "", "found=1 inactive=2 not_found", 0)
		time.Sleep(time.Second)
		step("a hit serves on", ann, "found=1", 0)
		step("an inactive one is asked again, and everybody is answered from the new list", ann+" "+bobs, "found=9 found=2", 1)
		c.set(nil)
		time.Sleep(5*time.Minute - time.Second)
		step("hits serve to the end", "", "found=9 found=2 found=3", 0)
		time.Sleep(time.Second)
		step("not longer", "", "not_found not_found not_found", 1)
	})
}

// A failure is reported, evicts nothing and makes nobody absent.
func TestCacheFailure(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]error{
		"401": directory.ErrCredential, "403": directory.ErrPermission, "503": directory.ErrUnavailable,
		"429": &directory.RateLimitError{RetryAfter: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(person("1", ann))
				d := directory.Cache(c, okta, minutes)
				if got := says(t, d, ann, bobs); got != "found=1 not_found" {
					t.Fatal(got)
				}
				c.set(fail)
				time.Sleep(time.Minute)
				want := "error " + string(directory.AsIdentityError(okta, fail).Code)
				if got := says(t, d, bobs); got != want {
					t.Errorf("a miss to ask again: %s, want %s", got, want)
				}
				if got := says(t, d, ann); got != "found=1" {
					t.Errorf("the list that is kept: %s", got)
				}
				if name == "429" { // who is known is known; the others could not be asked
					want = "found=1 failed"
				}
				if got := says(t, d, ann, bobs); got != want {
					t.Errorf("both: %s, want %s", got, want)
				}
				time.Sleep(4 * time.Minute)
				if got := says(t, d, ann); !strings.HasPrefix(got, "error ") {
					t.Errorf("after its time: %s", got)
				}
				c.set(nil, person("1", ann))
				if got := says(t, d, ann, bobs); got != "found=1 not_found" {
					t.Errorf("mended: %s", got)
				}
			})
		})
	}
}

// Where there are lookups, a few misses are asked again one by one.
func TestCacheLookups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var people []directory.Account
		for n := range 100 {
			people = append(people, person(fmt.Sprint("p", n), fmt.Sprintf("p%d@example.com", n)))
		}
		people = append(people, inactive("2", bobs), person("4", "two@example.com"), person("5", "two@example.com"))
		c := newCompany(people...)
		c.descriptor = directory.Descriptor{Lookup: true, LookupSeesInactive: true, LookupEvery: 20 * time.Second, ListPage: 1, ListEvery: time.Second}
		d := directory.Cache(c, okta, minutes)
		step := func(name, emails, want string, walks int, lookups string) {
			t.Helper()
			if got := says(t, d, strings.Fields(emails)...); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			if n, asked := c.asked(); n != walks || asked != lookups {
				t.Errorf("%s: %d walks and lookups of %q, want %d and %q", name, n, asked, walks, lookups)
			}
		}
		step("one of an unknown number", cys, "not_found", 0, cys)
		step("and again", cys, "not_found", 0, "")
		var all []string
		for n := range 60 {
			all = append(all, fmt.Sprintf("p%d@example.com", n))
		}
		got := says(t, d, append(all, bobs, cys)...)
		if walks, lookups := c.asked(); walks != 1 || lookups != "" || !strings.HasSuffix(got, "found=p59 inactive=2 not_found") {
			t.Errorf("%d walks, lookups of %q: %s", walks, lookups, got)
		}
		time.Sleep(time.Minute)
		step("asked again", bobs+" "+cys, "inactive=2 not_found", 0, bobs+" "+cys)
		step("kept beside the list", bobs+" "+cys, "inactive=2 not_found", 0, "")
		// A lookup may show one of two: whether they are one now, a list says.
		step("ambiguous", "two@example.com", "ambiguous", 1, "")
		c.set(&directory.RateLimitError{}, people...)
		time.Sleep(time.Minute)
		step("limited", "p1@example.com "+cys, "found=p1 failed", 0, cys)
	})
}

// Concurrent callers share one walk. A caller that gives up does not end it, and
// finds the list when it asks again.
func TestCacheSharesWalks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(person("1", ann), person("2", bobs))
		d := directory.Cache(c, okta, minutes)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := directory.Lookup(impatient, d, okta, []string{ann}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Lookup: %v, want context.DeadlineExceeded", err)
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got := says(t, d); got != "found=1 found=2 not_found" {
					t.Errorf("got %s", got)
				}
			})
		}
		wg.Wait()
		if walks, _ := c.asked(); walks != 1 {
			t.Errorf("%d walks", walks)
		}
	})
}

// A walk that nobody waits for any more ends after a while; so does one of a
// directory that is closed.
func TestCacheEndsWalks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		close bool
		pages int // read by then
	}{"abandoned": {false, 121}, "closed": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany()
				for n := range 1000 {
					c.accounts = append(c.accounts, person(fmt.Sprint(n), fmt.Sprintf("p%d@example.com", n)))
				}
				d := directory.Cache(c, okta, minutes)
				ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer cancel()
				_, _ = directory.Lookup(ctx, d, okta, []string{ann})
				if tc.close {
					d.Close()
					if _, err := directory.Lookup(t.Context(), d, okta, []string{ann}); err == nil {
						t.Error("a closed directory answers")
					}
				}
				time.Sleep(time.Hour)
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.pages != tc.pages {
					t.Errorf("%d pages were read, want %d", c.pages, tc.pages)
				}
			})
		})
	}
}

// slowPage is a list of one page, which takes its time whatever the context says.
type slowPage struct{ *company }

func (s slowPage) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		time.Sleep(5 * time.Minute)
		yield(s.accounts, nil)
	}
}

// Who asks while an abandoned walk ends gets a walk of their own.
func TestCacheAfterAnAbandonedWalk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := directory.Cache(slowPage{newCompany(person("1", ann))}, okta, minutes)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = directory.Lookup(ctx, d, okta, []string{ann})
		time.Sleep(3 * time.Minute)
		if got := says(t, d, ann); got != "found=1" {
			t.Errorf("got %s", got)
		}
	})
}

// Nothing is kept with a TTL of 0.
func TestCacheOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(person("1", ann))
		d := directory.Cache(c, okta, directory.Settings{Misses: time.Minute})
		for range 3 {
			if got := says(t, d, ann, bobs); got != "found=1 not_found" {
				t.Errorf("got %s", got)
			}
		}
		if walks, _ := c.asked(); walks != 3 {
			t.Errorf("%d walks for three questions", walks)
		}
	})
}

// A list that is cut off is not tried again and again.
func TestCacheTruncated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(person("1", ann), person("2", bobs), person("3", cys))
		c.descriptor = directory.Descriptor{Lookup: true, LookupSeesInactive: true, LookupEvery: time.Hour, ListPage: 1000, ListMaxAccounts: 1001}
		for n := range 1000 {
			c.accounts = append(c.accounts, person(fmt.Sprint("x", n), fmt.Sprintf("x%d@example.com", n)))
		}
		d := directory.Cache(c, okta, directory.Settings{})
		for i, walks := range []int{1, 0} {
			if got := says(t, d, ann); got != "found=1" {
				t.Errorf("got %s", got)
			}
			if n, _ := c.asked(); n != walks {
				t.Errorf("question %d: %d walks, want %d", i, n, walks)
			}
		}
	})
}

// A list that turns out to be much longer than it was taken for is left, once
// lookups would have cost as much.
func TestCacheLeavesLongLists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(person("1", ann), person("2", bobs), person("3", cys))
		c.descriptor = directory.Descriptor{Lookup: true, LookupSeesInactive: true, LookupEvery: 10 * time.Second, ListPage: 100, ListEvery: time.Second}
		for n := range 200 {
			c.accounts = append(c.accounts, person(fmt.Sprint("x", n), fmt.Sprintf("x%d@example.com", n)))
		}
		if got := says(t, directory.Cache(c, okta, minutes)); got != "found=1 found=2 found=3" {
			t.Errorf("got %s", got)
		}
		// Three lookups take as long as thirty pages.
		if walks, lookups := c.asked(); walks != 1 || c.pages != 31 || len(strings.Fields(lookups)) != 3 {
			t.Errorf("%d walks, %d pages, lookups of %q", walks, c.pages, lookups)
		}
		// Who needs everybody waits for everybody, and shares the walk.
		c.pages = 0
		d := directory.Cache(c, okta, minutes)
		var wg sync.WaitGroup
		wg.Go(func() { says(t, d) })
		wg.Go(func() {
			var all []string
			for n := range 200 {
				all = append(all, fmt.Sprintf("x%d@example.com", n))
			}
			if got := says(t, d, all...); !strings.HasSuffix(got, "found=x199") {
				t.Errorf("got %s", got)
			}
		})
		wg.Wait()
		if walks, lookups := c.asked(); walks != 1 || lookups != "" {
			t.Errorf("%d walks, lookups of %q", walks, lookups)
		}
	})
}

// sloppy is a company whose lookups find nobody for sure: a miss needs the list.
type sloppy struct{ *company }

func (s sloppy) Find(ctx context.Context, email string) ([]directory.Account, error) {
	found, err := s.company.Find(ctx, email)
	if err == nil && len(found) == 0 {
		err = directory.ErrNeedsList
	}
	return found, err
}

// A lookup that cannot call anybody absent is answered from the list, which is
// read once for all such people and kept as any other.
func TestCacheNeedsList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(person("1", ann), inactive("2", bobs))
		c.descriptor = directory.Descriptor{Lookup: true, LookupSeesInactive: true, ListPage: 1, ListEvery: time.Hour}
		d := directory.Cache(sloppy{c}, okta, minutes)
		step := func(name, emails, want string, walks int, lookups string) {
			t.Helper()
			if got := says(t, d, strings.Fields(emails)...); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			if n, asked := c.asked(); n != walks || len(strings.Fields(asked)) != len(strings.Fields(lookups)) {
				t.Errorf("%s: %d walks and lookups of %q, want %d and %q", name, n, asked, walks, lookups)
			}
		}
		step("a hit", ann, "found=1", 0, ann)
		step("misses", bobs+" "+cys+" "+ann, "inactive=2 not_found found=1", 1, bobs+" "+cys)
		step("kept", "", "found=1 inactive=2 not_found", 0, "")
		time.Sleep(time.Minute)
		step("asked again", cys, "not_found", 1, cys)
		c.set(&directory.RateLimitError{})
		time.Sleep(time.Minute)
		step("limited", ann+" "+cys, "found=1 failed", 0, cys)
		c.set(directory.ErrCredential)
		step("rejected", ann+" "+cys, "error "+string(identity.CodeDirectoryDenied), 0, cys)
	})
}

// searched is a company whose list lacks accounts that searches and lookups find.
type searched struct {
	*company
	hidden []directory.Account
}

func (s searched) Search(_ context.Context, email string) ([]directory.Account, error) {
	return s.holders(email), nil
}

func (s searched) Find(ctx context.Context, email string) ([]directory.Account, error) {
	if found := s.holders(email); len(found) > 0 {
		return found, nil
	}
	return nil, directory.ErrNeedsList
}

func (s searched) holders(email string) []directory.Account {
	return slices.DeleteFunc(slices.Clone(s.hidden), func(a directory.Account) bool { return a.Emails()[0] != email })
}

// A list that a search contradicts answers for nobody, however it was come by,
// and is not kept. Whoever left since the cache was filled contradicts nothing.
func TestListThatLacksAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listed, hidden := person("1", ann), signIn(bobs, person("2", bobs))
		open := func(accounts ...directory.Account) searched {
			return searched{newCompany(accounts...), []directory.Account{hidden}}
		}
		walk, look := open(listed), open(listed)
		walk.descriptor = directory.Descriptor{Lookup: true, LookupSeesInactive: true, ListPage: 1000, LookupEvery: time.Hour}
		look.descriptor = directory.Descriptor{Lookup: true, LookupSeesInactive: true, ListPage: 1, ListEvery: time.Hour}
		for _, d := range []directory.Directory{walk, look} {
			c := directory.Cache(d, okta, minutes)
			for range 2 {
				if got := says(t, c, ann, bobs, cys); got != "failed found=2 failed" {
					t.Errorf("a list without bob: %s", got)
				}
			}
		}
		if got := says(t, directory.Cache(walk, okta, minutes), ann); got != "found=1" {
			t.Errorf("nobody is missed: %s", got)
		}
		noSearch := open(listed)
		noSearch.hidden = nil
		noSearch.descriptor = look.descriptor
		if got := says(t, directory.Cache(noSearch, okta, minutes), ann, cys); got != "found=1 not_found" {
			t.Errorf("searches find nobody else: %s", got)
		}
		leaver := open(listed)
		leaver.descriptor = look.descriptor
		c := directory.Cache(&leaver, okta, minutes)
		_ = says(t, c, bobs)
		leaver.hidden = nil
		if got := says(t, c, bobs, cys); got != "found=2 not_found" {
			t.Errorf("somebody left: %s", got)
		}
	})
}

// Where lookups do not see inactive accounts, only somebody who signs in by the
// address is found without the list: an inactive account could be the owner too.
func TestCacheHiddenInactive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const team = "team@example.com"
		c := newCompany(signIn(ann, person("1", ann)), signIn(ann, inactive("9", ann)), inactive("2", bobs), person("3", team), inactive("4", team))
		c.descriptor = directory.Descriptor{Lookup: true, ListPage: 1, ListEvery: time.Hour}
		for _, tc := range []struct {
			email, want string
			walks       int
		}{{ann, "found=1", 0}, {bobs, "inactive=2", 1}, {cys, "not_found", 1}, {team, "ambiguous", 1}} {
			got := says(t, directory.Cache(c, okta, minutes), tc.email)
			if walks, _ := c.asked(); got != tc.want || walks != tc.walks {
				t.Errorf("%s: %s after %d walks, want %s after %d", tc.email, got, walks, tc.want, tc.walks)
			}
		}
	})
}

// A connector that breaks in the middle of a list is an error of those who
// wait, not the end of the program.
func TestCachePanic(t *testing.T) {
	t.Parallel()
	broken := lister(func(context.Context) iter.Seq2[[]directory.Account, error] {
		return func(func([]directory.Account, error) bool) { panic("index out of range") }
	})
	d := directory.Cache(struct {
		directory.Directory
		directory.Lister
	}{newCompany(), broken}, okta, minutes)
	if got := says(t, d, ann); got != "error "+string(identity.CodeDirectoryFailed) {
		t.Errorf("got %s", got)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	bot := kind(directory.KindBot, acc("b", directory.StateActive))
	pending := acc("p", directory.StatePending, "p@example.com")
	people := []directory.Account{person("1", ann), inactive("2", bobs), bot, pending, person("1", "alias@example.com")}
	ids := []string{"1", "2", "b", "p", "gone", "1"}
	const want = "active inactive active active absent active"
	for name, tc := range map[string]struct {
		d    directory.Directory
		want string
	}{
		"list":             {newCompany(people...), want},
		"one by one":       {byID{single{}, people, nil}, want},
		"neither":          {single{}, "unknown unknown unknown unknown unknown unknown"},
		"rejected":         {byID{single{}, nil, directory.ErrCredential}, "error " + string(identity.CodeDirectoryDenied)},
		"an unusable one":  {byID{single{}, people, directory.ErrAnswer}, "failed failed failed failed failed failed"},
		"a list that ends": {failing(people, directory.ErrUnavailable), "error " + string(identity.CodeDirectoryFailed)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if got := states(t, tc.d, ids...); got != tc.want {
					t.Errorf("got %s, want %s", got, tc.want)
				}
			})
		})
	}
}

func failing(people []directory.Account, err error) *company {
	c := newCompany(people...)
	c.fail = err
	return c
}

// byID is a directory that can be asked by id. What it takes for an id may be
// more than that.
type byID struct {
	single
	accounts []directory.Account
	err      error
}

func (d byID) FindID(_ context.Context, id string) ([]directory.Account, error) {
	if id == "gone" {
		return []directory.Account{person("another", "gone@example.com")}, d.err
	}
	var found []directory.Account
	for _, a := range d.accounts {
		if strings.EqualFold(a.Identity, id) {
			found = append(found, a)
		}
	}
	return found, d.err
}

func states(t *testing.T, d directory.Directory, ids ...string) string {
	t.Helper()
	queries := make([]identity.AccountQuery, len(ids))
	for i, id := range ids {
		queries[i].Identity = id
	}
	found, err := directory.Status(t.Context(), d, okta, queries, "")
	if err != nil {
		return "error " + string(identity.CodeOf(err))
	}
	var out []string
	for i, a := range found {
		if a.Identity != ids[i] || (a.Status == identity.AccountFailed) != (a.Err != nil) {
			t.Errorf("answer %d: %+v, want one for %s", i, a, ids[i])
		}
		out = append(out, string(a.Status))
	}
	return strings.Join(out, " ")
}

// Status answers from the list that is kept; that an account is gone or
// inactive is asked again sooner.
func TestStatusCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(person("1", ann), inactive("2", bobs))
		d := directory.Cache(c, okta, minutes)
		step := func(name, ids, want string, walks int) {
			t.Helper()
			if got := states(t, d, strings.Fields(ids)...); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			if n, _ := c.asked(); n != walks {
				t.Errorf("%s: %d walks, want %d", name, n, walks)
			}
		}
		step("first", "1 2 3", "active inactive absent", 1)
		step("kept", "1 2 3", "active inactive absent", 0)
		time.Sleep(time.Minute)
		c.set(nil, person("2", bobs))
		step("active", "1", "active", 0)
		step("not active", "1 2", "absent active", 1)
		c.set(&directory.RateLimitError{})
		time.Sleep(time.Minute)
		step("limited", "2 1", "active failed", 1)
		step("limited, nobody is known", "1", "error "+string(identity.CodeDirectoryLimited), 1)
	})
}

// byAccount is a directory that can be asked by identity and by account id.
type byAccount struct{ byID }

func (d byAccount) FindAccount(_ context.Context, accountID string) ([]directory.Account, error) {
	var found []directory.Account
	for _, a := range d.accounts {
		if a.AccountID == accountID {
			found = append(found, a)
		}
	}
	return found, d.err
}

// A name that another account has is reused; an account that has another name
// is renamed. Both show in the list and when the account is asked for.
func TestStatusOfPins(t *testing.T) {
	t.Parallel()
	acct := func(accountID, name string, state directory.State) directory.Account {
		return directory.Account{AccountID: accountID, Identity: name, State: state, Addresses: directory.Primaries(name + "@example.com")}
	}
	broken := acct("8", "torn", directory.StateUnknown)
	broken.Unreadable = errors.New("no state")
	people := []directory.Account{
		acct("1", "ann", directory.StateActive), acct("2", "bob-new", directory.StateActive), acct("3", "cy", directory.StateInactive),
		acct("4", "eve", directory.StateActive), acct("", "idless", directory.StateActive), acct("6", "moved", directory.StateInactive),
		acct("7", "fay", directory.StateActive), broken,
	}
	github := identity.ServiceKey{Type: "github", ExternalID: "acme"}
	type result struct{ Status, AccountID, NewIdentity string }
	want := map[identity.AccountQuery]result{
		{Identity: "Ann", AccountID: "1"}:        {"active", "1", ""},
		{Identity: "ann"}:                        {"active", "1", ""},
		{Identity: "bob", AccountID: "2"}:        {"renamed", "2", "bob-new"},
		{Identity: "bob"}:                        {"absent", "", ""},
		{Identity: "cy", AccountID: "3"}:         {"inactive", "3", ""},
		{Identity: "eve", AccountID: "9"}:        {"reused", "4", ""},
		{Identity: "fay", AccountID: "6"}:        {"reused", "7", ""},
		{Identity: "cy", AccountID: "9"}:         {"reused", "3", ""},
		{Identity: "old-moved", AccountID: "6"}:  {"renamed", "6", "moved"},
		{Identity: "idless", AccountID: "5"}:     {"active", "", ""},
		{Identity: "gone-away", AccountID: "99"}: {"absent", "", ""},
		{Identity: "torn", AccountID: "8"}:       {"failed", "", ""},
		{Identity: "torn"}:                       {"failed", "", ""},
		{Identity: "tear", AccountID: "8"}:       {"failed", "", ""},
	}
	queries := slices.Collect(maps.Keys(want))
	lists := newCompany(people...)
	lists.descriptor = directory.Descriptor{ListPage: 1, ListEvery: time.Hour}
	asked := byID{single{}, people, nil}
	for way, d := range map[string]directory.Directory{
		"list":                newCompany(people...),
		"by name and account": byAccount{asked},
		"by name, list for renames": struct {
			byID
			directory.Lister
		}{asked, lists},
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got, err := directory.Status(t.Context(), d, github, queries, "")
				if err != nil {
					t.Fatal(err)
				}
				for i, q := range queries {
					a := result{string(got[i].Status), got[i].AccountID, got[i].NewIdentity}
					if a != want[q] || got[i].Identity != q.Identity {
						t.Errorf("%+v: %+v, want %+v", q, a, want[q])
					}
				}
			})
		})
	}
}

// Ids are compared as the service type's identities are.
func TestStatusFoldsIDs(t *testing.T) {
	t.Parallel()
	github := identity.ServiceKey{Type: "github", ExternalID: "acme"}
	got, err := directory.Status(t.Context(), newCompany(person("Ada-L", ann)), github, []identity.AccountQuery{{Identity: "ada-l"}, {Identity: "ADA-L"}}, "")
	want := []identity.AccountStatus{{Identity: "ada-l", Status: identity.AccountActive}, {Identity: "ADA-L", Status: identity.AccountActive}}
	for i := range got {
		got[i].AsOf = time.Time{}
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Status: %v (-want +got):\n%s", err, diff)
	}
}

// What a list of 10,000 people takes while it is kept.
func TestCacheMemory(t *testing.T) { //nolint:paralleltest // it measures the heap
	const people = 10_000
	d := directory.Cache(&big{people: people}, okta, minutes)
	before := heap()
	if got := says(t, d, "person42@example.com"); got != "found=u0000000042" {
		t.Fatal(got)
	}
	after := heap()
	kept := int64(after) - int64(before)
	t.Logf("%d bytes, %d an account", kept, kept/people)
	if kept > 6<<20 {
		t.Errorf("%d people take %d bytes", people, kept)
	}
	runtime.KeepAlive(d)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// big is a service with many people, in pages of a thousand, each with much to
// tell.
type big struct {
	single
	people int
}

func (*big) Describe() directory.Descriptor { return directory.Descriptor{ListPage: 1000} }
func (b *big) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		for from := 0; from < b.people; from += 1000 {
			page := make([]directory.Account, 1000)
			for i := range page {
				n := from + i
				page[i] = person(fmt.Sprintf("u%010d", n), fmt.Sprintf("Person%d@Example.com", n))
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}
