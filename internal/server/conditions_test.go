// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// A condition that the server does not know, or that has no value, must not become an
// unconditional write.
func TestUnknownConditionsAreRefused(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	u := h.person("alice@example.com", "00u1")
	element := func(more string) string { return `{"users":[` + upsertOne("alice@example.com", "00u2", more) + `]}` }
	remove := `{"identities":[{"user_id":"` + u.ID + `","service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u1"},`
	for name, tt := range map[string]struct{ method, path, body, says string }{
		"misspelled":          {http.MethodPatch, "/users", element(`,"if_absnt":true`), `unknown condition "if_absnt"`},
		"in capitals":         {http.MethodPatch, "/users", element(`,"IF_SAME":true`), `unknown condition "IF_SAME"`},
		"escaped":             {http.MethodPatch, "/users", element(`,"\u0069f_absnt":true`), `unknown condition "if_absnt"`},
		"known, in capitals":  {http.MethodPatch, "/users", element(`,"If_Absent":true`), `the key "If_Absent", but the field is called "if_absent"`},
		"known, all capitals": {http.MethodPatch, "/users", element(`,"IF_REVISION":5`), `the key "IF_REVISION", but the field is called "if_revision"`},
		"false":               {http.MethodPatch, "/users", element(`,"if_absnt":false`), `unknown condition "if_absnt"`},
		"at the user":         {http.MethodPatch, "/users", `{"users":[{"id":"` + u.ID + `","if_absent":true,"identities":[]}]}`, `unknown condition "if_absent"`},
		"at the top":          {http.MethodPatch, "/users", `{"if_absent":true,"users":[` + upsertOne("alice@example.com", "00u2", "") + `]}`, `unknown condition "if_absent"`},
		"delete":              {http.MethodPost, "/users/identities/delete", remove + `"if_revison":1}]}`, `unknown condition "if_revison"`},
		"another call's":      {http.MethodPost, "/users/identities/delete", remove + `"if_absent":true}]}`, `unknown condition "if_absent"`},
		"delete a user":       {http.MethodPost, "/users/delete", `{"users":[{"id":"` + u.ID + `","if_revisoin":1}]}`, `unknown condition "if_revisoin"`},
		"service":             {http.MethodPatch, "/services", `{"service_type":"okta","external_id":"acme.okta.com","label":"x","if_label":"y"}`, `unknown condition "if_label"`},
		"null":                {http.MethodPatch, "/users", element(`,"if_revision": null`), `the condition "if_revision" without a value`},
		"absent or null":      {http.MethodPatch, "/users", element(`,"if_absent":null`), `the condition "if_absent" without a value`},
		"revision 0":          {http.MethodPatch, "/users", element(`,"if_revision":0`), `if_revision: expected number >= 1`},
		"delete, null":        {http.MethodPost, "/users/identities/delete", remove + `"if_revision":null}]}`, `the condition "if_revision" without a value`},
		"delete, revision 0":  {http.MethodPost, "/users/identities/delete", remove + `"if_revision":0}]}`, `if_revision: expected number >= 1`},
		"delete a user, null": {http.MethodPost, "/users/delete", `{"users":[{"id":"` + u.ID + `","if_revision":null}]}`, `the condition "if_revision" without a value`},
		"delete a user, 0":    {http.MethodPost, "/users/delete", `{"users":[{"id":"` + u.ID + `","if_revision":0}]}`, `if_revision: expected number >= 1`},
		"service, null":       {http.MethodPatch, "/services", `{"service_type":"okta","external_id":"acme.okta.com","label":"x","if_revision":null}`, `the condition "if_revision" without a value`},
		"service, 0":          {http.MethodPost, "/services/delete", `{"service_type":"okta","external_id":"acme.okta.com","if_revision":0}`, `if_revision: expected number >= 1`},
		"role":                {http.MethodPost, "/users/" + u.ID + "/set-role", `{"role":"guest","if_role":"member"}`, `unknown condition "if_role"`},
	} {
		a := h.api(admin, tt.method, tt.path, tt.body)
		if a.status != http.StatusBadRequest || !strings.Contains(a.raw, strings.ReplaceAll(tt.says, `"`, `\"`)) {
			t.Errorf("%s: status %d: %s, want %q", name, a.status, a.raw, tt.says)
		}
	}
	stored, _, err := h.store.Users(t.Context(), store.UserFilter{ID: u.ID})
	if err != nil || len(stored) != 1 || stored[0].Role != u.Role || stored[0].Mappings[0].Revision != u.Mappings[0].Revision {
		t.Errorf("stored: %+v, %v", stored, err)
	}
	a := h.api(admin, http.MethodPatch, "/users", element(`,"color":{"if_blue":1},"profile":{"if_profile":"a","Matcher":"b"}`))
	if a.status != http.StatusOK {
		t.Errorf("keys of the caller's own: status %d: %s", a.status, a.raw)
	}
}
