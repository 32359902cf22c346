// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
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
		return fmt.Errorf("wrapped: %w", &client.Error{Method: method, Path: path, Status: status, RequestID: "req-1", Attempts: attempts, Credential: "the token from the variable SYM_JWT", Err: err})
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
		"unreachable":      {"", "", call("GET", "/api/v1/users", 0, 6, errors.New("unexpected EOF"))},
		"unknown_host":     {"", "", call("GET", "/api/v1/users", 0, 6, &net.DNSError{Err: "no such host", Name: "identity.acme.dev", IsNotFound: true})},
		"refused":          {"", "", call("GET", "/api/v1/users", 0, 6, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED})},
		"no_proxy":         {"", "", call("GET", "/api/v1/users", 0, 6, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "proxy.acme.dev"}}})},
		"no_client_cert":   {"", "", call("GET", "/api/v1/users", 0, 6, &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")})},
		"private_ca":       {"", "", call("GET", "/api/v1/users", 0, 6, x509.UnknownAuthorityError{})},
		"no_tls":           {"", "", call("GET", "/api/v1/users", 0, 6, http.ErrSchemeMismatch)},
		"busy":             {"", "", call("GET", "/api/v1/users", 503, 6, coded(identity.CodeBusy, "the server is busy with other requests; send this one again later", ""))},
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
		"directory_failed": {string(ada), okta.String(), call("POST", "/api/v1/identities/lookup", 503, 6, directory.AsIdentityError(okta, fmt.Errorf("GET https://acme.okta.com/api/v1/users: %w: EOF", directory.ErrUnavailable)))},
		"directory_wrong":  {string(ada), okta.String(), call("POST", "/api/v1/identities/lookup", 503, 1, directory.AsIdentityError(okta, fmt.Errorf("GET https://acme.okta.com/api/v1/users answered 404 Not Found: %w", directory.ErrRefused)))},
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

// TestDiagnostics_rare brings about what no other test needs: failures of calls
// that seldom fail alone. TestMain looks at what they say.
func TestDiagnostics_rare(t *testing.T) {
	t.Parallel()
	okta := func(identity string) map[string]any {
		return map[string]any{"user": "ada@acme.com", "service_type": "okta", "external_id": "acme.okta.com", "identity": identity}
	}
	tests := map[string]func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic{
		"Unable to Check Who Holds the Account": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			s.failNext(1, "POST", "identities/search", 503, "{}")
			return p.plan("sym_identity", nil, okta("00u1")).Diagnostics
		},
		"Unable to Update Identity Mapping": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			state, _ := p.apply("sym_identity", nil, okta("00u1"))
			s.failNext(1, "PATCH", "users", 503, "{}")
			_, diags := p.apply("sym_identity", state, okta("00u2"))
			return diags
		},
		"Unable to Delete Identity Mapping": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			state, _ := p.apply("sym_identity", nil, okta("00u1"))
			s.failNext(1, "POST", "users/identities/delete", 503, "{}")
			_, diags := p.apply("sym_identity", state, nil)
			return diags
		},
		"Unable to Import Service": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			p.nextRun() // which forgets the services
			s.failNext(1, "GET", "services", 503, "{}")
			_, diags := p.importState("sym_service", "okta:acme.okta.com")
			return diags
		},
		"Unable to Import User": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			s.failNext(9, "", "", 503, "{}")
			_, diags := p.importState("sym_user", "ada@acme.com")
			return diags
		},
		"Unable to Read Users": func(s *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			s.failNext(1, "GET", "users", 503, "{}")
			_, diags := p.readData("sym_users", map[string]any{})
			return diags
		},
		"Invalid Identity Mapping in State": func(_ *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			state := okta("00u1")
			state["user"] = "nobody at all"
			_, diags := p.read("sym_identity", state)
			return diags
		},
		"Invalid Identity Mappings in State": func(_ *testServer, p *protocolServer) []*tfprotov6.Diagnostic {
			_, diags := p.read("sym_identities", map[string]any{"service_type": "Okta!", "external_id": "acme.okta.com", "identities": map[string]any{}})
			return diags
		},
	}
	for summary, provoke := range tests {
		t.Run(summary, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t).register("okta:acme.okta.com")
			s.mapping("eve@acme.com", "okta:acme.okta.com", "00u7", identity.Manual)
			p := newProtocolServer(t, nil, s.settings(map[string]any{"max_retries": 0}))
			_, diags := p.readData("sym_services", map[string]any{}) // logs in
			wantDiagnostics(t, diags)
			diags = provoke(s, p)
			wantDiagnostics(t, diags, "ERROR: "+summary+" |")
			if strings.Contains(diags[0].Detail, "..") {
				t.Errorf("two full stops: %s", diags[0].Detail)
			}
		})
	}
	t.Run("Token Sent Without Encryption", func(t *testing.T) {
		t.Parallel()
		p := newProtocolServer(t, nil, nil)
		diags := p.configure(map[string]any{"api_url": "http://identity.acme.example/api/v1", "token": "of-nobody"})
		wantDiagnostics(t, diags, "Token Sent Without Encryption")
	})
	t.Run("Incomplete Client Certificate", func(t *testing.T) {
		t.Parallel()
		s := newTestServer(t)
		p := newProtocolServer(t, nil, nil)
		diags := p.configure(s.settings(map[string]any{"client_cert_file": "client.pem"}))
		if len(diags) == 0 {
			_, diags = p.readData("sym_services", map[string]any{})
		}
		wantDiagnostics(t, diags, "Incomplete Client Certificate")
	})
}

