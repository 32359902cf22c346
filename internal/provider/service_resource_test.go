// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func TestServiceResource_validate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config map[string]any
		want   []string
	}{
		"valid":                  {config: map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "label": "Okta"}},
		"unknown":                {config: map[string]any{"service_type": unknown, "external_id": unknown, "label": unknown}},
		"unknown id":             {config: map[string]any{"service_type": "slack", "external_id": unknown}},
		"colons and slash":       {config: map[string]any{"service_type": "aws_sso", "external_id": "arn:aws:sso:::instance/ssoins-1"}},
		"type of the user's own": {config: map[string]any{"service_type": "datadog", "external_id": "eu"}},
		"bad type":               {config: map[string]any{"service_type": "Okta", "external_id": "acme.okta.com"}, want: []string{`AttributeName("service_type") … "Okta" is not a service type`}},
		"bad type, id unknown":   {config: map[string]any{"service_type": "a b", "external_id": unknown}, want: []string{`AttributeName("service_type") … lower case letters`}},
		"bad id":                 {config: map[string]any{"service_type": "slack", "external_id": "t123"}, want: []string{`AttributeName("external_id") … The external ID 't123' is invalid for service type 'slack' … Must start with 'T'`}},
		"empty id":               {config: map[string]any{"service_type": "okta", "external_id": ""}, want: []string{`AttributeName("external_id") … must not be empty`}},
		"managed":                {config: map[string]any{"service_type": "sym", "external_id": "cloud"}, want: []string{`AttributeName("service_type") … cannot be declared … managed`}},
		"empty label":            {config: map[string]any{"service_type": "okta", "external_id": "x", "label": ""}, want: []string{`AttributeName("label"): Invalid Label … leave it out`}},
		"label with space":       {config: map[string]any{"service_type": "okta", "external_id": "x", "label": "Okta "}, want: []string{`AttributeName("label") … space`}},
		"label with line break":  {config: map[string]any{"service_type": "okta", "external_id": "x", "label": "Okta\n"}, want: []string{`AttributeName("label"): Invalid Label | The label ends with a line break; remove it`}},
		"label with tab":         {config: map[string]any{"service_type": "okta", "external_id": "x", "label": "Ok\tta"}, want: []string{`AttributeName("label"): Invalid Label … control character`}},
		"number without its 0":   {config: map[string]any{"service_type": "aws_iam", "external_id": "12345678901"}, want: []string{`AttributeName("external_id") … Must be a 12 digit account number. Write it in quotes`}},
		"long label":             {config: map[string]any{"service_type": "okta", "external_id": "x", "label": strings.Repeat("x", 257)}, want: []string{`AttributeName("label") … 256 bytes`}},
	}
	p := newProtocolServer(t, nil, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostics(t, (&protocolServer{t: t, server: p.server, schema: p.schema}).validate("sym_service", tt.config), tt.want...)
		})
	}
}

func oktaServiceConfig(label any) map[string]any {
	return map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "label": label}
}

func TestServiceResource_lifecycle(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings())

	planned := p.plain(p.resource("sym_service"), p.plan("sym_service", nil, oktaServiceConfig("Okta")).PlannedState)
	if planned["key"] != "okta:acme.okta.com" || planned["id"] != unknown {
		t.Errorf("planned: %v", planned)
	}
	state, diags := p.apply("sym_service", nil, oktaServiceConfig("Okta"))
	wantDiagnostics(t, diags)
	stored, there := api.service("okta:acme.okta.com")
	want := map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "label": "Okta", "key": "okta:acme.okta.com", "id": stored.ID}
	if diff := cmp.Diff(want, state); !there || diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	read, diags := p.read("sym_service", state)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(state, read); diff != "" {
		t.Errorf("read (-created +read):\n%s", diff)
	}

	changed, diags := p.apply("sym_service", state, oktaServiceConfig(nil))
	wantDiagnostics(t, diags)
	want["label"] = nil
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("label removed (-want +got):\n%s", diff)
	}
	if stored, _ := api.service("okta:acme.okta.com"); stored.Label != "" {
		t.Errorf("label %q is stored", stored.Label)
	}
	imported, diags := p.importState("sym_service", "okta:acme.okta.com")
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(changed, imported); diff != "" {
		t.Errorf("imported (-state +import):\n%s", diff)
	}

	plan := p.plan("sym_service", changed, map[string]any{"service_type": "okta", "external_id": "other.okta.com"})
	wantDiagnostics(t, plan.Diagnostics)
	if len(plan.RequiresReplace) != 1 || plan.RequiresReplace[0].String() != `AttributeName("external_id")` {
		t.Errorf("replaces because of %v", plan.RequiresReplace)
	}
	for range 2 { // gone already is success
		gone, diags := p.apply("sym_service", changed, nil)
		wantDiagnostics(t, diags)
		if gone != nil {
			t.Errorf("deleted: %v", gone)
		}
	}
	if _, there := api.service("okta:acme.okta.com"); there {
		t.Error("the service is still registered")
	}
}

