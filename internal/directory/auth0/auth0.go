// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package auth0 is the directory of an Auth0 tenant.
package auth0

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a tenant. The credential is Token, or ClientID and
// ClientSecret of a machine-to-machine application.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://Domain
	Domain             string `kind:"external_id"` // such as acme.eu.auth0.com
	Token              string `hcl:"token,optional" kind:"secret"`
	ClientID           string `hcl:"client_id,optional"`
	ClientSecret       string `hcl:"client_secret,optional" kind:"secret"`
	Connection         string `hcl:"connection,optional"` // match accounts of this connection only; "" = of all
}

const (
	listSize = 100
	// maxListed is where Auth0 ends its list.
	maxListed = 1000
	grant     = "the scope read:users of the Management API"
	fields    = "user_id,email,email_verified,username,name,blocked,identities"
)

type auth0 struct {
	directory.Descriptor
	cfg Config
	api *apiclient.Client
}

var _ directory.Lister = (*auth0)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if cfg.BaseURL == "" {
		if err := apiclient.Host("base_url", cfg.Domain, "acme.eu.auth0.com"); err != nil {
			return nil, err
		}
		cfg.BaseURL = "https://" + cfg.Domain
	}
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	api, err := cfg.OpenWith(apiclient.Credential{
		Token: cfg.Token,
		Login: []apiclient.Field{{Setting: "client_id", Value: cfg.ClientID}, {Setting: "client_secret", Value: cfg.ClientSecret}},
		Fetch: func(ctx context.Context, c *apiclient.Client) (apiclient.AccessToken, error) {
			return c.FetchToken(ctx, apiclient.PostJSON("/oauth/token", map[string]string{"grant_type": "client_credentials",
				"client_id": cfg.ClientID, "client_secret": cfg.ClientSecret, "audience": cfg.BaseURL + "/api/v2/"}))
		},
	}, "", apiclient.Config{
		Secrets:    []string{cfg.ClientSecret},
		RetryAfter: apiclient.ResetAt("X-RateLimit-Reset"),
		Grant:      grant,
	})
	if err != nil {
		return nil, err
	}
	return &auth0{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listSize, ListMaxAccounts: maxListed, LookupSeesInactive: true, AddressGrant: grant},
		cfg:        cfg, api: api,
	}, nil
}

// Check asks for one user. A token is good for the tenant's own host only.
func (a *auth0) Check(ctx context.Context) error {
	if err := a.cfg.Belongs("tenant", a.cfg.Domain, "auth0.com"); err != nil {
		return err
	}
	_, _, err := a.page(ctx, url.Values{"per_page": {"1"}, "page": {"0"}})
	return err
}

// Find asks for the address, which compares with case and sees changes at once,
// and searches, which does neither: some connections keep capital letters, and
// one person's accounts may be spelled differently.
func (a *auth0) Find(ctx context.Context, email string) ([]directory.Account, error) {
	byEmail := apiclient.Request{Path: "/api/v2/users-by-email", Query: url.Values{"email": {email}, "fields": {fields}}}
	_, exact, _, err := apiclient.List(ctx, a.api, byEmail, a.connected, user.account)
	if err != nil {
		return nil, err
	}
	found, err := directory.All(a.pages(ctx, url.Values{"q": {"email:" + apiclient.Quote(email)}, "search_engine": {"v3"}}))
	return append(found, exact...), err
}

// Pages implements directory.Lister, as far as Auth0 lists.
func (a *auth0) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return a.pages(ctx, url.Values{})
}

// pages reads pages by number until all rows of Auth0's own count have come. An
// Auth0 that does not count ends its list with an empty page.
func (a *auth0) pages(ctx context.Context, query url.Values) iter.Seq2[[]directory.Account, error] {
	query.Set("fields", fields)
	query.Set("per_page", strconv.Itoa(listSize))
	return directory.Numbered(ctx, listSize, func(ctx context.Context, at directory.Position) (p directory.Page[directory.Position], more *bool, err error) {
		if at.Rows >= maxListed {
			return p, nil, fmt.Errorf("%w after %d accounts", directory.ErrTruncated, at.Rows)
		}
		query := maps.Clone(query)
		query.Set("page", strconv.Itoa(at.Page))
		list, accounts, err := a.page(ctx, query)
		if err != nil {
			return p, nil, err
		}
		p.Accounts, p.Rows, p.Total = accounts, len(*list.Users), list.Total
		if p.Total != nil && *p.Total >= maxListed {
			err = fmt.Errorf("%w: its count is %d accounts, and it shows %d", directory.ErrTruncated, *p.Total, maxListed)
		}
		return p, nil, err
	})
}

// page returns a page of the list, and its accounts of the connection.
func (a *auth0) page(ctx context.Context, query url.Values) (listMessage, []directory.Account, error) {
	query.Set("include_totals", "true")
	list, accounts, _, err := apiclient.List(ctx, a.api, apiclient.Request{Path: "/api/v2/users", Query: query},
		func(m listMessage) *[]apiclient.Record[user] { return a.connected(m.Users) }, user.account)
	return list, accounts, err
}

// connected returns the users in the connection, and those whose connections cannot be
// read.
func (a *auth0) connected(users *[]apiclient.Record[user]) *[]apiclient.Record[user] {
	if users == nil || a.cfg.Connection == "" {
		return users
	}
	in := slices.DeleteFunc(slices.Clone(*users), func(r apiclient.Record[user]) bool {
		unread := r.Err != nil && (len(r.Value.Identities) == 0 || slices.Contains(r.Value.Identities, login{}))
		return !unread && !slices.Contains(r.Value.Identities, login{a.cfg.Connection})
	})
	return &in
}

// listMessage is a page of the list. Total counts all users, or those of a
// search.
type listMessage struct {
	Users *[]apiclient.Record[user] `json:"users"`
	Total *int                      `json:"total"`
}

type user struct {
	ID         string         `json:"user_id"`
	Email      string         `json:"email"`
	Verified   apiclient.Flag `json:"email_verified"` // of SAML connections a string
	Username   string         `json:"username"`       // of databases with user names
	Name       string         `json:"name"`
	Blocked    bool           `json:"blocked"`
	Identities []login        `json:"identities"`
}

type login struct {
	Connection string `json:"connection"`
}

// account leaves the sign-in name empty without a user name: two accounts of one
// address belong to different connections, and a blocked one must not give way to
// one that anybody may have registered since.
func (u user) account() directory.Account {
	a := directory.Account{Identity: u.ID, Name: u.Name, SignIn: u.Username, State: directory.StateActive}
	a.Add(directory.Primary, u.Verified.Proof(), u.Email)
	if u.Blocked {
		a.State = directory.StateInactive
	}
	return a
}
