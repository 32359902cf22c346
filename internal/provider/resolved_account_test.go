// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
)

// accountDirectory can be asked by id, too.
type accountDirectory struct {
	*testDirectory
	statusErr error
}

func (d accountDirectory) FindID(_ context.Context, id string) ([]directory.Account, error) {
	d.Lock()
	defer d.Unlock()
	for _, accounts := range d.Accounts {
		for _, a := range accounts {
			if a.ID == id {
				return []directory.Account{a}, d.statusErr
			}
		}
	}
	return nil, d.statusErr
}

func withAccounts(service string, d accountDirectory) func(*server.Config) {
	return func(cfg *server.Config) { cfg.Directories[mustService(service)] = d }
}

// leavers are people who were mapped by hand to accounts with other e-mails,
// which no lookup finds: ada's works, bob's was deactivated, cy's deleted.
func leavers(t *testing.T, adjust ...func(*server.Config)) *testServer {
	t.Helper()
	accounts := directoryOf("ada.l@other.com", "00u1", "bob.b@other.com", "00u2").deactivate("bob.b@other.com")
	adjust = append([]func(*server.Config){withAccounts(testOkta, accountDirectory{testDirectory: accounts})}, adjust...)
	s := newTestServer(t, adjust...).register(testOkta, testGitHub)
	s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
	s.mapping("bob@acme.com", testOkta, "00u2", identity.Manual)
	s.mapping("cy@acme.com", testOkta, "00u3", identity.FromRule)
	return s
}

var checking = map[string]any{"check_stale": true}

func TestResolvedIdentities_offboarding(t *testing.T) {
	t.Parallel()
	s := leavers(t)
	p := newProtocolServer(t, nil, s.settings())
	people := []string{"Ada@acme.com", "bob@acme.com", "cy@acme.com", "dee@acme.com"}
	declared := map[string]any{"declared": map[string]any{testOkta: map[string]any{"dee@acme.com": "00u2"}}}
	got, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, checking, declared))
	wantDiagnostics(t, diags, "WARNING: Identities to Review: 00u2 in okta:acme.okta.com and 3 more | Several users have … bob@acme.com, dee@acme.com … Accounts of mappings are inactive or gone:\n\n"+
		"  bob@acme.com in okta:acme.okta.com: 00u2 (stored, manual) is inactive\n"+
		"  cy@acme.com in okta:acme.okta.com: 00u3 (stored, rule) is no longer there\n"+
		"  dee@acme.com in okta:acme.okta.com: 00u2 (declared) is inactive\n … The attributes collisions, offboarding and stale have all of them.")
	entry := func(user, id, source, account string) map[string]any {
		return map[string]any{"user": user, "service": testOkta, "identity": id, "source": source, "account": account}
	}
	stale := func(user, id, source, reason string) map[string]any {
		return map[string]any{"user": user, "service": testOkta, "stored": id, "stored_source": source, "current": nil, "reason": reason}
	}
	wantAnswers(t, got, map[string]any{
		"offboarding": []any{
			entry("bob@acme.com", "00u2", "store", "inactive"), entry("cy@acme.com", "00u3", "store", "absent"), entry("dee@acme.com", "00u2", "declared", "inactive"),
		},
		"stale":        []any{stale("bob@acme.com", "00u2", "manual", "inactive"), stale("cy@acme.com", "00u3", "rule", "absent")},
		"mapped_count": 4,
	})
	if n := len(s.requests("POST identities/status")); n != 1 {
		t.Errorf("%d requests for accounts, want one for all", n)
	}
	s.forget()
	_, diags = p.readData(resolvedMany, bulkOf(people, []string{testOkta}, ignoring))
	wantDiagnostics(t, diags)
	if n := len(s.requests("POST identities/status")); n > 0 {
		t.Errorf("%d requests for accounts without check_stale", n)
	}
}

