// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"defaults":        {nil, ""},
		"two measures":    {[]string{"-only", "rules,api"}, ""},
		"unknown measure": {[]string{"-only", "rules,wishes"}, `"wishes" is none of`},
		"nothing to run":  {[]string{"-runs", "0"}, "at least 1"},
		"argument":        {[]string{"rules"}, `unexpected argument "rules"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(test.args)
			if got := errorText(err); got != test.want && (test.want == "" || !strings.Contains(got, test.want)) {
				t.Errorf("error %q, want %q", got, test.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	got := markdown([]row{
		{what: "plan: requests", measured: 1021, unit: unitRequests, bound: atMost, target: 25, detail: "1 GET users"},
		{what: "plan: CPU", measured: 1.256, unit: unitRatio, bound: atMost, target: 1.3},
		{what: "rate", measured: 1_500_000, unit: unitRate, bound: atLeast, target: 500_000},
		{what: "sent", measured: 2, bound: exactly, target: 1},
	})
	want := `| What           | Measured           | Target             |       | From        |
| -------------- | ------------------ | ------------------ | ----- | ----------- |
| plan: requests | 1,021 requests     | ≤ 25 requests      | short | 1 GET users |
| plan: CPU      | 1.26 ×             | ≤ 1.30 ×           | ok    |             |
| rate           | 1,500,000 a second | ≥ 500,000 a second | ok    |             |
| sent           | 2                  | = 1                | short |             |
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestReplaceResults(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + resultsStart + "old\n" + resultsEnd + "\nafter\n")
	if err := replaceResults(path, "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n" + resultsStart + "new\n" + resultsEnd + "\nafter\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	write(resultsStart + "no end\n")
	if err := replaceResults(path, "new\n"); err == nil {
		t.Error("a file without the end of results was accepted")
	}
}

// TestResultsFile holds BENCHMARKS.md to the form that -write needs.
func TestResultsFile(t *testing.T) {
	t.Parallel()
	original, err := os.ReadFile(filepath.Join("..", "..", "..", "BENCHMARKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "BENCHMARKS.md")
	if err := os.WriteFile(path, original, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceResults(path, "results\n"); err != nil {
		t.Error(err)
	}
}

func TestRan(t *testing.T) {
	t.Parallel()
	const printed = "goos: linux\nBenchmarkRegex   	  600	 1931 ns/op	 517866 evaluations/s\nPASS\n"
	for name, test := range map[string]struct {
		benchmark string
		times     int
		want      bool
	}{
		"it did":      {"BenchmarkRegex", 600, true},
		"less often":  {"BenchmarkRegex", 700, false},
		"another did": {"BenchmarkReg", 600, false},
	} {
		if got := ran(printed, test.benchmark, test.times); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	run := func(cpu time.Duration, memory int64, requests int) usage {
		return usage{cpu: cpu, wall: 2 * cpu, memory: memory, requests: asked{"GET users": requests}}
	}
	p := pairs{
		ours:  []usage{run(9*time.Second, 5e6, 3), run(2*time.Second, 7e6, 4), run(3*time.Second, 6e6, 2)},
		floor: []usage{run(2*time.Second, 1e6, 0), run(1*time.Second, 1e6, 0), run(8*time.Second, 1e6, 0)},
	}
	for _, test := range []struct {
		row      row
		measured float64
		detail   string
	}{
		{p.cpu("", 1), 1.5, "3.00 s / 2.00 s of CPU"},
		{p.wall("", 1), 6, "the floor takes 4.00 s"},
		{p.requests("", 1), 4, "4 GET users"},
		{p.memory("", 1), 7, "the floor takes 1 MB"},
	} {
		if test.row.measured != test.measured || test.row.detail != test.detail {
			t.Errorf("measured %v from %q, want %v from %q", test.row.measured, test.row.detail, test.measured, test.detail)
		}
	}
}

func TestSent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"a person's record is no mapping": {`{"users":[{"identities":[{"service_type":"sym","external_id":"cloud"},{"service_type":"okta","external_id":"a"}]},
			{"identities":[{"service_type":"github","external_id":"b"}]}]}`, 2},
		"none":     {`{"users":[]}`, 0},
		"not JSON": {`users`, 0},
	} {
		if got := sent([]byte(test.body)); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}
