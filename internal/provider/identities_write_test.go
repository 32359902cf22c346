// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// manyRows are n rows from a number on, ordered as numbered.
func manyRows(from, n int) map[string]any {
	rows := make(map[string]any, n)
	for i := from; i < from+n; i++ {
		rows[fmt.Sprintf("user%05d@acme.com", i)] = fmt.Sprintf("00u%05d", i)
	}
	return rows
}

// countStored is how many mappings okta has.
func (s *testServer) countStored() int {
	s.t.Helper()
	users, _, err := s.Store.Users(s.t.Context(), store.UserFilter{})
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, u := range users {
		if _, ok := u.Mapping(mustService(testOkta)); ok {
			n++
		}
	}
	return n
}

// failAfter lets n requests to method and path pass and fails all that follow,
// until it is called again.
func (s *testServer) failAfter(n int, method, path string) {
	pass := 0
	s.onRequest(func(r *http.Request) {
		if r.Method == method && strings.HasSuffix(r.URL.Path, path) {
			if pass++; pass == n {
				s.failNext(1000, method, path, http.StatusInternalServerError, "<html>oops</html>")
			}
		}
	})
}

func (s *testServer) heal() {
	s.onRequest(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// A create that fails in the middle leaves no state, and the next one adopts
// what was stored.
func TestIdentitiesCreateFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	config := bulkOkta(manyRows(0, 5100))
	s.failAfter(1, "PATCH", "users")
	wantDiagnostics(t, b.apply(config), "ERROR: Unable to Create Identity Mappings … 100 changes could not be made, 2500 changes may be stored, and 2500 were made … the server failed … "+
		"may be stored all the same … PATCH /api/v1/users, status 500 … not known whether these changes are stored … user02500@acme.com … and 2400 more … "+
		"these were not changed … user05000@acme.com … user05099@acme.com … next apply adopts them … user00000@acme.com … and 2400 more")
	if b.state != nil {
		t.Fatal("a create that failed left state, which Terraform taints")
	}
	if n := s.countStored(); n != 2500 {
		t.Errorf("%d stored, want 2500", n)
	}
	s.heal()
	b.mustApply(config)
	b.wantRows(config["identities"].(map[string]any))
	if n := s.countStored(); n != 5100 {
		t.Errorf("%d stored, want 5100", n)
	}
	b.mustRefresh()
	b.wantNoChange(config)
}

// On an update state holds exactly what was written.
func TestIdentitiesUpdateFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	before := manyRows(0, 2501)
	b.mustApply(bulkOkta(before))
	after := manyRows(0, 2600) // 2501 change, 99 come
	for user := range before {
		after[user] = "x" + after[user].(string)
	}
	s.failAfter(1, "PATCH", "users")
	wantDiagnostics(t, b.apply(bulkOkta(after)), "Unable to Update Identity Mappings … 0 changes could not be made, 100 changes may be stored, and 2500 were made")
	s.heal()
	want := maps.Clone(before)
	for user := range manyRows(0, 2500) {
		want[user] = after[user]
	}
	b.wantRows(want)
	b.mustRefresh()
	b.wantRows(want)
	b.mustApply(bulkOkta(after))
	b.mustRefresh()
	b.wantRows(after)
}

