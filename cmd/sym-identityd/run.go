// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	// exitUnmapped ends a lookup that worked and found no account for somebody.
	exitUnmapped = 3
)

// command describes a command in the help.
type command struct {
	name, args string
	does       string
	run        func(p *program, ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "-config FILE [flags]", "Serves the API until SIGTERM or SIGINT.", (*program).serve},
		{"check", "-config FILE [flags]", "Checks the configuration, the store and every directory.", (*program).check},
		{"lookup", "-config FILE [flags] SERVICE EMAIL...", "Tells which account people have in a service, and why. Exits with 3 if somebody has none.", (*program).lookup},
		{"migrate", "-config FILE", "Creates the store's tables, or brings them up to date.", (*program).migrate},
		{"export", "-config FILE [flags]", "Writes everything that the store holds.", (*program).export},
		{"import", "-config FILE [flags]", "Fills an empty store (jsonl), or stores the identities of a CSV.", (*program).imports},
		{"token new", "[flags]", "Makes a token, and the configuration block that accepts it.", (*program).token},
		{"version", "[flags]", "Prints the version.", (*program).version},
	}
}

// usage returns the help of all commands.
func usage() string {
	var b strings.Builder
	b.WriteString("sym-identityd serves the identity API: which account in each service belongs to which person.\n\nUsage:\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  sym-identityd %s %s\n        %s\n", c.name, c.args, c.does)
	}
	b.WriteString(`
"sym-identityd help COMMAND" and "sym-identityd COMMAND -h" print a command's flags.
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 lookup found no account for somebody.
A configuration file to start from: examples/sym-identityd/sym-identityd.hcl
`)
	return b.String()
}

// usageOf returns the help of one command.
func usageOf(flags *flag.FlagSet) string {
	var b strings.Builder
	for _, c := range commands() {
		if c.name == flags.Name() {
			fmt.Fprintf(&b, "%s\n\nUsage:\n  sym-identityd %s %s\n", c.does, c.name, c.args)
		}
	}
	b.WriteString("\nFlags:\n")
	flags.SetOutput(&b)
	flags.PrintDefaults()
	return b.String()
}

// program is one run of the command. Tests replace its streams and environment.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)

	secrets *redact.Redactor // of the configuration, once it is loaded
}

// usageError says that the command line is wrong.
type usageError struct {
	text string
	help string // of the command; that of all commands without it
}

func (e *usageError) Error() string { return e.text }

// errReported is the error of a failure that was printed already.
var errReported = errors.New("failed")

// run executes a command and returns the exit code: 0, 1 when it failed, 2 for
// a wrong command line, 3 for a lookup without an account. Cancelling ctx ends serve cleanly.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, lookupEnv func(string) (string, bool)) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, lookupEnv: lookupEnv}
	err := p.dispatch(ctx, args)
	var wrong *usageError
	var diagnostics *config.DiagnosticsError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUnmapped):
		return exitUnmapped
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "sym-identityd: %s\n\n%s", wrong, cmp.Or(wrong.help, usage()))
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
		return &usageError{text: "a command is missing"}
	}
	name, rest := args[0], args[1:]
	switch name {
	case "-version", "--version":
		name = "version"
	case "help", "-h", "-help", "--help":
		if name != "help" || len(rest) == 0 {
			return p.print(usage())
		}
		name, rest = rest[0], append(rest[1:], "-h")
	}
	for _, c := range commands() {
		if first, _, _ := strings.Cut(c.name, " "); first == name {
			return c.run(p, ctx, rest)
		}
	}
	return &usageError{text: fmt.Sprintf("%q is not a command", name)}
}

func (p *program) print(text string) error {
	_, err := io.WriteString(p.stdout, text)
	return err
}

// printJSON prints a document, on one line if indent is "".
func (p *program) printJSON(document any, indent string) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	return encoder.Encode(document)
}

// parse reads the flags of a command without arguments. done is true if it
// printed help.
func (p *program) parse(flags *flag.FlagSet, args []string) (done bool, err error) {
	done, err = p.parseFlags(flags, args)
	if err == nil && !done && flags.NArg() > 0 {
		err = &usageError{fmt.Sprintf("%s takes no argument %q", flags.Name(), flags.Arg(0)), usageOf(flags)}
	}
	return done, err
}

// parseFlags reads the flags before the arguments of a command.
func (p *program) parseFlags(flags *flag.FlagSet, args []string) (done bool, err error) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return true, p.print(usageOf(flags))
	case err != nil:
		return false, &usageError{err.Error(), usageOf(flags)}
	}
	return false, nil
}

// choose adds a flag that has one of two values, the first by default.
func choose(flags *flag.FlagSet, value *string, name, first, second string) {
	*value = first
	flags.Func(name, fmt.Sprintf("%s or %s (default %[1]s)", first, second), func(text string) error {
		if *value = text; text != first && text != second {
			return fmt.Errorf("-%s is %s or %s", name, first, second)
		}
		return nil
	})
}

// configPath parses the flags of a command that reads a configuration: -config
// and those that addFlags adds. The path is "" if help was printed.
func (p *program) configPath(command string, args []string, addFlags func(*flag.FlagSet)) (string, error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	path := flags.String("config", "", "configuration `file`")
	if addFlags != nil {
		addFlags(flags)
	}
	if done, err := p.parse(flags, args); done || err != nil {
		return "", err
	}
	if *path == "" {
		return "", &usageError{command + " needs -config FILE", usageOf(flags)}
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
