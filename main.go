// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command terraform-provider-sym is the Terraform provider for Sym identities.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/sym-identity/terraform-provider-sym/internal/provider"
)

// address is the provider's address in the registry.
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
	if !debugged { // a debugged provider logs to its own terminal
		if err := disableSDKLog(os.Getenv, os.Setenv); err != nil {
			return err
		}
	}
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(memoryLimit)
	}
	p := provider.New(apiVersion(programVersion(), commit))()
	err := providerserver.Serve(context.Background(), func() frameworkprovider.Provider { return p },
		providerserver.ServeOpts{Address: address, Debug: debugged})
	if closer, ok := p.(io.Closer); ok { // an embedded API has a store to close
		err = errors.Join(err, closer.Close())
	}
	return err
}

// gcPercent lets the heap grow to five times what is live before the garbage
// collector runs. The provider's heap is small and most of what it allocates
// lives for one request; at Go's default, collecting takes a sixth of its CPU.
const gcPercent = 400

// memoryLimit is where that generosity ends: above it, the garbage collector runs
// as often as it must, with at most half of the CPU. A plan of 100,000 people has
// less alive.
const memoryLimit = 256 << 20

// disableSDKLog sets TF_LOG_SDK to off unless the user asked for a log. The
// plugin SDK otherwise traces every request, and Terraform throws that away:
// a third of the CPU of a plan over many resources.
func disableSDKLog(getenv func(string) string, setenv func(name, value string) error) error {
	for _, name := range []string{"TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_SDK"} {
		if getenv(name) != "" {
			return nil
		}
	}
	return setenv("TF_LOG_SDK", "off")
}

// run parses the flags, serves the provider and returns the exit code.
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

// programVersion returns the released version, else the module version that
// the build recorded, else dev.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// programCommit returns the released commit, else the one that the build
// recorded, else unknown.
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

// apiVersion returns the version for the User-Agent: a released one carries the
// start of its commit as build metadata.
func apiVersion(version, commit string) string {
	const short = 12
	if len(commit) < short {
		return version
	}
	return version + "+" + commit[:short]
}
