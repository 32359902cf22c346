// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// decoder reads one file and gathers every problem it has.
type decoder struct {
	dir     string // of the file, absolute; relative paths start there
	eval    *hcl.EvalContext
	secrets *redact.Redactor
	found   hcl.Diagnostics
}

func (d *decoder) problem(at hcl.Range, summary, detail string) {
	d.found = append(d.found, problem(at, summary, detail))
}

// content reads a body by its schema. Problems are gathered; what could be
// read is returned.
func (d *decoder) content(body hcl.Body, schema *hcl.BodySchema) *hcl.BodyContent {
	content, diags := body.Content(schema)
	d.found = append(d.found, diags...)
	return content
}

// arguments are the attributes of one block. Each method returns the zero
// value where the attribute is absent or wrong; wrong ones become problems.
type arguments struct {
	d     *decoder
	attrs hcl.Attributes
}

// text is a string of the file.
type text struct {
	value   string
	at      hcl.Range
	fromEnv bool
}

// quoted shows the value in a message, unless it is not the file's own.
func (t text) quoted() string {
	if t.fromEnv {
		return "the value from the environment"
	}
	return fmt.Sprintf("%q", t.value)
}

// at is where an attribute's value stands.
func (a arguments) at(name string) hcl.Range { return a.attrs[name].Expr.Range() }

// value evaluates an attribute as a type.
func (a arguments) value(name string, want cty.Type) (cty.Value, bool) {
	attr := a.attrs[name]
	if attr == nil {
		return cty.NilVal, false
	}
	return a.d.evaluate(attr.Expr, name, want)
}

func (d *decoder) evaluate(expr hcl.Expression, name string, want cty.Type) (cty.Value, bool) {
	v, diags := expr.Value(d.eval)
	for _, diag := range diags {
		d.found = append(d.found, clearer(diag))
	}
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	v, err := convert.Convert(v, want)
	switch {
	case err != nil:
		d.problem(expr.Range(), name+" must be "+typeWords(want), "")
		return cty.NilVal, false
	case v.IsNull() || !v.IsWhollyKnown():
		d.problem(expr.Range(), fmt.Sprintf("%s must not be null", name), "Remove the line where the default is meant.")
		return cty.NilVal, false
	}
	return v, true
}

// clearer says of an unset variable just that, in place of how it was noticed.
func clearer(diag *hcl.Diagnostic) *hcl.Diagnostic {
	call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag)
	var unset *envError
	if !ok || !errors.As(call.FunctionCallError(), &unset) {
		return diag
	}
	return problem(*diag.Subject, fmt.Sprintf("The environment variable %s %s", unset.name, unset.problem),
		"Set it where this program runs.")
}

func typeWords(t cty.Type) string {
	switch {
	case t == cty.String:
		return "a string"
	case t == cty.Bool:
		return "true or false"
	case t == cty.Number:
		return "a number"
	}
	return "a list of whole numbers"
}

// text reads a string that is not empty.
func (a arguments) text(name string) (text, bool) {
	v, ok := a.value(name, cty.String)
	if !ok {
		return text{}, false
	}
	return a.d.nonEmpty(a.attrs[name].Expr, name, v)
}

func (d *decoder) nonEmpty(expr hcl.Expression, name string, v cty.Value) (text, bool) {
	t := text{value: v.AsString(), at: expr.Range(), fromEnv: takesFromEnv(expr)}
	if strings.TrimSpace(t.value) == "" {
		d.problem(t.at, name+" must not be empty", "")
		return text{}, false
	}
	return t, true
}

func takesFromEnv(expr hcl.Expression) bool {
	native, ok := expr.(hclsyntax.Expression)
	return ok && callsEnv(native)
}

// str is text for attributes that need no further check here.
func (a arguments) str(name string) string {
	t, _ := a.text(name)
	return t.value
}

// url is text that must not hold a password of its own: one comes from env().
func (a arguments) url(name string) text {
	t, _ := a.text(name)
	if _, password := redact.URLPassword(t.value); password && !t.fromEnv {
		a.d.literalSecret(t.at, "The password in "+name)
		return text{}
	}
	return t
}

