// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// What a run costs, by how many ask at once, how many it asks for, and how many
// there are.
func TestRequestsOfARun(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reads, workers, stored int
		atMost                 int
		snapshot               bool
	}{
		"a handful":           {reads: 20, workers: 10, stored: 5000, atMost: 4},
		"below the threshold": {reads: enoughReads - 1, workers: 10, stored: 5000, atMost: 8},
		"everybody":           {reads: 1000, workers: 10, stored: 1000, atMost: 10, snapshot: true},
		"nobody is stored":    {reads: 1000, workers: 10, stored: 0, atMost: 10, snapshot: true},
		"one at a time":       {reads: 1000, workers: 1, stored: 1000, atMost: enoughRequests + 2, snapshot: true},
		"few of many":         {reads: 1000, workers: 10, stored: 15000, atMost: 10 + 16, snapshot: true},
		"sixty of too many":   {reads: 60, workers: 10, stored: 50000, atMost: 10 + maxPages},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFakeAPI(people(test.stored)...)
				f.before = latency(10 * time.Millisecond)
				r := New(f)
				each(people(test.reads), test.workers, func(name string) {
					u, there := f.users[identity.UserKey(name)]
					if got := stored(t, r, name, okta); (got != "") != there || there && got != "00u-"+u.Name {
						t.Errorf("%s has %q", name, got)
					}
				})
				if n := f.count(); n > test.atMost {
					t.Errorf("%d requests, want at most %d: %v", n, test.atMost, f.counts)
				}
				if _, _, held := r.cache.find(nil); held != test.snapshot {
					t.Errorf("there is a snapshot: %t", held)
				}
			})
		})
	}
}

func TestSnapshotIsReadOnceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := people(2*pageSize + 500)
		f := newFakeAPI(names...)
		f.before = latency(50 * time.Millisecond)
		r := New(f)
		each(names[:500], 500, func(name string) { stored(t, r, name, okta) })
		if n := f.count("AllUsers"); n != 3 {
			t.Errorf("%d pages were read", n)
		}
		before := f.count()
		each(names, 10, func(name string) {
			if stored(t, r, name, okta) != "00u-"+name {
				t.Errorf("%s is wrong", name)
			}
		})
		users, err := r.FindUsers(t.Context(), keys("nobody@acme.com", names[7], "NOBODY", names[3], names[7]))
		if err != nil || len(users) != 2 || users[0].Name != names[7] || users[1].Name != names[3] {
			t.Errorf("%v, %v", users, err)
		}
		if n := f.count(); n != before {
			t.Errorf("%d requests beside the snapshot", n-before)
		}
	})
}

func TestSnapshotThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := people(400)
		f := newFakeAPI(names...)
		broken := &identity.Error{Code: identity.CodeInternal, Message: "the list is broken"}
		f.before = func(_ context.Context, call string, _ int) error {
			if call == "AllUsers" {
				return broken
			}
			return nil
		}
		r := New(f)
		each(names[:120], 10, func(name string) {
			if stored(t, r, name, okta) == "" { // also reports errors
				t.Errorf("%s is missing", name)
			}
		})
		if n := f.count("AllUsers"); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
}

// Its error is shown only beside that of the single read that came in its
// place.
func TestSnapshotAndReadThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI(people(60)...)
		broken := &identity.Error{Code: identity.CodeInternal, Message: "the list is broken"}
		down := &identity.Error{Code: identity.CodeUnavailable, Message: "it is down"}
		f.before = func(_ context.Context, call string, _ int) error {
			if call == "AllUsers" {
				return broken
			}
			return down
		}
		r := New(f)
		_, err := r.FindUsers(t.Context(), keys(people(47)...))
		if !errors.Is(err, down) || errors.Is(err, broken) {
			t.Errorf("before there is an attempt: %v", err)
		}
		_, err = r.FindUsers(t.Context(), keys(people(60)...))
		if identity.CodeOf(err) != identity.CodeUnavailable || !errors.Is(err, broken) || !strings.Contains(err.Error(), "it is down (before that, reading all users failed: the list is broken)") {
			t.Errorf("after one: %v", err)
		}
		if _, err = r.FindUsers(t.Context(), keys(people(60)...)); errors.Is(err, broken) {
			t.Errorf("later: %v", err)
		}
	})
}

