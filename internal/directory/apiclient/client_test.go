// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// client talks to h, with a clock that does not take time and no jitter.
func client(t *testing.T, h http.HandlerFunc, change func(*apiclient.Config)) (*apiclient.Client, *directorytest.Clock) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	clock := directorytest.NewClock()
	cfg := apiclient.Config{Settings: apiclient.Settings{BaseURL: server.URL + "/api/", AllowHTTP: true, Clock: clock}, Jitter: func(d time.Duration) time.Duration { return d }}
	if change != nil {
		change(&cfg)
	}
	c, err := apiclient.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, clock
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var got http.Request
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		got = *r
		_, _ = io.WriteString(w, "\ufeff"+`{"n":10000000}`) // with a byte order mark, as servers of .NET send it
	}, func(c *apiclient.Config) {
		c.Auth = func(h http.Header) { h.Set("Authorization", "Bearer abc") }
		c.Header = http.Header{"Accept": {"application/scim+json"}}
	})
	var into any
	if _, err := get(t, c, apiclient.Request{Path: "/users/" + url.PathEscape("a/b"), Query: url.Values{"q": {"a+b@example.com"}}}, &into); err != nil {
		t.Fatal(err)
	}
	if want := "/api/users/a%2Fb?q=a%2Bb%40example.com"; got.RequestURI != want {
		t.Errorf("asked for %s, want %s", got.RequestURI, want)
	}
	for name, want := range map[string]string{"Authorization": "Bearer abc", "Accept": "application/scim+json", "User-Agent": apiclient.DefaultUserAgent} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if text := fmt.Sprint(into); text != "map[n:10000000]" {
		t.Errorf("decoded %s", text)
	}
}

func TestStatusClasses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{
		400: directory.ErrRefused, 401: directory.ErrCredential, 403: directory.ErrPermission, 404: directory.ErrRefused,
		405: directory.ErrRefused, 408: directory.ErrUnavailable, 304: directory.ErrRefused, 500: directory.ErrUnavailable,
		501: directory.ErrUnavailable, 503: directory.ErrUnavailable,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				if status >= 400 {
					_, _ = io.WriteString(w, `{"error":"the reason"}`)
				}
			}, nil)
			_, err := c.Do(t.Context(), apiclient.Request{Path: "/x"})
			var e *apiclient.StatusError
			if !errors.Is(err, want) || !errors.As(err, &e) || e.Status != status {
				t.Fatalf("Do: %v, want %v", err, want)
			}
			var body struct{ Error string }
			if status >= 400 && (!strings.Contains(err.Error(), "the reason") || e.JSON(&body) != nil || body.Error != "the reason") {
				t.Errorf("Do: %v (body %+v), want the service's reason", err, body)
			}
		})
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	type request = apiclient.Request
	for name, tc := range map[string]struct {
		status     int
		retryAfter string
		request    request
		change     func(*apiclient.Config)
		attempts   int64
		slept      time.Duration
	}{
		"500 backs off":             {status: 500, attempts: 4, slept: 3500 * time.Millisecond},
		"429 without a wait":        {status: 429, attempts: 4, slept: 3500 * time.Millisecond},
		"429 with seconds":          {status: 429, retryAfter: "2", attempts: 4, slept: 6 * time.Second},
		"429 with a date":           {status: 429, retryAfter: "Fri, 02 Jan 2026 03:04:15 GMT", attempts: 4, slept: 13 * time.Second},
		"429 with a long wait":      {status: 429, retryAfter: "31", attempts: 1},
		"429 without sense":         {status: 429, retryAfter: "soon", attempts: 4, slept: 3500 * time.Millisecond},
		"503 without a wait":        {status: 503, attempts: 4, slept: 3500 * time.Millisecond},
		"503 with seconds":          {status: 503, retryAfter: "6", attempts: 4, slept: 18 * time.Second},
		"503 with a long wait":      {status: 503, retryAfter: "31", attempts: 1},
		"503 without sense":         {status: 503, retryAfter: "soon", attempts: 4, slept: 3500 * time.Millisecond},
		"403 with seconds":          {status: 403, retryAfter: "2", attempts: 4, slept: 6 * time.Second},
		"403 is final":              {status: 403, attempts: 1},
		"404 is final":              {status: 404, attempts: 1},
		"401 is final":              {status: 401, attempts: 1},
		"501 is final":              {status: 501, attempts: 1},
		"POST is sent once":         {status: 500, request: request{Method: http.MethodPost}, attempts: 1},
		"a POST that may be resent": {status: 500, request: request{Method: http.MethodPost, Repeatable: true}, attempts: 4, slept: 3500 * time.Millisecond},
		"no retries":                {status: 500, change: func(c *apiclient.Config) { c.Retries = -1 }, attempts: 1},
		"waits are capped":          {status: 500, change: func(c *apiclient.Config) { c.MaxWait = time.Second }, attempts: 4, slept: 2500 * time.Millisecond},
		"a header of the service":   {status: 429, change: func(c *apiclient.Config) { c.RetryAfter = fiveSeconds }, attempts: 4, slept: 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var attempts atomic.Int64
			c, clock := client(t, func(w http.ResponseWriter, _ *http.Request) {
				attempts.Add(1)
				w.Header()["Date"] = nil // the test's clock is not the server's
				if tc.retryAfter != "" {
					w.Header().Set("Retry-After", tc.retryAfter)
				}
				w.WriteHeader(tc.status)
			}, tc.change)
			if _, err := c.Do(t.Context(), tc.request); err == nil {
				t.Error("want an error")
			}
			if attempts.Load() != tc.attempts || clock.Slept() != tc.slept {
				t.Errorf("%d attempts, %s slept; want %d and %s", attempts.Load(), clock.Slept(), tc.attempts, tc.slept)
			}
		})
	}
}