// TestDiagnostics_badShape shows that the look at what was told finds what it
// must.
func TestDiagnostics_badShape(t *testing.T) {
	t.Parallel()
	const e, w = tfprotov6.DiagnosticSeverityError, tfprotov6.DiagnosticSeverityWarning
	tests := map[string]struct {
		tfprotov6.Diagnostic
		want string
	}{
		"not in the inventory": {tfprotov6.Diagnostic{Severity: e, Summary: "Something New", Detail: "Try again."}, "inventory"},
		"names nobody":         {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "Try again."}, "names no user"},
		"no service":           {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Read Service", Detail: "Try again."}, "names no service"},
		"no remedy":            {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "For ada@acme.com: no."}, "no remedy"},
		"a variable":           {tfprotov6.Diagnostic{Severity: e, Summary: "User Is Gone: ada@acme.com", Detail: "ada@acme.com is gone; the next apply stores it."}, "names nobody"},
		"another person":       {tfprotov6.Diagnostic{Severity: w, Summary: "User Is Gone: ada@acme.com", Detail: "bob@acme.com is gone; the next apply stores it."}, "does not name ada@acme.com"},
		"a Go type":            {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "ada@acme.com: identity.Error{}. Try again."}, "inside of the program"},
		"repeats itself":       {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "Unable to Create User ada@acme.com. Try again."}, "repeats"},
		"good":                 {tfprotov6.Diagnostic{Severity: e, Summary: "Unable to Create User", Detail: "For ada@acme.com: no. Try again."}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := wrongIn(tt.Diagnostic)
			if tt.want == "" && len(wrong) > 0 || !strings.Contains(strings.Join(wrong, "; "), tt.want) {
				t.Errorf("got %q, want %q", wrong, tt.want)
			}
		})
	}
	record := &diagnosticsRecord{seen: map[tfprotov6.Diagnostic]bool{}}
	if some, all := record.problems(false), record.problems(true); len(some) > 0 || len(all) != len(inventory)-len(cannotHappen) {
		t.Errorf("of nothing told %d and %d of %d are missing", len(some), len(all), len(inventory))
	}
	record.add([]*tfprotov6.Diagnostic{{Severity: e, Summary: "Something New"}})
	if diff := cmp.Diff(1, len(record.problems(false))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
