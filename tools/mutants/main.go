// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command mutants changes one operator or truth value of a program at a time
// and runs the package's own tests: a change that no test notices is a rule
// that no test holds.
//
// It takes the repository's root and Go files or folders below it. It prints
// every survivor, with the reason that survivors.txt gives for it, and exits
// with 1 if more than one in twenty survives or a survivor has no reason.
//
// Other tools take the conditions of a switch's cases for code that no test
// runs, and leave them out; here they are most of what decides.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// leastKilled is the share of mutants that the tests must notice.
	leastKilled = 0.95
	// reasonsFile says for survivors why no test can or need notice them: file,
	// function, change and reason, between tabs.
	reasonsFile = "tools/mutants/survivors.txt"
)

func main() {
	workers := flag.Int("workers", 2, "how many mutants are tested at once")
	list := flag.Bool("list", false, "print the mutants and test none")
	only := flag.String("run", "", "test those that match this regular expression, as -list prints them")
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants: -run:", err)
		os.Exit(2)
	}
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: mutants [-workers N] [-run REGEXP] ROOT FILE|FOLDER...")
		os.Exit(2)
	}
	ok, err := run(flag.Arg(0), flag.Args()[1:], match, *workers, *list)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(root string, paths []string, match *regexp.Regexp, workers int, list bool) (ok bool, err error) {
	reasons, err := readReasons(filepath.Join(root, reasonsFile))
	if err != nil {
		return false, err
	}
	var mutants []*mutant
	for _, path := range paths {
		files := []string{path}
		if !strings.HasSuffix(path, ".go") {
			if files, err = filepath.Glob(filepath.Join(root, path, "*.go")); err != nil {
				return false, err
			}
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			rel := strings.TrimPrefix(file, strings.TrimSuffix(root, "/")+"/")
			more, err := mutate(root, rel)
			if err != nil {
				return false, err
			}
			mutants = append(mutants, more...)
		}
	}
	mutants = slices.DeleteFunc(mutants, func(m *mutant) bool { return !match.MatchString(m.String()) })
	if list {
		for _, m := range mutants {
			fmt.Println(m)
		}
		return true, nil
	}
	test(root, mutants, workers)
	return report(mutants, reasons)
}

// mutant is one change of a file.
type mutant struct {
	file, function string
	line           int
	from, to       string // the source of the changed expression
	source         []byte // of the whole file
	outcome        outcome
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", m.file, m.line, m.function, m.change())
}

func (m *mutant) change() string { return m.from + " → " + m.to }

// key finds the reason of a survivor, wherever its line has gone.
func (m *mutant) key() string { return m.file + "\t" + m.function + "\t" + m.change() }

type outcome int

const (
	survived outcome = iota
	killed
	notViable // does not compile
)

// swaps are the operators that take each other's place.
var swaps = map[token.Token][]token.Token{
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.INC: {token.DEC}, token.DEC: {token.INC},
	token.ADD_ASSIGN: {token.SUB_ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN},
	token.BREAK: {token.CONTINUE}, token.CONTINUE: {token.BREAK},
}

// mutate returns the mutants of a file.
func mutate(root, file string) ([]*mutant, error) {
	src, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, src, 0)
	if err != nil {
		return nil, err
	}
	var mutants []*mutant
	for _, decl := range tree.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		// replace makes a mutant of a piece of the source; around is the
		// expression that shows people what is changed.
		replace := func(pos token.Pos, old, text string, around ast.Node) {
			at := fset.Position(pos).Offset
			begin, end := fset.Position(around.Pos()).Offset, fset.Position(around.End()).Offset
			mutants = append(mutants, &mutant{
				file: file, function: name(function), line: fset.Position(pos).Line,
				from: oneLine(src[begin:end]), to: oneLine(slices.Concat(src[begin:at], []byte(text), src[at+len(old):end])),
				source: slices.Concat(src[:at], []byte(text), src[at+len(old):]),
			})
		}
		swap := func(pos token.Pos, op token.Token, around ast.Node) {
			for _, other := range swaps[op] {
				replace(pos, op.String(), other.String(), around)
			}
		}
		ast.Inspect(function.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				swap(n.OpPos, n.Op, n)
			case *ast.IncDecStmt:
				swap(n.TokPos, n.Tok, n)
			case *ast.AssignStmt:
				swap(n.TokPos, n.Tok, n)
			case *ast.BranchStmt:
				if n.Label == nil {
					swap(n.TokPos, n.Tok, n)
				}
			case *ast.UnaryExpr:
				if n.Op == token.NOT {
					replace(n.OpPos, "!", "", n)
				}
			case *ast.Ident:
				switch n.Name {
				case "true":
					replace(n.Pos(), "true", "false", n)
				case "false":
					replace(n.Pos(), "false", "true", n)
				}
			}
			return true
		})
	}
	return mutants, nil
}

// name returns a function's name with its receiver's type.
func name(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	return fmt.Sprintf("%s.%s", receiver, f.Name.Name)
}

func oneLine(src []byte) string { return strings.Join(strings.Fields(string(src)), " ") }

// test runs the tests of each mutant's package on it.
func test(root string, mutants []*mutant, workers int) {
	next := make(chan *mutant)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for m := range next {
				m.outcome = m.test(root)
				if m.outcome == survived {
					fmt.Println("survived", m)
				}
			}
		})
	}
	for _, m := range mutants {
		next <- m
	}
	close(next)
	wg.Wait()
}

// patience bounds the tests of one mutant: an endless loop is noticed, too.
const patience = 2 * time.Minute

func (m *mutant) test(root string) outcome {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	original, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		panic(err)
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		panic(err)
	}
	for file, text := range map[string][]byte{changed: m.source, overlay: replace} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			panic(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-count=1", "-vet=off", "-failfast", "-timeout=60s", "./"+filepath.Dir(m.file))
	cmd.Dir, cmd.WaitDelay = root, time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return survived
	case bytes.Contains(out, []byte("[build failed]")):
		return notViable
	}
	return killed
}

// report prints the survivors and the share of the killed.
func report(mutants []*mutant, reasons map[string]string) (ok bool, err error) {
	ok = true
	count := map[outcome]int{}
	fmt.Println()
	for _, m := range mutants {
		count[m.outcome]++
		if m.outcome != survived {
			continue
		}
		reason := reasons[m.key()]
		if reason == "" {
			reason, ok = "NO REASON", false
		}
		fmt.Printf("%s\n\t%s\n", m, reason)
	}
	all := count[killed] + count[survived]
	if all == 0 {
		return false, fmt.Errorf("there is nothing to change, or nothing compiles (%d)", count[notViable])
	}
	share := float64(count[killed]) / float64(all)
	fmt.Printf("%d of %d mutants were noticed: %.1f %% (%d more do not compile)\n", count[killed], all, 100*share, count[notViable])
	return ok && share >= leastKilled, nil
}

func readReasons(file string) (map[string]string, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	reasons := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(src))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, '\t')
		if at < 0 {
			return nil, fmt.Errorf("%s: %q lacks a reason", file, line)
		}
		reasons[line[:at]] = line[at+1:]
	}
	return reasons, lines.Err()
}