func fiveSeconds(http.Header, time.Time) (time.Duration, bool) { return 5 * time.Second, true }

// A pause that the service asks one caller for holds for all of them.
func TestPauseIsShared(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int64
	c, clock := client(t, func(w http.ResponseWriter, _ *http.Request) {
		if attempts.Add(1) == 1 {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}, nil)
	for range 2 {
		var limit *directory.RateLimitError
		if _, err := c.Do(t.Context(), apiclient.Request{}); !errors.As(err, &limit) || limit.RetryAfter != time.Minute {
			t.Fatalf("Do: %v, want a wait of a minute", err)
		}
	}
	if n := attempts.Load(); n != 1 {
		t.Errorf("%d requests during the pause", n)
	}
	if err := clock.Sleep(t.Context(), 45*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), apiclient.Request{}); err != nil || clock.Slept() != time.Minute {
		t.Errorf("Do: %v after %s, want success after a minute", err, clock.Slept())
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	c, clock := client(t, func(http.ResponseWriter, *http.Request) {}, func(c *apiclient.Config) { c.Every, c.Burst = time.Second, 2 })
	for range 5 {
		if _, err := c.Do(t.Context(), apiclient.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if clock.Slept() != 3*time.Second {
		t.Errorf("5 requests took %s, want 3s after a burst of 2", clock.Slept())
	}
}

func TestInFlight(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	var mu sync.Mutex
	c, _ := client(t, func(http.ResponseWriter, *http.Request) {
		n := now.Add(1)
		mu.Lock()
		most.Store(max(most.Load(), n))
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
	}, func(c *apiclient.Config) { c.MaxInFlight = 3 })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := c.Do(t.Context(), apiclient.Request{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := most.Load(); n > 3 {
		t.Errorf("%d requests at once, want at most 3", n)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int64
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if attempts.Add(1) == 1 {
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, `{}`)
	}, func(c *apiclient.Config) { c.Timeout = 2 * time.Second })
	if _, err := c.Do(t.Context(), apiclient.Request{}); err != nil || attempts.Load() != 2 {
		t.Errorf("Do: %v after %d attempts, want success with the second", err, attempts.Load())
	}
}

func TestTimeoutAlways(t *testing.T) {
	t.Parallel()
	c, _ := client(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		func(c *apiclient.Config) { c.Timeout, c.Retries = 20*time.Millisecond, 1 })
	_, err := c.Do(t.Context(), apiclient.Request{})
	if !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Errorf("Do: %v, want ErrUnavailable with the time waited", err)
	}
}

func TestCancelDuringWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		func(c *apiclient.Config) {
			c.Clock = sleeper(func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() })
		})
	if _, err := c.Do(ctx, apiclient.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Do: %v, want context.Canceled", err)
	}
}

type sleeper func(context.Context) error

