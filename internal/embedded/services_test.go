// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var hclBlock = regexp.MustCompile("(?s)```hcl\n(.*?)```")

var commentedOut = regexp.MustCompile("(?m)^    # ")

// Every kind has a guide, whose example loads as it stands, with the lines
// that it shows commented out, too.
func TestGuides(t *testing.T) {
	t.Parallel()
	anyEnv := func(string) (string, bool) { return secretValue, true }
	for kind := range directoryKinds() {
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
			example := string(found[1])
			for _, src := range []string{example, commentedOut.ReplaceAllString(example, "    ")} {
				cfg, err := load(t, head+src, Options{LookupEnv: anyEnv})
				if err != nil {
					t.Fatal(err)
				}
				if got := cfg.services[0].directory; got == nil || got.kind != kind {
					t.Errorf("the example has the directory %+v", got)
				}
			}
		})
	}
}

// The conformance suite knows every kind, and no others.
func TestKindsAreInTheSuite(t *testing.T) {
	t.Parallel()
	kinds := slices.Sorted(maps.Keys(directoryKinds()))
	if diff := cmp.Diff(kinds, slices.Sorted(maps.Keys(directorytest.Excuses()))); diff != "" {
		t.Errorf("kinds (-configuration +suite):\n%s", diff)
	}
}

// A kind in a service of another type does not take that one's external id for
// its own.
func TestExternalIDOfAnotherType(t *testing.T) {
	t.Parallel()
	for serviceType, want := range map[string]string{"okta": "acme.okta.com", "custom": ""} {
		if got := idOf(identity.ServiceKey{Type: serviceType, ExternalID: "acme.okta.com"}, "okta"); got != want {
			t.Errorf("%s: %q, want %q", serviceType, got, want)
		}
	}
}
