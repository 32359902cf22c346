// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"path/filepath"
	"reflect"
	"strconv"
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
	src     []byte // of the file
	eval    *hcl.EvalContext
	secrets *redact.Redactor
	files   []File
	found   hcl.Diagnostics
}

func (d *decoder) problem(at hcl.Range, summary, detail string) {
	d.found = append(d.found, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at})
}

// field is a struct field that an attribute of a block is decoded into. Tags
// describe the attribute:
//
//	hcl:"token"              required
//	hcl:"timeout,optional"   the field keeps its value if the attribute is absent
//	kind:"secret"            must come from env()
//	kind:"url"               must hold no password, unless it comes from env()
//	kind:"path"              relative to the file
//	kind:"secret_path"       the same, of a file that holds a secret
//	kind:"cache"             a time.Duration that may be 0, up to a day
//	max:"100"                of an int, which is 1 at least
//
// An embedded struct may have required:"base_url", where this one of its
// optional attributes is not.
//
// Strings are not empty and durations are longer than 0. Fields with
// kind:"external_id" and kind:"domains" are no attributes.
type field struct {
	name     string
	optional bool
	kind     string
	max      int
	index    []int
}

// fieldsOf returns the fields of a struct that attributes are decoded into,
// those of embedded structs too.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	var required string
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous { // its fields follow
			required = f.Tag.Get("required")
		}
		tag, ok := f.Tag.Lookup("hcl")
		if !ok {
			continue
		}
		name, optional := strings.CutSuffix(tag, ",optional")
		most, _ := strconv.Atoi(f.Tag.Get("max"))
		fields = append(fields, field{name: name, optional: optional && name != required, kind: f.Tag.Get("kind"), max: most, index: f.Index})
	}
	return fields
}

// block is what a block holds besides the decoded attributes.
type block struct {
	attrs  hcl.Attributes
	blocks hcl.Blocks
}

// has reports whether an attribute is there.
func (b block) has(name string) bool { return b.attrs[name] != nil }

// at returns the place of an attribute's value. The attribute must be there.
func (b block) at(name string) hcl.Range { return b.attrs[name].Expr.Range() }

// quoted returns the value of an attribute as a message may show it.
func (b block) quoted(name, value string) string {
	if takesFromEnv(b.attrs[name].Expr) {
		return "the value from the environment"
	}
	return strconv.Quote(value)
}

// decode reads the attributes of a body into structs: see field. A value that
// is wrong becomes a problem and leaves its field alone.
func (d *decoder) decode(body hcl.Body, blocks []hcl.BlockHeaderSchema, into ...any) block {
	schema := &hcl.BodySchema{Blocks: blocks}
	for _, s := range into {
		for _, f := range fieldsOf(reflect.TypeOf(s).Elem()) {
			schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: f.name, Required: !f.optional})
		}
	}
	content, diags := body.Content(schema)
	d.found = append(d.found, diags...)
	for _, s := range into {
		v := reflect.ValueOf(s).Elem()
		for _, f := range fieldsOf(v.Type()) {
			if attr := content.Attributes[f.name]; attr != nil {
				d.set(v.FieldByIndex(f.index).Addr().Interface(), f, attr.Expr)
			}
		}
	}
	return block{content.Attributes, content.Blocks}
}

// set decodes one value.
func (d *decoder) set(target any, f field, expr hcl.Expression) {
	switch target := target.(type) {
	case *string:
		if s, ok := d.stringOf(f, expr); ok {
			*target = s
		}
	case *bool:
		if v, ok := d.evaluate(expr, f.name, cty.Bool); ok {
			*target = v.True()
		}
	case *int:
		if v, ok := d.evaluate(expr, f.name, cty.Number); ok {
			var n int
			if err := gocty.FromCtyValue(v, &n); err != nil || n < 1 || n > f.max {
				d.problem(expr.Range(), fmt.Sprintf("%s must be a whole number from 1 to %d", f.name, f.max), "")
				return
			}
			*target = n
		}
	case *[]string, *[]int:
		want := cty.List(cty.String)
		if _, numbers := target.(*[]int); numbers {
			want = cty.List(cty.Number)
		}
		if v, ok := d.evaluate(expr, f.name, want); ok {
			if err := gocty.FromCtyValue(v, target); err != nil {
				d.problem(expr.Range(), fmt.Sprintf("%s must be %s", f.name, typeNames()[want]), "")
			}
		}
	case *time.Duration:
		if span, ok := d.duration(f, expr); ok {
			*target = span
		}
	case *map[string]string:
		*target = d.headers(f.name, expr)
	case *hcl.Expression:
		*target = expr
	default:
		panic(fmt.Sprintf("%s: a field cannot be a %T", f.name, target))
	}
}

func typeNames() map[cty.Type]string {
	return map[cty.Type]string{
		cty.String: "a string", cty.Bool: "true or false", cty.Number: "a number",
		cty.List(cty.String): "a list of strings", cty.List(cty.Number): "a list of whole numbers",
	}
}

