// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package onelogin is the directory of a OneLogin account.
package onelogin

import (
	"context"
	"encoding/base64"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes an account.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://Subdomain.onelogin.com
	Subdomain          string `kind:"external_id"` // "acme" or "acme.onelogin.com"
	ClientID           string `hcl:"client_id"`
	ClientSecret       string `hcl:"client_secret" kind:"secret"`
}

const (
	listSize = 50
	fields   = "id,email,username,firstname,lastname,status,state"
	grant    = "the scope Read Users of an API credential"
)

type onelogin struct {
	directory.Descriptor
	cfg    Config
	domain string // "" if the service is of another type
	api    *apiclient.Client
}

var _ directory.Lister = (*onelogin)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	domain := cfg.Subdomain
	if domain != "" && !strings.Contains(domain, ".") {
		domain += ".onelogin.com"
	}
	pair := base64.StdEncoding.EncodeToString([]byte(cfg.ClientID + ":" + cfg.ClientSecret))
	api, err := cfg.OpenWith(apiclient.Credential{
		Login: []apiclient.Field{{Setting: "client_id", Value: cfg.ClientID}, {Setting: "client_secret", Value: cfg.ClientSecret}},
		Fetch: func(ctx context.Context, c *apiclient.Client) (apiclient.AccessToken, error) {
			r := apiclient.PostJSON("/auth/oauth2/v2/token", map[string]string{"grant_type": "client_credentials"})
			r.Header.Set("Authorization", "Basic "+pair)
			return c.FetchToken(ctx, r)
		},
	}, domain, apiclient.Config{Example: "acme.onelogin.com", Secrets: []string{cfg.ClientSecret, pair}, RetryAfter: apiclient.ResetIn("X-RateLimit-Reset"), Grant: grant})
	if err != nil {
		return nil, err
	}
	return &onelogin{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listSize, LookupSeesInactive: true, AddressGrant: grant},
		cfg:        cfg, domain: domain, api: api,
	}, nil
}

// Check asks for one user. The credential is good for its own account's host.
func (o *onelogin) Check(ctx context.Context) error {
	if err := o.cfg.Belongs("account", o.domain, "onelogin.com"); err != nil {
		return err
	}
	_, _, err := o.page(ctx, url.Values{"limit": {"1"}})
	return err
}

// Find asks for the address as an e-mail and as a user name. A star in it is
// OneLogin's wildcard, which only finds more; an exclamation mark at its beginning
// would find everybody else.
func (o *onelogin) Find(ctx context.Context, email string) ([]directory.Account, error) {
	if strings.HasPrefix(email, "!") {
		return nil, fmt.Errorf("%w: OneLogin cannot be asked for %s, because it begins with an exclamation mark", directory.ErrAnswer, email)
	}
	found, err := directory.All(o.pages(ctx, url.Values{"email": {email}}))
	if err != nil {
		return nil, err
	}
	named, err := directory.All(o.pages(ctx, url.Values{"username": {email}}))
	return append(found, named...), err
}

func (o *onelogin) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return o.pages(ctx, url.Values{})
}

// pages reads pages, which are numbered from 1, as long as OneLogin gives a cursor
// of the next one. It goes on after a full page with neither cursor nor count.
func (o *onelogin) pages(ctx context.Context, query url.Values) iter.Seq2[[]directory.Account, error] {
	query.Set("limit", strconv.Itoa(listSize))
	return directory.Numbered(ctx, 0, func(ctx context.Context, at directory.Position) (directory.Page[directory.Position], *bool, error) {
		query := maps.Clone(query)
		query.Set("page", strconv.Itoa(at.Page+1))
		return o.page(ctx, query)
	})
}

func (o *onelogin) page(ctx context.Context, query url.Values) (p directory.Page[directory.Position], more *bool, err error) {
	query.Set("fields", fields)
	_, accounts, resp, err := apiclient.List(ctx, o.api, apiclient.Request{Path: "/api/2/users", Query: query}, apiclient.Bare[user], user.account)
	if err != nil {
		return p, nil, err
	}
	p.Accounts, p.Rows = accounts, len(accounts)
	if total, err := strconv.Atoi(resp.Header.Get("Total-Count")); err == nil {
		p.Total = &total
	}
	after := resp.Header.Get("After-Cursor") != ""
	if !after && p.Total == nil && p.Rows >= listSize {
		return p, nil, nil // the headers may have got lost on the way
	}
	return p, &after, nil
}

type user struct {
	ID        apiclient.Text `json:"id"`
	Email     string         `json:"email"`
	Username  string         `json:"username"`
	FirstName string         `json:"firstname"`
	LastName  string         `json:"lastname"`
	Status    *int           `json:"status"`
	State     *int           `json:"state"`
}

// account reads OneLogin's numbers: the status of a user, and the state that an
// administrator decided about.
func (u user) account() directory.Account {
	a := directory.Account{Identity: string(u.ID), Name: strings.TrimSpace(u.FirstName + " " + u.LastName)}
	a.SetSignIn(u.Username, directory.ProofUnknown)
	a.Add(directory.Primary, directory.ProofUnknown, u.Email)
	if u.Status != nil {
		switch *u.Status {
		case 1, 3, 4, 5: // active, locked, password expired, awaiting a reset of it
			a.State = directory.StateActive
		case 0, 7, 8: // unactivated, password pending, security questions required
			a.State = directory.StateInvited
		case 2: // suspended
			a.State = directory.StateInactive
		}
	}
	switch {
	case u.State == nil || a.State == directory.StateInactive:
	case *u.State == 0: // unapproved
		a.State = directory.StatePending
	case *u.State == 2: // rejected
		a.State = directory.StateInactive
	}
	return a
}
