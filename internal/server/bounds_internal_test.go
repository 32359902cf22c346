// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func TestFailuresAreCountedByWindow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := newAuthThrottle()
	a.now = func() time.Time { return now }
	one, other := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	for want := 1; want <= 25; want++ {
		if count, left := a.add(one); count != want || left != time.Minute {
			t.Fatalf("%d, %s left; want %d", count, left, want)
		}
	}
	if count, _ := a.add(other); count != 1 {
		t.Errorf("another address has %d", count)
	}
	now = now.Add(59 * time.Second)
	if count, left := a.add(one); count != 26 || left != time.Second {
		t.Errorf("%d, %s left", count, left)
	}
	now = now.Add(time.Second)
	if count, _ := a.add(one); count != 1 {
		t.Errorf("a new window begins with %d", count)
	}
	now = now.Add(-time.Hour) // the clock was set
	if count, left := a.add(one); count != 1 || left != time.Minute {
		t.Errorf("%d, %s left", count, left)
	}
}

// However many addresses fail, little is kept; those that find no room share
// a count, so that changing addresses does not get around the limit.
func TestFailuresAreBounded(t *testing.T) {
	t.Parallel()
	a := newAuthThrottle()
	for i := range maxAddresses + 50 {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		count, _ := a.add(netip.PrefixFrom(addr, 32))
		if want := max(1, i-maxAddresses+1); count != want {
			t.Fatalf("address %d has %d, want %d", i, count, want)
		}
	}
	if len(a.failed) != maxAddresses {
		t.Errorf("%d addresses are kept", len(a.failed))
	}
	if count, _ := a.add(netip.MustParsePrefix("10.0.0.0/32")); count != 2 {
		t.Errorf("a known address has %d", count)
	}
}

func TestClientNetwork(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.7:4711": "192.0.2.7/32", "[::ffff:192.0.2.7]:1": "192.0.2.7/32", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1": "fe80::/64", "": "", "@": "", "pipe": "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "203.0.113.9") // anybody can say so
		got, ok := clientNetwork(r)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q: %s, %t", remote, got, ok)
		}
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	const queued = 3
	l := newLimiter(2, 2, queued)
	l.wait = 20 * time.Millisecond
	var releases []func()
	for range 2 {
		release, err := l.acquire(t.Context(), "a", 1)
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	if _, err := l.acquire(t.Context(), "b", 1); err == nil {
		t.Error("a third was let in")
	}
	l.wait = time.Minute
	done := make(chan error)
	go func() {
		release, err := l.acquire(t.Context(), "b", 1)
		if err == nil {
			defer release()
		}
		done <- err
	}()
	releases[0]()
	if err := <-done; err != nil {
		t.Errorf("after one was given back: %v", err)
	}
	hold, err := l.acquire(t.Context(), "b", 1)
	if err != nil {
		t.Fatal(err)
	}
	for range queued {
		l.queue <- struct{}{}
	}
	if _, err := l.acquire(t.Context(), "b", 1); err == nil {
		t.Error("the queue has no end")
	}
	hold()
	releases[1]()
	if len(l.own) != 0 {
		t.Errorf("%d principals are kept who hold nothing", len(l.own))
	}
}

// However much one principal wants, and waits for, others have room.
func TestShares(t *testing.T) {
	t.Parallel()
	l := newLimiter(4, 3, 100)
	for range 3 {
		release, err := l.acquire(t.Context(), "greedy", 1)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	waiting, stop := context.WithCancel(t.Context())
	var greedy sync.WaitGroup
	for range 30 {
		greedy.Go(func() {
			if release, err := l.acquire(waiting, "greedy", 1); err == nil {
				t.Error("the greedy got more than their share")
				release()
			}
		})
	}
	for len(l.queue) < 30 {
		time.Sleep(time.Millisecond)
	}
	release, err := l.acquire(t.Context(), "modest", 1)
	if err != nil {
		t.Errorf("the modest got nothing: %v", err)
	} else {
		release()
	}
	stop()
	greedy.Wait()
}

// However many connections and addresses guess, few short tokens are compared:
// per address, per network of IPv6, and of all together. Tokens that nobody
// guesses, and those that were in use before, are served meanwhile.
func TestGuessesAreBounded(t *testing.T) {
	t.Parallel()
	const long, used, unused = "sym_0123456789012345678901234567890123456789012", "ci-short-token", "another-short-token"
	var compared atomic.Int32
	tokens := StaticTokens([]Token{
		{Name: "long", SHA256: hexOf(long), Role: identity.Guest}, {Name: "used", SHA256: hexOf(used), Role: identity.Guest},
		{Name: "unused", SHA256: hexOf(unused), Role: identity.Guest},
	}, "")
	s := &service{log: slog.New(slog.DiscardHandler), meter: newMeter(Config{}), throttle: newAuthThrottle(), Config: Config{
		Authenticate: func(r *http.Request) (identity.Principal, error) {
			compared.Add(1)
			return tokens(r)
		}}}
	now := time.Now()
	s.throttle.now = func() time.Time { return now }
	s.throttle.sleep = func(context.Context, time.Duration) error { return nil }
	send := func(address, token string) error {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = address
		r.Header.Set("Authorization", "Bearer "+token)
		_, err := s.authorize(r, identity.Guest)
		return err
	}
	if err := send("192.0.2.1:1", used); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		address func(n int) string
		most    int32
	}{
		{"one address", func(n int) string { return fmt.Sprintf("192.0.2.1:%d", 1+n) }, 20},
		{"one network", func(n int) string { return fmt.Sprintf("[2001:db8::%x]:1", 1+n) }, 20},
		{"many addresses", func(n int) string { return fmt.Sprintf("198.51.%d.%d:1", n>>8&255, n&255) }, 600},
		{"many networks", func(n int) string { return fmt.Sprintf("[2001:db8:1:%x::1]:1", n) }, 600},
	} {
		now = now.Add(time.Hour)
		compared.Store(0)
		var group sync.WaitGroup
		for connection := range 300 {
			group.Go(func() {
				for n := range 50 {
					guess := connection*50 + n
					if err := send(tc.address(guess), fmt.Sprint("guess", guess)); err == nil {
						t.Errorf("%s: a guess was right", tc.name)
					}
				}
			})
		}
		group.Wait()
		if got := compared.Load(); got < tc.most/2 || got > tc.most {
			t.Errorf("%s: %d guesses were compared, want at most %d", tc.name, got, tc.most)
		}
		for n := range 3 {
			for _, token := range []string{long, used} {
				if err := send(tc.address(n), token); err != nil {
					t.Errorf("%s: the right token %s: %v", tc.name, token, err)
				}
			}
			if err := send(tc.address(n), unused); identity.CodeOf(err) != identity.CodeLimited {
				t.Errorf("%s: a short token that is new: %v", tc.name, err)
			}
		}
	}
	now = now.Add(time.Minute)
	if err := send("192.0.2.1:1", unused); err != nil {
		t.Errorf("after the window: %v", err)
	}
}

