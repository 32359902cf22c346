// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// schema holds the names of attributes and filters of a kind of server.
type schema struct {
	people    string // the filter for them
	addresses []address
	signIn    string
	account   string // the attribute with the id that an entry never changes
	id        string // what is stored; "dn" = the DN
	state     string // the attribute with the state, which every entry has; "" = entries need not have one
}

// address is an attribute with addresses. Values have the prefix before them.
type address struct {
	name, prefix string
	kind         directory.AddressKind
}

// schemaOf returns what a kind of server has. The sign-in name of Active
// Directory is an address of its own. Where it is the uid, an address in it does
// not match: servers have no index that finds those.
func schemaOf(strategy string) (schema, error) {
	mail := address{name: "mail", kind: directory.Primary}
	var s schema
	switch strategy {
	case "", "openldap":
		s = schema{people: "(objectClass=person)", addresses: []address{mail}, signIn: "uid", account: "entryUUID"}
	case "ad":
		s = schema{people: "(objectCategory=person)(objectClass=user)", signIn: "userPrincipalName", account: "objectGUID", state: adFlags,
			addresses: []address{mail, {name: "userPrincipalName", kind: directory.Primary}, {name: "proxyAddresses", prefix: "smtp:"}}}
	case "freeipa":
		s = schema{people: "(objectClass=person)", addresses: []address{mail, {name: "mailAlternateAddress"}}, signIn: "uid", account: "ipaUniqueID"}
	default:
		return schema{}, fmt.Errorf("strategy: it is openldap, ad or freeipa, not %q", strategy)
	}
	s.id = s.account
	return s, nil
}

// Attributes that mark accounts as inactive: the flags and the end of accounts of
// Active Directory, the lock and the end of FreeIPA, those of OpenLDAP's password policy.
const (
	adFlags      = "userAccountControl"
	adExpires    = "accountExpires"
	ipaLock      = "nsAccountLock"
	ipaEnd       = "krbPrincipalExpiration"
	openldapLock = "pwdAccountLockedTime"
	openldapEnd  = "pwdEndTime"

	adDisabled    = 2
	lockedForGood = "000001010000" // the moment of a lock by hand; others pass
)

func (s schema) attributes() []string {
	names := []string{adFlags, adExpires, ipaLock, ipaEnd, openldapLock, openldapEnd, s.account, s.signIn, "displayName", "cn"}
	if s.id != "dn" && !strings.EqualFold(s.id, s.account) {
		names = append(names, s.id)
	}
	for _, a := range s.addresses {
		if !slices.Contains(names, a.name) {
			names = append(names, a.name)
		}
	}
	return names
}

// read returns an entry at a time. LDAP keeps values in no order, so each value
// of the main attribute is a primary address. An entry whose id or state cannot be
// read is marked.
func (s schema) read(e *ldap.Entry, now time.Time) directory.Account {
	a := directory.Account{
		SignIn: e.GetEqualFoldAttributeValue(s.signIn), State: directory.StateActive,
		Name: cmp.Or(e.GetEqualFoldAttributeValue("displayName"), e.GetEqualFoldAttributeValue("cn")),
	}
	a.Identity, a.Unreadable = s.value(e, s.id)
	if !strings.EqualFold(s.id, s.account) {
		var err error
		if a.AccountID, err = s.value(e, s.account); err != nil {
			a.Unreadable = err
		}
	}
	for _, from := range s.addresses {
		for _, value := range e.GetEqualFoldAttributeValues(from.name) {
			if len(value) <= len(from.prefix) || !strings.EqualFold(value[:len(from.prefix)], from.prefix) || !strings.Contains(value, "@") {
				continue
			}
			kind := from.kind
			if strings.HasPrefix(value, "SMTP:") && from.prefix != "" {
				kind = directory.Primary
			}
			if next := (directory.Address{Email: value[len(from.prefix):], Kind: kind}); !slices.Contains(a.Addresses, next) {
				a.Addresses = append(a.Addresses, next)
			}
		}
	}
	flags, _ := strconv.ParseInt(e.GetEqualFoldAttributeValue(adFlags), 10, 64)
	if flags&adDisabled != 0 || strings.EqualFold(e.GetEqualFoldAttributeValue(ipaLock), "true") ||
		strings.HasPrefix(e.GetEqualFoldAttributeValue(openldapLock), lockedForGood) ||
		expired(e.GetEqualFoldAttributeValue(adExpires), now) || past(e.GetEqualFoldAttributeValue(ipaEnd), now) || past(e.GetEqualFoldAttributeValue(openldapEnd), now) {
		a.State = directory.StateInactive
	}
	if s.state != "" && e.GetEqualFoldAttributeValue(s.state) == "" && a.Unreadable == nil && a.Identity != "" {
		a.Unreadable = fmt.Errorf("the entry shows no %s, so that it may be disabled. Let the directory's account read that attribute, or export it", s.state)
	}
	return a
}

