// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

const bulkType = "sym_identities"

// bulkOkta is a sym_identities configuration for okta.
func bulkOkta(rows map[string]any, more ...map[string]any) map[string]any {
	config := map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "identities": rows}
	for _, m := range more {
		for k, v := range m {
			config[k] = v
		}
	}
	return config
}

// bulkResource is one sym_identities through its life, with the private state
// that Terraform would keep for it.
type bulkResource struct {
	*protocolServer
	state   map[string]any // nil where there is none
	private []byte
}

func newBulk(p *protocolServer) *bulkResource { return &bulkResource{protocolServer: p} }

// another is a second resource beside it, without state.
func (b *bulkResource) another() *bulkResource { return newBulk(b.protocolServer) }

func (b *bulkResource) plan(config map[string]any) *tfprotov6.PlanResourceChangeResponse {
	b.t.Helper()
	schema := b.resource(bulkType)
	var proposed map[string]any
	if config != nil {
		proposed = map[string]any{"id": unknown, "service": unknown}
		if b.state != nil {
			proposed["id"], proposed["service"] = b.state["id"], b.state["service"]
		}
		for k, v := range config {
			proposed[k] = v
		}
	}
	resp, err := b.server.PlanResourceChange(b.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: bulkType, PriorState: b.value(schema, b.state), ProposedNewState: b.value(schema, proposed), Config: b.value(schema, config),
		PriorPrivate: b.private,
	})
	b.must(err)
	return resp
}

// apply plans and applies; nil destroys. A plan with errors is returned.
func (b *bulkResource) apply(config map[string]any) []*tfprotov6.Diagnostic {
	b.t.Helper()
	planned := b.plan(config)
	if hasError(planned.Diagnostics) {
		return planned.Diagnostics
	}
	return b.applyPlan(config, planned)
}

func (b *bulkResource) applyPlan(config map[string]any, planned *tfprotov6.PlanResourceChangeResponse) []*tfprotov6.Diagnostic {
	b.t.Helper()
	schema := b.resource(bulkType)
	resp, err := b.server.ApplyResourceChange(b.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: bulkType, PriorState: b.value(schema, b.state), PlannedState: planned.PlannedState, Config: b.value(schema, config),
		PlannedPrivate: planned.PlannedPrivate,
	})
	b.must(err)
	b.state, b.private = b.plain(schema, resp.NewState), resp.Private
	return resp.Diagnostics
}

func (b *bulkResource) refresh() []*tfprotov6.Diagnostic {
	b.t.Helper()
	schema := b.resource(bulkType)
	resp, err := b.server.ReadResource(b.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: bulkType, CurrentState: b.value(schema, b.state), Private: b.private})
	b.must(err)
	b.state, b.private = b.plain(schema, resp.NewState), resp.Private
	return resp.Diagnostics
}

func (b *bulkResource) mustApply(config map[string]any) {
	b.t.Helper()
	wantDiagnostics(b.t, b.apply(config))
}

func (b *bulkResource) mustRefresh() {
	b.t.Helper()
	b.nextRun()
	wantDiagnostics(b.t, b.refresh())
}

// wantRows checks the map in state.
func (b *bulkResource) wantRows(want map[string]any) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.state["identities"]); diff != "" {
		b.t.Errorf("identities in state (-want +got):\n%s", diff)
	}
}

// wantNoChange checks that the plan is the state as it stands.
func (b *bulkResource) wantNoChange(config map[string]any) {
	b.t.Helper()
	planned := b.plan(config)
	wantDiagnostics(b.t, planned.Diagnostics)
	if diff := cmp.Diff(b.state, b.plain(b.resource(bulkType), planned.PlannedState)); diff != "" {
		b.t.Errorf("the plan is not empty:\n%s", diff)
	}
}

// newBulkTest is a server with okta and github, and a resource without state.
func newBulkTest(t *testing.T, settings ...map[string]any) (*testServer, *bulkResource) {
	t.Helper()
	s, p := newIdentityTest(t, settings...)
	return s, newBulk(p)
}

