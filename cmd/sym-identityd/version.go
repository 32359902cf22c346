// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
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
	info, ok := debug.ReadBuildInfo()
	if version == "" && ok && info.Main.Version != "(devel)" {
		return cmp.Or(info.Main.Version, "dev")
	}
	return cmp.Or(version, "dev")
}

func buildCommit() string {
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return cmp.Or(commit, "unknown")
}

func (p *program) version(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("version", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print an object: version, commit, go")
	if done, err := p.parse(flags, args); done || err != nil {
		return err
	}
	if *asJSON {
		return p.printJSON(map[string]string{"version": buildVersion(), "commit": buildCommit(), "go": runtime.Version()}, "")
	}
	return p.print(fmt.Sprintf("sym-identityd %s (commit %s, %s)\n", buildVersion(), buildCommit(), runtime.Version()))
}
