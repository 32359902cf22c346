// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

func TestActiveDirectory(t *testing.T) {
	t.Parallel()
	s, err := schemaOf("ad")
	if err != nil {
		t.Fatal(err)
	}
	raw := []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	entry := ldap.NewEntry("cn=ann", map[string][]string{"mail": {"ann@acme.com"}, "userPrincipalName": {"ann@corp.acme.com"},
		"proxyAddresses": {"SMTP:ann@acme.com", "smtp:a.lee@acme.com", "x400:c=us"}, "userAccountControl": {"514"}, "displayName": {"Ann Lee"}, "objectGUID": {string(raw)}})
	for _, a := range entry.Attributes {
		if a.Name == "objectGUID" {
			a.ByteValues = [][]byte{raw}
		}
	}
	got := s.read(entry, time.Now())
	want := directory.Account{Identity: "00112233-4455-6677-8899-aabbccddeeff", SignIn: "ann@corp.acme.com", Name: "Ann Lee", State: directory.StateInactive,
		Addresses: append(directory.Primaries("ann@acme.com", "ann@corp.acme.com"), directory.Aliases("a.lee@acme.com")...)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	s.id = "sAMAccountName" // a name that may be given again is stored beside the id that stays
	entry.Attributes = append(entry.Attributes, ldap.NewEntryAttribute("sAMAccountName", []string{"ann"}))
	want.Identity, want.AccountID = "ann", want.Identity
	if diff := cmp.Diff(want, s.read(entry, time.Now())); diff != "" {
		t.Errorf("account with a name (-want +got):\n%s", diff)
	}
}

// Accounts of Active Directory end at a time of their own.
func TestAccountExpires(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	at := func(moment time.Time) string { return strconv.FormatInt((moment.Unix()+11_644_473_600)*10_000_000, 10) }
	for value, want := range map[string]bool{
		"": false, "0": false, "9223372036854775807": false, "soon": false,
		at(now.Add(-time.Hour)): true, at(now.Add(time.Hour)): false, "1": true,
	} {
		if got := expired(value, now); got != want {
			t.Errorf("%q: %t, want %t", value, got, want)
		}
	}
}

// FreeIPA and OpenLDAP let accounts end at a time of their own.
func TestEndOfAccounts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for strategy, attribute := range map[string]string{"freeipa": "krbPrincipalExpiration", "openldap": "pwdEndTime"} {
		s, err := schemaOf(strategy)
		if err != nil || !slices.Contains(s.attributes(), attribute) {
			t.Errorf("%s asks for %q, %v, without %s", strategy, s.attributes(), err, attribute)
		}
		for value, want := range map[string]directory.State{
			"20260531235959Z": directory.StateInactive, "20260601000000.5Z": directory.StateActive, "20260601010000+0200": directory.StateInactive,
			"20270101000000Z": directory.StateActive, "": directory.StateActive, "never": directory.StateActive,
		} {
			if got := s.read(ldap.NewEntry("cn=x", map[string][]string{attribute: {value}}), now).State; got != want {
				t.Errorf("%s %s: %s, want %s", attribute, value, got, want)
			}
		}
	}
}

// Every domain of Active Directory refers to partitions that hold no people. Any
// other referral may hide some.
func TestReferrals(t *testing.T) {
	t.Parallel()
	for referral, want := range map[string]bool{
		"ldap://ForestDnsZones.acme.com/DC=ForestDnsZones,DC=acme,DC=com": true,
		"ldap://DomainDnsZones.acme.com/DC=DomainDnsZones,DC=acme,DC=com": true,
		"ldap://acme.com/CN=Configuration,DC=acme,DC=com":                 true,
		"ldaps://acme.com/cn=schema,cn=configuration,dc=acme,dc=com??sub": true,
		"ldap://emea.acme.com/DC=emea,DC=acme,DC=com":                     false,
		"ldap://far.example/ou=DC%3DForestDnsZones,dc=acme":               false,
		"ldap://far.example":       false,
		"ldap://far.example/no dn": false,
		"://":                      false,
	} {
		if got := withoutPeople(referral); got != want {
			t.Errorf("%s: %t, want %t", referral, got, want)
		}
	}
}

// FuzzAccount: no attribute makes an address without an @, and every GUID is
// refused or has its form.
func FuzzAccount(f *testing.F) {
	f.Add("ann@example.com", "SMTP:a@example.com", "514", []byte("0123456789abcdef"))
	f.Add("", "smtp:", "x", []byte("short"))
	f.Fuzz(func(t *testing.T, mail, proxy, flags string, id []byte) {
		s, err := schemaOf("ad")
		if err != nil {
			t.Fatal(err)
		}
		entry := ldap.NewEntry("cn=x", map[string][]string{"mail": {mail}, "proxyAddresses": {proxy}, "userAccountControl": {flags}, "objectGUID": {string(id)}})
		a := s.read(entry, time.Now())
		if (a.Unreadable != nil) != (len(id) != 0 && len(id) != 16) {
			t.Errorf("%x: %v", id, a.Unreadable)
		}
		// An address that is in neither attribute finds no account.
		if a.Unreadable == nil {
			const ann = "ann@example.com"
			is := func(value string) bool { return strings.EqualFold(strings.TrimSpace(value), ann) }
			scheme, rest, _ := strings.Cut(proxy, ":")
			if r := directory.Decide(ann, []directory.Account{a}, directory.Options{MatchAliases: true}); r.Account.Identity != "" && !is(mail) && !(strings.EqualFold(scheme, "smtp") && is(rest)) {
				t.Errorf("%q and %q gave %+v", mail, proxy, r)
			}
		}
		for _, address := range a.Emails() {
			if len(address) < 1 || address != mail && "smtp:"+address != "smtp:"+proxy[5:] {
				t.Errorf("%q and %q gave %q", mail, proxy, address)
			}
		}
	})
}

// The filter by id asks for the bytes that the id was read from, and lets no
// value be a filter of its own.
func TestWithID(t *testing.T) {
	t.Parallel()
	ad, err := schemaOf("ad")
	if err != nil {
		t.Fatal(err)
	}
	id, err := guid([]byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff})
	if err != nil {
		t.Fatal(err)
	}
	openldap, err := schemaOf("")
	if err != nil {
		t.Fatal(err)
	}
	byDN := openldap
	byDN.id = "dn"
	for _, tc := range []struct {
		schema schema
		id     string
		want   string
	}{
		{ad, id, `(objectGUID=\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff)`},
		{ad, "nobody", ""},
		{openldap, "a)(b=*", `(entryUUID=a\29\28b=\2a)`},
		{byDN, "cn=ann,dc=acme", "(entryDN=cn=ann,dc=acme)"},
	} {
		if got, ok := tc.schema.withID(tc.schema.id, tc.id); got != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: %s, want %s", tc.id, got, tc.want)
		}
	}
}
