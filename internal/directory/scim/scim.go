// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package scim is the directory of any service that speaks SCIM 2.0
// (RFC 7644).
package scim

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Config describes a SCIM service provider.
type Config struct {
	apiclient.Settings `required:"base_url"` // BaseURL precedes /Users, such as https://api.example.com/scim/v2
	Token              string                `hcl:"token" kind:"secret"`   // sent as a bearer token
	IDAttribute        string                `hcl:"id_attribute,optional"` // stored: "id" (the default), "userName" or "externalId"
}

const (
	searchCount = 10  // accounts asked for in a search for one address
	listCount   = 100 // and in a page of the list; servers may give fewer
	smallPage   = 10  // below which no server limits its pages

	grant = "read access to users (/Users)"
)

type scim struct {
	directory.Descriptor
	api     *apiclient.Client
	idFrom  idAttribute
	filters probe
}

var (
	_ directory.Lister   = (*scim)(nil)
	_ directory.Searcher = (*scim)(nil)
)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	idFrom := idAttribute(cmp.Or(cfg.IDAttribute, "id"))
	if !slices.Contains([]idAttribute{"id", "userName", "externalId"}, idFrom) {
		return nil, fmt.Errorf("id_attribute: it is id, userName or externalId, not %q", idFrom)
	}
	api, err := cfg.OpenWith(apiclient.Credential{Token: cfg.Token}, "", apiclient.Config{
		Header: http.Header{"Accept": {"application/scim+json, application/json"}},
		Grant:  grant,
	})
	if err != nil {
		return nil, err
	}
	return &scim{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listCount, LookupSeesInactive: true, AddressGrant: grant},
		api:        api, idFrom: idFrom,
	}, nil
}

// Check reads the list beyond its first page, as far as that proves the token
// and the list's own count, and finds out what the server can filter by.
func (s *scim) Check(ctx context.Context) error {
	pages := 0
	for _, err := range s.Pages(ctx) {
		if pages++; err != nil {
			return err
		}
		if pages == 3 {
			break
		}
	}
	_, err := s.filters.reliable(ctx, s)
	return err
}

// Find searches by the attributes that can hold the address, as far as the
// server's filters can be relied on: whatever they may hide, only the list can
// answer. Whoever signs in by the address has it, so that such a hit needs no
// second search.
func (s *scim) Find(ctx context.Context, email string) ([]directory.Account, error) {
	can, err := s.filters.reliable(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case !can.userName:
		return nil, directory.ErrNeedsList
	}
	found, err := s.search(ctx, "userName", email)
	signsIn := func(a directory.Account) bool { return identity.FoldASCII(a.SignIn) == email }
	switch {
	case refused(err):
		return nil, directory.ErrNeedsList
	case err != nil, slices.ContainsFunc(found, signsIn):
		return found, err
	case !can.emails:
		return nil, directory.ErrNeedsList
	}
	more, err := s.search(ctx, "emails.value", email)
	if refused(err) {
		return nil, directory.ErrNeedsList
	}
	return append(found, more...), err
}

