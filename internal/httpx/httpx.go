// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package httpx holds what every HTTP client and server of this repository
// does the same way.
package httpx

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxRetryAfter bounds what RetryAfter returns: one year.
const maxRetryAfter = 365 * 24 * time.Hour

// RetryAfter reads how long a reply asks to wait: seconds or an HTTP date. A
// date is measured by the server's own clock where the reply has a Date. ok is
// false where the reply does not say.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if math.IsNaN(seconds) || seconds < 0 {
			return 0, false
		}
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second)), true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(Date(h, now)), 0), maxRetryAfter), true
}

// Date returns the time at which a server sent a reply, by its own clock; now
// where the reply does not say.
func Date(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// ErrRedirect matches the errors of SameHost.
var ErrRedirect = errors.New("a redirect is refused")

// SameHost returns a CheckRedirect that follows at most limit redirects, all to
// the scheme and host of the first request: a credential must not go elsewhere.
func SameHost(limit int) func(next *http.Request, via []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		switch {
		case len(via) >= limit:
			return fmt.Errorf("%w: there were %d of them", ErrRedirect, len(via))
		case next.URL.Host != first.Host:
			return fmt.Errorf("%w: it leads to another host, %q", ErrRedirect, next.URL.Host)
		case next.URL.Scheme != first.Scheme:
			return fmt.Errorf("%w: it leads from %s to %q", ErrRedirect, first.Scheme, next.URL.Scheme)
		}
		return nil
	}
}

// Loopback reports whether a host, without port, is this machine.
func Loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Authorities reads certificates of a file (PEM), nil for "".
func Authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	certificates, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificates) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// ErrTooLarge is the error of ReadBody for more bytes than its limit.
var ErrTooLarge = errors.New("it is too large")

// ReadBody reads all of r. With more than limit bytes it returns ErrTooLarge
// and the first of them.
func ReadBody(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		return body[:limit], ErrTooLarge
	}
	return body, err
}

// Sleep waits for d. It returns the context's error where that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stopped returns why a context ended, with its cause, nil while it has not.
func Stopped(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); err != nil && !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// Flight shares a call among those who need its result at the same time, as
// singleflight does, but every caller waits only as long as its own context
// lasts, and a call that failed because its caller gave up is made again by one
// of the others. It keeps no result: a call that starts later runs again, so
// call should look first whether a result is known by now.
type Flight[T any] struct {
	mu      sync.Mutex
	pending *flight[T]
}

// flight is one call. Its results may be read once done is closed.
type flight[T any] struct {
	done     chan struct{}
	result   T
	err      error
	finished bool // false: its caller gave up, or call panicked
}

// Do returns the result of call, made by this caller or by the one who came
// first. call runs with the context of the caller who makes it.
func (f *Flight[T]) Do(ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	for {
		f.mu.Lock()
		current := f.pending
		if current == nil {
			current = &flight[T]{done: make(chan struct{})}
			f.pending = current
			f.mu.Unlock()
			return f.run(ctx, current, call)
		}
		f.mu.Unlock()
		select {
		case <-current.done:
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
		if current.finished {
			return current.result, current.err
		}
	}
}

func (f *Flight[T]) run(ctx context.Context, current *flight[T], call func(context.Context) (T, error)) (T, error) {
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pending = nil
		close(current.done)
	}()
	current.result, current.err = call(ctx)
	current.finished = current.err == nil || ctx.Err() == nil
	return current.result, current.err
}
