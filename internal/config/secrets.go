// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// envError says that a variable has no value.
type envError struct{ name, problem string }

func (e *envError) Error() string {
	return "the environment variable " + e.name + " " + e.problem
}

// envFunction returns env("NAME") and adds each value to secrets. An empty
// variable counts as unset: CI systems pass secrets that they do not have as
// empty ones. Line breaks at the end are cut: files and heredocs leave them
// there.
func envFunction(lookup func(string) (string, bool), secrets *redact.Redactor) function.Function {
	if lookup == nil {
		lookup = os.LookupEnv
	}
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
			secrets.Add(value)
			return cty.StringVal(value), nil
		},
	})
}

// takesFromEnv reports whether an expression calls env().
func takesFromEnv(expr hcl.Expression) bool {
	native, ok := expr.(hclsyntax.Expression)
	if !ok {
		return false
	}
	found := false
	_ = hclsyntax.VisitAll(native, func(node hclsyntax.Node) hcl.Diagnostics {
		call, ok := node.(*hclsyntax.FunctionCallExpr)
		found = found || ok && call.Name == "env"
		return nil
	})
	return found
}

func (d *decoder) literalSecret(at hcl.Range, what string) {
	d.problem(at, what+" is a secret and must not be in the file",
		`Put it into an environment variable and write env("NAME"). If this file was shared or committed, renew the secret.`)
}

// secretName reports whether the value of a header with this name is a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, ending := range []string{"authorization", "key", "token", "secret", "password", "cookie"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}