// Search implements directory.Searcher: some servers list only a part of their
// users, and filter all of them.
func (s *scim) Search(ctx context.Context, email string) ([]directory.Account, error) {
	var found []directory.Account
	for _, attribute := range []string{"userName", "emails.value"} {
		some, err := s.search(ctx, attribute, email)
		if err != nil && !refused(err) {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

func (s *scim) search(ctx context.Context, attribute, value string) ([]directory.Account, error) {
	return directory.All(s.pages(ctx, attribute+" eq "+apiclient.Quote(value), searchCount))
}

// FindID implements directory.IDFinder, with a filter on the attribute that is
// stored. A server may compare differently and find more: Status compares again.
func (s *scim) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	return s.findBy(ctx, s.idFrom, id)
}

func (s *scim) FindAccount(ctx context.Context, accountID string) ([]directory.Account, error) {
	return s.findBy(ctx, "id", accountID)
}

// findBy searches by an attribute. A filter that finds nobody proves nothing
// unless it was seen to find somebody: then only the list can answer, or the user
// with that id if there is one.
func (s *scim) findBy(ctx context.Context, attribute idAttribute, value string) ([]directory.Account, error) {
	found, err := s.search(ctx, string(attribute), value)
	if err != nil && !refused(err) || len(found) > 0 {
		return found, err
	}
	wasRefused := err != nil // whatever was seen of the filter, it found out nothing
	can, err := s.filters.reliable(ctx, s)
	if err != nil || can.ids[attribute] && !wasRefused {
		return nil, err
	}
	if attribute == "id" && strings.Trim(value, ".") != "" {
		raw, _, err := apiclient.Get[json.RawMessage](ctx, s.api, apiclient.Request{Path: "/Users/" + url.PathEscape(value)})
		if err != nil && !refused(err) {
			return nil, err
		}
		if a := apiclient.ReadRecord(raw, s.idFrom.account); err == nil && cmp.Or(a.AccountID, a.Identity) == value {
			return []directory.Account{a}, nil
		}
	}
	return nil, directory.ErrNeedsList
}

func (s *scim) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return s.pages(ctx, "", listCount)
}

// pages follows startIndex, which counts from 1, by the number of users in
// each page: servers may send fewer than count. A server that knows no pages
// sends everybody again where nobody should come.
func (s *scim) pages(ctx context.Context, filter string, count int) iter.Seq2[[]directory.Account, error] {
	full := smallPage
	if filter != "" {
		full = 0
	}
	var first []directory.Account
	known := func(a directory.Account) bool {
		return slices.ContainsFunc(first, func(b directory.Account) bool { return a.Identity == b.Identity })
	}
	return directory.Numbered(ctx, full, func(ctx context.Context, at directory.Position) (directory.Page[directory.Position], *bool, error) {
		list, err := s.page(ctx, filter, at.Rows+1, count)
		switch {
		case at.Rows == 0:
			first = list.accounts
		case at.Rows == list.total && !slices.ContainsFunc(list.accounts, func(a directory.Account) bool { return !known(a) }):
			list.accounts = nil
		}
		return directory.Page[directory.Position]{Accounts: list.accounts, Rows: len(list.accounts), Total: &list.total}, nil, err
	})
}

func (s *scim) page(ctx context.Context, filter string, start, count int) (listing, error) {
	query := url.Values{"startIndex": {strconv.Itoa(start)}, "count": {strconv.Itoa(count)}}
	if filter != "" {
		query.Set("filter", filter)
	}
	message, accounts, resp, err := apiclient.List(ctx, s.api, apiclient.Request{Path: "/Users", Query: query},
		func(m listMessage) *[]apiclient.Record[user] { return &m.Resources }, s.idFrom.account)
	if err != nil {
		return listing{}, err
	}
	total, err := message.total()
	if err != nil {
		err = resp.Unexpected(err.Error())
	}
	return listing{total, accounts}, err
}

// isUnescaped reports whether a filter holds a value unchanged.
func isUnescaped(value string) bool { return !strings.ContainsAny(value, `\"`) }

// refused reports whether a server refused a filter. RFC 7644 section 3.12 gives
// that a form, which not every server keeps to.
func refused(err error) bool {
	switch apiclient.StatusOf(err) {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnprocessableEntity, http.StatusNotImplemented:
		return true
	}
	return false
}

// reliable says by which attributes a server's filters find everybody.
type reliable struct {
	userName, emails bool
	ids              map[idAttribute]bool // by the same value
}

// probe finds out which filters of a server can be relied on. Some servers
// refuse one, or answer it with nobody. By RFC 7643 filters must not compare
// the case of userName and e-mails; some do, and then do not find an upper-case
// address by its lower-case form.
type probe struct {
	flight httpx.Flight[reliable]
	last   atomic.Pointer[probed]
}

type probed struct {
	known reliable
	until time.Time // it is valid until then
}

// probedFor bounds the age of a probe: servers are replaced, and people with
// other addresses join.
const probedFor = 10 * time.Minute

// reliable searches for users of the first page of the list, in another case
// than the list has. A filter that was not seen to find one of each kind is not
// relied on.
func (p *probe) reliable(ctx context.Context, s *scim) (reliable, error) {
	return p.flight.Do(ctx, func(ctx context.Context) (reliable, error) {
		if last := p.last.Load(); last != nil && time.Now().Before(last.until) {
			return last.known, nil
		}
		known, err := s.probe(ctx)
		if err == nil {
			p.last.Store(&probed{known, time.Now().Add(probedFor)})
		}
		return known, err
	})
}

func (s *scim) probe(ctx context.Context) (reliable, error) {
	list, err := s.page(ctx, "", 1, listCount)
	if err != nil {
		return reliable{}, err
	}
	var known reliable
	if known.userName, err = s.finds(ctx, "userName", list.accounts, func(a directory.Account) []string { return []string{a.SignIn} }); err != nil {
		return reliable{}, err
	}
	if known.emails, err = s.findsEmails(ctx, list); err != nil {
		return reliable{}, err
	}
	if known.ids, err = s.findsIDs(ctx, list); err != nil {
		return reliable{}, err
	}
	return known, nil
}

// findsIDs tries the filters by the id and by the attribute that is stored. A list
// of nobody leaves nothing to find.
func (s *scim) findsIDs(ctx context.Context, list listing) (map[idAttribute]bool, error) {
	finds := map[idAttribute]bool{s.idFrom: list.total == 0, "id": list.total == 0}
	for attribute := range finds {
		for _, a := range list.accounts {
			value := a.Identity
			if attribute != s.idFrom {
				value = a.AccountID
			}
			if value == "" || !isUnescaped(value) {
				continue
			}
			found, err := s.findsAs(ctx, string(attribute), a, value)
			if err != nil {
				return nil, err
			}
			finds[attribute] = found
			break
		}
	}
	return finds, nil
}

// findsEmails tries the filter with a primary address and with another one, of
// users who do not sign in by it. A kind that the page does not show proves nothing,
// unless the page is the whole list.
func (s *scim) findsEmails(ctx context.Context, list listing) (bool, error) {
	accounts, tried := list.accounts, false
	for _, kind := range []directory.AddressKind{directory.Primary, directory.Alias} {
		emails := func(a directory.Account) []string {
			var emails []string
			for _, address := range a.Addresses {
				if address.Kind == kind && address.Email != a.SignIn {
					emails = append(emails, address.Email)
				}
			}
			return emails
		}
		if !slices.ContainsFunc(accounts, func(a directory.Account) bool { return len(emails(a)) > 0 }) {
			if list.total > len(accounts) {
				return false, nil
			}
			continue
		}
		tried = true
		if found, err := s.finds(ctx, "emails.value", accounts, emails); err != nil || !found {
			return false, err
		}
	}
	if tried {
		return true, nil
	}
	// Everybody signs in by the only address.
	return s.finds(ctx, "emails.value", accounts, directory.Account.Emails)
}

// finds reports whether a filter finds one of some users by a value in another
// case. It takes one in upper case if there is any: that is what a search for a
// lower-case address has to find.
func (s *scim) finds(ctx context.Context, attribute string, accounts []directory.Account, values func(directory.Account) []string) (bool, error) {
	var sample directory.Account
	var value string
	for _, a := range accounts {
		for _, v := range values(a) {
			lower, upper := identity.FoldASCII(v), upperASCII(v)
			switch {
			case !isUnescaped(v) || lower == upper:
			case lower != v:
				return s.findsAs(ctx, attribute, a, lower)
			case value == "":
				sample, value = a, upper
			}
		}
	}
	if value == "" {
		return false, nil
	}
	return s.findsAs(ctx, attribute, sample, value)
}

func upperASCII(value string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}, value)
}

