// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

var (
	okta = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	scim = identity.ServiceKey{Type: "scim", ExternalID: "acme"} // whose identities may be any text
)

func compile(t testing.TB, list ...rules.Rule) *rules.Set {
	t.Helper()
	set, errs := rules.Compile(list)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return set
}

func subject(t testing.TB, user string) rules.Subject {
	t.Helper()
	key, err := identity.ParseUser(user)
	if err != nil {
		t.Fatal(err)
	}
	return rules.Subject{Key: key, Type: key.Type()}
}

// TestTemplates evaluates one identity rule for one user of a SCIM service.
func TestTemplates(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		match, template, user string
		want                  string // "" is a miss
	}{
		"group":                        {`(\w+)\.(\w+)@acme\.com`, "$1-$2", "jane.doe@acme.com", "jane-doe"},
		"digits end the group":         {`(\w+)@.*`, "$1_acme", "jane@acme.com", "jane_acme"},
		"braced number":                {`(\w+)@.*`, "${1}0", "jane@acme.com", "jane0"},
		"two digits":                   {`(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)@.*`, "$10$1", "abcdefghij@acme.com", "ja"},
		"named group":                  {`(?P<first>\w+)\.(?<last>\w+)@.*`, "${last}.${first}.$1", "jane.doe@acme.com", "doe.jane.jane"},
		"e-mail and parts":             {`.*`, "$0|${local}|${domain}|${0}", "jane@acme.com", "jane@acme.com|jane|acme.com|jane@acme.com"},
		"parts without match":          {"", "${local}@${domain}", "jane@acme.com", "jane@acme.com"},
		"e-mail without match":         {"", "$0", "Jane@ACME.com", "jane@acme.com"},
		"dollar sign":                  {`(\w+)@.*`, "$$1$$$1", "jane@acme.com", "$1$jane"},
		"constant":                     {`jane@acme\.com`, "00u1", "jane@acme.com", "00u1"},
		"literal keeps its case":       {`(\w+)@.*`, "ACME-$1", "Jane@acme.com", "ACME-jane"},
		"whole e-mail, not the start":  {`jane`, "00u1", "jane@acme.com", ""},
		"whole e-mail, not the end":    {`jane@acme\.com`, "00u1", "not-jane@acme.com", ""},
		"alternatives are all whole":   {`jane@acme\.com|x`, "00u1", "jane@acme.com.example.com", ""},
		"lines are no way around":      {`(?m:^jane@acme\.com$)`, "00u1", "jane@acme.com", "00u1"},
		"upper case in the rule":       {`(JANE)@Acme\.com`, "$1", "jane@acme.com", "jane"},
		"upper case in the user":       {`(jane)@acme\.com`, "$1", "JANE@ACME.COM", "jane"},
		"Kelvin sign is not a k":       {`kim@acme\.com`, "00u1", "\u212aim@acme.com", ""},
		"long s is not an s":           {`sam@acme\.com`, "00u1", "\u017fam@acme.com", ""},
		"Kelvin sign in a group":       {`(.*)@acme\.com`, "$1", "\u212aim@acme.com", "\u212aim"},
		"long s in a group":            {`(.)(.*)@acme\.com`, "$2$1", "\u017fam@acme.com", "am\u017f"},
		"group that took no part":      {`(?:(a)|(j))ane@.*`, "x$1", "jane@acme.com", ""},
		"group alone took no part":     {`(?:(a)|(j))ane@.*`, "$1", "jane@acme.com", ""},
		"unused group took no part":    {`(?:(a)|(j))ane@.*`, "$2", "jane@acme.com", "j"},
		"bot and match":                {`.*`, "00u1", "deploy-bot", ""},
		"bot and the e-mail":           {"", "$0", "deploy-bot", ""},
		"bot and its local part":       {"", "x-${local}", "deploy-bot", ""},
		"bot and its domain":           {"", "x-${domain}", "deploy-bot", ""},
		"last at sign splits":          {"", "${local}!${domain}", `"a@b"@acme.com`, `"a@b"!acme.com`},
		"empty group and other text":   {`jane(\+\w+)?(.*)@acme\.com`, "jane$2", "jane@acme.com", "jane"},
		"outer spaces are not matched": {`(\w+)@acme\.com`, "$1", "  jane@acme.com ", "jane"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			user := rules.Subject{Key: identity.UserKey(test.user)}
			if key, err := identity.ParseUser(test.user); err == nil {
				user.Key = key
			}
			rule := rules.Rule{Name: "r", ServiceType: "scim", Identity: &test.template}
			if test.match != "" {
				rule.Match = &test.match
			}
			got, err := compile(t, rule).Evaluate(user, scim)
			if err != nil {
				t.Fatal(err)
			}
			want := rules.Result{Identity: test.want}
			if test.want != "" {
				want.Rule = "r"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	set := compile(t, rules.Rule{Name: "people", ServiceType: "okta", Identities: map[string]string{
		" Jane.Doe@ACME.com": "00u1", "deploy-bot": "00u2", "kim@acme.com": "00u3",
	}})
	for user, want := range map[string]string{
		"jane.doe@acme.com": "00u1", "JANE.DOE@acme.com ": "00u1", "deploy-bot": "00u2", "Deploy-Bot": "",
		"\u212aim@acme.com": "", "joe@acme.com": "",
	} {
		got, err := set.Evaluate(subject(t, user), okta)
		if err != nil || got.Identity != want {
			t.Errorf("%q: got %+v, %v, want %q", user, got, err, want)
		}
	}

	filtered := compile(t, rules.Rule{Name: "people", ServiceType: "okta", Match: new(`.*@acme\.com`),
		Identities: map[string]string{"jane@acme.com": "00u1", "deploy-bot": "00u2", "joe@example.com": "00u3"}})
	for user, want := range map[string]string{"jane@acme.com": "00u1", "deploy-bot": "", "joe@example.com": ""} {
		got, err := filtered.Evaluate(subject(t, user), okta)
		if err != nil || got.Identity != want {
			t.Errorf("with match, %q: got %+v, %v, want %q", user, got, err, want)
		}
	}
}

func TestOrderAndScope(t *testing.T) {
	t.Parallel()
	set := compile(t,
		rules.Rule{Name: "other service", ServiceType: "github", Identity: new("${local}-gh")},
		rules.Rule{Name: "other domain", ServiceType: "okta", ExternalID: new("beta.okta.com"), Identity: new("beta-${local}")},
		rules.Rule{Name: "lookup acquired", ServiceType: "okta", Match: new(`(.*)@beta\.com`), LookupEmail: new("$1@ACME.com")},
		rules.Rule{Name: "exceptions", ServiceType: "okta", Identities: map[string]string{"jane@beta.com": "00u1"}},
		rules.Rule{Name: "names", ServiceType: "okta", Match: new(`(.*)@acme\.com`), Identity: new("$1")},
		rules.Rule{Name: "lookup rest", ServiceType: "okta", LookupEmail: new("sso+$0")},
	)
	tests := []struct {
		user    string
		service identity.ServiceKey
		want    rules.Result
	}{
		{"jane@beta.com", okta, rules.Result{Identity: "00u1", Rule: "exceptions", LookupEmail: "jane@acme.com", LookupRule: "lookup acquired"}},
		{"joe@beta.com", okta, rules.Result{LookupEmail: "joe@acme.com", LookupRule: "lookup acquired"}},
		{"joe@acme.com", okta, rules.Result{Identity: "joe", Rule: "names", LookupEmail: "sso+joe@acme.com", LookupRule: "lookup rest"}},
		{"joe@acme.com", identity.ServiceKey{Type: "okta", ExternalID: "beta.okta.com"}, rules.Result{Identity: "beta-joe", Rule: "other domain", LookupEmail: "sso+joe@acme.com", LookupRule: "lookup rest"}},
		{"joe@acme.com", identity.ServiceKey{Type: "github", ExternalID: "acme"}, rules.Result{Identity: "joe-gh", Rule: "other service"}},
		{"joe@acme.com", identity.ServiceKey{Type: "slack", ExternalID: "T1"}, rules.Result{}},
		{"joe@acme.com", identity.ServiceKey{Type: "custom", ExternalID: "victorops"}, rules.Result{}},
		{"deploy-bot", okta, rules.Result{}},
	}
	for _, test := range tests {
		got, err := set.Evaluate(subject(t, test.user), test.service)
		if err != nil {
			t.Errorf("%s in %s: %v", test.user, test.service, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s in %s: %s", test.user, test.service, diff)
		}
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	own := compile(t, rules.Rule{Name: "names", ServiceType: "okta", Match: new(`(j.*)@.*`), Identity: new("own-$1")})
	provider := compile(t,
		rules.Rule{Name: "names", ServiceType: "okta", Identity: new("provider-${local}")},
		rules.Rule{Name: "lookup", ServiceType: "okta", LookupEmail: new("$0")},
	)
	empty := compile(t)
	joined := rules.Join(nil, own, empty, provider)
	if joined.Len() != 3 || own.Len() != 1 || provider.Len() != 2 {
		t.Errorf("got %d, %d and %d rules", joined.Len(), own.Len(), provider.Len())
	}
	for user, want := range map[string]string{"jane@acme.com": "own-jane", "kim@acme.com": "provider-kim"} {
		got, err := joined.Evaluate(subject(t, user), okta)
		if err != nil || got.Identity != want || got.LookupEmail != user {
			t.Errorf("%s: got %+v, %v, want %s", user, got, err, want)
		}
		got, err = rules.Join(provider, own).Evaluate(subject(t, user), okta)
		if err != nil || !strings.HasPrefix(got.Identity, "provider-") {
			t.Errorf("%s, the other way round: got %+v, %v", user, got, err)
		}
	}
	for name, set := range map[string]*rules.Set{"of nothing": rules.Join(), "of nil": rules.Join(nil, nil), "nil": nil, "of empty": rules.Join(empty, nil)} {
		if got, err := set.Evaluate(subject(t, "jane@acme.com"), okta); err != nil || got != (rules.Result{}) || set.Len() != 0 {
			t.Errorf("%s: got %+v, %v, %d rules", name, got, err, set.Len())
		}
	}
}

// TestEvalErrors has one rule that fails for one user.
func TestEvalErrors(t *testing.T) {
	t.Parallel()
	iam := identity.ServiceKey{Type: "aws_iam", ExternalID: "111111111111"}
	tests := map[string]struct {
		rule    rules.Rule
		service identity.ServiceKey
		want    string
	}{
		"template, for the service":  {rules.Rule{Identity: new("${local}")}, iam, `it gave "jane", which is no identity there: The identity "jane" is invalid for aws_iam:111111111111`},
		"map, for the service":       {rules.Rule{Identities: map[string]string{"jane@acme.com": "arn:aws:iam::222222222222:user/jane"}}, iam, "Its account is 222222222222"},
		"nothing but an empty group": {rules.Rule{Match: new(`(x*)jane@.*`), Identity: new("$1")}, okta, "cannot be empty"},
		"too long":                   {rules.Rule{Identity: new(strings.Repeat("$0", 200))}, okta, "2600 bytes long"},
		"lookup of no e-mail":        {rules.Rule{LookupEmail: new("${local}")}, okta, `it gave "jane" as the e-mail to look up: "jane" is not an e-mail`},
		"lookup of two at signs":     {rules.Rule{LookupEmail: new("$0, $0")}, okta, "is not an e-mail"},
		"missing key":                {rules.Rule{Expression: new(`user.identities["github:acme"]`)}, okta, "no such key: github:acme"},
		"no string":                  {rules.Rule{Expression: new(`dyn(user.email == "")`)}, okta, "gave a value of type bool"},
		"null":                       {rules.Rule{Expression: new(`user.email == "" ? dyn("") : dyn(null)`)}, okta, "gave a value of type null_type"},
		"optional of no string":      {rules.Rule{Expression: new(`optional.of(dyn(size(user.email)))`)}, okta, "gave a value of type int"},
		"index":                      {rules.Rule{Expression: new(`user.local.split(".")[1]`)}, okta, "index out of bounds: 1"},
		"spaced result":              {rules.Rule{Expression: new(`user.local + " "`)}, okta, "ends with a space"},
		"long result":                {rules.Rule{Expression: new(`user.local.replace("", "` + strings.Repeat("x", 1000) + `")`)}, okta, "5004 bytes long"},
		"dynamic field":              {rules.Rule{Expression: new(`dyn(user).emial`)}, okta, "expression: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.rule.Name, test.rule.ServiceType = "broken", test.service.Type
			after := rules.Rule{Name: "after", ServiceType: test.service.Type, Identity: new("$0")}
			got, err := compile(t, test.rule, after).Evaluate(subject(t, "Jane@acme.com"), test.service)
			var e *rules.EvalError
			if !errors.As(err, &e) {
				t.Fatalf("got %+v, %v, want an EvalError", got, err)
			}
			if got != (rules.Result{}) {
				t.Errorf("got %+v besides the error", got)
			}
			if e.Rule != "broken" || e.User != "jane@acme.com" || e.Service != test.service {
				t.Errorf("got an error of rule %q, user %q, service %q", e.Rule, e.User, e.Service)
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), `rule "broken" failed for jane@acme.com`) {
				t.Errorf("got %q, want part %q", err, test.want)
			}
		})
	}
}

func TestInvalidIdentityKeepsItsCode(t *testing.T) {
	t.Parallel()
	set := compile(t, rules.Rule{Name: "names", ServiceType: "google", Identity: new("${local}")})
	_, err := set.Evaluate(subject(t, "jane@acme.com"), identity.ServiceKey{Type: "google", ExternalID: "acme.com"})
	if identity.CodeOf(err) != identity.CodeIdentityInvalid {
		t.Errorf("got %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	set := compile(t,
		rules.Rule{Name: "regex", ServiceType: "okta", Match: new(`x(.*)@acme\.com`), Identity: new("$1")},
		rules.Rule{Name: "cel", ServiceType: "okta", Expression: new(`user.local + "." + service.external_id`)},
	)
	var wg sync.WaitGroup
	for _, name := range []string{"jane", "joe", "kim", "xavier"} {
		wg.Go(func() {
			want := name + ".acme.okta.com"
			if name == "xavier" {
				want = "avier"
			}
			user := subject(t, name+"@acme.com")
			for range 200 {
				if got, err := set.Evaluate(user, okta); err != nil || got.Identity != want {
					t.Errorf("got %+v, %v, want %s", got, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}
