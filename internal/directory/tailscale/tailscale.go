// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package tailscale is the directory of a tailnet.
package tailscale

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a tailnet. The credential is Token, or ClientID and
// ClientSecret. Without one no request is sent: an address of the tailnet's
// domain is taken for its account.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://api.tailscale.com
	Tailnet            string `kind:"external_id"`                 // the organization's name, such as acme.com; "" = the credential's own
	Token              string `hcl:"token,optional" kind:"secret"` // an API access token, which expires within 90 days
	ClientID           string `hcl:"client_id,optional"`           // of an OAuth client
	ClientSecret       string `hcl:"client_secret,optional" kind:"secret"`
}

const (
	host  = "https://api.tailscale.com"
	grant = "the scope users:read"
)

type tailscale struct {
	directory.Descriptor
	directory.ListOnly
	api *apiclient.Client
	cfg Config
}

var _ directory.Lister = (*tailscale)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if cfg.Token == "" && cfg.ClientID == "" && cfg.ClientSecret == "" {
		if !strings.Contains(cfg.Tailnet, ".") || strings.HasSuffix(cfg.Tailnet, ".github") || strings.Contains(cfg.Tailnet, "@") {
			return nil, errors.New("token: it is missing, and the service's external ID is not the domain of a tailnet, so addresses cannot be used as identities")
		}
		return directory.Assumed{Descriptor: directory.Descriptor{Lookup: true}, Domain: cfg.Tailnet}, nil
	}
	api, err := cfg.OpenWith(apiclient.Credential{
		Token: cfg.Token,
		Login: []apiclient.Field{{Setting: "client_id", Value: cfg.ClientID}, {Setting: "client_secret", Value: cfg.ClientSecret}},
		Fetch: func(ctx context.Context, c *apiclient.Client) (apiclient.AccessToken, error) {
			return c.FetchToken(ctx, apiclient.Form("/api/v2/oauth/token",
				url.Values{"grant_type": {"client_credentials"}, "client_id": {cfg.ClientID}, "client_secret": {cfg.ClientSecret}}))
		},
	}, host, apiclient.Config{Secrets: []string{cfg.ClientSecret}, Grant: grant})
	if err != nil {
		return nil, err
	}
	return &tailscale{Descriptor: directory.Descriptor{LookupSeesInactive: true}, api: api, cfg: cfg}, nil
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
	if len(users) == 0 || slices.ContainsFunc(users, func(a directory.Account) bool { return !foreign(a.Identity) }) {
		return nil
	}
	return fmt.Errorf("%w to be looked up by e-mail: all users of this tailnet have login names such as %q", directory.ErrRefused, users[0].Identity)
}

func (d *tailscale) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return directory.Paged(ctx, func(ctx context.Context, _ string) ([]directory.Account, string, error) {
		users, err := d.users(ctx)
		return users, "", err
	})
}

func (d *tailscale) users(ctx context.Context) ([]directory.Account, error) {
	type message struct {
		Users *[]apiclient.Record[user] `json:"users"`
	}
	tailnet := cmp.Or(d.cfg.Tailnet, "-") // "-" is the credential's own
	_, accounts, _, err := apiclient.List(ctx, d.api, apiclient.Request{Path: "/api/v2/tailnet/" + url.PathEscape(tailnet) + "/users"},
		func(m message) *[]apiclient.Record[user] { return m.Users }, user.account)
	return accounts, err
}

type user struct {
	ID        string `json:"id"`
	LoginName string `json:"loginName"`
	Name      string `json:"displayName"`
	Type      string `json:"type"`
	Status    string `json:"status"`
}

// foreign reports whether the part of a login name after the @ is an identity
// provider and no domain.
func foreign(login string) bool {
	at := strings.LastIndexByte(login, '@')
	return at < 0 || !strings.Contains(login[at:], ".")
}

// account keeps Tailscale's own id beside the login name, which the tailnet's
// identity provider may give to somebody else later.
func (u user) account() directory.Account {
	a := directory.Account{AccountID: u.ID, Identity: u.LoginName, Name: u.Name, Kind: directory.KindPerson}
	a.SetSignIn(u.LoginName, directory.ProofUnknown)
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