// A short token whose block is gone is a guess like any other.
func TestRevokedTokensAreGuesses(t *testing.T) {
	t.Parallel()
	a := newAuthThrottle()
	from := netip.MustParsePrefix("192.0.2.1/32")
	if !a.admit("short", from) {
		t.Fatal("the first was not let through")
	}
	a.settle("short", from, nil)
	for n := range maxFailures + 1 {
		if got, want := a.admit("short", from), n < maxFailures; got != want {
			t.Errorf("attempt %d: %t", n, got)
		}
		a.settle("short", from, unauthenticated())
	}
	if a.admit("short", from) {
		t.Error("a revoked token has no bound")
	}
	// What could not be checked is no guess.
	other := netip.MustParsePrefix("192.0.2.2/32")
	for range maxFailures + 1 {
		if !a.admit("short", other) {
			t.Fatal("it was counted")
		}
		a.settle("short", other, &identity.Error{Code: identity.CodeAuthUnavailable})
	}
}

func hexOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// However much one administrator takes, another has room for all that it may do.
func TestAdministratorsShare(t *testing.T) {
	t.Parallel()
	admins := newLimits(DefaultMaxRequests).admins
	for name, tc := range map[string]struct {
		pool *limiter
		all  int64 // of one administrator
	}{
		"turns": {admins.turns, DefaultMaxRequests / 2}, "bodies": {admins.bodies, maxWriteBytes}, "writes": {admins.writes, writeShare},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.pool.wait = 50 * time.Millisecond
			for _, who := range []string{"greedy", "modest"} {
				release, err := tc.pool.acquire(t.Context(), who, tc.all)
				if err != nil {
					t.Fatalf("%s: %v", who, err)
				}
				defer release()
			}
			if _, err := tc.pool.acquire(t.Context(), "greedy", 1); err == nil {
				t.Error("the greedy got more than their share")
			}
		})
	}
}

// A reply that nobody reads keeps no other from being made.
func TestRepliesRestWhileTheyAreSent(t *testing.T) {
	t.Parallel()
	processor := make(chan struct{}, 1)
	out := func(w http.ResponseWriter) *pacedWriter {
		return &pacedWriter{w, newPace(t.Context(), time.Minute, nil), func(time.Time) error { return nil }, processor}
	}
	unread := &unreadWriter{ResponseRecorder: httptest.NewRecorder(), sending: make(chan struct{}), read: make(chan struct{})}
	var group sync.WaitGroup
	group.Go(func() {
		w := out(unread)
		w.work()
		defer w.rest()
		_, _ = w.Write([]byte("a list"))
	})
	<-unread.sending
	other := out(httptest.NewRecorder())
	other.work() // waits for ever if the other one still holds it
	other.rest()
	close(unread.read)
	group.Wait()
	if len(processor) != 0 {
		t.Error("a place was not given back")
	}
}

// A list holds a connection of the store while it is read. It waits for no place on
// the processor then, as others have places and wait for connections.
func TestListsWaitForNoPlace(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"whole": nil, "failed": errors.New("the store is gone")} {
		readers := newLimits(8).readers
		readers.processor = make(chan struct{}, 1)
		recorder := httptest.NewRecorder()
		w := &pacedWriter{recorder, newPace(t.Context(), time.Minute, nil), func(time.Time) error { return nil }, readers.processor}
		body, err := streamList(&service{log: slog.New(slog.DiscardHandler)}, symapi.UserList{}, func(yield func(symapi.User, error) bool) {
			w.work() // somebody else takes the place
			defer w.rest()
			if failure != nil {
				yield(symapi.User{}, failure)
				return
			}
			for range 2000 {
				if !yield(symapi.User{ID: strings.Repeat("x", 100)}, nil) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.WithValue(t.Context(), requestInfoKey{}, &requestInfo{pools: readers})
		w.work()
		body(humago.NewContext(&huma.Operation{}, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), w))
		w.rest()
		if whole := recorder.Body.Len() > 200_000; len(readers.processor) != 0 || whole != (failure == nil) || !whole && recorder.Code < 500 {
			t.Errorf("%s: %d places are held, status %d with %d bytes", name, len(readers.processor), recorder.Code, recorder.Body.Len())
		}
	}
}

// unreadWriter blocks in Write until somebody reads.
type unreadWriter struct {
	*httptest.ResponseRecorder
	sending, read chan struct{}
}

func (w *unreadWriter) Write(b []byte) (int, error) {
	close(w.sending)
	<-w.read
	return len(b), nil
}
