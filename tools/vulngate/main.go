// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command vulngate reads the output of govulncheck -format json and prints the
// vulnerabilities whose code is called. It fails if one of them has a fix, or if
// the output does not tell that a scan took place.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

func main() {
	if err := gate(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulngate:", err)
		os.Exit(1)
	}
}

// message holds one message of govulncheck, which has one field set.
type message struct {
	Config *struct {
		ScanLevel string `json:"scan_level"`
		ScanMode  string `json:"scan_mode"`
	} `json:"config"`
	OSV *struct {
		ID      string `json:"id"`
		Summary string `json:"summary"`
	} `json:"osv"`
	SBOM *struct {
		Modules []struct {
			Path string `json:"path"`
		} `json:"modules"`
	} `json:"SBOM"`
	Finding *struct {
		OSV          string  `json:"osv"`
		FixedVersion string  `json:"fixed_version"`
		Trace        []frame `json:"trace"`
	} `json:"finding"`
}

// frame holds one step from the vulnerable code, which comes first, to ours.
type frame struct {
	Module   string `json:"module"`
	Version  string `json:"version"`
	Package  string `json:"package"`
	Function string `json:"function"`
}

func gate(in io.Reader, out io.Writer) error {
	var (
		scanned   bool
		summaries = map[string]string{}
		called    = map[string]string{}
		fixed     int
	)
	for decoder := json.NewDecoder(in); ; {
		var m message
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("govulncheck's output: %w", err)
		}
		switch {
		case m.Config != nil && (m.Config.ScanLevel != "symbol" || m.Config.ScanMode != "source"):
			return fmt.Errorf("govulncheck looked at %ss of the %s, not at symbols of the source", m.Config.ScanLevel, m.Config.ScanMode)
		case m.SBOM != nil:
			scanned = len(m.SBOM.Modules) > 0
		case m.OSV != nil:
			summaries[m.OSV.ID] = m.OSV.Summary
		case m.Finding != nil:
			first := append(m.Finding.Trace, frame{})[0]
			if first.Function == "" || called[m.Finding.OSV] != "" {
				continue // imported or required, but not called; or known
			}
			fix := "no fix yet"
			if m.Finding.FixedVersion != "" {
				fix = "fixed in " + m.Finding.FixedVersion
				fixed++
			}
			called[m.Finding.OSV] = fmt.Sprintf("%s %s, %s.%s: %s", first.Module, first.Version, first.Package, first.Function, fix)
		}
	}
	if !scanned || len(summaries) == 0 {
		// The database knows hundreds for the standard library alone.
		return errors.New("govulncheck tells of no modules or no known vulnerabilities; did it run, and has the database anything in it?")
	}
	for _, id := range slices.Sorted(maps.Keys(called)) {
		fmt.Fprintf(out, "%s: %s\n    %s\n", id, summaries[id], called[id])
	}
	fmt.Fprintf(out, "%d called vulnerabilities, %d with a fix\n", len(called), fixed)
	if fixed > 0 {
		return fmt.Errorf("%d called vulnerabilities have a fix: raise the toolchain or the modules", fixed)
	}
	return nil
}
