// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package okta is the directory of an Okta organization.
package okta

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Config describes an organization.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://Domain
	Domain             string `kind:"external_id"`        // such as acme.okta.com
	Token              string `hcl:"token" kind:"secret"` // an API token, sent as SSWS
}

const (
	usersPath  = "/api/v1/users"
	listSize   = 200
	searchSize = 10
	grant      = "the role of a read-only administrator (or the scope okta.users.read)"
	// pace is 600 requests a minute; the figure differs by plan.
	pace = 100 * time.Millisecond
	// burst is a tenth of a minute's requests: other tools use the organization too.
	burst = 60
)

type okta struct {
	directory.Descriptor
	cfg Config
	api *apiclient.Client
}

var (
	_ directory.Lister   = (*okta)(nil)
	_ directory.IDFinder = (*okta)(nil)
)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if cfg.BaseURL == "" && strings.Contains(cfg.Domain, "-admin.okta") {
		return nil, fmt.Errorf("base_url: %s is the administrators' console; the API is at the domain without -admin", cfg.Domain)
	}
	api, err := cfg.OpenWith(apiclient.Credential{Token: cfg.Token, Scheme: "SSWS "}, cfg.Domain, apiclient.Config{
		Example:    "acme.okta.com",
		Every:      pace,
		Burst:      burst,
		Grant:      grant,
		RetryAfter: apiclient.ResetAt("X-Rate-Limit-Reset"),
		Limited:    limited,
	})
	if err != nil {
		return nil, err
	}
	return &okta{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listSize, LookupEvery: pace, ListEvery: pace, LookupSeesInactive: true, AddressGrant: grant},
		cfg:        cfg, api: api,
	}, nil
}

// limited reports whether Okta says by its own code that there were too many
// requests, whatever the status.
func limited(status int, _ http.Header, body []byte) bool {
	var failure failureMessage
	return status >= http.StatusBadRequest && json.Unmarshal(body, &failure) == nil && failure.Code == "E0000047"
}

// failureMessage is Okta's answer to what it refuses.
type failureMessage struct {
	Code string `json:"errorCode"`
}

// Check asks for one user. That the token belongs to the domain is the
// domain's own word: no other organization accepts it.
func (o *okta) Check(ctx context.Context) error {
	if err := o.cfg.Belongs("organization", o.cfg.Domain, "okta.com", "oktapreview.com", "okta-emea.com"); err != nil {
		return err
	}
	_, _, err := apiclient.LinkedPage(o.api, user.account)(ctx, apiclient.Request{Path: usersPath, Query: url.Values{"limit": {"1"}}})
	return err
}

// Find searches logins and both e-mails. The search lags behind changes, so if
// it shows nobody who signs in by the address, and so has it whoever else does,
// Find asks again by login, which does not lag.
func (o *okta) Find(ctx context.Context, email string) ([]directory.Account, error) {
	search := fmt.Sprintf("profile.email eq %[1]s or profile.login eq %[1]s or profile.secondEmail eq %[1]s", apiclient.Quote(email))
	found, err := directory.All(o.pages(ctx, url.Values{"search": {search}, "limit": {strconv.Itoa(searchSize)}}))
	signsIn := slices.ContainsFunc(found, func(a directory.Account) bool { return identity.FoldASCII(a.SignIn) == email })
	if err != nil || signsIn || strings.Contains(email, "/") { // Okta has no path for a login with a slash
		return found, err
	}
	byLogin, err := o.byLogin(ctx, email)
	return append(found, byLogin...), err
}

// FindID implements directory.IDFinder. Okta's path takes logins too.
func (o *okta) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	if strings.ContainsAny(id, "/.") { // no id has these, and no path could hold them
		return nil, nil
	}
	return o.byLogin(ctx, id)
}

func (o *okta) byLogin(ctx context.Context, login string) ([]directory.Account, error) {
	return apiclient.GetUser(ctx, o.api, apiclient.Request{Path: usersPath + "/" + url.PathEscape(login)},
		func(b failureMessage) bool { return b.Code == "E0000007" }, user.account)
}

// Pages lists everybody, then the deprovisioned, which the plain list leaves out.
func (o *okta) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	limit := []string{strconv.Itoa(listSize)}
	return directory.Concat(
		o.pages(ctx, url.Values{"limit": limit}),
		o.pages(ctx, url.Values{"limit": limit, "filter": {`status eq "DEPROVISIONED"`}}))
}

// pages follows the links that Okta gives, whose cursors are opaque.
func (o *okta) pages(ctx context.Context, query url.Values) iter.Seq2[[]directory.Account, error] {
	return directory.Paged(ctx, apiclient.Follow(apiclient.Request{Path: usersPath, Query: query}, apiclient.LinkedPage(o.api, user.account)))
}

type user struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Profile struct {
		Login       string `json:"login"`
		Email       string `json:"email"`
		SecondEmail string `json:"secondEmail"`
		DisplayName string `json:"displayName"`
		FirstName   string `json:"firstName"`
		LastName    string `json:"lastName"`
	} `json:"profile"`
}

// account takes the login and the e-mail for the account's own addresses. People
// set their second e-mail themselves.
func (u user) account() directory.Account {
	a := directory.Account{Identity: u.ID, Name: cmp.Or(u.Profile.DisplayName, strings.TrimSpace(u.Profile.FirstName+" "+u.Profile.LastName))}
	a.SetSignIn(u.Profile.Login, directory.ProofUnknown)
	a.Add(directory.Primary, directory.ProofUnknown, u.Profile.Email)
	a.Add(directory.Alias, directory.ProofUnknown, u.Profile.SecondEmail)
	switch u.Status {
	case "ACTIVE", "PASSWORD_EXPIRED", "LOCKED_OUT", "RECOVERY":
		a.State = directory.StateActive
	case "STAGED", "PROVISIONED":
		a.State = directory.StateInvited
	case "SUSPENDED", "DEPROVISIONED":
		a.State = directory.StateInactive
	}
	return a
}

// Read returns the account of a user in the JSON of the API, for exports of it.
func Read(raw []byte) directory.Account { return apiclient.ReadRecord(raw, user.account) }
