// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package slack is the directory of a Slack workspace.
package slack

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a workspace.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://slack.com/api
	Workspace          string `kind:"external_id"`        // the team id, T…; "" = do not compare
	Token              string `hcl:"token" kind:"secret"` // of a bot, xoxb-…
	IncludeBots        bool   `hcl:"include_bots,optional"`
	IncludeGuests      bool   `hcl:"include_guests,optional"`
}

const (
	host     = "https://slack.com/api"
	listSize = 999 // the most: Slack allows 20 pages a minute
	safeSize = 200 // what Slack advises, because it may fail to make a longer page in time
	grant    = "the scopes users:read and users:read.email"

	// Slack paces each method on its own: 50 lookups and 20 pages a minute.
	lookupEvery = 1200 * time.Millisecond
	listEvery   = 3 * time.Second
	burst       = 5
)

// slack shows deactivated users in its list only.
type slack struct {
	directory.Descriptor
	cfg     Config
	lookups *apiclient.Client
	lists   *apiclient.Client
}

var _ directory.Lister = (*slack)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	token := apiclient.Credential{Token: cfg.Token}
	lookups, err := cfg.OpenWith(token, host, apiclient.Config{Grant: grant, Every: lookupEvery, Burst: burst})
	if err != nil {
		return nil, err
	}
	lists, err := cfg.OpenWith(token, host, apiclient.Config{Grant: grant, Every: listEvery, Burst: burst})
	if err != nil {
		return nil, err
	}
	return &slack{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listSize, LookupEvery: lookupEvery, ListEvery: listEvery, Burst: burst, AddressGrant: grant,
			Kinds: directory.Kinds(cfg.IncludeBots, cfg.IncludeGuests)},
		cfg: cfg, lookups: lookups, lists: lists,
	}, nil
}

// Check compares the token's workspace, then looks up an address that nobody
// has, which needs both scopes.
func (s *slack) Check(ctx context.Context) error {
	var who struct {
		envelope
		TeamID string `json:"team_id"`
	}
	if _, err := s.call(ctx, s.lookups, "/auth.test", nil, &who); err != nil {
		return err
	}
	if err := directory.Belongs("workspace", who.TeamID, s.cfg.Workspace); err != nil {
		return err
	}
	_, err := s.Find(ctx, "nobody@sym-check.invalid")
	return err
}

// Find implements directory.Directory. Slack hides deactivated members from it.
func (s *slack) Find(ctx context.Context, email string) ([]directory.Account, error) {
	return s.user(ctx, "/users.lookupByEmail", url.Values{"email": {email}})
}

func (s *slack) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	return s.user(ctx, "/users.info", url.Values{"user": {id}})
}

func (s *slack) user(ctx context.Context, method string, query url.Values) ([]directory.Account, error) {
	var found struct {
		envelope
		User *user `json:"user"`
	}
	_, err := s.call(ctx, s.lookups, method, query, &found)
	switch {
	case errors.Is(err, errNoUser):
		return nil, nil
	case err != nil:
		return nil, err
	case found.User == nil:
		return nil, fmt.Errorf("%w as expected: it found somebody and does not name them", directory.ErrUnavailable)
	}
	return []directory.Account{found.User.account(s.cfg.Workspace)}, nil
}

// Pages implements directory.Lister. Without the scope users:read.email Slack
// lists everybody without addresses.
func (s *slack) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	size := listSize
	return directory.PagedSparse(ctx, func(ctx context.Context, cursor string) ([]directory.Account, string, error) {
		accounts, next, err := s.page(ctx, cursor, size)
		if errors.Is(err, directory.ErrUnavailable) && size != safeSize && ctx.Err() == nil {
			size = safeSize
			return s.page(ctx, cursor, size)
		}
		return accounts, next, err
	})
}