func (s *scim) findsAs(ctx context.Context, attribute string, sample directory.Account, value string) (bool, error) {
	found, err := s.search(ctx, attribute, value)
	if refused(err) {
		return false, nil
	}
	return err == nil && slices.ContainsFunc(found, func(a directory.Account) bool { return a.Identity == sample.Identity }), err
}

// listMessage is a ListResponse on the wire.
type listMessage struct {
	TotalResults *apiclient.Text          `json:"totalResults"`
	Resources    []apiclient.Record[user] `json:"Resources"`
}

// listing is a page that was checked.
type listing struct {
	total    int
	accounts []directory.Account
}

// total refuses JSON that is no ListResponse: an error sent with status 200
// would look like an empty list.
func (m listMessage) total() (int, error) {
	if m.TotalResults == nil {
		return 0, errors.New("it is not a SCIM list: totalResults is missing")
	}
	total, err := strconv.ParseUint(strings.TrimSpace(string(*m.TotalResults)), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("totalResults is %q", string(*m.TotalResults))
	}
	return int(total), nil
}

// user is a User resource, as far as it matters.
type user struct {
	ID          apiclient.Text `json:"id"`
	UserName    apiclient.Text `json:"userName"`
	ExternalID  apiclient.Text `json:"externalId"`
	DisplayName apiclient.Text `json:"displayName"`
	Active      apiclient.Flag `json:"active"`
	Emails      emails         `json:"emails"`
}

