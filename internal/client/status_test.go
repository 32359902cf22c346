// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func TestStatusInChunks(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		asked := decode[symapi.StatusRequest](t, r)
		if asked.ServiceType != "okta" || asked.ExternalID != "acme.okta.com" || len(asked.Identities) > symapi.MaxBatch {
			t.Errorf("asked %s %s for %d", asked.ServiceType, asked.ExternalID, len(asked.Identities))
		}
		results := make([]symapi.StatusResult, len(asked.Identities))
		for i, id := range asked.Identities {
			results[i] = symapi.StatusResult{Identity: id, Status: "active"}
		}
		return ok(symapi.StatusReply{Results: results})
	}}
	var asked []string
	for i := range 2500 {
		asked = append(asked, fmt.Sprint("00u/%", i))
	}
	got, err := f.client(t).Status(context.Background(), okta, asked)
	if err != nil || len(got) != len(asked) {
		t.Fatalf("%d answers, %v", len(got), err)
	}
	for i, a := range got {
		if a.Identity != asked[i] || a.Status != identity.AccountActive {
			t.Fatalf("answer %d to %s is %+v", i, asked[i], a)
		}
	}
	f.wantCalls(t, "POST identities/status", "POST identities/status", "POST identities/status")
}

func TestStatusAnswers(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	f := &fake{answer: func(request) answer {
		return ok(symapi.StatusReply{Results: []symapi.StatusResult{
			{Identity: "a", Status: "active", AsOf: &at}, {Identity: "b", Status: "inactive", AsOf: &at}, {Identity: "c", Status: "absent", AsOf: &at},
			{Identity: "d", Status: "unknown"}, {Identity: "e", Status: "failed"},
			{Identity: "f", Status: "failed", Error: &symapi.Error{Message: "slow down", Code: "Directory:RATE_LIMITED", Retryable: true}},
		}})
	}}
	got, err := f.client(t).Status(context.Background(), okta, []string{"a", "b", "c", "d", "e", "f"})
	want := []identity.AccountStatus{
		{Identity: "a", Status: identity.AccountActive, AsOf: at}, {Identity: "b", Status: identity.AccountInactive, AsOf: at}, {Identity: "c", Status: identity.AccountAbsent, AsOf: at},
		{Identity: "d", Status: identity.AccountUnknown},
		{Identity: "e", Status: identity.AccountFailed, Err: &identity.Error{Code: identity.CodeDirectoryFailed, Message: "the directory could not be asked", Retryable: true}},
		{Identity: "f", Status: identity.AccountFailed, Err: &identity.Error{Code: identity.CodeDirectoryLimited, Message: "slow down", Retryable: true}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateErrors()); err != nil || diff != "" {
		t.Errorf("%v: answers (-want +got):\n%s", err, diff)
	}
}

// TestStatusNonsense: whatever is not clear is an error, never "absent".
func TestStatusNonsense(t *testing.T) {
	t.Parallel()
	for name, results := range map[string][]symapi.StatusResult{
		"too few": {}, "too many": {{Identity: "a", Status: "absent"}, {Identity: "a", Status: "absent"}},
		"another": {{Identity: "b", Status: "absent"}}, "no identity": {{Status: "absent"}},
		"no status": {{Identity: "a"}}, "unknown status": {{Identity: "a", Status: "deleted"}},
	} {
		f := &fake{answer: func(request) answer { return ok(symapi.StatusReply{Results: results}) }}
		got, err := f.client(t).Status(context.Background(), okta, []string{"a"})
		if got != nil || identity.CodeOf(err) != identity.CodeInternal {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
