// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Lookup asks the service which account has each e-mail: one result per e-mail,
// in order. A service without a directory is an *identity.Error with
// CodeNoDirectory. With the name of a list of accounts it answers from that list, or
// with CodeListChanged.
func (c *Client) Lookup(ctx context.Context, service identity.ServiceKey, emails []string, list string) ([]identity.LookupResult, error) {
	return c.lookup(ctx, service, emails, list, false)
}

// LookupInList asks as Lookup does, but the service answers from its whole list of
// accounts, where it shows one, so that results can be unique.
func (c *Client) LookupInList(ctx context.Context, service identity.ServiceKey, emails []string, list string) ([]identity.LookupResult, error) {
	return c.lookup(ctx, service, emails, list, true)
}

func (c *Client) lookup(ctx context.Context, service identity.ServiceKey, emails []string, list string, whole bool) ([]identity.LookupResult, error) {
	return inChunks(ctx, c, emails, func(ctx context.Context, emails []string) ([]identity.LookupResult, error) {
		reply, r, err := fetch[symapi.LookupReply](ctx, c, call{method: http.MethodPost, path: []string{"identities", "lookup"}, repeat: true, walks: true, extends: true,
			body: symapi.LookupRequest{ServiceType: service.Type, ExternalID: service.ExternalID, Emails: emails, WholeList: whole, List: list}}, "results")
		if err != nil {
			return nil, err
		}
		return inOrder(r, "e-mails", emails, reply.Results, func(i int, wire symapi.LookupResult) (identity.LookupResult, string, error) {
			result, err := symapi.DecodeLookup(wire)
			got := result.Email
			if identity.FoldASCII(strings.TrimSpace(got)) == identity.FoldASCII(strings.TrimSpace(emails[i])) {
				got, result.Email = emails[i], emails[i]
			}
			return result, got, err
		})
	})
}

// inOrder decodes a reply's results, one for each question in order. decode gets the
// question's place, and also returns what a result is for.
func inOrder[W, R any](r *attempt, what string, asked []string, results []W, decode func(i int, wire W) (result R, got string, err error)) ([]R, error) {
	if len(results) != len(asked) {
		return nil, r.invalid(fmt.Errorf("it answers %d %s, asked were %d", len(results), what, len(asked)))
	}
	out := make([]R, len(asked))
	for i, wire := range results {
		result, got, err := decode(i, wire)
		if err == nil && got != asked[i] {
			err = fmt.Errorf("result %d is for %q, asked was %q", i, got, asked[i])
		}
		if err != nil {
			return nil, r.invalid(err)
		}
		out[i] = result
	}
	return out, nil
}

// Holders finds who has a stored mapping of accounts of the service, under their
// names, which are as identity.Matcher.AccountKey returns them, or by their ids.
func (c *Client) Holders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.Holder, error) {
	held, err := inChunks(ctx, c, identity.Distinct(accounts), func(ctx context.Context, accounts []identity.AccountQuery) ([][]identity.Holder, error) {
		request := symapi.IdentitySearch{ServiceType: service.Type, ExternalID: service.ExternalID}
		request.Identities, request.AccountIDs = wireAccounts(accounts)
		reply, r, err := fetch[symapi.IdentityHolders](ctx, c, call{method: http.MethodPost, path: []string{"identities", "search"}, repeat: true, extends: true,
			body: request}, "results")
		if err != nil {
			return nil, err
		}
		return inOrder(r, "identities", request.Identities, reply.Results, func(i int, wire symapi.IdentityHolder) ([]identity.Holder, string, error) {
			users, err := symapi.DecodeUsers(wire.Users)
			index := identity.NewIndex()
			for _, u := range users {
				index.Put(u)
			}
			account := identity.AccountQuery{Identity: identity.FoldIdentity(service.Type, accounts[i].Identity), AccountID: accounts[i].AccountID}
			held := index.Holders(service, account)
			if err == nil && len(held) != len(users) {
				err = fmt.Errorf("it names users as holders of %q in %s who do not hold it", account.Identity, service)
			}
			return held, accounts[i].Identity, err
		})
	})
	return slices.Concat(held...), err
}

// wireAccounts returns the identities and ids of accounts; no ids if none is known.
func wireAccounts(accounts []identity.AccountQuery) (identities, ids []string) {
	known := false
	for _, a := range accounts {
		identities, ids = append(identities, a.Identity), append(ids, a.AccountID)
		known = known || a.AccountID != ""
	}
	if !known {
		ids = nil
	}
	return identities, ids
}

// Status asks the service whether accounts still exist, are active and have
// their identity: one result per query, in order. A service without a directory
// is an *identity.Error with CodeNoDirectory. list is as in Lookup.
func (c *Client) Status(ctx context.Context, service identity.ServiceKey, queries []identity.AccountQuery, list string) ([]identity.AccountStatus, error) {
	return inChunks(ctx, c, queries, func(ctx context.Context, queries []identity.AccountQuery) ([]identity.AccountStatus, error) {
		request := symapi.StatusRequest{ServiceType: service.Type, ExternalID: service.ExternalID, List: list}
		request.Identities, request.AccountIDs = wireAccounts(queries)
		reply, r, err := fetch[symapi.StatusReply](ctx, c, call{method: http.MethodPost, path: []string{"identities", "status"}, repeat: true, walks: true, extends: true,
			body: request}, "results")
		if err != nil {
			return nil, err
		}
		return inOrder(r, "identities", request.Identities, reply.Results, func(_ int, wire symapi.StatusResult) (identity.AccountStatus, string, error) {
			result, err := symapi.DecodeStatus(wire)
			return result, result.Identity, err
		})
	})
}
