// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// rules runs the Go benchmarks of the rules on one core.
func (b *bench) rules(ctx context.Context) ([]row, error) {
	kinds := []struct {
		benchmark, what string
		target          float64
	}{
		{"BenchmarkRegex", "rule with `match`", 500_000},
		{"BenchmarkRegexGreedy", "rule with a greedy `match`", 500_000},
		{"BenchmarkMap", "rule with `identities`", 500_000},
		{"BenchmarkCEL", "rule with `expression`", 200_000},
		{"BenchmarkCELIdentities", "rule with `expression` over stored identities", 200_000},
	}
	var wanted []string
	for _, k := range kinds {
		wanted = append(wanted, k.benchmark)
	}
	text, err := output(ctx, b.root, "go", "test", "-run", "^$", "-bench", "^("+strings.Join(wanted, "|")+")$", "-cpu", "1", "./internal/rules")
	if err != nil {
		return nil, err
	}
	rates, err := metric(text, "evaluations/s")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, k := range kinds {
		rate, ok := rates[k.benchmark]
		if !ok {
			return nil, fmt.Errorf("%s printed no rate:\n%s", k.benchmark, text)
		}
		rows = append(rows, row{what: k.what + ": evaluations on one core", measured: rate, unit: unitRate, bound: atLeast, target: k.target})
	}
	return rows, nil
}

// metric finds the values of a unit in the output of go test -bench, by
// benchmark.
func metric(text, unit string) (map[string]float64, error) {
	found := map[string]float64{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			if fields[i] != unit || !strings.HasPrefix(fields[0], "Benchmark") {
				continue
			}
			value, err := strconv.ParseFloat(fields[i-1], 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
			}
			found[fields[0]] = value
		}
	}
	return found, nil
}
