// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package pagerduty is the directory of a PagerDuty account.
package pagerduty

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes an account.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://api.pagerduty.com; the EU has a host of its own
	Subdomain          string `kind:"external_id"`        // "acme" or "acme.pagerduty.com"; "" = do not compare
	Token              string `hcl:"token" kind:"secret"` // a REST API key
}

const (
	host     = "https://api.pagerduty.com"
	listSize = 100
	// maxRecords is where PagerDuty ends a collection.
	maxRecords = 10_000
	grant      = "read access to users (a read-only API key is enough)"
	pace       = time.Minute / 960
	burst      = 96 // a tenth of a minute's requests: other tools use the account too
	// notFoundCode is PagerDuty's own "Not Found".
	notFoundCode = 2100
)

// pagerduty has no inactive users: they are deleted.
type pagerduty struct {
	directory.Descriptor
	api       *apiclient.Client
	subdomain string
}

var (
	_ directory.Lister   = (*pagerduty)(nil)
	_ directory.IDFinder = (*pagerduty)(nil)
)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	api, err := cfg.OpenWith(apiclient.Credential{Token: cfg.Token, Scheme: "Token token="}, host, apiclient.Config{
		Every:      pace,
		Burst:      burst,
		Grant:      grant,
		Header:     http.Header{"Accept": {"application/vnd.pagerduty+json;version=2"}},
		RetryAfter: apiclient.ResetIn("ratelimit-reset"),
	})
	if err != nil {
		return nil, err
	}
	return &pagerduty{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listSize, LookupEvery: pace, ListEvery: pace, ListMaxAccounts: maxRecords, LookupSeesInactive: true, AddressGrant: grant},
		api:        api, subdomain: firstLabel(cfg.Subdomain),
	}, nil
}

func firstLabel(domain string) string {
	label, _, _ := strings.Cut(domain, ".")
	return label
}

// Check asks for one user, whose page names the account.
func (p *pagerduty) Check(ctx context.Context) error {
	list, _, err := p.list(ctx, url.Values{"limit": {"1"}})
	if err != nil {
		return err
	}
	for _, u := range *list.Users {
		page, err := url.Parse(u.Value.HTMLURL)
		if err != nil || page.Host == "" {
			continue
		}
		return directory.Belongs("account", firstLabel(page.Hostname()), p.subdomain)
	}
	return fmt.Errorf("%w: it sees no user, and so no name of the account; grant it %s", directory.ErrPermission, grant)
}

// Find searches; the search also matches names and parts of addresses.
func (p *pagerduty) Find(ctx context.Context, email string) ([]directory.Account, error) {
	return directory.All(p.pages(ctx, email))
}

func (p *pagerduty) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	type body struct {
		Error struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	type message struct {
		User user `json:"user"`
	}
	return apiclient.GetUser(ctx, p.api, apiclient.Request{Path: "/users/" + url.PathEscape(id)},
		func(b body) bool { return b.Error.Code == notFoundCode }, func(m message) directory.Account { return m.User.account() })
}

func (p *pagerduty) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return p.pages(ctx, "")
}

func (p *pagerduty) pages(ctx context.Context, search string) iter.Seq2[[]directory.Account, error] {
	return directory.Numbered(ctx, 0, func(ctx context.Context, at directory.Position) (page directory.Page[directory.Position], more *bool, err error) {
		if at.Rows+listSize > maxRecords {
			return page, nil, fmt.Errorf("%w after %d accounts", directory.ErrTruncated, at.Rows)
		}
		query := url.Values{"limit": {strconv.Itoa(listSize)}, "offset": {strconv.Itoa(at.Rows)}}
		if search != "" {
			query.Set("query", search)
		} else {
			query.Set("total", "true") // slower, so not with each search
		}
		list, resp, err := p.list(ctx, query)
		switch {
		case err != nil:
			return page, nil, err
		case list.Total != nil && *list.Total > maxRecords:
			return page, nil, fmt.Errorf("%w: its count is %d accounts, and it shows %d", directory.ErrTruncated, *list.Total, maxRecords)
		}
		page.Accounts, err = apiclient.RecordAccounts(resp, list.Users, user.account)
		page.Rows, page.Total = len(page.Accounts), list.Total
		return page, list.More, err
	})
}

func (p *pagerduty) list(ctx context.Context, query url.Values) (listMessage, *apiclient.Response, error) {
	list, resp, err := apiclient.Get[listMessage](ctx, p.api, apiclient.Request{Path: "/users", Query: query})
	if err == nil && (list.Users == nil || list.More == nil) {
		err = resp.Unexpected("it is not a list of users")
	}
	return list, resp, err
}

// listMessage is a page. Its total is null unless it is asked for.
type listMessage struct {
	Users *[]apiclient.Record[user] `json:"users"`
	More  *bool                     `json:"more"`
	Total *int                      `json:"total"`
}

type user struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	Email          string `json:"email"`
	InvitationSent bool   `json:"invitation_sent"`
	HTMLURL        string `json:"html_url"`
}

func (u user) account() directory.Account {
	a := directory.Account{Identity: u.ID, Name: u.Name, State: directory.StateActive}
	a.SetSignIn(u.Email, directory.ProofUnknown)
	if u.InvitationSent {
		a.State = directory.StateInvited
	}
	return a
}

// Read returns the account of a user in the JSON of the API, for exports of it.
func Read(raw []byte) directory.Account { return apiclient.ReadRecord(raw, user.account) }
