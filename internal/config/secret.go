// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// minRedacted is the shortest value that is worth looking for in texts:
// shorter ones are parts of ordinary words.
const minRedacted = 6

// redactor takes the values of environment variables out of texts that people
// see. It is the second line: messages of this package never quote them.
type redactor struct {
	values []string // longest first
}

// add remembers a value in every form in which an error may quote it.
func (r *redactor) add(value string) {
	quoted := fmt.Sprintf("%q", value)
	forms := []string{
		value, quoted[1 : len(quoted)-1],
		url.QueryEscape(value), url.PathEscape(value), (&url.URL{Path: value}).EscapedPath(),
	}
	if password, ok := anyPassword(value); ok {
		forms = append(forms, password)
	}
	for _, form := range forms {
		if len(form) >= minRedacted && !slices.Contains(r.values, form) {
			r.values = append(r.values, form)
		}
	}
	slices.SortStableFunc(r.values, func(a, b string) int { return len(b) - len(a) })
}

func (r *redactor) clean(text string) string {
	for _, value := range r.values {
		text = strings.ReplaceAll(text, value, "(redacted)")
	}
	return text
}

// urlPassword is the password in a URL's user part.
func urlPassword(s string) (string, bool) {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return "", false
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return passwordBeforeAt(rest)
}

// anyPassword is urlPassword that also finds passwords which hold unescaped
// slashes. It may take another part of a URL for one: it is for hiding.
func anyPassword(s string) (string, bool) {
	if password, ok := urlPassword(s); ok {
		return password, true
	}
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return "", false
	}
	return passwordBeforeAt(rest)
}

func passwordBeforeAt(s string) (string, bool) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", false
	}
	_, password, ok := strings.Cut(s[:at], ":")
	return password, ok && password != ""
}

// withoutPassword is a URL as it may be shown.
func withoutPassword(s string) string {
	password, ok := anyPassword(s)
	if !ok {
		return s
	}
	return strings.Replace(s, ":"+password+"@", "@", 1)
}

// envError says that a variable has no value.
type envError struct{ name, problem string }

func (e *envError) Error() string {
	return "the environment variable " + e.name + " " + e.problem
}

// envFunction is env("NAME"). An empty variable counts as unset: that is how
// CI systems pass secrets they do not have. Line breaks at the end are cut, as
// files and heredocs leave them there.
func envFunction(lookup func(string) (string, bool), secrets *redactor) function.Function {
	return function.New(&function.Spec{
		Description: "The value of an environment variable",
		Params:      []function.Parameter{{Name: "name", Type: cty.String}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			value, ok := lookup(name)
			if !ok {
				return cty.DynamicVal, &envError{name, "is not set"}
			}
			value = strings.TrimRight(value, "\r\n")
			if value == "" {
				return cty.DynamicVal, &envError{name, "is empty"}
			}
			secrets.add(value)
			return cty.StringVal(value), nil
		},
	})
}

// callsEnv reports whether an expression takes anything from env().
func callsEnv(expr hclsyntax.Expression) bool {
	found := false
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		call, ok := node.(*hclsyntax.FunctionCallExpr)
		found = found || ok && call.Name == "env"
		return nil
	})
	return found
}

// secretName reports whether what goes by this name (a header) is a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, ending := range []string{"authorization", "key", "token", "secret", "password", "cookie"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// cleanError is err without secrets in its text; the chain stays.
func (r *redactor) cleanError(err error) error {
	if err == nil || r.clean(err.Error()) == err.Error() {
		return err
	}
	return &cleanedError{text: r.clean(err.Error()), cause: err}
}

// cleanedError shows another text than its cause.
type cleanedError struct {
	text  string
	cause error
}

func (e *cleanedError) Error() string { return e.text }
func (e *cleanedError) Unwrap() error { return e.cause }
