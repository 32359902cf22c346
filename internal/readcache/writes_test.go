// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const ada, bob = "ada@acme.com", "bob@acme.com"

func TestReadsAfterAWrite(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(ada, bob)
	r := New(f)
	warm(t, r)
	before := f.count()
	users, err := r.Write(t.Context(), []identity.Write{write(ada, okta, "1"), write("new@acme.com", okta, "2"), write(ada, github, "Octo"), write(ada, okta, "3")})
	if err != nil || len(users) != 4 {
		t.Fatal(users, err)
	}
	for name, want := range map[string]string{ada: "3", "new@acme.com": "2", bob: "00u-" + bob} {
		if got := stored(t, r, name, okta); got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	if got := stored(t, r, ada, github); got != "Octo" {
		t.Errorf("%q in another service", got)
	}
	holders, err := r.Holders(t.Context(), github, identity.Named("octo"))
	if err != nil || len(holders) != 1 || holders[0].User != ada {
		t.Errorf("holders: %v, %v", holders, err)
	}
	if n := f.count() - before; n != 3 {
		t.Errorf("%d requests, want that of the write and one for each user written", n)
	}
}

// A conflict says that what is held is old, a lost answer that it may be.
func TestFailedWriteEvicts(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(ada, bob)
	r := New(f)
	warm(t, r)
	f.set(ada, okta, "changed elsewhere")
	w := write(ada, okta, "mine")
	w.IfRevision = 1
	_, err := r.Write(t.Context(), []identity.Write{w})
	if identity.CodeOf(err) != identity.CodeIdentityConflict {
		t.Fatal(err)
	}
	if got := stored(t, r, ada, okta); got != "changed elsewhere" {
		t.Errorf("after the conflict: %q", got)
	}

	lost := errors.New("the answer was lost")
	f.after = func(_ context.Context, call string, _ int) error {
		if call == "Write" || call == "Delete" {
			return lost
		}
		return nil
	}
	if _, err := r.Write(t.Context(), []identity.Write{write(ada, okta, "mine")}); !errors.Is(err, lost) {
		t.Fatal(err)
	}
	if got := stored(t, r, ada, okta); got != "mine" {
		t.Errorf("after the lost answer: %q", got)
	}
	if _, err := r.Delete(t.Context(), []identity.Delete{{User: ada, Service: okta, Matcher: identity.NewMatcher("okta", "mine")}}); !errors.Is(err, lost) {
		t.Fatal(err)
	}
	if got := stored(t, r, ada, okta); got != "" {
		t.Errorf("after the lost answer to a deletion: %q", got)
	}
	before := f.count()
	stored(t, r, ada, okta)
	stored(t, r, bob, okta)
	if n := f.count(); n != before {
		t.Errorf("%d requests for what has been asked again already", n-before)
	}
}

// Who holds a claimed account is not the user in the snapshot.
func TestClaimedWriteEvictsTheHolder(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(ada, bob)
	r := New(f)
	warm(t, r)
	f.set(bob, github, "octo")
	f.before = func(_ context.Context, call string, _ int) error {
		if call == "Write" {
			return &identity.BatchError{Items: []identity.ItemError{{Err: identity.Claimed(ada, github, nil, bob)}}}
		}
		return nil
	}
	if _, err := r.Write(t.Context(), []identity.Write{write(ada, github, "Octo")}); err == nil {
		t.Fatal("no error")
	}
	holders, err := r.Holders(t.Context(), github, identity.Named("octo"))
	if err != nil || len(holders) != 1 || holders[0].User != bob {
		t.Errorf("holders: %v, %v", holders, err)
	}
}

// Replies to writes of one user that overlap may come in any order.
func TestOverlappingWritesOfOneUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI(ada)
		r := New(f)
		warm(t, r)
		f.after = func(ctx context.Context, call string, n int) error {
			if call == "Write" && n == 1 {
				return sleep(ctx, time.Minute) // stored first, answered last
			}
			return nil
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := r.Write(t.Context(), []identity.Write{write(ada, okta, "1")}); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Second)
		if _, err := r.Write(t.Context(), []identity.Write{write(ada, github, "octo")}); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, r, ada, github); got != "octo" {
			t.Errorf("%q while the other write is under way", got)
		}
		<-done
		if got := stored(t, r, ada, github); got != "octo" {
			t.Errorf("%q after both", got)
		}
	})
}