// One bad row never blocks the others of its batch.
func TestIdentitiesOneBadRowBlocksNobody(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	b.mustApply(bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "old@acme.com": "00u3"}))
	after := map[string]any{"ADA@acme.com": "00u5", "Bob@acme.com": "00u6", "new@acme.com": "00u7", "zoe@acme.com": "00u8"}
	planned := b.plan(bulkOkta(after))
	wantDiagnostics(t, planned.Diagnostics)
	s.mapping("ada@acme.com", testOkta, "00u9", identity.Manual) // after the plan
	s.mapping("eve@acme.com", testOkta, "00u7", identity.Manual)
	s.mapping("old@acme.com", testOkta, "00u4", identity.Manual)
	wantDiagnostics(t, b.applyPlan(bulkOkta(after), planned),
		"WARNING … Identity Mappings Kept: okta:acme.okta.com … old@acme.com: 00u4 (source manual, by somebody",
		`ERROR AttributeName("identities"): Unable to Update Identity Mappings … 2 changes could not be made and 3 were made … Not stored: … `+
			"ada@acme.com: stored 00u9 … declared 00u5 … new@acme.com: 00u7 belongs to eve@acme.com")
	b.wantRows(map[string]any{"ada@acme.com": "00u1", "Bob@acme.com": "00u6", "zoe@acme.com": "00u8"})
	s.wantManual(map[string]any{"ada@acme.com": "00u9", "bob@acme.com": "00u6", "zoe@acme.com": "00u8", "old@acme.com": "00u4"})

	// The next refresh shows what is stored, and the next apply changes it.
	b.mustRefresh()
	b.wantRows(map[string]any{"ada@acme.com": "00u9", "Bob@acme.com": "00u6", "zoe@acme.com": "00u8"})
	s.unmap("eve@acme.com", testOkta)
	b.mustApply(bulkOkta(after))
	s.wantManual(after)
	s.wantManual(map[string]any{"old@acme.com": "00u4"}) // a person's now
}

func TestIdentitiesDestroyConflicts(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	b.mustApply(bulkOkta(map[string]any{"Ada@acme.com": "00u1", "bob@acme.com": "00u2", "eve@acme.com": "00u3", "zoe@acme.com": "00u4"}))
	s.mapping("ada@acme.com", testOkta, "00u9", identity.Manual)
	s.mapping("bob@acme.com", testOkta, "00u2", identity.Manual) // asserted again
	s.unmap("eve@acme.com", testOkta)
	wantDiagnostics(t, b.apply(nil),
		"WARNING … Identity Mappings Kept: okta:acme.okta.com … 2 mappings are … ada@acme.com: 00u9 (source manual, by somebody, … bob@acme.com: 00u2 (source manual")
	if b.state != nil {
		t.Errorf("state after a destroy: %v", b.state)
	}
	s.wantManual(map[string]any{"ada@acme.com": "00u9", "bob@acme.com": "00u2"})
	s.wantAbsent("zoe@acme.com")
}

func TestIdentitiesDestroyFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	b.mustApply(bulkOkta(manyRows(0, 2700)))
	s.failAfter(1, "POST", "users/identities/delete")
	wantDiagnostics(t, b.apply(nil), "Unable to Delete Identity Mappings … 0 changes could not be made, 200 changes may be stored, and 2500 were made")
	s.heal()
	b.wantRows(manyRows(2500, 200))
	b.mustApply(nil)
	if n := s.countStored(); n != 0 {
		t.Errorf("%d stored", n)
	}
}

