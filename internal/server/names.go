// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// parseEmail reads a name that must be a person's.
func parseEmail(s string) (identity.UserKey, error) {
	key, err := identity.ParseUser(s)
	if err == nil && !key.IsEmail() {
		err = identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not an e-mail", key), "An e-mail looks like name@example.com.")
	}
	return key, err
}

// parseUsername reads a name that must be a bot's.
func parseUsername(s string) (identity.UserKey, error) {
	key, err := identity.ParseUser(s)
	if err == nil && key.IsEmail() {
		err = identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not a bot's username", key), "A username has no @.")
	}
	return key, err
}

// parseEach reads a list of names and reports every bad one by its place.
func parseEach(list string, names []string, parse func(string) (identity.UserKey, error)) ([]identity.UserKey, error) {
	keys := make([]identity.UserKey, len(names))
	var problems []string
	code := identity.CodeUserInvalid
	for i, name := range names {
		key, err := parse(name)
		var e *identity.Error
		if errors.As(err, &e) {
			code = e.Code
			problems = append(problems, fmt.Sprintf("%s[%d]: %s", list, i, e))
		}
		keys[i] = key
	}
	if len(problems) == 0 {
		return keys, nil
	}
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems], fmt.Sprintf("and %d more", more))
	}
	return nil, identity.Invalid(code, strings.Join(problems, "; "), "")
}

// checkLength refuses lists that are too long for one request.
func checkLength(list string, n int) error {
	if n <= symapi.MaxBatch {
		return nil
	}
	return identity.Invalid(identity.CodeTooLarge, fmt.Sprintf("%s holds %d elements", list, n),
		fmt.Sprintf("One request takes at most %d; send more requests.", symapi.MaxBatch))
}
