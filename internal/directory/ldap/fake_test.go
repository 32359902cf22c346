// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap_test

import (
	"encoding/binary"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// fake is an LDAP server in the clear, for one world. It compares without
// case, as the attributes of people are compared.
type fake struct {
	world  directorytest.World
	result int    // of every search; 0 = success
	silent bool   // searches are not answered
	ad     bool   // its people have the attributes of Active Directory
	hidden string // ids of people without a state begin with it; "" = all have one
	blind  bool   // without addresses
	loses  bool   // pages after the first one have no paging control
	alike  bool   // its pages have one cookie, and the connection knows the place
}

const (
	baseDN = "dc=acme,dc=com"
	bindDN = "cn=sym," + baseDN
)

func (f fake) listen(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	return "ldap://" + l.Addr().String()
}

func (f fake) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	place := 0
	for {
		message, err := ber.ReadPacket(conn)
		if err != nil || len(message.Children) < 2 {
			return
		}
		id, op := message.Children[0].Value.(int64), message.Children[1]
		reply := func(p *ber.Packet, controls ...ldap.Control) {
			envelope := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
			envelope.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
			envelope.AppendChild(p)
			if len(controls) > 0 {
				list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
				for _, c := range controls {
					list.AppendChild(c.Encode())
				}
				envelope.AppendChild(list)
			}
			_, _ = conn.Write(envelope.Bytes())
		}
		switch op.Tag {
		case ldap.ApplicationBindRequest:
			code := ldap.LDAPResultSuccess
			if op.Children[1].Value.(string) != bindDN || op.Children[2].Data.String() != directorytest.Secret {
				code = ldap.LDAPResultInvalidCredentials
			}
			reply(done(ldap.ApplicationBindResponse, code))
		case ldap.ApplicationSearchRequest:
			if f.silent {
				continue
			}
			place = f.search(message, op, place, reply)
		default:
			return
		}
	}
}

// search answers a search, and returns where its next page begins.
func (f fake) search(message, op *ber.Packet, place int, reply func(*ber.Packet, ...ldap.Control)) int {
	if f.result != 0 {
		reply(done(ldap.ApplicationSearchResultDone, f.result))
		return 0
	}
	if op.Children[0].Value.(string) != baseDN {
		reply(done(ldap.ApplicationSearchResultDone, ldap.LDAPResultNoSuchObject))
		return 0
	}
	var people []directorytest.Person
	for _, p := range f.world.People {
		if matches(op.Children[6], f.attributes(p)) {
			people = append(people, p)
		}
	}
	size, start := 1<<20, 0
	for _, c := range message.Children[2].Children {
		if control, err := ldap.DecodeControl(c); err == nil {
			if paging, ok := control.(*ldap.ControlPaging); ok {
				size = int(paging.PagingSize)
				start, _ = strconv.Atoi(string(paging.Cookie))
				if f.alike && len(paging.Cookie) > 0 {
					start = place
				}
			}
		}
	}
	page, next, more := f.world.Slice(people, start, size)
	for _, p := range page {
		entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
		entry.AppendChild(text("uid=" + p.ID + "," + baseDN))
		list := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
		for name, values := range f.attributes(p) {
			attribute := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
			attribute.AppendChild(text(name))
			set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
			for _, v := range values {
				set.AppendChild(text(v))
			}
			attribute.AppendChild(set)
			list.AppendChild(attribute)
		}
		entry.AppendChild(list)
		reply(entry)
	}
	answer := ldap.NewControlPaging(0)
	if more {
		answer.SetCookie([]byte(strconv.Itoa(next)))
		if f.alike {
			answer.SetCookie([]byte("0"))
		}
	}
	controls := []ldap.Control{answer}
	if f.loses && start > 0 {
		controls = nil
	}
	reply(done(ldap.ApplicationSearchResultDone, ldap.LDAPResultSuccess), controls...)
	return next
}

// attributes of a person. A uid in front of the id is the person's name, or several.
func (f fake) attributes(p directorytest.Person) map[string][]string {
	if f.ad {
		a := adAttributes(p)
		if f.hidden != "" && strings.HasPrefix(p.ID, f.hidden) {
			delete(a, "userAccountControl")
		}
		if f.blind {
			delete(a, "userPrincipalName")
			delete(a, "proxyAddresses")
		}
		return a
	}
	uid, id, named := strings.Cut(p.ID, ":")
	if !named {
		uid, id = "user-"+p.ID, p.ID
	}
	a := map[string][]string{"entryUUID": {id}, "uid": strings.Split(uid, "|"), "mail": p.Emails, "objectClass": {"top", "person"}}
	if p.Inactive {
		a["pwdAccountLockedTime"] = []string{"000001010000Z"}
	}
	return a
}

// adAttributes of a person, whose ID is a GUID with a first group only.
func adAttributes(p directorytest.Person) map[string][]string {
	group, _ := strconv.ParseUint(p.ID[:8], 16, 32)
	guid := binary.LittleEndian.AppendUint32(nil, uint32(group))
	a := map[string][]string{"objectGUID": {string(append(guid, make([]byte, 12)...))}, "objectCategory": {"person"}, "objectClass": {"top", "user"},
		"userPrincipalName": p.Emails[:1], "userAccountControl": {"512"}}
	for i, address := range p.Emails {
		prefix := "smtp:"
		if i == 0 {
			prefix = "SMTP:"
		}
		a["proxyAddresses"] = append(a["proxyAddresses"], prefix+address)
	}
	if p.Inactive {
		a["userAccountControl"] = []string{"514"}
	}
	return a
}

func matches(filter *ber.Packet, entry map[string][]string) bool {
	switch filter.Tag {
	case ldap.FilterAnd:
		return !slices.ContainsFunc(filter.Children, func(f *ber.Packet) bool { return !matches(f, entry) })
	case ldap.FilterOr:
		return slices.ContainsFunc(filter.Children, func(f *ber.Packet) bool { return matches(f, entry) })
	case ldap.FilterEqualityMatch:
		return slices.ContainsFunc(entry[filter.Children[0].Value.(string)], func(v string) bool {
			return strings.EqualFold(v, filter.Children[1].Data.String())
		})
	case ldap.FilterPresent:
		return len(entry[filter.Data.String()]) > 0
	}
	return false
}

func text(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

func done(tag ber.Tag, code int) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	p.AppendChild(text(""))
	p.AppendChild(text("said for the test"))
	return p
}
