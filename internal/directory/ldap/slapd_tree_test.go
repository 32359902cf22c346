// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap_test

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// crowd is how many ordinary people the tree holds: more than a page of the
// connector, and far more than the server's limit.
const crowd = 700

// human is an entry of the tree.
type human struct {
	uid, name string
	mail      []string
	locked    bool
}

// humans are the crowd and those whom the tests ask for by name.
func humans() []human {
	var all []human
	family := []string{"Müller", "Østergård", "Łukasiewicz", "García", "O'Hara", "田中", "de la Cruz", "Żółć, jr.", "Smith + Sons", "Lee"}
	for n := range crowd {
		all = append(all, human{
			uid: fmt.Sprintf("p%04d", n), name: fmt.Sprintf("Person %d %s", n, family[n%len(family)]),
			mail: []string{fmt.Sprintf("p%04d@acme.example", n)}, locked: n%10 == 7,
		})
	}
	return append(all,
		human{uid: "ann", name: "Ann Lee", mail: []string{"ann.lee@acme.example", "ann.maiden@acme.example"}},
		human{uid: "left", name: "Lea Ver", mail: []string{"lea.ver@acme.example"}, locked: true},
		human{uid: "again", name: "Come Back", mail: []string{"come.back@acme.example"}},
		human{uid: "again-old", name: "Come Back", mail: []string{"come.back@acme.example"}, locked: true},
		human{uid: "twin-a", name: "Twin A", mail: []string{"twin@acme.example"}},
		human{uid: "twin-b", name: "Twin B", mail: []string{"twin@acme.example"}},
		human{uid: "case", name: "Upper Case", mail: []string{"Upper.CASE@Acme.Example"}},
		// The order of an attribute's values means nothing in LDAP: neither of the two owns it.
		human{uid: "own", name: "Box Owner", mail: []string{"box@acme.example"}},
		human{uid: "share", name: "Box Sharer", mail: []string{"sharer@acme.example", "box@acme.example"}},
		human{uid: "odd-plus", name: "Odd", mail: []string{"a+b@acme.example"}},
		human{uid: "odd-quote", name: "Odd", mail: []string{"o'hara@acme.example"}},
		human{uid: "odd-percent", name: "Odd", mail: []string{"50%25@acme.example"}},
		human{uid: "odd-slash", name: "Odd", mail: []string{"a/b@acme.example"}},
		human{uid: "odd-star", name: "Odd", mail: []string{"star*@acme.example"}},
		human{uid: "odd-parens", name: "Odd", mail: []string{"(x)@acme.example"}},
		human{uid: "odd-backslash", name: "Odd", mail: []string{`back\slash@acme.example`}},
		human{uid: "odd-amp", name: "Odd", mail: []string{"a&b=c|d@acme.example"}},
		human{uid: "plain", name: "Plain", mail: []string{"ab@acme.example"}},
	)
}

// tree is the LDIF of everything, with a referral below ou=partners.
func tree() string {
	var b strings.Builder
	b.WriteString("dn: " + suffix + "\nobjectClass: dcObject\nobjectClass: organization\no: Acme\ndc: acme\n\n")
	for _, ou := range []string{"people", "services", "partners"} {
		fmt.Fprintf(&b, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", ou, suffix, ou)
	}
	b.WriteString("dn: ou=far,ou=partners," + suffix + "\nobjectClass: referral\nobjectClass: extensibleObject\nou: far\nref: ldap://far.example/ou=far\n\n")
	for _, dn := range []string{reader, limited, blind} {
		name, _, _ := strings.Cut(strings.TrimPrefix(dn, "cn="), ",")
		fmt.Fprintf(&b, "dn: %s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: %s\nuserPassword:: %s\n\n",
			dn, name, base64.StdEncoding.EncodeToString([]byte(readerPassword)))
	}
	for _, h := range humans() {
		fmt.Fprintf(&b, "dn: uid=%s,%s\nobjectClass: inetOrgPerson\nuid: %s\n", h.uid, people, h.uid)
		for _, attribute := range []string{"cn", "sn"} {
			fmt.Fprintf(&b, "%s:: %s\n", attribute, base64.StdEncoding.EncodeToString([]byte(h.name)))
		}
		for _, mail := range h.mail {
			fmt.Fprintf(&b, "mail:: %s\n", base64.StdEncoding.EncodeToString([]byte(mail)))
		}
		if h.locked {
			b.WriteString("pwdAccountLockedTime: 000001010000Z\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}
