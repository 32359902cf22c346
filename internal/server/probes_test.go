// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func parse(rec *httptest.ResponseRecorder) answer {
	a := answer{status: rec.Code, header: rec.Header(), raw: rec.Body.String()}
	_ = json.Unmarshal(rec.Body.Bytes(), &a.body)
	return a
}

func TestProbes(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.send("", http.MethodGet, "/healthz", nil).want(t, http.StatusOK, `{"status":"ok","version":"1.2.3"}`)
	h.send("", http.MethodGet, "/readyz", nil).want(t, http.StatusOK, `{"status":"ok"}`)

	down := start(t, func(c *server.Config) {
		c.Store = fakeStore{Store: c.Store, ping: func() error { return errors.New("password=hunter2") }}
	})
	down.send("", http.MethodGet, "/healthz", nil).want(t, http.StatusOK, `{"status":"ok","version":"1.2.3"}`)
	down.send("", http.MethodGet, "/readyz", nil).want(t, http.StatusServiceUnavailable,
		`{"error":true,"message":"the store does not answer","code":"Store:UNAVAILABLE","status_code":503,"is_retryable":true,"request_id":"`+requestID+`"}`)
	if metrics := down.send("", http.MethodGet, "/metrics", nil).raw; !strings.Contains(metrics, "sym_identityd_store_up 0") {
		t.Errorf("metrics: %s", metrics)
	}
}

func TestMetricsAndLogsNameNobody(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	u := h.person("alice@example.com", "00u1")
	h.api(guest, http.MethodGet, "/users?email=alice@example.com", nil)
	h.api(admin, http.MethodPost, "/users/"+u.ID+"/set-role", `{"role":"guest"}`)
	h.api("wrong-token", http.MethodPost, "/users/search", `{"emails":["alice@example.com"]}`)
	h.api(guest, http.MethodGet, "/alice@example.com", nil)
	h.api(admin, http.MethodPatch, "/users", `{"users":[`+upsertOne("alice@example.com", "00u2", `,"if_absent":true`)+`]}`)

	metrics := h.send("", http.MethodGet, "/metrics", nil).raw
	for _, want := range []string{
		`sym_identityd_requests_total{route="GET /api/v1/users",status="200"} 1`,
		`sym_identityd_requests_total{route="POST /api/v1/users/{id}/set-role",status="200"} 1`,
		`sym_identityd_requests_total{route="POST /api/v1/users/search",status="401"} 1`,
		`sym_identityd_requests_total{route="unmatched",status="404"} 1`,
		`sym_identityd_request_duration_seconds_count{route="GET /api/v1/users"} 1`,
		`sym_identityd_store_up 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in %s", want, metrics)
		}
	}
	logs := h.logs.String()
	for _, want := range []string{`"route":"GET /api/v1/users","status":200`, `"principal":"token:reader"`, `"request_id":"` + requestID + `"`, `"method":"PATCH"`} {
		if !strings.Contains(logs, want) {
			t.Errorf("no %s in the log: %s", want, logs)
		}
	}
	for _, never := range []string{"alice", u.ID, "00u1", admin, guest, "wrong-token"} {
		if strings.Contains(logs, never) || strings.Contains(metrics, never) {
			t.Errorf("a log or metric holds %q", never)
		}
	}
}

func TestHandlersInOneProcessDoNotMix(t *testing.T) {
	t.Parallel()
	one, two := start(t), start(t)
	one.api(guest, http.MethodGet, "/users", nil)
	if metrics := two.send("", http.MethodGet, "/metrics", nil).raw; strings.Contains(metrics, "/api/v1/users") {
		t.Errorf("the second handler counted the first one's request: %s", metrics)
	}
}

func TestNewRefusesAnIncompleteConfig(t *testing.T) {
	t.Parallel()
	st := start(t).store
	if _, err := server.New(server.Config{Store: st}); err == nil {
		t.Error("no Authenticate is accepted")
	}
	if _, err := server.New(server.Config{Authenticate: server.StaticTokens(nil, org)}); err == nil {
		t.Error("no Store is accepted")
	}
}

func TestStaticTokens(t *testing.T) {
	t.Parallel()
	tokens := append(testTokens(),
		server.Token{Name: "not hex", SHA256: "zz", Role: identity.Admin},
		server.Token{Name: "empty", SHA256: hashOf(""), Role: identity.Admin},
		server.Token{Name: "short", SHA256: "", Role: identity.Admin},
		server.Token{Name: "upper", SHA256: strings.ToUpper(hashOf("upper-token")), Role: identity.Guest},
	)
	authenticate := server.StaticTokens(tokens, org)
	for header, want := range map[string]string{
		"Bearer " + admin:               "ci",
		"bearer  " + guest:              "reader",
		"Bearer upper-token":            "upper",
		"Bearer ":                       "",
		"Bearer":                        "",
		"":                              "",
		"Basic " + admin:                "",
		admin:                           "",
		"Bearer " + admin + "x":         "",
		"Bearer " + hashOf(admin):       "",
		"Bearer " + admin + " " + guest: "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		p, err := authenticate(r)
		if p.Name != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", header, p.Name, err)
		}
		if err != nil && identity.CodeOf(err) != identity.CodeUnauthenticated {
			t.Errorf("%q: %v", header, err)
		}
		if err == nil && p.Org != org {
			t.Errorf("%q is of org %q", header, p.Org)
		}
	}
}

func TestAuthenticatorsAnswer(t *testing.T) {
	t.Parallel()
	st := start(t).store
	for name, tt := range map[string]struct {
		principal identity.Principal
		err       error
		status    int
	}{
		"no org":     {identity.Principal{Name: "x", Role: identity.Guest}, nil, http.StatusOK},
		"own org":    {identity.Principal{Name: "x", Org: org, Role: identity.Guest}, nil, http.StatusOK},
		"other org":  {identity.Principal{Name: "x", Org: "globex", Role: identity.Admin}, nil, http.StatusForbidden},
		"no role":    {identity.Principal{Name: "x", Org: org}, nil, http.StatusForbidden},
		"odd role":   {identity.Principal{Name: "x", Org: org, Role: "king"}, nil, http.StatusForbidden},
		"key server": {identity.Principal{}, &identity.Error{Code: identity.CodeUnavailable, Message: "no keys"}, http.StatusServiceUnavailable},
		"own fault":  {identity.Principal{}, errors.New("oops"), http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := inProcess(t, st, func(c *server.Config) {
				c.Authenticate = func(*http.Request) (identity.Principal, error) { return tt.principal, tt.err }
			})
			a := serve(t, handler, httptest.NewRequest(http.MethodGet, symapi.BasePath+"/auth/login", nil))
			if a.status != tt.status {
				t.Errorf("status %d, want %d: %s", a.status, tt.status, a.raw)
			}
		})
	}
}
