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
	"slices"
	"strings"
	"sync"
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
	dir      string // holds the programs and the CLI configuration of this run
	hostile  = flag.Int("hostile", 300, "connections of guests, or of a greedy administrator, in BenchmarkHostile; with fewer, the time of a write is no failure")
)

func TestMain(m *testing.M) {
	dir, _ = os.MkdirTemp("", "sym-bench-") // build fails without it
	defer os.RemoveAll(dir)
	m.Run()
}

var build = sync.OnceValue(func() error {
	for _, args := range [][]string{{"-C", "../..", "-o", dir, ".", "./cmd/sym-identityd"}, {"-o", filepath.Join(dir, "terraform-provider-echo"), "./echo"}} {
		if printed, err := exec.Command("go", append([]string{"build"}, args...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("go build %v: %w\n%s", args, err, printed)
		}
	}
	// dev_overrides make Terraform use these providers without init.
	config := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"sym-identity/sym\" = %[1]q\n    \"echo-identity/echo\" = %[1]q\n  }\n}\n", dir)
	return os.WriteFile(filepath.Join(dir, "cli.tfrc"), []byte(config), 0o600)
})

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

type person struct{ email, account string }

func makePeople(n int) []person {
	all := make([]person, n)
	for i := range all {
		all[i] = person{fmt.Sprintf("person.%06d@acme.com", i), fmt.Sprintf("U%08d", i)}
	}
	return all
}

// text returns what format makes of each person's account, [1], and e-mail, [2].
func text(people []person, separator, format string) string {
	parts := make([]string, len(people))
	for i, p := range people {
		parts[i] = fmt.Sprintf(format, p.account, p.email)
	}
	return strings.Join(parts, separator)
}

// figures holds what was measured in each round.
type figures struct {
	*testing.B
	values map[string][]float64
}

// newFigures returns figures whose medians the benchmark reports.
func newFigures(b *testing.B) figures {
	f := figures{b, map[string][]float64{}}
	b.Cleanup(func() {
		b.ReportMetric(0, "ns/op") // the others say more
		for name, values := range f.values {
			slices.Sort(values)
			b.ReportMetric(values[(len(values)-1)/2], name)
		}
	})
	return f
}

func (f figures) add(name string, value float64) { f.values[name] = append(f.values[name], value) }

// limit adds a value, and fails if it is more than most.
func (f figures) limit(name string, value, most float64) {
	f.Helper()
	f.add(name, value)
	if value > most {
		f.Errorf("%s: %.0f, want at most %.0f", name, value, most)
	}
}

// runs holds the directories of a configuration of our provider, of the same
// one of the echo provider, and their states.
type runs struct {
	*server
	ours, echo string
}

// newRuns writes a configuration of testdata, and the people that it reads.
func newRuns(api *server, config string, people []person) runs {
	r := runs{api, api.TempDir(), api.TempDir()}
	head, err := os.ReadFile("testdata/head.tf")
	check(r.B, err)
	subject, err := os.ReadFile(filepath.Join("testdata", config))
	check(r.B, err)
	for name, content := range map[string]string{"main.tf": string(head) + string(subject), "emails.txt": text(people, ",", "%[2]s"), "accounts.txt": text(people, ",", "%[1]s")} {
		check(r.B, os.WriteFile(filepath.Join(r.ours, name), []byte(content), 0o600))
		check(r.B, os.WriteFile(filepath.Join(r.echo, name), []byte(strings.ReplaceAll(content, "sym", "echo")), 0o600))
	}
	return r
}

// compare plans or applies with both providers, one after the other so that other load
// of the machine meets both. It adds what ours used, and fails on too many requests.
func (r runs) compare(action string, mostRequests float64, services ...string) {
	r.Helper()
	before := r.requests()
	cpu, wall, most := r.run(r.ours, action, services...)
	requests := r.requests() - before
	echoCPU, echoWall, _ := r.run(r.echo, action, services...)
	r.add(action+"-cpu-s", cpu)
	r.add(action+"-cpu/echo", cpu/echoCPU)
	r.add(action+"-s", wall)
	r.add(action+"-wall/echo", wall/echoWall)
	r.add(action+"-MB", most)
	r.limit(action+"-requests", requests, mostRequests)
}

// run runs Terraform for services. A plan must be empty. It returns seconds of the
// processors, of Terraform and its providers, and of the clock, and the highest
// resident MB of a provider (0 without /proc).
func (r runs) run(workspace, action string, services ...string) (cpu, wall, most float64) {
	r.Helper()
	cmd := exec.CommandContext(r.Context(), *cli, action, "-input=false", "-no-color", map[string]string{"apply": "-auto-approve", "plan": "-detailed-exitcode"}[action])
	cmd.Dir = workspace
	cmd.Env = []string{"HOME=" + dir, "TMPDIR=" + os.TempDir(), "TF_CLI_CONFIG_FILE=" + filepath.Join(dir, "cli.tfrc"), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
		"SYM_ORG=bench", "SYM_API_URL=" + r.url + "/api/v1", "SYM_JWT=" + token("bench"), "TF_VAR_services=[{" + strings.Join(services, "},{") + "}]"}
	var printed []byte
	var err error
	ended, start := make(chan bool), time.Now()
	go func() {
		printed, err = cmd.CombinedOutput()
		wall = time.Since(start).Seconds()
		close(ended)
	}()
	for tick := time.Tick(50 * time.Millisecond); ; {
		select {
		case <-ended:
			if err != nil {
				r.Fatalf("terraform %s: %v\n%s", action, err, printed)
			}
			// Terraform waits for its providers, so its usage includes theirs.
			return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), wall, most
		case <-tick: // the kernel keeps a process's peak: only growth in its last moment is missed
			programs, _ := filepath.Glob("/proc/[0-9]*/exe")
			for _, exe := range programs {
				if program, err := os.Readlink(exe); err == nil && strings.Contains(program, filepath.Base(dir)+"/terraform-provider-") {
					most = max(most, memory(filepath.Dir(exe), "VmHWM"))
				}
			}
		}
	}
}

