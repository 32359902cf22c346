// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

// headroom is memory that is set aside and never touched, so it costs address
// space only. The collector runs when the heap has doubled; without it a
// provider, whose heap is small, would collect with every few megabytes of
// requests, at a quarter of its CPU. Large heaps grow as they would anyway.
const headroom = 24 << 20

// sdkLog is the variable with the level of the plugin SDK's own log.
const sdkLog = "TF_LOG_SDK"

// quiet switches the SDK's log off where Terraform would throw it away, which
// it does unless one of its variables asks for a log. By default the SDK traces
// each step of each request all the same: writing and reading that takes a
// third of the CPU of a plan over many resources.
func quiet(getenv func(string) string, setenv func(name, value string) error) error {
	for _, name := range []string{"TF_LOG", "TF_LOG_PROVIDER", sdkLog} {
		if getenv(name) != "" {
			return nil
		}
	}
	return setenv(sdkLog, "off")
}
