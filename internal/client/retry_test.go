// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func status(code int, header ...string) answer {
	a := answer{status: code, body: "busy", header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		a.header[header[i]] = header[i+1]
	}
	return a
}

// first answers so, and from then on as the second says.
func first(n int, a, then answer) func(request) answer {
	return func(r request) answer {
		if r.n <= n {
			return a
		}
		return then
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	done := ok(symapi.Login{Org: "acme"})
	retryable := answer{status: 500, body: symapi.Error{IsError: true, Message: "m", Code: "Internal:ERROR", Retryable: true}}
	final := answer{status: 503, body: symapi.Error{IsError: true, Message: "the credential was rejected", Code: "Directory:DENIED"}}
	tests := map[string]struct {
		answer   func(request) answer
		retries  int
		attempts int
		fails    bool
		min, max time.Duration // that it takes
	}{
		"429":                   {first(1, status(429), done), 3, 2, false, 100 * time.Millisecond, time.Second},
		"502":                   {first(2, status(502), done), 3, 3, false, 300 * time.Millisecond, 2 * time.Second},
		"503":                   {first(1, status(503), done), 3, 2, false, 0, time.Second},
		"504":                   {first(1, status(504), done), 3, 2, false, 0, time.Second},
		"is_retryable":          {first(1, retryable, done), 3, 2, false, 0, time.Second},
		"none":                  {first(1, status(503), done), 0, 1, true, 0, 0},
		"too few":               {first(9, status(503), done), 3, 4, true, time.Second, 4 * time.Second},
		"cut short":             {first(1, answer{status: 200, header: map[string]string{"Content-Type": "application/json"}, body: `{"org":"ac}`}, done), 3, 2, false, 0, time.Second},
		"a page of a proxy":     {first(1, answer{status: 200, header: map[string]string{"Content-Type": "text/html"}, body: "<html>"}, done), 3, 1, true, 0, 0},
		"500 of a proxy":        {first(1, status(500), done), 3, 1, true, 0, 0},
		"400":                   {first(1, status(400), done), 3, 1, true, 0, 0},
		"503, never":            {first(1, final, done), 3, 1, true, 0, 0},
		"Retry-After seconds":   {first(1, status(429, "Retry-After", "7"), done), 3, 2, false, 7 * time.Second, 8 * time.Second},
		"Retry-After cap":       {first(1, status(503, "Retry-After", "86400"), done), 3, 2, false, 60 * time.Second, 61 * time.Second},
		"Retry-After date":      {first(1, status(503, "Date", "Mon, 02 Jan 2006 15:04:05 GMT", "Retry-After", "Mon, 02 Jan 2006 15:04:17 GMT"), done), 3, 2, false, 12 * time.Second, 13 * time.Second},
		"Retry-After old date":  {first(1, status(503, "Retry-After", "Mon, 02 Jan 1995 15:04:05 GMT"), done), 3, 2, false, 0, time.Second},
		"Retry-After far date":  {first(1, status(503, "Retry-After", "Mon, 02 Jan 2090 15:04:05 GMT"), done), 3, 2, false, 60 * time.Second, 61 * time.Second},
		"Retry-After nonsense":  {first(1, status(503, "Retry-After", "NaN"), done), 3, 2, false, 0, time.Second},
		"Retry-After once only": {func(r request) answer { return []answer{status(503, "Retry-After", "5"), status(503), done}[r.n-1] }, 3, 3, false, 5 * time.Second, 7 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: test.answer}
				start := time.Now()
				err := login(f.client(t, retries(test.retries)))
				took := time.Since(start)
				if (err != nil) != test.fails {
					t.Fatalf("got %v", err)
				}
				if len(f.seen) != test.attempts {
					t.Errorf("%d attempts, want %d", len(f.seen), test.attempts)
				}
				if took < test.min || took > test.max {
					t.Errorf("took %s, want %s to %s", took, test.min, test.max)
				}
				if err != nil && apiError(t, err).Attempts != test.attempts {
					t.Errorf("got %v", err)
				}
				for _, r := range f.seen {
					if r.header.Get(symapi.RequestIDHeader) != f.seen[0].header.Get(symapi.RequestIDHeader) {
						t.Error("a repetition has another request id")
					}
				}
			})
		})
	}
}

func TestRetryAfterDateByOwnClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	h := http.Header{"Retry-After": {now.Add(9 * time.Second).Format(http.TimeFormat)}}
	if got := retryAfter(h, now); got != 9*time.Second {
		t.Errorf("got %s", got)
	}
}

func TestCancelDuringBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(request) answer {
			return answer{status: 429, header: map[string]string{"Retry-After": "30"}, body: symapi.Error{Message: "slow down", Code: "Request:RATE_LIMITED"}}
		}}
		c := f.client(t, retries(5))
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		_, err := c.Login(ctx)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
		if !errors.Is(err, context.Canceled) || apiError(t, err).Attempts != 1 || !strings.Contains(err.Error(), "slow down") {
			t.Errorf("got %v", err)
		}
		wantCode(t, err, identity.CodeLimited)
	})
}

func TestCancelCause(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(request) answer { return status(500) }}
	why := errors.New("the operator pressed ^C")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	_, err := f.client(t).Login(ctx)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || apiError(t, err).Attempts != 0 {
		t.Errorf("got %v", err)
	}
	f.wantCalls(t)
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(request) answer { return ok(symapi.Login{Org: "acme"}) }}
		c := f.client(t, func(c *Config) { c.RequestsPerSecond = 2 })
		start := time.Now()
		for range 5 {
			if err := login(c); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("5 requests at 2 a second took %s", took)
		}
	})
}

// The API goes on reading a service's list after a timeout; all else that takes so
// long is not going to end.
func TestTimeoutWhileAListIsRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ask  func(*Client) error
		want int
	}{
		"accounts": {func(c *Client) error { _, err := c.Accounts(context.Background(), okta, ""); return err }, 3},
		"lookup":   {func(c *Client) error { _, err := c.Lookup(context.Background(), okta, emails(1), ""); return err }, 3},
		"status": {func(c *Client) error {
			_, err := c.Status(context.Background(), okta, accountQueries("a"), "")
			return err
		}, 3},
		"services": {func(c *Client) error { _, err := c.Services(context.Background()); return err }, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{answer: func(r request) answer {
				time.Sleep(DefaultTimeout + time.Second)
				return missing(r)
			}}
			err := test.ask(f.client(t, func(c *Config) { c.MaxRetries = 2 }))
			if e := apiError(t, err); e.Attempts != test.want || !strings.Contains(err.Error(), "did not answer within 30s") {
				t.Errorf("%s: %d attempts, want %d: %v", name, e.Attempts, test.want, err)
			}
			time.Sleep(DefaultTimeout)
		})
	}
}

func TestMaxConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(r request) answer {
			time.Sleep(time.Second)
			return ok(symapi.LookupReply{Results: notFound(decode[symapi.LookupRequest](t, r).Emails)})
		}}
		c := f.client(t, func(c *Config) { c.MaxConcurrency = 2 })
		start := time.Now()
		if _, err := c.Lookup(context.Background(), okta, emails(5*symapi.MaxBatch), ""); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("5 requests of 1 s, 2 at once, took %s", took)
		}
	})
}

// TestWritesAreRepeatedOnlyWhereItIsHarmless has a server that dies after each
// request.
func TestAssertionsOfUsersAreRepeated(t *testing.T) {
	t.Parallel()
	for revision, attempts := range map[int64]int{0: 1, 4: 3} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{answer: func(request) answer { return status(502) }}
			_, err := f.client(t, retries(2)).UpsertUser(context.Background(), UserWrite{ID: "u1", Name: "ada@example.com", IfRevision: revision})
			if got := apiError(t, err).Attempts; got != attempts {
				t.Errorf("if_revision %d: %d attempts, want %d", revision, got, attempts)
			}
		})
	}
}