func (s *testServer) wantAbsent(users ...string) {
	s.t.Helper()
	for _, user := range users {
		if m, ok := s.stored(user, testOkta); ok {
			s.t.Errorf("still stored for %s: %v", user, m.Matcher)
		}
	}
}

func (s *testServer) wantManual(rows map[string]any) {
	s.t.Helper()
	for user, value := range rows {
		s.wantStored(user, testOkta, value.(string), identity.Manual)
	}
}

// TestIdentitiesReused: of many logins one request tells which accounts have them.
// Keeping the name of another account is an error, changing or destroying it is not, and
// a service that fails proves nothing.
func TestIdentitiesReused(t *testing.T) {
	t.Parallel()
	accounts := directoryOf("ada@acme.com", "ada-l", "bob@acme.com", "bob-b", "cy@acme.com", "cy-c", "eve@acme.com", "eve-e")
	s := newTestServer(t, withDirectory(testGitHub, listedDirectory{accounts})).register(testGitHub)
	b := newBulk(newProtocolServer(t, nil, s.settings()))
	account := func(email, login, id string) {
		accounts.Lock()
		defer accounts.Unlock()
		accounts.Accounts[email][0].Identity, accounts.Accounts[email][0].AccountID = login, id
	}
	fail := func(err error) {
		accounts.Lock()
		defer accounts.Unlock()
		accounts.Err = err
	}
	account("ada@acme.com", "ada-l", "1")
	account("bob@acme.com", "bob-b", "2")
	account("cy@acme.com", "cy-c", "3")
	config := func(ada, bob string) map[string]any {
		return map[string]any{"service_type": "github", "external_id": "acme", "identities": map[string]any{"Ada@acme.com": ada, "bob@acme.com": bob, "cy@acme.com": "cy-c"}}
	}
	b.mustApply(config("ada-l", "bob-b"))
	b.mustRefresh() // learns whose they are
	private := b.private
	s.forget()
	b.mustRefresh()
	if n := len(s.requests("POST identities/status")); n != 1 || !bytes.Equal(private, b.private) {
		t.Errorf("%d requests; private state %q, want %q", n, b.private, private)
	}

	account("ada@acme.com", "ada-byron", "1")
	account("bob@acme.com", "bob-b", "9")
	account("cy@acme.com", "carol", "4")
	b.nextRun()
	const summary = "Identities Belong to Other Accounts Now"
	reused := "WARNING: " + summary + ": github:acme | In github:acme, … bob@acme.com: bob-b (the account that was mapped has the id 2)"
	renamed := "WARNING: Accounts Were Renamed: github:acme | In github:acme, … \"Ada@acme.com\" = \"ada-byron\" # was ada-l"
	absent := "WARNING: Accounts Not Found: github:acme | … cy@acme.com: cy-c"
	wantDiagnostics(t, b.refresh(), reused, renamed, absent)
	refused := `ERROR AttributeName("identities"): ` + summary + " | In github:acme, … bob@acme.com: bob-b (the account that was mapped has the id 2)"
	wantDiagnostics(t, b.plan(config("ada-l", "bob-b")).Diagnostics, refused)
	wantDiagnostics(t, b.plan(config("ada-byron", "bob-b")).Diagnostics, refused)
	wantDiagnostics(t, b.plan(nil).Diagnostics)

	fail(directory.ErrUnavailable)
	b.mustRefresh()
	wantDiagnostics(t, b.plan(config("ada-byron", "bob-b")).Diagnostics, refused)
	fail(nil)
	b.nextRun()
	wantDiagnostics(t, b.refresh(), reused, renamed, absent)
	account("cy@acme.com", "cy-c", "3")
	account("bob@acme.com", "bob-new", "2")
	account("eve@acme.com", "bob-b", "9")
	b.nextRun()
	wantDiagnostics(t, b.refresh(), reused, renamed)
	wantDiagnostics(t, b.plan(config("ada-byron", "bob-b")).Diagnostics, refused)

	// What could not be changed is in state as before, and is known as before.
	planned := b.plan(config("ada-byron", "bob-new"))
	s.mapping("bob@acme.com", testGitHub, "bob-hand", identity.Manual)
	wantDiagnostics(t, b.applyPlan(config("ada-byron", "bob-new"), planned), "ERROR … bob@acme.com: stored bob-hand")
	s.mapping("bob@acme.com", testGitHub, "bob-b", identity.Manual)
	wantDiagnostics(t, b.plan(config("ada-byron", "bob-b")).Diagnostics, refused)
	wantDiagnostics(t, b.refresh(), "WARNING: Identity Mappings Are Owned Elsewhere: github:acme")
	b.mustApply(config("ada-byron", "bob-new"))
	b.mustRefresh()
	b.wantNoChange(config("ada-byron", "bob-new"))
	if bytes.Contains(b.private, []byte(reusedKey)) {
		t.Errorf("private state %q", b.private)
	}
	b.mustApply(nil)
}

