// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestErrorIs(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("writing: %w", &Error{Code: CodeIdentityConflict, Message: "taken", Cause: io.EOF})
	if !errors.Is(err, &Error{Code: CodeIdentityConflict}) || !errors.Is(err, io.EOF) {
		t.Error("an error is not found by its code or its cause")
	}
	if errors.Is(err, &Error{Code: CodeIdentityClaimed}) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("an error is found by another code or cause")
	}
	if CodeOf(err) != CodeIdentityConflict || AsError(err).Message != "taken" {
		t.Errorf("CodeOf = %q, AsError = %v", CodeOf(err), AsError(err))
	}
	if CodeOf(io.EOF) != "" || AsError(io.EOF).Code != CodeInternal || !errors.Is(AsError(io.EOF), io.EOF) {
		t.Errorf("an error without a code: %q, %v", CodeOf(io.EOF), AsError(io.EOF))
	}
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	okta := ServiceKey{"okta", "acme"}
	stored := &Mapping{Matcher: Matcher{"user_id": "00u1"}, Source: Manual, Revision: 7}
	for want, err := range map[string]error{
		"taken. Let it be.":               &Error{Message: "taken", Hint: "Let it be."},
		"Log in. The JWT expired.":        &Error{Message: "Log in.", Hint: "The JWT expired."},
		"Unknown user for email: ada@x.y": UnknownUser("ada@x.y"),
		"Unknown bot: ci. A bot must exist before it is mapped; a person is named by e-mail, with an @.": UnknownUser("ci"),
		"no identity is stored for ada@x.y in okta:acme any more":                                        Conflict("ada@x.y", okta, nil),
		"another identity is stored for ada@x.y in okta:acme: 00u1 (manual, revision 7)":                 Conflict("ada@x.y", okta, stored),
		"00u1 in okta:acme already belongs to bob@x.y":                                                   Claimed("ada@x.y", okta, Matcher{"user_id": "00u1"}, "bob@x.y"),
		"taken":                               &BatchError{Items: []ItemError{{Err: &Error{Message: "taken"}}}},
		"2 elements failed, the first: taken": &BatchError{Items: []ItemError{{Err: &Error{Message: "taken"}}, {Index: 4, Err: &Error{Message: "gone"}}}},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	batch := &BatchError{Items: []ItemError{{Err: &Error{Code: CodeInvalid}}, {Err: &Error{Code: CodeIdentityClaimed}}}}
	if !errors.Is(batch, &Error{Code: CodeIdentityClaimed}) {
		t.Error("the second failure of a batch is not found")
	}
}
