// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func TestLookupInChunks(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		asked := decode[symapi.LookupRequest](t, r)
		if asked.ServiceType != "okta" || asked.ExternalID != "acme.okta.com" || len(asked.Emails) > symapi.MaxBatch {
			t.Errorf("asked %s %s for %d", asked.ServiceType, asked.ExternalID, len(asked.Emails))
		}
		results := make([]symapi.LookupResult, len(asked.Emails))
		for i, e := range asked.Emails {
			results[i] = symapi.LookupResult{Email: strings.ToUpper(e), Status: "found", Matcher: map[string]string{"user_id": "00u-" + e}}
		}
		return ok(symapi.LookupReply{Results: results})
	}}
	asked := append(emails(5000), "o'brien+x%/@example.com")
	got, err := f.client(t).Lookup(context.Background(), okta, asked, "")
	if err != nil || len(got) != len(asked) {
		t.Fatalf("%d answers, %v", len(got), err)
	}
	for i, a := range got {
		if a.Email != asked[i] || a.Matcher["user_id"] != "00u-"+asked[i] {
			t.Fatalf("answer %d to %s is %+v", i, asked[i], a)
		}
	}
	f.wantCalls(t, "POST identities/lookup", "POST identities/lookup", "POST identities/lookup")
}

func TestLookupInList(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		asked := decode[symapi.LookupRequest](t, r)
		return ok(symapi.LookupReply{Results: []symapi.LookupResult{
			{Email: asked.Emails[0], Status: "found", Matcher: map[string]string{"user_id": "00u1"}, Unique: asked.WholeList},
		}})
	}}
	ask := f.client(t)
	for unique, lookup := range map[bool]func(context.Context, identity.ServiceKey, []string, string) ([]identity.LookupResult, error){true: ask.LookupInList, false: ask.Lookup} {
		got, err := lookup(t.Context(), okta, emails(1), "")
		if err != nil || got[0].Unique != unique {
			t.Errorf("got %+v and %v", got, err)
		}
	}
}

func TestLookupStatuses(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(request) answer {
		return ok(symapi.LookupReply{Results: []symapi.LookupResult{
			{Email: "p0000@example.com", Status: "not_found"},
			{Email: "p0001@example.com", Status: "ambiguous", Accounts: []symapi.CandidateAccount{{Matcher: map[string]string{"user_id": "a"}}, {Matcher: map[string]string{"user_id": "b"}}}},
			{Email: "p0002@example.com", Status: "inactive", Matcher: map[string]string{"user_id": "c"}},
			{Email: "p0003@example.com", Status: "failed", Error: &symapi.Error{Message: "slow down", Code: "Directory:RATE_LIMITED", Retryable: true}},
			{Email: "p0004@example.com", Status: "failed"},
		}})
	}}
	got, err := f.client(t).Lookup(context.Background(), okta, emails(5), "")
	if err != nil {
		t.Fatal(err)
	}
	want := []identity.LookupResult{
		{Email: "p0000@example.com", Status: identity.NotFound},
		{Email: "p0001@example.com", Status: identity.Ambiguous, Candidates: []identity.Candidate{{Matcher: identity.Matcher{"user_id": "a"}}, {Matcher: identity.Matcher{"user_id": "b"}}}},
		{Email: "p0002@example.com", Status: identity.Inactive, Matcher: identity.Matcher{"user_id": "c"}},
		{Email: "p0003@example.com", Status: identity.Failed, Err: &identity.Error{Code: identity.CodeDirectoryLimited, Message: "slow down", Retryable: true}},
		{Email: "p0004@example.com", Status: identity.Failed, Err: &identity.Error{Code: identity.CodeDirectoryFailed, Message: "the directory could not be asked", Retryable: true}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateErrors(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestLookupNonsense: whatever is not clear is an error, never "not found".
func TestLookupNonsense(t *testing.T) {
	t.Parallel()
	result := func(email, status string) symapi.LookupResult {
		return symapi.LookupResult{Email: email, Status: status}
	}
	tests := map[string][]symapi.LookupResult{
		"too few":         {result("p0000@example.com", "not_found")},
		"too many":        {result("p0000@example.com", "not_found"), result("p0001@example.com", "not_found"), result("p0002@example.com", "not_found")},
		"other order":     {result("p0001@example.com", "not_found"), result("p0000@example.com", "not_found")},
		"no email":        {result("", "not_found"), result("p0001@example.com", "not_found")},
		"no status":       {result("p0000@example.com", ""), result("p0001@example.com", "not_found")},
		"unknown status":  {result("p0000@example.com", "maybe"), result("p0001@example.com", "not_found")},
		"found, no value": {result("p0000@example.com", "found"), result("p0001@example.com", "not_found")},
	}
	for name, results := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answer: func(request) answer { return ok(symapi.LookupReply{Results: results}) }}
			got, err := f.client(t).Lookup(context.Background(), okta, emails(2), "")
			if got != nil {
				t.Errorf("got %v", got)
			}
			wantCode(t, err, identity.CodeInternal)
		})
	}
}

func TestLookupWithoutDirectory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code identity.Code
		says string
	}{
		"no directory":    {identity.CodeNoDirectory, "No directory is configured"},
		"unknown service": {identity.CodeServiceNotFound, "No such service"},
	} {
		f := &fake{answer: always(coded(404, test.code, test.says))}
		_, err := f.client(t).Lookup(context.Background(), okta, emails(3), "")
		if identity.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "lacks") {
			t.Errorf("%s: %v", name, err)
		}
		_, err = f.client(t).Status(context.Background(), okta, accountQueries("a"), "")
		if identity.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "lacks") {
			t.Errorf("status, %s: %v", name, err)
		}
	}
}

