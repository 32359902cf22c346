// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package google

import (
	"encoding/json"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// listMessage is a page of users.list. A list without users has a kind only.
type listMessage struct {
	Kind          string `json:"kind"`
	Users         []user `json:"users"`
	NextPageToken string `json:"nextPageToken"`
}

type user struct {
	PrimaryEmail       string   `json:"primaryEmail"`
	Aliases            []string `json:"aliases"`
	NonEditableAliases []string `json:"nonEditableAliases"`
	Suspended          bool     `json:"suspended"`
	Archived           bool     `json:"archived"`
}

// account: what is stored is the primary address; it differs from the one
// asked for where that is an alias.
func (u user) account() directory.Account {
	a := directory.Account{ID: u.PrimaryEmail, State: directory.StateActive}
	for _, list := range [][]string{{u.PrimaryEmail}, u.Aliases, u.NonEditableAliases} {
		for _, address := range list {
			if address != "" {
				a.Emails = append(a.Emails, address)
			}
		}
	}
	if u.Suspended || u.Archived {
		a.State = directory.StateInactive
	}
	return a
}

type errorMessage struct {
	Error struct {
		Errors []struct {
			Reason string `json:"reason"`
		} `json:"errors"`
	} `json:"error"`
}

func (m errorMessage) reason() string {
	if len(m.Error.Errors) == 0 {
		return ""
	}
	return m.Error.Errors[0].Reason
}

func reasonOf(body []byte) string {
	var m errorMessage
	if json.Unmarshal(body, &m) != nil {
		return ""
	}
	return m.reason()
}
