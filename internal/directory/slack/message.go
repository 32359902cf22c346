// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package slack

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

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
	Members  *[]user `json:"members"`
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
	Profile           struct {
		Email string `json:"email"`
	} `json:"profile"`
	Enterprise struct {
		Teams []string `json:"teams"`
	} `json:"enterprise_user"`
}

// slackbot is in every workspace and is not marked as a bot.
const slackbot = "USLACKBOT"

// account reads a user as one of a workspace ("" = any): who belongs to
// another one is shared with it, through a channel or an organization.
func (u user) account(workspace string) directory.Account {
	a := directory.Account{ID: u.ID, Kind: directory.KindPerson, State: directory.StateActive}
	if u.Profile.Email != "" {
		a.Emails = []string{u.Profile.Email}
	}
	switch {
	case u.Deleted:
		a.State = directory.StateInactive
	case u.IsInvited:
		a.State = directory.StatePending
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
