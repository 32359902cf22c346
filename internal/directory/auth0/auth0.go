// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package auth0 is the directory of an Auth0 tenant.
package auth0

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a tenant. The credential is Token, or ClientID and
// ClientSecret of a machine-to-machine application.
type Config struct {
	apiclient.Settings        // BaseURL = https://Domain where there is one
	Domain             string // such as acme.eu.auth0.com
	Token              string
	ClientID           string
	ClientSecret       string
	Connection         string // match accounts of this connection only; "" = of all
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
	api := apiclient.Config{Secrets: []string{cfg.Token, cfg.ClientSecret}, RetryAfter: apiclient.ResetAt("X-RateLimit-Reset")}
	if cfg.Token != "" {
		if err := apiclient.Required("token", cfg.Token); err != nil {
			return nil, err
		}
		if cfg.ClientID != "" || cfg.ClientSecret != "" {
			return nil, errors.New("token: it is given beside client_id or client_secret; one credential is enough")
		}
		api.Auth = func(h http.Header) { h.Set("Authorization", "Bearer "+cfg.Token) }
	} else {
		if err := errors.Join(apiclient.Required("client_id", cfg.ClientID), apiclient.Required("client_secret", cfg.ClientSecret)); err != nil {
			return nil, err
		}
		tokens, err := cfg.Open("", apiclient.Config{Secrets: api.Secrets, RetryAfter: api.RetryAfter})
		if err != nil {
			return nil, err
		}
		api.Bearer = func(ctx context.Context) (apiclient.AccessToken, error) {
			return tokens.FetchToken(ctx, apiclient.PostJSON("/oauth/token", map[string]string{"grant_type": "client_credentials",
				"client_id": cfg.ClientID, "client_secret": cfg.ClientSecret, "audience": cfg.BaseURL + "/api/v2/"}))
		}
	}
	client, err := cfg.Open("", api)
	if err != nil {
		return nil, err
	}
	return &auth0{cfg: cfg, api: client}, nil
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
	_, err := a.users(ctx, "/api/v2/users", url.Values{"per_page": {"1"}, "page": {"0"}})
	return err
}

// Find asks for the address, which compares with case and at once, and on a
// miss searches, which does neither: some connections keep capital letters.
func (a *auth0) Find(ctx context.Context, email string) ([]directory.Account, error) {
	found, err := a.users(ctx, "/api/v2/users-by-email", url.Values{"email": {email}, "fields": {fields}})
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

func (a *auth0) pages(ctx context.Context, query url.Values) iter.Seq2[[]directory.Account, error] {
	query.Set("fields", fields)
	query.Set("per_page", strconv.Itoa(listSize))
	seen := 0
	return directory.Paged(ctx, func(ctx context.Context, cursor string) ([]directory.Account, string, error) {
		number, _ := strconv.Atoi(cursor)
		if seen >= maxListed {
			return nil, "", fmt.Errorf("%w after %d accounts", directory.ErrTruncated, seen)
		}
		query.Set("page", strconv.Itoa(number))
		rows, raw, err := a.rows(ctx, "/api/v2/users", query)
		seen += raw
		if err != nil || raw == 0 {
			return nil, "", err
		}
		return rows, strconv.Itoa(number + 1), nil
	})
}

func (a *auth0) users(ctx context.Context, path string, query url.Values) ([]directory.Account, error) {
	rows, _, err := a.rows(ctx, path, query)
	return rows, err
}

// rows are the accounts of an answer, and how many rows it had before those of
// other connections were left out.
func (a *auth0) rows(ctx context.Context, path string, query url.Values) ([]directory.Account, int, error) {
	resp, err := a.api.Do(ctx, apiclient.Request{Path: path, Query: query})
	if err != nil {
		return nil, 0, directory.NeedsGrant(err, grant)
	}
	var users *[]user
	if err := resp.JSON(&users); err != nil {
		return nil, 0, err
	}
	if users == nil {
		return nil, 0, resp.Unexpected("it is not a list of users")
	}
	var accounts []directory.Account
	for _, u := range *users {
		if u.in(a.cfg.Connection) {
			accounts = append(accounts, u.account())
		}
	}
	return accounts, len(*users), nil
}

type user struct {
	ID         string `json:"user_id"`
	Email      string `json:"email"`
	Blocked    bool   `json:"blocked"`
	Identities []struct {
		Connection string `json:"connection"`
	} `json:"identities"`
}

func (u user) in(connection string) bool {
	if connection == "" {
		return true
	}
	for _, i := range u.Identities {
		if i.Connection == connection {
			return true
		}
	}
	return false
}

func (u user) account() directory.Account {
	a := directory.Account{ID: u.ID, State: directory.StateActive}
	if u.Email != "" {
		a.Emails = []string{u.Email}
	}
	if u.Blocked {
		a.State = directory.StateInactive
	}
	return a
}
