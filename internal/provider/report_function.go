// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/report"
)

var _ function.Function = (*reportFunction)(nil)

// NewReportFunction returns provider::sym::report, which renders what
// sym_resolved_identities found for people who would rather look.
func NewReportFunction() function.Function { return &reportFunction{} }

type reportFunction struct{}

func (*reportFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "report"
}

func (*reportFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
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
	}
}

func (*reportFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var argument types.Dynamic
	var format string
	if resp.Error = req.Arguments.Get(ctx, &argument, &format); resp.Error != nil {
		return
	}
	render, ok := map[string]func(report.Result) (string, error){
		"html":     report.HTML,
		"markdown": func(r report.Result) (string, error) { return report.Markdown(r), nil },
		"csv":      func(r report.Result) (string, error) { return report.CSV(r), nil },
	}[format]
	if !ok {
		resp.Error = function.NewArgumentFuncError(1, fmt.Sprintf("The format is html, markdown or csv, not %q.", format))
		return
	}
	value, err := argument.ToTerraformValue(ctx)
	if err == nil && !value.IsFullyKnown() {
		resp.Error = resp.Result.Set(ctx, types.StringUnknown())
		return
	}
	var result report.Result
	if err == nil {
		result, err = reportOf(value)
	}
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, openEnded(sentence(err.Error())))
		return
	}
	text, err := render(result)
	if err != nil {
		resp.Error = function.NewFuncError(openEnded(sentence(err.Error())))
		return
	}
	resp.Error = resp.Result.Set(ctx, types.StringValue(text))
}

// resolvedResult is the part of sym_resolved_identities that a report shows.
type resolvedResult struct {
	Services []struct {
		ServiceType string `json:"service_type"`
		ExternalID  string `json:"external_id"`
	} `json:"services"`
	Identities    map[string]map[string]string `json:"identities"`
	Exempt        map[string]map[string]string `json:"exempt"`
	CheckStale    bool                         `json:"check_stale"`
	ReportOrphans bool                         `json:"report_orphans"`
	UsersFrom     any                          `json:"users_from"`
	Unmapped      []struct {
		User       string `json:"user"`
		Service    string `json:"service"`
		Reason     string `json:"reason"`
		Candidates []struct {
			Identity string `json:"identity"`
			Name     string `json:"name"`
			Why      string `json:"why"`
		} `json:"candidates"`
	} `json:"unmapped"`
	Stale []struct {
		User    string `json:"user"`
		Service string `json:"service"`
		Stored  string `json:"stored"`
		Source  string `json:"stored_source"`
		Current string `json:"current"`
		Reason  string `json:"reason"`
	} `json:"stale"`
	Orphans []struct {
		Service   string   `json:"service"`
		Identity  string   `json:"identity"`
		AccountID string   `json:"account_id"`
		Name      string   `json:"name"`
		State     string   `json:"state"`
		Kind      string   `json:"kind"`
		Emails    []string `json:"emails"`
	} `json:"orphans"`
	Leavers []struct {
		User     string `json:"user"`
		Reason   string `json:"reason"`
		Mappings []struct {
			Service  string `json:"service"`
			Identity string `json:"identity"`
			Source   string `json:"source"`
		} `json:"mappings"`
	} `json:"leavers"`
	AccountCounts map[string]struct {
		Persons   int64 `json:"persons"`
		Held      int64 `json:"held"`
		Resolved  int64 `json:"resolved"`
		Orphans   int64 `json:"orphans"`
		Ambiguous int64 `json:"ambiguous"`
		Bots      int64 `json:"bots"`
		Guests    int64 `json:"guests"`
	} `json:"account_counts"`
}

const notResolved = "the first argument must be a whole data source sym_resolved_identities, such as data.sym_resolved_identities.company"

// reportOf reads the data source's value. Attributes that it does not have were not
// asked for.
func reportOf(value tftypes.Value) (report.Result, error) {
	decoded, err := plainValue(value)
	if err != nil {
		return report.Result{}, err
	}
	object, ok := decoded.(map[string]any)
	if !ok || object["identities"] == nil || object["services"] == nil {
		return report.Result{}, errors.New(notResolved)
	}
	text, err := json.Marshal(object)
	if err != nil {
		return report.Result{}, err
	}
	var from resolvedResult
	if err := json.Unmarshal(text, &from); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return report.Result{}, fmt.Errorf("%s; its attribute %s is a %s", notResolved, wrong.Field, wrong.Value)
		}
		return report.Result{}, fmt.Errorf("%s: %w", notResolved, err)
	}
	return from.report(), nil
}

func (from resolvedResult) report() report.Result {
	r := report.Result{People: slices.Collect(maps.Keys(from.Identities)), Mapped: map[string]map[string]string{}, Exempt: from.Exempt}
	for _, s := range from.Services {
		key := identity.ServiceKey{Type: s.ServiceType, ExternalID: s.ExternalID}.String()
		r.Services, r.Mapped[key] = append(r.Services, key), map[string]string{}
	}
	for user, identities := range from.Identities {
		for service, id := range identities {
			if r.Mapped[service] != nil {
				r.Mapped[service][user] = id
			}
		}
	}
	for _, u := range from.Unmapped {
		row := report.Unmapped{User: u.User, Service: u.Service, Reason: u.Reason}
		for _, c := range u.Candidates {
			row.Candidates = append(row.Candidates, report.Candidate(c))
		}
		r.Unmapped = append(r.Unmapped, row)
	}
	if from.CheckStale {
		r.Stale = []report.Stale{}
	}
	for _, s := range from.Stale {
		r.Stale = append(r.Stale, report.Stale(s))
	}
	if from.ReportOrphans {
		r.Orphans = []report.Orphan{}
	}
	for _, o := range from.Orphans {
		r.Orphans = append(r.Orphans, report.Orphan(o))
	}
	if from.UsersFrom != nil {
		r.Leavers = []report.Leaver{}
	}
	for _, l := range from.Leavers {
		row := report.Leaver{User: l.User, Reason: l.Reason}
		for _, m := range l.Mappings {
			row.Held = append(row.Held, report.Held(m))
		}
		r.Leavers = append(r.Leavers, row)
	}
	if len(from.AccountCounts) > 0 {
		r.Accounts = map[string]report.AccountCounts{}
	}
	for service, counts := range from.AccountCounts {
		r.Accounts[service] = report.AccountCounts(counts)
	}
	return r
}

// plainValue returns a known value as maps, slices, strings, numbers and booleans; nil
// for null.
func plainValue(value tftypes.Value) (any, error) {
	if value.IsNull() {
		return nil, nil
	}
	switch t := value.Type(); {
	case t.Is(tftypes.String):
		var s string
		err := value.As(&s)
		return s, err
	case t.Is(tftypes.Bool):
		var b bool
		err := value.As(&b)
		return b, err
	case t.Is(tftypes.Number):
		var n big.Float
		err := value.As(&n)
		return json.Number(n.Text('f', -1)), err
	case t.Is(tftypes.Object{}), t.Is(tftypes.Map{}):
		var values map[string]tftypes.Value
		if err := value.As(&values); err != nil {
			return nil, err
		}
		out := make(map[string]any, len(values))
		for name, v := range values {
			plain, err := plainValue(v)
			if err != nil {
				return nil, err
			}
			out[name] = plain
		}
		return out, nil
	}
	var values []tftypes.Value
	if err := value.As(&values); err != nil {
		return nil, err
	}
	out := make([]any, len(values))
	for i, v := range values {
		plain, err := plainValue(v)
		if err != nil {
			return nil, err
		}
		out[i] = plain
	}
	return out, nil
}