func TestServiceResource_adoption(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stored string
		label  any
		want   []string
	}{
		"equal":          {stored: "Okta", label: "Okta"},
		"equal, without": {stored: "", label: nil},
		"another label": {stored: "Okta", label: "Okta (prod)", want: []string{
			`ERROR AttributeName("label"): Service Is Registered With Another Label … stored:   "Okta" … declared: "Okta (prod)" … ` +
				`declare label = "Okta" … the file's: change it there … terraform import ADDRESS 'okta:acme.okta.com'`}},
		"a label, none declared": {stored: "Okta", label: nil, want: []string{`declare label = "Okta"`}},
		"no label, one declared": {stored: "", label: "Okta", want: []string{`declare it without a label`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newTestServer(t)
			before := api.registerAs("okta:acme.okta.com", tt.stored)
			p := newProtocolServer(t, nil, api.settings())
			wantDiagnostics(t, p.plan("sym_service", nil, oktaServiceConfig(tt.label)).Diagnostics, tt.want...)
			state, diags := p.apply("sym_service", nil, oktaServiceConfig(tt.label))
			wantDiagnostics(t, diags, tt.want...)
			after, _ := api.service("okta:acme.okta.com")
			if diff := cmp.Diff(before, after, cmpopts.IgnoreFields(identity.Service{}, "NoDirectory", "Revision", "UpdatedAt", "UpdatedBy")); diff != "" {
				t.Errorf("the stored service changed:\n%s", diff)
			}
			if asserted := after.Revision > before.Revision; asserted != (len(tt.want) == 0) {
				t.Errorf("revision %d after %d", after.Revision, before.Revision)
			}
			if adopted := state != nil && state["id"] == before.ID; adopted != (len(tt.want) == 0) {
				t.Errorf("state: %v", state)
			}
		})
	}
}

func TestServiceResource_ownedByConfiguration(t *testing.T) {
	t.Parallel()
	api := newTestServer(t, withOwned("okta:acme.okta.com"))
	api.registerAs("okta:acme.okta.com", "Okta")
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.apply("sym_service", nil, oktaServiceConfig("Okta"))
	wantDiagnostics(t, diags)
	const refused = `ERROR AttributeName("label"): Service Is Registered With Another Label | okta:acme.okta.com … declare label = "Okta"` +
		". The server's configuration file owns the service: change its label there. … removed {\n    from = sym_service.NAME … destroy = false"
	wantDiagnostics(t, p.plan("sym_service", state, oktaServiceConfig("Mine")).Diagnostics, refused)
	wantDiagnostics(t, p.plan("sym_service", state, oktaServiceConfig(nil)).Diagnostics, refused)
	other := map[string]any{"service_type": "okta", "external_id": "other.okta.com", "label": "Mine"} // replaces the service
	wantDiagnostics(t, p.plan("sym_service", state, other).Diagnostics)
	// The file's label has changed since the last refresh, and once more since the plan.
	old := maps.Clone(state)
	old["label"] = "Old"
	planned := p.plan("sym_service", old, oktaServiceConfig("Okta"))
	wantDiagnostics(t, planned.Diagnostics)
	label := "New"
	if _, err := api.Store.UpdateService(t.Context(), testActor, store.ServiceUpdate{Key: mustService(testOkta), Label: &label}); err != nil {
		t.Fatal(err)
	}
	_, diags = p.applyPlan("sym_service", old, oktaServiceConfig("Okta"), planned)
	wantDiagnostics(t, diags, "Unable to Update Service … okta:acme.okta.com is owned by the server's configuration file … Change the service block there")
	kept, diags := p.apply("sym_service", state, nil)
	wantDiagnostics(t, diags, "Unable to Delete Service … owned by the server's configuration file … Change the service block there … removed {\n    from = sym_service.NAME … destroy = false")
	if diff := cmp.Diff(state, kept); diff != "" {
		t.Errorf("the state of a refused deletion (-want +got):\n%s", diff)
	}
}

