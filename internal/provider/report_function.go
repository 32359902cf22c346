// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/report"
)

// NewReportFunction returns provider::sym::report, which renders what
// sym_resolved_identities found for people who would rather look.
func NewReportFunction() function.Function {
	return &providerFunction{name: "report", run: renderReport, definition: function.Definition{
		Summary: "Report who has which account",
		MarkdownDescription: "Renders the result of `sym_resolved_identities` as a text: `\"html\"` is one static page, `\"markdown\"` a comment for a pull request, `\"csv\"` a table with one row for each person and service. " +
			"It shows coverage by service, unmapped people with reasons and candidates, accounts that belong to nobody, people who left, stored identities that are out of date, and exemptions. Parts that are turned off in the data source have no section.\n\n" +
			"The HTML page loads nothing and runs no script, works in light and dark, and prints well. The comment stays below the 65,536 characters that GitHub accepts. If entries do not fit, it gives their number.\n\n" +
			"Write the page from an output, as below, or from `terraform console`. OpenTofu's console cannot call provider functions: put the call into a local value and [type its name](../guides/test-offline#in-the-console).",
		Parameters: []function.Parameter{
			function.DynamicParameter{Name: "result", MarkdownDescription: "The whole data source, such as `data.sym_resolved_identities.company`."},
			function.StringParameter{Name: "format", MarkdownDescription: "`html`, `markdown` or `csv`."},
		},
		Return: function.StringReturn{},
	}}
}

func renderReport(ctx context.Context, args function.ArgumentsData) (attr.Value, *function.FuncError) {
	var argument types.Dynamic
	var format string
	if failed := args.Get(ctx, &argument, &format); failed != nil {
		return nil, failed
	}
	render, ok := map[string]func(report.Result) (string, error){
		"html":     report.HTML,
		"markdown": func(r report.Result) (string, error) { return report.Markdown(r), nil },
		"csv":      func(r report.Result) (string, error) { return report.CSV(r), nil },
	}[format]
	if !ok {
		return nil, function.NewArgumentFuncError(1, fmt.Sprintf("The format is html, markdown or csv, not %q", format))
	}
	if value, err := argument.ToTerraformValue(ctx); err != nil || !value.IsFullyKnown() {
		return types.StringUnknown(), nil
	}
	result, err := reportOf(plainValue(argument))
	if err != nil {
		return nil, badArgument(0, err)
	}
	text, err := render(result)
	if err != nil {
		return nil, function.NewFuncError(openEnded(sentence(err.Error())))
	}
	return types.StringValue(text), nil
}

const notResolved = "the first argument must be a whole data source sym_resolved_identities, such as data.sym_resolved_identities.company"

// reportOf reads the data source's value. Attributes that it does not have were not
// asked for.
func reportOf(value any) (report.Result, error) {
	object, ok := value.(map[string]any)
	if !ok || object["identities"] == nil || object["services"] == nil {
		return report.Result{}, errors.New(notResolved)
	}
	text, err := json.Marshal(object)
	if err != nil {
		return report.Result{}, err
	}
	var from struct {
		Services []struct {
			ServiceType string `json:"service_type"`
			ExternalID  string `json:"external_id"`
		}
		Identities map[string]map[string]string
		UsersFrom  any `json:"users_from"`
	}
	var r report.Result
	if err := cmp.Or(json.Unmarshal(text, &from), json.Unmarshal(text, &r)); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return report.Result{}, fmt.Errorf("%s; its attribute %s is a %s", notResolved, strings.ToLower(wrong.Field), wrong.Value)
		}
		return report.Result{}, fmt.Errorf("%s: %w", notResolved, err)
	}
	r.People, r.Mapped = slices.Collect(maps.Keys(from.Identities)), map[string]map[string]string{}
	for _, s := range from.Services {
		key := identity.ServiceKey{Type: s.ServiceType, ExternalID: s.ExternalID}.String()
		r.Services, r.Mapped[key] = append(r.Services, key), map[string]string{}
	}
	asked := map[identity.UserKey]string{}
	for user, identities := range from.Identities {
		if key, err := identity.ParseUser(user); err == nil {
			asked[key] = user
		}
		for service, id := range identities {
			if r.Mapped[service] != nil {
				r.Mapped[service][user] = id
			}
		}
	}
	maps.DeleteFunc(r.Exempt, func(service string, people map[string]string) bool {
		maps.DeleteFunc(people, func(name, _ string) bool { // what exempt_count does not count
			key, _ := identity.ParseUser(name)
			user, known := asked[key]
			_, mapped := r.Mapped[service][user]
			return !known || mapped || r.Mapped[service] == nil
		})
		return len(people) == 0
	})
	if from.UsersFrom == nil && len(r.Leavers) == 0 {
		r.Leavers = nil // the data source has an empty list where they were not asked for
	}
	return r, nil
}
