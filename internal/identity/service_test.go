// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"strings"
	"testing"
)

func TestParseServiceKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want ServiceKey
		err  string
	}{
		{in: "okta:acme.okta.com", want: ServiceKey{"okta", "acme.okta.com"}},
		{in: "aws_sso:arn:aws:sso:::instance/ssoins-1", want: ServiceKey{"aws_sso", "arn:aws:sso:::instance/ssoins-1"}},
		{in: "boundary:https://boundary.acme.dev:9200", want: ServiceKey{"boundary", "https://boundary.acme.dev:9200"}},
		{in: "custom:a,b c", want: ServiceKey{"custom", "a,b c"}},
		{in: "slack:T0ABC123", want: ServiceKey{"slack", "T0ABC123"}},
		{in: "sym:cloud", want: SymCloud()},
		{in: "okta", err: "is not a service key"},
		{in: strings.Repeat("y", 2000), err: `…" (2000 bytes) is not a service key`},
		{in: "Okta:x", err: "is not a service type"},
		{in: "1x:x", err: "is not a service type"},
		{in: ":x", err: "is not a service type"},
		{in: "okta:", err: "The external ID '' is invalid for service type 'okta'"},
		{in: "okta: x", err: "must not start or end with a space"},
		{in: "okta:a\nb", err: "It holds the invisible control character U+000A"},
		{in: "slack:t0abc", err: "The external ID 't0abc' is invalid for service type 'slack'. Must start with 'T' and be all upper case"},
		{in: "slack:T", err: "Must start with 'T'"},
		{in: "aws_sso:ssoins-1", err: "Must start with 'arn:aws:sso:::instance/'"},
		{in: "aws_iam:12345", err: "Must be a 12 digit account number"},
		{in: "sym:acme", err: "Must be 'cloud'"},
		{in: "okta:https://acme.okta.com/app", err: `Must be the domain alone, as in "acme.okta.com"`},
		{in: "pagerduty:http://acme.pagerduty.com", err: `as in "acme.pagerduty.com"`},
		{in: "custom:" + strings.Repeat("x", 2000), err: "at most 1024 bytes"},
	}
	for _, test := range tests {
		got, err := ParseServiceKey(test.in)
		switch {
		case test.err == "" && (err != nil || got != test.want):
			t.Errorf("ParseServiceKey(%q) = %v, %v; want %v", test.in, got, err, test.want)
		case test.err == "" && got.String() != test.in:
			t.Errorf("ParseServiceKey(%q).String() = %q", test.in, got)
		case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
			t.Errorf("ParseServiceKey(%q): error %v, want one with %q", test.in, err, test.err)
		case err != nil && len(err.Error()) > 400:
			t.Errorf("ParseServiceKey(%q): an error of %d bytes", test.in, len(err.Error()))
		}
	}
}

func TestLikelyServiceType(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"okat": "okta", "otka": "okta", "okt": "okta", "oktaa": "okta", "Okta": "okta", "pager_duty": "pagerduty", "AWS-IAM": "aws_iam",
		"guthub": "github", "slak": "slack", "awsiam": "aws_iam", "ladp": "ldap", "one login": "onelogin",
		"okta": "", "gitlab": "", "jira": "", "box": "", "azure": "", "": "",
	} {
		if got := LikelyServiceType(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	err := ValidateServiceType("AWS-IAM")
	if want := `"AWS-IAM" is not a service type. Write "aws_iam".`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestManagedServicesCannotBeDeclared(t *testing.T) {
	t.Parallel()
	for _, key := range []ServiceKey{SymCloud(), {"auth0", "acme"}} {
		err := key.CheckDeclarable()
		if err == nil || !strings.Contains(err.Error(), "cannot be") || !strings.Contains(err.Error(), "managed") {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := (ServiceKey{"okta", "acme.okta.com"}).CheckDeclarable(); err != nil {
		t.Error(err)
	}
}

func FuzzParseServiceKey(f *testing.F) {
	for _, seed := range []string{"okta:acme", "aws_iam:123456789012", "a:b:c", "x", ":", "slack:T1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParseServiceKey(s); err == nil && k.String() != s {
			t.Fatalf("ParseServiceKey(%q).String() = %q", s, k)
		}
	})
}

func TestServiceKeyLimits(t *testing.T) {
	t.Parallel()
	long, externalID := "a"+strings.Repeat("b", 63), strings.Repeat("x", MaxExternalIDBytes)
	for key, want := range map[ServiceKey]bool{
		{long, "x"}: true, {long + "b", "x"}: false,
		{"scim", externalID}: true, {"scim", externalID + "x"}: false,
		{"aws_sso", "arn:aws:sso:::instance/s"}: true, {"aws_sso", "arn:aws:sso:::instance/"}: false,
		{"aws_sso", "an instance whose name is longer than the prefix"}: false,
	} {
		if err := key.Validate(); (err == nil) != want {
			t.Errorf("%s: %v", Truncate(key.String()), err)
		}
	}
	if !(ServiceKey{"custom", "x"}).Custom() || (ServiceKey{"okta", "x"}).Custom() {
		t.Error("Custom is wrong")
	}
	google := ServiceKey{"google", "acme.com"}
	if err := ValidateIdentity(google, "ada@acme.com"); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"ada", "ada lovelace@acme.com", "@acme.com"} {
		if ValidateIdentity(google, id) == nil {
			t.Errorf("%q is accepted as an e-mail", id)
		}
	}
}
