// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package awsclient

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// environment makes AWS_… the only sources of credentials.
func environment(t *testing.T, variables map[string]string) *API {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	for name, value := range variables {
		t.Setenv(name, value)
	}
	api, err := Open(Settings{Region: "eu-central-1"}, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func retrieve(t *testing.T, api *API) error {
	t.Helper()
	_, err := Call(t.Context(), api, func(context.Context) (string, error) { return "", nil })
	return err
}

// What a credential_process prints is a secret.
func TestCredentialProcess(t *testing.T) { //nolint:paralleltest // it sets the environment
	if runtime.GOOS == "windows" {
		return // the SDK runs it by another shell there
	}
	path := filepath.Join(t.TempDir(), "config")
	text := "[default]\ncredential_process = echo Logged in, SecretAccessKey hunter2hunter2\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := retrieve(t, environment(t, map[string]string{"AWS_CONFIG_FILE": path}))
	if !errors.Is(err, directory.ErrCredential) || !strings.Contains(err.Error(), "credential_process") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

// A source of credentials that fails for a moment is no rejected credential.
func TestSourceOfCredentialsFails(t *testing.T) { //nolint:paralleltest // it sets the environment
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]error{http.StatusServiceUnavailable: directory.ErrUnavailable, http.StatusForbidden: directory.ErrCredential} {
		sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		defer sts.Close()
		err := retrieve(t, environment(t, map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/sym",
			"AWS_ENDPOINT_URL_STS": sts.URL, "AWS_MAX_ATTEMPTS": "1"}))
		if !errors.Is(err, want) {
			t.Errorf("status %d: %v, want %v", status, err, want)
		}
	}
	if err := retrieve(t, environment(t, nil)); !errors.Is(err, directory.ErrCredential) {
		t.Errorf("no source at all: %v", err)
	}
}

func TestErrorCode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"__type":"ThrottlingException","RetryAfterSeconds":3}`:                                     "ThrottlingException",
		`{"__type":"com.amazonaws.identitystore#ResourceNotFoundException"}`:                         "ResourceNotFoundException",
		`<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code></Error></ErrorResponse>`: "NoSuchEntity",
		`<html><body>Code</body></html>`:                                                             "",
		`{"message":"no"}`:                                                                           "",
		``:                                                                                           "",
	} {
		if got := errorCode([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Settings{
		"client_id: ": {Region: "eu-central-1", ClientID: "a"},
		"base_url: ":  func() Settings { s := Settings{Region: "eu-central-1"}; s.BaseURL = "http://example.com"; return s }(),
		"timeout: ":   func() Settings { s := Settings{Region: "eu-central-1"}; s.Timeout = -1; return s }(),
	} {
		if _, err := Open(s, 0, ""); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
}

// FuzzAnswers: no body is both good and an error that is passed on.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"Users":[]}`))
	f.Add([]byte(`<GetUserResponse><GetUserResult/></GetUserResponse>`))
	f.Add([]byte(`<GetUserResponse><GetUserResult>`))
	f.Add([]byte(`""`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if unexpected(true, body) == "" && unexpected(false, body) == "" {
			t.Errorf("%q is JSON and XML", body)
		}
		if code := errorCode(body); isAbsent(code) && (badCredential(code) || limited(400, nil, body)) {
			t.Errorf("%q is in two classes", code)
		}
	})
}
