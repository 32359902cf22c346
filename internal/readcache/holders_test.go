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
		octo := f.store(ada, github, identity.NewMatcher("github", "Octo"))
		octo.Mappings[len(octo.Mappings)-1].AccountID = "7"
		r := New(f)
		each(names, 30, func(name string) {
			holders, err := r.Holders(t.Context(), okta, identity.Named("00u-"+name, "nobody's", "00u-"+name))
			want := 1
			if name == names[3] {
				want = 2
			}
			if err != nil || len(holders) != want {
				t.Errorf("%s: %v, %v", name, holders, err)
			}
		})
		for _, accounts := range [][]identity.AccountQuery{identity.Named("OCTO"), {{Identity: "renamed", AccountID: "7"}}} {
			holders, err := r.Holders(t.Context(), github, accounts)
			if err != nil || len(holders) != 1 || holders[0].User != ada {
				t.Errorf("%v: %v, %v", accounts, holders, err)
			}
		}
		if diff := cmp.Diff([]int{31, 1, 1}, f.sizes["Holders"]); diff != "" || f.count() != 3 {
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
	pinned := f.store("ada@acme.com", github, identity.Matcher{"user_id": "ada-l"})
	pinned.Mappings[0].AccountID = "7"
	accounts := identity.Named("00u-x", "shared", "SHARED", "octo", identity.Matcher{"login": "Odd"}.AccountKey("github"))
	accounts = append(accounts, identity.AccountQuery{Identity: "renamed", AccountID: "7"})
	want, _ := f.Holders(t.Context(), github, accounts)
	r := New(f)
	warm(t, r)
	before := f.count()
	got, err := r.Holders(t.Context(), github, accounts)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if n := f.count(); n != before {
		t.Errorf("%d requests", n-before)
	}
	if _, err := r.Holders(t.Context(), identity.SymCloud(), accounts); err != nil || f.count() != before+1 {
		t.Errorf("users' own records are not mappings that a snapshot could show: %v", err)
	}
}

// Users without a valid answer are asked for first.
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
	holders, err := r.Holders(t.Context(), okta, identity.Named("00u-"+names[0], "00u-"+names[60]))
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
	if _, err := r.Holders(t.Context(), okta, identity.Named("x")); !errors.Is(err, down) {
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
			if holders, err := r.Holders(t.Context(), okta, identity.Named("00u-"+name)); err != nil || len(holders) != 1 {
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
		if holders, err := large.Holders(t.Context(), okta, identity.Named(claims...)); err != nil || len(holders) != 500 {
			t.Errorf("%d holders, %v", len(holders), err)
		}
	})
}
