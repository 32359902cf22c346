// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package entra is the directory of a Microsoft Entra ID tenant, read through
// Microsoft Graph.
package entra

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a tenant and an app registered in it.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://graph.microsoft.com; national clouds have hosts of their own
	Tenant             string `kind:"external_id"` // its id or a domain of it
	ClientID           string `hcl:"client_id"`
	ClientSecret       string `hcl:"client_secret" kind:"secret"`
	IncludeGuests      bool   `hcl:"include_guests,optional"`
}

const (
	host     = "https://graph.microsoft.com"
	listSize = 999
	fields   = "id,displayName,mail,userPrincipalName,proxyAddresses,accountEnabled,userType,externalUserState"
	grant    = "the application permission User.Read.All of Microsoft Graph, with admin consent"
)

type entra struct {
	directory.Descriptor
	api *apiclient.Client
}

var _ directory.Lister = (*entra)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if cfg.Tenant == "" || strings.ContainsAny(cfg.Tenant, "/?#") {
		return nil, fmt.Errorf("base_url: there is no tenant to ask: the service is not of type entra, with the tenant's id or domain as its external ID (it is %q)", cfg.Tenant)
	}
	cfg.BaseURL = strings.TrimRight(cmp.Or(cfg.BaseURL, host), "/")
	api, err := cfg.OpenWith(apiclient.Credential{
		Login: []apiclient.Field{{Setting: "client_id", Value: cfg.ClientID}, {Setting: "client_secret", Value: cfg.ClientSecret}},
		Host:  loginHost(cfg.BaseURL),
		Fetch: func(ctx context.Context, c *apiclient.Client) (apiclient.AccessToken, error) {
			return c.FetchToken(ctx, apiclient.Form("/"+url.PathEscape(cfg.Tenant)+"/oauth2/v2.0/token", url.Values{
				"grant_type": {"client_credentials"}, "client_id": {cfg.ClientID}, "client_secret": {cfg.ClientSecret}, "scope": {cfg.BaseURL + "/.default"},
			}))
		},
	}, "", apiclient.Config{Secrets: []string{cfg.ClientSecret}, Grant: grant})
	if err != nil {
		return nil, err
	}
	return &entra{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listSize, LookupSeesInactive: true, Kinds: directory.Kinds(false, cfg.IncludeGuests)},
		api:        api,
	}, nil
}

// loginHost returns the token endpoint of a Graph host: that of its cloud, or
// the host itself if it is not Microsoft's.
func loginHost(graph string) string {
	switch strings.ToLower(graph) {
	case host:
		return "https://login.microsoftonline.com"
	case "https://graph.microsoft.us", "https://dod-graph.microsoft.us":
		return "https://login.microsoftonline.us"
	case "https://microsoftgraph.chinacloudapi.cn":
		return "https://login.partner.microsoftonline.cn"
	}
	return graph
}

// Check asks for one user. The token was issued by the tenant, so it belongs
// to it.
func (e *entra) Check(ctx context.Context) error {
	_, _, err := e.page(ctx, apiclient.Request{Path: "/v1.0/users", Query: url.Values{"$select": {fields}, "$top": {"1"}}})
	return err
}

// Find filters by the main addresses, then by the proxy addresses, which may make
// somebody else an owner too. Graph compares both without case.
func (e *entra) Find(ctx context.Context, email string) ([]directory.Account, error) {
	address := quote(email)
	found, err := e.filter(ctx, "mail eq "+address+" or userPrincipalName eq "+address)
	if err != nil {
		return nil, err
	}
	more, err := e.filter(ctx, "proxyAddresses/any(p:p eq "+quote("smtp:"+email)+")")
	return append(found, more...), err
}

// FindID implements directory.IDFinder. Graph's path takes principal names too.
func (e *entra) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	type body struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	found, err := apiclient.GetUser(ctx, e.api, apiclient.Request{Path: "/v1.0/users/" + url.PathEscape(id), Query: url.Values{"$select": {fields}}},
		func(b body) bool { return b.Error.Code == "Request_ResourceNotFound" }, user.account)
	return found, cmp.Or(err, checkStates(found))
}

