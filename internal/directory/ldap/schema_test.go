// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap

import (
	"strings"
	"testing"

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
		"proxyAddresses": {"SMTP:ann@acme.com", "smtp:a.lee@acme.com", "x400:c=us"}, "userAccountControl": {"514"}, "objectGUID": {string(raw)}})
	for _, a := range entry.Attributes {
		if a.Name == "objectGUID" {
			a.ByteValues = [][]byte{raw}
		}
	}
	got, err := s.account(entry)
	want := directory.Account{Identity: "00112233-4455-6677-8899-aabbccddeeff", State: directory.StateInactive,
		Addresses: append(directory.Primaries("ann@acme.com"), directory.Aliases("ann@corp.acme.com", "a.lee@acme.com")...)}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("account (-want +got):\n%s%v", diff, err)
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
		a, err := s.account(entry)
		if (err != nil) != (len(id) != 0 && len(id) != 16) {
			t.Errorf("%x: %v", id, err)
		}
		// An address that is in neither attribute finds no account.
		if err == nil {
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
		if got, ok := tc.schema.withID(tc.id); got != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: %s, want %s", tc.id, got, tc.want)
		}
	}
}