type email struct {
	Value   apiclient.Text `json:"value"`
	Primary apiclient.Flag `json:"primary"`
}

// emails reads what it can. Some servers send an address without an object
// around it.
type emails []email

func (e *emails) UnmarshalJSON(raw []byte) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		elements = []json.RawMessage{raw} // one address in place of a list
	}
	var problem error
	for _, element := range elements {
		var one email
		err := json.Unmarshal(element, &one.Value)
		if bytes.HasPrefix(bytes.TrimSpace(element), []byte("{")) {
			err = json.Unmarshal(element, &one)
		}
		if err != nil {
			problem = &json.UnmarshalTypeError{Value: "value", Field: "emails"}
		}
		*e = append(*e, one)
	}
	return problem
}

// idAttribute is the attribute whose value is stored.
type idAttribute string

// account returns a user. Names and external ids may be given to somebody else;
// the server's id is kept beside them. The e-mail marked as primary and a userName
// that is an e-mail are the account's own. If none is marked, all are: SCIM gives
// values no order.
func (a idAttribute) account(u user) directory.Account {
	id := string(u.ID)
	out := directory.Account{Identity: id, SignIn: string(u.UserName), Name: string(u.DisplayName)}
	if a != "id" {
		out.AccountID, out.Identity = id, map[idAttribute]string{"userName": out.SignIn, "externalId": string(u.ExternalID)}[a]
	}
	if u.Active.Known {
		out.State = directory.StateInactive
		if u.Active.Value {
			out.State = directory.StateActive
		}
	}
	marked := slices.ContainsFunc(u.Emails, func(e email) bool { return e.Primary.Value && e.Value != "" })
	for _, e := range u.Emails {
		if e.Primary.Value == marked {
			out.Add(directory.Primary, directory.ProofUnknown, string(e.Value))
		}
	}
	if !slices.ContainsFunc(out.Emails(), func(email string) bool { return identity.FoldASCII(email) == identity.FoldASCII(out.SignIn) }) {
		out.SetSignIn(out.SignIn, directory.ProofUnknown)
	}
	for _, e := range u.Emails {
		if e.Primary.Value != marked {
			out.Add(directory.Alias, directory.ProofUnknown, string(e.Value))
		}
	}
	return out
}
