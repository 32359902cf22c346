// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const symIdentity = `{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"Ada@Example.com"},"profile":{"first_name":"Ada","last_name":"Lovelace"}}`

func decodeUser(text string) (identity.User, error) {
	var u symapi.User
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		return identity.User{}, err
	}
	return symapi.DecodeUser(u)
}

func TestDecodeUser(t *testing.T) {
	t.Parallel()
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	at := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	tests := map[string]struct {
		wire string
		want identity.User
	}{
		"everything": {
			`{"id":"u1","type":"normal","role":"admin","created_at":"2024-02-03T04:05:06Z","identities":[` + symIdentity + `,
			  {"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":{"team":"a"},"source":"rule","rule":"r1","revision":3,"updated_at":"2024-02-03T04:05:06Z","updated_by":"ci"},
			  {"service":{"slug":"aws_iam","external_id":"123456789012"},"matcher":{"user_arn":"arn"},"source":"email","revision":1}],"more":1}`,
			identity.User{
				ID: "u1", Type: identity.Normal, Role: identity.Admin, Key: "ada@example.com", Name: "Ada@Example.com", FirstName: "Ada", LastName: "Lovelace", CreatedAt: at,
				Mappings: []identity.Mapping{
					{Service: identity.ServiceKey{Type: "aws_iam", ExternalID: "123456789012"}, Matcher: identity.Matcher{"user_arn": "arn"}, Source: identity.FromEmail, Revision: 1},
					{Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Profile: map[string]string{"team": "a"}, Source: identity.FromRule, Rule: "r1", Revision: 3, UpdatedAt: at, UpdatedBy: "ci"},
				},
			},
		},
		"no extensions": {
			`{"id":"u1","role":null,"created_at":null,"identities":[{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":null},` + symIdentity + `]}`,
			identity.User{ID: "u1", Type: identity.Normal, Key: "ada@example.com", Name: "Ada@Example.com", FirstName: "Ada", LastName: "Lovelace",
				Mappings: []identity.Mapping{{Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Source: identity.Manual}}},
		},
		"bot": {
			`{"id":"b1","type":"bot","role":"member","identities":[{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"username":"deploy-bot"}}]}`,
			identity.User{ID: "b1", Type: identity.Bot, Role: identity.Member, Key: "deploy-bot", Name: "deploy-bot"},
		},
		"bot without type": {
			`{"id":"b1","identities":[{"service":{"slug":"sym","external_id":"acme"},"matcher":{"username":"deploy-bot"}}]}`,
			identity.User{ID: "b1", Type: identity.Bot, Key: "deploy-bot", Name: "deploy-bot"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeUser(test.wire)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeUserNonsense(t *testing.T) {
	t.Parallel()
	with := func(more string) string {
		return `{"id":"u1","type":"normal","identities":[` + symIdentity + `,` + more + `]}`
	}
	tests := map[string]struct{ wire, says string }{
		"no id":            {`{"identities":[` + symIdentity + `]}`, "no id"},
		"no identities":    {`{"id":"u1","identities":null}`, "no sym identity"},
		"no name":          {`{"id":"u1","identities":[{"service":{"slug":"sym","external_id":"cloud"},"matcher":{}}]}`, "no sym identity with"},
		"two names":        {with(symIdentity), "two sym identities"},
		"unknown type":     {`{"id":"u1","type":"robot","identities":[` + symIdentity + `]}`, "unknown type"},
		"no slug":          {with(`{"matcher":{"user_id":"1"}}`), "no slug"},
		"no external id":   {with(`{"service":{"slug":"okta"},"matcher":{"user_id":"1"}}`), "no external id"},
		"no matcher":       {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":null}`), "no matcher"},
		"matcher of lists": {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":["1"]}}`), "array"},
		"unknown source":   {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":"1"},"source":"guess"}`), "unknown source"},
		"revision":         {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":"1"},"revision":-1}`), "revision -1"},
		"twice": {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":"1"}},
			{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":"2"}}`), "two identities of okta:a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := decodeUser(test.wire); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %+v, %v, want an error with %q", got, err, test.says)
			}
		})
	}
	if _, err := symapi.DecodeUsers([]symapi.User{{}}); err == nil {
		t.Error("a list with a user that makes no sense was decoded")
	}
}

func TestDecodeUserUndoesEncodeUser(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 3, 4, 5, 6, 7, time.UTC)
	want := identity.User{
		ID: "u1", Type: identity.Normal, Role: identity.Guest, Key: "o'brien+x%/@example.com", Name: "O'Brien+x%/@Example.com", FirstName: "Ada", CreatedAt: at,
		Mappings: []identity.Mapping{{Service: identity.ServiceKey{Type: "aws_sso", ExternalID: "arn:aws:sso:::instance/ssoins-1"},
			Matcher: identity.Matcher{"principal_uuid": "p"}, Profile: map[string]string{"a": "b"}, Source: identity.FromRemote, Rule: "", Revision: 5, UpdatedAt: at, UpdatedBy: "ci"}},
	}
	wire, err := json.Marshal(symapi.EncodeUser(want))
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeUser(string(wire))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestCreatedAtForms(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2024-02-03T05:05:06+01:00"`: at, `"2024-02-03T04:05:06"`: at, `"2024-02-03 04:05:06+00:00"`: at, `"2024-02-03 04:05:06"`: at,
		`"Sat, 03 Feb 2024 04:05:06 GMT"`: at, `null`: {}, `""`: {}, `1706933106`: {}, `"soon"`: {},
	} {
		got, err := decodeUser(`{"id":"u1","created_at":` + text + `,"identities":[` + symIdentity + `]}`)
		if err != nil || !got.CreatedAt.Equal(want) {
			t.Errorf("%s: %s, %v", text, got.CreatedAt, err)
		}
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
				a, err := symapi.DecodeAnswer(r)
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
