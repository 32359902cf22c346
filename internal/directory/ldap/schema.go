// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// schema holds the names of attributes and filters of a kind of server.
type schema struct {
	people    string // the filter for them
	addresses []address
	id        string
}

// address is an attribute with addresses, the main one first. Values have the
// prefix before them.
type address struct{ name, prefix string }

func schemaOf(strategy string) (schema, error) {
	switch strategy {
	case "", "openldap":
		return schema{people: "(objectClass=person)", addresses: []address{{name: "mail"}}, id: "entryUUID"}, nil
	case "ad":
		return schema{people: "(objectCategory=person)(objectClass=user)", id: "objectGUID",
			addresses: []address{{name: "mail"}, {name: "userPrincipalName"}, {name: "proxyAddresses", prefix: "smtp:"}}}, nil
	case "freeipa":
		return schema{people: "(objectClass=person)", addresses: []address{{name: "mail"}, {name: "mailAlternateAddress"}}, id: "ipaUniqueID"}, nil
	}
	return schema{}, fmt.Errorf("strategy: it is openldap, ad or freeipa, not %q", strategy)
}

// Attributes that mark accounts as inactive: the flags of Active Directory, the
// lock of FreeIPA, the lock of OpenLDAP's password policy.
const (
	adFlags      = "userAccountControl"
	ipaLock      = "nsAccountLock"
	openldapLock = "pwdAccountLockedTime"

	adDisabled    = 2
	lockedForGood = "000001010000" // the moment of a lock by hand; others pass
)

func (s schema) attributes() []string {
	names := []string{adFlags, ipaLock, openldapLock}
	if s.id != "dn" {
		names = append(names, s.id)
	}
	for _, a := range s.addresses {
		names = append(names, a.name)
	}
	return names
}

// account returns an entry. LDAP keeps values in no order, so each value of the
// main attribute is a primary address.
func (s schema) account(e *ldap.Entry) (directory.Account, error) {
	a := directory.Account{State: directory.StateActive}
	switch {
	case s.id == "dn":
		a.Identity = e.DN
	case strings.EqualFold(s.id, "objectGUID"):
		id, err := guid(e.GetEqualFoldRawAttributeValue(s.id))
		if err != nil {
			return a, fmt.Errorf("%w as expected: the entry %q: %w", directory.ErrUnavailable, e.DN, err)
		}
		a.Identity = id
	default:
		a.Identity = e.GetEqualFoldAttributeValue(s.id)
	}
	for i, from := range s.addresses {
		kind := directory.Alias
		if i == 0 {
			kind = directory.Primary
		}
		for _, value := range e.GetEqualFoldAttributeValues(from.name) {
			if len(value) > len(from.prefix) && strings.EqualFold(value[:len(from.prefix)], from.prefix) && strings.Contains(value, "@") &&
				!slices.Contains(a.Emails(), value[len(from.prefix):]) {
				a.Add(kind, directory.ProofUnknown, value[len(from.prefix):])
			}
		}
	}
	flags, _ := strconv.ParseInt(e.GetEqualFoldAttributeValue(adFlags), 10, 64)
	if flags&adDisabled != 0 || strings.EqualFold(e.GetEqualFoldAttributeValue(ipaLock), "true") ||
		strings.HasPrefix(e.GetEqualFoldAttributeValue(openldapLock), lockedForGood) {
		a.State = directory.StateInactive
	}
	return a, nil
}

// withID returns the filter term for the entry with an id; ok is false if no
// entry can have it.
func (s schema) withID(id string) (term string, ok bool) {
	switch {
	case s.id == "dn" && strings.Contains(s.people, "objectCategory"):
		return "(distinguishedName=" + ldap.EscapeFilter(id) + ")", true
	case s.id == "dn":
		return "(entryDN=" + ldap.EscapeFilter(id) + ")", true
	case !strings.EqualFold(s.id, "objectGUID"):
		return "(" + s.id + "=" + ldap.EscapeFilter(id) + ")", true
	}
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(b) != 16 {
		return "", false
	}
	b = []byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]}
	return fmt.Sprintf(`(%s=\%s)`, s.id, strings.Join(strings.Split(fmt.Sprintf("% x", b), " "), `\`)), true
}

// guid returns Active Directory's binary id in its usual form: its first three
// groups are little-endian.
func guid(b []byte) (string, error) {
	if len(b) == 0 {
		return "", nil
	}
	if len(b) != 16 {
		return "", fmt.Errorf("its objectGUID has %d bytes", len(b))
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", []byte{b[3], b[2], b[1], b[0]}, []byte{b[5], b[4]}, []byte{b[7], b[6]}, b[8:10], b[10:]), nil
}
