// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"fmt"
	"strings"
	"testing"
)

func TestMatcherKeys(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"slack": "user_id", "aws_sso": "principal_uuid", "aws_iam": "user_arn", "pagerduty": "user_id", "okta": "user_id",
		"onelogin": "user_id", "github": "user_id", "google": "email", "tailscale": "email", "aptible": "user_id",
		"boundary": "user_id", "custom": "user_id", "auth0": "idp_id", "sym": "email", "ldap": "user_id",
	}
	for serviceType, key := range want {
		if got := MatcherKey(serviceType); got != key {
			t.Errorf("MatcherKey(%q) = %q, want %q", serviceType, got, key)
		}
	}
}

func TestMatcherEqual(t *testing.T) {
	t.Parallel()
	tests := []struct {
		serviceType string
		a, b        Matcher
		want        bool
	}{
		{"okta", Matcher{"user_id": "00u1"}, Matcher{"user_id": "00u1"}, true},
		{"okta", Matcher{"user_id": "00u1"}, Matcher{"user_id": "00U1"}, false},
		{"github", Matcher{"user_id": "Octo"}, Matcher{"user_id": "octo"}, true},
		{"google", Matcher{"email": "A@x.io"}, Matcher{"email": "a@x.io"}, true},
		{"tailscale", Matcher{"email": "A@x.io"}, Matcher{"email": "a@x.io"}, true},
		{"github", Matcher{"user_id": "\u212A"}, Matcher{"user_id": "k"}, false},
		{"github", Matcher{"user_id": "octo", "id": "X"}, Matcher{"user_id": "octo", "id": "x"}, false},
		{"okta", Matcher{"user_id": "1"}, Matcher{"user_id": "1", "x": "2"}, false},
		{"ldap", nil, Matcher{}, true},
	}
	for _, test := range tests {
		if got := test.a.Equal(test.serviceType, test.b); got != test.want {
			t.Errorf("%s: %v Equal %v = %t", test.serviceType, test.a, test.b, got)
		}
		if got := test.b.Equal(test.serviceType, test.a); got != test.want {
			t.Errorf("%s: Equal of %v and %v depends on the order", test.serviceType, test.a, test.b)
		}
	}
}

func TestMatcherClaimIsTheOwnKey(t *testing.T) {
	t.Parallel()
	if a, b := (Matcher{"user_id": "Octo"}).AccountKey("github"), (Matcher{"user_id": "octo", "node_id": "x"}).AccountKey("github"); a != b {
		t.Errorf("claims of one login differ: %q, %q", a, b)
	}
	if a, b := (Matcher{"dn": "x"}).AccountKey("ldap"), (Matcher{"dn": "y"}).AccountKey("ldap"); a == b {
		t.Errorf("claims of two accounts are equal: %q", a)
	}
}

