// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func TestChangesSurviveTheWire(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 1000, time.UTC)
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	old := &identity.Mapping{Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Source: identity.FromRule, Rule: "r", Revision: 3, UpdatedAt: at, UpdatedBy: "ci"}
	now := &identity.Mapping{Service: okta, Matcher: identity.Matcher{"user_id": "00u2"}, Profile: map[string]string{"a": "b"}, Source: identity.Manual, Revision: 4, UpdatedAt: at, UpdatedBy: "ci"}
	for name, c := range map[string]struct{ before, after *identity.Mapping }{
		"created": {nil, now}, "changed": {old, now}, "deleted": {old, nil},
	} {
		want := identity.Change{ID: 4, At: at, By: "ci", RequestID: "req-1", UserID: "u", User: "alice@example.com", Service: okta, Before: c.before, After: c.after}
		text, err := json.Marshal(symapi.EncodeChange(want))
		if err != nil {
			t.Fatal(err)
		}
		var wire symapi.Change
		if err := json.Unmarshal(text, &wire); err != nil {
			t.Fatal(err)
		}
		got, err := symapi.DecodeChange(wire)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestChangesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	okta := symapi.ServiceRef{Slug: "okta", ExternalID: "acme.okta.com"}
	for name, c := range map[string]symapi.Change{
		"no service": {},
		"no matcher": {Service: okta, After: &symapi.Identity{Service: okta}},
		"no key":     {Service: okta, Before: &symapi.Identity{Matcher: map[string]string{"user_id": "x"}}},
	} {
		if got, err := symapi.DecodeChange(c); err == nil {
			t.Errorf("%s: became %+v", name, got)
		}
	}
}
