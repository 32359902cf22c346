// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQuiet(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env, want map[string]string
	}{
		"nobody listens":      {map[string]string{}, map[string]string{"TF_LOG_SDK": "off"}},
		"only Terraform's":    {map[string]string{"TF_LOG_CORE": "trace"}, map[string]string{"TF_LOG_CORE": "trace", "TF_LOG_SDK": "off"}},
		"empty is not set":    {map[string]string{"TF_LOG": ""}, map[string]string{"TF_LOG": "", "TF_LOG_SDK": "off"}},
		"all":                 {map[string]string{"TF_LOG": "info"}, map[string]string{"TF_LOG": "info"}},
		"providers":           {map[string]string{"TF_LOG_PROVIDER": "debug"}, map[string]string{"TF_LOG_PROVIDER": "debug"}},
		"a level of the user": {map[string]string{"TF_LOG_SDK": "warn"}, map[string]string{"TF_LOG_SDK": "warn"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setenv := func(name, value string) error { test.env[name] = value; return nil }
			if err := quiet(func(name string) string { return test.env[name] }, setenv); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, test.env); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}
