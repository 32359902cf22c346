// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args   []string
		fails  error
		code   int
		served bool
		debug  bool
		stdout string
		stderr string
	}{
		"serves":           {served: true},
		"for a debugger":   {args: []string{"-debug"}, served: true, debug: true},
		"two dashes":       {args: []string{"--debug"}, served: true, debug: true},
		"version":          {args: []string{"-version"}, stdout: "terraform-provider-sym " + programVersion() + " (commit " + programCommit() + ", " + runtime.Version() + ")\n"},
		"help":             {args: []string{"-help"}, stderr: "-version"},
		"unknown flag":     {args: []string{"-verbose"}, code: 2, stderr: "-verbose"},
		"an argument":      {args: []string{"plan"}, code: 2, stderr: `unexpected argument "plan"`},
		"cannot be served": {fails: errors.New("no address"), served: true, code: 1, stderr: "terraform-provider-sym: no address"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			served := false
			code := run(tt.args, &stdout, &stderr, func(debugged bool) error {
				served = true
				if debugged != tt.debug {
					t.Errorf("debugged: %t", debugged)
				}
				return tt.fails
			})
			if code != tt.code || served != tt.served {
				t.Errorf("code %d, served %t; want %d, %t", code, served, tt.code, tt.served)
			}
			if stdout.String() != tt.stdout {
				t.Errorf("stdout %q, want %q", stdout.String(), tt.stdout)
			}
			if !strings.Contains(stderr.String(), tt.stderr) || tt.stderr == "" && stderr.Len() > 0 {
				t.Errorf("stderr %q, want %q", stderr.String(), tt.stderr)
			}
		})
	}
}

func TestAPIVersion(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ version, commit, want string }{
		"released":          {"1.2.3", "0123456789abcdef0123456789abcdef01234567", "1.2.3+0123456789ab"},
		"not released":      {"dev", "", "dev"},
		"no commit at hand": {"1.2.3", "none", "1.2.3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := apiVersion(tt.version, tt.commit); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDisableSDKLog(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env, want map[string]string
	}{
		"no log asked for":    {map[string]string{}, map[string]string{"TF_LOG_SDK": "off"}},
		"only Terraform's":    {map[string]string{"TF_LOG_CORE": "trace"}, map[string]string{"TF_LOG_CORE": "trace", "TF_LOG_SDK": "off"}},
		"empty is not set":    {map[string]string{"TF_LOG": ""}, map[string]string{"TF_LOG": "", "TF_LOG_SDK": "off"}},
		"all":                 {map[string]string{"TF_LOG": "info"}, map[string]string{"TF_LOG": "info"}},
		"providers":           {map[string]string{"TF_LOG_PROVIDER": "debug"}, map[string]string{"TF_LOG_PROVIDER": "debug"}},
		"a level of the user": {map[string]string{"TF_LOG_SDK": "warn"}, map[string]string{"TF_LOG_SDK": "warn"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setenv := func(name, value string) error { test.env[name] = value; return nil }
			if err := disableSDKLog(func(name string) string { return test.env[name] }, setenv); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, test.env); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}
