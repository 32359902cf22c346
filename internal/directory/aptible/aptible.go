// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package aptible is the directory of an Aptible organization.
package aptible

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes an organization. The credential is the user name and
// password of a bot user, or a token.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://auth.aptible.com
	Organization       string `kind:"external_id"` // its UUID
	Token              string `hcl:"token,optional" kind:"secret"`
	Username           string `hcl:"username,optional"`
	Password           string `hcl:"password,optional" kind:"secret"`
}

const (
	host  = "https://auth.aptible.com"
	grant = "a role in the organization that may see its users"
)

type aptible struct {
	directory.Descriptor
	directory.ListOnly
	api *apiclient.Client
	org string
}

var _ directory.Lister = (*aptible)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if cfg.Organization == "" {
		return nil, errors.New("base_url: there is no organization to ask: the service is not of type aptible, with the organization's UUID as its external ID")
	}
	api, err := cfg.OpenWith(apiclient.Credential{
		Token: cfg.Token,
		Login: []apiclient.Field{{Setting: "username", Value: cfg.Username}, {Setting: "password", Value: cfg.Password}},
		Fetch: func(ctx context.Context, c *apiclient.Client) (apiclient.AccessToken, error) {
			return c.FetchToken(ctx, apiclient.PostJSON("/tokens", map[string]any{"grant_type": "password", "username": cfg.Username,
				"password": cfg.Password, "scope": "manage", "expires": 43200}))
		},
	}, host, apiclient.Config{Secrets: []string{cfg.Password}, Grant: grant})
	if err != nil {
		return nil, err
	}
	return &aptible{Descriptor: directory.Descriptor{AddressGrant: grant}, api: api, org: cfg.Organization}, nil
}

// Check lists the users of the organization.
func (a *aptible) Check(ctx context.Context) error {
	_, _, err := a.page(ctx, a.users())
	if apiclient.StatusOf(err) == http.StatusNotFound {
		return fmt.Errorf("%w: it sees no organization %q: %w", directory.ErrForeign, a.org, err)
	}
	return err
}

func (a *aptible) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return directory.Paged(ctx, apiclient.Follow(a.users(), a.page))
}

func (a *aptible) users() apiclient.Request {
	return apiclient.Request{Path: "/organizations/" + url.PathEscape(a.org) + "/users"}
}

func (a *aptible) page(ctx context.Context, r apiclient.Request) ([]directory.Account, string, error) {
	list, accounts, _, err := apiclient.List(ctx, a.api, r, func(m listMessage) *[]apiclient.Record[user] { return m.Embedded.Users }, user.account)
	return accounts, list.Links.Next.Href, err
}

type listMessage struct {
	Embedded struct {
		Users *[]apiclient.Record[user] `json:"users"`
	} `json:"_embedded"`
	Links struct {
		Next struct {
			Href string `json:"href"`
		} `json:"next"`
	} `json:"_links"`
}

type user struct {
	ID       apiclient.Text `json:"id"`
	Name     string         `json:"name"`
	Email    string         `json:"email"`
	Verified *bool          `json:"verified"`
}

// account has no state: Aptible does not say who left. People sign in with their
// address.
func (u user) account() directory.Account {
	a := directory.Account{Identity: string(u.ID), SignIn: u.Email, Name: u.Name}
	a.Add(directory.Primary, directory.ProofOf(u.Verified), u.Email)
	return a
}
