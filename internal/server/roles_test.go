// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// roles is what every operation of the API needs. A new one must be added
// here, on purpose.
func roles() map[string]identity.Role {
	return map[string]identity.Role{
		"GET /users":                    identity.Guest,
		"PATCH /users":                  identity.Admin,
		"POST /users/search":            identity.Guest,
		"POST /users/delete":            identity.Admin,
		"POST /users/identities/delete": identity.Admin,
		"POST /users/{id}/set-role":     identity.Admin,
		"GET /services":                 identity.Guest,
		"POST /services":                identity.Admin,
		"PATCH /services":               identity.Admin,
		"POST /services/delete":         identity.Admin,
		"GET /service/{id}/references":  identity.Guest,
		"GET /auth/login":               identity.Guest,
		"GET /tokens":                   identity.Guest,
		"POST /tokens":                  identity.Guest,
		"POST /tokens/revoke":           identity.Guest,
		"POST /tokens/delete":           identity.Guest,
		"POST /identities/lookup":       identity.Member,
		"POST /identities/search":       identity.Member,
		"POST /identities/status":       identity.Member,
		"GET /identities/history":       identity.Guest,
		"GET /accounts":                 identity.Member,
	}
}

// document reads the served OpenAPI document.
func (h *harness) document() (document struct {
	OpenAPI string                                `json:"openapi"`
	Info    struct{ Title, Version string }       `json:"info"`
	Servers []struct{ URL string }                `json:"servers"`
	Paths   map[string]map[string]json.RawMessage `json:"paths"`
}, raw string,
) {
	h.t.Helper()
	a := h.send("", http.MethodGet, "/api/openapi.json", nil)
	if a.status != http.StatusOK {
		h.t.Fatalf("status %d: %s", a.status, a.raw)
	}
	if err := json.Unmarshal([]byte(a.raw), &document); err != nil {
		h.t.Fatal(err)
	}
	return document, a.raw
}

func TestEveryOperationHasItsRole(t *testing.T) {
	t.Parallel()
	document, _ := start(t).document()
	got := map[string]identity.Role{}
	for path, operations := range document.Paths {
		for method, raw := range operations {
			var op struct {
				Role identity.Role `json:"x-sym-role"`
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			got[strings.ToUpper(method)+" "+path] = op.Role
		}
	}
	if diff := cmp.Diff(roles(), got); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

func TestRoleMatrix(t *testing.T) {
	t.Parallel()
	callers := map[string]identity.Role{guest: identity.Guest, member: identity.Member, admin: identity.Admin}
	for operation, need := range roles() {
		method, path, _ := strings.Cut(operation, " ")
		path = strings.ReplaceAll(path, "{id}", "some-id")
		var body any
		if method != http.MethodGet {
			body = `{}`
		}
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			h := start(t) // of its own: many failed attempts would be slowed
			for _, token := range []string{"", "wrong-token"} {
				a := h.api(token, method, path, body)
				a.wantError(t, http.StatusUnauthorized, identity.CodeUnauthenticated, "You must be logged in to perform this action.")
				if got := a.header.Get("WWW-Authenticate"); got != "Bearer" {
					t.Errorf("WWW-Authenticate %q", got)
				}
			}
			for token, has := range callers {
				a := h.api(token, method, path, body)
				if has.Allows(need) {
					if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden {
						t.Errorf("%s may not call it: %s", has, a.raw)
					}
					continue
				}
				a.wantError(t, http.StatusForbidden, identity.CodeForbidden, "You are not authorized to perform this action.")
			}
		})
	}
}

func TestOpenAPIDocument(t *testing.T) {
	t.Parallel()
	document, raw := start(t).document()
	if !strings.HasPrefix(document.OpenAPI, "3.1.") || document.Info.Version != "1.2.3" {
		t.Errorf("OpenAPI %s of version %s", document.OpenAPI, document.Info.Version)
	}
	if len(document.Servers) != 1 || document.Servers[0].URL != symapi.BasePath {
		t.Errorf("servers %v", document.Servers)
	}
	for _, never := range []string{"$schema", "ErrorModel", "problem+json", "additionalProperties\":false"} {
		if strings.Contains(raw, never) {
			t.Errorf("the document holds %s", never)
		}
	}
	var whole struct {
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(raw), &whole); err != nil {
		t.Fatal(err)
	}
	for _, ref := range strings.Split(raw, `"$ref":"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(ref, `"`)
		if _, there := whole.Components.Schemas[name]; !there {
			t.Errorf("the schema %s is referred to but not there", name)
		}
	}
	for path, operations := range document.Paths {
		for method, text := range operations {
			var op struct {
				Summary   string                     `json:"summary"`
				Responses map[string]json.RawMessage `json:"responses"`
				Security  []map[string][]string      `json:"security"`
			}
			if err := json.Unmarshal(text, &op); err != nil {
				t.Fatal(err)
			}
			for _, status := range []string{"200", "401", "403", "default"} {
				if op.Responses[status] == nil {
					t.Errorf("%s %s does not describe its reply %s", method, path, status)
				}
			}
			if op.Summary == "" || len(op.Security) == 0 {
				t.Errorf("%s %s lacks a summary or its security", method, path)
			}
		}
	}
}
