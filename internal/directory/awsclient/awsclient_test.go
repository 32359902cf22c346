// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package awsclient

import (
	"strings"
	"testing"
)

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
