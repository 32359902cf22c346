// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Diagnostic is one problem of a configuration file and where it is.
type Diagnostic struct {
	File    string
	Line    int // from 1
	Column  int // from 1, in characters
	Summary string
	Detail  string // what is right; may be empty
}

// Place returns file:line:column.
func (d Diagnostic) Place() string { return fmt.Sprintf("%s:%d:%d", d.File, d.Line, d.Column) }

// String returns the diagnostic on one line: file:line:column: what is wrong. It
// quotes no source, because the line at fault may hold a secret.
func (d Diagnostic) String() string {
	text := d.Place() + ": " + d.Summary
	if d.Detail != "" {
		detail := strings.Join(strings.Fields(d.Detail), " ")
		if first, _, _ := strings.Cut(detail, " "); !strings.ContainsAny(first, `:_."/`) {
			detail = strings.ToUpper(detail[:1]) + detail[1:] // a word, no name
		}
		text += ". " + detail
	}
	return text
}

// DiagnosticsError holds every problem of a configuration file, in the order
// of the file. It never holds the value of an environment variable.
type DiagnosticsError struct {
	Diagnostics []Diagnostic // at least one

	causes []error // what failed while opening, for errors.Is and errors.As
}

func (e *DiagnosticsError) Error() string {
	lines := make([]string, len(e.Diagnostics))
	for i, d := range e.Diagnostics {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors behind the diagnostics, where there are any.
func (e *DiagnosticsError) Unwrap() []error { return e.causes }

var missingArgument = regexp.MustCompile(`^The argument ("\w+") is required`)

// asError returns the problems as a *DiagnosticsError without secrets, or nil
// if there are none.
func asError(found hcl.Diagnostics, secrets *redact.Redactor, causes ...error) error {
	if !found.HasErrors() {
		return nil
	}
	e := &DiagnosticsError{causes: causes}
	for _, d := range found {
		out := Diagnostic{Summary: secrets.Text(strings.TrimSuffix(d.Summary, ".")), Detail: secrets.Text(d.Detail)}
		if d.Subject != nil {
			out.File, out.Line, out.Column = d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column
		}
		e.Diagnostics = append(e.Diagnostics, out)
	}
	slices.SortStableFunc(e.Diagnostics, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	e.Diagnostics = slices.DeleteFunc(slices.Compact(e.Diagnostics), func(d Diagnostic) bool {
		name := missingArgument.FindStringSubmatch(d.Detail) // which another line misspells
		return name != nil && slices.ContainsFunc(e.Diagnostics, func(other Diagnostic) bool { return strings.Contains(other.Detail, "Did you mean "+name[1]+"?") })
	})
	return e
}
