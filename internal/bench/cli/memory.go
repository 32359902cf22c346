// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// watchEvery is how often providers are looked at. The kernel keeps their peak,
// so only what grows in the last moment is missed.
const watchEvery = 10 * time.Millisecond

// watch observes the processes whose program is in a directory, until the
// function that it returns is called: that gives the peak of the largest of
// them in bytes, or 0 where the system has no /proc.
func watch(dir string) func() int64 {
	quit, peak := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				peak <- most
				return
			case <-tick.C:
				most = max(most, largest(dir))
			}
		}
	}()
	return func() int64 {
		close(quit)
		return <-peak
	}
}

// largest is the highest peak among the processes that run now.
func largest(dir string) int64 {
	processes, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return 0
	}
	var most int64
	for _, exe := range processes {
		program, err := os.Readlink(exe)
		if err != nil || !strings.HasPrefix(program, dir) {
			continue // another's, or gone
		}
		var kilobytes int64
		if n, _ := fmt.Sscanf(field(filepath.Join(filepath.Dir(exe), "status"), "VmHWM"), "%d kB", &kilobytes); n == 1 {
			most = max(most, kilobytes<<10)
		}
	}
	return most
}
