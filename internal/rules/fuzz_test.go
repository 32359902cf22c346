// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// checkRule compiles and evaluates one rule: whatever it is, the outcome is an
// error that says where, or a valid answer.
func checkRule(t *testing.T, rule rules.Rule, user string) {
	t.Helper()
	set, errs := rules.Compile([]rules.Rule{rule})
	for _, e := range errs {
		if e.Message == "" || e.Rule != rule.Name || e.Error() == "" {
			t.Errorf("an error that does not say what it is about: %+v", e)
		}
	}
	if (set == nil) != (len(errs) > 0) {
		t.Fatalf("got the set %v and the errors %v", set, errs)
	}
	key, err := identity.ParseUser(user)
	if set == nil || err != nil {
		return
	}
	got, err := set.Evaluate(rules.Subject{Key: key, Identities: map[string]string{"github:acme": "jdoe"}}, okta)
	var e *rules.EvalError
	switch {
	case err != nil && !errors.As(err, &e):
		t.Errorf("got an error of type %T: %v", err, err)
	case err != nil && (e.Rule != rule.Name || e.User != key || e.Message == ""):
		t.Errorf("an error that does not say what it is about: %+v", e)
	case err != nil:
		return
	}
	if (got.Identity == "") != (got.Rule == "") || (got.LookupEmail == "") != (got.LookupRule == "") {
		t.Errorf("a result without its rule: %+v", got)
	}
	if got.Identity != "" {
		if err := identity.ValidateIdentity(okta, got.Identity); err != nil {
			t.Errorf("an invalid identity: %v", err)
		}
	}
	if got.LookupEmail != "" {
		if email, err := identity.ParseUser(got.LookupEmail); err != nil || email.Email() != got.LookupEmail {
			t.Errorf("an invalid e-mail %q: %v", got.LookupEmail, err)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, template := range []string{"$1_$2", "${first}", "$$", "$", "${", "${}", "$0", "${local}@${domain}", "$10", "$01", "x", ""} {
		f.Add(`(?P<first>\w+)\.(\w+)@acme\.com`, template, "jane.doe@acme.com")
	}
	f.Add(`(a)|(b)@.*`, "$1", "b@acme.com")
	f.Add(`\Qa`, "$0", "a@acme.com")
	f.Add(`(.*)@acme\.com`, "$1", "\u212a\u017f@acme.com")
	f.Add("", "$0", "deploy-bot")
	f.Fuzz(func(t *testing.T, match, template, user string) {
		var m *string
		if match != "" {
			m = &match
		}
		checkRule(t, rules.Rule{Name: "r", ServiceType: "okta", Match: m, Identity: &template}, user)
		checkRule(t, rules.Rule{Name: "r", ServiceType: "okta", ExternalID: &okta.ExternalID, Match: m, LookupEmail: &template}, user)
		checkRule(t, rules.Rule{Name: "r", ServiceType: "okta", Match: m, Identities: map[string]string{user: template, template: user}}, user)
	})
}

func FuzzExpression(f *testing.F) {
	for _, expression := range []string{
		`user.email`, `user.emial`, `user.identities[?"github:acme"]`, `user.identities["x"]`, `dyn(user).email`, `optional.none()`,
		`user.local.split(".")[1]`, `"%.999999999f".format([1.0]) + user.email`, `user.local.replace("", user.email)`, `type(user) == type(user) ? user.email : ""`,
		`[user].map(user, user.email)[0]`, `user{}`, `{user: 1}.size() > 0 ? user.email : ""`, `[1,2,3].map(x, [4,5].map(y, x * y)).size() == 3 ? user.local : ""`,
	} {
		f.Add(expression, "jane.doe@acme.com")
	}
	f.Fuzz(func(t *testing.T, expression, user string) {
		checkRule(t, rules.Rule{Name: "r", ServiceType: "okta", Expression: &expression}, user)
	})
}

// TestSpellingsOfOnePersonAgree is a property: however an e-mail is spelled, the
// rules give the same.
func TestSpellingsOfOnePersonAgree(t *testing.T) {
	t.Parallel()
	set := compile(t,
		rules.Rule{Name: "map", ServiceType: "scim", Identities: map[string]string{"Ann.Lee@Acme.com": "00u1"}},
		rules.Rule{Name: "regex", ServiceType: "scim", Match: new(`([A-M]\w*)\.(?P<last>[[:alpha:]]+)@(?:eu\.)?ACME\.com`), Identity: new("$1-${last}@X")},
		rules.Rule{Name: "cel", ServiceType: "scim", Expression: new(`user.domain.endsWith("example.com") ? user.email : ""`)},
		rules.Rule{Name: "parts", ServiceType: "scim", Identity: new("${local}%${domain}")},
		rules.Rule{Name: "lookup", ServiceType: "scim", Match: new(`(.+)@Beta\.example\.com`), LookupEmail: new("$1@Acme.com")},
	)
	word := rapid.StringMatching(`[a-zA-Zéßſ\x{212a}][a-zA-Z0-9_+-]{0,8}`)
	domain := rapid.SampledFrom([]string{"acme.com", "eu.acme.com", "beta.example.com", "example.com", "other.org"})
	space := rapid.SampledFrom([]string{"", " ", "\t", "  "})
	rapid.Check(t, func(t *rapid.T) {
		email := word.Draw(t, "first") + "." + word.Draw(t, "last") + "@" + domain.Draw(t, "domain")
		if rapid.Bool().Draw(t, "listed") {
			email = "ann.lee@acme.com"
		}
		respelled := space.Draw(t, "before") + respell(t, email) + space.Draw(t, "after")
		var results [2]rules.Result
		for i, spelling := range []string{email, respelled} {
			key, err := identity.ParseUser(spelling)
			if err != nil {
				t.Fatal(err)
			}
			if results[i], err = set.Evaluate(rules.Subject{Key: key}, scim); err != nil {
				t.Fatal(err)
			}
		}
		if results[0] != results[1] || results[0].Identity == "" {
			t.Errorf("%q gives %+v, %q gives %+v", email, results[0], respelled, results[1])
		}
	})
}

// respell changes the case of some ASCII letters.
func respell(t *rapid.T, s string) string {
	return strings.Map(func(r rune) rune {
		lower := 'a' <= r && r <= 'z'
		upper := 'A' <= r && r <= 'Z'
		if (lower || upper) && rapid.Bool().Draw(t, "other case") {
			return r ^ 0x20
		}
		return r
	}, s)
}
