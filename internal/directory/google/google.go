// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package google is the directory of a Google Workspace.
package google

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a Workspace.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://admin.googleapis.com
	Domain             string // such as acme.com
	// CredentialsFile is the JSON key of a service account with domain-wide
	// delegation. Without one nobody is asked: an address of the domain is
	// taken for the account it would have.
	CredentialsFile string
	Impersonate     string // the administrator in whose name the key acts
}

const (
	host      = "https://admin.googleapis.com"
	usersPath = "/admin/directory/v1/users"
	scope     = "https://www.googleapis.com/auth/admin.directory.user.readonly"
	listSize  = "500"
	fields    = "id,primaryEmail,aliases,nonEditableAliases,suspended,archived"
	grant     = "the scope " + scope + " by domain-wide delegation, and let it impersonate an administrator who may read users"
	// pace is 2,400 requests a minute, for each user and project.
	pace = 25 * time.Millisecond
)

type google struct {
	cfg Config
	api *apiclient.Client
}

var (
	_ directory.Directory = (*google)(nil)
	_ directory.Lister    = (*google)(nil)
)

// Open reads the key; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if cfg.CredentialsFile == "" {
		return openAssumed(cfg)
	}
	if err := apiclient.Required("impersonate", cfg.Impersonate); err != nil {
		return nil, err
	}
	key, err := readKey(cfg.CredentialsFile)
	if err != nil {
		return nil, fmt.Errorf("credentials_file: %w", err)
	}
	fetch, err := key.tokens(cfg)
	if err != nil {
		return nil, fmt.Errorf("credentials_file: %w", err)
	}
	api, err := cfg.Open(host, apiclient.Config{Bearer: fetch, Limited: limited})
	if err != nil {
		return nil, err
	}
	return &google{cfg: cfg, api: api}, nil
}

// Describe implements directory.Directory.
func (g *google) Describe() directory.Descriptor {
	return directory.Descriptor{Lookup: true, ListPage: 500, LookupEvery: pace, ListEvery: pace, LookupSeesInactive: true}
}

// Check asks for one user of the customer, then for one of the domain.
func (g *google) Check(ctx context.Context) error {
	if err := g.readable(ctx); err != nil || g.cfg.Domain == "" {
		return err
	}
	_, err := g.list(ctx, url.Values{"domain": {g.cfg.Domain}, "maxResults": {"1"}})
	if errors.Is(err, directory.ErrRefused) || errors.Is(err, directory.ErrPermission) {
		return fmt.Errorf("%w: the customer of %s has no domain %q: %w", directory.ErrForeign, g.cfg.Impersonate, g.cfg.Domain, err)
	}
	return err
}

// readable asks for one user of the customer.
func (g *google) readable(ctx context.Context) error {
	_, err := g.list(ctx, url.Values{"customer": {"my_customer"}, "maxResults": {"1"}})
	return err
}

// Find asks for the user whose primary address or alias it is. Google answers
// for a domain of somebody else as for a missing permission, so a refusal is
// told apart by asking for what the credential must be able to read.
func (g *google) Find(ctx context.Context, email string) ([]directory.Account, error) {
	resp, err := g.api.Do(ctx, apiclient.Request{Path: usersPath + "/" + url.PathEscape(email), Query: url.Values{"projection": {"basic"}, "fields": {fields}}})
	switch {
	case reason(err) == "notFound":
		return nil, nil
	case errors.Is(err, directory.ErrPermission) && !g.ours(email):
		return nil, g.readable(ctx)
	case err != nil:
		return nil, directory.NeedsGrant(err, grant)
	}
	var u user
	if err := resp.JSON(&u); err != nil {
		return nil, err
	}
	if u.PrimaryEmail == "" {
		return nil, resp.Unexpected("it is not a user")
	}
	return []directory.Account{u.account()}, nil
}

// FindID implements directory.IDFinder: the identity is the primary address. A
// user who was renamed is found under the old one, which is an alias then and
// still theirs.
func (g *google) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	found, err := g.Find(ctx, id)
	for i := range found {
		if slices.ContainsFunc(found[i].Emails, func(address string) bool { return strings.EqualFold(address, id) }) {
			found[i].ID = id
		}
	}
	return found, err
}

func (g *google) ours(email string) bool { return hasDomain(email, g.cfg.Domain) }

func hasDomain(email, domain string) bool {
	_, at, ok := cutLast(email, "@")
	return ok && strings.EqualFold(at, domain)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Pages implements directory.Lister: all domains of the customer.
func (g *google) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return directory.Paged(ctx, func(ctx context.Context, token string) ([]directory.Account, string, error) {
		query := url.Values{"customer": {"my_customer"}, "maxResults": {listSize}, "projection": {"basic"},
			"fields": {"kind,nextPageToken,users(" + fields + ")"}}
		if token != "" {
			query.Set("pageToken", token)
		}
		list, err := g.list(ctx, query)
		if err != nil {
			return nil, "", err
		}
		accounts := make([]directory.Account, len(list.Users))
		for i, u := range list.Users {
			accounts[i] = u.account()
		}
		return accounts, list.NextPageToken, nil
	})
}

func (g *google) list(ctx context.Context, query url.Values) (listMessage, error) {
	var list listMessage
	resp, err := g.api.Do(ctx, apiclient.Request{Path: usersPath, Query: query})
	if err != nil {
		return list, directory.NeedsGrant(err, grant)
	}
	if err := resp.JSON(&list); err != nil {
		return list, err
	}
	if list.Kind == "" && list.Users == nil {
		return list, resp.Unexpected("it is not a list of users")
	}
	return list, nil
}

// reason is why Google refused, in its own word; "" where it does not say.
func reason(err error) string {
	var status *apiclient.StatusError
	var body errorMessage
	if !errors.As(err, &status) || status.JSON(&body) != nil {
		return ""
	}
	return body.reason()
}

// limited: Google's refusal of too many requests is a 403.
func limited(status int, _ http.Header, body []byte) bool {
	return status == http.StatusForbidden &&
		slices.Contains([]string{"userRateLimitExceeded", "rateLimitExceeded", "quotaExceeded"}, reasonOf(body))
}
