// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package boundary is the directory of a HashiCorp Boundary cluster.
package boundary

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a cluster. The credential is Token, or Username and
// Password of an account of the auth method Connection.
type Config struct {
	apiclient.Settings `required:"base_url"` // BaseURL is the cluster's address
	Token              string                `hcl:"token,optional" kind:"secret"` // at_…
	Username           string                `hcl:"username,optional"`
	Password           string                `hcl:"password,optional" kind:"secret"`
	Connection         string                `hcl:"connection,optional"` // the id of the password auth method, ampw_…
	ScopeID            string                `hcl:"scope_id,optional"`   // whose users are matched; "" = those of all scopes
}

const (
	listSize = "1000"
	grant    = "ids=*;type=user;actions=list,read in the scopes whose users are matched"

	addressAdvice = "make an OIDC or LDAP auth method the primary one of their scope"
)

// boundary knows no inactive users.
type boundary struct {
	directory.Descriptor
	cfg Config
	api *apiclient.Client
}

var _ directory.Lister = (*boundary)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	api, err := cfg.OpenWith(apiclient.Credential{
		Token: cfg.Token,
		Login: []apiclient.Field{{Setting: "username", Value: cfg.Username}, {Setting: "password", Value: cfg.Password}, {Setting: "connection", Value: cfg.Connection}},
		Fetch: func(ctx context.Context, c *apiclient.Client) (apiclient.AccessToken, error) {
			return authenticate(ctx, c, cfg)
		},
	}, "", apiclient.Config{Secrets: []string{cfg.Password}, Grant: grant})
	if err != nil {
		return nil, err
	}
	return &boundary{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: 1000, LookupSeesInactive: true, MayBeBlind: true, AddressGrant: grant + ", and " + addressAdvice},
		cfg:        cfg, api: api,
	}, nil
}

func authenticate(ctx context.Context, api *apiclient.Client, cfg Config) (apiclient.AccessToken, error) {
	r := apiclient.PostJSON("/v1/auth-methods/"+url.PathEscape(cfg.Connection)+":authenticate",
		map[string]any{"attributes": map[string]string{"login_name": cfg.Username, "password": cfg.Password}})
	r.Private = true
	type login struct {
		Attributes struct {
			Token string `json:"token"`
		} `json:"attributes"`
	}
	answer, _, err := apiclient.Get[login](ctx, api, r)
	return apiclient.AccessToken{Value: answer.Attributes.Token}, err
}

// Check lists users. Addresses come from a scope's primary auth method: if no
// user has one, the method is not set or gives none.
func (b *boundary) Check(ctx context.Context) error {
	people := 0
	for page, err := range b.Pages(ctx) {
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(page, func(a directory.Account) bool { return len(a.Addresses) > 0 }):
			return nil
		}
		people += len(page)
	}
	if people == 0 {
		return fmt.Errorf("%w: it sees no user at all; grant it %s", directory.ErrPermission, grant)
	}
	return fmt.Errorf("%w to be looked up by e-mail: none of its %d users has an address; %s", directory.ErrRefused, people, addressAdvice)
}

// Find filters at the server, without case: Boundary keeps addresses as the
// identity provider spells them.
func (b *boundary) Find(ctx context.Context, email string) ([]directory.Account, error) {
	pattern := apiclient.Quote("(?i)^" + regexp.QuoteMeta(email) + "$")
	return directory.All(b.pages(ctx, fmt.Sprintf(`"/item/email" matches %s or "/item/login_name" matches %s`, pattern, pattern)))
}

func (b *boundary) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return b.pages(ctx, "")
}

func (b *boundary) pages(ctx context.Context, filter string) iter.Seq2[[]directory.Account, error] {
	query := url.Values{"scope_id": {"global"}, "recursive": {"true"}, "page_size": {listSize}}
	if b.cfg.ScopeID != "" {
		query = url.Values{"scope_id": {b.cfg.ScopeID}, "page_size": {listSize}}
	}
	if filter != "" {
		query.Set("filter", filter)
	}
	return directory.Paged(ctx, func(ctx context.Context, token string) ([]directory.Account, string, error) {
		if query.Del("list_token"); token != "" {
			query.Set("list_token", token)
		}
		list, accounts, resp, err := apiclient.List(ctx, b.api, apiclient.Request{Path: "/v1/users", Query: query}, listMessage.users, user.account)
		if err != nil || list.ResponseType != "delta" {
			return accounts, "", err
		}
		if list.ListToken == "" {
			return nil, "", resp.Unexpected("the list goes on and gives no token")
		}
		return accounts, list.ListToken, nil
	})
}

// listMessage is a page. The last one has the type complete. Items is missing if
// there are none.
type listMessage struct {
	Items        []apiclient.Record[user] `json:"items"`
	ResponseType string                   `json:"response_type"`
	ListToken    string                   `json:"list_token"`
}

func (m listMessage) users() *[]apiclient.Record[user] {
	if m.Items == nil && m.ResponseType == "" {
		return nil
	}
	return &m.Items
}

type user struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	FullName  string `json:"full_name"`
	Email     string `json:"email"`
	LoginName string `json:"login_name"`
}

func (u user) account() directory.Account {
	a := directory.Account{Identity: u.ID, Name: cmp.Or(u.FullName, u.Name)}
	a.SetSignIn(u.LoginName, directory.ProofUnknown)
	if strings.Contains(u.Email, "@") {
		a.Add(directory.Primary, directory.ProofUnknown, u.Email)
	}
	return a
}
