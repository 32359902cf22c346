// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// FuzzBodies: whatever a caller sends, the reply is the API's JSON, the fault
// is never the server's, and a refusal says so in its body.
func FuzzBodies(f *testing.F) {
	calls := []string{
		"PATCH /users", "POST /users/delete", "POST /users/identities/delete", "POST /users/search", "POST /users/x/set-role",
		"POST /services", "PATCH /services", "POST /services/delete", "POST /identities/lookup", "POST /identities/search",
	}
	for i := range calls {
		for _, body := range []string{
			`{"users":[` + upsertOne("alice@example.com", "00u1", `,"if_revision":-1,"source":"odd"`) + `]}`,
			`{"users":[{"id":"x","identity":{"service_type":"sym","matcher":{"email":"a\u0000@example.com"}}}],"identities":[]}`,
			`{"identities":[{"user_id":"x","service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"\ud800"}}]}`,
			`{"service_type":"okta","external_id":"acme.okta.com","label":"\u202e","emails":["a@example.com"],"identities":["x"]}`,
			`{"users":null,"emails":null,"usernames":["\u200b"],"role":null}`, `{"Users":[1],"users":[]}`, `[]`, `null`, `{"users":[`, "\xff", ``,
		} {
			f.Add(i, body)
		}
	}
	st, err := sqlstore.Open(f.Context(), "sqlite:"+filepath.Join(f.TempDir(), "identities.db"), sqlstore.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = st.Close() })
	if _, err := st.CreateService(f.Context(), store.Actor{}, okta, "okta"); err != nil {
		f.Fatal(err)
	}
	handler, err := server.New(server.Config{
		Org: org, Store: st, Authenticate: server.StaticTokens(testTokens(), org),
		Directories: map[identity.ServiceKey]directory.Directory{okta: accounts{}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, call int, body string) {
		if call < 0 || call >= len(calls) {
			return
		}
		method, path, _ := strings.Cut(calls[call], " ")
		r := httptest.NewRequest(method, symapi.BasePath+path, strings.NewReader(body))
		r.Header = authorized("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		var reply struct {
			Error      any      `json:"error"`
			Code       string   `json:"code"`
			Message    string   `json:"message"`
			Errors     []string `json:"errors"` // of a bulk call, in place of the message
			StatusCode int      `json:"status_code"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &reply); err != nil {
			t.Fatalf("%d is not JSON: %v: %s", rec.Code, err, rec.Body)
		}
		switch {
		case rec.Code >= http.StatusInternalServerError:
			t.Errorf("%s of %q: %d %s", calls[call], body, rec.Code, rec.Body)
		case rec.Code >= http.StatusBadRequest && (reply.Error != true || reply.Code == "" || reply.Message == "" && len(reply.Errors) == 0 || reply.StatusCode != rec.Code):
			t.Errorf("%s of %q: %d has the body %s", calls[call], body, rec.Code, rec.Body)
		}
	})
}