func (s *slack) page(ctx context.Context, cursor string, size int) (accounts []directory.Account, next string, err error) {
	query := url.Values{"limit": {strconv.Itoa(size)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if s.cfg.Workspace != "" {
		query.Set("team_id", s.cfg.Workspace) // tokens of a whole organization need it
	}
	var list listMessage
	resp, err := s.call(ctx, s.lists, "/users.list", query, &list)
	if err != nil {
		return nil, "", err
	}
	accounts, err = apiclient.RecordAccounts(resp, list.Members, func(u user) directory.Account { return u.account(s.cfg.Workspace) })
	return accounts, list.Metadata.NextCursor, err
}

// call asks a method. Slack's own errors come with status 200.
func (s *slack) call(ctx context.Context, api *apiclient.Client, method string, query url.Values, into interface{ problem() error }) (*apiclient.Response, error) {
	resp, err := api.Do(ctx, apiclient.Request{Path: method, Query: query})
	if err != nil {
		return nil, err
	}
	if err := resp.JSON(into); err != nil {
		return nil, err
	}
	if err := into.problem(); err != nil {
		if errors.Is(err, errShape) {
			return nil, resp.Unexpected(err.Error())
		}
		return nil, directory.NeedsGrant(resp.Redact(err), grant)
	}
	return resp, nil
}

var (
	errNoUser = errors.New("nobody has the address")
	errShape  = errors.New("it is not an answer of the Slack API")
)

// envelope is what every answer of Slack has.
type envelope struct {
	OK    *bool  `json:"ok"`
	Error string `json:"error"`
	// Needed names the scopes that a missing_scope lacks.
	Needed string `json:"needed"`
}

// problem reads Slack's own error.
func (e *envelope) problem() error {
	switch {
	case e.OK == nil:
		return errShape
	case *e.OK:
		return nil
	}
	class := directory.ErrRefused
	switch e.Error {
	case "users_not_found", "user_not_found":
		return errNoUser
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired":
		class = directory.ErrCredential
	case "missing_scope", "no_permission", "not_allowed_token_type", "access_denied", "enterprise_is_restricted", "team_access_not_granted":
		class = directory.ErrPermission
	case "user_not_visible":
		class = directory.ErrAnswer // only this one is hidden from the token
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org":
		class = directory.ErrUnavailable
	case "ratelimited", "rate_limited":
		return &directory.RateLimitError{}
	case "":
		return errShape
	}
	if e.Needed != "" {
		return fmt.Errorf("%w: Slack said %q, needed: %q", class, e.Error, e.Needed)
	}
	return fmt.Errorf("%w: Slack said %q", class, e.Error)
}

// listMessage is a page of users.list.
type listMessage struct {
	envelope
	Members  *[]apiclient.Record[user] `json:"members"`
	Metadata struct {
		NextCursor string `json:"next_cursor"`
	} `json:"response_metadata"`
}

func (m *listMessage) problem() error {
	if err := m.envelope.problem(); err != nil {
		return err
	}
	if m.Members == nil {
		return errShape
	}
	return nil
}

type user struct {
	ID                string `json:"id"`
	TeamID            string `json:"team_id"`
	Deleted           bool   `json:"deleted"`
	IsBot             bool   `json:"is_bot"`
	IsRestricted      bool   `json:"is_restricted"`
	IsUltraRestricted bool   `json:"is_ultra_restricted"`
	IsStranger        bool   `json:"is_stranger"`
	IsInvited         bool   `json:"is_invited_user"`
	IsEmailConfirmed  *bool  `json:"is_email_confirmed"`
	Profile           struct {
		Email    string `json:"email"`
		RealName string `json:"real_name"`
	} `json:"profile"`
	Enterprise struct {
		Teams []string `json:"teams"`
	} `json:"enterprise_user"`
}

// slackbot is in every workspace and is not marked as a bot.
const slackbot = "USLACKBOT"

// account reads a user as one of a workspace ("" = any). A user of another one
// is shared with it, through a channel or an organization. The address of
// somebody invited is the inviter's word, whether it is confirmed yet or not.
func (u user) account(workspace string) directory.Account {
	a := directory.Account{Identity: u.ID, Name: u.Profile.RealName, Kind: directory.KindPerson, State: directory.StateActive}
	proof := directory.ProofOf(u.IsEmailConfirmed)
	if proof == directory.Unproved && u.IsInvited {
		proof = directory.ProofUnknown
	}
	a.SetSignIn(u.Profile.Email, proof)
	switch {
	case u.Deleted:
		a.State = directory.StateInactive
	case u.IsInvited:
		a.State = directory.StateInvited
	}
	elsewhere := workspace != "" && u.TeamID != "" && u.TeamID != workspace && !slices.Contains(u.Enterprise.Teams, workspace)
	switch {
	case u.IsBot || u.ID == slackbot:
		a.Kind = directory.KindBot
	case u.IsStranger || elsewhere:
		a.Kind = directory.KindShared
	case u.IsRestricted || u.IsUltraRestricted:
		a.Kind = directory.KindGuest
	}
	return a
}

// Read returns the account of a user in the JSON of the API, for exports of it.
func Read(raw []byte, workspace string) directory.Account {
	return apiclient.ReadRecord(raw, func(u user) directory.Account { return u.account(workspace) })
}
