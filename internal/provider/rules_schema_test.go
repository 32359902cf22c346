// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// ruleList builds a rules list as the framework hands it over. A nil rule is
// null, an empty one unknown.
func ruleList(t *testing.T, list ...map[string]any) types.List {
	t.Helper()
	object, ok := dataSourceRulesAttribute().NestedObject.Type().(types.ObjectType)
	if !ok {
		t.Fatal("rules are not objects")
	}
	elements := make([]attr.Value, len(list))
	for i, written := range list {
		switch {
		case written == nil:
			elements[i] = types.ObjectNull(object.AttrTypes)
			continue
		case len(written) == 0:
			elements[i] = types.ObjectUnknown(object.AttrTypes)
			continue
		}
		values := map[string]attr.Value{}
		for name := range object.AttrTypes {
			values[name] = ruleValue(name, written[name])
		}
		elements[i] = types.ObjectValueMust(object.AttrTypes, values)
	}
	return types.ListValueMust(object, elements)
}

func ruleValue(name string, v any) attr.Value {
	switch v := v.(type) {
	case map[string]string:
		elements := map[string]attr.Value{}
		for key, id := range v {
			elements[key] = types.StringValue(id)
			if id == unknown {
				elements[key] = types.StringUnknown()
			}
		}
		return types.MapValueMust(types.StringType, elements)
	case string:
		if v == unknown {
			return types.StringUnknown()
		}
		return types.StringValue(v)
	}
	if name == "identities" {
		return types.MapNull(types.StringType)
	}
	return types.StringNull()
}

func TestCompileRules_errors(t *testing.T) {
	t.Parallel()
	good := map[string]any{"name": "good", "service_type": "okta", "identity": "$0"}
	tests := map[string]struct {
		rules []map[string]any
		want  []string // path: words of the detail
	}{
		"bad pattern":    {[]map[string]any{good, {"name": "r", "service_type": "okta", "match": "(", "identity": "x"}}, []string{"rules[1].match: missing closing"}},
		"unknown group":  {[]map[string]any{{"name": "r", "service_type": "okta", "match": "x", "identity": "$1"}}, []string{"rules[0].identity: group"}},
		"bad expression": {[]map[string]any{{"name": "r", "service_type": "okta", "expression": "user.mail"}}, []string{"rules[0].expression: mail"}},
		"custom":         {[]map[string]any{{"name": "r", "service_type": "custom", "identity": "$0"}}, []string{"rules[0].service_type: fetch_remote_identity"}},
		"managed":        {[]map[string]any{{"name": "r", "service_type": "auth0", "identity": "$0"}}, []string{"rules[0].service_type: managed by Sym"}},
		"external id":    {[]map[string]any{{"name": "r", "service_type": "slack", "external_id": "acme", "identity": "$0"}}, []string{"rules[0].external_id: 'T'"}},
		"map key":        {[]map[string]any{{"name": "r", "service_type": "okta", "identities": map[string]string{"a b@c": "x"}}}, []string{`rules[0].identities["a b@c"]: is not an e-mail`}},
		"map value":      {[]map[string]any{{"name": "r", "service_type": "okta", "identities": map[string]string{"ada@acme.com": ""}}}, []string{`rules[0].identities["ada@acme.com"]: cannot be empty`}},
		"lookup e-mail":  {[]map[string]any{{"name": "r", "service_type": "okta", "match": ".*", "lookup_email": "nobody"}}, []string{"rules[0].lookup_email: not an e-mail"}},
		"two outcomes":   {[]map[string]any{{"name": "r", "service_type": "okta", "identity": "$0", "lookup_email": "$0"}}, []string{"rules[0]: identity and lookup_email"}},
		"no outcome":     {[]map[string]any{{"name": "r", "service_type": "okta", "match": ".*"}}, []string{"rules[0]: does not say what it gives"}},
		"same name":      {[]map[string]any{good, good}, []string{"rules[1].name: both named"}},
		"no name":        {[]map[string]any{{"service_type": "okta", "identity": "$0"}}, []string{"rules[0].name: needs a name"}},
		"no type":        {[]map[string]any{{"name": "r", "identity": "$0"}}, []string{`rules[0].service_type: "" is not a service type`}},
		"null rule":      {[]map[string]any{good, nil}, []string{"rules[1]: A rule is null"}},
		"all at once": {
			[]map[string]any{{"name": "", "service_type": "OKTA", "identity": "$0"}, {"name": "r", "service_type": "okta", "match": "(", "expression": "1"}},
			[]string{"rules[0].name: needs a name", "rules[0].service_type: is not a service type", "rules[1].match: missing closing", "rules[1].expression: int"},
		},
		"behind an unknown rule": {[]map[string]any{{}, {"name": "r", "service_type": "custom", "identity": "$0"}}, []string{"rules[1].service_type: fetch_remote_identity"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, diags := compileRules(t.Context(), ruleList(t, test.rules...), path.Root("rules"))
			if set != nil {
				t.Error("got a set in spite of errors")
			}
			for i, d := range diags {
				at, words, _ := strings.Cut(test.want[min(i, len(test.want)-1)], ": ")
				with, ok := d.(interface{ Path() path.Path })
				if !ok || with.Path().String() != at || d.Summary() != "Invalid Reducer Rule" || !strings.Contains(d.Detail(), words) {
					t.Errorf("got %v, want %s at %s", d, words, at)
				}
			}
			if len(diags) != len(test.want) {
				t.Errorf("got %d diagnostics, want %d: %v", len(diags), len(test.want), diags)
			}
		})
	}
}

