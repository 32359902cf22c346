// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package github is the directory of a GitHub organization: the identities of
// its single sign-on, and the e-mails of its verified domains.
package github

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Config describes an organization.
type Config struct {
	apiclient.Settings        // BaseURL "" = https://api.github.com; else what /graphql is appended to
	Organization       string `kind:"external_id"`        // its login
	Token              string `hcl:"token" kind:"secret"` // of an owner, with read:org, or of an app that reads members
}

const (
	host         = "https://api.github.com"
	listSize     = 100
	grant        = "the scope read:org, as an owner of the organization, and authorize the token for its single sign-on (an app needs read access to members)"
	addressGrant = grant + ", and give the organization single sign-on or a verified domain"
	// pace keeps a walk of large organizations within 5,000 points an hour.
	pace  = 200 * time.Millisecond
	burst = 30
)

// github shows members only; leavers are gone.
type github struct {
	directory.Descriptor
	api *apiclient.Client
	org string
}

var _ directory.Lister = (*github)(nil)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if cfg.Organization == "" {
		return nil, errors.New("base_url: there is no organization to ask: the service is not of type github, with the organization as its external ID")
	}
	api, err := cfg.OpenWith(apiclient.Credential{Token: cfg.Token}, host, apiclient.Config{
		Every:       pace,
		Burst:       burst,
		MaxInFlight: 1, // GitHub asks not to send requests at the same time
		RetryAfter:  retryAfter,
		Limited:     limited,
		Grant:       grant,
	})
	if err != nil {
		return nil, err
	}
	return &github{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: listSize, LookupEvery: pace, ListEvery: pace, LookupSeesInactive: true, AddressGrant: addressGrant},
		api:        api, org: cfg.Organization,
	}, nil
}

// Check compares the organization and proves that its identities and members
// can be read.
func (g *github) Check(ctx context.Context) error {
	org, err := g.ask(ctx, checkQuery, "", map[string]any{})
	if err != nil {
		return err
	}
	if err := directory.Belongs("organization", org.Login, g.org); err != nil {
		return err
	}
	for page, err := range g.Pages(ctx) {
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(page, func(a directory.Account) bool { return len(a.Addresses) > 0 }):
			_, _, err := g.members(ctx, "")
			return err
		}
	}
	return directory.NeedsGrant(fmt.Errorf("%w: it sees no address of any member", directory.ErrPermission), addressGrant)
}

// Find asks for the identity with this user name. Whoever signs in by the
// address has it, whatever other accounts list. GitHub cannot filter by other
// addresses, and an organization may have no single sign-on, so all else needs
// the list.
func (g *github) Find(ctx context.Context, email string) ([]directory.Account, error) {
	found, err := directory.All(g.identities(ctx, email))
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(found, func(a directory.Account) bool { return identity.FoldASCII(a.SignIn) == identity.FoldASCII(email) }) {
		return nil, directory.ErrNeedsList
	}
	return found, nil
}

// Pages lists the identities of the single sign-on, then the members with
// their addresses of verified domains. Who is in both is one account.
func (g *github) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return directory.Concat(g.identities(ctx, ""), directory.PagedSparse(ctx, g.members))
}

// identities lists the identities of the single sign-on with a user name, ""
// for all.
func (g *github) identities(ctx context.Context, email string) iter.Seq2[[]directory.Account, error] {
	return directory.PagedSparse(ctx, func(ctx context.Context, cursor string) ([]directory.Account, string, error) {
		query, variables := listIdentities, map[string]any{}
		if email != "" {
			query, variables["email"] = findIdentities, email
		}
		org, err := g.ask(ctx, query, cursor, variables)
		if err != nil || org.Provider == nil { // the organization has no single sign-on
			return nil, "", err
		}
		return org.Provider.Identities.page()
	})
}

