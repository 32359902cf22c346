// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package httpx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for name, tc := range map[string]struct {
		retryAfter, date string
		want             time.Duration
		told             bool
	}{
		"nothing":             {},
		"seconds":             {"7", "", 7 * time.Second, true},
		"a fraction":          {" 0.5 ", "", 500 * time.Millisecond, true},
		"zero":                {"0", "", 0, true},
		"negative":            {retryAfter: "-3"},
		"not a number":        {retryAfter: "NaN"},
		"too many seconds":    {"1e300", "", maxRetryAfter, true},
		"a word":              {retryAfter: "soon"},
		"a date":              {at(time.Minute), "", time.Minute, true},
		"a date gone by":      {at(-time.Minute), "", 0, true},
		"by another clock":    {at(time.Hour), at(time.Hour - time.Minute), time.Minute, true},
		"a clock that is off": {at(time.Minute), "yesterday", time.Minute, true},
	} {
		h := http.Header{}
		h.Set("Retry-After", tc.retryAfter)
		h.Set("Date", tc.date)
		if got, told := RetryAfter(h, now); got != tc.want || told != tc.told {
			t.Errorf("%s: got %s, %t", name, got, told)
		}
	}
}

func TestSameHost(t *testing.T) {
	t.Parallel()
	request := func(url string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	via := []*http.Request{request("https://api.example.com/a")}
	for to, want := range map[string]string{
		"https://api.example.com/b":      "",
		"https://evil.example.com/a":     `another host, "evil.example.com"`,
		"https://api.example.com:8443/a": "another host",
		"http://api.example.com/a":       `from https to "http"`,
	} {
		err := SameHost(2)(request(to), via)
		if (err == nil) != (want == "") || err != nil && (!errors.Is(err, ErrRedirect) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if err := SameHost(1)(request("https://api.example.com/b"), via); !errors.Is(err, ErrRedirect) {
		t.Errorf("too many redirects: %v", err)
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "10.0.0.1": false, "::": false, "localhost.example.com": false, "127.0.0.1.example.com": false,
	} {
		if got := Loopback(host); got != want {
			t.Errorf("%q: got %t", host, got)
		}
	}
}

func TestReadBody(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int64]error{4: nil, 3: ErrTooLarge} {
		body, err := ReadBody(strings.NewReader("four"), limit)
		if !errors.Is(err, want) || string(body) != "four"[:limit] {
			t.Errorf("limit %d: got %q, %v", limit, body, err)
		}
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := Sleep(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// Those who come while a call is under way share its result, a failure too;
// who comes later calls again.
func TestFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var flight Flight[int32]
		var calls atomic.Int32
		call := func(context.Context) (int32, error) {
			n := calls.Add(1)
			time.Sleep(time.Second)
			return n, fmt.Errorf("call %d", n)
		}
		for round := int32(1); round <= 2; round++ {
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					if n, err := flight.Do(t.Context(), call); n != round || err == nil || err.Error() != fmt.Sprintf("call %d", round) {
						t.Errorf("round %d: got %d, %v", round, n, err)
					}
				})
			}
			all.Wait()
		}
	})
}

// A caller who gives up, or whose call panics, fails nobody else.
func TestFlight_abandoned(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(context.Context) error{
		"cancelled": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"panic":     func(context.Context) error { time.Sleep(time.Second); panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var flight Flight[string]
				var all sync.WaitGroup
				all.Go(func() {
					defer func() { _ = recover() }()
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					if _, err := flight.Do(ctx, func(ctx context.Context) (string, error) { return "", end(ctx) }); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("got %v", err)
					}
				})
				synctest.Wait()
				for range 3 {
					all.Go(func() {
						got, err := flight.Do(t.Context(), func(context.Context) (string, error) { return "served", nil })
						if got != "served" || err != nil {
							t.Errorf("got %q, %v", got, err)
						}
					})
				}
				all.Go(func() { // waits no longer than its own context
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					defer cancel()
					if _, err := flight.Do(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("got %v", err)
					}
				})
				all.Wait()
			})
		})
	}
}