func TestCompileRules_unknown(t *testing.T) {
	t.Parallel()
	good := map[string]any{"name": "good", "service_type": "okta", "identity": "$0"}
	for name, list := range map[string]types.List{
		"list":      types.ListUnknown(dataSourceRulesAttribute().NestedObject.Type()),
		"rule":      ruleList(t, good, map[string]any{}),
		"attribute": ruleList(t, good, map[string]any{"name": "r", "service_type": "okta", "identity": unknown}),
		"map value": ruleList(t, good, map[string]any{"name": "r", "service_type": "okta", "identities": map[string]string{"ada@acme.com": unknown}}),
	} {
		if set, diags := compileRules(t.Context(), list, path.Root("rules")); set != nil || len(diags) > 0 {
			t.Errorf("%s: got %v and %v", name, set, diags)
		}
	}
}

func TestCompileRules_works(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]types.List{
		"null":  types.ListNull(dataSourceRulesAttribute().NestedObject.Type()),
		"empty": ruleList(t),
	} {
		if set, diags := compileRules(t.Context(), list, path.Root("rules")); set.Len() != 0 || len(diags) > 0 {
			t.Errorf("%s: got %d rules and %v", name, set.Len(), diags)
		}
	}
	set, diags := compileRules(t.Context(), ruleList(t,
		map[string]any{"name": "people", "service_type": "okta", "identities": map[string]string{" Ada@ACME.com ": "00u1"}},
		map[string]any{"name": "all", "service_type": "okta", "external_id": "acme.okta.com", "match": `(\w+)@acme\.com`, "identity": "$1"},
	), path.Root("rules"))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	for user, want := range map[string]rules.Result{
		"ada@acme.com": {Identity: "00u1", Rule: "people"},
		"bob@acme.com": {Identity: "bob", Rule: "all"},
	} {
		got, err := set.Evaluate(rules.Subject{Key: mustUser(user)}, mustService("okta:acme.okta.com"))
		if err != nil || got != want {
			t.Errorf("%s: got %v and %v", user, got, err)
		}
	}
}

func TestRuleAttributes_areTheSameEverywhere(t *testing.T) {
	t.Parallel()
	inProvider, inDataSource := providerRulesAttribute(), dataSourceRulesAttribute()
	if !inProvider.GetType().Equal(inDataSource.GetType()) {
		t.Errorf("provider %s, data source %s", inProvider.GetType(), inDataSource.GetType())
	}
	for name, a := range inDataSource.NestedObject.Attributes {
		if a.IsRequired() || a.GetMarkdownDescription() == "" {
			t.Errorf("%s: required %t, prose %q", name, a.IsRequired(), a.GetMarkdownDescription())
		}
	}
}

// Validation warns of rules that hold for more people, or for another service, than
// they seem to. Nothing else repeats it.
func TestCompileRules_warnings(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	list := []any{
		map[string]any{"name": "ok", "service_type": "okta", "match": `.*@acme\.com`, "identity": "$0"},
		map[string]any{"name": "loose", "service_type": "okta", "match": ".*@acme.com", "identity": "$0"},
		map[string]any{"name": "okat", "service_type": "okat", "match": ".*@(acme.com|acme.org)", "identity": "$0"},
	}
	loose := `WARNING AttributeName("rules"): Unescaped Dot in a Domain … rules[1] (loose), match: … match = ".*@acme\\.com" … rules[2] (okat), match: … match = ".*@(acme\\.com|acme\\.org)"`
	unknownType := `"service_type"): Service Type Is Not a Known One | rules[2].service_type: "okat" is not a known service type, but "okta" is. … service_type = "okta"`
	p := newProtocolServer(t, nil, nil)
	wantDiagnostics(t, p.validateProvider(s.settings(map[string]any{"rules": list})), loose, unknownType)
	wantDiagnostics(t, p.configure(s.settings(map[string]any{"rules": list})))
	for source, config := range map[string]map[string]any{
		"sym_resolved_identity": resolveConfig("ada@acme.com", testOkta, map[string]any{"rules": list}),
		resolvedMany:            bulkOf([]string{"ada@acme.com"}, []string{testOkta}, map[string]any{"rules": list}),
	} {
		wantDiagnostics(t, p.validateData(source, config), loose, unknownType)
		_, diags := p.readData(source, config)
		wantDiagnostics(t, diags)
	}
	for _, typeName := range []string{"sym_identity", "sym_identities", "sym_service"} {
		config := map[string]any{"service_type": "okat", "external_id": "acme.okta.com"}
		switch typeName {
		case "sym_identity":
			config["user"], config["identity"] = "ada@acme.com", "00u1"
		case "sym_identities":
			config["identities"] = map[string]any{"ada@acme.com": "00u1"}
		}
		wantDiagnostics(t, p.validate(typeName, config), `WARNING AttributeName("service_type"): Service Type Is Not a Known One | "okat" is not`)
		config["service_type"] = "jira"
		wantDiagnostics(t, p.validate(typeName, config))
	}
}

// TestCompileRules_place: the CLI shows the attribute rules alone, so that the
// text says which rule is wrong and where.
func TestCompileRules_place(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	rule := func(name string, more map[string]any) map[string]any {
		more["name"], more["service_type"] = name, "github"
		return more
	}
	wantDiagnostics(t, p.validateProvider(map[string]any{"rules": []any{
		rule("ok", map[string]any{"identity": "$0"}),
		rule("gh", map[string]any{"match": "(", "identity": "x"}),
	}}), `Invalid Reducer Rule | rules[1] (gh), match: `)
	wantDiagnostics(t, p.validateData(resolvedMany, bulkOf([]string{"nora@acme.example"}, []string{testOkta}, map[string]any{
		"declared": map[string]any{testOkta: map[string]any{"ada@acme.example": "00u1", "nora@acme.example": nil}},
	})), `Invalid Identity | declared["okta:acme.okta.com"]["nora@acme.example"]: `)
}
