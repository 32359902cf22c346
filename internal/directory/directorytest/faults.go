// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func testUnauthorized(tr *trial) {
	err := tr.wantError(status(http.StatusUnauthorized), is(directory.ErrCredential), "ErrCredential")
	tr.code(err, identity.CodeDirectoryDenied)
}

func testForbidden(tr *trial) {
	err := tr.wantError(status(http.StatusForbidden), is(directory.ErrPermission), "ErrPermission")
	tr.code(err, identity.CodeDirectoryDenied)
}

func testCollectionGone(tr *trial) {
	err := tr.wantError(status(http.StatusNotFound), func(error) bool { return true }, "any")
	tr.code(err, identity.CodeDirectoryFailed)
}

func testFailsOnce(tr *trial) {
	tr.want(tr.one(), func(n int, w http.ResponseWriter, r *http.Request, fake http.Handler) {
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		fake.ServeHTTP(w, r)
	}, ann, identity.Found, tr.subject.id(1))
	if tr.clock.Slept() == 0 {
		tr.Error("the second attempt came at once; want a pause before it")
	}
}

func testFailsAlways(tr *trial) {
	err := tr.wantError(status(http.StatusBadGateway), is(directory.ErrUnavailable), "ErrUnavailable")
	if e := identity.AsError(err); !e.Retryable {
		tr.Errorf("Lookup: %v, want it retryable", err)
	}
}

func testHTMLBody(tr *trial) {
	tr.unavailable("text/html; charset=utf-8", "<!DOCTYPE html>\n<html><body>Sign in, please</body></html>")
}

func testOtherJSON(tr *trial) {
	for _, body := range []string{`""`, `[[]]`, `3`, ``, `{"message":"refused for the test"}`} {
		tr.unavailable("application/json", body)
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// code expects the error's code on the wire.
func (tr *trial) code(err error, want identity.Code) {
	tr.Helper()
	if got := identity.CodeOf(err); got != want {
		tr.Errorf("Lookup: code %s, want %s", got, want)
	}
}

// status answers every request with a status and a body of JSON.
func status(code int) fault {
	return func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		send(w, code, "application/json", `{"message":"refused for the test"}`)
	}
}

func send(w http.ResponseWriter, code int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body))
}

// unavailable expects an answer with status 200 that cannot be meant to be
// called just that: neither "not found" nor a match comes out of it.
func (tr *trial) unavailable(contentType, body string) {
	tr.Helper()
	answer := func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		send(w, http.StatusOK, contentType, body)
	}
	answers, err := tr.lookup(tr.Context(), tr.one(), answer, ann)
	switch {
	case err == nil && (len(answers) != 1 || answers[0].Status != identity.Failed):
		tr.Errorf("Lookup with the answer %q = %+v, want a failure", body, answers)
	case err != nil && !errors.Is(err, directory.ErrUnavailable):
		tr.Errorf("Lookup with the answer %q: %v, want ErrUnavailable", body, err)
	}
}

// testTruncatedJSON cuts the fake's own answer in the middle.
func testTruncatedJSON(tr *trial) {
	_ = tr.wantError(func(_ int, w http.ResponseWriter, r *http.Request, fake http.Handler) {
		whole := httptest.NewRecorder()
		fake.ServeHTTP(whole, r)
		body := strings.TrimSpace(whole.Body.String())
		send(w, whole.Code, whole.Header().Get("Content-Type"), body[:len(body)-1])
	}, is(directory.ErrUnavailable), "ErrUnavailable")
}

func testLimitedOnce(tr *trial) {
	const wait = 7 * time.Second
	tr.want(tr.one(), func(n int, w http.ResponseWriter, r *http.Request, fake http.Handler) {
		if n == 1 {
			tr.subject.limit(w, wait)
			return
		}
		fake.ServeHTTP(w, r)
	}, ann, identity.Found, tr.subject.id(1))
	if slept := tr.clock.Slept(); slept < wait {
		tr.Errorf("the client waited %s, want at least the %s that the service asked for", slept, wait)
	}
}

// testLimitedLong proves that a wait that is too long is an error with the wait,
// and that the connector does not sleep through it.
func testLimitedLong(tr *trial) {
	const wait = time.Hour
	err := tr.wantError(func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		tr.subject.limit(w, wait)
	}, func(err error) bool {
		var limit *directory.RateLimitError
		return errors.As(err, &limit) && limit.RetryAfter > wait/2
	}, "a *RateLimitError with the wait")
	tr.code(err, identity.CodeDirectoryLimited)
	if !identity.AsError(err).Retryable {
		tr.Errorf("Lookup: %v, want it retryable", err)
	}
	if slept := tr.clock.Slept(); slept >= wait {
		tr.Errorf("the client slept %s", slept)
	}
}

