// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func encodedUser() identity.User {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("CET", 3600))
	return identity.User{
		ID: "u-1", Type: identity.Normal, Role: identity.Member, Key: "alice@example.com", Name: "Alice@Example.com", FirstName: "Alice", CreatedAt: at,
		Mappings: []identity.Mapping{{
			Service: identity.ServiceKey{Type: "aws_sso", ExternalID: "arn:aws:sso:::instance/ssoins-1"},
			Matcher: identity.Matcher{"principal_uuid": "p-1"}, Profile: map[string]string{"team": "core"},
			Source: identity.FromRule, Rule: "everybody", Revision: 3, UpdatedAt: at, UpdatedBy: "ci",
		}},
	}
}

// asJSON is how a value looks on the wire, so that extra fields are seen.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return fromJSON(t, string(text))
}

func fromJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEncode(t *testing.T) {
	t.Parallel()
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	stored := identity.Mapping{Service: okta, Matcher: identity.NewMatcher("okta", "00u1"), Source: identity.Manual, Revision: 2}
	for name, tt := range map[string]struct {
		got  any
		want string
	}{
		"person": {EncodeUser(encodedUser()), `{"id":"u-1","type":"normal","role":"member","created_at":"2026-01-02T02:04:05Z","identities":[
			{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"Alice@Example.com"},"profile":{"first_name":"Alice"}},
			{"service":{"slug":"aws_sso","external_id":"arn:aws:sso:::instance/ssoins-1"},"matcher":{"principal_uuid":"p-1"},
			 "profile":{"team":"core"},"source":"rule","rule":"everybody","revision":3,"updated_at":"2026-01-02T02:04:05Z","updated_by":"ci"}]}`},
		"bot": {EncodeUser(identity.User{ID: "b-1", Type: identity.Bot, Role: identity.Guest, Key: "deployer", Name: "deployer"}),
			`{"id":"b-1","type":"bot","role":"guest","created_at":"0001-01-01T00:00:00Z","identities":[
			{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"username":"deployer"},"profile":{}}]}`},
		"no users":      {UserList{Users: EncodeUsers(nil)}, `{"users":[]}`},
		"service":       {EncodeService(identity.Service{ID: "s-1", Key: okta, Label: "Okta"}, true, true), `{"id":"s-1","slug":"okta","external_id":"acme.okta.com","label":"Okta","directory":true,"configured":true}`},
		"no directory":  {EncodeService(identity.Service{ID: "s-1", Key: okta}, false, false), `{"id":"s-1","slug":"okta","external_id":"acme.okta.com","label":"","directory":false,"configured":false}`},
		"found":         {EncodeLookup(identity.LookupResult{Email: "a@example.com", Status: identity.Found, Matcher: stored.Matcher}), `{"email":"a@example.com","status":"found","matcher":{"user_id":"00u1"}}`},
		"not found":     {EncodeLookup(identity.LookupResult{Email: "a@example.com", Status: identity.NotFound}), `{"email":"a@example.com","status":"not_found"}`},
		"ambiguous":     {EncodeLookup(identity.LookupResult{Email: "a@example.com", Status: identity.Ambiguous, Candidates: []identity.Candidate{{Matcher: identity.Matcher{"user_id": "1"}}, {Matcher: identity.Matcher{"user_id": "2"}}}}), `{"email":"a@example.com","status":"ambiguous","candidates":[{"user_id":"1"},{"user_id":"2"}],"accounts":[{"matcher":{"user_id":"1"}},{"matcher":{"user_id":"2"}}]}`},
		"failed":        {EncodeLookup(identity.LookupResult{Email: "a@example.com", Status: identity.Failed, Err: &identity.Error{Code: identity.CodeDirectoryLimited, Message: "too fast", Retryable: true}}), `{"email":"a@example.com","status":"failed","error":{"error":true,"message":"too fast","code":"Directory:RATE_LIMITED","status_code":429,"is_retryable":true}}`},
		"error":         {EncodeError(&identity.Error{Code: identity.CodeUserNotFound, Message: "Unknown", Hint: "Look again."}, "r-1"), `{"error":true,"message":"Unknown. Look again.","code":"User:NOT_FOUND","status_code":404,"is_retryable":false,"request_id":"r-1"}`},
		"unknown code":  {EncodeError(&identity.Error{Code: "Odd:CODE", Message: "x"}, ""), `{"error":true,"message":"x","code":"Odd:CODE","status_code":500,"is_retryable":false}`},
		"conflict":      {EncodeItemError(identity.ItemError{Index: 4, Err: &identity.Error{Code: identity.CodeIdentityConflict, Message: "x", User: "a@example.com", Service: okta, Stored: &stored}}), `{"index":4,"user":"a@example.com","service_type":"okta","external_id":"acme.okta.com","code":"Identity:CONFLICT","message":"x","stored":{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":{},"source":"manual","revision":2}}`},
		"claim":         {EncodeItemError(identity.ItemError{Err: identity.Claimed("a@example.com", okta, stored.Matcher, "b@example.com")}), `{"index":0,"user":"a@example.com","service_type":"okta","external_id":"acme.okta.com","code":"Identity:CLAIMED","message":"00u1 in okta:acme.okta.com already belongs to b@example.com","holder":"b@example.com"}`},
		"bulk success":  {BulkSuccess([]BulkResult{{Index: 0, UserID: "u-1"}}), `{"status":"success","errors":[],"succeeded":1,"failed":0,"results":[{"index":0,"user_id":"u-1"}]}`},
		"empty success": {BulkSuccess(nil), `{"status":"success","errors":[],"succeeded":0,"failed":0,"results":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(fromJSON(t, tt.want), asJSON(t, tt.got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBulkFailure(t *testing.T) {
	t.Parallel()
	failure := func(i int, code identity.Code, retryable bool) identity.ItemError {
		return identity.ItemError{Index: i, Err: &identity.Error{Code: code, Message: string(code), Retryable: retryable}}
	}
	for name, tt := range map[string]struct {
		failures  []identity.ItemError
		code      identity.Code
		status    int
		message   string
		retryable bool
	}{
		"one":             {[]identity.ItemError{failure(2, identity.CodeUserNotFound, false)}, identity.CodeUserNotFound, 404, "", false},
		"one, retryable":  {[]identity.ItemError{failure(2, identity.CodeUnavailable, true)}, identity.CodeUnavailable, 503, "", true},
		"same code":       {[]identity.ItemError{failure(0, identity.CodeUserInvalid, false), failure(1, identity.CodeUserInvalid, false)}, identity.CodeUserInvalid, 400, "", false},
		"mixed":           {[]identity.ItemError{failure(0, identity.CodeUserInvalid, false), failure(1, identity.CodeUserNotFound, false), failure(2, identity.CodeUserInvalid, false)}, identity.CodeIdentityConflict, 409, "", false},
		"none":            {nil, identity.CodeIdentityConflict, 409, "nothing was done", false},
		"partly for good": {[]identity.ItemError{failure(0, identity.CodeUnavailable, true), failure(1, identity.CodeUnavailable, false)}, identity.CodeUnavailable, 503, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := BulkFailure(tt.failures, 7)
			if got.Status != "error" || got.Succeeded != 0 || got.Failed != 7 || !got.Error || len(got.Errors) != len(tt.failures) || len(got.Results) != len(tt.failures) {
				t.Errorf("reply %+v", got)
			}
			if got.Code != string(tt.code) || got.StatusCode != tt.status || got.Message != tt.message || *got.Retryable != tt.retryable {
				t.Errorf("got %s %d %q %t", got.Code, got.StatusCode, got.Message, *got.Retryable)
			}
		})
	}
}

func TestBulkFailureNamesEveryCulprit(t *testing.T) {
	t.Parallel()
	var failed []identity.ItemError
	for i := range 20_000 {
		failed = append(failed, identity.ItemError{Index: i, Err: &identity.Error{Code: identity.CodeUserNotFound, Message: "unknown"}})
	}
	got := BulkFailure(failed, len(failed))
	if len(got.Results) != 20_000 || got.Results[19_999].Index != 19_999 {
		t.Errorf("%d results", len(got.Results))
	}
	if len(got.Errors) != 101 || got.Errors[100] != "and 19900 more problems, which the reply's results name" {
		t.Errorf("%d errors, the last: %s", len(got.Errors), got.Errors[len(got.Errors)-1])
	}
}

// TestEncodeAndDecodeAgree: what the server says is what the client reads.
func TestEncodeAndDecodeAgree(t *testing.T) {
	t.Parallel()
	want := encodedUser()
	text, err := json.Marshal(EncodeUser(want))
	if err != nil {
		t.Fatal(err)
	}
	var wire User
	if err := json.Unmarshal(text, &wire); err != nil {
		t.Fatal(err)
	}
	got, err := DecodeUser(wire)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