func TestIdentitiesValidate(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	many := map[string]any{}
	for i := range 250 {
		many[fmt.Sprintf("user %03d", i)] = "x"
	}
	tests := map[string]struct {
		config map[string]any
		want   []string
	}{
		"good":            {bulkOkta(map[string]any{"ada@acme.com": "00u1", "deploy-bot": "00u2"}), nil},
		"empty":           {bulkOkta(map[string]any{}), nil},
		"unknown map":     {bulkOkta(nil, map[string]any{"identities": unknown}), nil},
		"unknown value":   {bulkOkta(map[string]any{"ada@acme.com": unknown}), nil},
		"unknown service": {bulkOkta(map[string]any{"ada@acme.com": " spaces "}, map[string]any{"external_id": unknown}), nil},
		"odd e-mail":      {bulkOkta(map[string]any{"o'brien+x%/@acme.com": "00u1"}), nil},
		"no map":          {bulkOkta(nil, map[string]any{"identities": nil}), []string{`"identities" … required`}},
		"managed":         {bulkOkta(map[string]any{"ada@acme.com": "x"}, map[string]any{"service_type": "sym", "external_id": "cloud"}), []string{`"service_type" … Managed Service … cannot be … managed`}},
		"bad external id": {bulkOkta(map[string]any{"ada@acme.com": "x"}, map[string]any{"service_type": "slack", "external_id": "t1"}), []string{`"external_id" … Must start with 'T'`}},
		"one bad row":     {bulkOkta(map[string]any{"ada@acme.com": " 00u1", "bob@acme.com": "00u2"}), []string{`ERROR AttributeName("identities").ElementKeyString("ada@acme.com"): Invalid Identity Mappings … starts with a space … Remove it`}},
		"null":            {bulkOkta(map[string]any{"ada@acme.com": nil}), []string{`"ada@acme.com" … identity is null`}},
		"one user twice": {bulkOkta(map[string]any{"Ada@acme.com": "00u1", " ada@ACME.com ": "00u2"}),
			[]string{`ERROR … "Ada@acme.com" … The same user as " ada@ACME.com ": both are ada@acme.com`}},
		"one account twice": {bulkOkta(map[string]any{"ada@acme.com": "Octo", "bob@acme.com": "octo"}, map[string]any{"service_type": "github", "external_id": "acme"}),
			[]string{`ERROR … "bob@acme.com" … The same account as "ada@acme.com" … allow_shared = true`}},
		"one account twice, shared":  {bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u1"}, map[string]any{"allow_shared": true}), nil},
		"one account twice, unknown": {bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u1"}, map[string]any{"allow_shared": unknown}), nil},
		"all in one": {bulkOkta(map[string]any{"ada@acme.com": "", "not a user": "00u2", "eve\u200b@acme.com": "00u3", "zoe@acme.com": "00u4"}),
			[]string{`ERROR AttributeName("identities"): … 3 of 4 entries are wrong … identities["ada@acme.com"]: Identity value cannot be empty … U+200B … identities["not a user"]:`}},
		"bounded": {bulkOkta(many), []string{`250 of 250 entries … identities["user 099"] … and 150 more`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostics(t, p.validate(bulkType, test.config), test.want...)
		})
	}
}

func TestIdentitiesLifecycle(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	b.mustApply(bulkOkta(map[string]any{"Ada@acme.com": "00u1", "bob@acme.com": "00u2"}))
	s.wantManual(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2"})
	want := bulkOkta(map[string]any{"Ada@acme.com": "00u1", "bob@acme.com": "00u2"},
		map[string]any{"id": testOkta, "service": testOkta, "exclusive": nil, "overwrite": nil, "allow_shared": nil, "max_removals": nil})
	if diff := cmp.Diff(want, b.state); diff != "" {
		t.Errorf("state after create (-want +got):\n%s", diff)
	}
	b.mustRefresh()
	if diff := cmp.Diff(want, b.state); diff != "" {
		t.Errorf("a refresh changes state (-want +got):\n%s", diff)
	}

	// One entry changes, one comes, one goes: one write of two, one deletion.
	s.forget()
	b.mustApply(bulkOkta(map[string]any{"Ada@acme.com": "00u9", "eve@acme.com": "00u2"}))
	s.wantManual(map[string]any{"ada@acme.com": "00u9", "eve@acme.com": "00u2"})
	s.wantAbsent("bob@acme.com")
	if writes, deletes := s.requests("PATCH users"), s.requests("POST users/identities/delete"); len(writes) != 1 || len(deletes) != 1 {
		t.Errorf("%d writes and %d deletions, want one of each", len(writes), len(deletes))
	}
	b.mustRefresh()
	b.wantRows(map[string]any{"Ada@acme.com": "00u9", "eve@acme.com": "00u2"})

	b.mustApply(nil)
	s.wantAbsent("ada@acme.com", "eve@acme.com")
	if users, err := s.Store.FindUsers(t.Context(), []identity.UserKey{"ada@acme.com", "bob@acme.com"}); err != nil || len(users) != 2 {
		t.Errorf("destroying mappings must leave the users: %v, %v", users, err)
	}
}

func TestIdentitiesOneEntrySendsOneMapping(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	rows := map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "eve@acme.com": "00u3"}
	b.mustApply(bulkOkta(rows))
	b.mustRefresh()
	s.forget()
	b.mustApply(bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u7", "eve@acme.com": "00u3"}))
	writes := s.requests("PATCH users")
	if len(writes) != 1 || strings.Count(writes[0].Body, `"service_type":"okta"`) != 1 || !strings.Contains(writes[0].Body, `"if_revision"`) {
		t.Errorf("writes: %v", writes)
	}
	if all := s.requests(); len(all) != 3 { // and at plan one search for holders, and the services: has this one a directory?
		t.Errorf("requests: %v", all)
	}
}

func TestIdentitiesAdoption(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	equal := s.mapping("equal@acme.com", testOkta, "00u1", identity.Manual)
	s.mapping("rule@acme.com", testOkta, "00u2", identity.FromRule)
	s.mapping("mail@acme.com", testOkta, "00u9", identity.FromEmail)
	config := bulkOkta(map[string]any{"equal@acme.com": "00u1", "rule@acme.com": "00u2", "mail@acme.com": "00u3", "new@acme.com": "00u4"})
	planned := b.plan(config)
	wantDiagnostics(t, planned.Diagnostics, "WARNING … Will Be Overwritten: okta:acme.okta.com … 1 user … mail@acme.com: stored 00u9 (source email … declared 00u3")
	if len(s.requests("PATCH users")) != 0 {
		t.Error("a plan wrote")
	}
	wantDiagnostics(t, b.applyPlan(config, planned))
	s.wantManual(config["identities"].(map[string]any))
	if now, _ := s.stored("equal@acme.com", testOkta); now.Revision <= equal.Revision {
		t.Error("an adoption is a write")
	}
	b.mustRefresh()
	b.wantNoChange(config)
}

// All conflicts are one error, at plan.
func TestIdentitiesConflictsAtPlan(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	s.mapping("ada@acme.com", testOkta, "00u8", identity.Manual)
	s.mapping("bob@acme.com", testOkta, "00u9", identity.Manual)
	s.mapping("eve@acme.com", testOkta, "00u3", identity.FromRule)
	rows := map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "cy@acme.com": "00u3", "new@acme.com": "00u4"}
	wantDiagnostics(t, b.apply(bulkOkta(rows)),
		`ERROR AttributeName("identities"): Identity Mappings Conflict … 3 of 4 mappings … ada@acme.com: stored 00u8 … declared 00u1 … bob@acme.com: stored 00u9 … `+
			`cy@acme.com: 00u3 belongs to eve@acme.com … terraform import ADDRESS 'okta:acme.okta.com' … overwrite = true … allow_shared = true`)
	wantDiagnostics(t, b.apply(bulkOkta(rows, map[string]any{"overwrite": true})),
		`ERROR AttributeName("identities").ElementKeyString("cy@acme.com"): … cy@acme.com: 00u3 belongs to eve@acme.com`)
	s.wantAbsent("new@acme.com")

	both := bulkOkta(rows, map[string]any{"overwrite": true, "allow_shared": true})
	planned := b.plan(both)
	wantDiagnostics(t, planned.Diagnostics, "WARNING … ada@acme.com: stored 00u8 … bob@acme.com: stored 00u9")
	wantDiagnostics(t, b.applyPlan(both, planned))
	s.wantManual(rows)
}

// Accounts may pass between rows of one resource, also in a circle.
func TestIdentitiesAccountsChangeHands(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	b.mustApply(bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "old@acme.com": "00u3"}))
	swapped := map[string]any{"ada@acme.com": "00u2", "bob@acme.com": "00u1", "new@acme.com": "00u3"}
	b.mustApply(bulkOkta(swapped))
	s.wantManual(swapped)
	s.wantAbsent("old@acme.com")
}

