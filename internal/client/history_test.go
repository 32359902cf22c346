// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestHistoryRoundTrip(t *testing.T) {
	t.Parallel()
	c := mustNew(t, inProcess(t))
	if _, err := c.CreateService(t.Context(), okta, "Okta"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"00u1", "00u2"} {
		_, err := c.Write(t.Context(), []identity.Write{{User: "a+b&c@example.com", Service: okta, Matcher: identity.NewMatcher("okta", id)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	latest, next, err := c.History(t.Context(), client.HistoryQuery{User: "a+b&c@example.com", Service: okta, Limit: 1})
	if err != nil || len(latest) != 1 || next == "" {
		t.Fatalf("got %+v, next %q, %v", latest, next, err)
	}
	if m := latest[0]; m.Before.Matcher["user_id"] != "00u1" || m.After.Matcher["user_id"] != "00u2" || m.By != "ci" || m.RequestID == "" {
		t.Errorf("the latest change is %+v", m)
	}
	first, next, err := c.History(t.Context(), client.HistoryQuery{Cursor: next})
	if err != nil || len(first) != 1 || next != "" || first[0].Before != nil {
		t.Errorf("got %+v, next %q, %v", first, next, err)
	}
	none, _, err := c.History(t.Context(), client.HistoryQuery{Service: github})
	if err != nil || len(none) != 0 {
		t.Errorf("got %+v, %v", none, err)
	}
}

// What is no history is an error, never an empty one.
func TestHistoryThatIsNone(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]struct {
		status int
		body   string
	}{
		"no such call":  {http.StatusNotFound, `{"error":true,"message":"Missing entity (404)","code":"Request:NOT_FOUND"}`},
		"another reply": {http.StatusOK, `{}`},
		"no service":    {http.StatusOK, `{"changes":[{"id":1}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(reply.status)
				_, _ = w.Write([]byte(reply.body))
			}))
			t.Cleanup(srv.Close)
			c := mustNew(t, client.Config{BaseURL: srv.URL + "/api/v1", Token: client.StaticToken(token)})
			if changes, _, err := c.History(t.Context(), client.HistoryQuery{}); err == nil || !strings.Contains(err.Error(), "history") {
				t.Errorf("got %v, %v", changes, err)
			}
		})
	}
}
