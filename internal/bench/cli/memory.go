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

// watchEvery is how often processes are looked at. The kernel keeps their peak,
// so only what grows in the last moment is missed. What it says of a process
// that has ended is of no use: it counts what the parent held when it began.
const watchEvery = 10 * time.Millisecond

// watch looks at a peak, until the function that it returns is called: that
// gives the highest one in bytes, or 0 where the system has no /proc.
func watch(look func() int64) func() int64 {
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
				most = max(most, look())
			}
		}
	}()
	return func() int64 {
		close(quit)
		return <-peak
	}
}

// largest is the highest peak among the processes that run now and whose
// program is in a directory.
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
		most = max(most, held(filepath.Dir(exe), peakMemory))
	}
	return most
}

// What the kernel calls memory that a process holds in RAM, now and at most.
const (
	currentMemory = "VmRSS"
	peakMemory    = "VmHWM"
)

// held is a figure of a process, whose directory in /proc is given, in bytes; 0
// where there is none.
func held(process, figure string) int64 {
	var kilobytes int64
	_, _ = fmt.Sscanf(field(filepath.Join(process, "status"), figure), "%d kB", &kilobytes)
	return kilobytes << 10
}

func directoryOf(p *os.Process) string { return fmt.Sprintf("/proc/%d", p.Pid) }
