// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package slack is the directory of a Slack workspace.
package slack

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes a workspace.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://slack.com/api
	Workspace          string // the team id, T…; "" = do not compare
	Token              string // of a bot, xoxb-…
	IncludeBots        bool
	IncludeGuests      bool
}

const (
	host     = "https://slack.com/api"
	listSize = 200 // what Slack advises
	grant    = "the scopes users:read and users:read.email"

	// Slack paces each method on its own: 50 lookups and 20 pages a minute.
	lookupEvery = 1200 * time.Millisecond
	listEvery   = 3 * time.Second
	burst       = 5
)

type slack struct {
	cfg     Config
	lookups *apiclient.Client
	lists   *apiclient.Client
}

var (
	_ directory.Directory = (*slack)(nil)
	_ directory.Lister    = (*slack)(nil)
)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if err := apiclient.Required("token", cfg.Token); err != nil {
		return nil, err
	}
	api := apiclient.Config{
		Auth:    func(h http.Header) { h.Set("Authorization", "Bearer "+cfg.Token) },
		Secrets: []string{cfg.Token},
		Burst:   burst,
	}
	api.Every = lookupEvery
	lookups, err := cfg.Open(host, api)
	if err != nil {
		return nil, err
	}
	api.Every = listEvery
	lists, err := cfg.Open(host, api)
	if err != nil {
		return nil, err
	}
	return &slack{cfg: cfg, lookups: lookups, lists: lists}, nil
}

// Describe implements directory.Directory. Only the list shows who was
// deactivated.
func (s *slack) Describe() directory.Descriptor {
	return directory.Descriptor{Lookup: true, ListPage: listSize, LookupEvery: lookupEvery, ListEvery: listEvery,
		Kinds: directory.Kinds(s.cfg.IncludeBots, s.cfg.IncludeGuests)}
}

// Check compares the token's workspace, then looks for somebody who cannot
// exist: that needs both scopes.
func (s *slack) Check(ctx context.Context) error {
	var who struct {
		envelope
		TeamID string `json:"team_id"`
	}
	if err := s.call(ctx, s.lookups, "/auth.test", nil, &who); err != nil {
		return err
	}
	if err := directory.Belongs("workspace", who.TeamID, s.cfg.Workspace); err != nil {
		return err
	}
	_, err := s.Find(ctx, "nobody@sym-check.invalid")
	return err
}

// Find implements directory.Directory.
func (s *slack) Find(ctx context.Context, email string) ([]directory.Account, error) {
	var found struct {
		envelope
		User *user `json:"user"`
	}
	err := s.call(ctx, s.lookups, "/users.lookupByEmail", url.Values{"email": {email}}, &found)
	switch {
	case errors.Is(err, errNoUser):
		return nil, nil
	case err != nil:
		return nil, err
	case found.User == nil:
		return nil, fmt.Errorf("%w as expected: it found somebody and does not say whom", directory.ErrUnavailable)
	}
	return []directory.Account{found.User.account(s.cfg.Workspace)}, nil
}

// FindID implements directory.IDFinder.
func (s *slack) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	var found struct {
		envelope
		User *user `json:"user"`
	}
	err := s.call(ctx, s.lookups, "/users.info", url.Values{"user": {id}}, &found)
	switch {
	case errors.Is(err, errNoUser):
		return nil, nil
	case err != nil:
		return nil, err
	case found.User == nil:
		return nil, fmt.Errorf("%w as expected: it found somebody and does not say whom", directory.ErrUnavailable)
	}
	return []directory.Account{found.User.account(s.cfg.Workspace)}, nil
}

// Pages implements directory.Lister. Without the scope users:read.email Slack
// lists everybody, only without addresses, which must not look like absence.
func (s *slack) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	people, addresses := 0, 0
	return directory.Paged(ctx, func(ctx context.Context, cursor string) ([]directory.Account, string, error) {
		query := url.Values{"limit": {strconv.Itoa(listSize)}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		if s.cfg.Workspace != "" {
			query.Set("team_id", s.cfg.Workspace) // tokens of a whole organization need it
		}
		var list listMessage
		if err := s.call(ctx, s.lists, "/users.list", query, &list); err != nil {
			return nil, "", err
		}
		accounts := make([]directory.Account, len(*list.Members))
		for i, u := range *list.Members {
			accounts[i] = u.account(s.cfg.Workspace)
			if accounts[i].Kind == directory.KindPerson {
				people++
			}
			addresses += len(accounts[i].Emails)
		}
		if list.Metadata.NextCursor == "" && people > 0 && addresses == 0 {
			return nil, "", fmt.Errorf("%w: the list holds no e-mail address at all; grant it %s", directory.ErrPermission, grant)
		}
		return accounts, list.Metadata.NextCursor, nil
	})
}

// call asks a method. Slack's own errors come with status 200.
func (s *slack) call(ctx context.Context, api *apiclient.Client, method string, query url.Values, into interface{ problem() error }) error {
	resp, err := api.Do(ctx, apiclient.Request{Path: method, Query: query})
	if err != nil {
		return directory.NeedsGrant(err, grant)
	}
	if err := resp.JSON(into); err != nil {
		return err
	}
	if err := into.problem(); err != nil {
		if errors.Is(err, errShape) {
			return resp.Unexpected(err.Error())
		}
		return directory.NeedsGrant(resp.Redact(err), grant)
	}
	return nil
}
