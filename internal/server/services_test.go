// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
)

const (
	symCloud    = `{"id":"<uuid>","slug":"sym","external_id":"cloud","label":"Sym","directory":false,"configured":false}`
	oktaService = `{"id":"<uuid>","slug":"okta","external_id":"acme.okta.com","label":"okta","revision":1,"updated_at":"<time>","updated_by":"test","directory":true,"configured":false}`
	githubOrg   = `{"id":"<uuid>","slug":"github","external_id":"acme","label":"github","revision":1,"updated_at":"<time>","updated_by":"test","directory":false,"configured":false}`
)

func TestListServices(t *testing.T) {
	t.Parallel()
	h := start(t, withDirectory(accounts{})).register(okta, github)
	for query, want := range map[string]string{
		"?service_type=okta":                       oktaService,
		"?service_type=github&external_id=acme":    githubOrg,
		"?external_id=acme.okta.com":               oktaService,
		"?service_type=slack":                      "",
		"?service_type=okta&external_id=elsewhere": "",
	} {
		h.api(guest, http.MethodGet, "/services"+query, nil).want(t, http.StatusOK, `{"services":[`+want+`]}`)
	}
	h.api(guest, http.MethodGet, "/services?service_type=okta&external_id=", nil).wantError(t, http.StatusBadRequest, identity.CodeInvalid,
		"The request is invalid: query.external_id: must not be empty; leave it out to get all services")
	all := h.api(guest, http.MethodGet, "/services", nil).body["services"].([]any)
	last := all[len(all)-1].(map[string]any)
	if len(all) != 3 || last["slug"] != "sym" || last["external_id"] != "cloud" {
		t.Errorf("services %v", all)
	}
}

func TestWriteServices(t *testing.T) {
	t.Parallel()
	h := start(t)
	service := func(label string) string {
		return `{"id":"<uuid>","slug":"okta","external_id":"acme.okta.com","label":"` + label + `","revision":1,"updated_at":"<time>","updated_by":"token:ci","directory":false,"configured":false}`
	}
	body := func(label string) string {
		return `{"service_type":"okta","external_id":"acme.okta.com","label":"` + label + `","color":"red"}`
	}
	unknown := "No service is registered for okta:acme.okta.com. " + identity.UnknownService(okta).Hint
	h.api(admin, http.MethodPatch, "/services", body("Okta")).wantError(t, http.StatusNotFound, identity.CodeServiceNotFound, unknown)
	h.api(admin, http.MethodPost, "/services", body("Okta")).want(t, http.StatusOK, service("Okta"))
	h.api(admin, http.MethodPost, "/services", body("Okta")).want(t, http.StatusOK, service("Okta"))
	if a := h.api(admin, http.MethodPost, "/services", body("Other")); a.status != http.StatusConflict || a.body["code"] != "Service:CONFLICT" {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	h.api(admin, http.MethodPatch, "/services", body("Other")).want(t, http.StatusOK, service("Other"))

	done := func(deleted string) string {
		return `{"status":"success","errors":[],"succeeded":1,"failed":0,"results":[
			{"index":0,"service_type":"okta","external_id":"acme.okta.com","deleted":` + deleted + `}]}`
	}
	u := h.person("alice@example.com", "00u1")
	a := h.api(admin, http.MethodPost, "/services/delete", body(""))
	if a.status != http.StatusConflict || a.body["code"] != "Service:REFERENCED" {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	h.api(admin, http.MethodPost, "/users/delete", `{"users":[{"id":"`+u.ID+`"}]}`)
	h.api(admin, http.MethodPost, "/services/delete", body("")).want(t, http.StatusOK, done("true"))
	h.api(admin, http.MethodPost, "/services/delete", body("")).want(t, http.StatusOK, done("false"))
}

func TestWriteServicesRefusesBadKeys(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, call := range [][2]string{{http.MethodPost, "/services"}, {http.MethodPatch, "/services"}, {http.MethodPost, "/services/delete"}} {
		h.api(admin, call[0], call[1], `{"service_type":"slack","external_id":"acme","label":"x"}`).
			wantError(t, http.StatusBadRequest, identity.CodeServiceInvalid,
				"The external ID 'acme' is invalid for service type 'slack'. Must start with 'T' and be all upper case")
		h.api(admin, call[0], call[1], `{"label":"x"}`).
			wantError(t, http.StatusBadRequest, identity.CodeInvalid, "The request is invalid: "+
				"body: expected required property external_id to be present; body: expected required property service_type to be present")
	}
}

func TestConfiguredServicesAreNotChanged(t *testing.T) {
	t.Parallel()
	h := start(t, withDirectory(accounts{}), func(c *server.Config) {
		c.Configured = map[identity.ServiceKey]bool{okta: true}
	}).register(okta, github)
	same, other := `{"service_type":"okta","external_id":"acme.okta.com","label":"okta"}`, `{"service_type":"okta","external_id":"acme.okta.com","label":"x"}`
	const label = `okta:acme.okta.com is owned by the server's configuration file: its label is "okta". Change the service block there.`
	for _, method := range []string{http.MethodPost, http.MethodPatch} {
		h.api(admin, method, "/services", same).want(t, http.StatusOK, strings.Replace(oktaService, `"configured":false`, `"configured":true`, 1))
		h.api(admin, method, "/services", other).wantError(t, http.StatusConflict, identity.CodeServiceConflict, label)
	}
	h.api(admin, http.MethodPost, "/services/delete", same).wantError(t, http.StatusConflict, identity.CodeServiceConflict,
		"okta:acme.okta.com is owned by the server's configuration file: it cannot be deleted here. Change the service block there.")
	h.api(admin, http.MethodPatch, "/services", `{"service_type":"github","external_id":"acme","label":"GitHub"}`).
		want(t, http.StatusOK, `{"id":"<uuid>","slug":"github","external_id":"acme","label":"GitHub","revision":1,"updated_at":"<time>","updated_by":"token:ci","directory":false,"configured":false}`)
}

func TestReferences(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	id := h.api(guest, http.MethodGet, "/services?service_type=okta", nil).body["services"].([]any)[0].(map[string]any)["id"].(string)
	path := "/service/" + id + "/references"
	h.api(guest, http.MethodGet, path, nil).want(t, http.StatusOK, `{"error":"false","references":{"identities":[],"integrations":[]}}`)
	h.person("alice@example.com", "00u1")
	h.api(guest, http.MethodGet, path, nil).want(t, http.StatusOK, `{"error":"false","references":{"identities":["<uuid>"],"integrations":[]}}`)
	h.api(guest, http.MethodGet, "/service/nothing/references", nil).
		wantError(t, http.StatusNotFound, identity.CodeServiceNotFound, `No service has the id "nothing"`)
}
