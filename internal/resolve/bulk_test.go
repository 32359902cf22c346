// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// TestNoTrace: without a trace everything but the steps is the same, whether
// an account is claimed, persisted or compared.
func TestNoTrace(t *testing.T) {
	t.Parallel()
	for _, persist := range []bool{false, true} {
		api := func() *fakeAPI {
			return newFake(okta).store(bob, okta, "00u2", identity.Manual).account("ada@acme.com", "00u2").account("carol@acme.com", "00u3")
		}
		req := resolve.Request{Users: []identity.UserKey{ada, bob, carol, bot}, Services: []identity.ServiceKey{okta}, Persist: persist, CheckStale: true}
		traced, err := resolve.Chain{API: api()}.Resolve(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		req.NoTrace = true
		untraced, err := resolve.Chain{API: api()}.Resolve(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for i := range traced {
			if len(traced[i].Steps) == 0 || untraced[i].Steps != nil {
				t.Errorf("%s: steps %v with a trace, %v without", traced[i].User, traced[i].Steps, untraced[i].Steps)
			}
			traced[i].Steps = nil
		}
		if diff := cmp.Diff(traced, untraced); diff != "" {
			t.Errorf("persist %v (-traced +untraced):\n%s", persist, diff)
		}
	}
}

// TestCheckStale_saysWhy: the answer tells why rules and lookup give a stored user nothing, and
// whether it is the stored account that is inactive.
func TestCheckStale_saysWhy(t *testing.T) {
	t.Parallel()
	inactive := func(id string) identity.LookupResult {
		return identity.LookupResult{Status: identity.Inactive, Matcher: identity.Matcher{"user_id": id}}
	}
	tests := map[string]struct {
		found   identity.LookupResult
		reason  resolve.Reason
		retired bool
	}{
		"same":             {identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "00u1"}}, "", false},
		"other":            {identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "00u9"}}, "", false},
		"none":             {identity.LookupResult{Status: identity.NotFound}, resolve.NotFound, false},
		"inactive":         {inactive("00u1"), resolve.Inactive, true},
		"another inactive": {inactive("00u9"), resolve.Inactive, false},
		"which inactive?":  {identity.LookupResult{Status: identity.Inactive}, resolve.Inactive, false},
		"several":          {identity.LookupResult{Status: identity.Ambiguous}, resolve.Ambiguous, false},
		"somebody else's":  {identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "00u2"}}, resolve.Claimed, false},
	}
	for name, test := range tests {
		f := newFake(okta).store(ada, okta, "00u1", identity.Manual).store(bob, okta, "00u2", identity.Manual).said("ada@acme.com", test.found)
		req := resolve.Request{Users: []identity.UserKey{ada}, Services: []identity.ServiceKey{okta}, CheckStale: true}
		answers, err := resolve.Chain{API: f}.Resolve(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if a := answers[0]; a.FreshReason != test.reason || (a.Account == identity.AccountInactive) != test.retired || a.Reason != "" || !a.Mapped() {
			t.Errorf("%s: fresh reason %q, account %q, reason %q", name, a.FreshReason, a.Account, a.Reason)
		}
	}
}

// TestUnregistered_all names every service that is not registered, not the
// first alone.
func TestUnregistered_all(t *testing.T) {
	t.Parallel()
	req := resolve.Request{Users: []identity.UserKey{ada}, Services: []identity.ServiceKey{github, okta, pager}}
	_, err := resolve.Chain{API: newFake(okta)}.Resolve(t.Context(), req)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 {
		t.Fatalf("got %v", err)
	}
	for i, want := range []identity.ServiceKey{github, pager} {
		var one *resolve.UnregisteredError
		if !errors.As(joined.Unwrap()[i], &one) || one.Service != want {
			t.Errorf("got %v, want %s", joined.Unwrap()[i], want)
		}
	}
}
