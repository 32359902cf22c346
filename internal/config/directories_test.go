// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/okta"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// everyKind is what each kind of directory takes. The exceptions have no host
// of their own: file reads one, and http's address is url.
var everyKind = map[string][]string{
	"base_url": {"file", "http"}, "timeout": {"file"}, "cache_ttl": nil, "cache_ttl_misses": nil,
	"domains": nil, "match_aliases": nil, "include_unverified": nil,
}

func attributesOf(c connector) []string {
	var names []string
	settings, _ := c.newConfig()
	for _, s := range []any{settings, &directory.Settings{}} {
		for _, f := range fieldsOf(reflect.TypeOf(s).Elem()) {
			names = append(names, f.name)
		}
	}
	return names
}

// One word means one thing in all connectors, and the guide tells
// them all.
func TestVocabulary(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join("..", "..", "templates", "guides", "directories.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, settings, found := bytes.Cut(guide, []byte("\n## All settings\n"))
	if !found {
		t.Fatal("the guide has no table of all settings")
	}
	settings, _, _ = bytes.Cut(settings, []byte("\n## "))
	var told []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllSubmatch(settings, -1) {
		told = append(told, string(row[1]))
	}
	var used []string
	for name, kind := range connectors() {
		has := attributesOf(kind)
		for attr, exceptions := range everyKind {
			if slices.Contains(has, attr) == slices.Contains(exceptions, name) {
				t.Errorf("%s: has %s: %v", name, attr, slices.Contains(has, attr))
			}
		}
		for i, attr := range has {
			if slices.Contains(has[:i], attr) {
				t.Errorf("%s lists %s twice", name, attr)
			}
		}
		used = append(used, has...)
	}
	slices.Sort(used)
	slices.Sort(told)
	if diff := cmp.Diff(slices.Compact(used), slices.Compact(told)); diff != "" {
		t.Errorf("attributes of directory blocks (-used +in the guide's table):\n%s", diff)
	}
}

// Every kind really reads what all of them take, and says so where it is wrong.
func TestEveryKindReads(t *testing.T) {
	t.Parallel()
	for name, kind := range connectors() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			has := attributesOf(kind)
			for attr, wrong := range map[string]string{
				"base_url": `"https://me:hunter2@acme.example"`, "timeout": `"soon"`, "cache_ttl": `"soon"`, "cache_ttl_misses": `"soon"`,
				"domains": `"acme.com"`, "match_aliases": `"perhaps"`, "include_unverified": `[]`,
			} {
				if !slices.Contains(has, attr) {
					continue
				}
				src := fmt.Sprintf("service \"other\" \"x\" {\n  directory %q {\n    %s = %s\n  }\n}\n", name, attr, wrong)
				_, err := load(t, head+src, Options{})
				found := slices.ContainsFunc(problems(t, err), func(line string) bool {
					return regexp.MustCompile(`^[^ ]*:\d+:\d+: .*\b` + attr + `\b`).MatchString(line)
				})
				if !found {
					t.Errorf("%s = %s is not refused: %v", attr, wrong, err)
				}
			}
		})
	}
}

func TestAnswerSettings(t *testing.T) {
	t.Parallel()
	const services = `
service "slack" "T1" {
  directory "slack" {
    token = env("SECRET")
    %s
  }
}
`
	for lines, want := range map[string]directory.Settings{
		"": {TTL: directory.DefaultCacheTTL, Misses: directory.DefaultCacheMisses},
		`cache_ttl = "1h"
cache_ttl_misses = "1m"`: {TTL: time.Hour, Misses: time.Minute},
		`cache_ttl = "0s"`:        {},
		`cache_ttl = "10s"`:       {TTL: 10 * time.Second, Misses: 10 * time.Second},
		`cache_ttl_misses = "0s"`: {TTL: directory.DefaultCacheTTL},
		`cache_ttl = "0s"
domains = ["Acme.com", "acme.example"]
match_aliases = true
include_unverified = true`: {Domains: []string{"acme.com", "acme.example"}, Options: directory.Options{MatchAliases: true, IncludeUnverified: true}},
	} {
		cfg, err := load(t, head+fmt.Sprintf(services, lines), Options{LookupEnv: func(string) (string, bool) { return secretValue, true }})
		if err != nil {
			t.Errorf("%s: %v", lines, err)
			continue
		}
		if diff := cmp.Diff(want, cfg.Services[0].Directory.Settings); diff != "" {
			t.Errorf("%s (-want +got):\n%s", lines, diff)
		}
	}
	cfg, err := load(t, head+"service \"slack\" \"T0ACME\" {\n  directory \"file\" {\n    path = \"slack.csv\"\n  }\n}\n", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if local := cfg.Services[0].Directory.Settings; local.TTL != 0 || local.Misses != 0 {
		t.Errorf("kept of what is local: %+v", local)
	}
}

// A connector that needs the domains of its block has them.
func TestSetDomains(t *testing.T) {
	t.Parallel()
	var cfg struct {
		okta.Config

		Domains []string `kind:"domains"`
	}
	dir := &Directory{Settings: directory.Settings{Domains: []string{"acme.com"}}}
	(&decoder{}).complete(&cfg, dir)
	if len(cfg.Domains) != 1 {
		t.Errorf("domains: %v", cfg.Domains)
	}
	(&decoder{}).complete(&okta.Config{}, dir)
}

func TestDomainsAreRefused(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`[]`: "must not be empty", `["ann@acme.com"]`: "not the domain", `[""]`: "not the domain", `["acme.com", "ac me"]`: "not the domain", `[1, {}]`: "list of strings",
	} {
		src := "service \"okta\" \"acme.okta.com\" {\n  directory \"okta\" {\n    token = env(\"SECRET\")\n    domains = " + value + "\n  }\n}\n"
		_, err := load(t, head+src, Options{LookupEnv: func(string) (string, bool) { return secretValue, true }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", value, err, want)
		}
	}
}

// TestLocalPartNeedsDomains proves that a directory that reads local parts must
// name its domains. It is opened at the start: it reads the environment.
func TestLocalPartNeedsDomains(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{"": "needs the domains of your people", `domains = ["acme.com"]`: ""} {
		src := "service \"aws_iam\" \"123456789012\" {\n  directory \"aws_iam\" {\n    region = \"eu-central-1\"\n    strategy = \"local_part\"\n    " + line + "\n  }\n}\n"
		cfg, err := load(t, head+src, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = cfg.Services[0].Directory.Open()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

// Only a service of the connector's own type has an external ID that means
// something to it.
func TestSetExternalID(t *testing.T) {
	t.Parallel()
	for serviceType, want := range map[string]string{"okta": "acme.okta.com", "custom": ""} {
		var cfg okta.Config
		compares := (&decoder{}).complete(&cfg, &Directory{Kind: "okta", service: identity.ServiceKey{Type: serviceType, ExternalID: "acme.okta.com"}})
		if cfg.Domain != want || compares != (want != "") {
			t.Errorf("%s: %q, want %q", serviceType, cfg.Domain, want)
		}
	}
}
