// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFlowOfSymflow walks the calls that Sym's own command makes, with the
// bodies it sends: no extension is used.
func TestFlowOfSymflow(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	h.person("alice@example.com", "")

	users := h.api(admin, http.MethodGet, "/users", nil).body["users"].([]any)
	user := users[0].(map[string]any)
	own := user["identities"].([]any)[0].(map[string]any)
	id := user["id"].(string)

	h.api(admin, http.MethodPatch, "/users", map[string]any{"users": []any{map[string]any{
		"id": id, "type": user["type"], "identities": []any{
			map[string]any{"service_type": "sym", "external_id": "cloud", "matcher": own["matcher"], "profile": own["profile"]},
			map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "matcher": map[string]any{"user_id": "00u1"}, "profile": map[string]any{}},
		},
	}}}).want(t, http.StatusOK, `{"status":"success","errors":[],"succeeded":1,"failed":0,"results":[
		{"index":0,"user_id":"<uuid>","user":"alice@example.com","record":
			{"id":"<uuid>","type":"normal","role":"member","created_at":"<time>","revision":1,"updated_at":"<time>","updated_by":"test","identities":[
				{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"alice@example.com"},"profile":{}},
				{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":{},
				 "source":"manual","revision":1,"updated_at":"<time>","updated_by":"token:ci"}]}}]}`)

	service := h.api(admin, http.MethodGet, "/services?service_type=okta", nil).body["services"].([]any)[0].(map[string]any)["id"].(string)
	references := "/service/" + service + "/references"
	h.api(admin, http.MethodGet, references, nil).want(t, http.StatusOK, `{"error":"false","references":{"identities":["<uuid>"],"integrations":[]}}`)
	deletion := map[string]any{"service_type": "okta", "external_id": "acme.okta.com"}
	h.api(admin, http.MethodPost, "/services/delete", deletion).wantError(t, http.StatusConflict, "Service:REFERENCED",
		"Cannot perform delete because it is referenced by 1 identities and 0 integrations")

	// The editor sends every identity of a user again: that changes nothing.
	again := h.api(admin, http.MethodGet, "/users?id="+id, nil).body["users"].([]any)[0].(map[string]any)
	var elements []any
	for _, i := range again["identities"].([]any) {
		stored := i.(map[string]any)
		ref := stored["service"].(map[string]any)
		elements = append(elements, map[string]any{"service_type": ref["slug"], "external_id": ref["external_id"], "matcher": stored["matcher"], "profile": stored["profile"]})
	}
	resent := h.api(admin, http.MethodPatch, "/users", map[string]any{"users": []any{map[string]any{"id": id, "type": "normal", "identities": elements}}})
	record := resent.body["results"].([]any)[0].(map[string]any)["record"].(map[string]any)
	if diff := cmp.Diff(again, record); diff != "" {
		t.Errorf("sending it again changed it:\n%s", diff)
	}

	h.api(admin, http.MethodPost, "/users/identities/delete", map[string]any{"identities": []any{map[string]any{
		"user_id": id, "service_type": "okta", "external_id": "acme.okta.com", "matcher": map[string]any{"user_id": "00u1"},
	}}}).want(t, http.StatusOK, `{"status":"success","errors":[],"succeeded":1,"failed":0,"results":[
		{"index":0,"user_id":"<uuid>","service_type":"okta","external_id":"acme.okta.com","deleted":true}]}`)
	h.api(admin, http.MethodGet, references, nil).want(t, http.StatusOK, `{"error":"false","references":{"identities":[],"integrations":[]}}`)

	h.api(admin, http.MethodPost, "/users/delete", map[string]any{"users": []any{map[string]any{
		"id": id, "identity": map[string]any{"service_type": "sym", "matcher": own["matcher"]},
	}}}).want(t, http.StatusOK, `{"status":"success","errors":[],"succeeded":1,"failed":0,"results":[
		{"index":0,"user_id":"<uuid>","user":"alice@example.com","deleted":true}]}`)
	h.api(admin, http.MethodGet, "/users", nil).want(t, http.StatusOK, `{"users":[]}`)
	if a := h.api(admin, http.MethodPost, "/services/delete", deletion); a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

// TestRename: a known id with another sym identity renames its user.
func TestRename(t *testing.T) {
	t.Parallel()
	h := start(t)
	u := h.person("alice@example.com", "")
	h.person("bob@example.com", "")
	rename := func(email string) answer {
		return h.api(admin, http.MethodPatch, "/users", `{"users":[{"id":"`+u.ID+`","identities":[
			{"service_type":"sym","external_id":"cloud","matcher":{"email":"`+email+`"},"profile":{"last_name":"Jones"}}]}]}`)
	}
	if a := rename("bob@example.com"); a.status != http.StatusConflict || a.body["code"] != "User:CONFLICT" {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	if a := rename("alice.jones@example.com"); a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	h.api(guest, http.MethodGet, "/users?id="+u.ID, nil).want(t, http.StatusOK, `{"users":[
		{"id":"<uuid>","type":"normal","role":"member","created_at":"<time>","revision":1,"updated_at":"<time>","updated_by":"token:ci","identities":[
			{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"alice.jones@example.com"},"profile":{"last_name":"Jones"}}]}]}`)
}

// TestTwoWriters: of two writers that read the same revision one wins, and the
// other learns what the winner stored.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	revision := h.person("alice@example.com", "00u1").Mappings[0].Revision
	for round := range 5 {
		ids := []string{fmt.Sprintf("00u-a%d", round), fmt.Sprintf("00u-b%d", round)}
		answers := make([]answer, len(ids))
		var wg sync.WaitGroup
		for i, id := range ids {
			wg.Go(func() {
				answers[i] = h.api(admin, http.MethodPatch, "/users",
					`{"users":[`+upsertOne("alice@example.com", id, fmt.Sprintf(`,"if_revision":%d`, revision))+`]}`)
			})
		}
		wg.Wait()
		winner := 0
		if answers[1].status == http.StatusOK {
			winner = 1
		}
		loser := 1 - winner
		if answers[winner].status != http.StatusOK || answers[loser].status != http.StatusConflict {
			t.Fatalf("statuses %d and %d: %s %s", answers[0].status, answers[1].status, answers[0].raw, answers[1].raw)
		}
		stored := answers[loser].body["results"].([]any)[0].(map[string]any)["stored"].(map[string]any)
		if got := stored["matcher"].(map[string]any)["user_id"]; got != ids[winner] {
			t.Errorf("the loser learns %v, the winner stored %s", got, ids[winner])
		}
		next := int64(stored["revision"].(float64))
		if next <= revision {
			t.Errorf("the loser learns revision %d, which is not newer than %d", next, revision)
		}
		revision = next
	}
}