func (g *github) members(ctx context.Context, cursor string) ([]directory.Account, string, error) {
	org, err := g.ask(ctx, listMembers, cursor, map[string]any{})
	if err != nil {
		return nil, "", err
	}
	return org.Members.page()
}

// ask sends a query about the organization, from a cursor on. Any error fails the
// whole query: a partial answer is no answer.
func (g *github) ask(ctx context.Context, query, cursor string, variables map[string]any) (*organization, error) {
	variables["org"] = g.org
	if cursor != "" {
		variables["after"] = cursor
	}
	answer, resp, err := apiclient.Get[answerMessage](ctx, g.api, apiclient.PostJSON("/graphql", map[string]any{"query": query, "variables": variables}))
	switch {
	case err != nil:
		return nil, err
	case len(answer.Errors) > 0:
		return nil, directory.NeedsGrant(resp.Redact(answer.problem()), grant)
	case answer.Data.Organization == nil:
		return nil, resp.Unexpected("it holds no organization")
	}
	return answer.Data.Organization, nil
}

// limited recognises GitHub's limits: the primary one is a GraphQL error with
// status 200 or a 403 with nothing remaining. The secondary one is either,
// whatever remains, and only its message or a Retry-After tells it from a
// missing permission.
func limited(status int, h http.Header, body []byte) bool {
	none := h.Get("X-RateLimit-Remaining") == "0" || h.Get("Retry-After") != ""
	var answer struct {
		answerMessage
		Message string `json:"message"`
	}
	err := json.Unmarshal(body, &answer)
	switch status {
	case http.StatusForbidden:
		return none || err == nil && isLimit(answer.Message)
	case http.StatusOK:
		return err == nil && len(answer.Errors) > 0 &&
			(none || strings.EqualFold(answer.Errors[0].Type, "RATE_LIMITED") || isLimit(answer.Errors[0].Message))
	}
	return false
}

func isLimit(message string) bool {
	message = strings.ToLower(message)
	return strings.Contains(message, "rate limit") || strings.Contains(message, "abuse detection")
}

// retryAfter reads the wait that GitHub asks for: Retry-After, else the time of
// the reset if nothing remains, else the minute that it wants after a secondary
// limit.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	if h.Get("Retry-After") != "" || h.Get("X-RateLimit-Remaining") == "0" {
		return apiclient.ResetAt("X-RateLimit-Reset")(h, now)
	}
	return time.Minute, true
}

// problem returns the first error of an answer that has some.
func (a answerMessage) problem() error {
	class := directory.ErrUnavailable
	switch a.Errors[0].Type {
	case "INSUFFICIENT_SCOPES", "FORBIDDEN":
		class = directory.ErrPermission
	case "NOT_FOUND":
		class = fmt.Errorf("%w: the organization is not visible to the token", directory.ErrPermission)
	}
	return fmt.Errorf("%w: GitHub said %s: %q", class, a.Errors[0].Type, a.Errors[0].Message)
}

// The queries select no User.email: that needs one more scope, and one missing
// scope fails the whole query.
const (
	userFields     = `databaseId login name organizationVerifiedDomainEmails(login: $org)`
	identityFields = `nodes { samlIdentity { nameId username emails { value primary } } scimIdentity { username emails { value primary } } user { ` + userFields + ` } } pageInfo { hasNextPage endCursor }`

	checkQuery     = `query($org: String!) { organization(login: $org) { login } }`
	findIdentities = `query($org: String!, $email: String!, $after: String) { organization(login: $org) { samlIdentityProvider { externalIdentities(first: 100, after: $after, userName: $email, membersOnly: true) { ` + identityFields + ` } } } }`
	listIdentities = `query($org: String!, $after: String) { organization(login: $org) { samlIdentityProvider { externalIdentities(first: 100, after: $after, membersOnly: true) { ` + identityFields + ` } } } }`
	listMembers    = `query($org: String!, $after: String) { organization(login: $org) { membersWithRole(first: 100, after: $after) { nodes { ` + userFields + ` } pageInfo { hasNextPage endCursor } } } }`
)

