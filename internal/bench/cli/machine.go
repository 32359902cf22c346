// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// machine describes what the figures were measured on.
func machine(ctx context.Context, cli string) (string, error) {
	version, err := output(ctx, "", cli, "version")
	if err != nil {
		return "", err
	}
	version, _, _ = strings.Cut(version, "\n")
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if model := field("/proc/cpuinfo", "model name"); model != "" {
		parts[0] += " of " + model
	}
	var kilobytes float64
	if n, _ := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%f kB", &kilobytes); n == 1 {
		parts = append(parts, fmt.Sprintf("%.0f GiB of memory", kilobytes/(1<<20)))
	}
	parts = append(parts, runtime.GOOS+"/"+runtime.GOARCH, runtime.Version(), version)
	return "Measured on " + time.Now().UTC().Format(time.DateOnly) + ": " + strings.Join(parts, ", ") + ".", nil
}

// field is the first value of a name in a file of "name: value" lines; "" where
// there is none.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(text) {
		if key, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