func TestMatcherValidate(t *testing.T) {
	t.Parallel()
	iam := ServiceKey{"aws_iam", "123456789012"}
	okta := ServiceKey{"okta", "acme.okta.com"}
	scim := ServiceKey{"scim", "x"}
	tests := []struct {
		service ServiceKey
		matcher Matcher
		err     string
	}{
		{okta, Matcher{"user_id": "00u1"}, ""},
		{okta, Matcher{"user_id": "00u1", "note": "any text, é"}, ""},
		{okta, Matcher{"user_id": "00u1 2"}, "must be a user ID"},
		{okta, Matcher{"user_id": "00\u0443" + "1"}, "must be a user ID"}, // a Cyrillic letter
		{ServiceKey{"slack", "T1"}, Matcher{"user_id": "U024BE7LH"}, ""},
		{ServiceKey{"slack", "T1"}, Matcher{"user_id": "W012A3CDE"}, ""},
		{ServiceKey{"slack", "T1"}, Matcher{"user_id": "u024be7lh"}, "must be a member ID"},
		{ServiceKey{"slack", "T1"}, Matcher{"user_id": "ada"}, "must be a member ID"},
		{ServiceKey{"github", "acme"}, Matcher{"user_id": "Ada-L_acme"}, ""},
		{ServiceKey{"github", "acme"}, Matcher{"user_id": "dependabot[bot]"}, ""},
		{ServiceKey{"github", "acme"}, Matcher{"user_id": "ada@acme.com"}, "must be a login"},
		{ServiceKey{"github", "acme"}, Matcher{"user_id": "\u0430da"}, "must be a login"}, // a Cyrillic letter
		{ServiceKey{"onelogin", "acme"}, Matcher{"user_id": "1234 5678"}, "which is a number"},
		{ServiceKey{"pagerduty", "acme"}, Matcher{"user_id": "PXPGF42"}, ""},
		{ServiceKey{"aws_sso", "x"}, Matcher{"principal_uuid": "906711ab12-0ba9e2b8-1c3a-4d60-b7f3-a7d3b3a8e6ad"}, ""},
		{ServiceKey{"aptible", "x"}, Matcher{"user_id": "0ba9e2b8 1c3a"}, "which is a UUID"},
		{ServiceKey{"boundary", "x"}, Matcher{"user_id": "u_1234567890"}, ""},
		{iam, Matcher{"user_arn": "arn:aws:iam::123456789012:user/a b"}, "must be the ARN of an IAM user"},
		{ServiceKey{"custom", "x"}, Matcher{"user_id": "Ada Мартин"}, ""},
		{okta, Matcher{"email": "a@x.io"}, `lacks the key "user_id"`},
		{okta, Matcher{}, "has 0 keys"},
		{okta, Matcher{"user_id": ""}, "Identity value cannot be empty"},
		{okta, Matcher{"user_id": " "}, "Identity value cannot be empty"},
		{okta, Matcher{"user_id": " 00u1"}, "starts with a space"},
		{okta, Matcher{"user_id": "00u1\n"}, "ends with a line break"},
		{okta, Matcher{"user_id": "00u1\t"}, "ends with a tab"},
		{okta, Matcher{"user_id": "00u1\u00a0"}, "ends with a no-break space (U+00A0)"},
		{okta, Matcher{"user_id": "\u2003" + "00u1"}, "starts with a space (U+2003)"},
		{okta, Matcher{"user_id": "00u1\u200b"}, "holds the invisible character U+200B"},
		{okta, Matcher{"user_id": "00u1", "note": "\u202e"}, "holds the invisible character U+202E"},
		{okta, Matcher{"user_id": "00u1", "a\u200bb": "x"}, "is not a matcher key"},
		{scim, Matcher{"user_id": "a\ufffdb"}, "holds U+FFFD"},
		{scim, Matcher{"user_id": "a\u0378b"}, "holds U+0378, which Unicode assigns to no character"},
		{scim, Matcher{"user_id": "a\u00a0b"}, "holds the invisible character U+00A0"},
		{scim, Matcher{"user_id": "Zoë Müller 日本"}, ""},
		{okta, Matcher{"user_id": "00\nu1"}, "control character"},
		{okta, Matcher{"user_id": "\xff"}, "UTF-8"},
		{okta, Matcher{"user_id": strings.Repeat("x", 1025)}, "at most 1024 bytes"},
		{okta, Matcher{"user_id": strings.Repeat("x", 1025)}, `"` + strings.Repeat("x", 64) + `…" (1025 bytes)`},
		{okta, Matcher{"user_id": strings.Repeat("x", 1024)}, ""},
		{okta, Matcher{"user_id": "x", " k": "v"}, "is not a matcher key"},
		{iam, Matcher{"user_arn": "arn:aws:iam::123456789012:user/ada"}, ""},
		{iam, Matcher{"user_arn": "arn:aws-cn:iam::123456789012:user/path/ada"}, ""},
		{iam, Matcher{"user_arn": "arn:aws:iam::999999999999:user/ada"}, "Its account is 999999999999"},
		{iam, Matcher{"user_arn": "ada"}, "must be the ARN of an IAM user"},
		{ServiceKey{"google", "acme.com"}, Matcher{"email": "ada"}, "must be an e-mail"},
		{ServiceKey{"ldap", "x"}, Matcher{"dn": "cn=ada"}, ""},
		{ServiceKey{"ldap", "x"}, Matcher{"user_id": "ada"}, ""},
	}
	for _, test := range tests {
		err := test.matcher.Validate(test.service)
		if value, own := test.matcher[MatcherKey(test.service.Type)]; own && len(test.matcher) == 1 {
			if alone := ValidateIdentity(test.service, value); fmt.Sprint(err) != fmt.Sprint(alone) {
				t.Errorf("%v in %s: %v, as an identity: %v", test.matcher, test.service, err, alone)
			}
		}
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%v in %s: %v, want %q", test.matcher, test.service, err, test.err)
		}
	}
}

