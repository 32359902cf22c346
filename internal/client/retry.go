// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// The pace of retries. A server's Retry-After stands above the backoff, up to
// its cap: a run that waits for an hour looks hung.
const (
	backoffBase     = 250 * time.Millisecond
	backoffCap      = 15 * time.Second
	retryAfterCap   = 60 * time.Second
	backoffJitter   = 30 // percent
	retryAfterDrift = 250 * time.Millisecond
)

// newBackoff waits jittered and exponentially longer from attempt to attempt,
// but at least as long as asked() says the server asked for after the last one.
func newBackoff(maxRetries int, asked func() time.Duration) retry.Backoff {
	growing := retry.WithMaxRetries(uint64(max(maxRetries, 0)),
		retry.WithJitterPercent(backoffJitter,
			retry.WithCappedDuration(backoffCap, retry.NewExponential(backoffBase))))
	return retry.BackoffFunc(func() (time.Duration, bool) {
		wait, stop := growing.Next()
		if server := asked(); !stop && server > 0 {
			// A little drift keeps clients that wait equally long from returning
			// at the same moment.
			wait = max(wait, server+rand.N(retryAfterDrift))
		}
		return wait, stop
	})
}

// retryAfter returns how long a reply asks to wait; 0 where it does not.
func retryAfter(h http.Header, now time.Time) time.Duration {
	wait, _ := httpx.RetryAfter(h, now)
	return min(wait, retryAfterCap)
}

// refusedUnread reports whether a failed attempt certainly changed nothing, so
// that even a write without conditions may be sent again.
func refusedUnread(status int, err error) bool {
	if status != 0 {
		return status == http.StatusTooManyRequests
	}
	return dialFailed(err)
}

// temporary reports whether a repeatable request may succeed at the next attempt:
// the server says so, or the connection broke.
func temporary(status int, err error) bool {
	if status == http.StatusTooManyRequests {
		return true
	}
	if status != 0 {
		return saysRetryable(err)
	}
	var op *net.OpError
	broken := errors.As(err, &op) && (op.Op == "read" || op.Op == "write") && !op.Timeout()
	// net/http does not export its errors of HTTP/2.
	broken = broken || strings.Contains(err.Error(), "stream error: stream ID") || strings.Contains(err.Error(), "http2: server sent GOAWAY")
	return broken || dialFailed(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// saysRetryable reports whether a reply allows another attempt. All its failures
// have to.
func saysRetryable(err error) bool {
	if batch, ok := errors.AsType[*identity.BatchError](err); ok {
		for _, c := range batch.Items {
			if !c.Err.Retryable {
				return false
			}
		}
		return len(batch.Items) > 0
	}
	var e *identity.Error
	return errors.As(err, &e) && e.Retryable
}

// dialFailed reports whether connecting failed for a temporary reason: refused or
// reset, but no timeout, which has taken long enough, and no unknown host.
func dialFailed(err error) bool {
	var op *net.OpError
	if !errors.As(err, &op) || (op.Op != "dial" && op.Op != "proxyconnect") || op.Timeout() {
		return false
	}
	var dns *net.DNSError
	return !errors.As(err, &dns) || dns.IsTemporary
}
