// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// workspace is a directory with a configuration and its state.
type workspace struct {
	b   *bench
	dir string
}

// workspace writes a configuration into a directory of its own.
func (b *bench) workspace(name, config string) (*workspace, error) {
	w := &workspace{b: b, dir: filepath.Join(b.dir, name)}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return nil, err
	}
	return w, w.write("main.tf", config)
}

func (w *workspace) write(name, text string) error {
	return os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600)
}

// usage is what one run of Terraform cost.
type usage struct {
	cpu      time.Duration // user and system, of Terraform and its providers
	wall     time.Duration
	memory   int64 // peak resident bytes of the largest provider process; 0 = unknown
	requests asked
	mappings int // that were sent to the API
}

// asked are the requests to the API, by method and path.
type asked map[string]int

func (a asked) total() int {
	n := 0
	for _, count := range a {
		n += count
	}
	return n
}

func (a asked) String() string {
	var parts []string
	for _, path := range slices.Sorted(maps.Keys(a)) {
		parts = append(parts, fmt.Sprintf("%d %s", a[path], path))
	}
	return strings.Join(parts, ", ")
}

// plan makes a plan and insists that it is empty.
func (w *workspace) plan(ctx context.Context) (usage, error) {
	used, err := w.run(ctx, "plan", "-detailed-exitcode")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 {
		return used, fmt.Errorf("the plan is not empty: %w", err)
	}
	return used, err
}

func (w *workspace) apply(ctx context.Context) (usage, error) {
	return w.run(ctx, "apply", "-auto-approve")
}

// run runs Terraform. Its CPU is that of wait4, which holds all descendants
// that were waited for: Terraform waits for its providers.
func (w *workspace) run(ctx context.Context, command string, args ...string) (usage, error) {
	var said strings.Builder
	cmd := exec.CommandContext(ctx, w.b.opts.cli, append([]string{command, "-input=false", "-no-color"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.b.env, &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second

	memory := watch(func() int64 { return largest(filepath.Join(w.b.dir, "bin")) })
	start := time.Now()
	err := cmd.Run()
	used := usage{wall: time.Since(start), memory: memory()}
	if cmd.ProcessState != nil {
		used.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if err != nil {
		return used, fmt.Errorf("%s in %s: %w\n%s", command, filepath.Base(w.dir), err, ending(said.String()))
	}
	return used, nil
}

// ending is the end of a long text: an error shows itself there.
func ending(text string) string {
	const most = 4000
	if len(text) <= most {
		return text
	}
	return "…" + strings.ToValidUTF8(text[len(text)-most:], "")
}
