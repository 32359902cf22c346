// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package gitlab is the directory of a GitLab instance, asked with the token
// of an administrator.
package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes an instance.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://Domain
	Domain             string `kind:"external_id"`        // of the instance, such as gitlab.acme.com
	Token              string `hcl:"token" kind:"secret"` // of an administrator, with the scope read_api
	IncludeBots        bool   `hcl:"include_bots,optional"`
}

const (
	usersPath = "/api/v4/users"
	listSize  = 100
	grant     = "the scope read_api; the token must be an administrator's, because others do not see private e-mail addresses"
)

type gitlab struct {
	directory.Descriptor
	cfg Config
	api *apiclient.Client
}

var _ directory.Lister = (*gitlab)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	api, err := cfg.OpenWith(apiclient.Credential{Token: cfg.Token}, cfg.Domain, apiclient.Config{
		Example:    "gitlab.acme.com",
		Auth:       func(h http.Header) { h.Set("PRIVATE-TOKEN", cfg.Token) },
		Grant:      grant,
		RetryAfter: apiclient.ResetAt("RateLimit-Reset"),
	})
	if err != nil {
		return nil, err
	}
	return &gitlab{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listSize, LookupSeesInactive: true, MayBeBlind: true, AddressGrant: grant, Kinds: directory.Kinds(cfg.IncludeBots, false)},
		cfg:        cfg, api: api,
	}, nil
}

// Check reads the token's user: only administrators see is_admin, and only they
// find people by private addresses. If the instance uses admin mode, a token
// without the scope admin_mode still sees none.
func (g *gitlab) Check(ctx context.Context) error {
	type admin struct {
		ID      apiclient.Text `json:"id"`
		IsAdmin bool           `json:"is_admin"`
		WebURL  string         `json:"web_url"`
	}
	me, resp, err := apiclient.Get[admin](ctx, g.api, apiclient.Request{Path: "/api/v4/user"})
	if err != nil {
		return err
	}
	if me.ID == "" {
		return resp.Unexpected("it is not a user")
	}
	if page, err := url.Parse(me.WebURL); err == nil && page.Hostname() != "" {
		if err := directory.Belongs("instance", page.Host, g.cfg.Domain); err != nil {
			return err
		}
	}
	if !me.IsAdmin {
		return directory.NeedsGrant(directory.ErrPermission, grant)
	}
	for some, err := range g.Pages(ctx) {
		switch {
		case err != nil:
			return err
		case len(some) > 0 && !slices.ContainsFunc(some, func(a directory.Account) bool { return len(a.Addresses) > 0 }):
			return fmt.Errorf("%w: it sees no private e-mail address; grant it the scope admin_mode as well", directory.ErrPermission)
		}
		return nil
	}
	return nil
}

// Find searches; for a full address GitLab compares addresses exactly, but
// names may match too.
func (g *gitlab) Find(ctx context.Context, email string) ([]directory.Account, error) {
	return directory.All(g.pages(ctx, url.Values{"search": {email}}))
}

func (g *gitlab) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	if _, err := strconv.ParseUint(id, 10, 64); err != nil {
		return nil, nil // ids are numbers
	}
	type body struct {
		Message string `json:"message"`
	}
	return apiclient.GetUser(ctx, g.api, apiclient.Request{Path: usersPath + "/" + id},
		func(b body) bool { return b.Message == "404 User Not Found" }, user.account)
}

// Pages implements directory.Lister, by keyset: GitLab demands it of long lists.
func (g *gitlab) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return g.pages(ctx, url.Values{"pagination": {"keyset"}, "order_by": {"id"}, "sort": {"asc"}})
}

func (g *gitlab) pages(ctx context.Context, query url.Values) iter.Seq2[[]directory.Account, error] {
	query.Set("per_page", strconv.Itoa(listSize))
	return directory.Paged(ctx, apiclient.Follow(apiclient.Request{Path: usersPath, Query: query}, apiclient.LinkedPage(g.api, user.account)))
}

type user struct {
	ID          apiclient.Text  `json:"id"`
	Username    string          `json:"username"`
	Name        string          `json:"name"`
	Email       string          `json:"email"`
	PublicEmail string          `json:"public_email"`
	CommitEmail string          `json:"commit_email"`
	ConfirmedAt json.RawMessage `json:"confirmed_at"` // null = not confirmed; missing = GitLab does not say
	State       string          `json:"state"`
	Bot         bool            `json:"bot"`
}

// account takes public and commit addresses for aliases: people choose them
// among their confirmed addresses, or GitLab makes them up. It passes over them
// without the private address, which only administrators see.
func (u user) account() directory.Account {
	a := directory.Account{Identity: string(u.ID), SignIn: u.Username, Name: u.Name, Kind: directory.KindPerson}
	proof := directory.ProofUnknown
	switch string(u.ConfirmedAt) {
	case "":
	case "null":
		proof = directory.Unproved
	default:
		proof = directory.Proved
	}
	a.Add(directory.Primary, proof, u.Email)
	if u.Email != "" {
		a.Add(directory.Alias, proof, u.PublicEmail, u.CommitEmail)
	}
	switch u.State {
	case "":
	case "active":
		a.State = directory.StateActive
	case "blocked_pending_approval":
		a.State = directory.StatePending
	default: // blocked, ldap_blocked, deactivated, banned
		a.State = directory.StateInactive
	}
	if u.Bot {
		a.Kind = directory.KindBot
	}
	return a
}

// Read returns the account of a user in the JSON of the API, for exports of it.
func Read(raw []byte) directory.Account { return apiclient.ReadRecord(raw, user.account) }