// path is the path of a file; relative ones start where the configuration is.
func (a arguments) path(name string) string {
	t, ok := a.text(name)
	if !ok {
		return ""
	}
	if strings.ContainsFunc(t.value, isControl) {
		a.d.problem(t.at, name+" is not the path of a file", "It holds a control character.")
		return ""
	}
	return a.d.relative(t.value)
}

// secret reads a string that must come from env(). A literal is refused before
// it is looked at, so that no message can repeat it.
func (a arguments) secret(name string) string {
	attr := a.attrs[name]
	if attr == nil {
		return ""
	}
	if !takesFromEnv(attr.Expr) {
		a.d.literalSecret(attr.Expr.Range(), name)
		return ""
	}
	return a.str(name)
}

func (d *decoder) literalSecret(at hcl.Range, what string) {
	d.problem(at, what+" is a secret and must not stand in the file",
		`Put it into an environment variable and write env("NAME"). If this file was shared or committed, renew the secret.`)
}

// headers reads an object of header names and values. A header that is named
// like a secret takes its value from env(); others may be literals.
func (a arguments) headers(name string) map[string]string {
	attr := a.attrs[name]
	if attr == nil {
		return nil
	}
	pairs, diags := hcl.ExprMap(attr.Expr)
	if diags.HasErrors() {
		a.d.problem(attr.Expr.Range(), name+" must be an object of header names and values",
			`It looks like { X-Api-Key = env("NAME") }.`)
		return nil
	}
	headers := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		key, value, ok := a.d.header(pair.Key, pair.Value)
		if !ok {
			continue
		}
		if _, twice := headers[key]; twice {
			a.d.problem(pair.Key.Range(), fmt.Sprintf("The header %s is set twice", key), "Header names compare without case.")
		}
		headers[key] = value
	}
	return headers
}

func (d *decoder) header(key, value hcl.Expression) (name, content string, ok bool) {
	v, ok := d.evaluate(key, "a header name", cty.String)
	if !ok {
		return "", "", false
	}
	name = v.AsString()
	if !isHeaderName(name) {
		d.problem(key.Range(), "A header name has letters, digits and hyphens only", "")
		return "", "", false
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	if secretName(name) && !takesFromEnv(value) {
		d.literalSecret(value.Range(), "The header "+name)
		return "", "", false
	}
	if v, ok = d.evaluate(value, "The header "+name, cty.String); !ok {
		return "", "", false
	}
	content = v.AsString()
	if strings.ContainsFunc(content, isControl) {
		d.problem(value.Range(), "The header "+name+" holds a control character", "")
		return "", "", false
	}
	return name, content, true
}

func isHeaderName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) && (r < '0' || '9' < r) && r != '-' && r != '_'
	}) < 0
}

func isControl(r rune) bool { return unicode.IsControl(r) }

// boolean reads true or false.
func (a arguments) boolean(name string) bool {
	v, ok := a.value(name, cty.Bool)
	return ok && v.True()
}

// duration reads a span of time as Go spells it. It must be longer than 0.
func (a arguments) duration(name string) time.Duration {
	t, ok := a.text(name)
	if !ok {
		return 0
	}
	span, err := time.ParseDuration(t.value)
	if err != nil || span <= 0 {
		a.d.problem(t.at, fmt.Sprintf("%s: %s is not a span of time", name, t.quoted()),
			`Write a number and a unit, as in "10s", "500ms" or "5m".`)
		return 0
	}
	return span
}

// integers reads a list of whole numbers.
func (a arguments) integers(name string) []int {
	v, ok := a.value(name, cty.List(cty.Number))
	if !ok {
		return nil
	}
	var numbers []int
	if err := gocty.FromCtyValue(v, &numbers); err != nil {
		a.d.problem(a.at(name), name+" must be a list of whole numbers", "")
		return nil
	}
	return numbers
}
