// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const docs = "../../docs"

// TestDocs_pages wants a page for each type of the provider, and in each what
// people look for: an example, what a token must be allowed, what happens where
// nothing is found, limits and, for resources, import in all its forms.
func TestDocs_pages(t *testing.T) {
	t.Parallel()
	schema := newProtocolServer(t, nil, nil).schema
	always := []string{"## Example Usage", "## Permissions", "## When it is not found", "## Limits", "## Schema"}
	imported := append([]string{"## Import", "id = \"", "identity = {", "terraform import sym_"}, always...)
	for folder, pages := range map[string]struct {
		types    []string
		sections []string
	}{
		"resources":      {keysOf(schema.ResourceSchemas), imported},
		"data-sources":   {keysOf(schema.DataSourceSchemas), always},
		"list-resources": {keysOf(schema.ListResourceSchemas), always},
		"functions":      {keysOf(schema.Functions), []string{"## Example Usage", "## Signature", "## Arguments"}},
	} {
		var want []string
		for _, name := range pages.types {
			want = append(want, filepath.Join(docs, folder, strings.TrimPrefix(name, "sym_")+".md"))
		}
		got, err := filepath.Glob(filepath.Join(docs, folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: pages (-types +docs):\n%s", folder, diff)
			continue
		}
		for _, page := range got {
			text := readFile(t, page)
			for _, section := range pages.sections {
				if _, after, found := strings.Cut(text, "\n"+section+"\n\n"); strings.HasPrefix(section, "## ") && (!found || after == "" || strings.HasPrefix(after, "#")) && section != "## Schema" {
					t.Errorf("%s: %s is missing or empty", page, section)
				} else if !strings.Contains(text, section) {
					t.Errorf("%s lacks %q", page, section)
				}
			}
		}
	}
	index := readFile(t, filepath.Join(docs, "index.md"))
	for _, section := range []string{"Guides", "Example Usage", "Authentication", "In CI", "Network", "Versions", "Beside Sym's own provider", "Schema", "Rules"} {
		if !strings.Contains(index, "\n## "+section+"\n") {
			t.Errorf("the index page lacks %q", section)
		}
	}
}

// TestDocs_troubleshooting: each message of the page is one that the provider gives, and each line
// of the server's log is one that is written.
func TestDocs_troubleshooting(t *testing.T) {
	t.Parallel()
	page := readFile(t, filepath.Join(guides, "troubleshooting.md"))
	messages := regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(page, -1)
	for _, message := range messages {
		if _, known := inventory[message[1]]; !known {
			t.Errorf("no diagnostic is called %q", message[1])
		}
	}
	var sources strings.Builder
	for _, folder := range []string{"../../cmd/sym-identityd", "../server", "../identityd"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				sources.WriteString(readFile(t, file))
			}
		}
	}
	lines := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:info|warn|error) \\|").FindAllStringSubmatch(page, -1)
	for _, line := range lines {
		if !strings.Contains(sources.String(), `"`+line[1]) {
			t.Errorf("the server does not log %q", line[1])
		}
	}
	if len(messages) != 13 || len(lines) < 10 {
		t.Errorf("the page has %d messages and %d lines of the log", len(messages), len(lines))
	}
}

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