// A read that was sent before a write must not serve those who come after it,
// nor may what it brings be held.
func TestWriteDuringARead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI(ada)
		r := New(f)
		f.after = func(ctx context.Context, call string, n int) error {
			if call == "FindUsers" && n == 1 || call == "Holders" && n == 1 {
				return sleep(ctx, 100*time.Millisecond)
			}
			return nil
		}
		go stored(t, r, ada, okta)
		go func() { _, _ = r.Holders(t.Context(), okta, identity.Named("new")) }()
		time.Sleep(50 * time.Millisecond)
		if _, err := r.Write(t.Context(), []identity.Write{write(ada, okta, "new")}); err != nil {
			t.Fatal(err)
		}
		each([]bool{true, false}, 2, func(byUser bool) { // both while the old requests are under way
			if byUser {
				if got := stored(t, r, ada, okta); got != "new" {
					t.Errorf("%q", got)
				}
				return
			}
			holders, err := r.Holders(t.Context(), okta, identity.Named("new"))
			if err != nil || len(holders) != 1 {
				t.Errorf("holders: %v, %v", holders, err)
			}
		})
	})
}

// While a write is under way somebody may have seen what it stored already. Who
// comes later must not see less.
func TestReadsDuringAWrite(t *testing.T) {
	t.Parallel()
	for name, snapshot := range map[string]func(*testing.T, *Reader){
		"of a snapshot":     warm,
		"before a snapshot": func(*testing.T, *Reader) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFakeAPI(ada, bob)
				r := New(f)
				snapshot(t, r)
				stage := make(chan struct{})
				f.before = func(_ context.Context, call string, _ int) error {
					if call == "Write" {
						<-stage // sent, not stored yet
					}
					return nil
				}
				f.after = func(_ context.Context, call string, _ int) error {
					if call == "Write" {
						<-stage // stored, not answered yet
					}
					return nil
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = r.Write(t.Context(), []identity.Write{write(ada, okta, "new")})
				}()
				synctest.Wait()
				if name == "before a snapshot" {
					warm(t, r)
				}
				if got := stored(t, r, ada, okta); got != "00u-"+ada {
					t.Errorf("%q before it is stored", got)
				}
				stage <- struct{}{}
				synctest.Wait()
				for range 2 {
					if got := stored(t, r, ada, okta); got != "new" {
						t.Errorf("%q once it is stored", got)
					}
					holders, err := r.Holders(t.Context(), okta, identity.Named("new"))
					if err != nil || len(holders) != 1 {
						t.Errorf("holders: %v, %v", holders, err)
					}
				}
				stage <- struct{}{}
				<-done
				if got := stored(t, r, ada, okta); got != "new" {
					t.Errorf("%q after all", got)
				}
			})
		})
	}
}

func TestWriteDuringTheSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := people(1500)
		f := newFakeAPI(names...)
		r := New(f)
		f.after = func(ctx context.Context, call string, _ int) error {
			if call == "AllUsers" {
				return sleep(ctx, time.Second)
			}
			return nil
		}
		done := make(chan struct{})
		go func() { defer close(done); warm(t, r) }()
		time.Sleep(1500 * time.Millisecond) // the second page is under way
		_, err := r.Write(t.Context(), []identity.Write{write(names[0], okta, "new"), write("aaa@acme.com", okta, "first"), write(names[1400], okta, "new")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Delete(t.Context(), []identity.Delete{{User: keys(names...)[1], Service: okta, Matcher: identity.NewMatcher("okta", "00u-"+names[1])}}); err != nil {
			t.Fatal(err)
		}
		<-done
		for name, want := range map[string]string{names[0]: "new", "aaa@acme.com": "first", names[1400]: "new", names[1]: "", names[2]: "00u-" + names[2]} {
			if got := stored(t, r, name, okta); got != want {
				t.Errorf("%s has %q, want %q", name, got, want)
			}
		}
	})
}
