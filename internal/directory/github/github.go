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
	"maps"
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
	var org struct {
		Login string `json:"login"`
	}
	if err := g.ask(ctx, checkQuery, nil, &org); err != nil {
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
	found, err := directory.All(directory.PagedSparse(ctx, g.identities(email)))
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
	return func(yield func([]directory.Account, error) bool) {
		for _, list := range []page{g.identities(""), g.members} {
			for page, err := range directory.PagedSparse(ctx, list) {
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
	}
}

// page fetches a page of a GraphQL list.
type page func(ctx context.Context, cursor string) (accounts []directory.Account, next string, err error)

// identities lists the identities of the single sign-on with a user name, ""
// for all.
func (g *github) identities(email string) page {
	return func(ctx context.Context, cursor string) ([]directory.Account, string, error) {
		var org struct {
			Provider *struct {
				Identities *connection[external] `json:"externalIdentities"`
			} `json:"samlIdentityProvider"`
		}
		query, variables := listIdentities, map[string]any{"after": nullable(cursor)}
		if email != "" {
			query, variables["email"] = findIdentities, email
		}
		if err := g.ask(ctx, query, variables, &org); err != nil {
			return nil, "", err
		}
		if org.Provider == nil { // the organization has no single sign-on
			return nil, "", nil
		}
		return pageOf(org.Provider.Identities)
	}
}

func (g *github) members(ctx context.Context, cursor string) ([]directory.Account, string, error) {
	var org struct {
		Members *connection[member] `json:"membersWithRole"`
	}
	if err := g.ask(ctx, listMembers, map[string]any{"after": nullable(cursor)}, &org); err != nil {
		return nil, "", err
	}
	return pageOf(org.Members)
}

func nullable(cursor string) any {
	if cursor == "" {
		return nil
	}
	return cursor
}

// ask sends a query about the organization and decodes it into into. Any error
// fails the whole query: a partial answer is no answer.
func (g *github) ask(ctx context.Context, query string, variables map[string]any, into any) error {
	all := map[string]any{"org": g.org}
	maps.Copy(all, variables)
	answer, resp, err := apiclient.Get[answerMessage](ctx, g.api, apiclient.PostJSON("/graphql", map[string]any{"query": query, "variables": all}))
	if err != nil {
		return err
	}
	if err := answer.problem(); err != nil {
		return directory.NeedsGrant(resp.Redact(err), grant)
	}
	if answer.Data == nil || len(answer.Data.Organization) == 0 || string(answer.Data.Organization) == "null" {
		return resp.Unexpected("it holds no organization")
	}
	if err := json.Unmarshal(answer.Data.Organization, into); err != nil {
		return resp.Unexpected("the organization in it has another shape than expected")
	}
	return nil
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

// problem returns the first error of an answer.
func (a answerMessage) problem() error {
	if len(a.Errors) == 0 {
		return nil
	}
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
	userFields     = `user { databaseId login name }`
	identityFields = `nodes { samlIdentity { nameId username emails { value primary } } scimIdentity { username emails { value primary } } ` + userFields + ` } pageInfo { hasNextPage endCursor }`

	checkQuery     = `query($org: String!) { organization(login: $org) { login } }`
	findIdentities = `query($org: String!, $email: String!, $after: String) { organization(login: $org) { samlIdentityProvider { externalIdentities(first: 100, after: $after, userName: $email, membersOnly: true) { ` + identityFields + ` } } } }`
	listIdentities = `query($org: String!, $after: String) { organization(login: $org) { samlIdentityProvider { externalIdentities(first: 100, after: $after, membersOnly: true) { ` + identityFields + ` } } } }`
	listMembers    = `query($org: String!, $after: String) { organization(login: $org) { membersWithRole(first: 100, after: $after) { nodes { databaseId login name organizationVerifiedDomainEmails(login: $org) } pageInfo { hasNextPage endCursor } } } }`
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

// pageOf returns the accounts of a page and the cursor of the next one.
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
	DatabaseID apiclient.Text `json:"databaseId"`
	Login      string         `json:"login"`
	Name       string         `json:"name"`
}

// account stores the login, by which Terraform names people. A login may change
// and be taken by somebody else; the number behind it never is.
func (u user) account() directory.Account {
	return directory.Account{AccountID: string(u.DatabaseID), Identity: u.Login, Name: u.Name, State: directory.StateActive}
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

type external struct {
	SAML *names `json:"samlIdentity"`
	SCIM *names `json:"scimIdentity"`
	User *user  `json:"user"`
}

// account returns false for an identity that no GitHub user has claimed: it has
// no login. People sign in by the name that the identity provider sends.
func (i external) account() (directory.Account, bool) {
	if i.User == nil || i.User.Login == "" {
		return directory.Account{}, false
	}
	a := i.User.account()
	for _, n := range []*names{i.SAML, i.SCIM} {
		if n == nil {
			continue
		}
		a.SignIn = cmp.Or(a.SignIn, n.NameID, n.Username)
		a.Add(directory.Primary, directory.ProofUnknown, addresses(n.NameID, n.Username)...)
		for _, e := range n.Emails {
			kind := directory.Alias
			if e.Primary {
				kind = directory.Primary
			}
			a.Add(kind, directory.ProofUnknown, addresses(e.Value)...)
		}
	}
	return a, true
}

// Read returns the account of a node of samlIdentityProvider.externalIdentities or
// of membersWithRole, or of an edge to one, for saved answers. It returns false for
// an identity that no GitHub user has claimed.
func Read(raw []byte) (directory.Account, bool) {
	var shape struct {
		Node  json.RawMessage `json:"node"`
		Login json.RawMessage `json:"login"`
	}
	_ = json.Unmarshal(raw, &shape) // ReadRecord says what cannot be read
	switch {
	case shape.Node != nil:
		return Read(shape.Node)
	case shape.Login != nil:
		return apiclient.ReadRecord(raw, func(m member) directory.Account {
			a, _ := m.account()
			return a
		}), true
	}
	unclaimed := false
	a := apiclient.ReadRecord(raw, func(i external) directory.Account {
		a, claimed := i.account()
		unclaimed = !claimed && (i.SAML != nil || i.SCIM != nil)
		return a
	})
	return a, !unclaimed || a.Unreadable != nil
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
	a.Add(directory.Primary, directory.Proved, addresses(m.Emails...)...)
	return a, true
}