// Hundreds of leavers are one warning with at most fifty lines.
func TestResolvedIdentities_manyLeft(t *testing.T) {
	t.Parallel()
	s := leavers(t)
	var people []string
	for i := range 120 {
		people = append(people, fmt.Sprintf("p%03d@acme.com", i))
		s.mapping(people[i], testOkta, fmt.Sprintf("gone%03d", i), identity.Manual)
	}
	p := newProtocolServer(t, nil, s.settings())
	got, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, checking))
	wantDiagnostics(t, diags, "WARNING: Identities to Review: p000@acme.com in okta:acme.okta.com and 119 more | … p049@acme.com in okta:acme.okta.com: gone049 (stored, manual) is no longer there\n  … and 70 more")
	if list, _ := got["offboarding"].([]any); len(list) != 120 {
		t.Errorf("%d entries", len(list))
	}
}

func TestResolvedIdentity_account(t *testing.T) {
	t.Parallel()
	s := leavers(t)
	p := newProtocolServer(t, nil, s.settings())
	for _, test := range []struct {
		user, account string
		stale         bool
		says          []string
	}{
		{"ada@acme.com", "active", false, nil},
		{"bob@acme.com", "inactive", true, []string{"WARNING: Stale Identity: bob@acme.com in okta:acme.okta.com | The store maps bob@acme.com in okta:acme.okta.com to 00u2, but that account is inactive. … account  miss: the account 00u2 is inactive … If the person left, remove the mapping … identity     = \"\""}},
		{"cy@acme.com", "absent", true, []string{"WARNING: Stale Identity: cy@acme.com in okta:acme.okta.com | … but that account is no longer there."}},
	} {
		got, diags := p.readData(resolved, resolveConfig(test.user, testOkta, checking))
		wantDiagnostics(t, diags, test.says...)
		if got["account"] != test.account || got["stale"] != test.stale || got["mapped"] != true {
			t.Errorf("%s: account %v, stale %v", test.user, got["account"], got["stale"])
		}
	}
	config := resolveConfig("dee@acme.com", testOkta, map[string]any{"check_stale": true, "declared": map[string]any{"dee@acme.com": "00u9"}})
	got, diags := p.readData(resolved, config)
	wantDiagnostics(t, diags, "WARNING: Stale Identity: dee@acme.com in okta:acme.okta.com | This configuration maps dee@acme.com … to 00u9, but that account is no longer there.")
	if got["account"] != "absent" || got["stale"] != false {
		t.Errorf("declared: account %v, stale %v", got["account"], got["stale"])
	}
	got, diags = p.readData(resolved, resolveConfig("bob@acme.com", testOkta))
	wantDiagnostics(t, diags)
	if got["account"] != nil || got["stale"] != nil {
		t.Errorf("not asked: %v, %v", got["account"], got["stale"])
	}
}

// A service that does not answer is an error and nobody is called gone; an API
// that lacks the call says nothing.
func TestResolved_accountCannotBeAsked(t *testing.T) {
	t.Parallel()
	people := []string{"ada@acme.com", "bob@acme.com"}
	for name, err := range map[string]error{"down": directory.ErrUnavailable, "401": directory.ErrCredential, "429": &directory.RateLimitError{}} {
		s := leavers(t, withAccounts(testOkta, accountDirectory{testDirectory: directoryOf(), statusErr: err}))
		p := newProtocolServer(t, nil, s.settings())
		state, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, checking))
		wantFailure(t, diags, "Request: POST /api/v1/identities/status")
		if state["offboarding"] != nil {
			t.Errorf("%s: %v", name, state["offboarding"])
		}
		_, diags = p.readData(resolved, resolveConfig("bob@acme.com", testOkta, checking))
		wantFailure(t, diags, "bob@acme.com … okta:acme.okta.com … Request: POST /api/v1/identities/status")
	}
	for _, status := range []int{http.StatusNotFound, http.StatusMethodNotAllowed} {
		s := leavers(t)
		s.answerNext(1000, http.MethodPost, "identities/status", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":true,"message":"no such call"}`)
		})
		p := newProtocolServer(t, nil, s.settings())
		got, diags := p.readData(resolvedMany, bulkOf(people, []string{testOkta}, checking))
		wantDiagnostics(t, diags)
		if diff := cmp.Diff([]any{}, got["offboarding"]); diff != "" {
			t.Errorf("%d (-want +got):\n%s", status, diff)
		}
	}
}
