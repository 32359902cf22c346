// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// The order of a reply's fields changes nothing.
func TestRepliesReadTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	user := func(at string) string { return `{"id":"u1","type":"normal","created_at":` + at + `,"identities":[]}` }
	plain := user(`"2024-02-03T04:05:06Z"`)
	readUsers := func(body string) symapi.UserList {
		var list symapi.UserList
		if err := symapi.ParseReply(200, []byte(body), "users", &list); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return list
	}
	want := readUsers(`{"users":[` + plain + `,` + plain + `],"next_cursor":"c"}`)
	if len(want.Users) != 2 || want.Users[1].CreatedAt.IsZero() || want.NextCursor != "c" {
		t.Fatalf("read %+v", want)
	}
	for _, body := range []string{
		`{"next_cursor":"c","users":[` + plain + `,` + plain + `]}`,
		` { "users" : [` + plain + `,` + plain + `], "next_cursor":"c", "error":false}`,
	} {
		if diff := cmp.Diff(want, readUsers(body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}

	readBulk := func(body string) []symapi.BulkResult {
		results, err := symapi.ParseBulk(200, []byte(body), 2)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return results
	}
	results := `[{"index":1,"record":` + plain + `},{"index":0,"deleted":true}]`
	bulk := readBulk(`{"status":"success","errors":[],"results":` + results + `}`)
	if bulk[1].Record == nil || bulk[1].Record.CreatedAt.IsZero() || bulk[0].Deleted == nil || bulk[0].Record != nil {
		t.Fatalf("read %+v", bulk)
	}
	for _, body := range []string{
		`{"results":` + results + `,"status":"success"}`,
	} {
		if diff := cmp.Diff(bulk, readBulk(body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	if got := readBulk(`{"status":"success","results":["another server's own"]}`); got[0].Record != nil || got[1].Record != nil {
		t.Errorf("read %+v", got)
	}
}

func TestParseError(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		want   *identity.Error
	}{
		"ours":           {409, `{"error":true,"message":"m","code":"Identity:CONFLICT","status_code":409,"is_retryable":false}`, &identity.Error{Code: identity.CodeIdentityConflict, Message: "m"}},
		"retryable":      {500, `{"message":"m","code":"A:B","is_retryable":true}`, &identity.Error{Code: "A:B", Message: "m", Retryable: true}},
		"not retryable":  {503, `{"message":"m","code":"Directory:DENIED","is_retryable":false}`, &identity.Error{Code: identity.CodeDirectoryDenied, Message: "m"}},
		"by status":      {503, `{}`, &identity.Error{Code: identity.CodeUnavailable, Message: "service unavailable", Retryable: true}},
		"404, no code":   {404, `{"message":"m"}`, &identity.Error{Code: identity.CodeMissing, Message: "m"}},
		"foreign code":   {401, `{"code":"UNAUTHENTICATED"}`, &identity.Error{Code: identity.CodeUnauthenticated, Message: "unauthorized"}},
		"numeric code":   {403, `{"code":7,"message":["a"],"detail":"d"}`, &identity.Error{Code: identity.CodeForbidden, Message: "d"}},
		"errors":         {400, `{"errors":["a",{"b":1}]}`, &identity.Error{Code: identity.CodeInvalid, Message: `a; {"b":1}`}},
		"error as text":  {400, `{"error":"bad_request"}`, &identity.Error{Code: identity.CodeInvalid, Message: "bad_request"}},
		"unknown status": {799, `{}`, &identity.Error{Code: identity.CodeUnavailable, Message: "the server gave no reason"}},
		"HTML":           {502, `<html>`, nil},
		"array":          {400, `[]`, nil},
		"null":           {400, `null`, nil},
		"text":           {400, `"x"`, nil},
		"cut":            {400, `{"message":"m"`, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, isJSON := symapi.ParseError(test.status, []byte(test.body))
			if isJSON != (test.want != nil) {
				t.Fatalf("JSON: %v", isJSON)
			}
			if test.want != nil {
				got.Cause = nil
				if diff := cmp.Diff(*test.want, *got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestItemErrorsUndoBulkFailure(t *testing.T) {
	t.Parallel()
	service := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	stored := &identity.Mapping{Service: service, Matcher: identity.Matcher{"user_id": "y"}, Source: identity.Manual, Revision: 2}
	body, err := json.Marshal(symapi.BulkFailure([]identity.ItemError{
		{Index: 3, Err: identity.Claimed("eve@example.com", service, identity.Matcher{"user_id": "x"}, "ada@example.com")},
		{Index: 1, Err: identity.Conflict("bob@example.com", service, stored)},
		{Index: 2, Err: identity.Conflict("col@example.com", service, nil)},
	}, 5))
	if err != nil {
		t.Fatal(err)
	}
	batch := symapi.ParseItemErrors(body, 5)
	if batch == nil || len(batch.Items) != 3 {
		t.Fatalf("got %+v", batch)
	}
	conflict, gone, claimed := batch.Items[0], batch.Items[1], batch.Items[2]
	if conflict.Index != 1 || conflict.Err.Code != identity.CodeIdentityConflict || conflict.Err.User != "bob@example.com" || conflict.Err.Service != service {
		t.Errorf("conflict %+v", conflict)
	}
	if diff := cmp.Diff(stored, conflict.Err.Stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if gone.Index != 2 || gone.Err.Stored != nil {
		t.Errorf("gone %+v", gone)
	}
	if claimed.Index != 3 || claimed.Err.Code != identity.CodeIdentityClaimed || claimed.Err.Holder != "ada@example.com" {
		t.Errorf("claimed %+v", claimed)
	}
	for name, bad := range map[string]string{
		"beyond":          `{"results":[{"index":5,"code":"Identity:CONFLICT"}]}`,
		"negative":        `{"results":[{"index":-1,"code":"Identity:CONFLICT"}]}`,
		"stored nonsense": `{"results":[{"index":0,"code":"Identity:CONFLICT","stored":{}}]}`,
		"no failure":      `{"results":[{"index":0}]}`,
		"no results":      `{}`,
		"no JSON":         `<`,
	} {
		if got := symapi.ParseItemErrors([]byte(bad), 5); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// FuzzReplies reads arbitrary bytes as every kind of reply.
func FuzzReplies(f *testing.F) {
	for _, seed := range []string{
		`{"users":[{"id":"u1","type":"normal","created_at":"2024-02-03","identities":[` + symIdentity + `]}],"next_cursor":"c"}`,
		`{"results":[{"email":"a@example.com","status":"failed","error":{"code":"A:B"}},{"status":"found"}]}`,
		`{"status":"success","failed":0,"results":[{"index":1,"deleted":true,"record":{}}]}`,
		`{"status":"error","error":true,"results":[{"index":0,"code":"X:Y","stored":{"service":null},"holder":"` + "\u200b" + `"}]}`,
		`{"error":"true","message":1,"code":":","errors":[null,[]]}`,
		`null`, `[]`, `{"users":null}`, `{"users":[null]}`, "{\"users\":[{\"id\":\"\\ud800\"}]}", ``,
	} {
		f.Add(200, []byte(seed))
		f.Add(409, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		const n = 3
		var list symapi.UserList
		if symapi.ParseReply(status, body, "users", &list) == nil {
			if users, err := symapi.DecodeUsers(list.Users); err == nil {
				for _, u := range users {
					if u.ID == "" || u.Name == "" || u.Type == "" {
						t.Errorf("decoded the user %+v", u)
					}
				}
			}
		}
		var lookup symapi.LookupReply
		if symapi.ParseReply(status, body, "results", &lookup) == nil {
			for _, r := range lookup.Results {
				a, err := symapi.DecodeLookup(r)
				if err == nil && (a.Status == identity.Found) != (a.Status != identity.Inactive && len(a.Matcher) > 0) {
					t.Errorf("decoded the answer %+v", a)
				}
			}
		}
		if results, err := symapi.ParseBulk(status, body, n); err == nil && len(results) != n {
			t.Errorf("%d results", len(results))
		}
		if batch := symapi.ParseItemErrors(body, n); batch != nil {
			for _, c := range batch.Items {
				if c.Index < 0 || c.Index >= n || c.Err.Code == "" || c.Err.Message == "" {
					t.Errorf("decoded the failure %+v", c)
				}
			}
		}
		if e, isJSON := symapi.ParseError(status, body); isJSON && (e.Code == "" || e.Message == "") {
			t.Errorf("decoded the error %+v", e)
		}
	})
}

// Results that do not say which element they are about are not taken for the first one's.
func TestParseBulkIgnoresResultsWithoutAPlace(t *testing.T) {
	t.Parallel()
	for _, results := range []string{`[{"user":"a@x.example"},{"user":"b@x.example"}]`, `[{"index":1,"user":"a"},{"index":2,"user":"b"}]`} {
		got, err := symapi.ParseBulk(200, []byte(`{"status":"success","errors":[],"results":`+results+`}`), 2)
		if diff := cmp.Diff(make([]symapi.BulkResult, 2), got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", results, err, diff)
		}
	}
}
