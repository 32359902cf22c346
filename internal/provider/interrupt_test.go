// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// interruptAt returns a context that ends as the server gets its nth write from
// now on. The request is held for a moment, so that a client which gives up
// does so first.
func (s *testServer) interruptAt(nth int) context.Context {
	ctx, interrupt := context.WithCancel(s.t.Context())
	s.t.Cleanup(interrupt)
	s.onRequest(func(r *http.Request) {
		if !isWrite(testRequest{Method: r.Method, Path: r.URL.Path}) {
			return
		}
		if nth--; nth == 0 {
			interrupt()
			select {
			case <-r.Context().Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return ctx
}

// isWrite reports whether a request changes what is stored.
func isWrite(r testRequest) bool {
	return r.Method != http.MethodGet && !slices.Contains([]string{"search", "lookup", "status"}, path.Base(r.Path))
}

// An interruption in the middle of each request of each change: what is under
// way is carried out to its end, and state holds it.
func TestInterruptedChangesAreRecorded(t *testing.T) {
	t.Parallel()
	type config = map[string]any
	for name, test := range map[string]struct {
		kind           string
		create, update config
	}{
		"sym_identity":   {"sym_identity", oktaOf("ada@acme.com", "00u1"), oktaOf("ada@acme.com", "00u2")},
		"sym_identities": {bulkType, bulkOkta(config{"ada@acme.com": "00u1", "bob@acme.com": "00u3"}), bulkOkta(config{"ada@acme.com": "00u2", "bob@acme.com": "00u3"})},
		"sym_user":       {"sym_user", config{"email": "eve@acme.com", "role": "guest"}, config{"email": "eve@acme.com", "first_name": "Eve", "role": "admin"}},
		"sym_service":    {"sym_service", config{"service_type": "slack", "external_id": "T0ACME", "label": "Slack"}, config{"service_type": "slack", "external_id": "T0ACME", "label": "Chat"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := []config{test.create, test.update, nil}
			for step, want := range steps {
				for nth, writes := 1, 1; nth <= writes; nth++ {
					s, p := newIdentityTest(t)
					i := &instance{typeName: test.kind}
					for _, earlier := range steps[:step] {
						wantDiagnostics(t, i.apply(p, earlier))
					}
					planned := i.plan(p, want)
					wantDiagnostics(t, planned.Diagnostics)
					s.forget()
					wantDiagnostics(t, i.applyPlanIn(s.interruptAt(nth), p, want, planned))
					s.onRequest(nil)
					if writes = s.countWrites(); writes < nth {
						t.Fatalf("step %d: %d writes were sent, none was interrupted", step, writes)
					}
					if (i.state == nil) != (want == nil) {
						t.Fatalf("step %d, interrupted at write %d: state is %v", step, nth, i.state)
					}
					if want == nil {
						continue
					}
					after := i.state
					p.nextRun()
					wantDiagnostics(t, i.refresh(p)) // the store has what state says
					for attribute, value := range want {
						if diff := cmp.Diff(value, after[attribute]) + cmp.Diff(value, i.state[attribute]); diff != "" {
							t.Errorf("step %d, interrupted at write %d: %s: %s", step, nth, attribute, diff)
						}
					}
				}
			}
		})
	}
}

// countWrites returns how many requests have changed what is stored.
func (s *testServer) countWrites() (n int) {
	for _, r := range s.requests() {
		if isWrite(r) {
			n++
		}
	}
	return n
}

func oktaOf(user, id string) map[string]any {
	return map[string]any{"user": user, "service_type": "okta", "external_id": "acme.okta.com", "identity": id}
}

// Of many mappings the batch under way is stored and in state; the others are
// not sent.
func TestInterruptedBatches(t *testing.T) {
	t.Parallel()
	s, b := newBulkTest(t)
	b.mustApply(bulkOkta(manyRows(0, 1)))
	want := bulkOkta(manyRows(0, 3+2*symapi.MaxBatch))
	i := &instance{typeName: bulkType, state: b.state, private: b.private}
	planned := i.plan(b.protocolServer, want)
	wantDiagnostics(t, planned.Diagnostics)
	s.forget()
	diags := i.applyPlanIn(s.interruptAt(2), b.protocolServer, want, planned)
	s.onRequest(nil)
	wantDiagnostics(t, diags, "ERROR: Unable to Update Identity Mappings … the run was interrupted before this was done … Because of that these were not changed")
	if n := len(s.requests("PATCH users")); n != 2 {
		t.Errorf("%d batches were sent, want 2", n)
	}
	if inState, stored := len(i.state["identities"].(map[string]any)), s.countStored(); inState != 1+2*symapi.MaxBatch || stored != inState {
		t.Errorf("%d are in state and %d stored, want %d", inState, stored, 1+2*symapi.MaxBatch)
	}
}

// What a data source stores is stored, though its read is interrupted.
func TestInterruptedPersist(t *testing.T) {
	t.Parallel()
	persist := map[string]any{"persist": true}
	for kind, config := range map[string]map[string]any{
		resolved:     resolveConfig("ada@acme.com", testOkta, persist),
		resolvedMany: bulkOf([]string{"ada@acme.com"}, []string{testOkta}, persist),
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, withDirectory(testOkta, listedDirectory{directoryOf("ada@acme.com", "00u1")})).register(testOkta)
			p := newProtocolServer(t, nil, s.settings())
			resp, err := p.server.ReadDataSource(s.interruptAt(1), &tfprotov6.ReadDataSourceRequest{TypeName: kind, Config: p.value(p.dataSource(kind), config)})
			p.must(err)
			wantDiagnostics(t, resp.Diagnostics)
			s.wantStored("ada@acme.com", testOkta, "00u1", identity.FromEmail)
		})
	}
}

// After an interruption nothing is begun.
func TestInterruptedBefore(t *testing.T) {
	t.Parallel()
	s, p := newIdentityTest(t)
	i := &instance{typeName: "sym_identity"}
	config := oktaOf("ada@acme.com", "00u1")
	planned := i.plan(p, config)
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	s.forget()
	diags := i.applyPlanIn(ctx, p, config, planned)
	if !hasError(diags) || i.state != nil {
		t.Errorf("state is %v after %v", i.state, diags)
	}
	if n := len(s.requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// A change whose answer is lost is not called undone.
func TestLostAnswersMayBeStored(t *testing.T) {
	t.Parallel()
	for kind, config := range map[string]map[string]any{
		"sym_identity": oktaOf("ada@acme.com", "00u1"),
		bulkType:       bulkOkta(map[string]any{"ada@acme.com": "00u1"}),
		"sym_user":     {"email": "ada@acme.com"},
		"sym_service":  {"service_type": "slack", "external_id": "T0ACME"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, p := newIdentityTest(t, map[string]any{"max_retries": 0})
			i := &instance{typeName: kind}
			planned := i.plan(p, config)
			for _, path := range []string{"users", "services"} {
				for _, method := range []string{http.MethodPatch, http.MethodPost} {
					s.failNext(1, method, path, http.StatusBadGateway, "<html>gone</html>")
				}
			}
			wantDiagnostics(t, i.applyPlan(p, config, planned), "ERROR … may be stored … run terraform plan again")
		})
	}
}

func TestFinishing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("interrupted")
		ctx, interrupt := context.WithCancelCause(t.Context())
		finish, stop := finishing(ctx)
		defer stop()
		if interrupted(finish) != nil {
			t.Error("interrupted before it was")
		}
		interrupt(why)
		synctest.Wait()
		if finish.Err() != nil || !errors.Is(interrupted(finish), why) {
			t.Errorf("after the interruption: %v, %v", finish.Err(), interrupted(finish))
		}
		time.Sleep(finishLimit - time.Second)
		if finish.Err() != nil {
			t.Error("it ended before its limit")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !errors.Is(context.Cause(finish), why) {
			t.Errorf("after the limit: %v", context.Cause(finish))
		}
		if late, _ := finishing(ctx); late.Err() == nil {
			t.Error("something is begun after an interruption")
		}
	})
}
