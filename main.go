// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command terraform-provider-sym is the Terraform provider for Sym identities.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/sym-identity/terraform-provider-sym/internal/provider"
)

// address is where configurations find the provider.
const address = "registry.terraform.io/sym-identity/sym"

// Set by the linker in releases: -X main.version=… -X main.commit=….
var (
	version = ""
	commit  = ""
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, serve))
}

// serve serves the provider until Terraform ends it.
func serve(debugged bool) error {
	var opts []tf6server.ServeOpt
	if debugged { // its log is read where the provider runs
		opts = append(opts, tf6server.WithManagedDebug())
	} else if err := quiet(os.Getenv, os.Setenv); err != nil {
		return err
	}
	reserve := make([]byte, headroom)
	defer runtime.KeepAlive(reserve)
	return tf6server.Serve(address, provider.NewServer(apiVersion(programVersion(), commit)), opts...)
}

// run is the program. It returns the exit code.
func run(args []string, stdout, stderr io.Writer, serve func(debugged bool) error) int {
	flags := flag.NewFlagSet("terraform-provider-sym", flag.ContinueOnError)
	flags.SetOutput(stderr)
	debugged := flags.Bool("debug", false, "serve for a debugger: print how Terraform attaches, and wait for it")
	tell := flags.Bool("version", false, "print the version and end")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "unexpected argument %q\n", flags.Arg(0))
		flags.Usage()
		return 2
	}
	if *tell {
		fmt.Fprintf(stdout, "terraform-provider-sym %s (commit %s, %s)\n", programVersion(), programCommit(), runtime.Version())
		return 0
	}
	if err := serve(*debugged); err != nil {
		fmt.Fprintf(stderr, "terraform-provider-sym: %s\n", err)
		return 1
	}
	return 0
}

// programVersion is the released version, else what the build knows of its
// module, else dev.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// programCommit is the released commit, else the one Go saw while it built,
// else unknown.
func programCommit() string {
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

// apiVersion is what the API reads in the User-Agent: the version with the
// start of a released commit as its build metadata.
func apiVersion(version, commit string) string {
	const short = 12
	if len(commit) < short {
		return version
	}
	return version + "+" + commit[:short]
}
