// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command testgate reads the output of go test -json and prints the packages'
// closing lines and the output of failed tests. It fails if a test failed, if one
// was skipped for another reason than the version of the Terraform CLI, or if no
// acceptance test ran.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// versionGate matches the text with which terraform-plugin-testing skips a test
// that needs another CLI.
const versionGate = `Terraform CLI version .* (is below minimum version|is above maximum version|is between|is not an? )`

func main() {
	acceptance := flag.String("acceptance", "^TestAcc", "pattern of the names of acceptance tests")
	allow := flag.String("allow", "", "pattern of further reasons for which a test may be skipped")
	flag.Parse()

	reasons := versionGate
	if *allow != "" {
		reasons += "|" + *allow
	}
	g := gate{
		acceptance: regexp.MustCompile(*acceptance),
		mayskip:    regexp.MustCompile(reasons),
		output:     map[test]*strings.Builder{},
	}
	if err := g.read(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testgate:", err)
		os.Exit(1)
	}
	if !g.report(os.Stderr) {
		os.Exit(1)
	}
}

// event holds one line of go test -json; see go doc test2json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

type test struct{ pkg, name string }

func (t test) String() string { return t.pkg + " " + t.name }

// gate collects the results of the run.
type gate struct {
	acceptance *regexp.Regexp
	mayskip    *regexp.Regexp

	output                          map[test]*strings.Builder
	passed, accepted, gated, failed int
	badSkips                        []test
}

func (g *gate) read(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				fmt.Fprint(out, line) // not go test's own: a build's or make's
			} else {
				g.event(e, out)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading go test's output: %w", err)
		}
	}
}

func (g *gate) event(e event, out io.Writer) {
	t := test{cmp.Or(e.Package, e.ImportPath), e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "output":
		if t.name == "" {
			if e.Output != "PASS\n" {
				fmt.Fprint(out, e.Output)
			}
			return
		}
		if g.output[t] == nil {
			g.output[t] = &strings.Builder{}
		}
		g.output[t].WriteString(e.Output)
	case "pass", "fail", "skip":
		g.finished(t, e.Action, out)
	case "build-fail":
		g.failed++
	}
}

func (g *gate) finished(t test, action string, out io.Writer) {
	if t.name == "" { // the package: counted through its tests, or failed before them
		if action == "fail" {
			g.failed++
		}
		return
	}
	var said string
	if b := g.output[t]; b != nil {
		said = b.String()
		delete(g.output, t)
	}
	switch {
	case action == "fail":
		g.failed++
		fmt.Fprint(out, said)
	case action == "skip" && g.mayskip.MatchString(said):
		g.gated++
	case action == "skip":
		g.badSkips = append(g.badSkips, t)
		fmt.Fprint(out, said)
	default:
		g.passed++
		if g.acceptance.MatchString(t.name) {
			g.accepted++
		}
	}
}

// report prints a summary and reports whether the run was good.
func (g *gate) report(out io.Writer) bool {
	fmt.Fprintf(out, "testgate: %d tests passed, %d of them acceptance tests; %d skipped because this machine or Terraform CLI cannot run them\n",
		g.passed, g.accepted, g.gated)
	ok := true
	if g.failed > 0 {
		fmt.Fprintln(out, "testgate: the run failed")
		ok = false
	}
	slices.SortFunc(g.badSkips, func(a, b test) int { return cmp.Compare(a.String(), b.String()) })
	for _, t := range g.badSkips {
		fmt.Fprintf(out, "testgate: skipped, and must not be: %s\n", t)
		ok = false
	}
	if g.accepted == 0 {
		fmt.Fprintln(out, "testgate: no acceptance test ran")
		ok = false
	}
	return ok
}
