// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
)

// inOrg makes the API that of another organization.
func inOrg(org string) func(*server.Config) {
	return func(cfg *server.Config) {
		cfg.Org = org
		cfg.Authenticate = server.StaticTokens([]server.Token{{Name: "ci", SHA256: hashOf(testToken), Role: identity.Admin}}, org)
	}
}

// oneOfEach returns a configuration of each resource type.
func oneOfEach() map[string]map[string]any {
	return map[string]map[string]any{
		"sym_identity":   {"user": "ada@acme.com", "service_type": "okta", "external_id": "acme.okta.com", "identity": "00u1"},
		"sym_identities": {"service_type": "okta", "external_id": "acme.okta.com", "identities": map[string]any{"ada@acme.com": "00u1"}},
		"sym_user":       {"email": "ada@acme.com", "first_name": "Ada"},
		"sym_service":    {"service_type": "github", "external_id": "acme"},
	}
}

// TestSameStore_anotherOrg: each step of each resource stops before it reads or
// changes anything of another organization's store. The first resource is an
// error, further ones of the same run are warnings until something is applied.
func TestSameStore_anotherOrg(t *testing.T) {
	t.Parallel()
	const (
		refused = `ERROR: State Belongs to Another Store | … org "acme" … org "globex" … removed block with destroy = false`
		further = "WARNING: Further Resources Belong to Another Store | … first one"
	)
	for typeName, config := range oneOfEach() {
		t.Run(typeName, func(t *testing.T) {
			t.Parallel()
			acme := newTestServer(t).register(testOkta)
			globex := newTestServer(t, inOrg("globex")).register(testOkta)
			home := newProtocolServer(t, nil, acme.settings())
			away := newProtocolServer(t, nil, globex.settings(map[string]any{"org": nil}))
			r := &instance{typeName: typeName}
			wantDiagnostics(t, r.apply(home, config))
			changed := maps.Clone(config)
			switch typeName {
			case "sym_user":
				changed["first_name"] = "Augusta"
			case "sym_service":
				changed["label"] = "GitHub"
			case "sym_identity":
				changed["identity"] = "00u2"
			default:
				changed["identities"] = map[string]any{"ada@acme.com": "00u2"}
			}
			home.nextRun()
			updates, destroys := r.plan(home, changed), r.plan(home, nil)

			globex.forget()
			before := *r
			wantDiagnostics(t, r.refresh(away), refused)
			wantDiagnostics(t, r.refresh(away), further)
			wantDiagnostics(t, r.plan(away, config).Diagnostics, further)
			away.nextRun()
			wantDiagnostics(t, r.plan(away, config).Diagnostics, refused)
			wantDiagnostics(t, r.plan(away, nil).Diagnostics, further)
			updated, destroyed := before, before
			wantDiagnostics(t, updated.applyPlan(away, changed, updates), refused)
			wantDiagnostics(t, destroyed.applyPlan(away, nil, destroys), refused)
			for _, request := range globex.requests() {
				if request.Path != "auth/login" {
					t.Errorf("the other store was asked: %s", request)
				}
			}
			home.nextRun()
			wantDiagnostics(t, before.refresh(home))
			wantDiagnostics(t, before.apply(home, nil))
		})
	}
}

// TestSameStore_learns: state of older releases knows no store, and learns it by
// its first refresh.
func TestSameStore_learns(t *testing.T) {
	t.Parallel()
	for typeName, config := range oneOfEach() {
		acme := newTestServer(t).register(testOkta)
		globex := newTestServer(t, inOrg("globex"))
		home := newProtocolServer(t, nil, acme.settings())
		r := &instance{typeName: typeName}
		wantDiagnostics(t, r.apply(home, config))
		r.private = nil
		home.nextRun()
		wantDiagnostics(t, r.refresh(home))
		away := newProtocolServer(t, nil, globex.settings(map[string]any{"org": nil}))
		wantDiagnostics(t, r.refresh(away), "ERROR: State Belongs to Another Store")
	}
}

// TestSameStore_accepted: accept_store_ids names where state may come from.
func TestSameStore_accepted(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
	const old = "0b6e5b0e-5a0f-4d0a-9d55-1c6f2f2f0a11"
	stored := &instance{typeName: "sym_identity"}
	wantDiagnostics(t, stored.apply(newProtocolServer(t, nil, s.settings()), oneOfEach()["sym_identity"]))
	// {"id":old,"org":"globex"}, as private state encodes it
	stored.private = privateOf(t, `{"id":"`+old+`","org":"globex"}`)

	refusing := *stored
	wantDiagnostics(t, refusing.refresh(newProtocolServer(t, nil, s.settings())),
		"ERROR: State Belongs to Another Store | … sym-identityd import … accept_store_ids = [\""+old+"\"]")
	wantDiagnostics(t, refusing.refresh(newProtocolServer(t, nil, s.settings(map[string]any{"accept_store_ids": []any{"another"}}))), "State Belongs to Another Store")
	accepting := newProtocolServer(t, nil, s.settings(map[string]any{"accept_store_ids": []any{"another", old}}))
	wantDiagnostics(t, stored.refresh(accepting))
	wantDiagnostics(t, stored.refresh(newProtocolServer(t, nil, s.settings()))) // it knows the new one now
}

// TestSameStore_emptyFile: a fresh checkout in embedded mode plans everything
// again, as often as it is planned before something is stored.
func TestSameStore_emptyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "sym-identityd.hcl")
	writeFile(t, file, "org = \"acme\"\nstore = \"sqlite:identities.db\"\nservice \"okta\" \"acme.okta.com\" {}\n")
	settings := map[string]any{"embedded": map[string]any{"config": file}}
	run := func() *protocolServer { return newProtocolServer(t, nil, settings) }
	private := privateOf(t, `{"id":"0b6e5b0e-5a0f-4d0a-9d55-1c6f2f2f0a11","org":"acme"}`)
	first := &instance{typeName: "sym_identity"}
	wantDiagnostics(t, first.apply(run(), oneOfEach()["sym_identity"]))
	state := first.state
	for _, name := range []string{"identities.db", "identities.db-wal", "identities.db-shm"} {
		_ = os.Remove(filepath.Join(dir, name))
	}
	for range 2 {
		lost := &instance{typeName: "sym_identity", state: state, private: private}
		got := lost.refresh(run())
		if len(got) != 1 || !strings.Contains(got[0].Summary, "Identity Mapping Is Gone") || lost.state != nil {
			t.Errorf("refreshed: %v, %v", got, lost.state)
		}
	}
	wantDiagnostics(t, (&instance{typeName: "sym_user"}).apply(run(), oneOfEach()["sym_user"]))
	used := &instance{typeName: "sym_identity", state: state, private: privateOf(t, `{"id":"0b6e5b0e-5a0f-4d0a-9d55-1c6f2f2f0a11","org":"globex"}`)}
	wantDiagnostics(t, used.refresh(run()), "ERROR: State Belongs to Another Store")
}
