// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package datadog is the directory of a Datadog organization.
package datadog

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Config describes an organization.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://api.datadoghq.com; other sites have hosts of their own
	Organization       string `kind:"external_id"`                // its name, id or public id; "" = do not compare
	Token              string `hcl:"token" kind:"secret"`         // the API key
	ClientSecret       string `hcl:"client_secret" kind:"secret"` // the application key
	IncludeBots        bool   `hcl:"include_bots,optional"`       // service accounts
}

const (
	host     = "https://api.datadoghq.com"
	listSize = 100
	grant    = "the permission user_access_read (check that both keys are of this site: Datadog refuses unknown ones in the same way)"
)

type datadog struct {
	directory.Descriptor
	cfg Config
	api *apiclient.Client
}

var _ directory.Lister = (*datadog)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if err := cmp.Or(apiclient.Required("token", cfg.Token), apiclient.Required("client_secret", cfg.ClientSecret)); err != nil {
		return nil, err
	}
	api, err := cfg.Open(host, apiclient.Config{
		Auth: func(h http.Header) {
			h.Set("DD-API-KEY", cfg.Token)
			h.Set("DD-APPLICATION-KEY", cfg.ClientSecret)
		},
		Secrets:    []string{cfg.Token, cfg.ClientSecret},
		Grant:      grant,
		RetryAfter: apiclient.ResetIn("X-Ratelimit-Reset"),
	})
	if err != nil {
		return nil, err
	}
	return &datadog{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listSize, LookupSeesInactive: true, AddressGrant: grant, Kinds: directory.Kinds(cfg.IncludeBots, false)},
		cfg:        cfg, api: api,
	}, nil
}

// Check asks for one user and compares the organization that comes with it.
func (d *datadog) Check(ctx context.Context) error {
	list, _, err := d.list(ctx, "", 0, 1)
	if err != nil || d.cfg.Organization == "" {
		return err
	}
	var names []string
	for _, in := range list.Included {
		if in.Type != "orgs" {
			continue
		}
		names = append(names, in.Attributes.Name, in.Attributes.PublicID, in.ID)
	}
	if len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, d.cfg.Organization) }) {
		return nil
	}
	return directory.Belongs("organization", names[0], d.cfg.Organization)
}

// Find filters; the filter also matches names and parts of addresses.
func (d *datadog) Find(ctx context.Context, email string) ([]directory.Account, error) {
	return directory.All(d.pages(ctx, email))
}

func (d *datadog) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	type body struct {
		Errors []string `json:"errors"`
	}
	type message struct {
		Data user `json:"data"`
	}
	return apiclient.GetUser(ctx, d.api, apiclient.Request{Path: "/api/v2/users/" + url.PathEscape(id)},
		func(b body) bool { return len(b.Errors) > 0 }, func(m message) directory.Account { return m.Data.account() })
}

func (d *datadog) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return d.pages(ctx, "")
}

// pages reads pages, which are numbered from 0, until one is empty, and compares
// the users with the number that Datadog reports, if any. A single page that is
// not full needs no second one.
func (d *datadog) pages(ctx context.Context, filter string) iter.Seq2[[]directory.Account, error] {
	return directory.Numbered(ctx, 0, func(ctx context.Context, at directory.Position) (p directory.Page[directory.Position], more *bool, err error) {
		list, accounts, err := d.list(ctx, filter, at.Page, listSize)
		p.Accounts, p.Rows, p.Total = accounts, len(accounts), list.Meta.Page.TotalFilteredCount
		whole := at.Page == 0 && p.Total != nil && *p.Total == p.Rows && p.Rows < listSize
		if p.Rows == 0 && at.Page > 0 {
			p.Total = nil // of a page behind the end
		}
		return p, new(p.Rows > 0 && !whole), err
	})
}

func (d *datadog) list(ctx context.Context, filter string, number, size int) (listMessage, []directory.Account, error) {
	query := url.Values{"page[size]": {strconv.Itoa(size)}, "page[number]": {strconv.Itoa(number)}}
	if filter != "" {
		query.Set("filter", filter)
	}
	list, accounts, _, err := apiclient.List(ctx, d.api, apiclient.Request{Path: "/api/v2/users", Query: query},
		func(m listMessage) *[]apiclient.Record[user] { return m.Data }, user.account)
	return list, accounts, err
}

type listMessage struct {
	Data *[]apiclient.Record[user] `json:"data"`
	Meta struct {
		Page struct {
			TotalFilteredCount *int `json:"total_filtered_count"`
		} `json:"page"`
	} `json:"meta"`
	Included []struct {
		Type       string `json:"type"`
		ID         string `json:"id"`
		Attributes struct {
			Name     string `json:"name"`
			PublicID string `json:"public_id"`
		} `json:"attributes"`
	} `json:"included"`
}

type user struct {
	ID         string `json:"id"`
	Attributes struct {
		Name           string `json:"name"`
		Handle         string `json:"handle"`
		Email          string `json:"email"`
		Verified       *bool  `json:"verified"`
		Status         string `json:"status"`
		Disabled       bool   `json:"disabled"`
		ServiceAccount bool   `json:"service_account"`
	} `json:"attributes"`
}

// account returns a user. People sign in by their handle, which is an address.
// An administrator invited a pending user and gave the address, so that it needs
// no verification.
func (u user) account() directory.Account {
	a := directory.Account{Identity: u.ID, Name: u.Attributes.Name, Kind: directory.KindPerson}
	proof := directory.ProofOf(u.Attributes.Verified)
	if proof == directory.Unproved && u.Attributes.Status == "Pending" {
		proof = directory.ProofUnknown
	}
	a.Add(directory.Primary, proof, u.Attributes.Email)
	if identity.FoldASCII(u.Attributes.Handle) == identity.FoldASCII(u.Attributes.Email) {
		a.SignIn = u.Attributes.Handle
	} else {
		if proof == directory.Proved { // of the e-mail
			proof = directory.ProofUnknown
		}
		a.SetSignIn(u.Attributes.Handle, proof)
	}
	switch {
	case u.Attributes.Disabled || u.Attributes.Status == "Disabled":
		a.State = directory.StateInactive
	case u.Attributes.Status == "Pending":
		a.State = directory.StateInvited
	case u.Attributes.Status == "Active":
		a.State = directory.StateActive
	}
	if u.Attributes.ServiceAccount {
		a.Kind = directory.KindBot
	}
	return a
}
