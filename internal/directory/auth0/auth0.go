// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package auth0 is the directory of an Auth0 tenant.
package auth0

import (
	"context"
	"fmt"
	"iter"
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
	fields    = "user_id,email,blocked,identities"
)

type auth0 struct {
	cfg Config
	api *apiclient.Client
}

var (
	_ directory.Directory = (*auth0)(nil)
	_ directory.Lister    = (*auth0)(nil)
)

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
		Secrets:    []string{cfg.Token, cfg.ClientSecret},
		RetryAfter: apiclient.ResetAt("X-RateLimit-Reset"),
		Grant:      grant,
	})
	if err != nil {
		return nil, err
	}
	return &auth0{cfg: cfg, api: api}, nil
}

// Describe implements directory.Directory.
func (a *auth0) Describe() directory.Descriptor {
	return directory.Descriptor{Lookup: true, ListPage: listSize, ListMaxAccounts: maxListed, LookupSeesInactive: true}
}

// Check asks for one user. A token is good for the tenant's own host only.
func (a *auth0) Check(ctx context.Context) error {
	if err := a.cfg.Belongs("tenant", a.cfg.Domain, "auth0.com"); err != nil {
		return err
	}
	_, _, err := a.page(ctx, "/api/v2/users", url.Values{"per_page": {"1"}, "page": {"0"}})
	return err
}

// Find asks for the address, which compares with case and at once, and on a
// miss searches, which does neither: some connections keep capital letters.
func (a *auth0) Find(ctx context.Context, email string) ([]directory.Account, error) {
	found, _, err := a.page(ctx, "/api/v2/users-by-email", url.Values{"email": {email}, "fields": {fields}})
	if err != nil || len(found) > 0 {
		return found, err
	}
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(email) + `"`
	return directory.All(a.pages(ctx, url.Values{"q": {"email:" + quoted}, "search_engine": {"v3"}}))
}

// Pages implements directory.Lister, as far as Auth0 lists.
func (a *auth0) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return a.pages(ctx, url.Values{})
}

// position is the number of the next page and of the rows before it.
type position struct{ page, rows int }

func (a *auth0) pages(ctx context.Context, query url.Values) iter.Seq2[[]directory.Account, error] {
	query.Set("fields", fields)
	query.Set("per_page", strconv.Itoa(listSize))
	return directory.Paged(ctx, func(ctx context.Context, at position) ([]directory.Account, position, error) {
		if at.rows >= maxListed {
			return nil, at, fmt.Errorf("%w after %d accounts", directory.ErrTruncated, at.rows)
		}
		query.Set("page", strconv.Itoa(at.page))
		accounts, rows, err := a.page(ctx, "/api/v2/users", query)
		if err != nil || rows == 0 {
			return nil, position{}, err
		}
		return accounts, position{at.page + 1, at.rows + rows}, nil
	})
}

// page returns the accounts of an answer, and its number of rows, which may be
// of other connections.
func (a *auth0) page(ctx context.Context, path string, query url.Values) ([]directory.Account, int, error) {
	users, resp, err := apiclient.Get[*[]user](ctx, a.api, apiclient.Request{Path: path, Query: query})
	if err != nil {
		return nil, 0, err
	}
	if users == nil {
		return nil, 0, resp.Unexpected("it is not a list of users")
	}
	rows := len(*users)
	*users = slices.DeleteFunc(*users, func(u user) bool { return !u.in(a.cfg.Connection) })
	accounts, err := apiclient.Accounts(resp, users, user.account)
	return accounts, rows, err
}

type user struct {
	ID         string  `json:"user_id"`
	Email      string  `json:"email"`
	Blocked    bool    `json:"blocked"`
	Identities []login `json:"identities"`
}

type login struct {
	Connection string `json:"connection"`
}

func (u user) in(connection string) bool {
	if connection == "" {
		return true
	}
	return slices.ContainsFunc(u.Identities, func(i login) bool { return i.Connection == connection })
}

func (u user) account() directory.Account {
	a := directory.Account{Identity: u.ID, Addresses: directory.Primaries(u.Email), State: directory.StateActive}
	if u.Blocked {
		a.State = directory.StateInactive
	}
	return a
}
