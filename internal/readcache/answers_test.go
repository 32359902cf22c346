// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestLookupsAreAskedTogetherAndOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := people(40)
		f := newFakeAPI()
		f.accounts[names[0]] = identity.LookupResult{Status: identity.Found, Matcher: identity.NewMatcher("okta", "00u1")}
		f.accounts[names[1]] = identity.LookupResult{Status: identity.Inactive}
		f.accounts[names[2]] = identity.LookupResult{Status: identity.Ambiguous}
		f.accounts[names[3]] = identity.LookupResult{Status: identity.Failed, Err: &identity.Error{Code: identity.CodeDirectoryLimited}}
		f.accounts[names[4]] = identity.LookupResult{Status: "surprise"}
		r := New(f)
		for range 2 {
			each(names, 40, func(name string) {
				answers, err := r.Lookup(t.Context(), okta, []string{name, names[0], name})
				want := f.accounts[name].Status
				if want == "" {
					want = identity.NotFound
				}
				if err != nil || len(answers) != 3 || answers[0].Status != want || answers[2].Status != want || answers[1].Matcher == nil || answers[0].Email != name {
					t.Errorf("%s: %v, %v", name, answers, err)
				}
			})
		}
		// Only those that are not settled are asked again.
		if diff := cmp.Diff([]int{40, 2}, f.sizes["Lookup"]); diff != "" {
			t.Errorf("sizes of requests (-want +got):\n%s", diff)
		}
		if _, err := r.Lookup(t.Context(), github, names[:1]); err != nil || f.count("Lookup") != 3 {
			t.Errorf("another service: %v after %d requests", err, f.count("Lookup"))
		}
		if _, err := r.Lookup(t.Context(), okta, people(500)); err != nil || f.sizes["Lookup"][3] != 462 {
			t.Errorf("%v; sizes of requests: %v", err, f.sizes)
		}
	})
}

func TestFailedLookupIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI()
		down := &identity.Error{Code: identity.CodeDirectoryFailed, Message: "the directory is down"}
		f.before = func(_ context.Context, _ string, n int) error {
			if n == 1 {
				return down
			}
			return nil
		}
		r := New(f)
		each(people(10), 10, func(name string) {
			if _, err := r.Lookup(t.Context(), okta, []string{name}); !errors.Is(err, down) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if answers, err := r.Lookup(t.Context(), okta, people(1)); err != nil || answers[0].Status != identity.NotFound {
			t.Errorf("%v, %v", answers, err)
		}
		if answers, err := r.Lookup(t.Context(), okta, nil); err != nil || len(answers) != 0 {
			t.Errorf("%v, %v", answers, err)
		}
	})
}

// Questions about accounts share requests and answers as those about people do.
func TestStatusesAreAskedTogetherAndOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI()
		ids := []string{"a", "b", "c", "d"}
		f.states["a"] = identity.AccountStatus{Status: identity.AccountActive}
		f.states["b"] = identity.AccountStatus{Status: identity.AccountUnknown}
		f.states["d"] = identity.AccountStatus{Status: identity.AccountFailed, Err: &identity.Error{Code: identity.CodeDirectoryLimited}}
		r := New(f)
		for range 2 {
			each(ids, 4, func(id string) {
				answers, err := r.Status(t.Context(), okta, []identity.AccountQuery{{Identity: id}})
				want := f.states[id].Status
				if want == "" {
					want = identity.AccountAbsent
				}
				if err != nil || len(answers) != 1 || answers[0].Status != want || answers[0].Identity != id {
					t.Errorf("%s: %v, %v", id, answers, err)
				}
			})
		}
		// Only what failed is asked again.
		if diff := cmp.Diff([]int{4, 1}, f.sizes["Status"]); diff != "" {
			t.Errorf("sizes of requests (-want +got):\n%s", diff)
		}
	})
}

// Once a run has read a list of accounts, its answers are of that list; what was
// answered before is asked again. Where the API has another list by now, they are of
// none.
func TestAnswersOfOneList(t *testing.T) {
	t.Parallel()
	f := newFakeAPI()
	r := New(f)
	lookup := func(requests int, list string) {
		t.Helper()
		if _, err := r.Lookup(t.Context(), okta, people(1)); err != nil || f.count("Lookup") != requests || r.ListName(okta) != list {
			t.Errorf("%v after %d requests, want %d; list %q, want %q", err, f.count("Lookup"), requests, r.ListName(okta), list)
		}
	}
	read := func() {
		t.Helper()
		if _, err := r.Accounts(t.Context(), okta); err != nil {
			t.Fatal(err)
		}
	}
	lookup(1, "")
	f.list = "one"
	read()
	lookup(2, "one")
	read()
	lookup(2, "one")
	f.list = "two"
	if _, err := r.Lookup(t.Context(), okta, people(2)[1:]); err != nil || r.ListName(okta) != "" {
		t.Errorf("%v; list %q", err, r.ListName(okta))
	}
	lookup(5, "")
	read()
	lookup(6, "two")
}

// changingList has another list after each request. Its answers name the list that was
// asked for.
type changingList struct {
	*fakeAPI
	mu *sync.Mutex
}

func (c changingList) Lookup(ctx context.Context, service identity.ServiceKey, emails []string, list string) (out []identity.LookupResult, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for chunk := range slices.Chunk(emails, maxBatch) {
		found, err := c.fakeAPI.Lookup(ctx, service, chunk, list)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			a.AccountID = list
			out = append(out, a)
		}
		c.list = "two"
	}
	return out, nil
}

// However many are asked at once, their answers are of one list.
func TestAnswersForManyOfOneList(t *testing.T) {
	t.Parallel()
	f := newFakeAPI()
	f.list = "one"
	r := New(changingList{f, &sync.Mutex{}})
	if _, err := r.Accounts(t.Context(), okta); err != nil {
		t.Fatal(err)
	}
	answers, err := r.Lookup(t.Context(), okta, people(2*maxBatch))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if a.AccountID != "" {
			t.Fatalf("%s is answered from the list %q, which had changed", a.Email, a.AccountID)
		}
	}
}

type shortLookup struct{ *fakeAPI }

func (shortLookup) Lookup(context.Context, identity.ServiceKey, []string, string) ([]identity.LookupResult, error) {
	return nil, nil
}

func TestLookupThatAnswersTooFew(t *testing.T) {
	t.Parallel()
	if answers, err := New(shortLookup{newFakeAPI()}).Lookup(t.Context(), okta, people(1)); err == nil {
		t.Errorf("%v", answers)
	}
}
