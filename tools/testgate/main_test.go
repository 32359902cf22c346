// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestGate(t *testing.T) {
	t.Parallel()
	const (
		accepted = `{"Action":"pass","Package":"p","Test":"TestAccIdentity_basic"}` + "\n"
		closing  = `{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
	)
	skip := func(name, why string) string {
		return `{"Action":"output","Package":"p","Test":"` + name + `","Output":"    x_test.go:1: ` + why + `\n"}` + "\n" +
			`{"Action":"skip","Package":"p","Test":"` + name + `"}` + "\n"
	}
	tests := map[string]struct {
		in     string
		good   bool
		out    string // in the output for people
		report string // in the closing report
	}{
		"all passed": {
			in: accepted + closing, good: true, out: "ok  \tp\t0.1s\n", report: "1 of them acceptance tests",
		},
		"skipped for the CLI's version": {
			in:   accepted + skip("TestAccIdentity_list", "Terraform CLI version 1.12.6 is below minimum version 1.14.0: skipping test"),
			good: true, report: "1 skipped because",
		},
		"skipped for an allowed reason": {
			in: accepted + skip("TestPostgres", "set SYM_TEST_POSTGRES_URL"), good: true, report: "1 skipped because",
		},
		"skipped for want of a setting": {
			in:     accepted + skip("TestAccIdentity_import", "Acceptance tests skipped unless env 'TF_ACC' set"),
			report: "skipped, and must not be: p TestAccIdentity_import", out: "TF_ACC",
		},
		"no acceptance test": {
			in: `{"Action":"pass","Package":"p","Test":"TestRules"}` + "\n", report: "no acceptance test ran",
		},
		"an acceptance test failed": {
			in: accepted + `{"Action":"output","Package":"p","Test":"TestAccX","Output":"boom\n"}` + "\n" +
				`{"Action":"fail","Package":"p","Test":"TestAccX"}` + "\n",
			report: "the run failed", out: "boom\n",
		},
		"a package does not build": {
			in: accepted + `{"Action":"build-output","ImportPath":"q","Output":"q.go:1: undefined: x\n"}` + "\n" +
				`{"Action":"build-fail","ImportPath":"q"}` + "\n",
			report: "the run failed", out: "undefined: x",
		},
		"a package fails without a test": {
			in: accepted + `{"Action":"fail","Package":"p"}` + "\n", report: "the run failed",
		},
		"a line that is not JSON":   {in: "make: warning\n" + accepted, good: true, out: "make: warning\n"},
		"a last line without break": {in: accepted + "make: *** Error 1", good: true, out: "make: *** Error 1"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := gate{
				acceptance: regexp.MustCompile("^TestAcc"),
				mayskip:    regexp.MustCompile(versionGate + "|SYM_TEST_POSTGRES"),
				output:     map[test]*strings.Builder{},
			}
			var out, report strings.Builder
			if err := g.read(strings.NewReader(tc.in), &out); err != nil {
				t.Fatal(err)
			}
			if good := g.report(&report); good != tc.good {
				t.Errorf("good = %t, want %t", good, tc.good)
			}
			if !strings.Contains(out.String(), tc.out) {
				t.Errorf("output %q does not hold %q", out.String(), tc.out)
			}
			if !strings.Contains(report.String(), tc.report) {
				t.Errorf("report %q does not hold %q", report.String(), tc.report)
			}
		})
	}
}
