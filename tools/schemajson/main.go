// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build ignore

// Command schemajson prepares the schema from which tfplugindocs writes the
// documentation. It reads the output of "terraform providers schema -json" and
// adds the schemas of list resources, which OpenTofu and Terraform before 1.14
// leave out. It names the provider by its short name, as tfplugindocs expects.
// An optional attribute whose description begins with "Required. " is shown as
// required: the provider checks it itself.
//
// scripts/generate runs it by its file name: it belongs to the root module,
// whose internal packages it imports, and not to the module in tools/.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/provider"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "schemajson: %s\n", err)
		os.Exit(1)
	}
}

// address ends the provider's source address on every registry; tfplugindocs
// gets shortName.
const (
	address   = "/sym-identity/sym"
	shortName = "sym"
	listKey   = "list_resource_schemas"
)

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	var written struct {
		FormatVersion string                    `json:"format_version"`
		Schemas       map[string]map[string]any `json:"provider_schemas"`
	}
	if err := json.NewDecoder(in).Decode(&written); err != nil {
		return fmt.Errorf("the standard input is not what \"providers schema -json\" writes: %w", err)
	}
	var ours map[string]any
	for name, schemas := range written.Schemas {
		if strings.HasSuffix(name, address) {
			ours = schemas
		}
	}
	if ours == nil {
		return fmt.Errorf("the standard input has no provider %s", strings.TrimPrefix(address, "/"))
	}
	// Always from the provider, so that the result is the same with every CLI.
	lists, err := listSchemas(ctx)
	if err != nil {
		return err
	}
	markRequired(ours)
	ours[listKey] = lists
	written.Schemas = map[string]map[string]any{shortName: ours}
	return json.NewEncoder(out).Encode(written)
}

// markRequired moves "Required. " from descriptions into the schema.
func markRequired(ours any) {
	switch value := ours.(type) {
	case []any:
		for _, v := range value {
			markRequired(v)
		}
	case map[string]any:
		for _, v := range value {
			markRequired(v)
		}
		text, _ := value["description"].(string)
		if rest, marked := strings.CutPrefix(text, "Required. "); marked {
			value["description"], value["required"] = rest, true
			delete(value, "optional")
		}
	}
}

// schema, block and attribute hold the part of Terraform's JSON that the
// provider's list resources need.
type (
	schema struct {
		Version int64 `json:"version"`
		Block   block `json:"block"`
	}
	block struct {
		Attributes      map[string]attribute `json:"attributes,omitempty"`
		Description     string               `json:"description,omitempty"`
		DescriptionKind string               `json:"description_kind"`
		Deprecated      bool                 `json:"deprecated,omitempty"`
	}
	attribute struct {
		Type            tftypes.Type `json:"type"`
		Description     string       `json:"description,omitempty"`
		DescriptionKind string       `json:"description_kind"`
		Deprecated      bool         `json:"deprecated,omitempty"`
		Required        bool         `json:"required,omitempty"`
		Optional        bool         `json:"optional,omitempty"`
	}
)

// listSchemas returns the schemas of the provider's list resources.
func listSchemas(ctx context.Context) (map[string]schema, error) {
	server := providerserver.NewProtocol6(provider.New("docs")())()
	resp, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	for _, d := range resp.Diagnostics {
		return nil, fmt.Errorf("the provider's schema: %s: %s", d.Summary, d.Detail)
	}
	if len(resp.ListResourceSchemas) == 0 {
		return nil, errors.New("the provider has no list resources")
	}
	schemas := map[string]schema{}
	for name, s := range resp.ListResourceSchemas {
		if schemas[name], err = fromProtocol(s); err != nil {
			return nil, fmt.Errorf("list resource %s: %w", name, err)
		}
	}
	return schemas, nil
}

func fromProtocol(s *tfprotov6.Schema) (schema, error) {
	if len(s.Block.BlockTypes) > 0 {
		return schema{}, errors.New("schemajson does not know how to write blocks; teach it")
	}
	b := block{
		Attributes: map[string]attribute{}, Description: s.Block.Description,
		DescriptionKind: kind(s.Block.DescriptionKind), Deprecated: s.Block.Deprecated,
	}
	for _, a := range s.Block.Attributes {
		if a.NestedType != nil {
			return schema{}, fmt.Errorf("attribute %s: schemajson does not know how to write nested attributes; teach it", a.Name)
		}
		b.Attributes[a.Name] = attribute{
			Type: a.Type, Description: a.Description, DescriptionKind: kind(a.DescriptionKind),
			Deprecated: a.Deprecated, Required: a.Required, Optional: a.Optional,
		}
	}
	return schema{Version: s.Version, Block: b}, nil
}

func kind(k tfprotov6.StringKind) string {
	if k == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}