func TestIdentitiesUnknownAtPlan(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	s.mapping("ada@acme.com", testOkta, "00u8", identity.Manual)
	schema := b.resource(bulkType)
	withRows := func(planned *tfprotov6.PlanResourceChangeResponse, rows map[string]any) *tfprotov6.PlanResourceChangeResponse {
		planned.PlannedState = b.value(schema, mergedInto(b.plain(schema, planned.PlannedState), "identities", rows))
		return planned
	}

	// Known rows are checked at plan, the others at apply.
	wantDiagnostics(t, b.plan(bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": unknown})).Diagnostics, "ada@acme.com: stored 00u8")
	planned := b.plan(bulkOkta(map[string]any{"ada@acme.com": unknown, "bob@acme.com": unknown, "eve@acme.com": unknown}))
	wantDiagnostics(t, planned.Diagnostics)
	rows := map[string]any{"ada@acme.com": "00u1", "bob@acme.com": " bad ", "eve@acme.com": "00u3"}
	wantDiagnostics(t, b.applyPlan(bulkOkta(rows), withRows(planned, rows)),
		"ERROR … Unable to Create Identity Mappings … 2 changes … ada@acme.com: stored 00u8 … declared 00u1 … adopts them … eve@acme.com")
	if b.state != nil {
		t.Errorf("state after a failed create: %v", b.state)
	}

	// The whole map, and a service that is created in the same run.
	for _, config := range []map[string]any{
		bulkOkta(nil, map[string]any{"identities": unknown}),
		bulkOkta(map[string]any{"eve@acme.com": "00u3"}, map[string]any{"external_id": unknown}),
	} {
		wantDiagnostics(t, b.plan(config).Diagnostics)
	}
	s.unmap("eve@acme.com", testOkta)
	planned = b.plan(bulkOkta(nil, map[string]any{"identities": unknown}))
	twice := map[string]any{"Eve@acme.com": "00u3", "eve@acme.com": "00u4"}
	wantDiagnostics(t, b.applyPlan(bulkOkta(twice), withRows(planned, twice)), `The same user as "Eve@acme.com"`)
	planned = b.plan(bulkOkta(nil, map[string]any{"identities": unknown}))
	good := map[string]any{"eve@acme.com": "00u5"}
	s.unmap("eve@acme.com", testOkta)
	wantDiagnostics(t, b.applyPlan(bulkOkta(good), withRows(planned, good)))
	b.wantRows(good)
}

func TestIdentitiesSpellingChangesStateAlone(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	b.mustApply(bulkOkta(map[string]any{"ada@acme.com": "00u1", "Bob@acme.com": "00u2"}))
	s.forget()
	respelled := map[string]any{" ADA@acme.com ": "00u1", "bob@ACME.com": "00u2"}
	b.mustApply(bulkOkta(respelled))
	b.wantRows(respelled)
	if got := s.requests(); len(got) != 0 {
		t.Errorf("spelling alone needs no request: %v", got)
	}
	b.mustRefresh()
	b.wantNoChange(bulkOkta(respelled))
	s.forget()

	// With a change beside it, the configuration's spelling is kept and only
	// the changed row is written.
	after := map[string]any{"ADA@acme.com": "00u1", "bob@acme.com": "00u5"}
	b.mustApply(bulkOkta(after))
	b.wantRows(after)
	if writes := s.requests("PATCH users"); len(writes) != 1 || strings.Contains(strings.ToLower(writes[0].Body), "ada@") {
		t.Errorf("writes: %v", writes)
	}
	// Private state still knows both revisions.
	b.mustApply(nil)
	s.wantAbsent("ada@acme.com", "bob@acme.com")

	// An option alone writes nothing.
	b.mustApply(bulkOkta(after))
	s.forget()
	b.mustApply(bulkOkta(after, map[string]any{"overwrite": true}))
	if got := s.requests(); len(got) != 0 || b.state["overwrite"] != true {
		t.Errorf("requests: %v, state %v", got, b.state)
	}
}

func TestIdentitiesDrift(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	config := bulkOkta(map[string]any{"ada@acme.com": "00u1", "Bob@acme.com": "00u2", "eve@acme.com": "00u3", "zoe@acme.com": "00u4"})
	b.mustApply(config)
	s.mapping("ada@acme.com", testOkta, "00u9", identity.Manual)
	s.unmap("bob@acme.com", testOkta)
	s.unmap("eve@acme.com", testOkta)
	s.upsert(store.UserWrite{Key: "zoe@acme.com", Mappings: []store.MappingWrite{
		{Service: mustService(testOkta), Matcher: identity.Matcher{"user_id": "00u4", "note": "x"}, Source: identity.Manual},
	}})
	s.mapping("other@acme.com", testOkta, "00u7", identity.Manual) // not ours
	wantDiagnostics(t, b.refresh(), "WARNING … Identity Mappings Are Gone: okta:acme.okta.com … 2 mappings were removed … bob@acme.com: 00u2 … eve@acme.com: 00u3")
	b.wantRows(map[string]any{"ada@acme.com": "00u9", "zoe@acme.com": `{"note":"x","user_id":"00u4"}`})
	b.mustApply(config)
	s.wantManual(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "eve@acme.com": "00u3", "zoe@acme.com": "00u4", "other@acme.com": "00u7"})
	b.mustRefresh()
	b.wantNoChange(config)

	// Identities that compare without case keep the configuration's spelling.
	g := b.another()
	github := map[string]any{"service_type": "github", "external_id": "acme", "identities": map[string]any{"ada@acme.com": "Octo"}}
	g.mustApply(github)
	s.mapping("ada@acme.com", testGitHub, "octo", identity.Manual)
	g.nextRun()
	wantDiagnostics(t, g.refresh(), "WARNING … Identity Mappings Are Owned Elsewhere: github:acme … ada@acme.com: octo (source manual, by somebody")
	g.wantNoChange(github)
}

// Without the revisions that it wrote, a resource that has not read cannot know whether
// what is stored is its own. It overwrites nothing until it has read.
func TestIdentitiesLostRevisions(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	b.mustApply(bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2"}))
	b.private = nil
	after := bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u3"})
	wantDiagnostics(t, b.apply(after), "ERROR … Unable to Update Identity Mappings … bob@acme.com: stored 00u2 … declared 00u3 … Plan again")
	s.wantManual(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2"})
	b.mustRefresh()
	b.mustApply(after)
	s.wantManual(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u3"})
}

func TestIdentitiesFailuresAreNotGone(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	b.mustApply(bulkOkta(map[string]any{"ada@acme.com": "00u1"}))
	before := b.state
	for _, failure := range []struct {
		status int
		body   string
	}{{401, "{}"}, {403, "<html>"}, {500, "oops"}, {503, ""}, {200, "<html>login</html>"}, {200, `{"users":[`}} {
		b.nextRun()
		s.failNext(1, "POST", "users/search", failure.status, failure.body)
		wantDiagnostics(t, b.refresh(), "ERROR … Unable to Read Identity Mappings … okta:acme.okta.com … request ID")
		if diff := cmp.Diff(before, b.state); diff != "" {
			t.Errorf("status %d changed state:\n%s", failure.status, diff)
		}
	}
}

func TestIdentitiesImport(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	s.mapping("Ada@acme.com", testOkta, "00u1", identity.Manual)
	s.mapping("bob@acme.com", testOkta, "00u2", identity.FromRule)
	s.upsert(store.UserWrite{Key: "zoe@acme.com", Name: "zoe@acme.com", Mappings: []store.MappingWrite{
		{Service: mustService(testOkta), Matcher: identity.Matcher{"user_id": "00u4", "note": "x"}, Source: identity.Manual},
	}})
	var diags []*tfprotov6.Diagnostic
	b.state, diags = b.importState(bulkType, testOkta)
	wantDiagnostics(t, diags)
	b.mustRefresh()
	rows := map[string]any{"Ada@acme.com": "00u1", "zoe@acme.com": `{"note":"x","user_id":"00u4"}`}
	b.wantRows(rows)
	b.wantNoChange(bulkOkta(rows))
	if len(s.requests("PATCH users")) != 0 {
		t.Error("an import wrote")
	}
	for id, want := range map[string]string{
		"":          "Invalid Import ID … is not a service key",
		"nonsense":  "Invalid Import ID … is not a service key … SERVICE_TYPE:EXTERNAL_ID",
		"sym:cloud": "Invalid Import ID … managed",
		testGitHub:  "Identity Mappings Not Found … github:acme … nothing to import",
	} {
		_, diags := b.importState(bulkType, id)
		wantDiagnostics(t, diags, want)
	}
}

func TestIdentitiesReadOnlyAndUnregistered(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t, map[string]any{"read_only": true})
	wantDiagnostics(t, b.apply(bulkOkta(map[string]any{"ada@acme.com": "00u1"})), "Unable to Create Identity Mappings … read-only … ada@acme.com")
	if len(s.requests("PATCH users")) != 0 || b.state != nil {
		t.Error("a write was sent, or state was saved")
	}
	_, b = newBulkTest(t)
	wantDiagnostics(t, b.apply(map[string]any{"service_type": "custom", "external_id": "hr", "identities": map[string]any{"ada@acme.com": "1", "bob@acme.com": "2"}}),
		`"external_id" … Service Is Not Registered … custom:hr … resource "sym_service"`)
	wantDiagnostics(t, b.apply(bulkOkta(map[string]any{"deploy-bot": "00u1", "ada@acme.com": "00u2"})),
		`ERROR AttributeName("identities").ElementKeyString("deploy-bot"): Unable to Create Identity Mappings … 1 change could not be made and 1 was made … deploy-bot: Unknown bot: deploy-bot … adopts them … ada@acme.com`)
}

// TestIdentitiesWithoutExtensions proves that an API without the extensions is
// one error that names the missing call, and that nothing is written to it.
func TestIdentitiesWithoutExtensions(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	s.answerNext(1000, "POST", "users/search", http.NotFound)
	s.answerNext(1000, "POST", "identities/search", http.NotFound)
	wantDiagnostics(t, b.apply(bulkOkta(map[string]any{"ada@acme.com": "00u1"})),
		"ERROR: Unable to … does not know this call … Use sym-identityd … lacks users/search, which the provider needs")
	if len(s.requests("PATCH users")) != 0 || b.state != nil {
		t.Error("a write was sent, or state was saved")
	}
}
