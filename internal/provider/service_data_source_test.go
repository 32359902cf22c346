// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServiceDataSources(t *testing.T) {
	t.Parallel()
	api := newTestServer(t, withDirectory(testOkta, &testDirectory{}), withOwned(testOkta)).register("okta:beta.okta.com", testOkta, "github:acme")
	labelled := api.registerAs("slack:T1", "Slack")
	p := newProtocolServer(t, nil, api.settings())
	for serviceType, want := range map[string][]any{
		"":      {"github:acme", testOkta, "okta:beta.okta.com", "slack:T1"},
		"okta":  {testOkta, "okta:beta.okta.com"},
		"sym":   {"sym:cloud"},
		"jumpc": {},
	} {
		config := map[string]any{"service_type": serviceType}
		if serviceType == "" {
			config = map[string]any{}
		}
		state, diags := p.readData("sym_services", config)
		wantDiagnostics(t, diags)
		if diff := cmp.Diff(want, column(t, state["services"], "key")); diff != "" {
			t.Errorf("type %q (-want +got):\n%s", serviceType, diff)
		}
	}
	state, diags := p.readData("sym_service", map[string]any{"service_type": "slack", "external_id": "T1"})
	wantDiagnostics(t, diags)
	want := map[string]any{"id": labelled.ID, "key": "slack:T1", "service_type": "slack", "external_id": "T1", "label": "Slack", "directory": false, "configured": false}
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	state, diags = p.readData("sym_service", map[string]any{"service_type": "okta", "external_id": "acme.okta.com"})
	wantDiagnostics(t, diags)
	if state["directory"] != true || state["label"] != nil || state["configured"] != true {
		t.Errorf("okta: %v", state)
	}
	_, diags = p.readData("sym_service", map[string]any{"service_type": "okta", "external_id": "ACME.okta.com"})
	wantDiagnostics(t, diags, `AttributeName("external_id"): Service Is Not Registered … okta:ACME.okta.com … okta:acme.okta.com … okta:beta.okta.com`)
	p.nextRun()
	api.failNext(2, http.MethodGet, "services", http.StatusBadGateway, "<h1>Bad Gateway</h1>")
	_, diags = p.readData("sym_service", map[string]any{"service_type": "okta", "external_id": "acme.okta.com"})
	wantDiagnostics(t, diags, "Unable to Read Service … status 502")
	_, diags = p.readData("sym_services", map[string]any{})
	wantDiagnostics(t, diags, "Unable to Read Services … status 502")
}
