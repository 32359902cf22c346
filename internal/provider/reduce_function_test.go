// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// dynamic builds a value as Terraform infers it from HCL: objects and tuples.
func dynamic(v any) tftypes.Value {
	switch v := v.(type) {
	case nil:
		return tftypes.NewValue(tftypes.DynamicPseudoType, nil)
	case bool:
		return tftypes.NewValue(tftypes.Bool, v)
	case int:
		return tftypes.NewValue(tftypes.Number, v)
	case string:
		if v == unknown {
			return tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
		}
		return tftypes.NewValue(tftypes.String, v)
	case map[string]any:
		t, values := tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}, map[string]tftypes.Value{}
		for name, e := range v {
			values[name] = dynamic(e)
			t.AttributeTypes[name] = values[name].Type()
		}
		return tftypes.NewValue(t, values)
	case []any:
		t, values := tftypes.Tuple{}, []tftypes.Value{}
		for _, e := range v {
			values = append(values, dynamic(e))
			t.ElementTypes = append(t.ElementTypes, values[len(values)-1].Type())
		}
		return tftypes.NewValue(t, values)
	case tftypes.Value:
		return v
	}
	panic("no dynamic value")
}

type object = map[string]any

var oktaService = object{"service_type": "okta", "external_id": "acme.okta.com"}

