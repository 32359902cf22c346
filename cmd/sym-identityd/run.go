// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const usage = `sym-identityd serves the identity API: which account in each service belongs to which person.

Usage:
  sym-identityd serve -config FILE [-log-format text|json] [-log-level LEVEL]
                              serve the API until SIGTERM or SIGINT
  sym-identityd check -config FILE [-email ADDRESS]...
                              check the configuration, the store and every directory,
                              which must find each ADDRESS
  sym-identityd migrate -config FILE
                              create the store's tables, or bring them up to date
  sym-identityd export -config FILE [-format jsonl|csv] [-history=false] [-out FILE]
                              write everything the store holds
  sym-identityd import -config FILE [-format jsonl|csv] [-in FILE]
                              fill an empty store (jsonl), or store a CSV's identities
  sym-identityd token new [-name NAME] [-role admin|member|guest]
                              make a token and the block that lets it in
  sym-identityd version       print the version
  sym-identityd help          print this

A configuration file to start from: examples/sym-identityd/sym-identityd.hcl
`

// program is one run of the command. Tests replace its streams and environment.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)

	secrets *redact.Redactor // of the configuration, once it is loaded
}

// usageError says that the command line is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// errReported is the error of a failure that was printed already.
var errReported = errors.New("failed")

// run executes a command and returns the exit code: 0, 1 when it failed, 2 for
// a wrong command line. Cancelling ctx ends serve cleanly.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, lookupEnv func(string) (string, bool)) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, lookupEnv: lookupEnv}
	err := p.dispatch(ctx, args)
	var wrong *usageError
	var diagnostics *config.DiagnosticsError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "sym-identityd: %s\n\n%s", wrong, usage)
		return exitUsage
	case errors.As(err, &diagnostics):
		fmt.Fprintln(stderr, diagnostics) // file:line first, as editors want it
	case !errors.Is(err, errReported):
		fmt.Fprintf(stderr, "sym-identityd: %s\n", p.secrets.Text(err.Error()))
	}
	return exitFailed
}

func (p *program) dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return &usageError{"a command is missing"}
	}
	command, rest := args[0], args[1:]
	switch command {
	case "serve":
		return p.serve(ctx, rest)
	case "check":
		return p.check(ctx, rest)
	case "export":
		return p.export(ctx, rest)
	case "import":
		return p.imports(ctx, rest)
	case "migrate":
		return p.migrate(ctx, rest)
	case "token":
		return p.token(rest)
	case "version", "-version", "--version":
		return p.version(rest)
	case "help", "-h", "-help", "--help":
		return p.print(usage)
	}
	return &usageError{fmt.Sprintf("%q is not a command", command)}
}

func (p *program) print(text string) error {
	_, err := io.WriteString(p.stdout, text)
	return err
}

// parse reads flags. done is true if it printed help.
func (p *program) parse(flags *flag.FlagSet, args []string) (done bool, err error) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return true, p.print(usage)
	case err != nil:
		return false, &usageError{err.Error()}
	case flags.NArg() > 0:
		return false, &usageError{fmt.Sprintf("%s takes no argument %q", flags.Name(), flags.Arg(0))}
	}
	return false, nil
}

// configPath parses the flags of a command that reads a configuration: -config
// and those that addFlags adds. The path is "" if help was printed.
func (p *program) configPath(command string, args []string, addFlags func(*flag.FlagSet)) (string, error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	path := flags.String("config", "", "configuration file")
	if addFlags != nil {
		addFlags(flags)
	}
	if done, err := p.parse(flags, args); done || err != nil {
		return "", err
	}
	if *path == "" {
		return "", &usageError{command + " needs -config FILE"}
	}
	return *path, nil
}

// load returns the configuration of a command, nil if help was printed.
func (p *program) load(command string, args []string, addFlags func(*flag.FlagSet)) (*config.Config, error) {
	path, err := p.configPath(command, args, addFlags)
	if path == "" || err != nil {
		return nil, err
	}
	return p.read(path)
}

// read loads a configuration.
func (p *program) read(path string) (*config.Config, error) {
	cfg, err := config.Load(path, config.Options{LookupEnv: p.lookupEnv})
	if err != nil {
		return nil, err
	}
	p.secrets = cfg.Secrets
	return cfg, nil
}
