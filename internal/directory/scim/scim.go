// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package scim is the directory of any service that speaks SCIM 2.0
// (RFC 7644).
package scim

import (
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
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
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

	grant = "read access to users (/Users)"
)

type scim struct {
	api    *apiclient.Client
	idFrom idAttribute
	cased  caseProbe
}

var (
	_ directory.Directory = (*scim)(nil)
	_ directory.Lister    = (*scim)(nil)
)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	idFrom, err := parseIDAttribute(cfg.IDAttribute)
	if err != nil {
		return nil, err
	}
	if err := apiclient.Required("token", cfg.Token); err != nil {
		return nil, err
	}
	api, err := cfg.Open("", apiclient.Config{
		Auth:    apiclient.Bearer(cfg.Token),
		Secrets: []string{cfg.Token},
		Header:  http.Header{"Accept": {"application/scim+json, application/json"}},
		Grant:   grant,
	})
	if err != nil {
		return nil, err
	}
	return &scim{api: api, idFrom: idFrom}, nil
}

// Describe implements directory.Directory. SCIM documents no pace.
func (s *scim) Describe() directory.Descriptor {
	return directory.Descriptor{Lookup: true, ListPage: listCount, LookupSeesInactive: true}
}

// Check asks for one account: unlike /ServiceProviderConfig, which may be
// public, that proves the token.
func (s *scim) Check(ctx context.Context) error {
	_, err := s.page(ctx, "", 1, 1)
	return err
}

// Find always searches both attributes that can hold the address, as a walk
// sees both. If it finds nobody and the server's filters compare case, only the
// list can answer.
func (s *scim) Find(ctx context.Context, email string) ([]directory.Account, error) {
	found, err := s.search(ctx, email)
	if err != nil || len(found) > 0 {
		return found, err
	}
	cased, err := s.cased.compares(ctx, s)
	if err == nil && cased {
		err = directory.ErrNeedsList
	}
	return nil, err
}

func (s *scim) search(ctx context.Context, email string) ([]directory.Account, error) {
	found, err := s.all(ctx, "userName eq "+quote(email))
	if filterUnsupported(err) && !isUnescaped(email) {
		return nil, fmt.Errorf("%w: the server does not read a filter with quotation marks or backslashes: %w", directory.ErrAnswer, err)
	}
	if err != nil {
		return nil, err
	}
	more, err := s.all(ctx, "emails.value eq "+quote(email))
	if err != nil && !filterUnsupported(err) {
		return nil, err
	}
	return append(found, more...), nil
}

// FindID implements directory.IDFinder, with a filter on the attribute that is
// stored. A server may compare differently and find more: Status compares again.
func (s *scim) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	return s.all(ctx, string(s.idFrom)+" eq "+quote(id))
}

// Pages implements directory.Lister.
func (s *scim) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return s.pages(ctx, "", listCount)
}

func (s *scim) all(ctx context.Context, filter string) ([]directory.Account, error) {
	return directory.All(s.pages(ctx, filter, searchCount))
}

// pages follows startIndex, which counts from 1, by the number of users in
// each page: servers may send fewer than count.
func (s *scim) pages(ctx context.Context, filter string, count int) iter.Seq2[[]directory.Account, error] {
	return directory.Paged(ctx, func(ctx context.Context, before int) ([]directory.Account, int, error) {
		list, err := s.page(ctx, filter, before+1, count)
		if err != nil {
			return nil, 0, err
		}
		read := before + len(list.users)
		if len(list.users) == 0 || read >= list.total {
			read = 0
		}
		return s.idFrom.accounts(list.users), read, nil
	})
}

func (s *scim) page(ctx context.Context, filter string, start, count int) (listing, error) {
	query := url.Values{"startIndex": {strconv.Itoa(start)}, "count": {strconv.Itoa(count)}}
	if filter != "" {
		query.Set("filter", filter)
	}
	message, resp, err := apiclient.Get[listMessage](ctx, s.api, apiclient.Request{Path: "/Users", Query: query})
	if err != nil {
		return listing{}, err
	}
	list, err := message.read()
	if err != nil {
		return listing{}, resp.Unexpected(err.Error())
	}
	if start == 1 && len(list.users) == 0 && list.total > 0 {
		return listing{}, resp.Unexpected(fmt.Sprintf("it counts %d accounts and lists none", list.total))
	}
	return list, nil
}

// quote returns a value of a filter, which is a JSON string. It does not escape
// < and > as Go's encoder does: not every server reads that.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// isUnescaped reports whether a filter holds a value unchanged.
func isUnescaped(value string) bool { return !strings.ContainsAny(value, `\"`) }

// filterUnsupported reports whether a server that cannot filter by e-mail
// said so, in the way RFC 7644 section 3.12 gives it.
func filterUnsupported(err error) bool {
	var status *apiclient.StatusError
	if !errors.As(err, &status) || status.Status != http.StatusBadRequest {
		return false
	}
	var body struct {
		ScimType string `json:"scimType"`
	}
	return status.JSON(&body) == nil && body.ScimType == "invalidFilter"
}

