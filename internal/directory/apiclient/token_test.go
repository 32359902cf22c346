// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// A token serves until shortly before its end; one that is rejected is renewed
// once, and a fresh one that is rejected is a bad credential.
func TestBearer(t *testing.T) {
	t.Parallel()
	clock := directorytest.NewClock()
	fetched, good := 0, "t1"
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+good {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "no: "+r.Header.Get("Authorization"))
		}
	}, func(c *apiclient.Config) {
		c.Clock = clock
		c.Bearer = func(context.Context) (apiclient.AccessToken, error) {
			fetched++
			return apiclient.AccessToken{Value: "t" + strconv.Itoa(fetched), Expires: clock.Now().Add(time.Hour)}, nil
		}
	})
	ask := func() error { _, err := c.Do(t.Context(), apiclient.Request{}); return err }
	step := func(what string, err error, wantFetched int, want error) {
		t.Helper()
		if !errors.Is(err, want) || (err == nil) != (want == nil) || fetched != wantFetched {
			t.Errorf("%s: %v after %d tokens, want %v after %d", what, err, fetched, want, wantFetched)
		}
	}
	step("first", ask(), 1, nil)
	step("again", ask(), 1, nil)
	good = "t2"
	step("revoked", ask(), 2, nil)
	_ = clock.Sleep(t.Context(), 59*time.Minute+30*time.Second)
	good = "t3"
	step("about to expire", ask(), 3, nil)
	good = "never"
	step("renewed for nothing", ask(), 4, directory.ErrCredential)
}

func TestFetchToken(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		want   error
		life   time.Duration
	}{
		"good":           {200, `{"access_token":"abc","expires_in":3600}`, nil, time.Hour},
		"no life":        {200, `{"access_token":"abc"}`, nil, 0},
		"no token":       {200, `{"token_type":"Bearer"}`, directory.ErrUnavailable, 0},
		"cut off":        {200, `{"access_token":"hunter22`, directory.ErrUnavailable, 0},
		"invalid client": {400, `{"error":"invalid_client","error_description":"hunter22"}`, directory.ErrCredential, 0},
		"no grant":       {400, `{"error":"unauthorized_client","error_description":"hunter22"}`, directory.ErrPermission, 0},
		"no delegation":  {401, `{"error":"unauthorized_client","error_description":"hunter22"}`, directory.ErrPermission, 0},
		"wrong secret":   {401, `{"error":"access_denied"}`, directory.ErrCredential, 0},
		"busy":           {400, `{"error":"temporarily_unavailable"}`, directory.ErrUnavailable, 0},
		"other refusal":  {400, `{"error":"invalid_scope"}`, directory.ErrRefused, 0},
		"not found":      {404, ``, directory.ErrRefused, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, clock := client(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.FormValue("grant_type") != "client_credentials" {
					t.Errorf("%s with %q", r.Method, r.Form)
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}, nil)
			got, err := c.FetchToken(t.Context(), apiclient.Form("/token", url.Values{"grant_type": {"client_credentials"}}))
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) || err != nil && strings.Contains(err.Error(), "hunter22") {
				t.Fatalf("FetchToken: %v, want %v, without the answer", err, tc.want)
			}
			if errors.Is(tc.want, directory.ErrPermission) && errors.Is(err, directory.ErrCredential) {
				t.Errorf("FetchToken: %v, which also asks to renew the credential", err)
			}
			if tc.life > 0 && got.Expires.Sub(clock.Now()) != tc.life || tc.life == 0 && !got.Expires.IsZero() {
				t.Errorf("it expires at %s", got.Expires)
			}
		})
	}
}

func TestLimited(t *testing.T) {
	t.Parallel()
	n := 0
	c, clock := client(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n == 1 {
			w.Header().Set("Retry-After", "5")
			_, _ = io.WriteString(w, "slow down")
		}
	}, func(c *apiclient.Config) {
		c.Limited = func(status int, _ http.Header, body []byte) bool { return status == 200 && string(body) == "slow down" }
	})
	if _, err := c.Do(t.Context(), apiclient.Request{}); err != nil || n != 2 || clock.Slept() < 5*time.Second {
		t.Errorf("Do: %v after %d requests and %s", err, n, clock.Slept())
	}
}

func TestResets(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	for name, tc := range map[string]struct {
		read func(http.Header, time.Time) (time.Duration, bool)
		h    http.Header
		want string
	}{
		"in":                {apiclient.ResetIn("X-Reset"), header("X-Reset", "9"), "9s true"},
		"in, Retry-After":   {apiclient.ResetIn("X-Reset"), header("X-Reset", "9", "Retry-After", "3"), "3s true"},
		"in, nothing":       {apiclient.ResetIn("X-Reset"), header(), "0s false"},
		"at":                {apiclient.ResetAt("X-Reset"), header("X-Reset", fmt.Sprint(now.Unix()+9)), "10s true"},
		"at, their clock":   {apiclient.ResetAt("X-Reset"), header("X-Reset", fmt.Sprint(now.Unix()+3609), "Date", now.Add(time.Hour).Format(http.TimeFormat)), "10s true"},
		"at, in the past":   {apiclient.ResetAt("X-Reset"), header("X-Reset", fmt.Sprint(now.Unix()-9)), "0s true"},
		"at, far away":      {apiclient.ResetAt("X-Reset"), header("X-Reset", "9223372036854775807"), "8760h0m0s true"},
		"at, no number":     {apiclient.ResetAt("X-Reset"), header("X-Reset", "soon"), "0s false"},
		"at, Retry-After 0": {apiclient.ResetAt("X-Reset"), header("X-Reset", "9", "Retry-After", "0"), "0s true"},
	} {
		if wait, told := tc.read(tc.h, now); fmt.Sprint(wait, told) != tc.want {
			t.Errorf("%s: %s %t, want %s", name, wait, told, tc.want)
		}
	}
}

func TestNextLink(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]string{
		``:                          "",
		`<https://x/1>; rel="self"`: "",
		`<https://x/2>; rel="next"`: "https://x/2",
		`<https://x/1>; rel=prev, <https://x/3,4;5>; title="a"; rel=next`: "https://x/3,4;5",
		`<https://x/2; rel="next"`:                                        "",
		`garbage`:                                                         "",
	} {
		if got := apiclient.NextLink(http.Header{"Link": {link}}); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
	if got := apiclient.NextLink(http.Header{"Link": {`<a>; rel="self"`, `<b>; rel="next"`}}); got != "b" {
		t.Errorf("two headers: %q", got)
	}
}