// memory returns what a process holds in MB: VmRSS now, VmHWM at most.
func memory(process, figure string) (megabytes float64) {
	text, _ := os.ReadFile(filepath.Join(process, "status")) // the process may have ended
	_, value, _ := strings.Cut(string(text), figure+":")
	_, _ = fmt.Sscan(value, &megabytes)
	return megabytes / 1000
}

// BenchmarkDeclared plans many sym_identity resources, and as many
// echo_identity. All are in state before.
func BenchmarkDeclared(b *testing.B) {
	r := newRuns(startServer(newFigures(b), sqlite, plainService), "declared.tf", makePeople(*declared))
	r.run(r.ours, "apply", okta)
	r.run(r.echo, "apply", okta)
	for b.Loop() {
		r.compare("plan", float64(*declared/1000+20), okta)
	}
}

// BenchmarkResolved plans one sym_resolved_identities. A third of the people are
// in the store, a rule maps a third, and a directory knows a third.
func BenchmarkResolved(b *testing.B) { resolved(b, *people, *people/3, *people/3, 15) }

// BenchmarkStored plans one of a large company: a rule maps every tenth person, the
// others are in the store.
func BenchmarkStored(b *testing.B) {
	resolved(b, *stored, *stored/10, 0, float64(*stored/2500+*stored/25_000+8))
}

// resolved plans one sym_resolved_identities, and the same bytes with the echo
// provider. A rule maps the first people, and a directory knows the next ones.
func resolved(b *testing.B, all, ruled, listed int, mostRequests float64) {
	everybody := makePeople(all)
	for i := range ruled {
		everybody[i].email = fmt.Sprintf("person.%06d@contractor.acme.com", i)
	}
	directory := startFake(b, "okta", "acme.okta.com", everybody[ruled:ruled+listed], 0)
	r := newRuns(startServer(newFigures(b), sqlite, directory.block), "resolved.tf", everybody)
	r.store(everybody[:ruled+listed], unmapped)
	r.store(everybody[ruled+listed:], mapped)
	for b.Loop() {
		r.compare("plan", mostRequests, okta)
	}
}

// BenchmarkSingles plans 500 sym_resolved_identity of people that only the service
// knows, and one sym_resolved_identities of them; beside each, as many instances of
// a provider that asks nobody.
func BenchmarkSingles(b *testing.B) {
	everybody := makePeople(1000)
	for kind, id := range map[string]string{"pagerduty": "acme", "okta": "acme.okta.com", "slack": "T0001"} {
		for _, shape := range []string{"singles", "bulk"} {
			b.Run(kind+"/"+shape, func(b *testing.B) {
				f := newFigures(b)
				for b.Loop() {
					directory := startFake(b, kind, id, everybody, 20*time.Millisecond)
					newRuns(startServer(f, sqlite, directory.block), shape+".tf", everybody[:500]).compare("plan", 1000, directory.key)
					f.limit("requests", float64(directory.requests.Load()), 30)
				}
			})
		}
	}
}

// BenchmarkServices plans one sym_resolved_identities of 1,000 people in ten
// services, and one in the slowest service alone.
func BenchmarkServices(b *testing.B) {
	f, everybody := newFigures(b), makePeople(1000)
	for b.Loop() {
		blocks, keys := "", []string{}
		for i := range 10 {
			directory := startFake(b, "pagerduty", fmt.Sprint("acme", i), everybody, 100*time.Millisecond)
			blocks, keys = blocks+directory.block, append(keys, directory.key)
		}
		r := newRuns(startServer(f, sqlite, blocks), "bulk.tf", everybody)
		_, all, _ := r.run(r.ours, "plan", keys...)
		r.server = startServer(f, sqlite, blocks)
		_, slowest, _ := r.run(r.ours, "plan", keys[0])
		f.add("plan-s", all)
		f.add("plan/slowest", all/slowest)
	}
}

// BenchmarkIdentities applies one sym_identities and plans it.
func BenchmarkIdentities(b *testing.B) {
	f, everybody := newFigures(b), makePeople(*people)
	for b.Loop() {
		r := newRuns(startServer(f, sqlite, plainService), "identities.tf", everybody)
		r.store(everybody, unmapped) // the first mapping of an unknown person creates them
		r.compare("apply", 25, okta)
		r.compare("plan", 15, okta)
	}
}
