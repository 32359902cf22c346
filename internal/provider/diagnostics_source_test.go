// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// summarySource finds in the package's source every summary that a diagnostic
// of ours can have.
type summarySource struct {
	files    *token.FileSet
	funcs    []*ast.FuncDecl
	consts   map[string]ast.Expr   // package-level, by name
	fields   map[string][]ast.Expr // values that composite literals give to a field
	problems []string
}

// adders are the calls that make a diagnostic; the value is the argument that
// is its summary.
var adders = map[string]int{
	"AddError": 0, "AddWarning": 0, "AddAttributeError": 1, "AddAttributeWarning": 1,
	"NewErrorDiagnostic": 0, "NewWarningDiagnostic": 0, "NewAttributeErrorDiagnostic": 1, "NewAttributeWarningDiagnostic": 1,
}

func readSummarySource(t *testing.T, files map[string]string) *summarySource {
	t.Helper()
	s := &summarySource{files: token.NewFileSet(), consts: map[string]ast.Expr{}, fields: map[string][]ast.Expr{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, err := parser.ParseFile(s.files, name, files[name], parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				s.funcs = append(s.funcs, n)
			case *ast.ValueSpec:
				for i, value := range n.Values {
					s.consts[n.Names[i].Name] = value
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok {
					s.fields[key.Name] = append(s.fields[key.Name], n.Value)
				}
			}
			return true
		})
	}
	return s
}

// walk calls found with each summary. A variable part of one is a "%s".
func (s *summarySource) walk(found func(summary string, warning bool, at token.Position)) {
	for _, fn := range s.funcs {
		ast.Inspect(fn, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if i, ok := adders[selector.Sel.Name]; ok && len(call.Args) > i {
				for _, summary := range s.texts(fn, call.Args[i], 0) {
					found(summary, strings.Contains(selector.Sel.Name, "Warning"), s.files.Position(call.Pos()))
				}
			}
			return true
		})
	}
}

// texts are the values that an expression in fn can have.
func (s *summarySource) texts(fn *ast.FuncDecl, expr ast.Expr, depth int) []string {
	if depth > 8 {
		return []string{"%s"}
	}
	switch e := expr.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return []string{text}
		}
	case *ast.BinaryExpr:
		var all []string
		for _, left := range s.texts(fn, e.X, depth+1) {
			for _, right := range s.texts(fn, e.Y, depth+1) {
				all = append(all, left+right)
			}
		}
		return all
	case *ast.CallExpr:
		switch name := calledName(e); name {
		case "failureSummary":
			var all []string
			for _, action := range s.texts(fn, e.Args[0], depth+1) {
				all = append(all, "Unable to "+action)
			}
			return all
		case "Sprintf":
			return s.texts(fn, e.Args[0], depth+1)
		}
	case *ast.SelectorExpr:
		return s.all(fn, s.fields[e.Sel.Name], depth)
	case *ast.Ident:
		if i := parameter(fn, e.Name); i >= 0 {
			return s.passed(fn, i, depth)
		}
		if values := assigned(fn, e.Name); len(values) > 0 {
			return s.all(fn, values, depth)
		}
		if value, ok := s.consts[e.Name]; ok {
			return s.texts(fn, value, depth+1)
		}
	}
	return []string{"%s"}
}

func (s *summarySource) all(fn *ast.FuncDecl, values []ast.Expr, depth int) []string {
	var all []string
	for _, value := range values {
		all = append(all, s.texts(s.around(value, fn), value, depth+1)...)
	}
	if len(all) == 0 {
		return []string{"%s"}
	}
	return all
}

// around returns the function that contains an expression.
func (s *summarySource) around(expr ast.Expr, otherwise *ast.FuncDecl) *ast.FuncDecl {
	for _, fn := range s.funcs {
		if fn.Pos() <= expr.Pos() && expr.End() <= fn.End() {
			return fn
		}
	}
	return otherwise
}

// passed are the values that the package's calls of fn give to a parameter.
func (s *summarySource) passed(fn *ast.FuncDecl, i, depth int) []string {
	var all []string
	for _, caller := range s.funcs {
		ast.Inspect(caller, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && calledName(call) == fn.Name.Name && len(call.Args) == fn.Type.Params.NumFields() {
				all = append(all, s.texts(caller, call.Args[i], depth+1)...)
			}
			return true
		})
	}
	if len(all) == 0 {
		s.problems = append(s.problems, fmt.Sprintf("%s: nothing calls %s", s.files.Position(fn.Pos()), fn.Name.Name))
		return []string{"%s"}
	}
	return all
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// parameter is the place of a parameter, -1 where it is none.
func parameter(fn *ast.FuncDecl, name string) int {
	i := 0
	for _, field := range fn.Type.Params.List {
		for _, n := range field.Names {
			if n.Name == name {
				return i
			}
			i++
		}
	}
	return -1
}

