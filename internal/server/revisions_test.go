// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

func TestUsersChangeAtTheirRevision(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	u := h.person("alice@example.com", "00u1")
	revision := func() int64 {
		t.Helper()
		users, _, err := h.store.Users(t.Context(), store.UserFilter{ID: u.ID})
		if err != nil || len(users) != 1 {
			t.Fatalf("stored: %+v, %v", users, err)
		}
		return users[0].Revision
	}
	patch := func(more string) answer {
		return h.api(admin, http.MethodPatch, "/users", `{"users":[{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":"alice@example.com"}`+more+`}]}]}`)
	}
	old := revision()
	for _, more := range []string{"", `,"source":"manual"`, `,"if_unclaimed":true`, fmt.Sprintf(`,"if_revision":%d`, old+1000)} {
		if a := patch(more); a.status != http.StatusOK || revision() != old {
			t.Errorf("naming the user with %s: status %d, revision %d, was %d", more, a.status, revision(), old)
		}
	}
	if a := patch(fmt.Sprintf(`,"source":"manual","if_revision":%d`, old)); a.status != http.StatusOK || revision() <= old {
		t.Errorf("asserting: status %d, revision %d, was %d", a.status, revision(), old)
	}
	asserted := revision()
	for name, a := range map[string]answer{
		"change": patch(fmt.Sprintf(`,"profile":{"first_name":"Alice"},"if_revision":%d`, old)),
		"delete": h.api(admin, http.MethodPost, "/users/delete", fmt.Sprintf(`{"users":[{"id":%q,"if_revision":%d}]}`, u.ID, old)),
	} {
		if a.status != http.StatusConflict || a.body["results"].([]any)[0].(map[string]any)["code"] != string(identity.CodeUserConflict) || revision() != asserted {
			t.Errorf("%s: status %d: %s", name, a.status, a.raw)
		}
	}
	if a := patch(`,"if_absent":true`); a.status != http.StatusBadRequest {
		t.Errorf("if_absent: status %d: %s", a.status, a.raw)
	}
	if a := h.api(admin, http.MethodPost, "/users/delete", fmt.Sprintf(`{"users":[{"id":%q,"if_revision":%d}]}`, u.ID, asserted)); a.status != http.StatusOK {
		t.Errorf("deleting at its revision: status %d: %s", a.status, a.raw)
	}
}

func TestServicesChangeAtTheirRevision(t *testing.T) {
	t.Parallel()
	for name, configured := range map[string]bool{"of the API": false, "of the configuration": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, func(c *server.Config) { c.Configured = map[identity.ServiceKey]bool{okta: configured} }).register(okta)
			call := func(method, path, more string) (answer, int64) {
				a := h.api(admin, method, path, `{"service_type":"okta","external_id":"acme.okta.com"`+more+`}`)
				services, err := h.store.Services(t.Context(), store.ServiceFilter{Type: "okta"})
				if err != nil {
					t.Fatal(err)
				}
				if len(services) == 0 {
					return a, 0
				}
				return a, services[0].Revision
			}
			_, old := call(http.MethodPatch, "/services", "")
			for _, more := range []string{`,"label":"okta"`, `,"source":"manual"`, fmt.Sprintf(`,"label":"okta","if_revision":%d`, old+1000)} {
				if a, now := call(http.MethodPatch, "/services", more); a.status != http.StatusOK || now != old {
					t.Errorf("%s: status %d, revision %d, was %d", more, a.status, now, old)
				}
			}
			a, asserted := call(http.MethodPatch, "/services", fmt.Sprintf(`,"label":"okta","source":"manual","if_revision":%d`, old))
			if a.status != http.StatusOK || asserted <= old || int64(a.body["revision"].(float64)) != asserted {
				t.Errorf("asserting: status %d, revision %d, was %d: %s", a.status, asserted, old, a.raw)
			}
			for what, path := range map[string]string{http.MethodPatch: "/services", http.MethodPost: "/services/delete"} {
				a, now := call(what, path, fmt.Sprintf(`,"label":"new","if_revision":%d`, old))
				a.wantCode(t, http.StatusConflict, identity.CodeServiceConflict)
				if now != asserted {
					t.Errorf("%s %s: revision %d, was %d", what, path, now, asserted)
				}
			}
			a, _ = call(http.MethodPost, "/services", `,"label":"okta","if_revision":1`)
			a.wantCode(t, http.StatusBadRequest, identity.CodeServiceInvalid)
			a, _ = call(http.MethodPatch, "/services", `,"label":"okta","source":"rule"`)
			a.wantCode(t, http.StatusBadRequest, identity.CodeServiceInvalid)
			if a, now := call(http.MethodPost, "/services/delete", fmt.Sprintf(`,"if_revision":%d`, asserted)); !configured && (a.status != http.StatusOK || now != 0) {
				t.Errorf("deleting at its revision: status %d: %s", a.status, a.raw)
			}
		})
	}
}

// wantCode expects an error with a code.
func (a answer) wantCode(t *testing.T, status int, code identity.Code) {
	t.Helper()
	if a.status != status || a.body["code"] != string(code) {
		t.Errorf("status %d, want %d with %s: %s", a.status, status, code, a.raw)
	}
}
