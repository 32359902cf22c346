// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// parallelism is how many resources Terraform asks for at once.
const parallelism = 10

// eachParallel runs do for 0 to n-1 as Terraform walks a graph.
func eachParallel(n int, do func(i int)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, parallelism)
	for i := range n {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wait.Wait()
}

// wantRequests checks how many requests a run cost, its login included.
func (s *testServer) wantRequests(atMost int) {
	s.t.Helper()
	counts := map[string]int{}
	for _, r := range s.requests() {
		counts[r.String()]++
	}
	s.t.Logf("requests: %v", counts)
	if n := len(s.requests()); n > atMost {
		s.t.Errorf("%d requests, want at most %d: %v", n, atMost, counts)
	}
}

func person(i int) string { return fmt.Sprintf("p%04d@acme.com", i) }

func account(i int) string { return fmt.Sprintf("00u%04d", i) }

// oktaState is the state of a sym_identity as it is stored.
func oktaState(user, id string, revision int64) map[string]any {
	return oktaConfig(user, id, map[string]any{
		"id": user + "," + testOkta, "service": testOkta, "source": "manual", "revision": int(revision), "updated_at": "2026-01-02T03:04:05Z",
	})
}

// mapPeople stores n mappings behind the API and returns their revisions.
func (s *testServer) mapPeople(n int) []int64 {
	s.t.Helper()
	writes := make([]store.UserWrite, n)
	for i := range writes {
		writes[i] = store.UserWrite{Key: mustUser(person(i)), Name: person(i), Mappings: []store.MappingWrite{
			{Service: mustService(testOkta), Matcher: identity.NewMatcher("okta", account(i)), Source: identity.Manual},
		}}
	}
	users, err := s.Store.UpsertUsers(s.t.Context(), testActor, writes)
	if err != nil {
		s.t.Fatal(err)
	}
	revisions := make([]int64, n)
	for i, u := range users {
		m, _ := u.Mapping(mustService(testOkta))
		revisions[i] = m.Revision
	}
	return revisions
}

func TestBudget_refreshAndPlan(t *testing.T) {
	t.Parallel()
	const n = 1000
	s, p := newIdentityTest(t)
	revisions := s.mapPeople(n)
	s.forget()
	eachParallel(n, func(i int) {
		state, diags := p.read("sym_identity", oktaState(person(i), account(i), revisions[i]))
		wantDiagnostics(t, diags)
		if state["identity"] != account(i) || state["user"] != person(i) {
			t.Errorf("%s: %v", person(i), state)
			return
		}
		planned := p.plan("sym_identity", state, oktaConfig(person(i), account(i)))
		wantDiagnostics(t, planned.Diagnostics)
		if diff := cmp.Diff(state, p.plain(p.resource("sym_identity"), planned.PlannedState)); diff != "" {
			t.Errorf("the plan is not empty:\n%s", diff)
		}
	})
	s.wantRequests(n/1000 + 20)
}

func TestBudget_planOfNew(t *testing.T) {
	t.Parallel()
	const n = 1000
	s, p := newIdentityTest(t)
	s.mapPeople(40) // some of them are adopted, and one is in the way
	s.mapping("eve@acme.com", testOkta, account(500), identity.Manual)
	s.forget()
	eachParallel(n, func(i int) {
		planned := p.plan("sym_identity", nil, oktaConfig(person(i), account(i)))
		if i == 500 {
			wantDiagnostics(t, planned.Diagnostics, "ERROR … eve@acme.com")
		} else {
			wantDiagnostics(t, planned.Diagnostics)
		}
	})
	s.wantRequests(30)
}

// Creating is one write each; the reads before them are shared.
func TestBudget_create(t *testing.T) {
	t.Parallel()
	const n = 200
	s, p := newIdentityTest(t)
	plans := make([]func(), n)
	eachParallel(n, func(i int) {
		config := oktaConfig(person(i), account(i))
		planned := p.plan("sym_identity", nil, config)
		plans[i] = func() {
			state, diags := p.applyPlan("sym_identity", nil, config, planned)
			wantDiagnostics(t, diags)
			if state["identity"] != account(i) {
				t.Errorf("%s: %v", person(i), state)
			}
		}
	})
	p.nextRun()
	s.forget()
	eachParallel(n, func(i int) { plans[i]() })
	s.wantRequests(n + 25)
	for i := range n {
		s.wantStored(person(i), testOkta, account(i), identity.Manual)
	}
}

func TestBudget_resolve(t *testing.T) {
	t.Parallel()
	const n = 300
	s := newTestServer(t).register(testOkta, testGitHub)
	s.mapPeople(n / 2)
	p := newProtocolServer(t, nil, s.settings(map[string]any{"rules": []any{
		map[string]any{"name": "okta", "service_type": "okta", "match": "^(p[0-9]+)@acme\\.com$", "identity": "${1}"},
	}}))
	eachParallel(n, func(i int) {
		state, diags := p.readData("sym_resolved_identity", map[string]any{"user": person(i), "service_type": "okta", "external_id": "acme.okta.com"})
		wantDiagnostics(t, diags)
		want := map[string]any{"source": "store", "identity": account(i)}
		if i >= n/2 {
			want = map[string]any{"source": "rule", "identity": person(i)[:5]}
		}
		if got := map[string]any{"source": state["source"], "identity": state["identity"]}; !cmp.Equal(want, got) {
			t.Errorf("%s: %v, want %v", person(i), got, want)
		}
	})
	s.wantRequests(n/1000 + 20)
}