// assigned are the values that a function gives to a variable of its own.
func assigned(fn *ast.FuncDecl, name string) []ast.Expr {
	var values []ast.Expr
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if id, ok := left.(*ast.Ident); ok && id.Name == name && i < len(n.Rhs) {
					values = append(values, n.Rhs[i])
				}
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if id.Name == name && i < len(n.Values) {
					values = append(values, n.Values[i])
				}
			}
		}
		return true
	})
	return values
}

// minor words are lower case in a title, but for the first.
var minor = regexp.MustCompile(`^(a|an|and|as|at|by|for|in|of|on|or|the|to)$`)

// checkSummary says what is wrong with a summary; "" is nothing. Only a warning
// may speak of somebody, behind a colon.
func checkSummary(summary string, warning bool) string {
	title, about, named := strings.Cut(summary, ": ")
	switch {
	case named && !warning:
		return "an error's summary names nobody"
	case named && !strings.Contains(about, "%"):
		return "what stands behind the colon is no variable"
	case strings.ContainsAny(title, "%{}\"`"):
		return "it holds a variable"
	case strings.HasSuffix(summary, ".") || strings.HasSuffix(summary, "!"):
		return "it ends like a sentence"
	case len(title) > 60:
		return "it is long"
	}
	for i, word := range strings.Fields(title) {
		lower := word == strings.ToLower(word)
		if i > 0 && minor.MatchString(strings.ToLower(word)) != lower || i == 0 && lower {
			return fmt.Sprintf("%q is not as in a title", word)
		}
	}
	return ""
}

// providerSummaries returns the summaries in the source of this package and of
// config.
func providerSummaries(t *testing.T) map[string]token.Position {
	t.Helper()
	files := map[string]string{}
	for _, pattern := range []string{"*.go", "config/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				files[name] = readFile(t, name)
			}
		}
	}
	source := readSummarySource(t, files)
	found := map[string]token.Position{}
	source.walk(func(summary string, warning bool, at token.Position) {
		if wrong := checkSummary(strings.ReplaceAll(summary, "%s%s", "%s"), warning); wrong != "" {
			t.Errorf("%s: the summary %q: %s", at, summary, wrong)
		}
		title, _, _ := strings.Cut(summary, ": ")
		found[title] = at
	})
	for _, problem := range source.problems {
		t.Error(problem)
	}
	return found
}

// TestDiagnostics_badSource shows that the walk finds what it must.
func TestDiagnostics_badSource(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`diags.AddError("Unable to read", "")`:                                       `"read" is not as in a title`,
		`diags.AddError("User Is gone.", "")`:                                        "ends like a sentence",
		`diags.AddError(fmt.Sprintf("User %s Is Gone", u), "")`:                      "holds a variable",
		`diags.AddError("User Is Gone: " + u, "")`:                                   "names nobody",
		`diags.AddWarning("User Is Gone: again", "")`:                                "no variable",
		`diags.AddAttributeError(p, "Name Belongs To Others", "")`:                   `"To" is not as in a title`,
		`addFailure(diags, "Read "+u, "", "", err)`:                                  "holds a variable",
		`summary := "Bad thing"; if x { summary = "Good" }; d.AddError(summary, "")`: `"thing" is not as in a title`,
		`diags.AddWarning("User Is Gone: " + u, "")`:                                 "",
		`addFailure(diags, "Read Users of a Service", "", "", err)`:                  "",
	} {
		source := readSummarySource(t, map[string]string{"bad.go": `package provider
func failureSummary(action string) string { return "Unable to " + action }
func addFailure(diags *D, action, user, service string, err error) { diags.AddError(failureSummary(action), "") }
func bad(u string) { ` + body + ` }
func good() { addFailure(nil, "Read Users", "", "", nil) }
`})
		var wrong []string
		source.walk(func(summary string, warning bool, _ token.Position) {
			if w := checkSummary(summary, warning); w != "" {
				wrong = append(wrong, w)
			}
		})
		if got := strings.Join(wrong, "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// TestDiagnostics_inventory wants every diagnostic of the source in the
// inventory, and nothing else there.
func TestDiagnostics_inventory(t *testing.T) {
	t.Parallel()
	found := providerSummaries(t)
	for summary, at := range found {
		if _, ok := inventory[summary]; !ok {
			t.Errorf("%s: %q is not in the inventory: say there what its detail names and which remedy it gives", at, summary)
		}
	}
	for summary := range inventory {
		if _, ok := found[summary]; !ok {
			t.Errorf("nothing gives the diagnostic %q of the inventory", summary)
		}
	}
}