func (sleeper) Now() time.Time                                     { return time.Unix(0, 0) }
func (s sleeper) Sleep(ctx context.Context, _ time.Duration) error { return s(ctx) }

func TestBodies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body, want string // want "" = decoded
	}{
		"good":         {`{"a":1}`, ""},
		"empty":        {"", "it is empty"},
		"HTML":         {"\n<html><body>secret plans</body></html>", "it is an HTML page"},
		"cut off":      {`{"a":1`, "its JSON is cut off"},
		"two values":   {`{"a":1}{}`, "there is more after the JSON"},
		"another type": {`{"a":"x"}`, `its JSON has another type than expected at "a"`},
		"no JSON":      {"maintenance\u0007 until\n noon", "it is not the JSON expected (status 200, content type \"text/plain; charset=utf-8\"): maintenance until noon"},
		"very large":   {`"` + strings.Repeat("x", 2000) + `"`, "its answer is larger than 1000 bytes"},
		"long excerpt": {strings.Repeat("é", 300), strings.Repeat("é", 160) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				_, _ = io.WriteString(w, tc.body)
			}, func(c *apiclient.Config) { c.MaxBody = 1000 })
			var into struct {
				A int `json:"a"`
			}
			_, err := get(t, c, apiclient.Request{}, &into)
			if tc.want == "" {
				if err != nil || into.A != 1 {
					t.Errorf("Get: %+v, %v", into, err)
				}
				return
			}
			if !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret plans") {
				t.Errorf("Get: %v\nwant ErrUnavailable with %q", err, tc.want)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for name, tc := range map[string]struct {
		to   string
		fail bool
	}{
		"same host":  {"/api/there", false},
		"other host": {other.URL + "/api/there", true},
		"loop":       {"/api/here", true},
		"downgrade":  {"ftp://example.com/", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, clock := client(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/here" {
					http.Redirect(w, r, tc.to, http.StatusFound)
				}
			}, nil)
			_, err := c.Do(t.Context(), apiclient.Request{Path: "/here"})
			if (err != nil) != tc.fail || tc.fail && !errors.Is(err, directory.ErrUnavailable) || clock.Slept() > 0 {
				t.Errorf("Do: %v after %s, want failure %t without a retry", err, clock.Slept(), tc.fail)
			}
		})
	}
}

// The address of a next page is followed only to the service's own host.
func TestAbsoluteURL(t *testing.T) {
	t.Parallel()
	var server string
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) },
		func(c *apiclient.Config) { server = strings.TrimSuffix(c.BaseURL, "/api/") })
	resp, err := c.Do(t.Context(), apiclient.Request{URL: server + "/next?cursor=a%2Fb"})
	if err != nil || string(resp.Body) != "/next?cursor=a%2Fb" {
		t.Errorf("Do: %v, %v", resp, err)
	}
	for _, next := range []string{"https://example.com/next", strings.Replace(server, "http", "https", 1) + "/next", "://",
		strings.Replace(server, "://", "://me:pass@", 1), "/next"} {
		if _, err := c.Do(t.Context(), apiclient.Request{URL: next}); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("Do(%s): %v, want ErrUnavailable", next, err)
		}
	}
}

// Errors name the path, never the query.
func TestErrorsHideTheQuery(t *testing.T) {
	t.Parallel()
	c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	}, nil)
	_, err := get(t, c, apiclient.Request{Path: "/users", Query: url.Values{"key": {"hunter22"}}}, new(any))
	if !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "/api/users") || strings.Contains(err.Error(), "hunter22") {
		t.Errorf("Get: %v, want ErrUnavailable with the path and without the query", err)
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "http://example.com", "ftp://example.com", "example.com", "https://", "https://u:hunter22@example.com",
		"https://example.com/?k=hunter22", "https://example.com/#f", "https://exa mple.com/hunter22"} {
		if _, err := apiclient.New(apiclient.Config{Settings: apiclient.Settings{BaseURL: base}}); err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("New(%q): %v, want an error without the password", base, err)
		}
	}
}

// get sends a request and decodes the JSON of its answer.
func get(t *testing.T, c *apiclient.Client, r apiclient.Request, into any) (*apiclient.Response, error) {
	t.Helper()
	resp, err := c.Do(t.Context(), r)
	if err != nil {
		return nil, err
	}
	return resp, resp.JSON(into)
}