func TestWritesAreRepeatedOnlyWhereItIsHarmless(t *testing.T) {
	t.Parallel()
	w := identity.Write{UserID: "u1", User: "ada@example.com", Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}}
	tests := map[string]struct {
		edit     func(*identity.Write)
		answer   answer
		attempts int
	}{
		"if_absent":          {func(w *identity.Write) { w.IfAbsent = true }, status(502), 3},
		"if_revision":        {func(w *identity.Write) { w.IfRevision = 4 }, status(502), 3},
		"automatic":          {func(w *identity.Write) { w.Source = identity.FromRule }, status(502), 3},
		"unconditional":      {func(*identity.Write) {}, status(502), 1},
		"only unclaimed":     {func(w *identity.Write) { w.IfUnclaimed = true }, status(502), 1},
		"unconditional, 429": {func(*identity.Write) {}, status(429), 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: func(r request) answer {
					if r.call == "POST users/search" {
						return ok(users())
					}
					return test.answer
				}}
				w := w
				test.edit(&w)
				_, err := f.client(t, retries(2)).Write(context.Background(), []identity.Write{w})
				if got := apiError(t, err).Attempts; got != test.attempts {
					t.Errorf("%d attempts, want %d", got, test.attempts)
				}
			})
		})
	}
}

func notFound(emails []string) []symapi.LookupResult {
	out := make([]symapi.LookupResult, len(emails))
	for i, e := range emails {
		out[i] = symapi.LookupResult{Email: e, Status: "not_found"}
	}
	return out
}

// A write whose answer does not say that it was refused may be stored; nobody
// may call it undone.
func TestMayBeStored(t *testing.T) {
	t.Parallel()
	write := func(ctx context.Context, c *Client) error {
		_, err := c.SetRole(ctx, "1", identity.Guest)
		return err
	}
	for status, want := range map[int]bool{400: false, 401: false, 403: false, 409: false, 429: false, 500: true, 502: true, 503: true, 200: true} {
		f := &fake{answer: func(request) answer { return answer{status: status, body: "<html>"} }}
		if err := write(t.Context(), f.client(t, retries(0))); apiError(t, err).MayBeStored != want {
			t.Errorf("status %d: %+v, want %v", status, apiError(t, err), want)
		}
		if status != http.StatusOK {
			if err := login(f.client(t, retries(0))); apiError(t, err).MayBeStored {
				t.Errorf("status %d: a read may be stored", status)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{answer: func(request) answer {
		cancel()
		time.Sleep(20 * time.Millisecond)
		return answer{status: 200, body: "{}"}
	}}
	if err := write(ctx, f.client(t, retries(0))); !apiError(t, err).MayBeStored {
		t.Errorf("given up while it was under way: %+v", apiError(t, err))
	}
	if err := write(ctx, f.client(t)); apiError(t, err).MayBeStored {
		t.Errorf("given up before: %+v", apiError(t, err))
	}
	n := 0
	f = &fake{answer: func(request) answer {
		if n++; n == 1 {
			return answer{status: 503, body: symapi.Error{IsError: true, Message: "later", Code: string(identity.CodeUnavailable), Retryable: true}}
		}
		return coded(403, identity.CodeForbidden, "no")
	}}
	_, err := f.client(t, retries(1)).CreateService(t.Context(), okta, "Okta") // which is repeated
	if n != 2 || !apiError(t, err).MayBeStored {
		t.Errorf("after %d attempts: %+v", n, apiError(t, err))
	}
	n = 0
	if err := write(t.Context(), f.client(t, retries(1))); n != 1 || !apiError(t, err).MayBeStored {
		t.Errorf("a role was set %d times, which may undo what somebody else set: %+v", n, apiError(t, err))
	}
	for revision, times := range map[int64]int{0: 1, 7: 2} {
		n = 0
		if _, err := f.client(t, retries(1)).UpdateService(t.Context(), okta, "Okta", revision); n != times || !apiError(t, err).MayBeStored {
			t.Errorf("a label was set %d times over revision %d: %+v", n, revision, apiError(t, err))
		}
	}
}
