// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package bench measures whole runs of Terraform with the provider beside runs
// with a provider that asks nobody, and sym-identityd under requests. "make
// bench" runs it. Slow results do not fail; too many requests do, and a
// server that attackers slow down.
package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	cli      = flag.String("cli", "terraform", "Terraform or OpenTofu")
	declared = flag.Int("declared", 1000, "sym_identity resources in one configuration")
	people   = flag.Int("people", 10_000, "people in one bulk resource or data source, and in the list of a directory")
	stored   = flag.Int("stored", 100_000, "users in the store of BenchmarkAPI and BenchmarkLoad")
	services = flag.Int("services", 50, "services with a directory")
	rate     = flag.Int("rate", 0, "requests a second of BenchmarkLoad; 0 = half of the most that are answered")
	loadTime = flag.Duration("load-time", 10*time.Second, "how long BenchmarkLoad and BenchmarkHostile send requests")
)

// dir holds the programs and the CLI configuration of this run.
var dir string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	temp, err := os.MkdirTemp("", "sym-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(temp)
	if dir, err = filepath.EvalSymlinks(temp); err != nil { // /proc shows real paths
		return 0, err
	}
	for name, source := range map[string][2]string{
		"bin/terraform-provider-sym": {"../..", "."}, "bin/terraform-provider-echo": {".", "./echo"}, "sym-identityd": {"../..", "./cmd/sym-identityd"},
	} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), source[1])
		build.Dir = source[0]
		if printed, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%s: %w\n%s", build, err, printed)
		}
	}
	// dev_overrides make Terraform use these providers without init.
	config := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"sym-identity/sym\" = %[1]q\n    \"sym-identity/echo\" = %[1]q\n  }\n}\n", filepath.Join(dir, "bin"))
	if err := os.WriteFile(filepath.Join(dir, "cli.tfrc"), []byte(config), 0o600); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

type person struct{ email, account string }

func makePeople(n int) []person {
	all := make([]person, n)
	for i := range all {
		all[i] = person{fmt.Sprintf("person.%06d@acme.com", i), fmt.Sprintf("00u%06d", i)}
	}
	return all
}

// workspace runs Terraform in a directory with a configuration and its state.
type workspace struct {
	b   *testing.B
	dir string
}

// newWorkspace writes a configuration and the people that it reads. It reads
// them with split: a literal list of 10,000 elements takes Terraform seconds,
// which would hide the provider's part.
func newWorkspace(b *testing.B, config string, people []person) workspace {
	b.Helper()
	w := workspace{b, b.TempDir()}
	w.write("main.tf", "locals {\n  users  = split(\",\", file(\"emails.txt\"))\n  people = zipmap(local.users, split(\",\", file(\"accounts.txt\")))\n}\n"+config)
	w.writePeople(people)
	return w
}

func (w workspace) write(name, text string) {
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.b.Fatal(err)
	}
}

func (w workspace) writePeople(people []person) {
	var emails, accounts []string
	for _, p := range people {
		emails, accounts = append(emails, p.email), append(accounts, p.account)
	}
	w.write("emails.txt", strings.Join(emails, ","))
	w.write("accounts.txt", strings.Join(accounts, ","))
}

// usage holds what one run of Terraform used.
type usage struct {
	cpu, wall float64 // seconds; cpu of Terraform and its providers
	memory    float64 // highest resident MB of a provider; 0 without /proc
}

// plan makes a plan, which must be empty.
func (w workspace) plan() usage { return w.run("plan", "-detailed-exitcode") }

func (w workspace) apply() usage { return w.run("apply", "-auto-approve") }

func (w workspace) run(action string, args ...string) usage {
	w.b.Helper()
	cmd := exec.CommandContext(w.b.Context(), *cli, append([]string{action, "-input=false", "-no-color"}, args...)...)
	cmd.Dir = w.dir
	cmd.Env = []string{"TF_CLI_CONFIG_FILE=" + filepath.Join(dir, "cli.tfrc"), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1"}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "TF_") && !strings.HasPrefix(variable, "SYM_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	peak := watchProviders()
	start := time.Now()
	printed, err := cmd.CombinedOutput()
	used := usage{wall: time.Since(start).Seconds(), memory: peak()}
	if err != nil {
		w.b.Fatalf("terraform %s: %v\n%s", action, err, printed)
	}
	// Terraform waits for its providers, so its usage includes theirs.
	used.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return used
}

// watchProviders looks at the peak memory of the providers' processes until the
// returned function is called, which returns the highest in MB. The kernel keeps
// a process's peak, so only growth in its last moment is missed.
func watchProviders() func() float64 {
	quit, peak := make(chan struct{}), make(chan float64)
	go func() {
		most := 0.0
		for tick := time.Tick(50 * time.Millisecond); ; { // it reads all of /proc
			select {
			case <-quit:
				peak <- most
				return
			case <-tick:
			}
			programs, _ := filepath.Glob("/proc/[0-9]*/exe")
			for _, exe := range programs {
				if program, err := os.Readlink(exe); err == nil && strings.HasPrefix(program, filepath.Join(dir, "bin")) {
					most = max(most, memory(filepath.Dir(exe), "VmHWM"))
				}
			}
		}
	}()
	return func() float64 {
		close(quit)
		return <-peak
	}
}

// memory returns what a process holds in MB: VmRSS now, VmHWM at most.
func memory(process, figure string) (megabytes float64) {
	text, _ := os.ReadFile(filepath.Join(process, "status")) // the process may have ended
	_, value, _ := strings.Cut(string(text), figure+":")
	_, _ = fmt.Sscan(value, &megabytes)
	return megabytes / 1000
}

// sides collects the usage of runs with our provider and with the echo provider.
// Both run in turns, so that other load of the machine meets both.
type sides struct{ ours, echo []usage }

func (s *sides) add(ours, echo usage) {
	s.ours, s.echo = append(s.ours, ours), append(s.echo, echo)
}

// report reports medians, and the ratio of CPU times.
func (s *sides) report(b *testing.B, name string) {
	cpu := func(u usage) float64 { return u.cpu }
	b.ReportMetric(median(s.ours, cpu), name+"-cpu-s")
	b.ReportMetric(median(s.ours, cpu)/median(s.echo, cpu), name+"-cpu/echo")
	b.ReportMetric(median(s.ours, func(u usage) float64 { return u.wall }), name+"-s")
	if runtime.GOOS == "linux" {
		b.ReportMetric(median(s.ours, func(u usage) float64 { return u.memory }), name+"-MB")
	}
}

func median[T any](all []T, of func(T) float64) float64 {
	var values []float64
	for _, one := range all {
		values = append(values, of(one))
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
