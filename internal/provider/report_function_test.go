// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func formatted(format string) tftypes.Value { return tftypes.NewValue(tftypes.String, format) }

// What the data source reads is what the report shows.
func TestReport(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, withDirectory(testGitHub, directoryOf("ada@acme.com", "ada-l"))).register(testGitHub, testOkta)
	s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
	p := newProtocolServer(t, nil, s.settings())
	config := bulkOf([]string{"Ada@acme.com", "bob@acme.com"}, []string{testGitHub, testOkta}, ignoring)
	state, diags := p.readData(resolvedMany, config)
	wantDiagnostics(t, diags)
	value := toTerraform(p.dataSource(resolvedMany).ValueType(), state)
	for format, wants := range map[string][]string{
		"html":     {"<title>", "<bdi>bob@acme.com</bdi>", "not_found", ">50<"},
		"markdown": {"**1 of 2 people**", "| `bob@acme.com` | `github:acme` | `not_found` |", "| `github:acme` | 50 % | 1 | 1 | 0 |"},
		"csv":      {"mapped,okta:acme.okta.com,Ada@acme.com,00u1,", "unmapped,github:acme,bob@acme.com,,not_found"},
	} {
		got, failed := p.call("report", value, formatted(format))
		if failed != nil {
			t.Errorf("%s: %s", format, failed.Text)
			continue
		}
		var text string
		p.must(got.As(&text))
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in:\n%s", format, want, text)
			}
		}
		for _, absent := range []string{"Orphans", "accounts of nobody", "People who left", "out of date"} {
			if strings.Contains(text, absent) {
				t.Errorf("%s: %q, though it was not asked for", format, absent)
			}
		}
	}
}

// A list that was asked for and is empty is shown as such.
func TestReport_asked(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	result := object{"services": []any{oktaService}, "identities": object{"ada@acme.com": object{"okta:acme.okta.com": "00u1"}},
		"users_from": oktaService, "leavers": []any{}, "report_orphans": true, "orphans": []any{}, "check_stale": true, "stale": []any{},
		"account_counts": object{"okta:acme.okta.com": object{"persons": 3, "held": 1, "resolved": 0, "orphans": 2, "ambiguous": 0, "bots": 0, "guests": 0}}}
	got, failed := p.call("report", dynamic(result), formatted("html"))
	if failed != nil {
		t.Fatal(failed.Text)
	}
	var text string
	p.must(got.As(&text))
	for _, want := range []string{"Nobody who left holds an account.", "No account is without a person.", "<p>None.</p>", `<td class="n">3</td><td class="n">1</td>`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

// Only exemptions that exempt_count counts are shown: of users who were asked for, and
// have no account.
func TestReport_exempt(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	result := object{"services": []any{oktaService}, "identities": object{"ada@acme.com": object{"okta:acme.okta.com": "00u1"}, "Bob@acme.com": object{}}, "exempt": object{
		"okta:acme.okta.com": object{"ada@acme.com": "old", "bob@acme.com": "none", "eve@acme.com": "not asked"}, "github:acme": object{"bob@acme.com": "nor this"},
	}}
	for format, want := range map[string]string{"markdown": "| `okta:acme.okta.com` | 100 % | 1 | 0 | 1 |", "csv": "00u1,,,,,,\nexempt,okta:acme.okta.com,bob@acme.com,,none,,,,,\n"} {
		got, failed := p.call("report", dynamic(result), formatted(format))
		if failed != nil {
			t.Fatal(failed.Text)
		}
		var text string
		p.must(got.As(&text))
		if !strings.HasSuffix(strings.TrimSpace(text), strings.TrimSpace(want)) {
			t.Errorf("no %q at the end of:\n%s", want, text)
		}
	}
}

// People who left are shown also where a part of the result does not say who asked.
func TestReport_leavers(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	result := object{"services": []any{oktaService}, "identities": object{}, "leavers": []any{object{
		"user": "zed@acme.com", "reason": "inactive", "mappings": []any{object{"service": "github:acme", "identity": "zed-l", "source": "store"}},
	}}}
	got, failed := p.call("report", dynamic(result), formatted("csv"))
	if failed != nil {
		t.Fatal(failed.Text)
	}
	var text string
	p.must(got.As(&text))
	if want := "left,github:acme,zed@acme.com,zed-l,inactive"; !strings.Contains(text, want) {
		t.Errorf("no %q in:\n%s", want, text)
	}
}

func TestReport_refuses(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	whole := object{"services": []any{oktaService}, "identities": object{}}
	for name, test := range map[string]struct {
		result   any
		format   string
		argument int64
		want     string
	}{
		"a format":       {whole, "pdf", 1, `The format is html, markdown or csv, not "pdf"`},
		"a part":         {object{"ada@acme.com": object{"okta:x": "00u1"}}, "html", 0, "whole data source"},
		"a text":         {"x", "html", 0, "whole data source"},
		"null":           {nil, "html", 0, "whole data source"},
		"another shape":  {object{"services": []any{oktaService}, "identities": object{}, "unmapped": "x"}, "html", 0, "its attribute unmapped is a string"},
		"a nested shape": {object{"services": []any{oktaService}, "identities": object{}, "unmapped": []any{object{"user": 1}}}, "html", 0, "its attribute unmapped.user is a number"},
	} {
		_, failed := p.call("report", dynamic(test.result), formatted(test.format))
		if failed == nil || failed.FunctionArgument == nil || *failed.FunctionArgument != test.argument || !strings.Contains(failed.Text, test.want) || strings.HasSuffix(failed.Text, ".") {
			t.Errorf("%s: %+v, want argument %d: %q", name, failed, test.argument, test.want)
		}
	}
	unknownResult := object{"services": []any{oktaService}, "identities": tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, tftypes.UnknownValue)}
	if got, failed := p.call("report", dynamic(unknownResult), formatted("html")); failed != nil || got.IsKnown() {
		t.Errorf("of an unknown result: %v, %v", got, failed)
	}
}

// BenchmarkReport renders a company of 10,000 people in three services. 300 of them
// are unmapped and 500 accounts are of nobody. It goes through Terraform's protocol: 2 s and
// 5 MB are the limits.
func BenchmarkReport(b *testing.B) {
	srv := newTestProviderServer(nil)
	schema, err := srv.GetProviderSchema(b.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		b.Fatal(err)
	}
	result, err := tfprotov6.NewDynamicValue(tftypes.DynamicPseudoType, toTerraform(schema.DataSourceSchemas[resolvedMany].ValueType(), largeResult()))
	if err != nil {
		b.Fatal(err)
	}
	for _, format := range []string{"html", "markdown", "csv"} {
		b.Run(format, func(b *testing.B) {
			name, err := tfprotov6.NewDynamicValue(tftypes.String, formatted(format))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				resp, err := srv.CallFunction(b.Context(), &tfprotov6.CallFunctionRequest{Name: "report", Arguments: []*tfprotov6.DynamicValue{&result, &name}})
				if err != nil || resp.Error != nil {
					b.Fatal(err, resp.Error)
				}
				b.ReportMetric(float64(len(resp.Result.MsgPack)), "bytes")
			}
		})
	}
}