func TestReduce(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	name := []any{object{"name": "r", "service_type": "okta", "match": `(\w+)@acme\.com`, "identity": "$1"}}
	expression := func(text string) []any {
		return []any{object{"name": "cel", "service_type": "okta", "expression": text}}
	}
	stringMap := tftypes.Map{ElementType: tftypes.String}
	tests := map[string]struct {
		rules, user, service any
		want                 []any // identity, rule, lookup_email
	}{
		"hit":                {name, object{"email": " Ada@ACME.com "}, oktaService, []any{"ada", "r", nil}},
		"miss":               {name, object{"email": "ada@example.com"}, oktaService, []any{nil, nil, nil}},
		"another service":    {name, object{"email": "ada@acme.com"}, object{"service_type": "github", "external_id": "acme"}, []any{nil, nil, nil}},
		"null rules":         {nil, object{"email": "ada@acme.com"}, oktaService, []any{nil, nil, nil}},
		"typed null rules":   {tftypes.NewValue(tftypes.List{ElementType: tftypes.Object{}}, nil), object{"email": "ada@acme.com"}, oktaService, []any{nil, nil, nil}},
		"empty tuple":        {[]any{}, object{"email": "ada@acme.com"}, oktaService, []any{nil, nil, nil}},
		"empty list":         {tftypes.NewValue(tftypes.List{ElementType: stringMap}, []tftypes.Value{}), object{"email": "ada@acme.com"}, oktaService, []any{nil, nil, nil}},
		"custom has none":    {name, object{"email": "ada@acme.com"}, object{"service_type": "custom", "external_id": "x"}, []any{nil, nil, nil}},
		"null attributes":    {[]any{object{"name": "r", "service_type": "okta", "external_id": nil, "match": nil, "identity": nil, "identities": nil, "expression": nil, "lookup_email": "$0"}}, object{"email": "ada@acme.com", "username": nil, "role": nil, "identities": nil}, oktaService, []any{nil, "r", "ada@acme.com"}},
		"a tuple of unlikes": {append([]any{object{"name": "l", "service_type": "okta", "lookup_email": "x-$0"}}, name...), object{"email": "ada@acme.com"}, oktaService, []any{"ada", "r", "x-ada@acme.com"}},
		"identities": {
			[]any{object{"name": "people", "service_type": "okta", "identities": object{"ada@acme.com": "00u1", "bob@acme.com": nil}}},
			object{"email": "ada@acme.com"}, oktaService, []any{"00u1", "people", nil},
		},
		"a list of maps": {
			tftypes.NewValue(tftypes.List{ElementType: stringMap}, []tftypes.Value{tftypes.NewValue(stringMap, map[string]tftypes.Value{
				"name": dynamic("m"), "service_type": dynamic("okta"), "identity": dynamic("$0"),
			})}),
			tftypes.NewValue(stringMap, map[string]tftypes.Value{"email": dynamic("ada@acme.com")}), oktaService, []any{"ada@acme.com", "m", nil},
		},
		"user fields": {
			expression(`[user.email, user.local, user.domain, user.username, user.type, user.role, user.first_name, user.last_name, user.identities["github:acme"]].join("|")`),
			object{
				"email": "ada@acme.com", "local": "ada", "domain": "acme.com", "username": "", "type": "normal", "role": "admin",
				"first_name": "Ada", "last_name": "Lovelace", "identities": object{"github:acme": "ada-l"},
			},
			oktaService, []any{"ada@acme.com|ada|acme.com||normal|admin|Ada|Lovelace|ada-l", "cel", nil},
		},
		"bot": {
			expression(`user.type + "-" + user.username + "-" + user.email`),
			object{"username": "deploy-bot"}, oktaService, []any{"bot-deploy-bot-", "cel", nil},
		},
		"match skips bots": {name, object{"username": "deploy-bot"}, oktaService, []any{nil, nil, nil}},
		"service fields":   {expression(`service.key + user.email.substring(0, 0)`), object{"email": "ada@acme.com"}, oktaService, []any{"okta:acme.okta.com", "cel", nil}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, failed := p.call("reduce", dynamic(test.rules), dynamic(test.user), dynamic(test.service))
			if failed != nil {
				t.Fatalf("%+v: %s", failed.FunctionArgument, failed.Text)
			}
			want := object{"identity": test.want[0], "rule": test.want[1], "lookup_email": test.want[2]}
			if diff := cmp.Diff(any(want), fromTerraform(result)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReduce_errors(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	good := []any{object{"name": "r", "service_type": "okta", "identity": "$0"}}
	ada := object{"email": "ada@acme.com"}
	tests := map[string]struct {
		rules, user, service any
		argument             int64 // -1: none is at fault
		want                 string
	}{
		"rules are a string":   {"r", ada, oktaService, 0, "The rules must be a list of objects"},
		"rules are one object": {object{"name": "r"}, ada, oktaService, 0, "The rules must be a list of objects"},
		"a rule is a string":   {[]any{"r"}, ada, oktaService, 0, "rules[0]: it must be an object with attributes among name, service_type,"},
		"a rule is null":       {[]any{nil}, ada, oktaService, 0, "rules[0]: it must be an object"},
		"misspelled":           {[]any{object{"name": "r", "service_type": "okta", "idenity": "$0"}}, ada, oktaService, 0, `rules[0]: it has an unknown attribute "idenity"; allowed are name,`},
		"another type":         {[]any{object{"name": "r", "service_type": "okta", "identity": true}}, ada, oktaService, 0, `rules[0]: its attribute "identity" must be a string`},
		"identities":           {[]any{object{"name": "r", "service_type": "okta", "identities": "x"}}, ada, oktaService, 0, `rules[0]: its attribute "identities" must be a map of strings`},
		"an identity":          {[]any{object{"name": "r", "service_type": "okta", "identities": object{"ada@acme.com": true}}}, ada, oktaService, 0, `must be a map of strings`},
		"all bad rules": {
			[]any{object{"name": "a", "service_type": "okta", "match": "(", "identity": "x"}, object{"name": "b", "service_type": "custom", "identity": "$0"}}, ada, oktaService, 0,
			"\nrules[1] (b), service_type: rules are not used for custom services",
		},
		"a rule that fails": {
			[]any{object{"name": "cel", "service_type": "okta", "expression": `user.identities["x"]`}}, ada, oktaService, -1,
			`Rule "cel" failed for ada@acme.com in okta:acme.okta.com: `,
		},
		"what a rule gives is no identity": {
			[]any{object{"name": "r", "service_type": "aws_iam", "identity": "$0"}}, ada, object{"service_type": "aws_iam", "external_id": "123456789012"}, -1,
			`Rule "r" failed for ada@acme.com in aws_iam:123456789012: it gave "ada@acme.com"`,
		},
		"null user":           {good, nil, oktaService, 1, ""},
		"user is an e-mail":   {good, "ada@acme.com", oktaService, 1, "It must be an object with attributes among email,"},
		"user field":          {good, object{"mail": "ada@acme.com"}, oktaService, 1, `It has an unknown attribute "mail"`},
		"nobody":              {good, object{"email": nil}, oktaService, 1, "The user has neither email nor username"},
		"both":                {good, object{"email": "ada@acme.com", "username": "ada"}, oktaService, 1, "The user has both email and username: a person is known by email, a bot by username"},
		"bad e-mail":          {good, object{"email": "a b@acme.com"}, oktaService, 1, "is not an e-mail"},
		"no e-mail":           {good, object{"email": "ada"}, oktaService, 1, "The user's email is no e-mail: ada"},
		"username is e-mail":  {good, object{"username": "ada@acme.com"}, oktaService, 1, "The user's username is an e-mail: give it as email"},
		"another domain":      {good, object{"email": "ada@acme.com", "domain": "example.com"}, oktaService, 1, "are not those of its email"},
		"bad type":            {good, object{"email": "ada@acme.com", "type": "robot"}, oktaService, 1, "The user's type must be normal or bot"},
		"bad role":            {good, object{"email": "ada@acme.com", "role": "root"}, oktaService, 1, "The user's role must be admin, member or guest"},
		"bad identities":      {good, object{"email": "ada@acme.com", "identities": "x"}, oktaService, 1, `Its attribute "identities" must be a map of strings`},
		"unknown inside":      {good, object{"email": unknown}, oktaService, 1, `Its attribute "email" must be a string`},
		"null service":        {good, ada, nil, 2, ""},
		"service is a key":    {good, ada, "okta:acme.okta.com", 2, "It must be an object with attributes among service_type, external_id"},
		"bad service type":    {good, ada, object{"service_type": "Okta", "external_id": "x"}, 2, `"Okta" is not a service type`},
		"service type absent": {good, ada, object{"external_id": "x"}, 2, "is not a service type"},
		"bad external id":     {good, ada, object{"service_type": "slack", "external_id": "acme"}, 2, "The external ID 'acme' is invalid for service type 'slack'. Must start with 'T'"},
		"external id of rule": {[]any{object{"name": "r", "service_type": "okta", "external_id": "", "identity": "$0"}}, ada, oktaService, 0, "rules[0] (r), external_id: The external ID '' is invalid"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, failed := p.call("reduce", dynamic(test.rules), dynamic(test.user), dynamic(test.service))
			switch {
			case failed == nil:
				t.Fatal("no error")
			case !strings.Contains(failed.Text, test.want) || strings.Contains(failed.Text, "..") || strings.HasSuffix(failed.Text, "."):
				t.Errorf("got %s, want %s", failed.Text, test.want)
			case (failed.FunctionArgument == nil) != (test.argument < 0) || failed.FunctionArgument != nil && *failed.FunctionArgument != test.argument:
				t.Errorf("argument %v, want %d; %s", failed.FunctionArgument, test.argument, failed.Text)
			}
		})
	}
}
