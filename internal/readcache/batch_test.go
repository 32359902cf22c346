// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// These tests look at requests below the number that makes a snapshot, or ask
// the server on purpose.

func TestReadsAtOnceAreOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := people(40)
		f := newFakeAPI(names[:30]...)
		r := New(f)
		each(names, 40, func(name string) {
			want := ""
			if slices.Index(names, name) < 30 {
				want = "00u-" + name
			}
			if got := stored(t, r, name, okta); got != want {
				t.Errorf("%s has %q, want %q", name, got, want)
			}
		})
		if diff := cmp.Diff([]int{40}, f.sizes["FindUsers"]); diff != "" {
			t.Errorf("sizes of requests (-want +got):\n%s", diff)
		}
	})
}

func TestSameReadIsAskedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI("ada@acme.com")
		f.before = latency(time.Second)
		r := New(f)
		each(make([]int, 300), 300, func(int) { stored(t, r, "ada@acme.com", okta) })
		if n := f.count(); n != 1 {
			t.Errorf("%d requests", n)
		}
		stored(t, r, "ada@acme.com", okta) // nothing was kept
		if n := f.count(); n != 2 {
			t.Errorf("%d requests after another read", n)
		}
	})
}

// One who comes while a request is under way that asks for the same shares it,
// however long it takes; other questions gather, but not for ever.
func TestReadsGatherWhileARequestIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := people(21)
		f := newFakeAPI(names...)
		f.before = latency(100 * time.Millisecond)
		r := New(f)
		go stored(t, r, names[0], okta)
		time.Sleep(50 * time.Millisecond)
		each(names, 21, func(name string) { stored(t, r, name, okta) })
		if diff := cmp.Diff([]int{1, 20}, f.sizes["FindUsers"]); diff != "" {
			t.Errorf("sizes of requests (-want +got):\n%s", diff)
		}
	})
}

func TestHangingRequestHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI("ada@acme.com", "bob@acme.com")
		release := make(chan struct{})
		f.before = func(_ context.Context, _ string, n int) error {
			if n == 1 {
				<-release
			}
			return nil
		}
		r := New(f)
		go stored(t, r, "ada@acme.com", okta)
		time.Sleep(time.Second)
		start := time.Now()
		stored(t, r, "bob@acme.com", okta)
		if took := time.Since(start); took != maxWait {
			t.Errorf("the second read took %s", took)
		}
		close(release)
		synctest.Wait()
	})
}

// Ten workers that come back for more make batches of ten, one makes them of
// one without ever waiting.
func TestBatchesAreAsLargeAsTheCallers(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 10} {
		synctest.Test(t, func(t *testing.T) {
			names := people(enoughReads - 8)
			f := newFakeAPI(names...)
			f.before = latency(20 * time.Millisecond)
			r := New(f)
			r.policy.never = true
			start := time.Now()
			each(names, workers, func(name string) {
				stored(t, r, name, okta)
				time.Sleep(time.Duration(len(name)) * time.Microsecond) // what Terraform does with it
			})
			want := len(names) / workers
			if n := f.count(); n != want {
				t.Errorf("%d workers: %d requests, want %d: %v", workers, n, want, f.sizes)
			}
			if took, atMost := time.Since(start), time.Duration(want)*21*time.Millisecond+window; took > atMost {
				t.Errorf("%d workers took %s", workers, took)
			}
		})
	}
}

func TestBatchIsNoLargerThanARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI()
		r := New(f)
		r.policy.never = true
		names := people(6000)
		chunks := slices.Collect(slices.Chunk(names, 50))
		each(chunks, len(chunks), func(chunk []string) {
			if _, err := r.FindUsers(t.Context(), keys(chunk...)); err != nil {
				t.Error(err)
			}
		})
		if got := f.sizes["FindUsers"]; len(got) != 3 || slices.Max(got) != maxBatch {
			t.Errorf("sizes of requests: %v", got)
		}
	})
}

func TestLargeReadIsARequestOfItsOwn(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(people(500)...)
	r := New(f)
	for range 20 {
		users, err := r.FindUsers(t.Context(), keys(people(600)...))
		if err != nil || len(users) != 500 || users[499].Name != people(500)[499] {
			t.Fatalf("%d users, %v", len(users), err)
		}
	}
	if n := f.count("FindUsers"); n != 20 || f.count() != 20 {
		t.Errorf("requests: %v", f.counts)
	}
}

func TestCancelledCallerLeavesTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI("ada@acme.com")
		f.before = latency(time.Minute)
		r := New(f)
		type hint struct{}
		f.after = func(ctx context.Context, _ string, _ int) error {
			if ctx.Value(hint{}) != "logger" {
				t.Error("the request has lost what the caller's context carries")
			}
			return nil
		}
		ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), hint{}, "logger"))
		why := errors.New("interrupted")
		failed := make(chan error)
		go func() {
			_, err := r.FindUsers(ctx, keys("ada@acme.com"))
			failed <- err
		}()
		time.Sleep(time.Second)
		got := make(chan string)
		go func() { got <- stored(t, r, "ada@acme.com", okta) }()
		time.Sleep(time.Second)
		start := time.Now()
		cancel(why)
		if err := <-failed; !errors.Is(err, context.Canceled) || !errors.Is(err, why) || time.Since(start) != 0 {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if id := <-got; id == "" {
			t.Error("the other caller got nothing")
		}
		if n := f.count(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// A request for which nobody waits any more ends, one that was not sent yet
// never is, and whoever comes next gets an answer of their own. synctest fails
// the test where a goroutine stays behind.
func TestRequestNobodyWaitsForEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI("ada@acme.com")
		ended := make(chan error, 1)
		f.before = func(ctx context.Context, _ string, n int) error {
			if n == 1 {
				<-ctx.Done()
				time.Sleep(time.Second) // it takes its time to stop
				ended <- ctx.Err()
				return ctx.Err()
			}
			return nil
		}
		r := New(f)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		each(make([]int, 5), 5, func(int) {
			if _, err := r.FindUsers(ctx, keys("ada@acme.com")); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		if id := stored(t, r, "ada@acme.com", okta); id == "" {
			t.Error("the next caller got nothing")
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		before := f.count()
		r = New(f) // its first question waits for others
		soon, cancel := context.WithTimeout(t.Context(), window/2)
		defer cancel()
		_, err := r.FindUsers(soon, keys("bob@acme.com"))
		time.Sleep(time.Second)
		if n := f.count(); !errors.Is(err, context.DeadlineExceeded) || n != before {
			t.Errorf("%v; %d requests were sent for it", err, n-before)
		}
		if _, err := r.FindUsers(soon, keys("ada@acme.com")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that has ended: %v", err)
		}
	})
}

func TestFailureIsEverybodysAndIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI(people(20)...)
		down := &identity.Error{Code: identity.CodeUnavailable, Message: "the API did not answer"}
		f.before = func(_ context.Context, _ string, n int) error {
			if n == 1 {
				return down
			}
			return nil
		}
		r := New(f)
		var mu sync.Mutex
		failed := 0
		each(people(20), 20, func(name string) {
			if _, err := r.FindUsers(t.Context(), keys(name)); errors.Is(err, down) {
				mu.Lock()
				defer mu.Unlock()
				failed++
			}
		})
		if failed != 20 || f.count() != 1 {
			t.Errorf("%d callers failed after %d requests", failed, f.count())
		}
		if stored(t, r, people(20)[3], okta) == "" {
			t.Error("the failure was kept")
		}
	})
}

// What is wrong with one question does not fail the others of its batch.
func TestRefusedQuestionFailsAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]error{
		"refused":          identity.Invalid(identity.CodeUserInvalid, "that is no e-mail", ""),
		"two users":        &identity.Error{Code: identity.CodeUserConflict, Message: "two users are stored"},
		"makes no sense":   &client.Error{Status: http.StatusOK, Err: &identity.Error{Code: identity.CodeInternal, Message: "a user has no id"}},
		"service's answer": fmt.Errorf("wrapped: %w", &identity.Error{Code: identity.CodeIdentityInvalid}),
	}
	for name, refusal := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				names := people(40)
				f := newFakeAPI(names...)
				f.refuse[keys(names...)[17]] = refusal
				r := New(f)
				each(names, 40, func(name string) {
					users, err := r.FindUsers(t.Context(), keys(name))
					if bad := name == names[17]; bad != (err != nil) || bad != (len(users) == 0) || bad && !errors.Is(err, refusal) {
						t.Errorf("%s: %d users, %v", name, len(users), err)
					}
				})
				if n := f.count(); n > 1+maxSplits {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

// Where everything is refused the server is not asked for each one apart.
func TestSplittingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI()
		f.before = func(context.Context, string, int) error { return identity.Invalid(identity.CodeInvalid, "no", "") }
		r := New(f)
		r.policy.never = true
		each(people(900), 900, func(name string) {
			if _, err := r.FindUsers(t.Context(), keys(name)); identity.CodeOf(err) != identity.CodeInvalid {
				t.Errorf("%s: %v", name, err)
			}
		})
		if n := f.count(); n > 1+maxSplits {
			t.Errorf("%d requests", n)
		}
	})
}
