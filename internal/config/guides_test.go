// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var hclBlock = regexp.MustCompile("(?s)```hcl\n(.*?)```")

var commentedOut = regexp.MustCompile("(?m)^    # ")

var notCompared = regexp.MustCompile("(is|does) not compare")

// Every kind has a guide, whose example loads as it stands, with the lines
// that it shows commented out, too. It says what to grant, who is inactive,
// what the limits are, and whether a check compares the external id.
func TestGuides(t *testing.T) {
	t.Parallel()
	anyEnv := func(string) (string, bool) { return secretValue, true }
	for kind, c := range connectors() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			guide, err := os.ReadFile(filepath.Join("..", "..", "templates", "guides", "directory-"+kind+".md"))
			if err != nil {
				t.Fatal(err)
			}
			found := hclBlock.FindSubmatch(guide)
			if found == nil {
				t.Fatal("the guide has no example")
			}
			for _, section := range []string{"What to grant", "Who is inactive", "Limits"} {
				_, after, _ := strings.Cut(string(guide), "\n## "+section+"\n\n")
				if paragraph, _, _ := strings.Cut(after, "\n"); len(paragraph) < 20 {
					t.Errorf("under %q it says %q", section, paragraph)
				}
			}
			// Services of type auth0 cannot be declared, so there is nothing to compare.
			if compares := !notCompared.Match(guide); compares != (comparesID(c) && kind != "auth0") {
				t.Errorf("says that check compares the external ID: %t", compares)
			}
			example := string(found[1])
			for _, src := range []string{example, commentedOut.ReplaceAllString(example, "    ")} {
				cfg, err := load(t, head+src, Options{LookupEnv: anyEnv})
				if err != nil {
					t.Fatal(err)
				}
				if got := cfg.Services[0].Directory; got == nil || got.Kind != kind {
					t.Errorf("the example has the directory %+v", got)
				}
			}
		})
	}
}

// The conformance suite knows every kind, and no others.
func TestKindsAreInTheSuite(t *testing.T) {
	t.Parallel()
	kinds := slices.Sorted(maps.Keys(connectors()))
	if diff := cmp.Diff(kinds, slices.Sorted(maps.Keys(directorytest.Excuses()))); diff != "" {
		t.Errorf("kinds (-configuration +suite):\n%s", diff)
	}
}

// The other examples load, too: those of the page about all kinds, and of the many
// exports.
func TestGuidesOfAll(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"directories.md", "directory-file.md"} {
		guide, err := os.ReadFile(filepath.Join("..", "..", "templates", "guides", page))
		if err != nil {
			t.Fatal(err)
		}
		found := hclBlock.FindAllSubmatch(guide, -1)
		for _, example := range found {
			if _, err := load(t, head+string(example[1]), Options{LookupEnv: func(string) (string, bool) { return secretValue, true }}); err != nil {
				t.Errorf("%s: %s%v", page, example[1], err)
			}
		}
		if len(found) == 0 {
			t.Errorf("%s has no example", page)
		}
	}
}

func comparesID(c connector) bool {
	settings, _ := c.newConfig()
	return (&decoder{}).complete(settings, &Directory{Kind: "kind", service: identity.ServiceKey{Type: "kind", ExternalID: "id"}})
}