func TestServiceResource_referenced(t *testing.T) {
	t.Parallel()
	api := newTestServer(t).register("okta:acme.okta.com")
	api.mapping("ada@acme.com", "okta:acme.okta.com", "00u1", identity.Manual)
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.importState("sym_service", "okta:acme.okta.com")
	wantDiagnostics(t, diags)
	kept, diags := p.apply("sym_service", state, nil)
	wantDiagnostics(t, diags, "Unable to Delete Service … Cannot perform delete because it is referenced by 1 identities and 0 integrations … mappings of the service first … removed {\n    from = sym_service.NAME … destroy = false")
	if kept == nil {
		t.Error("a refused deletion dropped the state")
	}
}

func TestServiceResource_gone(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, newTestServer(t).settings())
	state, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "WARNING: Service Is Gone: okta:acme.okta.com … deleted outside … the next apply registers it again")
	if state != nil {
		t.Errorf("state: %v", state)
	}
	state, diags = p.apply("sym_service", oktaServiceState(), oktaServiceConfig("New"))
	wantDiagnostics(t, diags, "Unable to Update Service … No service is registered for okta:acme.okta.com")
	if state["label"] == "New" {
		t.Error("a failed update is in state")
	}
}

func TestServiceResource_import(t *testing.T) {
	t.Parallel()
	api := newTestServer(t).register("aws_sso:arn:aws:sso:::instance/ssoins-1")
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.importState("sym_service", "aws_sso:arn:aws:sso:::instance/ssoins-1")
	wantDiagnostics(t, diags)
	if state["external_id"] != "arn:aws:sso:::instance/ssoins-1" || state["service_type"] != "aws_sso" {
		t.Errorf("imported: %v", state)
	}
	for id, want := range map[string]string{
		"okta":           `Invalid Import ID … "okta" is not a service key … SERVICE_TYPE:EXTERNAL_ID`,
		"":               "Invalid Import ID … is not a service key",
		"slack:lower":    "Invalid Import ID … Must start with 'T'",
		"okta:elsewhere": "Service Not Found … okta:elsewhere",
	} {
		_, diags := p.importState("sym_service", id)
		wantDiagnostics(t, diags, want)
	}
}

// TestServiceResource_conflictAtApply: what was registered since the plan is
// found by the API, with the same way out.
func TestServiceResource_conflictAtApply(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings())
	planned := p.plan("sym_service", nil, oktaServiceConfig("Mine"))
	wantDiagnostics(t, planned.Diagnostics)
	api.registerAs("okta:acme.okta.com", "Okta")
	_, diags := p.applyPlan("sym_service", nil, oktaServiceConfig("Mine"), planned)
	wantDiagnostics(t, diags, `Service Is Registered With Another Label … declare label = "Okta" … Request: POST /api/v1/services, status 409 Conflict`)
}

// TestServiceResource_acknowledged: whatever the API makes of a label, what it
// acknowledged is in state and no error taints it.
func TestServiceResource_acknowledged(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	answer := func(w http.ResponseWriter, r *http.Request) {
		var asked symapi.ServiceWrite
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &asked)
		reply, _ := json.Marshal(symapi.Service{ID: "c0ffee00-0000-4000-8000-000000000000", Slug: asked.ServiceType, ExternalID: asked.ExternalID, Label: "OKTA", Revision: 7})
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(reply)
	}
	api.answerNext(1, http.MethodPost, "services", answer)
	api.answerNext(1, http.MethodPatch, "services", answer)
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.apply("sym_service", nil, oktaServiceConfig("Okta"))
	wantDiagnostics(t, diags)
	if state["label"] != "Okta" || state["id"] != "c0ffee00-0000-4000-8000-000000000000" {
		t.Errorf("state: %v", state)
	}
}