// largeResult is a whole sym_resolved_identities with all its attributes.
func largeResult() object {
	services := []string{"okta:acme.okta.com", "github:acme-engineering", "slack:T0123456789"}
	asked, identities, byService, counts, unmapped, orphans := []any{}, object{}, object{}, object{}, []any{}, []any{}
	for s, service := range services {
		kind, id, _ := strings.Cut(service, ":")
		asked = append(asked, object{"service_type": kind, "external_id": id})
		of := object{}
		for i := range 10_000 {
			person, account := fmt.Sprintf("person.number-%05d@engineering.acme.example", i), fmt.Sprintf("00u%05d", i)
			if s == 0 {
				identities[person] = object{}
			}
			if i%100 == s {
				unmapped = append(unmapped, object{"user": person, "service": service, "reason": "not_found", "candidates": []any{
					object{"identity": "p-" + account, "account_id": "1" + account, "name": "Person " + account, "why": "same_name"}}})
				continue
			}
			identities[person].(object)[service], of[person] = account, account
		}
		byService[service] = of
		counts[service] = object{"persons": 10_000, "held": 9_900, "resolved": 0, "orphans": 100, "ambiguous": 0, "bots": 0, "guests": 0}
	}
	for i := range 500 {
		orphans = append(orphans, object{"service": services[i%3], "identity": fmt.Sprintf("former-%05d", i), "account_id": fmt.Sprint(i),
			"emails": []any{fmt.Sprintf("former.%05d@acme.example", i)}, "name": fmt.Sprintf("Former Person %05d", i), "state": "inactive", "kind": "person"})
	}
	return object{"services": asked, "users_from": asked[0], "report_orphans": true, "identities": identities, "by_service": byService,
		"unmapped": unmapped, "orphans": orphans, "account_counts": counts, "leavers": []any{}, "hcl": strings.Repeat("resource \"sym_identity\" \"a\" {}\n", 300)}
}