func TestIdentitiesExclusive(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	exclusive := map[string]any{"exclusive": true}
	s.mapping("Old@acme.com", testOkta, "00u8", identity.Manual)
	s.mapping("older@acme.com", testOkta, "00u3", identity.Manual)
	s.mapping("auto@acme.com", testOkta, "00u7", identity.FromRule)
	s.mapping("old@acme.com", testGitHub, "old", identity.Manual)
	config := bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2"}, exclusive)
	planned := b.plan(config)
	wantDiagnostics(t, planned.Diagnostics, `WARNING AttributeName("exclusive"): Unlisted Mappings Will Be Removed: okta:acme.okta.com … 2 manual mappings … old@acme.com: 00u8 … older@acme.com: 00u3 … removes none of them`)
	wantDiagnostics(t, b.applyPlan(config, planned))
	s.wantManual(map[string]any{"old@acme.com": "00u8", "older@acme.com": "00u3"})
	b.mustRefresh() // shows them, and the plan their removal
	b.wantRows(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "old@acme.com": "00u8", "older@acme.com": "00u3"})
	b.mustApply(config)
	s.wantAbsent("old@acme.com", "older@acme.com")
	s.wantStored("auto@acme.com", testOkta, "00u7", identity.FromRule)
	s.wantStored("old@acme.com", testGitHub, "old", identity.Manual)
	b.mustRefresh()
	b.wantNoChange(config)

	// What appears later shows as an entry that goes away.
	s.mapping("Late@acme.com", testOkta, "00u5", identity.Manual)
	s.upsert(store.UserWrite{Key: "complex@acme.com", Name: "complex@acme.com", Mappings: []store.MappingWrite{
		{Service: mustService(testOkta), Matcher: identity.Matcher{"user_id": "00u6", "note": "x"}, Source: identity.Manual},
	}})
	b.mustRefresh()
	b.wantRows(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2", "late@acme.com": "00u5", "complex@acme.com": `{"note":"x","user_id":"00u6"}`})
	b.mustApply(config)
	s.wantAbsent("late@acme.com", "complex@acme.com")

	// Without it, only listed mappings are read; switching it on warns again.
	plain := bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2"})
	b.mustApply(plain)
	s.mapping("late@acme.com", testOkta, "00u5", identity.Manual)
	b.mustRefresh()
	b.wantNoChange(plain)
	planned = b.plan(config)
	wantDiagnostics(t, planned.Diagnostics, "WARNING … Unlisted Mappings Will Be Removed … late@acme.com: 00u5")
	wantDiagnostics(t, b.applyPlan(config, planned))
	b.wantRows(plain["identities"].(map[string]any))
	s.wantManual(map[string]any{"late@acme.com": "00u5"})
	b.mustRefresh()
	b.mustApply(config)
	s.wantAbsent("late@acme.com")
	b.wantRows(plain["identities"].(map[string]any))
}

// A value of several strings is JSON, declared as plans show it.
func TestIdentitiesMatcherAsJSON(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	config := bulkOkta(map[string]any{"ada@acme.com": `{"note":"x","user_id":"00u1"}`, "bob@acme.com": "00u2"})
	b.mustApply(config)
	if m, _ := s.stored("ada@acme.com", testOkta); len(m.Matcher) != 2 || m.Matcher["user_id"] != "00u1" {
		t.Errorf("stored: %v", m.Matcher)
	}
	b.mustRefresh()
	b.wantNoChange(config)
	wantDiagnostics(t, b.apply(nil))
	s.wantAbsent("ada@acme.com", "bob@acme.com")
	text := bulkOkta(map[string]any{"ada@acme.com": `{"note":"x"}`}, map[string]any{"service_type": "custom", "external_id": "vo"})
	s.register("custom:vo")
	b.mustApply(text)
	s.wantStored("ada@acme.com", "custom:vo", `{"note":"x"}`, identity.Manual)
	b.mustRefresh()
	b.wantNoChange(text)
	wantDiagnostics(t, b.apply(nil))
}

// Nobody listed means nobody mapped by hand.
func TestIdentitiesExclusiveAndEmpty(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	s.mapping("old@acme.com", testOkta, "00u8", identity.Manual)
	b.mustApply(bulkOkta(map[string]any{}))
	s.wantManual(map[string]any{"old@acme.com": "00u8"})
	wantDiagnostics(t, b.apply(nil))
	config := bulkOkta(map[string]any{}, map[string]any{"exclusive": true})
	planned := b.plan(config)
	wantDiagnostics(t, planned.Diagnostics, "WARNING … old@acme.com: 00u8")
	wantDiagnostics(t, b.applyPlan(config, planned))
	b.mustRefresh()
	b.mustApply(config)
	s.wantAbsent("old@acme.com")
	b.wantRows(map[string]any{})
}

