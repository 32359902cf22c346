// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// parseEmail reads the e-mail of a person.
func parseEmail(s string) (identity.UserKey, error) {
	key, err := identity.ParseUser(s)
	if err == nil && !key.IsEmail() {
		err = identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not an e-mail", key), "An e-mail looks like name@example.com.")
	}
	return key, err
}

// parseUsername reads the username of a bot.
func parseUsername(s string) (identity.UserKey, error) {
	key, err := identity.ParseUser(s)
	if err == nil && key.IsEmail() {
		err = identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not a bot's username", key), "A username has no @.")
	}
	return key, err
}

// parseEach reads a list of names. Its error lists every bad one by place.
func parseEach(list string, names []string, parse func(string) (identity.UserKey, error)) ([]identity.UserKey, error) {
	if err := checkLength(list, len(names), symapi.MaxBatch); err != nil {
		return nil, err
	}
	keys := make([]identity.UserKey, len(names))
	var problems []string
	code := identity.CodeUserInvalid
	for i, name := range names {
		key, err := parse(name)
		if e, ok := errors.AsType[*identity.Error](err); ok {
			code = e.Code
			problems = append(problems, fmt.Sprintf("%s[%d]: %s", list, i, e))
		}
		keys[i] = key
	}
	if len(problems) == 0 {
		return keys, nil
	}
	return nil, identity.Invalid(code, joinProblems(problems), "")
}

// checkLength refuses lists that are too long for one request.
func checkLength(list string, n, most int) error {
	if n <= most {
		return nil
	}
	return identity.Invalid(identity.CodeTooLarge, fmt.Sprintf("%s holds %d elements", list, n),
		fmt.Sprintf("One request takes at most %d; send more requests.", most))
}

// checkFilters refuses filters that are sent but empty: a caller whose variable
// is not set asks for one user and must not get all.
func checkFilters(ctx huma.Context, all string, names ...string) []error {
	u := ctx.URL()
	query := u.Query()
	var problems []error
	for _, name := range names {
		if query.Has(name) && strings.TrimSpace(query.Get(name)) == "" {
			problems = append(problems, &huma.ErrorDetail{Location: "query." + name, Message: "must not be empty; leave it out to get " + all})
		}
	}
	return problems
}

// checkQuery refuses query parameters that an operation does not have, or that are
// sent twice: a filter that is not understood must not select everything.
func checkQuery(raw string, op *huma.Operation) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return identity.Invalid(identity.CodeInvalid, "The request's query cannot be read", "Escape characters such as % and ; as %25 and %3B.")
	}
	var known []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			known = append(known, p.Name)
		}
	}
	hint := "This call takes no parameters."
	if len(known) > 0 {
		hint = "This call takes " + strings.Join(known, ", ") + "."
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(known, name) {
			return identity.Invalid(identity.CodeInvalid, "The request has the unknown parameter "+identity.Quote(name), hint)
		}
		if len(query[name]) > 1 {
			return identity.Invalid(identity.CodeInvalid, "The request has the parameter "+identity.Quote(name)+" twice", "Send it once.")
		}
	}
	return nil
}
