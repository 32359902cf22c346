// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", rules.MaxTextBytes+1)
	tests := map[string]struct {
		rule rules.Rule
		want rules.Error // Message and Hint: parts that must be there
	}{
		"no name":             {rules.Rule{Name: " ", ServiceType: "okta", Identity: new("$0")}, rules.Error{Attribute: "name", Message: "needs a name"}},
		"spaced name":         {rules.Rule{Name: " a", ServiceType: "okta", Identity: new("$0")}, rules.Error{Attribute: "name", Message: `" a" starts with a space`}},
		"invisible name":      {rules.Rule{Name: "a\u200bb", ServiceType: "okta", Identity: new("$0")}, rules.Error{Attribute: "name", Message: "invisible character U+200B"}},
		"long name":           {rules.Rule{Name: strings.Repeat("n", 256), ServiceType: "okta", Identity: new("$0")}, rules.Error{Attribute: "name", Message: "256 bytes long", Hint: "at most 255"}},
		"no type":             {rules.Rule{Name: "a", Identity: new("$0")}, rules.Error{Attribute: "service_type", Message: `"" is not a service type`}},
		"malformed type":      {rules.Rule{Name: "a", ServiceType: "Okta", Identity: new("$0")}, rules.Error{Attribute: "service_type", Message: `"Okta" is not a service type`}},
		"custom":              {rules.Rule{Name: "a", ServiceType: "custom", Identity: new("$0")}, rules.Error{Attribute: "service_type", Message: "fetch_remote_identity"}},
		"custom with id":      {rules.Rule{Name: "a", ServiceType: "custom", ExternalID: new("victorops"), Identity: new("$0")}, rules.Error{Attribute: "service_type", Message: "fetch_remote_identity"}},
		"sym":                 {rules.Rule{Name: "a", ServiceType: "sym", Identity: new("$0")}, rules.Error{Attribute: "service_type", Message: "cannot be given by rules: they are managed"}},
		"auth0":               {rules.Rule{Name: "a", ServiceType: "auth0", Identity: new("$0")}, rules.Error{Attribute: "service_type", Message: "managed"}},
		"slack workspace":     {rules.Rule{Name: "a", ServiceType: "slack", ExternalID: new("acme"), Identity: new("$0")}, rules.Error{Attribute: "external_id", Message: "The external ID 'acme' is invalid for service type 'slack'", Hint: "Must start with 'T'"}},
		"empty external id":   {rules.Rule{Name: "a", ServiceType: "okta", ExternalID: new(""), Identity: new("$0")}, rules.Error{Attribute: "external_id", Message: "The external ID '' is invalid", Hint: "not be empty"}},
		"nothing given":       {rules.Rule{Name: "a", ServiceType: "okta"}, rules.Error{Message: "does not say what it gives", Hint: "exactly one of identity, identities, expression and lookup_email"}},
		"two given":           {rules.Rule{Name: "a", ServiceType: "okta", Identity: new("$0"), LookupEmail: new("$0")}, rules.Error{Message: "the rule has identity and lookup_email", Hint: "exactly one"}},
		"all given":           {rules.Rule{Name: "a", ServiceType: "okta", Identity: new("$0"), Identities: map[string]string{}, Expression: new("user.email"), LookupEmail: new("$0")}, rules.Error{Message: "identity and identities and expression and lookup_email"}},
		"empty match":         {rules.Rule{Name: "a", ServiceType: "okta", Match: new(""), Identity: new("$0")}, rules.Error{Attribute: "match", Message: "match is empty"}},
		"spaced match":        {rules.Rule{Name: "a", ServiceType: "okta", Match: new(".*@acme.com "), Identity: new("$0")}, rules.Error{Attribute: "match", Message: "space"}},
		"invisible match":     {rules.Rule{Name: "a", ServiceType: "okta", Match: new("a\u200b.*"), Identity: new("$0")}, rules.Error{Attribute: "match", Message: "U+200B"}},
		"long match":          {rules.Rule{Name: "a", ServiceType: "okta", Match: &long, Identity: new("$0")}, rules.Error{Attribute: "match", Message: "8193 bytes", Hint: "8192"}},
		"Kelvin sign":         {rules.Rule{Name: "a", ServiceType: "okta", Match: new("\u212aim@.*"), Identity: new("$0")}, rules.Error{Attribute: "match", Message: "Kelvin sign"}},
		"open group":          {rules.Rule{Name: "a", ServiceType: "okta", Match: new("(.*@acme.com"), Identity: new("$0")}, rules.Error{Attribute: "match", Message: "missing closing )", Hint: "RE2"}},
		"closes our group":    {rules.Rule{Name: "a", ServiceType: "okta", Match: new("a)|(b"), Identity: new("$0")}, rules.Error{Attribute: "match", Message: "unexpected )"}},
		"look-ahead":          {rules.Rule{Name: "a", ServiceType: "okta", Match: new("(?=a).*"), Identity: new("$0")}, rules.Error{Attribute: "match", Message: "(?=", Hint: "no look-around"}},
		"open quotation":      {rules.Rule{Name: "a", ServiceType: "okta", Match: new(`\Qa.b@acme.com`), Identity: new("$0")}, rules.Error{Attribute: "match", Hint: `\E`}},
		"group local":         {rules.Rule{Name: "a", ServiceType: "okta", Match: new("(?P<local>.*)@acme.com"), Identity: new("${local}")}, rules.Error{Attribute: "match", Message: "the group local has the name of a part of the e-mail"}},
		"group domain":        {rules.Rule{Name: "a", ServiceType: "okta", Match: new(".*@(?<domain>.*)"), Identity: new("$0")}, rules.Error{Attribute: "match", Message: "the group domain"}},
		"group number":        {rules.Rule{Name: "a", ServiceType: "okta", Match: new("(.*)@(?P<1>.*)"), Identity: new("$1")}, rules.Error{Attribute: "match", Message: "two things"}},
		"empty template":      {rules.Rule{Name: "a", ServiceType: "okta", Identity: new("")}, rules.Error{Attribute: "identity", Message: "empty"}},
		"long template":       {rules.Rule{Name: "a", ServiceType: "okta", Identity: &long}, rules.Error{Attribute: "identity", Message: "8193 bytes"}},
		"unknown number":      {rules.Rule{Name: "a", ServiceType: "okta", Match: new("(.*)@(?P<unit>.*)"), Identity: new("$3")}, rules.Error{Attribute: "identity", Message: `"$3"`, Hint: "There are $0, ${local}, ${domain}, $1, $2 (${unit})."}},
		"number and digit":    {rules.Rule{Name: "a", ServiceType: "okta", Match: new("(.*)@.*"), Identity: new("$10")}, rules.Error{Attribute: "identity", Message: `"$10"`, Hint: "$${1}0 in Terraform"}},
		"leading zero":        {rules.Rule{Name: "a", ServiceType: "okta", Match: new("(.*)@.*"), Identity: new("$01")}, rules.Error{Attribute: "identity", Message: `"$01"`}},
		"huge number":         {rules.Rule{Name: "a", ServiceType: "okta", Match: new("(.*)@.*"), Identity: new("$99999999999999999999")}, rules.Error{Attribute: "identity", Message: "no such group"}},
		"unknown name":        {rules.Rule{Name: "a", ServiceType: "okta", Match: new("(.*)@.*"), Identity: new("${unit}")}, rules.Error{Attribute: "identity", Message: `"${unit}"`, Hint: "There are $0"}},
		"group without match": {rules.Rule{Name: "a", ServiceType: "okta", Identity: new("$1")}, rules.Error{Attribute: "identity", Message: "no match", Hint: "only $0, ${local} and ${domain}"}},
		"bare name":           {rules.Rule{Name: "a", ServiceType: "okta", Identity: new("$local")}, rules.Error{Attribute: "identity", Message: `"$local"`, Hint: "${local}"}},
		"dollar at the end":   {rules.Rule{Name: "a", ServiceType: "okta", Identity: new("$0$")}, rules.Error{Attribute: "identity", Message: "begins nothing", Hint: "$$"}},
		"open brace":          {rules.Rule{Name: "a", ServiceType: "okta", Identity: new("${local")}, rules.Error{Attribute: "identity", Message: "closing brace"}},
		"empty braces":        {rules.Rule{Name: "a", ServiceType: "okta", Identity: new("${}")}, rules.Error{Attribute: "identity", Message: "without a name"}},
		"constant":            {rules.Rule{Name: "a", ServiceType: "okta", Identity: new("00u1$$")}, rules.Error{Attribute: "identity", Message: "same account for everybody", Hint: "Add match"}},
		"constant lookup":     {rules.Rule{Name: "a", ServiceType: "okta", LookupEmail: new("it@acme.com")}, rules.Error{Attribute: "lookup_email", Message: "same account for everybody"}},
		"invalid constant":    {rules.Rule{Name: "a", ServiceType: "google", Match: new("a@acme.com"), Identity: new("jane")}, rules.Error{Attribute: "identity", Message: `"jane" is invalid for google:*`, Hint: "e-mail"}},
		"invalid lookup":      {rules.Rule{Name: "a", ServiceType: "okta", Match: new("a@acme.com"), LookupEmail: new("jane")}, rules.Error{Attribute: "lookup_email", Message: `"jane" is not an e-mail`}},
		"malformed lookup":    {rules.Rule{Name: "a", ServiceType: "okta", Match: new("a@acme.com"), LookupEmail: new("jane@")}, rules.Error{Attribute: "lookup_email", Message: `"jane@" is not an e-mail`}},
		"same people": {rules.Rule{Name: "a", ServiceType: "okta", Identities: map[string]string{"Jane@acme.com": "00u1", " jane@acme.com": "00u2"}},
			rules.Error{Attribute: "identities", Key: "Jane@acme.com", Message: `" jane@acme.com" and "Jane@acme.com" are the same user`}},
		"no such person": {rules.Rule{Name: "a", ServiceType: "okta", Identities: map[string]string{"jane doe": "00u1"}},
			rules.Error{Attribute: "identities", Key: "jane doe", Message: "neither an e-mail nor a username"}},
		"spaced value": {rules.Rule{Name: "a", ServiceType: "okta", Identities: map[string]string{"jane@acme.com": "00u1 "}},
			rules.Error{Attribute: "identities", Key: "jane@acme.com", Message: "space"}},
		"empty value": {rules.Rule{Name: "a", ServiceType: "okta", ExternalID: new("acme.okta.com"), Identities: map[string]string{"jane@acme.com": ""}},
			rules.Error{Attribute: "identities", Key: "jane@acme.com", Message: "cannot be empty"}},
		"value of another account": {rules.Rule{Name: "a", ServiceType: "aws_iam", ExternalID: new("111111111111"), Identities: map[string]string{"jane@acme.com": "arn:aws:iam::222222222222:user/jane"}},
			rules.Error{Attribute: "identities", Key: "jane@acme.com", Message: "invalid for aws_iam:111111111111", Hint: "222222222222"}},
		"value of no account": {rules.Rule{Name: "a", ServiceType: "aws_iam", Identities: map[string]string{"jane@acme.com": "jane"}},
			rules.Error{Attribute: "identities", Key: "jane@acme.com", Message: "invalid for aws_iam:*"}},
		"empty expression":  {rules.Rule{Name: "a", ServiceType: "okta", Expression: new(" ")}, rules.Error{Attribute: "expression", Message: "empty"}},
		"long expression":   {rules.Rule{Name: "a", ServiceType: "okta", Expression: &long}, rules.Error{Attribute: "expression", Message: "8193 bytes"}},
		"misspelled field":  {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("user.local == '' ?\n '' : user.emial")}, rules.Error{Attribute: "expression", Message: "undefined field 'emial' (line 2, column 11)", Hint: "user has email, local"}},
		"misspelled in has": {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("has(user.emial) ? user.email : ''")}, rules.Error{Attribute: "expression", Message: "undefined field 'emial'"}},
		"service field":     {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("user.email + service.id")}, rules.Error{Attribute: "expression", Message: "undefined field 'id'"}},
		"unknown variable":  {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("usr.email")}, rules.Error{Attribute: "expression", Message: "undeclared reference to 'usr'"}},
		"syntax":            {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("user.email +")}, rules.Error{Attribute: "expression", Message: "not valid CEL"}},
		"gives a boolean":   {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("user.email == 'a'")}, rules.Error{Attribute: "expression", Message: "type bool", Hint: `""`}},
		"gives an option":   {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("optional.of(size(user.email))")}, rules.Error{Attribute: "expression", Message: "int"}},
		"gives the user":    {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("user")}, rules.Error{Attribute: "expression", Message: "type rules.user"}},
		"bad regex":         {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("user.email.matches('(') ? 'a' : ''")}, rules.Error{Attribute: "expression", Message: "invalid matches argument (line 1, column 20)"}},
		"ignores the user":  {rules.Rule{Name: "a", ServiceType: "okta", Expression: new("service.external_id")}, rules.Error{Attribute: "expression", Message: "same account for everybody"}},
		"too deep":          {rules.Rule{Name: "a", ServiceType: "okta", Expression: new(strings.Repeat("(", 200) + "user.email" + strings.Repeat(")", 200))}, rules.Error{Attribute: "expression", Message: "recursion"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, errs := rules.Compile([]rules.Rule{test.rule})
			if len(errs) != 1 {
				t.Fatalf("got %d errors, want 1: %v", len(errs), errs)
			}
			if set != nil {
				t.Error("got a set besides the error")
			}
			got := *errs[0]
			if !strings.Contains(got.Message, test.want.Message) || !strings.Contains(got.Hint, test.want.Hint) {
				t.Errorf("got %q, hint %q\nwant parts %q and %q", got.Message, got.Hint, test.want.Message, test.want.Hint)
			}
			got.Message, got.Hint = test.want.Message, test.want.Hint
			test.want.Rule = test.rule.Name
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompileReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, errs := rules.Compile([]rules.Rule{
		{Name: "a", ServiceType: "Okta", Match: new("("), Identity: new("$1")},
		{Name: "b", ServiceType: "slack", ExternalID: new("acme"), Match: new("(.*)"), Identity: new("$2")},
		{Name: "fine", ServiceType: "okta", Identity: new("$0")},
		{Name: "a", ServiceType: "okta", Identities: map[string]string{"x y": "1", "jane@acme.com": " "}},
	})
	type at struct {
		Index          int
		Attribute, Key string
	}
	var got []at
	for _, e := range errs {
		got = append(got, at{e.Index, e.Attribute, e.Key})
	}
	want := []at{
		{0, "service_type", ""},
		{0, "match", ""}, // and not identity: its groups are not known
		{1, "external_id", ""},
		{1, "identity", ""},
		{3, "name", ""},
		{3, "identities", "jane@acme.com"},
		{3, "identities", "x y"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	_, errs := rules.Compile([]rules.Rule{
		{Name: "people", ServiceType: "okta", Identity: new("$0")},
		{Name: "people", ServiceType: "okta", Identities: map[string]string{"jane@acme.com": "00u1 "}},
	})
	var got []string
	for _, e := range errs {
		got = append(got, e.Error())
	}
	want := []string{
		`rules[1] (people), name: rules[0] and rules[1] are both named "people". Give each rule a name of its own.`,
		`rules[1] (people), identities["jane@acme.com"]: The identity "00u1 " for okta:* ends with a space. Remove it.`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompileAccepts(t *testing.T) {
	t.Parallel()
	tests := map[string]rules.Rule{
		"constant for those who match":   {Name: "a", ServiceType: "okta", Match: new("jane@acme.com"), Identity: new("00u1")},
		"ARN of any account":             {Name: "a", ServiceType: "aws_iam", Identities: map[string]string{"jane@acme.com": "arn:aws:iam::111111111111:user/jane"}},
		"empty map":                      {Name: "a", ServiceType: "okta", Identities: map[string]string{}},
		"type that is not in the table":  {Name: "a", ServiceType: "gitlab", ExternalID: new("gitlab.acme.com"), Identity: new("${local}")},
		"expression for those who match": {Name: "a", ServiceType: "okta", Match: new(".*@acme.com"), Expression: new("service.key")},
		"dynamic expression":             {Name: "a", ServiceType: "okta", Expression: new("dyn(user.email)")},
	}
	for name, rule := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, errs := rules.Compile([]rules.Rule{rule})
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if set.Len() != 1 {
				t.Errorf("got %d rules", set.Len())
			}
		})
	}
}