// Moving mappings from sym_identity resources to sym_identities, or back, in
// one apply loses nothing, whichever goes first.
func TestIdentitiesMoveFromSingleResources(t *testing.T) {
	t.Parallel()
	single := oktaConfig("ada@acme.com", "00u1")
	rows := map[string]any{"ada@acme.com": "00u1"}
	for _, firstGoes := range []bool{false, true} {
		t.Run(fmt.Sprintf("to many, destroyed first %t", firstGoes), func(t *testing.T) {
			t.Parallel()
			s, b := newBulkTest(t)
			one, diags := b.protocolServer.apply("sym_identity", nil, single)
			wantDiagnostics(t, diags)
			planned := b.plan(bulkOkta(rows))
			wantDiagnostics(t, planned.Diagnostics)
			if firstGoes {
				_, diags = b.protocolServer.apply("sym_identity", one, nil)
				wantDiagnostics(t, diags)
			}
			wantDiagnostics(t, b.applyPlan(bulkOkta(rows), planned))
			if !firstGoes {
				_, diags = b.protocolServer.apply("sym_identity", one, nil)
				wantDiagnostics(t, diags, "WARNING … Identity Mapping Kept: ada@acme.com")
			}
			s.wantManual(rows)
			b.mustRefresh()
			b.wantNoChange(bulkOkta(rows))
		})
		t.Run(fmt.Sprintf("to one, removed first %t", firstGoes), func(t *testing.T) {
			t.Parallel()
			s, b := newBulkTest(t)
			b.mustApply(bulkOkta(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2"}))
			fewer := bulkOkta(map[string]any{"bob@acme.com": "00u2"})
			planned := b.protocolServer.plan("sym_identity", nil, single)
			wantDiagnostics(t, planned.Diagnostics)
			if firstGoes {
				b.mustApply(fewer)
			}
			_, diags := b.protocolServer.applyPlan("sym_identity", nil, single, planned)
			wantDiagnostics(t, diags)
			if !firstGoes {
				wantDiagnostics(t, b.apply(fewer), "WARNING … Identity Mappings Kept: okta:acme.okta.com … ada@acme.com: 00u1")
			}
			s.wantManual(map[string]any{"ada@acme.com": "00u1", "bob@acme.com": "00u2"})
			b.wantRows(fewer["identities"].(map[string]any))
		})
	}
}

// More rows than two batches, and how many requests they take.
func TestIdentitiesFiveThousandAndOne(t *testing.T) {
	t.Parallel()
	const many = 5001
	s, b := newBulkTest(t)
	config := bulkOkta(manyRows(0, many))
	s.forget()
	b.mustApply(config) // plan and apply
	if n := len(s.requests()); n > 10 {
		t.Errorf("%d requests to plan and apply", n)
	}
	if n := s.countStored(); n != many {
		t.Errorf("%d stored", n)
	}
	// Private state is a part of the state file. It must not outgrow the entries.
	if len(b.private) > 40*many {
		t.Errorf("private state is %d bytes", len(b.private))
	}
	s.forget()
	b.mustRefresh()
	b.wantNoChange(config)
	if n := len(s.requests()); n > 4 { // and one for auth/login in a process of its own
		t.Errorf("%d requests for a plan without changes", n)
	}

	// Accounts may pass between rows of different batches.
	rows := maps.Clone(config["identities"].(map[string]any))
	first, last := "user00000@acme.com", "user05000@acme.com"
	rows[first], rows[last] = rows[last], rows[first]
	for i := range 1200 {
		rows[fmt.Sprintf("user%05d@acme.com", 2000+i)] = fmt.Sprintf("y%05d", i)
	}
	s.forget()
	b.mustApply(bulkOkta(rows))
	s.wantManual(map[string]any{first: rows[first], last: rows[last]})
	s.forget()
	rows[first] = "00u-new"
	b.mustApply(bulkOkta(rows))
	if writes := s.requests("PATCH users"); len(writes) != 1 || strings.Count(writes[0].Body, `"service_type":"okta"`) != 1 {
		t.Errorf("%d writes for one entry", len(writes))
	}
}

// An org much larger than the map is not read as a whole.
func TestIdentitiesPlanReadsNoMoreThanNeeded(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	s.mapPeople(8000)
	s.forget()
	wantDiagnostics(t, b.plan(bulkOkta(manyRows(9000, 2501))).Diagnostics)
	pages, searches := len(s.requests("GET users")), len(s.requests("POST users/search"))+len(s.requests("POST identities/search"))
	if pages > 3 || searches != 4 {
		t.Errorf("%d pages and %d searches", pages, searches)
	}
}

// keptState is private state.
type keptState map[string][]byte

func (p keptState) SetKey(_ context.Context, key string, value []byte) diag.Diagnostics {
	p[key] = value
	return nil
}

func (p keptState) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) {
	return p[key], nil
}

func TestRevisionsRoundTrip(t *testing.T) {
	t.Parallel()
	rows := []mappingRow{{user: "ada@acme.com"}, {user: "bob@acme.com"}, {user: "eve@acme.com"}}
	want := rowRevisions{
		observed: revisions{"ada@acme.com": 7, "bob@acme.com": 1 << 60, "eve@acme.com": 3},
		written:  revisions{"ada@acme.com": 5, "bob@acme.com": 1 << 60, "eve@acme.com": 0}, // never stored
	}
	known := rowRevisions{observed: maps.Clone(want.observed), written: maps.Clone(want.written)}
	known.wrote(revisions{"zoe@acme.com": 9}) // not a row
	var diags diag.Diagnostics
	private := keptState{}
	saveRevisions(t.Context(), private, rows, known, &diags)
	compare := cmp.AllowUnexported(rowRevisions{})
	if diff := cmp.Diff(want, loadRevisions(t.Context(), private, &diags), compare); diff != "" || len(diags) > 0 {
		t.Errorf("%v (-want +got):\n%s", diags, diff)
	}
	for name, damaged := range map[string]string{
		"none": "", "no JSON": "{", "null": "null", "packed": `{"users":1,"differences":[7,1,2]}`,
	} {
		for _, key := range []string{revisionsKey, writtenKey} {
			got := loadRevisions(t.Context(), keptState{key: []byte(damaged)}, &diags)
			if diff := cmp.Diff(newRowRevisions(), got, compare); diff != "" || len(diags) > 0 {
				t.Errorf("%s: %s, %v", name, diff, diags)
			}
		}
	}
	// In an older state what was seen was stored by the resource as well.
	older := loadRevisions(t.Context(), keptState{revisionsKey: []byte(`{"ada@acme.com":7}`)}, &diags)
	older.observe(rows[:1], revisions{"ada@acme.com": 9})
	if older.written["ada@acme.com"] != 7 || older.observed["ada@acme.com"] != 9 {
		t.Errorf("an older state: %v", older)
	}
}

// Revisions are kept as distances, unknown ones as 0, and state of earlier releases
// holds them as they are.
func TestRevisionsInState(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]revisions{
		`{}`:                                {},
		`{"a":0}`:                           {"a": 0},
		`{"":1764403200000006,"a":1}`:       {"a": 1764403200000007},
		`{"":4,"a":1,"b":0,"c":9}`:          {"a": 5, "b": 0, "c": 13},
		`{"a":1,"c":4503599627370496}`:      {"a": 1, "c": 1 << 52},
		`{"":4503599627370495,"a":1,"b":1}`: {"a": 1 << 52, "b": 1 << 52},
	} {
		got, err := json.Marshal(want)
		if err != nil || string(got) != text {
			t.Errorf("%v became %s, want %s (%v)", want, got, text, err)
		}
		var read revisions
		if err := json.Unmarshal([]byte(text), &read); err != nil || !maps.Equal(read, want) {
			t.Errorf("%s became %v, want %v (%v)", text, read, want, err)
		}
	}
	var old revisions
	if err := json.Unmarshal([]byte(`{"a":7,"b":12}`), &old); err != nil || !maps.Equal(old, revisions{"a": 7, "b": 12}) {
		t.Errorf("state of an earlier release became %v (%v)", old, err)
	}
}
