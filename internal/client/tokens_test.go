// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestFileToken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	token := FileToken(path)
	get := func() string {
		t.Helper()
		got, err := token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if _, err := token(t.Context()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing: %v", err)
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("  one\r\n")
	if got := get(); got != "one" {
		t.Errorf("got %q", got)
	}
	write("  two\r\n") // of the same size, and perhaps of the same time
	if got := get(); got != "two" {
		t.Errorf("renewed: %q", got)
	}
	write(" \n")
	if _, err := token(t.Context()); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("empty: %v", err)
	}
	write("secret" + strings.Repeat("x", maxTokenFile))
	if _, err := token(t.Context()); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "larger") {
		t.Error("a file of more than 1 MiB is not refused well")
	}
	if _, err := FileToken(t.TempDir())(t.Context()); err == nil {
		t.Error("a folder is a token")
	}
}

func TestSymflowLogin(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		content string
		want    Login
		err     string
	}{
		"full":          {"auth_token:\n  access_token: secret.jwt\n  refresh_token: r\n  expires_in: 86400\nemail: ada@example.com\norg: acme\n", Login{"secret.jwt", "acme"}, ""},
		"older":         {"auth_token: {access_token: secret.jwt}\norg: {slug: acme, client_id: c}\n", Login{"secret.jwt", "acme"}, ""},
		"logged out":    {"email: ada@example.com\n", Login{}, "run symflow login"},
		"empty":         {"", Login{}, "run symflow login"},
		"no text":       {"auth_token: {access_token: [secret]}\n", Login{}, "run symflow login"},
		"no mapping":    {"secret", Login{}, "not a YAML mapping"},
		"broken":        {"auth_token: secret: x\n", Login{}, "not a YAML mapping"},
		"unknown alias": {"auth_token: *secret\n", Login{}, "not a YAML mapping"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "config.yml")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := SymflowLogin(path)
			if got != test.want {
				t.Errorf("got %+v", got)
			}
			switch {
			case test.err == "" && err != nil:
				t.Error(err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "secret")):
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := SymflowLogin(filepath.Join(t.TempDir(), "none.yml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

const (
	actionsURL   = "https://actions.example.com/token?api-version=2"
	actionsGrant = "grant-" + testToken
)

// jwtFor is a token that nobody has signed.
func jwtFor(aud any, expires time.Time) string {
	claims, _ := json.Marshal(map[string]any{"aud": aud, "exp": expires.Unix(), "jti": expires.UnixNano()})
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc(claims) + "." + enc([]byte("signature"))
}

// github answers as GitHub does, with tokens that live five minutes.
func github200(req *http.Request) string {
	return fmt.Sprintf(`{"count":1,"value":%q}`, jwtFor(req.URL.Query().Get("audience"), time.Now().Add(5*time.Minute)))
}

func answering(asked *int, answer func(n int, req *http.Request) (int, string, error)) http.RoundTripper {
	var mu sync.Mutex
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		mu.Lock()
		*asked++
		n := *asked
		mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		status, body, err := answer(n, req)
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: req}, nil
	})
}

// TestActionsToken: many ask, one request is sent, and the next before the
// token expires.
func TestActionsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked int
		get, err := ActionsToken(actionsURL, actionsGrant, "sym", answering(&asked, func(_ int, req *http.Request) (int, string, error) {
			q := req.URL.Query()
			if req.Header.Get("Authorization") != "Bearer "+actionsGrant || q.Get("audience") != "sym" || q.Get("api-version") != "2" {
				t.Errorf("asked %s", req.URL)
			}
			return 200, github200(req), nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		var tokens [20]string
		var wg sync.WaitGroup
		for i := range tokens {
			wg.Go(func() { tokens[i], _ = get(t.Context()) }) // "" after an error
		}
		wg.Wait()
		for _, token := range tokens {
			if token != tokens[0] || token == "" || asked != 1 {
				t.Fatalf("%d requests gave %q", asked, tokens)
			}
		}
		time.Sleep(3*time.Minute + 58*time.Second)
		if again, _ := get(t.Context()); again != tokens[0] || asked != 1 {
			t.Errorf("the token was not kept: %d requests", asked)
		}
		time.Sleep(3 * time.Second)
		if again, err := get(t.Context()); again == tokens[0] || asked != 2 || err != nil {
			t.Errorf("the token was not renewed in time: %d requests, %v", asked, err)
		}
	})
}

