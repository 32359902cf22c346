// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"testing"
)

const (
	config = `{"config":{"scan_level":"symbol","scan_mode":"source"}}`
	sbom   = `{"SBOM":{"modules":[{"path":"stdlib"}]}}`
	osv    = `{"osv":{"id":"GO-1","summary":"Panic in x"}}`
	called = `{"finding":{"osv":"GO-1","fixed_version":"v1.2.0","trace":[{"module":"x","version":"v1.1.0","package":"x/y","function":"F"},{"module":"ours","package":"ours","function":"main"}]}}`
)

func TestGate(t *testing.T) {
	t.Parallel()
	noFix := strings.Replace(called, `"fixed_version":"v1.2.0",`, "", 1)
	imported := strings.Replace(called, `,"function":"F"`, "", 1)
	for name, c := range map[string]struct {
		messages []string
		fails    string
		prints   string
	}{
		"nothing found":       {messages: []string{config, sbom, osv}, prints: "0 called vulnerabilities"},
		"called, with a fix":  {messages: []string{config, sbom, osv, called, called}, fails: "1 called vulnerabilities have a fix", prints: "x v1.1.0, x/y.F: fixed in v1.2.0"},
		"called, without one": {messages: []string{config, sbom, osv, noFix}, prints: "GO-1: Panic in x\n    x v1.1.0, x/y.F: no fix yet"},
		"imported only":       {messages: []string{config, sbom, osv, imported}, prints: "0 called vulnerabilities"},
		"no output":           {fails: "did it run"},
		"no modules":          {messages: []string{config, osv}, fails: "did it run"},
		"an empty database":   {messages: []string{config, sbom}, fails: "did it run"},
		"cut off":             {messages: []string{config, sbom, osv, called[:40]}, fails: "govulncheck's output"},
		"of packages only":    {messages: []string{strings.Replace(config, "symbol", "package", 1), sbom, osv}, fails: "not at symbols"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := gate(strings.NewReader(strings.Join(c.messages, "\n")), &out)
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("the gate says %v, not %q", err, c.fails)
			}
			if !strings.Contains(out.String(), c.prints) {
				t.Errorf("it printed %q, without %q", out.String(), c.prints)
			}
		})
	}
}