// testPaced asks for more people, or pages, than a tenth of a minute's requests:
// the others come at the documented pace.
func testPaced(tr *trial) {
	w := World{PageSize: 1}
	var emails []string
	for n := range 400 {
		w.People = append(w.People, Person{ID: tr.subject.id(n + 100), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
		emails = append(emails, w.People[n].Emails[0])
	}
	d := tr.open(World{}, nil)
	every := d.Describe().LookupEvery
	if tr.way.name == ByWalk {
		every = d.Describe().ListEvery
	}
	if every == 0 {
		return // none is documented
	}
	requests := 0
	if _, err := tr.lookup(tr.Context(), w, edited(func(http.ResponseWriter, *httptest.ResponseRecorder) bool {
		requests++
		return false
	}), emails...); err != nil {
		tr.Fatalf("Lookup: %v", err)
	}
	const others = 5 // requests for tokens, and those that have a pace of their own
	least := time.Duration(requests-others)*every - 6*time.Second
	if slept := tr.clock.Slept(); requests < 400 || slept < least {
		tr.Errorf("%d requests took %s, want at least %s", requests, slept, least)
	}
}

// testRedirect leads to another host, which must not hear of it.
func testRedirect(tr *trial) {
	var visits atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	tr.Cleanup(other.Close)
	_ = tr.wantError(func(_ int, w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, other.URL+"/elsewhere?token="+url.QueryEscape(Secret), http.StatusFound)
	}, func(err error) bool {
		return errors.Is(err, directory.ErrUnavailable) && !leaks(err.Error())
	}, "ErrUnavailable without the secret")
	if n := visits.Load(); n != 0 {
		tr.Errorf("the other host got %d requests", n)
	}
}

// testPrivateCA asks a service whose certificate a private authority signed, with
// and without that one's certificate.
func testPrivateCA(tr *trial) {
	server := httptest.NewUnstartedServer(tr.subject.Fake(tr.one()))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	tr.Cleanup(server.Close)
	authority := filepath.Join(tr.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		tr.Fatal(err)
	}
	ask := func(caFile string) ([]identity.LookupResult, error) {
		d, err := tr.subject.Open(tr.T, Env{BaseURL: server.URL, CAFile: caFile, Secret: Secret, Clock: NewClock()})
		if err != nil {
			tr.Fatalf("Open: %v", err)
		}
		return directory.Lookup(tr.Context(), tr.way.narrow(d), tr.subject.Service, []string{ann})
	}
	if answers, err := ask(authority); err != nil || answers[0].Status != identity.Found {
		tr.Errorf("Lookup with the authority's certificate = %+v, %v", answers, err)
	}
	if answers, err := ask(""); !errors.Is(err, directory.ErrUnavailable) || !strings.HasSuffix(err.Error(), "name the authority's certificate in ca_file") {
		tr.Errorf("Lookup with the system's authorities = %+v, %v, want ErrUnavailable and ca_file", answers, err)
	}
}

// testSecretHidden has the service repeat the whole request in its answer.
func testSecretHidden(tr *trial) {
	for _, code := range []int{200, 204, 400, 401, 403, 404, 409, 429, 500} {
		for _, form := range []string{"%s", `{"error":%s}`, "<html>%s</html>", "   %s"} {
			_, err := tr.lookup(tr.Context(), tr.one(), func(_ int, w http.ResponseWriter, r *http.Request, _ http.Handler) {
				echo := fmt.Sprint(r.URL, r.Header, " ", Secret)
				if strings.HasPrefix(form, "{") {
					quoted, _ := json.Marshal(echo)
					echo = string(quoted)
				}
				send(w, code, "application/json; echo="+url.QueryEscape(Secret), fmt.Sprintf(form, echo))
			}, ann)
			if err != nil && leaks(err.Error()) {
				tr.Errorf("status %d: the error shows the secret: %v", code, err)
			}
			if err == nil && code >= 400 && code != http.StatusNotFound {
				tr.Errorf("status %d: no error", code)
			}
			if leaks(logged.String()) {
				tr.Fatalf("status %d: the log shows the secret: %s", code, logged.String())
			}
		}
	}
}

// leaks reports whether text holds the secret, or enough of it, in any of the
// forms it travels in.
func leaks(text string) bool {
	return whole(text) || strings.Contains(text, "s3cr3t")
}

// whole reports whether a text shows all of the secret.
func whole(text string) bool {
	quoted, _ := json.Marshal(Secret) // a string always marshals
	for _, form := range []string{Secret, url.QueryEscape(Secret), url.PathEscape(Secret), strings.Trim(string(quoted), `"`)} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}
