// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const (
	aliceCreated = `{"id":4,"at":"<time>","by":"test","user_id":"<uuid>","user":"alice@example.com",
	"service":{"slug":"okta","external_id":"acme.okta.com"},
	"after":{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":{},
	  "source":"manual","revision":1,"updated_at":"<time>","updated_by":"test"}}`

	aliceDeleted = `{"id":7,"at":"<time>","by":"token:ci","request_id":"goodbye","address":"127.0.0.1","user_id":"<uuid>","user":"alice@example.com",
	"service":{"slug":"okta","external_id":"acme.okta.com"},
	"before":{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":{},
	  "source":"manual","revision":1,"updated_at":"<time>","updated_by":"test"}}`
)

func TestHistory(t *testing.T) {
	t.Parallel()
	h, a := people(t)
	header := http.Header{"Authorization": {"Bearer " + admin}, "Content-Type": {"application/json"}, symapi.RequestIDHeader: {"goodbye"}}
	h.sendHeader(header, http.MethodPost, symapi.BasePath+"/users/delete", map[string]any{"users": []any{map[string]any{"id": a.ID}}}).
		want(t, http.StatusOK, `{"status":"success","errors":[],"succeeded":1,"failed":0,"results":[{"index":0,"user_id":"<uuid>","deleted":true,"deleted_identities":1}],"deleted_identities":1}`)
	for name, tt := range map[string]struct{ query, want string }{
		"all":             {"", aliceDeleted + "," + aliceCreated},
		"user":            {"?user=" + url.QueryEscape(" Alice@EXAMPLE.com"), aliceDeleted + "," + aliceCreated},
		"another user":    {"?user=bob@example.com", ""},
		"a bot":           {"?user=deployer", ""},
		"service":         {"?service_type=okta&external_id=acme.okta.com", aliceDeleted + "," + aliceCreated},
		"another service": {"?service_type=okta&external_id=other.okta.com", ""},
		"both":            {"?user=alice@example.com&service_type=okta&external_id=acme.okta.com", aliceDeleted + "," + aliceCreated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.api(guest, http.MethodGet, "/identities/history"+tt.query, nil).want(t, http.StatusOK, `{"changes":[`+tt.want+`]}`)
		})
	}
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	h, a := people(t)
	for range 120 {
		for _, id := range []string{"00u2", "00u3"} {
			_, err := h.store.UpsertUsers(t.Context(), store.Actor{Name: "test"}, []store.UserWrite{{ID: a.ID, Mappings: []store.MappingWrite{
				{Service: okta, Matcher: identity.NewMatcher("okta", id)}}}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	const all = 241
	want, _, err := h.store.History(t.Context(), store.HistoryFilter{})
	if err != nil || len(want) != all {
		t.Fatalf("the store holds %d changes, %v", len(want), err)
	}
	for i, c := range want[1:] {
		if c.ID >= want[i].ID {
			t.Fatalf("change %d comes after %d", c.ID, want[i].ID)
		}
	}
	for query, pages := range map[string]int{"": 3, "?limit=0": 3, "?limit=60": 5, "?limit=1000": 1} {
		got, n := 0, 0
		cursor := ""
		for {
			separator := "?"
			if query != "" {
				separator = "&"
			}
			answer := h.api(guest, http.MethodGet, "/identities/history"+query+separator+"cursor="+cursor, nil)
			var page symapi.HistoryReply
			if err := json.Unmarshal([]byte(answer.raw), &page); err != nil || answer.status != http.StatusOK {
				t.Fatalf("%d %s %v", answer.status, answer.raw, err)
			}
			for _, c := range page.Changes {
				if got == all || c.ID != want[got].ID {
					t.Fatalf("%q: change %d is in place %d", query, c.ID, got)
				}
				got++
			}
			n++
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		if got != all || n != pages {
			t.Errorf("%q: %d changes on %d pages, want %d on %d", query, got, n, all, pages)
		}
	}
}

func TestHistoryRefuses(t *testing.T) {
	t.Parallel()
	h := start(t)
	for query, says := range map[string]string{
		"?user=":                          "query.user",
		"?user=%20":                       "query.user",
		"?user=a%00b@example.com":         "invisible",
		"?service_type=okta":              "service_type and external_id",
		"?external_id=acme.okta.com":      "service_type and external_id",
		"?service_type=okta&external_id=": "query.external_id",
		"?limit=-1":                       "limit",
		"?limit=1001":                     "limit",
		"?cursor=nonsense":                "cursor",
	} {
		a := h.api(guest, http.MethodGet, "/identities/history"+query, nil)
		if a.status != http.StatusBadRequest || !strings.Contains(a.raw, says) {
			t.Errorf("%s: %d %s, want %q in it", query, a.status, a.raw, says)
		}
	}
}
