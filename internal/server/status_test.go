// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func statusBody(identities string) string {
	return `{"service_type":"okta","external_id":"acme.okta.com","identities":[` + identities + `]}`
}

func TestStatus(t *testing.T) {
	t.Parallel()
	limit := &directory.RateLimitError{RetryAfter: time.Second}
	world := accounts{
		found: map[string][]directory.Account{
			"a@example.com": {account("00u1", "a@example.com", directory.StateActive)},
			"b@example.com": {account("00u2", "b@example.com", directory.StateInactive)},
		},
		refused: map[string]error{"00u9": limit},
	}
	h := start(t, withDirectory(byID{world})).register(okta, github)
	post := func(body string) answer { return h.api(member, http.MethodPost, "/identities/status", body) }
	results := func(a answer) (out []string) {
		t.Helper()
		list, _ := a.body["results"].([]any)
		for _, r := range list {
			result := r.(map[string]any)
			text := result["identity"].(string) + " " + result["status"].(string)
			if at, dated := result["as_of"].(string); dated {
				if when, err := time.Parse(time.RFC3339Nano, at); err != nil || time.Since(when) > time.Minute {
					t.Errorf("as_of %q", at)
				}
				text += " dated"
			}
			if e, failed := result["error"].(map[string]any); failed {
				text += " " + e["code"].(string)
			}
			out = append(out, text)
		}
		return out
	}
	for _, tc := range []struct{ ids, want string }{
		{`"00u2","00u1","gone","00u1"`, "00u2 inactive dated, 00u1 active dated, gone absent dated, 00u1 active dated"},
		{`"00u1","00u9"`, "00u1 active dated, 00u9 failed Directory:RATE_LIMITED"},
		{``, ""},
	} {
		a := post(statusBody(tc.ids))
		if got := strings.Join(results(a), ", "); a.status != http.StatusOK || got != tc.want {
			t.Errorf("%s: status %d: %s\n%s", tc.ids, a.status, got, a.raw)
		}
	}
	if a := post(statusBody(`"00u9"`)); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
		t.Errorf("nobody could be asked: status %d: %s", a.status, a.raw)
	}
	post(statusBody(`"00u1"," "`)).wantError(t, http.StatusBadRequest, identity.CodeIdentityInvalid, "identities[1] is empty. Name the account to look for.")
	post(`{"service_type":"github","external_id":"acme","identities":["a"]}`).wantError(t, http.StatusNotFound, identity.CodeNoDirectory,
		"No directory is configured for github:acme. Add a directory to its service block in the server's configuration.")

	unable := start(t, withDirectory(world)).register(okta)
	unable.api(member, http.MethodPost, "/identities/status", statusBody(`"00u1"`)).want(t, http.StatusOK, `{"results":[{"identity":"00u1","status":"unknown"}]}`)
}

// A service that cannot be asked is an error, whoever it is about.
func TestStatusFailuresAreNeverAbsent(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"credential": directory.ErrCredential, "unavailable": directory.ErrUnavailable, "other": errors.New("something else")} {
		h := start(t, withDirectory(byID{accounts{err: err}})).register(okta)
		a := h.api(member, http.MethodPost, "/identities/status", statusBody(`"gone"`))
		if a.status != http.StatusServiceUnavailable || a.body["results"] != nil {
			t.Errorf("%s: status %d: %s", name, a.status, a.raw)
		}
	}
}

// listing is a directory that can only list.
type listing struct {
	accounts
	walks *int
}

func (listing) Describe() directory.Descriptor { return directory.Descriptor{} }
func (l listing) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		*l.walks++
		for _, found := range l.found {
			if !yield(found, nil) {
				return
			}
		}
	}
}

// One list answers lookups and status, and they say of when it is.
func TestAnswersAreDated(t *testing.T) {
	t.Parallel()
	walks := 0
	list := listing{accounts{found: map[string][]directory.Account{"a@example.com": {account("00u1", "a@example.com", directory.StateActive)}}}, &walks}
	cached := directory.Cache(list, okta, directory.CacheSettings{TTL: time.Minute, Misses: time.Minute})
	h := start(t, withDirectory(cached)).register(okta)
	dates := map[string]bool{}
	for range 2 {
		for path, body := range map[string]string{"lookup": lookupBody(`"a@example.com","b@example.com"`), "status": statusBody(`"00u1","gone"`)} {
			a := h.api(member, http.MethodPost, "/identities/"+path, body)
			results, _ := a.body["results"].([]any)
			if len(results) != 2 {
				t.Fatalf("status %d: %s", a.status, a.raw)
			}
			for _, r := range results {
				at, _ := r.(map[string]any)["as_of"].(string)
				dates[at] = true
			}
		}
	}
	if walks != 1 || len(dates) != 1 || dates[""] {
		t.Errorf("%d walks, answers as of %v, want one walk and its time", walks, dates)
	}
}
