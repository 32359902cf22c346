// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TestAddFailure compares with testdata/diagnostics. UPDATE_GOLDEN=1 writes
// what there is now; read the difference as a user would.
func TestAddFailure(t *testing.T) {
	t.Parallel()
	const ada, bob = identity.UserKey("ada@acme.com"), identity.UserKey("bob@acme.com")
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	stored := &identity.Mapping{Service: okta, Matcher: identity.Matcher{"user_id": "00u2"}, Source: identity.Manual, Revision: 7}
	call := func(method, path string, status, attempts int, err error) error {
		return fmt.Errorf("wrapped: %w", &client.Error{Method: method, Path: path, Status: status, RequestID: "req-1", Attempts: attempts, Err: err})
	}
	coded := func(code identity.Code, message, hint string) *identity.Error {
		return &identity.Error{Code: code, Message: message, Hint: hint}
	}
	tests := map[string]struct {
		user, service string
		err           error
	}{
		"read_only":        {string(ada), okta.String(), call("PATCH", "/api/v1/users", 0, 0, client.ErrReadOnly)},
		"cancelled":        {string(ada), okta.String(), call("GET", "/api/v1/users", 0, 1, context.Canceled)},
		"timeout":          {"", "", call("GET", "/api/v1/users", 0, 6, &identity.Error{Code: identity.CodeUnavailable, Message: "the API did not answer within 30s", Cause: context.DeadlineExceeded})},
		"unreachable":      {"", "", call("GET", "/api/v1/users", 0, 6, errors.New("dial tcp: lookup identity.acme.dev: no such host"))},
		"not_sent":         {"", "", call("GET", "/api/v1/users", 0, 0, errors.New("no token: the token file cannot be read: open token: no such file or directory"))},
		"unauthenticated":  {"", okta.String(), call("GET", "/api/v1/services", 401, 1, coded(identity.CodeUnauthenticated, "You must be logged in to perform this action.", ""))},
		"forbidden":        {string(ada), okta.String(), call("PATCH", "/api/v1/users", 403, 1, coded(identity.CodeForbidden, "You are not authorized to perform this action.", ""))},
		"not_an_api":       {"", "", call("GET", "/api/v1/users", 200, 1, coded(identity.CodeInternal, "the answer was not JSON (text/html, 200): Log in", ""))},
		"unavailable":      {"", "", call("GET", "/api/v1/users", 503, 6, coded(identity.CodeUnavailable, "the store does not answer", ""))},
		"conflict":         {string(ada), okta.String(), call("PATCH", "/api/v1/users", 409, 1, identity.Conflict(ada, okta, stored))},
		"claimed":          {string(ada), okta.String(), call("PATCH", "/api/v1/users", 409, 1, identity.Claimed(ada, okta, identity.Matcher{"user_id": "00u2"}, bob))},
		"unknown_service":  {"", okta.String(), call("PATCH", "/api/v1/users", 404, 1, identity.UnknownService(okta))},
		"unknown_bot":      {"deploy-bot", okta.String(), call("PATCH", "/api/v1/users", 404, 1, identity.UnknownUser("deploy-bot"))},
		"referenced":       {"", okta.String(), call("POST", "/api/v1/services/delete", 409, 1, coded(identity.CodeServiceReferenced, "Cannot perform delete because it is referenced by 3 identities and 0 integrations", ""))},
		"directory_failed": {string(ada), okta.String(), call("POST", "/api/v1/identities/lookup", 503, 6, coded(identity.CodeDirectoryFailed, "the directory of okta:acme.okta.com could not be asked: the service did not answer", ""))},
		"batch": {"", okta.String(), call("PATCH", "/api/v1/users", 409, 1, &identity.BatchError{Items: []identity.ItemError{
			{Index: 0, Err: &identity.Error{Code: identity.CodeIdentityConflict, Message: "another identity is stored", User: ada, Service: okta, Stored: stored}},
			{Index: 4, Err: &identity.Error{Code: identity.CodeIdentityClaimed, Message: "the account is taken", User: bob, Service: okta, Holder: ada}},
			{Index: 9, Err: coded(identity.CodeUserInvalid, "the user is empty", "")},
		}})},
		"batch_of_one": {string(ada), okta.String(), call("PATCH", "/api/v1/users", 409, 1, &identity.BatchError{Items: []identity.ItemError{
			{Index: 0, Err: identity.Conflict(ada, okta, stored)},
		}})},
		"other": {string(ada), "", errors.New("the disk is full")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var diags diag.Diagnostics
			addFailure(&diags, "Store Identity Mapping", tt.user, tt.service, tt.err)
			if len(diags) != 1 || diags[0].Summary() != "Unable to Store Identity Mapping" {
				t.Fatalf("diagnostics: %v", diags)
			}
			wantGolden(t, filepath.Join("testdata", "diagnostics", name+".txt"), diags[0].Detail()+"\n")
		})
	}
}

func wantGolden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		writeFile(t, file, got)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestSaidByServer(t *testing.T) {
	t.Parallel()
	if got := saidByServer(errors.New("local")); got != "" {
		t.Errorf("a local error: %q", got)
	}
	err := &client.Error{Method: "GET", Path: "/api/v1/users", Status: 404, RequestID: "r", Attempts: 2, Err: identity.UnknownUser("deploy-bot")}
	want := "\n\nThe server said: Unknown bot: deploy-bot\nRequest: GET /api/v1/users, status 404 Not Found, request ID r, 2 attempts"
	if got := saidByServer(err); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                         "",
		"  nothing is there ":      "Nothing is there.",
		"Is it?":                   "Is it?",
		"ada@acme.com is not a x":  "ada@acme.com is not a x.",
		"api_url is wrong.":        "api_url is wrong.",
		"élan":                     "Élan.",
		`"x" is neither`:           `"x" is neither.`,
		"okta:acme.okta.com is it": "okta:acme.okta.com is it.",
	} {
		if got := sentence(in); got != want {
			t.Errorf("sentence(%q) = %q, want %q", in, got, want)
		}
		if again := sentence(want); strings.TrimSpace(in) != "" && again != want {
			t.Errorf("sentence(%q) = %q: it is not stable", want, again)
		}
	}
}