func FuzzMatcherCanonical(f *testing.F) {
	f.Add("github", "Octo", "octo")
	f.Add("okta", "a", "b")
	f.Fuzz(func(t *testing.T, serviceType, a, b string) {
		ma, mb := NewMatcher(serviceType, a), NewMatcher(serviceType, b)
		service := ServiceKey{serviceType, "x"}
		if whole, alone := ma.Validate(service), ValidateIdentity(service, a); fmt.Sprint(whole) != fmt.Sprint(alone) {
			t.Fatalf("%s: %q as a matcher: %v, alone: %v", serviceType, a, whole, alone)
		}
		if ma.Validate(service) != nil || mb.Validate(service) != nil {
			return
		}
		same := FoldIdentity(serviceType, a) == FoldIdentity(serviceType, b)
		if ma.Equal(serviceType, mb) != same || (ma.AccountKey(serviceType) == mb.AccountKey(serviceType)) != same {
			t.Fatalf("%s: %q and %q: equal %t, fold %t", serviceType, a, b, ma.Equal(serviceType, mb), same)
		}
	})
}

func TestMatcherIdentity(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		matcher Matcher
		want    bool
	}{
		{Matcher{"user_id": "00u1"}, true},
		{Matcher{"user_id": "00u1", "note": "x"}, false},
		{Matcher{"note": "x"}, false},
		{nil, false},
	} {
		if id, ok := test.matcher.Identity("okta"); ok != test.want || ok && id != "00u1" {
			t.Errorf("%v: %q, %t", test.matcher, id, ok)
		}
	}
}

// Names have pins, ids have none.
func TestPinOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ serviceType, id, accountID, want string }{
		{"github", "octo", "123", "123"},
		{"github", "octo", "octo", ""},
		{"github", "octo", "", ""},
		{"okta", "00u1", "00u2", ""},
		{"scim", "ann", "77", "77"},
		{"scim", "77", "77", ""},
	} {
		if got := PinOf(test.serviceType, NewMatcher(test.serviceType, test.id), test.accountID); got != test.want {
			t.Errorf("PinOf(%s, %s, %s) = %q, want %q", test.serviceType, test.id, test.accountID, got, test.want)
		}
	}
}

func TestValidateAccountID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"": "", "MDQ6VXNlcjE=": "", strings.Repeat("x", MaxIdentityBytes): "",
		strings.Repeat("x", MaxIdentityBytes+1): "is too long", " x": "starts with a space", "a\u200bb": "invisible character U+200B",
	} {
		err := ValidateAccountID(id)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", Truncate(id), err, want)
		}
	}
}

// Sizes are refused one above their limits.
func TestMatcherLimits(t *testing.T) {
	t.Parallel()
	service := ServiceKey{"scim", "x"}
	most := Matcher{}
	for n := range MaxMatcherKeys {
		most[fmt.Sprintf("key%d", n)] = "x"
	}
	key := strings.Repeat("k", 64)
	for _, m := range []Matcher{most, {key: "x"}, {"user_id": strings.Repeat("x", MaxIdentityBytes)}} {
		if err := m.Validate(service); err != nil {
			t.Errorf("%d keys: %v", len(m), err)
		}
	}
	more := Matcher{"one_more": "x"}
	for k := range most {
		more[k] = "x"
	}
	for _, m := range []Matcher{more, {key + "k": "x"}, {"": "x"}, {"user_id": strings.Repeat("x", MaxIdentityBytes+1)}} {
		if m.Validate(service) == nil {
			t.Errorf("%d keys: no error", len(m))
		}
	}
}
