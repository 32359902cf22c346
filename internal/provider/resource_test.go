// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/provider/config"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
)

// inOrg makes the API that of another organization.
func inOrg(org string) func(*server.Config) {
	return func(cfg *server.Config) {
		cfg.Org = org
		cfg.Authenticate = server.StaticTokens([]server.Token{{Name: "ci", SHA256: hashOf(testToken), Role: identity.Admin}}, org)
	}
}

// nameOf returns how messages name the store of an API.
func nameOf(t *testing.T, s *testServer, org string) string {
	t.Helper()
	id, err := s.Store.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return config.Store{ID: id, Org: org}.String()
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

// TestSameStore_anotherOrg: another organization's store is not that of state.
func TestSameStore_anotherOrg(t *testing.T) {
	t.Parallel()
	refuseAnotherStore(t, "globex")
}

// TestSameStore_anotherStore: neither is another one of the same organization,
// such as that of staging.
func TestSameStore_anotherStore(t *testing.T) {
	t.Parallel()
	refuseAnotherStore(t, testOrg)
}

// refuseAnotherStore checks that each step of each resource stops before it reads
// or changes anything of an organization's other store. The first resource is an
// error that names both, further ones of the same run are warnings until
// something is applied.
func refuseAnotherStore(t *testing.T, org string) {
	t.Helper()
	const further = "WARNING: Further Resources Belong to Another Store | … first one"
	for typeName, config := range oneOfEach() {
		t.Run(typeName, func(t *testing.T) {
			t.Parallel()
			acme := newTestServer(t).register(testOkta)
			globex := newTestServer(t, inOrg(org)).register(testOkta)
			refused := "ERROR: State Belongs to Another Store | … state:    " + nameOf(t, acme, testOrg) + " … provider: " + nameOf(t, globex, org) +
				" … accept_store_ids … removed block with destroy = false"
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

// TestSameStore_learns: state of older releases knows no store, or the
// organization alone. It learns the store by its first refresh, and a plan
// without one is as good as before.
func TestSameStore_learns(t *testing.T) {
	t.Parallel()
	acme := newTestServer(t).register(testOkta)
	staging := newTestServer(t)
	globex := newTestServer(t, inOrg("globex"))
	const refused = "ERROR: State Belongs to Another Store"
	for typeName, config := range oneOfEach() {
		home := newProtocolServer(t, nil, acme.settings())
		r := &instance{typeName: typeName}
		wantDiagnostics(t, r.apply(home, config))
		for _, private := range [][]byte{nil, privateOf(t, `{"org":"acme"}`)} {
			r.private = private
			home.nextRun()
			wantDiagnostics(t, r.plan(home, config).Diagnostics)
			if private != nil {
				wantDiagnostics(t, r.refresh(newProtocolServer(t, nil, globex.settings(map[string]any{"org": nil}))), refused)
			}
			wantDiagnostics(t, r.refresh(home))
			for _, other := range []*testServer{staging, globex} {
				wantDiagnostics(t, r.refresh(newProtocolServer(t, nil, other.settings(map[string]any{"org": nil}))), refused)
			}
		}
	}
}

// TestSameStore_withoutID: an API that gives no id is known by its organization,
// and makes state forget no id.
func TestSameStore_withoutID(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	other := newTestServer(t)
	r := &instance{typeName: "sym_identity"}
	wantDiagnostics(t, r.apply(newProtocolServer(t, nil, s.settings()), oneOfEach()["sym_identity"]))
	known := string(r.private)
	s.failNext(1, http.MethodGet, "auth/login", http.StatusOK, `{"org":"acme","name":"ci","role":"admin"}`)
	wantDiagnostics(t, r.refresh(newProtocolServer(t, nil, s.settings())))
	if string(r.private) != known {
		t.Errorf("private state was %s and is %s", known, r.private)
	}
	wantDiagnostics(t, r.refresh(newProtocolServer(t, nil, other.settings())), "ERROR: State Belongs to Another Store")
}

// TestSameStore_moved: an export that is imported into an empty store of another
// kind takes the id along. State needs no change, and what it destroys there is
// gone.
func TestSameStore_moved(t *testing.T) {
	t.Parallel()
	old, moved := newTestServer(t).register(testOkta), newTestServer(t, onPostgres(t))
	home := newProtocolServer(t, nil, old.settings())
	resources := map[string]*instance{}
	for typeName, config := range oneOfEach() {
		if typeName != "sym_identities" { // it would take over the mapping of sym_identity
			resources[typeName] = &instance{typeName: typeName}
			wantDiagnostics(t, resources[typeName].apply(home, config))
		}
	}
	copyStore(t, old, moved)
	away := newProtocolServer(t, nil, moved.settings())
	for _, typeName := range []string{"sym_identity", "sym_service", "sym_user"} { // the mapping before the user
		r, config := resources[typeName], oneOfEach()[typeName]
		wantDiagnostics(t, r.refresh(away))
		planned := r.plan(away, config)
		wantDiagnostics(t, planned.Diagnostics)
		if state := away.plain(away.resource(typeName), planned.PlannedState); !reflect.DeepEqual(state, r.state) {
			t.Errorf("%s: the plan changes %v to %v", typeName, r.state, state)
		}
		wantDiagnostics(t, r.apply(away, nil))
	}
	if _, stored := moved.stored("ada@acme.com", testOkta); stored {
		t.Error("the mapping is still stored")
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
	// It is in use now, and has an id of its own.
	taken := &instance{typeName: "sym_identity", state: state, private: private}
	wantDiagnostics(t, taken.refresh(run()), "ERROR: State Belongs to Another Store | … 0b6e5b0e-5a0f-4d0a-9d55-1c6f2f2f0a11 … accept_store_ids = [\"0b6e5b0e-5a0f-4d0a-9d55-1c6f2f2f0a11\"]")
	settings["accept_store_ids"] = []any{"0b6e5b0e-5a0f-4d0a-9d55-1c6f2f2f0a11"}
	wantDiagnostics(t, taken.refresh(run()), "WARNING: Identity Mapping Is Gone")
	delete(settings, "accept_store_ids")
	used := &instance{typeName: "sym_identity", state: state, private: privateOf(t, `{"id":"0b6e5b0e-5a0f-4d0a-9d55-1c6f2f2f0a11","org":"globex"}`)}
	wantDiagnostics(t, used.refresh(run()), "ERROR: State Belongs to Another Store")
}

// TestDestroyAfterRestoredBackup: a backup is put back, and somebody asserts the
// mapping. State knows a revision that was given out after the backup; the
// assertion has another one, so destroying leaves the mapping, unrefreshed too.
func TestDestroyAfterRestoredBackup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "identities.db")
	file := func() *testServer { return newTestServer(t, onStore(t, "sqlite:"+path)) }
	mapping := func(id string) map[string]any {
		return map[string]any{"user": "ada@acme.com", "service_type": "okta", "external_id": "acme.okta.com", "identity": id}
	}
	r := &instance{typeName: "sym_identity"}
	before := file().register(testOkta)
	wantDiagnostics(t, r.apply(newProtocolServer(t, nil, before.settings()), mapping("00u1")))
	if err := before.Store.Close(); err != nil {
		t.Fatal(err)
	}
	backup, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := file()
	wantDiagnostics(t, r.apply(newProtocolServer(t, nil, after.settings()), mapping("00u2")))
	if err := after.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	restored := file()
	restored.mapping("ada@acme.com", testOkta, "00u2", identity.Manual)
	wantDiagnostics(t, r.apply(newProtocolServer(t, nil, restored.settings()), nil), "WARNING")
	if m, stored := restored.stored("ada@acme.com", testOkta); !stored || m.Matcher["user_id"] != "00u2" {
		t.Errorf("what a person asserted is gone: %v", m)
	}
}
