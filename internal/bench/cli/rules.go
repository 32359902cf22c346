// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// evaluations is how many of each rule are made.
const evaluations = 500_000

// rules runs the Go benchmarks of the rules, and counts by the CPU that they
// take: what else runs on the machine then matters little.
func (b *bench) rules(ctx context.Context) ([]row, error) {
	program := filepath.Join(b.dir, "rules.test")
	if _, err := output(ctx, b.root, "go", "test", "-c", "-o", program, "./internal/rules"); err != nil {
		return nil, err
	}
	var rows []row
	for _, kind := range []struct {
		benchmark, what string
		target          float64
	}{
		{"BenchmarkRegex", "rule with `match`", 500_000},
		{"BenchmarkRegexGreedy", "rule with a greedy `match`", 500_000},
		{"BenchmarkMap", "rule with `identities`", 500_000},
		{"BenchmarkCEL", "rule with `expression`", 200_000},
		{"BenchmarkCELIdentities", "rule with `expression` over stored identities", 200_000},
	} {
		rate, err := evaluationRate(ctx, program, kind.benchmark)
		if err != nil {
			return nil, err
		}
		b.say("%s: %.0f a second", kind.benchmark, rate)
		rows = append(rows, row{what: kind.what + ": evaluations on one core", measured: rate, unit: unitRate, bound: atLeast, target: kind.target})
	}
	return rows, nil
}

// evaluationRate is evaluations per second of CPU of one benchmark, the start
// of its process included.
func evaluationRate(ctx context.Context, program, benchmark string) (float64, error) {
	cmd := exec.CommandContext(ctx, program, "-test.run", "^$", "-test.bench", "^"+benchmark+"$",
		"-test.benchtime", fmt.Sprintf("%dx", evaluations), "-test.cpu", "1")
	cmd.Dir = filepath.Dir(program)
	printed, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", benchmark, err, printed)
	}
	if !ran(string(printed), benchmark, evaluations) {
		return 0, fmt.Errorf("%s did not run %d times:\n%s", benchmark, evaluations, printed)
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return evaluations / cpu.Seconds(), nil
}

// ran reports whether a benchmark printed that it ran so many times.
func ran(printed, benchmark string, times int) bool {
	for line := range strings.Lines(printed) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == benchmark && fields[1] == fmt.Sprint(times) {
			return true
		}
	}
	return false
}
