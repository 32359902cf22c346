// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	oktaconn "github.com/sym-identity/terraform-provider-sym/internal/directory/okta"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/pagerduty"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/slack"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// corporation is a service of many people, with the pages and the pace of a connector.
type corporation struct {
	directory.Descriptor
	people []directory.Account
	noList error // what the list answers; nil = its pages

	lookups, pages atomic.Int64
}

func newCorporation(d directory.Descriptor, size int) *corporation {
	c := &corporation{Descriptor: d}
	for n := range size {
		email := fmt.Sprintf("person%d@example.com", n)
		c.people = append(c.people, signIn(email, person(fmt.Sprint(n), email)))
	}
	return c
}

func (c *corporation) Describe() directory.Descriptor { return c.Descriptor }
func (c *corporation) Check(context.Context) error    { return nil }

func (c *corporation) Find(_ context.Context, email string) ([]directory.Account, error) {
	c.lookups.Add(1)
	time.Sleep(20 * time.Millisecond)
	var n int
	if _, err := fmt.Sscanf(email, "person%d@", &n); err != nil || n >= len(c.people) {
		return nil, nil
	}
	return c.people[n : n+1], nil
}

func (c *corporation) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	return c.Find(ctx, "person"+id+"@example.com")
}

func (c *corporation) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		for page := range slices.Chunk(c.people, c.ListPage) {
			c.pages.Add(1)
			time.Sleep(20 * time.Millisecond)
			if !yield(page, c.noList) || c.noList != nil {
				return
			}
		}
	}
}

// ask looks up the people from first up to end, as many at once as Terraform does,
// who must all be found.
func (c *corporation) ask(t *testing.T, d directory.Directory, first, end int) (requests int64) {
	t.Helper()
	c.lookups.Store(0)
	c.pages.Store(0)
	everybody := make(chan int)
	var workers sync.WaitGroup
	for range 10 {
		workers.Go(func() {
			for n := range everybody {
				email := fmt.Sprintf("person%d@example.com", n)
				answers, err := directory.Lookup(t.Context(), d, acme, []string{email})
				if err != nil || answers[0].Status != identity.Found || answers[0].AccountID != fmt.Sprint(n) {
					t.Errorf("%s: %+v, %v", email, answers, err)
				}
			}
		})
	}
	for n := range end - first {
		everybody <- first + n
	}
	close(everybody)
	workers.Wait()
	return c.lookups.Load() + c.pages.Load()
}

var acme = identity.ServiceKey{Type: "pagerduty", ExternalID: "acme"}

// connectors returns what some connectors say of their services.
func connectors(t *testing.T) map[string]directory.Descriptor {
	t.Helper()
	p, err1 := pagerduty.Open(pagerduty.Config{Token: "t"})
	o, err2 := oktaconn.Open(oktaconn.Config{Domain: "acme.okta.com", Token: "t"})
	s, err3 := slack.Open(slack.Config{Token: "t"})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return map[string]directory.Descriptor{"pagerduty": p.Describe(), "okta": o.Describe(), "slack": s.Describe()}
}

// Hundreds of people, each asked for alone, cost a few lookups and one list. Once
// the list is too old, so do the next hundreds.
func TestSinglesShareAWalk(t *testing.T) {
	t.Parallel()
	for name, d := range connectors(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCorporation(d, 1000)
				cache := directory.Cache(c, acme, minutes)
				for range 2 {
					if n := c.ask(t, cache, 0, 500); n > 30 {
						t.Errorf("%d requests for 500 of 1,000 people, want at most 30", n)
					}
					time.Sleep(minutes.TTL)
				}
				if n := c.ask(t, cache, 0, 1); n != 1 {
					t.Errorf("%d requests for one person, want one", n)
				}
			})
		})
	}
}

// Asking whether accounts exist counts too: the list answers for them as well.
func TestStatusSharesAWalk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCorporation(connectors(t)["pagerduty"], 1000)
		cache := directory.Cache(c, acme, minutes)
		for n := range 500 {
			got, err := directory.Status(t.Context(), cache, acme, []identity.AccountQuery{{Identity: fmt.Sprint(n)}}, "")
			if err != nil || got[0].Status != identity.AccountActive {
				t.Fatalf("%d: %+v, %v", n, got, err)
			}
		}
		if n := c.lookups.Load() + c.pages.Load(); n > 30 {
			t.Errorf("%d requests, want at most 30", n)
		}
	})
}

// A few lookups a cache period never add up to a list, and lookups of a service
// whose list is long cost less than it: what is read of it in vain is bounded.
func TestSinglesLeaveLongLists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := connectors(t)["pagerduty"]
		c := newCorporation(d, 9000)
		cache := directory.Cache(c, acme, minutes)
		for n := range 10 {
			if requests := c.ask(t, cache, 12*n, 12*n+12); requests != 12 {
				t.Errorf("%d requests for twelve people", requests)
			}
			time.Sleep(minutes.TTL)
		}
		if n := c.ask(t, cache, 0, 100); n > 200 {
			t.Errorf("%d requests for 100 of 9,000 people, want at most twice as many", n)
		}
		if n := c.ask(t, cache, 100, 1000); n > 300 || c.pages.Load() < 90 {
			t.Errorf("%d requests, %d of them pages, for 900 more", n, c.pages.Load())
		}
	})
}

// The size of an unknown list is found out by reading, also where the service
// cuts lists off; one that it did cut off is not tried again.
func TestUnknownSizes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var emails []string
		for n := range 1000 {
			emails = append(emails, fmt.Sprintf("person%d@example.com", n))
		}
		for _, tc := range []struct{ size, lookups, pages, again int64 }{{1000, 0, 10, 10}, {9900, 0, 99, 99}, {10_000, 1000, 100, 0}} {
			c := newCorporation(connectors(t)["pagerduty"], int(tc.size))
			cache := directory.Cache(c, acme, minutes)
			for _, pages := range []int64{tc.pages, tc.again} {
				answer := says(t, cache, emails...)
				if n := strings.Count(answer, "found="); n != len(emails) {
					t.Errorf("%d people: found %d: %.100s", tc.size, n, answer)
				}
				if c.lookups.Load() != tc.lookups || c.pages.Load() != pages {
					t.Errorf("%d people: %d lookups and %d pages, want %d and %d", tc.size, c.lookups.Load(), c.pages.Load(), tc.lookups, pages)
				}
				c.lookups.Store(0)
				c.pages.Store(0)
				time.Sleep(minutes.TTL)
			}
		}
	})
}

// A list that cannot be read takes nothing away from people asked for alone, and is
// not tried for each of them.
func TestSinglesDoWithoutAList(t *testing.T) {
	t.Parallel()
	for _, noList := range []error{directory.ErrPermission, &directory.RateLimitError{}, directory.ErrUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			c := newCorporation(connectors(t)["pagerduty"], 1000)
			c.noList = noList
			if n := c.ask(t, directory.Cache(c, acme, minutes), 0, 500); n > 550 {
				t.Errorf("%v: %d requests for 500 people", noList, n)
			}
		})
	}
}
