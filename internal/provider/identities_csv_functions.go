// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// NewIdentitiesFromCSVFunction returns provider::sym::identities_from_csv, which
// reads a symflow export.
func NewIdentitiesFromCSVFunction() function.Function {
	return &providerFunction{name: "identities_from_csv", run: identitiesFromCSV, definition: function.Definition{
		Summary: "Read identities from a symflow CSV file",
		MarkdownDescription: "Reads the CSV that `symflow users list-identities -o` writes and `symflow users update` edits. " +
			"The result maps service key to user to identity, like `by_service` of `sym_resolved_identities`. Every service column is a key, even if nobody has an identity in it. A blank cell is no identity. Users keep their spelling.\n\n" +
			"The header names the columns: `sym:cloud` (or `email`, its oldest name) is the user, `User ID` is ignored, and all others are service keys. " +
			"Cells are separated by `,`, `;` or tabs, and quoted with `\"` or backticks. A cell is the identity as plain text. In columns of service types that symflow does not know (`scim`, `ldap`, …), it may be a matcher in JSON. A matcher with only the type's own key is read as that identity; any other is an error. " +
			"One error lists all problems of the file with line and column.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "text", MarkdownDescription: "The text of the CSV file, for example from `file(\"identities.csv\")`."},
		},
		Return: function.MapReturn{ElementType: identityMapType},
	}}
}

func identitiesFromCSV(ctx context.Context, args function.ArgumentsData) (attr.Value, *function.FuncError) {
	var text string
	if failed := args.Get(ctx, &text); failed != nil {
		return nil, failed
	}
	parsed, err := symcsv.Parse(text)
	if err != nil {
		return nil, badArgument(0, err)
	}
	return nestedMap(parsed), nil
}

// NewIdentitiesToCSVFunction returns provider::sym::identities_to_csv, the
// reverse.
func NewIdentitiesToCSVFunction() function.Function {
	return &providerFunction{name: "identities_to_csv", run: identitiesToCSV, definition: function.Definition{
		Summary: "Write identities as a symflow CSV file",
		MarkdownDescription: "Writes a map of service key to user to identity, such as `by_service` of `sym_resolved_identities`, as CSV in the layout of `symflow users list-identities -o`: " +
			"the column `sym:cloud` with the users, then one column per service key; one row per user. Columns and rows are sorted, so the text changes only with the identities. A cell that a spreadsheet would execute (`=`, `+`, `-` or `@` comes first) starts with an apostrophe. `identities_from_csv` reads it back.\n\n" +
			"There is no `User ID` column. Do not save the text in the editor that `symflow users update` opens, because a missing row there deletes the user.",
		Parameters: []function.Parameter{
			function.MapParameter{
				Name: "identities", ElementType: identityMapType,
				MarkdownDescription: "Service key to user to identity. A null or empty identity gives a blank cell, and a null map a column of blank cells. A user without any identity gets no row.",
			},
		},
		Return: function.StringReturn{},
	}}
}

func identitiesToCSV(ctx context.Context, args function.ArgumentsData) (attr.Value, *function.FuncError) {
	var argument types.Map
	if failed := args.Get(ctx, &argument); failed != nil {
		return nil, failed
	}
	identities, known := plainIdentities(argument)
	if !known {
		return types.StringUnknown(), nil
	}
	text, err := symcsv.Render(identities)
	if err != nil {
		return nil, badArgument(0, err)
	}
	return types.StringValue(text), nil
}

// plainIdentities returns the argument as Go maps, with "" for null. It reads
// the values one by one: for many people the framework's reflection would take
// longer than the rest. ok is false where anything is unknown, which some CLIs
// let through.
func plainIdentities(argument types.Map) (identities map[string]map[string]string, ok bool) {
	services := make(map[string]map[string]string, len(argument.Elements()))
	for service, value := range argument.Elements() {
		users, isMap := value.(types.Map)
		of, known := matcherOf(users)
		if !isMap || !known || users.IsUnknown() {
			return nil, false
		}
		services[service] = of
	}
	return services, true
}
