// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awssso"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/entra"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/github"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/gitlab"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/google"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/okta"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/pagerduty"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/slack"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// format is how to read an export: the columns of its CSV, what a record of its
// JSON is, or the kind of server of its LDIF. The zero format is our own.
type format struct {
	columns *columns
	idPath  string                                                                       // of a record of JSON; "" = no record has one in it
	json    func(raw []byte, service identity.ServiceKey) (a directory.Account, ok bool) // not ok = no account
	ldif    string                                                                       // the kind of server, as strategy of the directory ldap names it; "" = no LDIF
}

// record reads a record of a service's own API as its connector does.
func record(read func(raw []byte) directory.Account) func([]byte, identity.ServiceKey) (directory.Account, bool) {
	return func(raw []byte, _ identity.ServiceKey) (directory.Account, bool) { return read(raw), true }
}

// formats returns the exports that are known by name.
func formats() map[string]format {
	return map[string]format{
		"aws_iam_report": {columns: &columns{
			id: need("arn"), signIn: need("user"),
			statuses: []statusColumn{{need("user"), oneOf(map[string]status{"<root_account>": {kind: directory.KindShared}}, active)}},
		}},
		"aws_sso_users": {idPath: "UserId", json: record(awssso.Read)},
		"entra_users": {
			columns: &columns{
				id: need("id", "objectId"), signIn: need("userPrincipalName"), emails: []column{need("mail")}, name: maybe("displayName"),
				statuses: []statusColumn{
					{need("accountEnabled"), oneOf(map[string]status{"true": active}, inactive)},
					{maybe("invitationState"), oneOf(map[string]status{"pendingacceptance": invited}, status{})},
					{need("userPrincipalName"), func(cell string) (status, error) {
						if strings.Contains(strings.ToUpper(cell), "#EXT#") {
							return guest, nil // old ones have no type
						}
						return status{}, nil
					}},
					{maybe("userType"), oneOf(map[string]status{"guest": guest, "member": {kind: directory.KindPerson}}, status{})},
				},
			},
			idPath: "id", json: record(entra.Read),
		},
		"github_saml": {json: func(raw []byte, _ identity.ServiceKey) (directory.Account, bool) { return github.Read(raw) }},
		"gitlab_members": {columns: &columns{
			id: need("Username"), emails: []column{need("Email")}, name: maybe("Name"),
			statuses: []statusColumn{{maybe("Membership status"), oneOf(map[string]status{"pending": {none: true}}, active)}},
		}},
		"gitlab_users": {idPath: "id", json: record(gitlab.Read)},
		"google_users": {
			columns: &columns{
				id: need("Email Address [Required]"), signIn: need("Email Address [Required]"),
				statuses: []statusColumn{{need("Status [READ ONLY]"), oneOf(map[string]status{"active": active}, inactive)}},
			},
			idPath: "id", json: record(google.Read),
		},
		"ldif":         {ldif: "openldap"},
		"ldif_ad":      {ldif: "ad"},
		"ldif_freeipa": {ldif: "freeipa"},
		"okta_users": {
			columns: &columns{
				id: need("id", "User ID"), signIn: need("login", "Okta username", "Username"), emails: []column{need("email", "Primary email")},
				aliases: maybe("secondEmail", "Secondary email"), name: maybe("displayName", "User fullname"),
				statuses: []statusColumn{{need("status", "Okta user status"), oneOf(map[string]status{
					"staged": invited, "provisioned": invited, "pending user action": invited,
					"suspended": inactive, "deprovisioned": inactive, "deactivated": inactive, "": inactive,
				}, active)}},
			},
			idPath: "id", json: record(okta.Read),
		},
		"pagerduty_users": {
			columns: &columns{
				id: need("id", "user_id"), signIn: need("email"), name: maybe("name"),
				statuses: []statusColumn{{maybe("invitation_sent"), oneOf(map[string]status{"true": invited}, active)}},
			},
			idPath: "id", json: record(pagerduty.Read),
		},
		"slack_members": {
			columns: &columns{
				id: need("userid"), signIn: need("email"), name: maybe("fullname"),
				statuses: []statusColumn{{need("status"), func(cell string) (status, error) {
					word := identity.FoldASCII(strings.TrimSpace(cell))
					switch {
					case word == "" || word == "deactivated":
						return inactive, nil
					case strings.Contains(word, "guest"): // invited or not
						return guest, nil
					case strings.HasPrefix(word, "invited"):
						return invited, nil
					case word == "bot":
						return status{state: directory.StateActive, kind: directory.KindBot}, nil
					}
					return active, nil
				}}},
			},
			idPath: "id",
			json: func(raw []byte, service identity.ServiceKey) (directory.Account, bool) {
				if service.Type != "slack" {
					service.ExternalID = ""
				}
				return slack.Read(raw, service.ExternalID), true
			},
		},
	}
}
