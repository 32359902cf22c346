// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build ignore

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

const (
	opentofu  = `{"format_version":"1.0","provider_schemas":{"registry.opentofu.org/sym-identity/sym":{"provider":{"version":0}}}}`
	terraform = `{"format_version":"1.0","provider_schemas":{"registry.terraform.io/hashicorp/null":{},"registry.terraform.io/sym-identity/sym":{"provider":{"version":0},"list_resource_schemas":{"sym_other":{}}}}}`
)

// TestRun wants the same from a CLI that knows nothing of list resources and
// from one that does.
func TestRun(t *testing.T) {
	t.Parallel()
	written := map[string]string{}
	for name, in := range map[string]string{"OpenTofu": opentofu, "Terraform": terraform} {
		var out strings.Builder
		if err := run(t.Context(), strings.NewReader(in), &out); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		written[name] = out.String()
	}
	if written["OpenTofu"] != written["Terraform"] {
		t.Errorf("the CLI makes a difference:\n%s\n%s", written["OpenTofu"], written["Terraform"])
	}
	var got struct {
		Schemas map[string]struct {
			Provider struct{ Version *int } `json:"provider"`
			Lists    map[string]struct {
				Block struct {
					Attributes map[string]struct {
						Type, Description string
						Kind              string `json:"description_kind"`
						Optional          bool
					}
					Description string
				}
			} `json:"list_resource_schemas"`
		} `json:"provider_schemas"`
	}
	if err := json.Unmarshal([]byte(written["OpenTofu"]), &got); err != nil {
		t.Fatal(err)
	}
	sym, ok := got.Schemas["sym"]
	if !ok || len(got.Schemas) != 1 || sym.Provider.Version == nil || len(sym.Lists) != 3 {
		t.Fatalf("the schemas are %+v", got.Schemas)
	}
	list := sym.Lists["sym_identity"].Block
	user := list.Attributes["user"]
	if list.Description == "" || user.Type != "string" || user.Description == "" || user.Kind != "markdown" || !user.Optional {
		t.Errorf("sym_identity is %+v", list)
	}
}

// TestRun_required: an attribute that the provider requires itself is required in the documentation.
func TestRun_required(t *testing.T) {
	t.Parallel()
	const in = `{"provider_schemas":{"x/sym-identity/sym":{"provider":{"attributes":{"rules":{"nested_type":{"attributes":{"name":{"description":"Required. Its name.","optional":true},"match":{"description":"A match.","optional":true}}}}}}}}}`
	const want = `"match":{"description":"A match.","optional":true},"name":{"description":"Its name.","required":true}`
	var out strings.Builder
	if err := run(t.Context(), strings.NewReader(in), &out); err != nil || !strings.Contains(out.String(), want) {
		t.Errorf("%v\n%.400s\nlacks %s", err, out.String(), want)
	}
}

func TestRun_otherInput(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":        "not what",
		`{"a":1}`: "no provider sym-identity/sym",
		`{"provider_schemas":{"registry.terraform.io/symopsio/sym":{}}}`: "no provider sym-identity/sym",
	} {
		if err := run(t.Context(), strings.NewReader(in), &strings.Builder{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", in, err, want)
		}
	}
}

// TestFromProtocol: what cannot be written is an error, never left out.
func TestFromProtocol(t *testing.T) {
	t.Parallel()
	for name, block := range map[string]*tfprotov6.SchemaBlock{
		"blocks":            {BlockTypes: []*tfprotov6.SchemaNestedBlock{{TypeName: "filter"}}},
		"nested attributes": {Attributes: []*tfprotov6.SchemaAttribute{{Name: "filter", NestedType: &tfprotov6.SchemaObject{}}}},
	} {
		if _, err := fromProtocol(&tfprotov6.Schema{Block: block}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