// caseProbe finds out whether a server's filters compare case. By RFC 7643 they
// must not, for userName and e-mails; some do, and then do not find an
// upper-case address by its lower-case form.
type caseProbe struct {
	mu    sync.Mutex
	until time.Time // what is known is known until then
	cased bool
}

// probedFor bounds the age of a probe: servers are replaced, and people with
// upper-case addresses join.
const probedFor = 10 * time.Minute

// compares takes an address in upper case from the first page of the list and
// searches for it in lower case. It reports false if the page has none.
func (p *caseProbe) compares(ctx context.Context, s *scim) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.until) {
		return p.cased, nil
	}
	list, err := s.page(ctx, "", 1, listCount)
	if err != nil {
		return false, err
	}
	cased := false
	for _, a := range s.idFrom.accounts(list.users) {
		i := slices.IndexFunc(a.Emails(), func(e string) bool { return identity.FoldASCII(e) != e && isUnescaped(e) })
		if i < 0 {
			continue
		}
		found, err := s.search(ctx, identity.FoldASCII(a.Addresses[i].Email))
		if err != nil {
			return false, err
		}
		cased = !slices.ContainsFunc(found, func(b directory.Account) bool { return b.Identity == a.Identity })
		break
	}
	p.cased, p.until = cased, time.Now().Add(probedFor)
	return cased, nil
}

// listMessage is a ListResponse on the wire.
type listMessage struct {
	TotalResults *int   `json:"totalResults"`
	Resources    []user `json:"Resources"`
}

// user is a User resource, as far as it matters.
type user struct {
	ID         apiclient.Text `json:"id"`
	UserName   apiclient.Text `json:"userName"`
	ExternalID apiclient.Text `json:"externalId"`
	Active     flag           `json:"active"`
	Emails     []email        `json:"emails"`
}

type email struct {
	Value   apiclient.Text `json:"value"`
	Primary flag           `json:"primary"`
}

// listing is a page that was checked.
type listing struct {
	total int
	users []user
}

// read refuses JSON that is no ListResponse: an error sent with status 200 would
// look like an empty list.
func (m listMessage) read() (listing, error) {
	switch {
	case m.TotalResults == nil:
		return listing{}, errors.New("it is not a SCIM list: totalResults is missing")
	case *m.TotalResults < 0:
		return listing{}, fmt.Errorf("totalResults is %d", *m.TotalResults)
	}
	return listing{total: *m.TotalResults, users: m.Resources}, nil
}

// flag is a boolean that may be missing. Some servers send it as a string.
type flag struct{ known, value bool }

func (f *flag) UnmarshalJSON(raw []byte) error {
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true":
		*f = flag{known: true, value: true}
	case "false":
		*f = flag{known: true}
	case "null", "":
		*f = flag{}
	default:
		return &json.UnmarshalTypeError{Value: "value", Field: "active or emails.primary"}
	}
	return nil
}

// idAttribute is the attribute whose value is stored.
type idAttribute string

func parseIDAttribute(name string) (idAttribute, error) {
	switch name {
	case "":
		return "id", nil
	case "id", "userName", "externalId":
		return idAttribute(name), nil
	}
	return "", fmt.Errorf("id_attribute: it is id, userName or externalId, not %q", name)
}

func (a idAttribute) of(u user) string {
	switch a {
	case "userName":
		return string(u.UserName)
	case "externalId":
		return string(u.ExternalID)
	}
	return string(u.ID)
}

func (a idAttribute) accounts(users []user) []directory.Account {
	accounts := make([]directory.Account, len(users))
	for i, u := range users {
		primary, other := u.addresses()
		accounts[i] = directory.Account{
			Identity: a.of(u), SignIn: string(u.UserName), State: u.state(),
			Addresses: slices.Concat(directory.Primaries(primary...), directory.Aliases(other...)),
		}
	}
	return accounts
}

// state returns StateUnknown if the server does not say.
func (u user) state() directory.State {
	switch {
	case !u.Active.known:
		return directory.StateUnknown
	case u.Active.value:
		return directory.StateActive
	}
	return directory.StateInactive
}

// addresses returns the e-mail marked as primary, and a userName that is an
// e-mail, which no two users share. If none is marked, all are primary: SCIM
// gives values no order.
func (u user) addresses() (primary, other []string) {
	marked := slices.ContainsFunc(u.Emails, func(e email) bool { return e.Primary.value && e.Value != "" })
	for _, e := range u.Emails {
		switch {
		case e.Value == "":
		case e.Primary.value == marked:
			primary = append(primary, string(e.Value))
		default:
			other = append(other, string(e.Value))
		}
	}
	isMail := func(address string) bool { return strings.EqualFold(address, string(u.UserName)) }
	if strings.Contains(string(u.UserName), "@") && !slices.ContainsFunc(primary, isMail) {
		primary = append(primary, string(u.UserName))
	}
	return primary, other
}