func TestServiceResource_failures(t *testing.T) {
	t.Parallel()
	api := newTestServer(t).register("okta:acme.okta.com")
	p := newProtocolServer(t, nil, api.settings())
	_, diags := p.read("sym_service", oktaServiceState()) // logs in
	wantDiagnostics(t, diags)

	p.nextRun()
	api.failNext(1, http.MethodGet, "services", http.StatusBadGateway, "<h1>Bad Gateway</h1>")
	state, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "Unable to Read Service | For okta:acme.okta.com: the API is not available … GET /api/v1/services, status 502")
	if state == nil {
		t.Error("a failed read dropped the state")
	}
	api.failNext(1, http.MethodPost, "services", http.StatusForbidden, `{"message":"no"}`)
	state, diags = p.apply("sym_service", nil, map[string]any{"service_type": "github", "external_id": "acme"})
	wantDiagnostics(t, diags, "Unable to Create Service … role")
	if state != nil {
		t.Errorf("a failed creation is in state: %v", state)
	}
	guest := newProtocolServer(t, nil, api.settings(map[string]any{"token": testGuestToken}))
	_, diags = guest.apply("sym_service", nil, map[string]any{"service_type": "github", "external_id": "acme"})
	wantDiagnostics(t, diags, "Unable to Create Service … the role of the token from the attribute token does not allow this … status 403")
}

// A person or another resource stores the service after this one did: between two
// runs, or while it is about to be deleted. Mappings that refer to it and the
// server's configuration file, which would refuse to delete it, do not matter then.
func TestServiceResource_destroyLeaves(t *testing.T) {
	t.Parallel()
	assert := func(s *testServer, label string) {
		_, err := s.Store.UpdateService(s.t.Context(), testActor, store.ServiceUpdate{Key: mustService(testOkta), Label: &label, Assert: true})
		if err != nil {
			s.t.Error(err)
		}
	}
	for _, label := range []string{"Okta", "HAND"} {
		for _, when := range []string{"before", "refreshed", "meanwhile"} {
			for _, what := range []string{"free", "referenced", "owned"} {
				t.Run(label+" "+when+" "+what, func(t *testing.T) {
					t.Parallel()
					s := newTestServer(t)
					if what == "owned" {
						s = newTestServer(t, withOwned(testOkta))
						s.registerAs(testOkta, "Okta")
					}
					p := newProtocolServer(t, nil, s.settings())
					r := &instance{typeName: "sym_service"}
					wantDiagnostics(t, r.apply(p, oktaServiceConfig("Okta")))
					before, _ := s.service(testOkta)
					if what == "referenced" {
						s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
					}
					p.nextRun()
					if when == "meanwhile" {
						var once sync.Once
						s.onRequest(func(req *http.Request) {
							if strings.HasSuffix(req.URL.Path, "services/delete") {
								once.Do(func() { assert(s, label) })
							}
						})
					} else {
						assert(s, label)
					}
					if when == "refreshed" {
						for range 2 { // the second read must not take the new revision for its own
							_ = r.refresh(p)
							p.nextRun()
						}
					}
					wantDiagnostics(t, r.apply(p, nil), `WARNING: Service Kept: okta:acme.okta.com … label "`+label+`" (by somebody, 20 … To delete it as well`)
					if after, _ := s.service(testOkta); after.ID != before.ID {
						t.Errorf("stored: %+v", after)
					}
				})
			}
		}
	}
}

