// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

func TestFoldIdentityOfDNs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		a, b string
		same bool
	}{
		"equal":                    {"cn=Ada,ou=People,dc=acme", "cn=Ada,ou=People,dc=acme", true},
		"case of types":            {"CN=Ada,OU=People,DC=acme", "cn=Ada,ou=People,dc=acme", true},
		"case of values":           {"CN=ADA,OU=people,DC=Acme", "cn=Ada,ou=People,dc=acme", true},
		"case of an unknown type":  {"badge=A1,dc=acme", "badge=a1,dc=acme", false},
		"spaces":                   {"cn = Ada , ou= People,dc =acme ", "cn=Ada,ou=People,dc=acme", true},
		"spaces inside":            {"cn=Ada  Martin,dc=acme", "cn=Ada Martin,dc=acme", true},
		"OIDs":                     {"2.5.4.3=Ada,0.9.2342.19200300.100.1.25=acme", "cn=Ada,dc=acme", true},
		"escapes":                  {`cn=Martin\, Ada,dc=acme`, `cn=Martin\2c Ada,dc=acme`, true},
		"an escaped letter":        {`cn=\41da,dc=acme`, "cn=Ada,dc=acme", true},
		"escaped UTF-8":            {`cn=Zo\c3\ab,dc=acme`, "cn=Zoë,dc=acme", true},
		"no Unicode case":          {"cn=ZOË,dc=acme", "cn=zoë,dc=acme", false},
		"order in one RDN":         {"cn=Ada+uid=a1,dc=acme", "uid=a1+cn=Ada,dc=acme", true},
		"order of RDNs":            {"cn=Ada,ou=x,ou=y", "cn=Ada,ou=y,ou=x", false},
		"an escaped comma":         {`cn=a\,ou=b,dc=acme`, "cn=a,ou=b,dc=acme", false},
		"an escaped plus":          {`cn=a\+uid=b,dc=acme`, "cn=a+uid=b,dc=acme", false},
		"encoded values":           {"badge=#04024869", "badge=#04024869", true},
		"case of encoded values":   {"badge=#0402AB69", "badge=#0402ab69", true},
		"another parent":           {"cn=Ada,ou=People,dc=acme", "cn=Ada,ou=Former,dc=acme", false},
		"an escaped outer space":   {`badge=a\ ,dc=acme`, "badge=a,dc=acme", false},
		"an equals sign in values": {"cn=a=b,dc=acme", `cn=a\=b,dc=acme`, true},
		"empty values":             {"cn=,dc=acme", "cn= ,dc=acme", true},
		"names are not DNs":        {"Ada", "ada", false},
		"a type without value":     {"cn,dc=acme", "CN,dc=acme", false},
		"a broken escape":          {`cn=a\zz,dc=acme`, `CN=a\zz,dc=acme`, false},
		"a comma at the end":       {"cn=a,", "CN=a,", false},
		"quotes":                   {`cn="a"`, `CN="a"`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := FoldIdentity("ldap", test.a), FoldIdentity("ldap", test.b)
			if (a == b) != test.same {
				t.Errorf("%q folds to %q, %q to %q; want the same: %t", test.a, a, test.b, b, test.same)
			}
			if test.a != test.b && FoldIdentity("scim", test.a) == FoldIdentity("scim", test.b) {
				t.Errorf("identities of other types compare as DNs")
			}
		})
	}
}

// FuzzFoldIdentityOfDNs compares with another implementation of RFC 4514: what
// it calls equal is equal here, and a folded DN means what the DN meant.
func FuzzFoldIdentityOfDNs(f *testing.F) {
	for _, seed := range []string{"cn=Ada,dc=acme", `CN=Martin\, Ada + uid=a1, DC=acme`, `cn=\c3\ab\20`, "badge=#0402ab69", "2.5.4.3=x", "x=", `cn=\`, "Ada"} {
		f.Add(seed, strings.ToUpper(seed))
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		foldedA, foldedB := FoldIdentity("ldap", a), FoldIdentity("ldap", b)
		if again := FoldIdentity("ldap", foldedA); again != foldedA {
			t.Fatalf("%q folds to %q, and that to %q", a, foldedA, again)
		}
		if foldedA == a || !utf8.ValidString(a) || !utf8.ValidString(b) || strings.Contains(foldedA+foldedB, `\`) {
			return // no DN, or folded already; they take all broken bytes for one
		}
		theirs, err := ldap.ParseDN(a)
		if err != nil {
			return // they refuse some texts that RFC 4514 allows
		}
		back, err := ldap.ParseDN(foldedA)
		if err != nil {
			t.Fatalf("%q folds to %q, which is no DN: %v", a, foldedA, err)
		}
		if len(back.RDNs) != len(theirs.RDNs) {
			t.Fatalf("%q folds to %q, which has another number of RDNs", a, foldedA)
		}
		if other, err := ldap.ParseDN(b); err == nil && other.Equal(theirs) && foldedB != b && foldedA != foldedB {
			t.Fatalf("%q and %q are equal, and fold to %q and %q", a, b, foldedA, foldedB)
		}
	})
}

// The folded form is exact, and what is no DN stays as it is.
func TestFoldDNForms(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"A = 1": "a=1", "Z = 1": "z=1", "1.2 = x": "1.2=x",
		"= x": "= x", "1..2 = x": "1..2 = x", "1.b = x": "1.b = x", "12 = x": "12 = x",
		"cn = #04014A": "cn=#04014a", "cn = #04014A , ou = X": "cn=#04014a,ou=x", "cn= #": "cn= #", "cn= #0g": "cn= #0g",
		`mail= a\`: `mail= a\`, `mail= a\4`: `mail= a\4`, `mail= a\4g`: `mail= a\4g`, `mail= a"b`: `mail= a"b`, `mail= a"`: `mail= a"`, "mail= a;b": "mail= a;b",
		`mail= a\41`: "mail=aA", `mail= a\ `: `mail=a\ `, `mail=\ a`: `mail=\ a`, "mail= a b": "mail=a b", `mail= \ `: `mail=\ `,
		`mail= \ff`: `mail=\ff`, `mail= \01`: `mail=\01`, `mail= \7F`: `mail=\7f`, `mail= \ef\bf\bd`: "mail=\ufffd",
		"mail= a#b": "mail=a#b", `mail= \#a`: `mail=\#a`, `mail= a\#`: "mail=a#", `mail= a\2Cb`: `mail=a\,b`,
	} {
		if got := foldDN(in); got != want {
			t.Errorf("foldDN(%q) = %q, want %q", in, got, want)
		}
	}
}
