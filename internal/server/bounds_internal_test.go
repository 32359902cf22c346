// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"
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