// checkStates returns an error if no account shows whether it is enabled: Graph gives
// null for what a permission such as User.ReadBasic.All does not cover.
func checkStates(found []directory.Account) error {
	hidden := func(a directory.Account) bool { return a.State == directory.StateUnknown && a.Unreadable == nil }
	if !slices.ContainsFunc(found, hidden) || slices.ContainsFunc(found, func(a directory.Account) bool { return a.State != directory.StateUnknown }) {
		return nil
	}
	return directory.NeedsGrant(fmt.Errorf("%w: it does not see whether an account is enabled", directory.ErrPermission), grant)
}

func (e *entra) filter(ctx context.Context, filter string) ([]directory.Account, error) {
	return directory.All(e.pages(ctx, url.Values{"$filter": {filter}, "$select": {fields}, "$top": {"10"}}))
}

func (e *entra) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return e.pages(ctx, url.Values{"$select": {fields}, "$top": {fmt.Sprint(listSize)}})
}

func (e *entra) pages(ctx context.Context, query url.Values) iter.Seq2[[]directory.Account, error] {
	return directory.PagedSparse(ctx, apiclient.Follow(apiclient.Request{Path: "/v1.0/users", Query: query}, e.page))
}

func (e *entra) page(ctx context.Context, r apiclient.Request) ([]directory.Account, string, error) {
	list, accounts, _, err := apiclient.List(ctx, e.api, r, func(m listMessage) *[]apiclient.Record[user] { return m.Value }, user.account)
	return accounts, list.Next, cmp.Or(err, checkStates(accounts))
}

// quote returns a string of OData.
func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }

type listMessage struct {
	Value *[]apiclient.Record[user] `json:"value"`
	Next  string                    `json:"@odata.nextLink"`
}

type user struct {
	ID             string   `json:"id"`
	Name           string   `json:"displayName"`
	Mail           string   `json:"mail"`
	UPN            string   `json:"userPrincipalName"`
	ProxyAddresses []string `json:"proxyAddresses"`
	Enabled        *bool    `json:"accountEnabled"`
	Type           string   `json:"userType"`
	Invitation     string   `json:"externalUserState"` // PendingAcceptance, Accepted; "" = was not invited
}

// external reports whether the account signs in elsewhere: its principal name is
// made up and no address.
func (u user) external() bool { return strings.Contains(strings.ToUpper(u.UPN), "#EXT#") }

// account takes the principal name, mail and the proxy address marked by SMTP in
// upper case for the account's own.
func (u user) account() directory.Account {
	a := directory.Account{Identity: u.ID, SignIn: u.UPN, Name: u.Name, Kind: directory.KindPerson}
	if !u.external() {
		a.SetSignIn(u.UPN, directory.ProofUnknown)
	}
	a.Add(directory.Primary, directory.ProofUnknown, u.Mail)
	for _, p := range u.ProxyAddresses {
		scheme, address, _ := strings.Cut(p, ":")
		switch {
		case address == "" || !strings.EqualFold(scheme, "smtp"):
		case scheme == "SMTP":
			a.Add(directory.Primary, directory.ProofUnknown, address)
		default:
			a.Add(directory.Alias, directory.ProofUnknown, address)
		}
	}
	if strings.EqualFold(u.Type, "Guest") || u.Type == "" && u.external() { // old accounts have no type
		a.Kind = directory.KindGuest
	}
	switch {
	case u.Enabled == nil:
	case *u.Enabled && u.Invitation == "PendingAcceptance":
		a.State = directory.StateInvited
	case *u.Enabled:
		a.State = directory.StateActive
	default:
		a.State = directory.StateInactive
	}
	return a
}

// Read returns the account of a user in the JSON of the API, for exports of it.
func Read(raw []byte) directory.Account { return apiclient.ReadRecord(raw, user.account) }