// evaluate returns the value of an expression as a type.
func (d *decoder) evaluate(expr hcl.Expression, name string, want cty.Type) (cty.Value, bool) {
	v, diags := expr.Value(d.eval)
	for _, diag := range diags {
		call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag)
		var unset *envError
		if ok && errors.As(call.FunctionCallError(), &unset) {
			d.problem(*diag.Subject, fmt.Sprintf("The environment variable %s %s", unset.name, unset.problem),
				"Set it where this program runs.")
			continue
		}
		d.found = append(d.found, diag)
	}
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	v, err := convert.Convert(v, want)
	switch {
	case err != nil:
		d.problem(expr.Range(), fmt.Sprintf("%s must be %s", name, typeNames()[want]), "")
		return cty.NilVal, false
	case v.IsNull() || !v.IsWhollyKnown():
		d.problem(expr.Range(), fmt.Sprintf("%s must not be null", name), "Remove the line to use the default.")
		return cty.NilVal, false
	}
	return v, true
}

// text evaluates a string that is not empty.
func (d *decoder) text(expr hcl.Expression, name string) (string, bool) {
	v, ok := d.evaluate(expr, name, cty.String)
	if !ok {
		return "", false
	}
	if strings.TrimSpace(v.AsString()) == "" {
		d.problem(expr.Range(), name+" must not be empty", "")
		return "", false
	}
	return v.AsString(), true
}

func (d *decoder) stringOf(f field, expr hcl.Expression) (string, bool) {
	fromEnv := takesFromEnv(expr)
	if f.kind == "secret" && !fromEnv {
		// A literal is refused before it is looked at, so that no message can repeat it.
		d.literalSecret(expr.Range(), f.name)
		return "", false
	}
	s, ok := d.text(expr, f.name)
	if !ok {
		return "", false
	}
	switch f.kind {
	case "secret":
		d.secrets.AddCredentials(s)
	case "url":
		if _, password := redact.URLPassword(s); password && !fromEnv {
			d.literalSecret(expr.Range(), "The password in "+f.name)
			return "", false
		}
	case "path", "secret_path":
		if strings.ContainsFunc(s, unicode.IsControl) {
			d.problem(expr.Range(), f.name+" is not the path of a file", "It holds a control character.")
			return "", false
		}
		s = d.relative(s)
		d.files = append(d.files, File{Path: s, Secret: f.kind == "secret_path"})
	}
	return s, true
}

// relative resolves a path of the file: relative ones start where the file is.
func (d *decoder) relative(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(d.dir, path)
}

// maxCacheTTL bounds how old an answer of a directory may be: it decides who
// gets access.
const maxCacheTTL = 24 * time.Hour

func (d *decoder) duration(f field, expr hcl.Expression) (time.Duration, bool) {
	s, ok := d.text(expr, f.name)
	if !ok {
		return 0, false
	}
	zeroAllowed, remedy := false, `Write a number and a unit, as in "10s", "500ms" or "5m".`
	if f.kind == "cache" {
		zeroAllowed, remedy = true, `Write a number and a unit, as in "30s" or "5m"; "0s" keeps nothing.`
	}
	span, err := time.ParseDuration(s)
	switch {
	case err != nil || span < 0 || span == 0 && !zeroAllowed:
		shown := strconv.Quote(s)
		if takesFromEnv(expr) {
			shown = "the value from the environment"
		}
		d.problem(expr.Range(), fmt.Sprintf("%s: %s is not a duration", f.name, shown), remedy)
		return 0, false
	case f.kind == "cache" && span > maxCacheTTL:
		d.problem(expr.Range(), fmt.Sprintf("%s is longer than %.0f hours", f.name, maxCacheTTL.Hours()), "")
		return 0, false
	}
	return span, true
}

// headers reads an object of header names and values. A header that is named
// like a secret takes its value from env(); others may be literals.
func (d *decoder) headers(name string, expr hcl.Expression) map[string]string {
	pairs, diags := hcl.ExprMap(expr)
	if diags.HasErrors() {
		d.problem(expr.Range(), name+" must be an object of header names and values",
			`It looks like { X-Api-Key = env("NAME") }.`)
		return nil
	}
	headers := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		key, value, ok := d.header(pair.Key, pair.Value)
		if !ok {
			continue
		}
		if _, duplicate := headers[key]; duplicate {
			d.problem(pair.Key.Range(), fmt.Sprintf("The header %s is set twice", key), "Remove one: upper and lower case do not count in header names.")
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
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) && (r < '0' || '9' < r) && r != '-' && r != '_'
	}) {
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
	if takesFromEnv(value) {
		d.secrets.AddCredentials(redact.HeaderSecrets(http.Header{name: {content}})...)
	}
	if strings.ContainsFunc(content, unicode.IsControl) {
		d.problem(value.Range(), "The header "+name+" holds a control character", "")
		return "", "", false
	}
	return name, content, true
}
