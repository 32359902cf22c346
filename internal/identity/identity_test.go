// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"slices"
	"testing"
)

// A role allows what those below it may do, and nothing else does.
func TestRoles(t *testing.T) {
	t.Parallel()
	roles := []Role{"owner", Guest, Member, Admin} // from least to most
	for have, role := range roles {
		if role.Valid() != (have > 0) {
			t.Errorf("%q.Valid() = %t", role, role.Valid())
		}
		for need := 1; need < len(roles); need++ {
			if got, want := role.Allows(roles[need]), have >= need; got != want {
				t.Errorf("%q.Allows(%q) = %t", role, roles[need], got)
			}
		}
	}
	if Role("").Allows("") || Role("owner").Allows("owner") {
		t.Error("a role that does not exist allows something")
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	known := []Source{Manual, FromRule, FromEmail, FromRemote}
	for _, s := range append([]Source{"", "store", "MANUAL"}, known...) {
		if s.Valid() != slices.Contains(known, s) {
			t.Errorf("%q.Valid() = %t", s, s.Valid())
		}
	}
	if Source("").OrManual() != Manual || FromRule.OrManual() != FromRule {
		t.Error("OrManual changes a source, or leaves it empty")
	}
}