// Only the target service can answer these, and Terraform asks ten at a time.
func TestBudget_resolveByLookup(t *testing.T) {
	t.Parallel()
	const n = 300
	d := &testDirectory{Accounts: map[string][]directory.Account{}}
	for i := range n {
		d.Accounts[person(i)] = []directory.Account{{Identity: account(i), Addresses: directory.Primaries(person(i)), State: directory.StateActive}}
	}
	s := newTestServer(t, withDirectory(testOkta, d)).register(testOkta)
	s.setLatency(2 * time.Millisecond)
	p := newProtocolServer(t, nil, s.settings())
	for range 2 { // the second time nobody is asked
		eachParallel(n, func(i int) {
			state, diags := p.readData("sym_resolved_identity", map[string]any{"user": person(i), "service_type": "okta", "external_id": "acme.okta.com"})
			wantDiagnostics(t, diags)
			if state["identity"] != account(i) || state["source"] != "email" {
				t.Errorf("%s: %v", person(i), state)
			}
		})
	}
	s.wantRequests(n / 2) // n would be one each; a busy machine makes smaller batches
}

// However people come by their accounts, ten thousand of them take few requests.
func TestBudget_mixtures(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]struct{ stored, ruled, lookedUp int }{
		"stored":        {10_000, 0, 0},
		"rules":         {0, 10_000, 0},
		"lookups":       {0, 0, 10_000},
		"thirds":        {3_334, 3_333, 3_333},
		"few are found": {1, 1, 9_998},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var users []string
			for i := range n.stored {
				users = append(users, person(i))
			}
			for i := range n.ruled {
				users = append(users, fmt.Sprintf("r%d@acme.com", i))
			}
			d := &testDirectory{Accounts: map[string][]directory.Account{}}
			for i := range n.lookedUp {
				email := fmt.Sprintf("l%d@acme.com", i)
				users = append(users, email)
				d.Accounts[email] = directoryOf(email, "l"+account(i)).Accounts[email]
			}
			s := newTestServer(t, withDirectory(testOkta, d)).register(testOkta)
			s.mapPeople(n.stored)
			p := newProtocolServer(t, nil, s.settings(map[string]any{"rules": []any{
				map[string]any{"name": "r", "service_type": "okta", "match": "(r.*)@acme\\.com", "identity": "$1"},
			}}))
			got, diags := p.readData(resolvedMany, bulkOf(users, []string{testOkta}))
			wantDiagnostics(t, diags)
			if got["mapped_count"] != 10_000 {
				t.Errorf("%v are mapped", got["mapped_count"])
			}
			s.wantRequests(15)
		})
	}
}

// The limits of the provider hold for all that its resources do together.
func TestBudget_concurrency(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t, map[string]any{"max_concurrency": 2})
	var now, most atomic.Int32
	s.onRequest(func(*http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(2 * time.Millisecond)
	})
	eachParallel(30, func(i int) {
		_, diags := p.apply("sym_identity", nil, oktaConfig(person(i), account(i)))
		wantDiagnostics(t, diags)
	})
	if n := most.Load(); n > 2 {
		t.Errorf("%d requests at once", n)
	}
}

// What was read for others does not decide a creation: another run has mapped
// and unmapped people since the snapshot.
func TestCreateAfterTheSnapshot(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	revisions := s.mapPeople(60)
	eachParallel(60, func(i int) {
		_, diags := p.read("sym_identity", oktaState(person(i), account(i), revisions[i]))
		wantDiagnostics(t, diags)
	})
	config := oktaConfig(person(1), "00unew")
	create := func(want ...string) {
		t.Helper()
		schema := p.resource("sym_identity")
		planned := oktaState(person(1), "00unew", 0)
		planned["revision"], planned["updated_at"] = unknown, unknown
		_, diags := p.applyPlan("sym_identity", nil, config, &tfprotov6.PlanResourceChangeResponse{PlannedState: p.value(schema, planned)})
		wantDiagnostics(t, diags, want...)
	}
	create("ERROR … " + person(1) + " … " + account(1)) // stored by hand, and still is
	s.unmap(person(1), testOkta)
	create()
	s.wantStored(person(1), testOkta, "00unew", identity.Manual)

	// A mapping that appeared meanwhile is found by the write.
	s.mapping("late@acme.com", testOkta, "00ulate", identity.FromRule)
	config = oktaConfig("late@acme.com", "00unew2")
	planned := p.plan("sym_identity", nil, config)
	wantDiagnostics(t, planned.Diagnostics)
	_, diags := p.applyPlan("sym_identity", nil, config, planned)
	wantDiagnostics(t, diags)
	s.wantStored("late@acme.com", testOkta, "00unew2", identity.Manual)
}

// A run that Terraform stops ends at once.
func TestStoppedReadsEnd(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	revisions := s.mapPeople(1)
	_, diags := p.read("sym_identity", oktaState(person(0), account(0), revisions[0]))
	wantDiagnostics(t, diags)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	s.onRequest(func(r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	eachParallel(parallelism, func(i int) {
		resp, err := p.server.ReadResource(ctx, &tfprotov6.ReadResourceRequest{
			TypeName: "sym_identity", CurrentState: p.value(p.resource("sym_identity"), oktaState(person(i), account(i), 1)),
		})
		if err != nil || !hasError(resp.Diagnostics) {
			t.Errorf("%v, %v", resp, err)
		}
	})
	if took := time.Since(start); took > 20*time.Second { // the request would not give up for an hour
		t.Errorf("it took %s", took)
	}
}
