// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// From the twenty-first failed attempt on an address is slowed; whoever has a
// good token behind the same address notices nothing.
func TestFailedAttemptsAreSlowed(t *testing.T) {
	t.Parallel()
	h := start(t)
	const secret = "sym_wrong-but-secret"
	for n := range 20 {
		if a := h.api(secret, http.MethodGet, "/auth/login", nil); a.status != http.StatusUnauthorized {
			t.Fatalf("attempt %d: status %d: %s", n+1, a.status, a.raw)
		}
	}
	for range 2 {
		began := time.Now()
		a := h.api(secret, http.MethodGet, "/auth/login", nil)
		if a.status != http.StatusTooManyRequests || a.body["code"] != string(identity.CodeLimited) || a.body["is_retryable"] != true {
			t.Errorf("status %d: %s", a.status, a.raw)
		}
		if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 60 {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
		if took := time.Since(began); took < 900*time.Millisecond {
			t.Errorf("answered after %s", took)
		}
	}
	for range 30 {
		if a := h.api(guest, http.MethodGet, "/auth/login", nil); a.status != http.StatusOK {
			t.Fatalf("a good token: status %d: %s", a.status, a.raw)
		}
		if a := h.api(guest, http.MethodPost, "/services/delete", `{}`); a.status != http.StatusForbidden {
			t.Fatalf("too small a role is no failed attempt: status %d: %s", a.status, a.raw)
		}
	}
	logs := h.logs.String()
	if n := strings.Count(logs, `"authentication failed"`); n != 20 {
		t.Errorf("%d failures were logged", n)
	}
	if n := strings.Count(logs, "too many failed logins"); n != 1 {
		t.Errorf("it was told %d times that there are too many", n)
	}
	if !strings.Contains(logs, `"address":"127.0.0.1"`) || strings.Contains(logs, secret) {
		t.Errorf("the log:\n%s", logs)
	}
	if a := h.send("", http.MethodGet, "/metrics", nil); !strings.Contains(a.raw, "sym_identityd_slowed_attempts_total 2") {
		t.Error("the metric is missing, or good tokens were slowed")
	}
}

// That an issuer cannot be asked is nobody's failed attempt.
func TestUnavailableIsNoAttempt(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *server.Config) {
		c.Authenticate = func(*http.Request) (identity.Principal, error) {
			return identity.Principal{}, &identity.Error{Code: identity.CodeAuthUnavailable, Message: "no keys", Retryable: true, RetryAfter: 1500 * time.Millisecond}
		}
	})
	for range 25 {
		a := h.api("x", http.MethodGet, "/auth/login", nil)
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "2" {
			t.Fatalf("status %d, %v: %s", a.status, a.header, a.raw)
		}
	}
}

// Many requests at once wait for their turn, and those who do not say who they
// are take none.
func TestRequestsAtOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now, most := 0, 0
	three := make(chan struct{})
	closeThree := sync.OnceFunc(func() { close(three) })
	h := start(t, func(c *server.Config) {
		c.MaxRequests = 3
		c.Store = fakeStore{Store: c.Store, users: func() ([]identity.User, string, error) {
			mu.Lock()
			now++
			most = max(most, now)
			if most >= 3 {
				closeThree()
			}
			mu.Unlock()
			select { // until three are here
			case <-three:
			case <-time.After(time.Minute):
			}
			time.Sleep(5 * time.Millisecond) // a fourth could come
			mu.Lock()
			now--
			mu.Unlock()
			return nil, "", nil
		}}
	})
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if a := h.api(guest, http.MethodGet, "/users", nil); a.status != http.StatusOK {
				t.Errorf("status %d: %s", a.status, a.raw)
			}
		})
	}
	wg.Wait()
	if most != 3 {
		t.Errorf("%d were answered at the same time", most)
	}
}

func TestNestedBodies(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, tt := range map[string]struct {
		body   string
		status int
		code   identity.Code
		says   string
	}{
		"deep":     {strings.Repeat("[", 1_000_000), http.StatusBadRequest, identity.CodeInvalid, "nested too deeply"},
		"objects":  {strings.Repeat(`{"users":`, 40) + "1", http.StatusBadRequest, identity.CodeInvalid, "nested too deeply"},
		"many":     {`{"emails":[` + strings.Repeat(`"",`, 1_100_000) + `""]}`, http.StatusRequestEntityTooLarge, identity.CodeTooLarge, "more than 1000000 values"},
		"too long": {`{"emails":[` + strings.Repeat(`"",`, 2500) + `""]}`, http.StatusRequestEntityTooLarge, identity.CodeTooLarge, "at most 2500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, symapi.BasePath+"/users/search", strings.NewReader(tt.body))
			r.Header = authorized("Content-Type", "application/json")
			a := serve(t, inProcess(t, h.store), r)
			message, _ := a.body["message"].(string)
			if a.status != tt.status || a.body["code"] != string(tt.code) || !strings.Contains(message, tt.says) {
				t.Errorf("status %d: %s", a.status, a.raw)
			}
		})
	}
}

// Whatever a panic holds, neither the request's own token nor a secret of the
// configuration reaches the log.
func TestPanicHidesTheToken(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *server.Config) {
		c.Store = fakeStore{Store: c.Store, users: func() ([]identity.User, string, error) {
			panic(errors.New("cannot handle Authorization: Bearer " + guest + ", with s%33cret-of-the-file"))
		}}
		c.Secrets = redact.New("s3cret-of-the-file")
	})
	if a := h.api(guest, http.MethodGet, "/users", nil); a.status != http.StatusInternalServerError || strings.Contains(a.raw, guest) {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	if logs := h.logs.String(); strings.Contains(logs, guest) || !strings.Contains(logs, "cannot handle Authorization: Bearer [secret], with [secret]") {
		t.Errorf("the log:\n%s", logs)
	}
}