func TestSnapshotOfTwoUsersWithOneName(t *testing.T) {
	t.Parallel()
	f := newFakeAPI("ada@acme.com")
	twin := f.users["ada@acme.com"]
	twin.ID, twin.Name = "another", "Ada@acme.com"
	f.put("z", twin)
	r := New(f)
	n := 0
	for _, err := range r.AllUsers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if _, _, held := r.cache.find(nil); held || n != 2 {
		t.Errorf("%d users, held: %t", n, held)
	}
}

func TestSnapshotIsBoundedInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := people(3000)
		f := newFakeAPI(names...)
		r := New(f)
		r.maxRecords = 1500
		each(names, 10, func(name string) { stored(t, r, name, okta) })
		if n := f.count("AllUsers"); n > 2 {
			t.Errorf("%d pages were read for nothing", n)
		}
		n := 0
		for _, err := range r.AllUsers(t.Context()) { // passes on what it cannot hold
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if _, _, held := r.cache.find(nil); held || n != 3000 {
			t.Errorf("%d users, held: %t", n, held)
		}
	})
}

func TestSnapshotAges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI(people(100)...)
		r := New(f)
		each(people(100), 10, func(name string) { stored(t, r, name, okta) })
		f.set("new@acme.com", okta, "00u1")
		if id := stored(t, r, "new@acme.com", okta); id != "" {
			t.Fatalf("%q: there was no snapshot", id)
		}
		time.Sleep(maxAge + time.Second)
		if id := stored(t, r, "new@acme.com", okta); id != "00u1" {
			t.Errorf("%q is old", id)
		}
		before := f.count()
		each(people(100), 10, func(name string) { stored(t, r, name, okta) })
		if n := f.count(); n != before {
			t.Errorf("%d requests beside the new snapshot", n-before)
		}
	})
}

func TestCancelledSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI(people(100)...)
		f.before = latency(time.Minute)
		r := New(f)
		ask(&r.policy, people(100))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.FindUsers(ctx, keys("p000001@acme.com"))
		if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "reading all") {
			t.Errorf("%v", err)
		}
		// It says nothing about the next attempt.
		if id := stored(t, r, "p000001@acme.com", okta); id == "" || f.count("AllUsers") != 2 || f.count() != 2 {
			t.Errorf("%q after %v", id, f.counts)
		}
	})
}

func TestAllUsersAreHeld(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(people(1500)...)
	r := New(f)
	for u, err := range r.AllUsers(t.Context()) { // given up
		if err != nil || u.Name == "" {
			t.Fatal(u, err)
		}
		break
	}
	if n := f.count("AllUsers"); n != 1 {
		t.Errorf("%d pages for the first user", n)
	}
	if _, _, held := r.cache.find(nil); held {
		t.Error("a part of the users is held as all of them")
	}
	warm(t, r)
	before := f.count()
	if users, err := r.FindUsers(t.Context(), keys(people(1500)...)); err != nil || len(users) != 1500 {
		t.Errorf("%d users, %v", len(users), err)
	}
	var names []string
	for u, err := range r.AllUsers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, u.Name)
	}
	if diff := cmp.Diff(people(1500), names); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	for _, err := range r.AllUsers(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if n := f.count(); n != before {
		t.Errorf("%d requests beside the snapshot", n-before)
	}
}

func TestAllUsersThatFail(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(people(pageSize + 500)...)
	down := errors.New("down")
	f.before = func(_ context.Context, _ string, n int) error {
		if n > 1 {
			return down
		}
		return nil
	}
	r := New(f)
	n, last := 0, error(nil)
	for _, err := range r.AllUsers(t.Context()) {
		n, last = n+1, err
	}
	if _, _, held := r.cache.find(nil); held || n != pageSize+1 || !errors.Is(last, down) {
		t.Errorf("%d elements, the last %v, held: %t", n, last, held)
	}
}

// Whoever asks by id is about to decide something: nothing held may answer.
func TestUserByIDAsksTheServer(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(people(3)...)
	r := New(f)
	warm(t, r)
	for range 2 {
		if u, err := r.UserByID(t.Context(), "id of "+people(3)[1]); err != nil || u == nil {
			t.Error(u, err)
		}
		f.set(people(3)[1], github, "octo")
	}
	if n := f.count("UserByID"); n != 2 {
		t.Errorf("%d requests", n)
	}
}
