// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// bench is one run of the benchmarks: a temporary directory with all that is
// built, stored and planned.
type bench struct {
	opts     options
	root     string // of the module
	dir      string
	env      []string // of Terraform
	machine  string   // one paragraph
	progress io.Writer
	started  time.Time
}

// prepare builds the provider and those beside which it stands.
func prepare(ctx context.Context, opts options, progress io.Writer) (*bench, error) {
	b := &bench{opts: opts, progress: progress, started: time.Now()}
	root, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	b.root = root
	if b.machine, err = machine(ctx, opts.cli); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sym-bench-")
	if err != nil {
		return nil, err
	}
	// /proc tells programs by their real paths.
	if b.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	for name, pkg := range map[string]string{"sym": ".", "floor": "./internal/bench/floor", "echo": "./internal/bench/echo"} {
		b.say("building terraform-provider-%s", name)
		if _, err := output(ctx, root, "go", "build", "-o", b.program(name), pkg); err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	b.env, err = b.environment()
	return b, err
}

// close removes everything.
func (b *bench) close() error { return os.RemoveAll(b.dir) }

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "%5.0fs  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

// program is where a provider's program is.
func (b *bench) program(name string) string {
	return filepath.Join(b.dir, "bin", "terraform-provider-"+name)
}

// environment makes Terraform take the providers from here without init, and
// nothing of what a developer has set for work with Terraform or Sym.
func (b *bench) environment() ([]string, error) {
	config := filepath.Join(b.dir, "cli.tfrc")
	bin := filepath.Join(b.dir, "bin")
	text := "provider_installation {\n  dev_overrides {\n"
	for _, name := range []string{"sym", "floor", "echo"} {
		text += fmt.Sprintf("    \"sym-identity/%s\" = %q\n", name, bin)
	}
	text += "  }\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	env := []string{"TF_CLI_CONFIG_FILE=" + config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1"}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "TF_") && !strings.HasPrefix(variable, "SYM_") {
			env = append(env, variable)
		}
	}
	return env, nil
}

// output runs a program of the toolchain and returns what it printed, trimmed.
func output(ctx context.Context, dir, program string, args ...string) (string, error) {
	var said strings.Builder
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stderr = dir, &said
	printed, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said.String())
	}
	return strings.TrimSpace(string(printed)), nil
}
