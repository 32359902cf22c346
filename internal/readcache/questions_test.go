// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestHoldersAreAskedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := people(30)
		f := newFakeAPI(names...)
		f.set("twin@acme.com", okta, "00u-"+names[3])
		f.set(ada, github, "Octo")
		r := New(f)
		each(names, 30, func(name string) {
			holders, err := r.Holders(t.Context(), okta, []string{"00u-" + name, "nobody's", "00u-" + name})
			want := 1
			if name == names[3] {
				want = 2
			}
			if err != nil || len(holders) != want {
				t.Errorf("%s: %v, %v", name, holders, err)
			}
		})
		holders, err := r.Holders(t.Context(), github, []string{"OCTO"})
		if err != nil || len(holders) != 1 || holders[0].User != ada {
			t.Errorf("%v, %v", holders, err)
		}
		if diff := cmp.Diff([]int{31, 1}, f.sizes["Holders"]); diff != "" || f.count() != 2 {
			t.Errorf("sizes of requests (-want +got):\n%s", diff)
		}
		if holders, err := r.Holders(t.Context(), okta, nil); holders != nil || err != nil {
			t.Errorf("%v, %v", holders, err)
		}
	})
}

// The snapshot gives what the API would, also in order.
func TestHoldersFromTheSnapshot(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(people(50)...)
	for _, name := range []string{"zoe@acme.com", "bob@acme.com", "moe@acme.com"} {
		f.set(name, github, "Shared")
	}
	f.store("eve@acme.com", github, identity.Matcher{"login": "Odd"})
	claims := []string{"00u-x", "shared", "SHARED", "octo", identity.Matcher{"login": "Odd"}.AccountKey("github")}
	want, _ := f.Holders(t.Context(), github, claims)
	r := New(f)
	warm(t, r)
	before := f.count()
	got, err := r.Holders(t.Context(), github, claims)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if n := f.count(); n != before {
		t.Errorf("%d requests", n-before)
	}
	if _, err := r.Holders(t.Context(), identity.SymCloud(), claims); err != nil || f.count() != before+1 {
		t.Errorf("users' own records are not mappings that a snapshot could show: %v", err)
	}
}

// Users of whom nothing is known any more are asked for first.
func TestHoldersAfterDeletions(t *testing.T) {
	t.Parallel()
	names := people(200)
	f := newFakeAPI(names...)
	r := New(f)
	warm(t, r)
	for _, name := range names[:50] {
		if _, err := r.Delete(t.Context(), []identity.Delete{{User: identity.UserKey(name), Service: okta, Matcher: identity.NewMatcher("okta", "00u-"+name)}}); err != nil {
			t.Fatal(err)
		}
	}
	holders, err := r.Holders(t.Context(), okta, []string{"00u-" + names[0], "00u-" + names[60]})
	if err != nil || len(holders) != 1 || string(holders[0].User) != names[60] {
		t.Errorf("%v, %v", holders, err)
	}
	n := 0
	for _, err := range r.AllUsers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 200 || f.count("FindUsers") != 1 || f.count("Holders") != 0 || f.count("AllUsers") != 1 {
		t.Errorf("%d users; requests: %v", n, f.counts)
	}
	down := errors.New("down")
	_, _ = r.Write(t.Context(), []identity.Write{write(names[0], okta, "x")})
	_, _ = r.Delete(t.Context(), []identity.Delete{{User: identity.UserKey(names[0]), Service: okta}})
	f.before = func(context.Context, string, int) error { return down }
	if _, err := r.Holders(t.Context(), okta, []string{"x"}); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
	for _, err := range r.AllUsers(t.Context()) {
		if !errors.Is(err, down) {
			t.Errorf("%v", err)
		}
	}
}

// Plans that only check holders come to a snapshot as well.
func TestManyHolders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := people(1000)
		f := newFakeAPI(names...)
		f.before = latency(10 * time.Millisecond)
		r := New(f)
		each(names, 10, func(name string) {
			if holders, err := r.Holders(t.Context(), okta, []string{"00u-" + name}); err != nil || len(holders) != 1 {
				t.Errorf("%v, %v", holders, err)
			}
		})
		if n := f.count(); n > 12 {
			t.Errorf("%d requests: %v", n, f.counts)
		}
		large := New(f)
		claims := make([]string, 500)
		for i, name := range names[:500] {
			claims[i] = "00u-" + name
		}
		if holders, err := large.Holders(t.Context(), okta, claims); err != nil || len(holders) != 500 {
			t.Errorf("%d holders, %v", len(holders), err)
		}
	})
}

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
				answers, err := r.Status(t.Context(), okta, []string{id})
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

type shortLookup struct{ *fakeAPI }

func (shortLookup) Lookup(context.Context, identity.ServiceKey, []string) ([]identity.LookupResult, error) {
	return nil, nil
}

func TestLookupThatAnswersTooFew(t *testing.T) {
	t.Parallel()
	if answers, err := New(shortLookup{newFakeAPI()}).Lookup(t.Context(), okta, people(1)); err == nil {
		t.Errorf("%v", answers)
	}
}