type answerMessage struct {
	Data struct {
		Organization *organization `json:"organization"`
	} `json:"data"`
	Errors []struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"errors"`
}

type organization struct {
	Login    string `json:"login"`
	Provider *struct {
		Identities *connection `json:"externalIdentities"`
	} `json:"samlIdentityProvider"`
	Members *connection `json:"membersWithRole"`
}

// connection is a page of a GraphQL list.
type connection struct {
	Nodes    *[]*node `json:"nodes"`
	PageInfo struct {
		HasNextPage bool   `json:"hasNextPage"`
		EndCursor   string `json:"endCursor"`
	} `json:"pageInfo"`
}

// page returns the accounts of a page and the cursor of the next one.
func (c *connection) page() ([]directory.Account, string, error) {
	if c == nil || c.Nodes == nil {
		return nil, "", fmt.Errorf("%w as expected: the list is missing from the answer", directory.ErrUnavailable)
	}
	var accounts []directory.Account
	for _, n := range *c.Nodes {
		if n == nil {
			continue
		}
		if a := n.account(); a.Identity != "" {
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

// node is a member, or an identity of the single sign-on and the user who has
// claimed it.
type node struct {
	user
	SAML *names `json:"samlIdentity"`
	SCIM *names `json:"scimIdentity"`
	User *user  `json:"user"`
}

type user struct {
	DatabaseID apiclient.Text `json:"databaseId"`
	Login      string         `json:"login"`
	Name       string         `json:"name"`
	// VerifiedEmails are addresses of the organization's verified domains.
	VerifiedEmails []string `json:"organizationVerifiedDomainEmails"`
}

// names holds what an identity provider knows about a person.
type names struct {
	NameID   string `json:"nameId"`
	Username string `json:"username"`
	Emails   []struct {
		Value   string `json:"value"`
		Primary bool   `json:"primary"`
	} `json:"emails"`
}

// account stores the login, by which Terraform names people. A login may change
// and be taken by somebody else; the number behind it never is. People sign in by
// the name that the identity provider sends. An identity that no GitHub user has
// claimed has no login.
func (n node) account() directory.Account {
	u := n.user
	if n.User != nil {
		u = *n.User
	}
	a := directory.Account{AccountID: string(u.DatabaseID), Identity: u.Login, Name: u.Name, State: directory.StateActive}
	add := func(kind directory.AddressKind, proof directory.Proof, values ...string) {
		a.Add(kind, proof, slices.DeleteFunc(values, func(v string) bool { return !strings.Contains(v, "@") })...)
	}
	add(directory.Primary, directory.Proved, u.VerifiedEmails...)
	for _, from := range []*names{n.SAML, n.SCIM} {
		if from == nil {
			continue
		}
		a.SignIn = cmp.Or(a.SignIn, from.NameID, from.Username)
		add(directory.Primary, directory.ProofUnknown, from.NameID, from.Username)
		for _, e := range from.Emails {
			kind := directory.Alias
			if e.Primary {
				kind = directory.Primary
			}
			add(kind, directory.ProofUnknown, e.Value)
		}
	}
	return a
}

// Read returns the account of a node of samlIdentityProvider.externalIdentities or
// of membersWithRole, or of an edge to one, for saved answers. It returns false for
// an identity that no GitHub user has claimed.
func Read(raw []byte) (directory.Account, bool) {
	var edge struct {
		Node json.RawMessage `json:"node"`
	}
	_ = json.Unmarshal(raw, &edge) // ReadRecord says what cannot be read
	if edge.Node != nil {
		raw = edge.Node
	}
	unclaimed := false
	a := apiclient.ReadRecord(raw, func(n node) directory.Account {
		a := n.account()
		unclaimed = a.Identity == "" && (n.SAML != nil || n.SCIM != nil)
		return a
	})
	return a, !unclaimed || a.Unreadable != nil
}
