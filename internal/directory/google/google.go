// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package google is the directory of a Google Workspace.
package google

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a Workspace.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://admin.googleapis.com
	Domain             string `kind:"external_id"` // such as acme.com
	// CredentialsFile names the JSON key of a service account with domain-wide
	// delegation. Without one no request is sent: an address of the domain is
	// taken for its account.
	CredentialsFile string `hcl:"credentials_file,optional" kind:"secret_path"`
	Impersonate     string `hcl:"impersonate,optional"` // the administrator in whose name the key acts
}

const (
	host      = "https://admin.googleapis.com"
	usersPath = "/admin/directory/v1/users"
	scope     = "https://www.googleapis.com/auth/admin.directory.user.readonly"
	listSize  = "500"
	fields    = "id,primaryEmail,name/fullName,aliases,nonEditableAliases,suspended,archived"
	// pace is 2,400 requests a minute, for each user and project.
	pace = 25 * time.Millisecond
	// burst is a tenth of a minute's requests: other tools use the project too.
	burst = 240
)

type google struct {
	directory.Descriptor
	cfg Config
	api *apiclient.Client
}

var (
	_ directory.Lister        = (*google)(nil)
	_ directory.IDFinder      = (*google)(nil)
	_ directory.AccountFinder = (*google)(nil)
)

// Open reads the key; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	switch {
	case cfg.CredentialsFile != "":
	case cfg.Impersonate != "":
		return nil, errors.New("credentials_file: it is missing; impersonate has no use without it")
	case cfg.Domain == "":
		return nil, errors.New("credentials_file: it is missing, and the service's external ID is not the domain of a Google service")
	default:
		return directory.Assumed{Descriptor: directory.Descriptor{Lookup: true}, Domain: cfg.Domain}, nil
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
	api, err := cfg.Open(host, apiclient.Config{Bearer: fetch, Every: pace, Burst: burst, Limited: limited, Grant: key.grant()})
	if err != nil {
		return nil, err
	}
	return &google{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: 500, LookupEvery: pace, ListEvery: pace, LookupSeesInactive: true},
		cfg:        cfg, api: api,
	}, nil
}

// Check asks for one user of the customer, then for one of the domain.
func (g *google) Check(ctx context.Context) error {
	if err := g.readable(ctx); err != nil || g.cfg.Domain == "" {
		return err
	}
	_, _, err := g.list(ctx, url.Values{"domain": {g.cfg.Domain}, "maxResults": {"1"}})
	if errors.Is(err, directory.ErrRefused) || errors.Is(err, directory.ErrPermission) {
		return fmt.Errorf("%w: the customer of %s has no domain %q: %w", directory.ErrForeign, g.cfg.Impersonate, g.cfg.Domain, err)
	}
	return err
}

// readable asks for one user of the customer.
func (g *google) readable(ctx context.Context) error {
	_, _, err := g.list(ctx, url.Values{"customer": {"my_customer"}, "maxResults": {"1"}})
	return err
}

// Find gets the user with this primary address or alias. Google refuses a
// foreign domain as it refuses a missing permission, so after a refusal Find
// checks that the credential can read users at all.
func (g *google) Find(ctx context.Context, email string) ([]directory.Account, error) {
	u, resp, err := apiclient.Get[user](ctx, g.api, apiclient.Request{Path: usersPath + "/" + url.PathEscape(email), Query: url.Values{"projection": {"basic"}, "fields": {fields}}})
	switch {
	case reason(err) == "notFound":
		return nil, nil
	case errors.Is(err, directory.ErrPermission) && !directory.HasDomain(email, g.cfg.Domain):
		return nil, g.readable(ctx)
	case err != nil:
		return nil, err
	case u.PrimaryEmail == "":
		return nil, resp.Unexpected("it is not a user")
	}
	return []directory.Account{u.account()}, nil
}

// FindID implements directory.IDFinder: the identity is the primary address.
// After a renaming Google finds the same user by the old address, an alias then.
func (g *google) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	return g.Find(ctx, id)
}

// FindAccount implements directory.AccountFinder. Google's path takes its own ids.
func (g *google) FindAccount(ctx context.Context, accountID string) ([]directory.Account, error) {
	return g.Find(ctx, accountID)
}

// Pages implements directory.Lister: all domains of the customer.
func (g *google) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return directory.PagedSparse(ctx, func(ctx context.Context, token string) ([]directory.Account, string, error) {
		query := url.Values{"customer": {"my_customer"}, "maxResults": {listSize}, "projection": {"basic"},
			"fields": {"kind,nextPageToken,users(" + fields + ")"}}
		if token != "" {
			query.Set("pageToken", token)
		}
		return g.list(ctx, query)
	})
}

func (g *google) list(ctx context.Context, query url.Values) (accounts []directory.Account, next string, err error) {
	list, accounts, _, err := apiclient.List(ctx, g.api, apiclient.Request{Path: usersPath, Query: query}, listMessage.users, user.account)
	return accounts, list.NextPageToken, err
}

