// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package tailscale is the directory of a tailnet.
package tailscale

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a tailnet. Token, or ClientID and ClientSecret, are the
// credential; without any nobody is asked, and an address of the tailnet's
// domain is taken for the account it would have.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://api.tailscale.com
	Tailnet            string // the organization's name, such as acme.com; "" = the credential's own
	Token              string // an API access token, which expires within 90 days
	ClientID           string // of an OAuth client
	ClientSecret       string
}

const (
	host  = "https://api.tailscale.com"
	grant = "the scope users:read"
)

type tailscale struct {
	directory.ListOnly
	api *apiclient.Client
	cfg Config
}

var (
	_ directory.Directory = (*tailscale)(nil)
	_ directory.Lister    = (*tailscale)(nil)
)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	client := cfg.ClientID != "" || cfg.ClientSecret != ""
	api := apiclient.Config{Secrets: []string{cfg.Token, cfg.ClientSecret}}
	switch {
	case cfg.Token == "" && !client:
		return openAssumed(cfg)
	case cfg.Token != "" && client:
		return nil, errors.New("token: it is given beside client_id or client_secret; one credential is enough")
	case cfg.Token != "":
		if err := apiclient.Required("token", cfg.Token); err != nil {
			return nil, err
		}
		api.Auth = func(h http.Header) { h.Set("Authorization", "Bearer "+cfg.Token) }
	default:
		if err := errors.Join(apiclient.Required("client_id", cfg.ClientID), apiclient.Required("client_secret", cfg.ClientSecret)); err != nil {
			return nil, err
		}
		tokens, err := cfg.Open(host, apiclient.Config{Secrets: api.Secrets})
		if err != nil {
			return nil, err
		}
		api.Bearer = func(ctx context.Context) (apiclient.AccessToken, error) {
			r := apiclient.Form("/api/v2/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {cfg.ClientID}, "client_secret": {cfg.ClientSecret}})
			return tokens.FetchToken(ctx, r)
		}
	}
	usersAPI, err := cfg.Open(host, api)
	if err != nil {
		return nil, err
	}
	return &tailscale{api: usersAPI, cfg: cfg}, nil
}

// Describe implements directory.Directory: the whole list is one answer.
func (d *tailscale) Describe() directory.Descriptor {
	return directory.Descriptor{LookupSeesInactive: true}
}

// Check lists the users of the tailnet. Where all log in with names of another
// service, such as alice@github, no e-mail can match any of them.
func (d *tailscale) Check(ctx context.Context) error {
	users, err := d.users(ctx)
	if apiclient.StatusOf(err) == http.StatusNotFound {
		return fmt.Errorf("%w: it sees no tailnet %q: %w", directory.ErrForeign, d.cfg.Tailnet, err)
	}
	if err != nil {
		return err
	}
	for _, u := range users {
		if !u.elsewhere() {
			return nil
		}
	}
	if len(users) == 0 {
		return nil
	}
	return fmt.Errorf("%w to be looked up by e-mail: all users of this tailnet have login names such as %q", directory.ErrRefused, users[0].LoginName)
}

// Pages implements directory.Lister.
func (d *tailscale) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return directory.Paged(ctx, func(ctx context.Context, _ string) ([]directory.Account, string, error) {
		users, err := d.users(ctx)
		accounts := make([]directory.Account, len(users))
		for i, u := range users {
			accounts[i] = u.account()
		}
		return accounts, "", err
	})
}

func (d *tailscale) users(ctx context.Context) ([]user, error) {
	tailnet := d.cfg.Tailnet
	if tailnet == "" {
		tailnet = "-" // the credential's own
	}
	resp, err := d.api.Do(ctx, apiclient.Request{Path: "/api/v2/tailnet/" + url.PathEscape(tailnet) + "/users"})
	if err != nil {
		return nil, directory.NeedsGrant(err, grant)
	}
	var list struct {
		Users *[]user `json:"users"`
	}
	if err := resp.JSON(&list); err != nil {
		return nil, err
	}
	if list.Users == nil {
		return nil, resp.Unexpected("it is not a list of users")
	}
	return *list.Users, nil
}

type user struct {
	LoginName string `json:"loginName"`
	Type      string `json:"type"`
	Status    string `json:"status"`
}

// elsewhere: the part after the @ names an identity provider and is no domain.
func (u user) elsewhere() bool {
	at := strings.LastIndexByte(u.LoginName, '@')
	return at < 0 || !strings.Contains(u.LoginName[at:], ".")
}

func (u user) account() directory.Account {
	a := directory.Account{ID: u.LoginName, Kind: directory.KindPerson}
	if u.LoginName != "" {
		a.Emails = []string{u.LoginName}
	}
	switch u.Status {
	case "active", "idle":
		a.State = directory.StateActive
	case "needs-approval":
		a.State = directory.StatePending
	case "suspended", "over-billing-limit":
		a.State = directory.StateInactive
	}
	if u.Type == "shared" {
		a.Kind = directory.KindShared
	}
	return a
}