func TestActionsToken_failures(t *testing.T) {
	t.Parallel()
	ok := func(req *http.Request) (int, string, error) { return 200, github200(req), nil }
	tests := map[string]struct {
		answer func(n int, req *http.Request) (int, string, error)
		asked  int
		want   string // "" = it succeeds in the end
	}{
		"passing outage": {func(n int, req *http.Request) (int, string, error) {
			if n < 3 {
				return 503, "<html>", nil
			}
			return ok(req)
		}, 3, ""},
		"broken connection": {func(n int, req *http.Request) (int, string, error) {
			if n == 1 {
				return 0, "", errors.New("reset " + actionsGrant)
			}
			return ok(req)
		}, 2, ""},
		"outage":   {func(int, *http.Request) (int, string, error) { return 0, "", errors.New("reset " + actionsGrant) }, 4, "reset [secret]"},
		"denied":   {func(int, *http.Request) (int, string, error) { return 403, actionsGrant, nil }, 1, "it answered 403"},
		"redirect": {func(int, *http.Request) (int, string, error) { return 302, "", nil }, 1, "it answered 302"},
		"no JSON":  {func(int, *http.Request) (int, string, error) { return 200, actionsGrant, nil }, 1, "holds no token"},
		"empty":    {func(int, *http.Request) (int, string, error) { return 200, `{"value":""}`, nil }, 1, "holds no token"},
		"another audience": {func(int, *http.Request) (int, string, error) {
			return 200, fmt.Sprintf(`{"value":%q}`, jwtFor("https://github.com/acme", time.Now().Add(time.Hour))), nil
		}, 1, `another audience than "sym"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked int
				get, err := ActionsToken(actionsURL, actionsGrant, "sym", answering(&asked, test.answer))
				if err != nil {
					t.Fatal(err)
				}
				token, err := get(context.Background())
				if asked != test.asked {
					t.Errorf("%d requests, want %d", asked, test.asked)
				}
				switch {
				case test.want == "" && (err != nil || token == ""):
					t.Errorf("got %q, %v", token, err)
				case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
					t.Errorf("got %v, want %q", err, test.want)
				}
				if err != nil {
					checkNoToken(t, err)
				}
			})
		})
	}
}

func TestActionsToken_cancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked int
		get, err := ActionsToken(actionsURL, actionsGrant, "sym", answering(&asked, func(int, *http.Request) (int, string, error) { return 503, "", nil }))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := get(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 100*time.Millisecond {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
	})
}

func TestActionsToken_refuses(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "actions.example.com", "http://actions.example.com/x", "https://user:" + testToken + "@actions.example.com", "file:///etc/passwd"} {
		if _, err := ActionsToken(u, actionsGrant, "sym", nil); err == nil || strings.Contains(err.Error(), testToken) {
			t.Errorf("%s: %v", u, err)
		}
	}
	if _, err := ActionsToken(actionsURL, "", "sym", nil); err == nil {
		t.Error("it needs ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	}
}

func TestCheckAudience(t *testing.T) {
	t.Parallel()
	soon, past := time.Now().Add(time.Minute), time.Now().Add(-time.Minute)
	for name, test := range map[string]struct{ token, want string }{
		"one":              {jwtFor("sym", soon), ""},
		"among others":     {jwtFor([]string{"vault", "sym"}, soon), ""},
		"another":          {jwtFor("vault", soon), "another audience"},
		"others":           {jwtFor([]string{"vault", "aws"}, soon), "another audience"},
		"none":             {jwtFor(nil, soon), "another audience"},
		"number":           {jwtFor(7, soon), "cannot be read"},
		"expired":          {jwtFor("sym", past), "expired"},
		"not a JWT":        {testToken, "not a JWT"},
		"not base64":       {"a.%%%.c", "not a JWT"},
		"claims not JSON":  {"a.aGVsbG8.c", "cannot be read"},
		"prefix of it":     {jwtFor("symX", soon), "another audience"},
		"other upper case": {jwtFor("SYM", soon), "another audience"},
	} {
		_, err := CheckAudience(test.token, "sym")
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), test.token) {
			t.Errorf("%s: the token shows in %v", name, err)
		}
	}
}