func TestHolders(t *testing.T) {
	t.Parallel()
	ada, bob := person("u1", "ada@example.com", "github:acme", "Ada-L"), person("u2", "bob@example.com", "github:acme", "bob")
	claims := []string{"bob", "nobody", "ada-l", "bob"}
	want := []string{"bob@example.com bob", "ada@example.com Ada-L"}

	f := &fake{answer: func(r request) answer {
		by := map[string][]symapi.User{"ada-l": {ada}, "bob": {bob}}
		var reply symapi.IdentityHolders
		for _, id := range decode[symapi.IdentitySearch](t, r).Identities {
			reply.Results = append(reply.Results, symapi.IdentityHolder{Identity: id, Users: by[id]})
		}
		return ok(reply)
	}}
	holders, err := f.client(t).Holders(context.Background(), github, identity.Named(claims...))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range holders {
		got = append(got, string(h.User)+" "+h.Mapping.Matcher.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.wantCalls(t, "POST identities/search")
}

func TestHoldersNonsense(t *testing.T) {
	t.Parallel()
	for name, results := range map[string][]symapi.IdentityHolder{
		"too few":          {},
		"holds another":    {{Identity: "bob", Users: []symapi.User{person("u1", "ada@example.com", "github:acme", "ada")}}},
		"user without id ": {{Identity: "bob", Users: []symapi.User{person("", "ada@example.com", "github:acme", "bob")}}},
	} {
		f := &fake{answer: func(request) answer { return ok(symapi.IdentityHolders{Results: results}) }}
		_, err := f.client(t).Holders(context.Background(), github, identity.Named("bob"))
		if identity.CodeOf(err) != identity.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

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
	for i := range 6000 {
		asked = append(asked, fmt.Sprint("00u/%", i))
	}
	got, err := f.client(t).Status(context.Background(), okta, accountQueries(asked...), "")
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
			{Identity: "g", Status: "renamed", AccountID: "7", NewIdentity: "h", AsOf: &at}, {Identity: "i", Status: "reused", AccountID: "8", AsOf: &at},
			{Identity: "f", Status: "failed", Error: &symapi.Error{Message: "slow down", Code: "Directory:RATE_LIMITED", Retryable: true}},
		}})
	}}
	got, err := f.client(t).Status(context.Background(), okta, accountQueries("a", "b", "c", "d", "e", "g", "i", "f"), "")
	want := []identity.AccountStatus{
		{Identity: "a", Status: identity.AccountActive, AsOf: at}, {Identity: "b", Status: identity.AccountInactive, AsOf: at}, {Identity: "c", Status: identity.AccountAbsent, AsOf: at},
		{Identity: "d", Status: identity.AccountUnknown},
		{Identity: "e", Status: identity.AccountFailed, Err: &identity.Error{Code: identity.CodeDirectoryFailed, Message: "the directory could not be asked", Retryable: true}},
		{Identity: "g", Status: identity.AccountRenamed, AccountID: "7", NewIdentity: "h", AsOf: at},
		{Identity: "i", Status: identity.AccountReused, AccountID: "8", AsOf: at},
		{Identity: "f", Status: identity.AccountFailed, Err: &identity.Error{Code: identity.CodeDirectoryLimited, Message: "slow down", Retryable: true}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateErrors()); err != nil || diff != "" {
		t.Errorf("%v: answers (-want +got):\n%s", err, diff)
	}
}

// Account ids are sent beside the identities, where one is known.
func TestStatusSendsAccountIDs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		queries []identity.AccountQuery
		want    []string
	}{
		"none": {accountQueries("a", "b"), nil},
		"some": {[]identity.AccountQuery{{Identity: "a"}, {Identity: "b", AccountID: "7"}}, []string{"", "7"}},
	} {
		f := &fake{answer: func(r request) answer {
			if got := decode[symapi.StatusRequest](t, r).AccountIDs; !slices.Equal(got, test.want) {
				t.Errorf("%s: account ids %q, want %q", name, got, test.want)
			}
			return ok(symapi.StatusReply{Results: []symapi.StatusResult{{Identity: "a", Status: "active"}, {Identity: "b", Status: "active"}}})
		}}
		if _, err := f.client(t).Status(context.Background(), okta, test.queries, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStatusNonsense: whatever is not clear is an error, never "absent".
func TestStatusNonsense(t *testing.T) {
	t.Parallel()
	for name, results := range map[string][]symapi.StatusResult{
		"too few": {}, "too many": {{Identity: "a", Status: "absent"}, {Identity: "a", Status: "absent"}},
		"another": {{Identity: "b", Status: "absent"}}, "no identity": {{Status: "absent"}},
		"no status": {{Identity: "a"}}, "unknown status": {{Identity: "a", Status: "deleted"}},
		"renamed to nothing": {{Identity: "a", Status: "renamed", AccountID: "7"}},
	} {
		f := &fake{answer: func(request) answer { return ok(symapi.StatusReply{Results: results}) }}
		got, err := f.client(t).Status(context.Background(), okta, accountQueries("a"), "")
		if got != nil || identity.CodeOf(err) != identity.CodeInternal {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// accountQueries asks for identities without account ids.
func accountQueries(ids ...string) []identity.AccountQuery {
	queries := make([]identity.AccountQuery, len(ids))
	for i, id := range ids {
		queries[i].Identity = id
	}
	return queries
}
