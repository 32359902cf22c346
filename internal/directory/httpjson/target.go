// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package httpjson

import (
	"errors"
	"net/url"
	"strings"
)

const placeholder = "{email}"

// target is a URL with places for an address.
type target struct {
	base  string // scheme and host
	path  string // the rest, with placeholders
	query string // "" or ?…, with placeholders
}

func parseTarget(raw string) (target, error) {
	if raw == "" {
		return target{}, errors.New("it is empty")
	}
	if strings.Contains(raw, "#") {
		return target{}, errors.New("it holds a fragment, which is never sent")
	}
	if !strings.Contains(raw, placeholder) {
		return target{}, errors.New("it lacks {email}, the place of the address asked for")
	}
	if left := strings.ReplaceAll(raw, placeholder, ""); strings.ContainsAny(left, "{}") {
		return target{}, errors.New("it holds braces other than {email}, the only placeholder")
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || strings.Contains(scheme, placeholder) {
		return target{}, errors.New("it is not a URL such as https://api.example.com/users?email={email}")
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 || strings.Contains(rest[:end], placeholder) {
		return target{}, errors.New("{email} stands in the host; it may stand in the path or the query")
	}
	t := target{base: scheme + "://" + rest[:end]}
	path, query, asked := strings.Cut(rest[end:], "?")
	t.path = path
	if asked {
		t.query = "?" + query
	}
	if _, err := url.Parse(t.url("name@example.com")); err != nil {
		return target{}, errors.New("it cannot be read as a URL")
	}
	return t, nil
}

// secrets are the values of the query that may be keys: errors do not show a
// query, but a service that repeats its request in an answer would.
func (t target) secrets() []string {
	const shortestKey = 8 // "format=json" is no secret
	values, _ := url.ParseQuery(strings.TrimPrefix(t.query, "?"))
	var keys []string
	for _, all := range values {
		for _, value := range all {
			if len(value) >= shortestKey && !strings.Contains(value, placeholder) {
				keys = append(keys, value)
			}
		}
	}
	return keys
}

// url is the address of the answer about email. The two places escape
// differently: in a query + is a space, in a path / begins a segment.
func (t target) url(email string) string {
	return t.base + strings.ReplaceAll(t.path, placeholder, url.PathEscape(email)) +
		strings.ReplaceAll(t.query, placeholder, url.QueryEscape(email))
}
