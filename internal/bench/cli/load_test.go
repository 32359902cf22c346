// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What counts as an answer, as a declared "later", and as a failure.
func TestBombard(t *testing.T) {
	t.Parallel()
	var asked, writes atomic.Int64
	var refuse atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			t.Error("the token is missing")
		}
		if r.Method == http.MethodPatch {
			writes.Add(1)
		}
		switch n := asked.Add(1); {
		case n%50 == 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"is_retryable":true}`))
		case n%50 == 2 && refuse.Load():
			w.WriteHeader(http.StatusServiceUnavailable) // declares nothing
		case n%50 == 3 && refuse.Load():
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	for _, failing := range []bool{false, true} {
		refuse.Store(failing)
		r := bombard(t.Context(), server.URL, "secret", people(10), 8, 500*time.Millisecond)
		if len(r.took) == 0 || r.later[http.StatusServiceUnavailable] == 0 || (r.failures > 0) != failing || (r.sample != "") != failing {
			t.Errorf("failing %t: %+v answers, %v, %d failures, %q", failing, len(r.took), r.later, r.failures, r.sample)
		}
		if percentile(r.took, 50) > percentile(r.took, 99) || len(r.wrote) == 0 || !strings.Contains(r.String(), "p99") {
			t.Errorf("%s", r)
		}
	}
	if writes.Load() == 0 {
		t.Error("nothing was written")
	}
	if percentile(nil, 99) != 0 {
		t.Error("no answers take no time")
	}
}
