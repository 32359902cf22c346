// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Set by the linker in releases: -X main.version=… -X main.commit=….
var (
	version = ""
	commit  = ""
)

// buildVersion returns the release, or the module's version if there is none.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

func buildCommit() string {
	if commit != "" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

func (p *program) version(args []string) error {
	if done, err := p.parse(flag.NewFlagSet("version", flag.ContinueOnError), args); done || err != nil {
		return err
	}
	return p.print(fmt.Sprintf("sym-identityd %s (commit %s, %s)\n", buildVersion(), buildCommit(), runtime.Version()))
}
