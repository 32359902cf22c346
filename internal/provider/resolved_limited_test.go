// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// limitedOkta finds everybody by e-mail, for the first requests only; then it
// wants a pause of ten minutes.
func limitedOkta(t *testing.T, before int64) *httptest.Server {
	t.Helper()
	var requests atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > before {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, email, _ := strings.Cut(r.URL.Query().Get("search"), `"`)
		email, _, _ = strings.Cut(email, `"`)
		fmt.Fprintf(w, `[{"id":"00u%s","status":"ACTIVE","profile":{"login":%q,"email":%q}}]`, url.PathEscape(email[:2]), email, email)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// limitedAPI is a whole server in the provider's process, its directory the
// real connector of Okta.
func limitedAPI(t *testing.T, before int64) *protocolServer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, fmt.Sprintf(`
org   = "acme"
store = "sqlite:identities.db"
service "okta" "acme.okta.com" {
  directory "okta" {
    token      = env("OKTA_API_TOKEN")
    base_url   = %q
    allow_http = true
  }
}
`, limitedOkta(t, before).URL))
	return newProtocolServer(t, map[string]string{"OKTA_API_TOKEN": "t"}, embeddedSettings(file, map[string]any{"max_retries": 0}))
}

// A service that begins to limit requests in the middle of a batch: whoever was
// answered is answered, and the others are in an error of their own, whatever
// is to be done about unmapped people.
func TestResolved_limited(t *testing.T) {
	t.Parallel()
	people := []string{"a1@acme.com", "a2@acme.com", "a3@acme.com", "a4@acme.com"} // few enough to be looked up
	const limit = "he directory of okta:acme.okta.com could not answer: … the service limits requests; try again in 10m0s"

	for _, mode := range []string{"ignore", "warn", "error"} {
		p := limitedAPI(t, 2)
		state, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, map[string]any{"on_unmapped": mode}))
		wantDiagnostics(t, diags, "ERROR: Unable to Resolve Identities | For 2 of 4 users in okta:acme.okta.com a step of the chain failed, so it is not known which account is theirs. They count neither as mapped nor as unmapped. … "+limit)
		if state["unmapped"] != nil {
			t.Errorf("%s: unmapped: %v", mode, state["unmapped"])
		}
		// The two that were answered are known now, and cost no request.
		var known []string
		for _, person := range people {
			if !strings.Contains(diags[0].Detail, person) {
				known = append(known, person)
			}
		}
		got, diags := p.readData(resolvedMany, bulkOf(known, []string{testOkta}))
		wantDiagnostics(t, diags)
		wantAnswers(t, got, map[string]any{"mapped_count": 2, "unmapped_count": 0})
	}

	p := limitedAPI(t, 0)
	_, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, ignoring))
	wantFailure(t, diags, limit+" … status 429")
	_, diags = p.readData(resolved, resolveConfig("a1@acme.com", testOkta, ignoring))
	wantFailure(t, diags, "a1@acme.com … "+limit)
}