// reason returns Google's own word for a refusal, "" if it gives none.
func reason(err error) string {
	var status *apiclient.StatusError
	if !errors.As(err, &status) {
		return ""
	}
	return reasonOf(status.Body())
}

func reasonOf(body []byte) string {
	var m struct {
		Error struct {
			Errors []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &m) != nil || len(m.Error.Errors) == 0 {
		return ""
	}
	return m.Error.Errors[0].Reason
}

// limited reports whether a 403 is one of Google's limits of requests, such as
// userRateLimitExceeded, dailyLimitExceeded and quotaExceeded.
func limited(status int, _ http.Header, body []byte) bool {
	reason := strings.TrimSuffix(reasonOf(body), "Unreg")
	return status == http.StatusForbidden && (strings.HasSuffix(reason, "LimitExceeded") || reason == "quotaExceeded")
}

// listMessage is a page of users.list. A list without users has a kind only.
type listMessage struct {
	Kind          string                   `json:"kind"`
	Users         []apiclient.Record[user] `json:"users"`
	NextPageToken string                   `json:"nextPageToken"`
}

func (m listMessage) users() *[]apiclient.Record[user] {
	if m.Kind == "" && m.Users == nil {
		return nil
	}
	return &m.Users
}

type user struct {
	ID           string `json:"id"`
	PrimaryEmail string `json:"primaryEmail"`
	Name         struct {
		Full string `json:"fullName"`
	} `json:"name"`
	Aliases            []string `json:"aliases"`
	NonEditableAliases []string `json:"nonEditableAliases"`
	Suspended          bool     `json:"suspended"`
	Archived           bool     `json:"archived"`
}

// account stores the primary address, which may go to another account later, and
// keeps Google's own id beside it. All addresses are proved: they are mailboxes of
// domains that the customer verified.
func (u user) account() directory.Account {
	a := directory.Account{AccountID: u.ID, Identity: u.PrimaryEmail, Name: u.Name.Full, State: directory.StateActive}
	a.SetSignIn(u.PrimaryEmail, directory.Proved)
	a.Add(directory.Alias, directory.Proved, slices.Concat(u.Aliases, u.NonEditableAliases)...)
	if u.Suspended || u.Archived {
		a.State = directory.StateInactive
	}
	return a
}

// Read returns the account of a user in the JSON of the API, for exports of it.
func Read(raw []byte) directory.Account { return apiclient.ReadRecord(raw, user.account) }

// key is a service account's JSON key, checked. Its ClientID, by which the Admin
// console knows the account, may be missing.
type key struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	ClientID     string `json:"client_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	TokenURI     string `json:"token_uri"`

	signer jose.Signer
}

// grant says what the service account needs before it may read users.
func (k *key) grant() string {
	client := k.ClientEmail
	if k.ClientID != "" {
		client = "client ID " + k.ClientID
	}
	return fmt.Sprintf("the scope %s in the Admin console (Security, API controls, domain-wide delegation) as %s, and impersonate an administrator who may read users", scope, client)
}

func readKey(path string) (*key, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseKey(raw)
}

// parseKey quotes nothing of the file in its errors.
func parseKey(raw []byte) (*key, error) {
	var k key
	if json.Unmarshal(raw, &k) != nil {
		return nil, errors.New("it is not JSON")
	}
	if k.Type != "service_account" || k.ClientEmail == "" || k.TokenURI == "" {
		return nil, errors.New("it is not the key of a service account: its type is not service_account, or client_email or token_uri is missing")
	}
	block, _ := pem.Decode([]byte(k.PrivateKey))
	if block == nil {
		return nil, errors.New("its private_key is not in PEM form")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("its private_key is not a PKCS #8 key")
	}
	k.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: private},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", k.PrivateKeyID))
	if err != nil {
		return nil, errors.New("its private_key is not an RSA key")
	}
	return &k, nil
}

// tokens returns the function that exchanges a signed assertion (RFC 7523), which
// is valid for one hour, for an access token of the administrator.
func (k *key) tokens(cfg Config) (func(context.Context) (apiclient.AccessToken, error), error) {
	settings := cfg.Settings
	settings.BaseURL = k.TokenURI
	api, err := settings.Open("", apiclient.Config{})
	if err != nil {
		return nil, fmt.Errorf("token_uri: %w", err)
	}
	return func(ctx context.Context) (apiclient.AccessToken, error) {
		now := time.Now()
		if cfg.Clock != nil {
			now = cfg.Clock.Now()
		}
		assertion, err := jwt.Signed(k.signer).Claims(map[string]any{
			"iss": k.ClientEmail, "sub": cfg.Impersonate, "scope": scope, "aud": k.TokenURI,
			"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}).Serialize()
		if err != nil {
			return apiclient.AccessToken{}, fmt.Errorf("an assertion cannot be signed: %w", err)
		}
		r := apiclient.Form("", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
		r.Secrets = []string{assertion}
		return api.FetchToken(ctx, r)
	}, nil
}