// rows returns what read does, for each value of the id. LDAP keeps values in no
// order: each is a name of the account, and none of them is the one to store.
func (s schema) rows(e *ldap.Entry, now time.Time) []directory.Account {
	a := s.read(e, now)
	if a.AccountID == "" {
		return []directory.Account{s.unnamed(e, a)}
	}
	rows := []directory.Account{a}
	for i, id := range e.GetEqualFoldAttributeValues(s.id) {
		if i > 0 {
			a.Identity = id
			rows = append(rows, a)
		}
	}
	return rows
}

// unnamed marks an account whose id has several values.
func (s schema) unnamed(e *ldap.Entry, a directory.Account) directory.Account {
	if n := len(e.GetEqualFoldAttributeValues(s.id)); n > 1 && a.Unreadable == nil {
		a.Unreadable = fmt.Errorf("the entry has %d values of %s, so that none of them is its id. Choose an attribute with one value", n, s.id)
	}
	return a
}

// Read returns the account of an entry of an export, and whether it is one of a
// person, as the filters of schemaOf find them. idAttribute is stored; "" = the
// strategy's own.
func Read(e *ldap.Entry, strategy, idAttribute string, now time.Time) (a directory.Account, person bool) {
	s, err := schemaOf(strategy)
	s.id = cmp.Or(idAttribute, s.id)
	is := func(class string) bool {
		return slices.ContainsFunc(e.GetEqualFoldAttributeValues("objectClass"), func(c string) bool { return strings.EqualFold(c, class) })
	}
	person = is("person") || is("inetOrgPerson")
	if strategy == "ad" {
		person = is("user") && !is("computer")
	}
	a = s.unnamed(e, s.read(e, now))
	if a.Identity == "" && a.Unreadable == nil {
		a.Unreadable = fmt.Errorf("the entry has no %s. Export that attribute, or name another one in id_column", s.id)
	}
	return a, err == nil && person
}

// value returns an attribute that is an id.
func (s schema) value(e *ldap.Entry, attribute string) (string, error) {
	switch {
	case attribute == "dn":
		return e.DN, nil
	case strings.EqualFold(attribute, "objectGUID"):
		return guid(e.GetEqualFoldRawAttributeValue(attribute))
	}
	return e.GetEqualFoldAttributeValue(attribute), nil
}

// expired reports whether an accountExpires has passed: the number of steps of
// 100 nanoseconds since 1601; 0 and the largest number mean never.
func expired(value string, now time.Time) bool {
	const second, to1970 = 10_000_000, 11_644_473_600
	steps, err := strconv.ParseInt(value, 10, 64)
	return err == nil && steps > 0 && steps != math.MaxInt64 && steps/second-to1970 <= now.Unix()
}

// past reports whether a moment, a GeneralizedTime of RFC 4517, has passed.
func past(value string, now time.Time) bool {
	at, err := time.Parse("20060102150405Z0700", value)
	return err == nil && !at.After(now)
}

// withID returns the filter term for the entry with an id in an attribute; ok is
// false if no entry can have it.
func (s schema) withID(attribute, id string) (term string, ok bool) {
	switch {
	case attribute == "dn" && strings.Contains(s.people, "objectCategory"):
		return "(distinguishedName=" + ldap.EscapeFilter(id) + ")", true
	case attribute == "dn":
		return "(entryDN=" + ldap.EscapeFilter(id) + ")", true
	case !strings.EqualFold(attribute, "objectGUID"):
		return "(" + attribute + "=" + ldap.EscapeFilter(id) + ")", true
	}
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(b) != 16 {
		return "", false
	}
	b = []byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]}
	return fmt.Sprintf(`(%s=\%s)`, attribute, strings.Join(strings.Split(fmt.Sprintf("% x", b), " "), `\`)), true
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