// The read of a service that is the same, but is owned by somebody else, warns.
func TestServiceResource_ownedElsewhere(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	p := newProtocolServer(t, nil, s.settings())
	a, b := &instance{typeName: "sym_service"}, &instance{typeName: "sym_service"}
	wantDiagnostics(t, a.apply(p, oktaServiceConfig("Okta")))
	wantDiagnostics(t, b.apply(p, oktaServiceConfig("Okta")))
	for range 2 {
		p.nextRun()
		wantDiagnostics(t, b.refresh(p))
		wantDiagnostics(t, a.refresh(p), `WARNING: Service Is Owned Elsewhere: okta:acme.okta.com … label "Okta" (by token:ci, 20 … -replace=ADDRESS`)
	}
	// Another label takes the service back, also where it is stored already.
	label := "Okta (prod)"
	if _, err := s.Store.UpdateService(t.Context(), testActor, store.ServiceUpdate{Key: mustService(testOkta), Label: &label}); err != nil {
		t.Fatal(err)
	}
	wantDiagnostics(t, a.apply(p, oktaServiceConfig(label)))
	p.nextRun()
	wantDiagnostics(t, a.refresh(p))
	wantDiagnostics(t, b.apply(p, nil), "WARNING: Service Kept")
	wantDiagnostics(t, a.apply(p, nil))
	if _, there := s.service(testOkta); there {
		t.Error("the owner's destroy left the service")
	}
}

// The service goes away, or changes, while it is adopted or relabelled.
func TestServiceResource_startsOver(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	p := newProtocolServer(t, nil, s.settings())
	r := &instance{typeName: "sym_service"}
	beforeUpdate := func(f func()) {
		var once sync.Once
		s.onRequest(func(req *http.Request) {
			if req.Method == http.MethodPatch {
				once.Do(f)
			}
		})
	}
	beforeUpdate(func() {
		if _, err := s.Store.DeleteService(t.Context(), testActor, mustService(testOkta), 0); err != nil {
			t.Error(err)
		}
	})
	wantDiagnostics(t, r.apply(p, oktaServiceConfig("Okta")))
	p.nextRun()
	wantDiagnostics(t, r.refresh(p))
	beforeUpdate(func() {
		label := "HAND"
		if _, err := s.Store.UpdateService(t.Context(), testActor, store.ServiceUpdate{Key: mustService(testOkta), Label: &label}); err != nil {
			t.Error(err)
		}
	})
	wantDiagnostics(t, r.apply(p, oktaServiceConfig("Okta (prod)")))
	if stored, _ := s.service(testOkta); stored.Label != "Okta (prod)" || stored.ID != r.state["id"] {
		t.Errorf("stored %+v, state %v", stored, r.state)
	}
	p.nextRun()
	wantDiagnostics(t, r.apply(p, nil))
}

// State of older releases does not know the service's revision: the first read tells.
func TestServiceResource_learnsRevision(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	p := newProtocolServer(t, nil, s.settings())
	r := &instance{typeName: "sym_service"}
	wantDiagnostics(t, r.apply(p, oktaServiceConfig("Okta")))
	r.private = nil
	p.nextRun()
	wantDiagnostics(t, r.refresh(p))
	wantDiagnostics(t, (&instance{typeName: "sym_service"}).apply(p, oktaServiceConfig("Okta")))
	wantDiagnostics(t, r.apply(p, nil), "WARNING: Service Kept")
}

// A destroy waits a little for the resource that adopts the service in the same apply.
func TestServiceResource_renamed(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	p := newProtocolServer(t, nil, s.settings())
	old, fresh := &instance{typeName: "sym_service"}, &instance{typeName: "sym_service"}
	wantDiagnostics(t, old.apply(p, oktaServiceConfig("Okta")))
	s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
	p.nextRun()
	going, coming := old.plan(p, nil), fresh.plan(p, oktaServiceConfig("Okta"))
	deleting := make(chan struct{})
	var once sync.Once
	s.onRequest(func(req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "services/delete") {
			once.Do(func() { close(deleting) })
		}
	})
	var wait sync.WaitGroup
	wait.Go(func() {
		<-deleting // the destroy is first
		wantDiagnostics(t, fresh.applyPlan(p, oktaServiceConfig("Okta"), coming))
	})
	wantDiagnostics(t, old.applyPlan(p, nil, going), "WARNING: Service Kept: okta:acme.okta.com")
	wait.Wait()
}
