// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package github

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// The queries select no User.email: that needs one more scope, and one missing
// scope fails the whole query.
const (
	userFields     = `user { login }`
	identityFields = `nodes { samlIdentity { nameId username emails { value primary } } scimIdentity { username emails { value primary } } ` + userFields + ` } pageInfo { hasNextPage endCursor }`

	checkQuery     = `query($org: String!) { organization(login: $org) { login } }`
	findIdentities = `query($org: String!, $email: String!, $after: String) { organization(login: $org) { samlIdentityProvider { externalIdentities(first: 100, after: $after, userName: $email, membersOnly: true) { ` + identityFields + ` } } } }`
	listIdentities = `query($org: String!, $after: String) { organization(login: $org) { samlIdentityProvider { externalIdentities(first: 100, after: $after, membersOnly: true) { ` + identityFields + ` } } } }`
	listMembers    = `query($org: String!, $after: String) { organization(login: $org) { membersWithRole(first: 100, after: $after) { nodes { login organizationVerifiedDomainEmails(login: $org) } pageInfo { hasNextPage endCursor } } } }`
)

type answerMessage struct {
	Data *struct {
		Organization json.RawMessage `json:"organization"`
	} `json:"data"`
	Errors []struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"errors"`
}

// connection is a page of a GraphQL list.
type connection[N accounter] struct {
	Nodes    *[]*N `json:"nodes"`
	PageInfo struct {
		HasNextPage bool   `json:"hasNextPage"`
		EndCursor   string `json:"endCursor"`
	} `json:"pageInfo"`
}

type accounter interface {
	account() (directory.Account, bool)
}

// pageOf are the accounts of a page and the cursor of the next one.
func pageOf[N accounter](c *connection[N]) ([]directory.Account, string, error) {
	if c == nil || c.Nodes == nil {
		return nil, "", fmt.Errorf("%w as expected: the list is missing from the answer", directory.ErrUnavailable)
	}
	var accounts []directory.Account
	for _, node := range *c.Nodes {
		if node == nil {
			continue
		}
		if a, ok := (*node).account(); ok {
			accounts = append(accounts, a)
		}
	}
	if !c.PageInfo.HasNextPage {
		return accounts, "", nil
	}
	if c.PageInfo.EndCursor == "" {
		return nil, "", fmt.Errorf("%w in full: the list goes on and gives no cursor", directory.ErrUnavailable)
	}
	return accounts, c.PageInfo.EndCursor, nil
}

type user struct {
	Login string `json:"login"`
}

// account stores the login, by which Terraform names people; it may change,
// unlike the ids beside it.
func (u user) account() directory.Account {
	return directory.Account{ID: u.Login, State: directory.StateActive}
}

// names are what an identity provider calls somebody.
type names struct {
	NameID   string `json:"nameId"`
	Username string `json:"username"`
	Emails   []struct {
		Value   string `json:"value"`
		Primary bool   `json:"primary"`
	} `json:"emails"`
}

type identity struct {
	SAML *names `json:"samlIdentity"`
	SCIM *names `json:"scimIdentity"`
	User *user  `json:"user"`
}

// account: an identity that nobody has claimed yet leads to no login, so it is
// no account.
func (i identity) account() (directory.Account, bool) {
	if i.User == nil || i.User.Login == "" {
		return directory.Account{}, false
	}
	a := i.User.account()
	var aliases []string
	for _, n := range []*names{i.SAML, i.SCIM} {
		if n == nil {
			continue
		}
		a.Emails = append(a.Emails, addresses(n.NameID, n.Username)...)
		for _, e := range n.Emails {
			aliases = append(aliases, addresses(e.Value)...)
		}
	}
	a.Emails = append(a.Emails, aliases...)
	return a, true
}

func addresses(values ...string) []string {
	var found []string
	for _, v := range values {
		if strings.Contains(v, "@") {
			found = append(found, v)
		}
	}
	return found
}

type member struct {
	user
	Emails []string `json:"organizationVerifiedDomainEmails"`
}

func (m member) account() (directory.Account, bool) {
	if m.Login == "" {
		return directory.Account{}, false
	}
	a := m.user.account()
	a.Emails = addresses(m.Emails...)
	return a, true
}
