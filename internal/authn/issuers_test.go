// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// clock is time that tests move on. Tokens are made with the real time, so
// each test says how long its tokens live.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

func tokenFor(t *testing.T, issuer *authntest.Issuer) string {
	t.Helper()
	return issuer.Sign(t, issuer.Claims("sym", map[string]any{"repository": "acme/infra", "exp": time.Now().Add(24 * time.Hour).Unix()}))
}

func TestKeysAreKept(t *testing.T) {
	t.Parallel()
	issuer, c := authntest.Start(t), &clock{}
	a := authenticator(c.now, trust(issuer))
	token := tokenFor(t, issuer)
	for range 50 {
		if _, err := a.Authenticate(with(token)); err != nil {
			t.Fatal(err)
		}
	}
	if n := issuer.Asked(); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	issuer, c := authntest.Start(t), &clock{}
	a := authenticator(c.now, trust(issuer))
	old := tokenFor(t, issuer)
	if _, err := a.Authenticate(with(old)); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate(t, "second")
	c.pass(15 * time.Second)
	if _, err := a.Authenticate(with(tokenFor(t, issuer))); err != nil {
		t.Errorf("the new key is not accepted: %v", err)
	}
	p, err := a.Authenticate(with(old))
	refused(t, p, err, identity.CodeUnauthenticated, "key")
	if n := issuer.Asked(); n != 2 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

// A key that was withdrawn stops to count, though no token named a new one.
func TestWithdrawnKey(t *testing.T) {
	t.Parallel()
	issuer, c := authntest.Start(t), &clock{}
	a := authenticator(c.now, trust(issuer))
	old := tokenFor(t, issuer)
	if _, err := a.Authenticate(with(old)); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate(t, "second")
	c.pass(11 * time.Minute)
	p, err := a.Authenticate(with(old))
	refused(t, p, err, identity.CodeUnauthenticated, "key")
}

// Tokens with made-up key ids do not make the server hammer the issuer.
func TestUnknownKeysAreAskedForSeldom(t *testing.T) {
	t.Parallel()
	issuer, evil, c := authntest.Start(t), authntest.Start(t), &clock{}
	a := authenticator(c.now, trust(issuer))
	good := tokenFor(t, issuer)
	evil.URL = issuer.URL
	for n := range 100 {
		evil.Rotate(t, fmt.Sprint("made up ", n))
		p, err := a.Authenticate(with(tokenFor(t, evil)))
		refused(t, p, err, identity.CodeUnauthenticated, "")
	}
	if _, err := a.Authenticate(with(good)); err != nil {
		t.Error(err)
	}
	if n := issuer.Asked(); n > 2 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

func TestIssuerDown(t *testing.T) {
	t.Parallel()
	issuer, c := authntest.Start(t), &clock{}
	token := tokenFor(t, issuer)
	issuer.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
	a := authenticator(c.now, trust(issuer))
	unavailable := func(what string) {
		t.Helper()
		p, err := a.Authenticate(with(token))
		refused(t, p, err, identity.CodeAuthUnavailable, "cannot be fetched")
		if !identity.AsError(err).Retryable {
			t.Errorf("%s: it may pass, but the error does not say so", what)
		}
	}
	unavailable("at the start")
	issuer.Answer(nil)
	unavailable("a moment later, without asking again")
	c.pass(11 * time.Second)
	if _, err := a.Authenticate(with(token)); err != nil {
		t.Fatalf("it answers again: %v", err)
	}
	issuer.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
	c.pass(30 * time.Minute)
	if _, err := a.Authenticate(with(token)); err != nil {
		t.Errorf("known keys count for an hour: %v", err)
	}
	c.pass(time.Hour)
	unavailable("after the hour")
}

func TestBadIssuers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(issuer *authntest.Issuer) http.HandlerFunc{
		"another issuer": func(*authntest.Issuer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, `{"issuer":"https://evil.example","jwks_uri":"https://evil.example/keys"}`)
			}
		},
		"keys over http elsewhere": func(i *authntest.Issuer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"http://issuer.example.com/keys"}`, i.URL)
			}
		},
		"redirect to another host": func(i *authntest.Issuer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, strings.Replace(i.URL, "127.0.0.1", "localhost", 1)+r.URL.Path, http.StatusFound)
			}
		},
		"endless": func(*authntest.Issuer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				for range 64 {
					fmt.Fprint(w, strings.Repeat(" ", 64<<10))
				}
			}
		},
		"no keys": func(i *authntest.Issuer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"keys":[]}`, i.URL, i.URL+"/keys")
			}
		},
		"page": func(*authntest.Issuer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>maintenance</html>") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := authntest.Start(t)
			token := tokenFor(t, issuer)
			issuer.Answer(answer(issuer))
			p, err := authenticator(nil, trust(issuer)).Authenticate(with(token))
			refused(t, p, err, identity.CodeAuthUnavailable, "cannot be fetched")
			if cause := identity.AsError(err).Cause; cause == nil || len(cause.Error()) > 500 {
				t.Errorf("the log would say: %v", cause)
			}
			if err := trust(issuer).Issuer.Check(t.Context()); err == nil {
				t.Error("the check found nothing")
			}
		})
	}
}

// Many tokens at once cause one request, and a slow issuer holds few of them.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	issuer := authntest.Start(t)
	token := tokenFor(t, issuer)
	release := make(chan struct{})
	issuer.Answer(func(w http.ResponseWriter, _ *http.Request) { <-release; http.Error(w, "late", http.StatusBadGateway) })
	a := authenticator(nil, trust(issuer))
	var wg sync.WaitGroup
	var turnedAway, others atomic.Int32
	for range 200 {
		wg.Go(func() {
			_, err := a.Authenticate(with(token))
			cause := identity.AsError(err).Cause
			if cause != nil && strings.Contains(cause.Error(), "requests wait") {
				turnedAway.Add(1)
				return
			}
			others.Add(1)
		})
	}
	for deadline := time.Now().Add(10 * time.Minute); turnedAway.Load() < 136 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	if turnedAway.Load() != 136 || others.Load() != 64 {
		t.Errorf("%d were turned away at once, %d waited", turnedAway.Load(), others.Load())
	}
}
