// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Lookup asks the service which account has each e-mail: one result per e-mail,
// in order. A service without a directory is an *identity.Error with
// CodeNoDirectory. With the name of a list of accounts it answers from that list, or
// with CodeListChanged.
func (c *Client) Lookup(ctx context.Context, service identity.ServiceKey, emails []string, list string) ([]identity.LookupResult, error) {
	return inChunks(ctx, c, emails, func(ctx context.Context, emails []string) ([]identity.LookupResult, error) {
		return c.lookup(ctx, service, emails, list, false)
	})
}

// LookupInList asks as Lookup does, but the service answers from its whole list of
// accounts, where it shows one, so that results can be unique.
func (c *Client) LookupInList(ctx context.Context, service identity.ServiceKey, emails []string, list string) ([]identity.LookupResult, error) {
	return inChunks(ctx, c, emails, func(ctx context.Context, emails []string) ([]identity.LookupResult, error) {
		return c.lookup(ctx, service, emails, list, true)
	})
}

func (c *Client) lookup(ctx context.Context, service identity.ServiceKey, emails []string, inList string, wholeList bool) ([]identity.LookupResult, error) {
	list, r, err := fetch[symapi.LookupReply](ctx, c, call{method: http.MethodPost, path: []string{"identities", "lookup"}, repeat: true, walks: true, extends: true,
		body: symapi.LookupRequest{ServiceType: service.Type, ExternalID: service.ExternalID, Emails: emails, WholeList: wholeList, List: inList}}, "results")
	if err != nil {
		return nil, err
	}
	if len(list.Results) != len(emails) {
		return nil, r.invalid(fmt.Errorf("it answers %d e-mails, asked were %d", len(list.Results), len(emails)))
	}
	results := make([]identity.LookupResult, len(emails))
	for i, wire := range list.Results {
		results[i], err = symapi.DecodeLookup(wire)
		if err == nil && !sameEmail(results[i].Email, emails[i]) {
			err = fmt.Errorf("result %d is for %q, asked was %q", i, results[i].Email, emails[i])
		}
		if err != nil {
			return nil, r.invalid(err)
		}
		results[i].Email = emails[i]
	}
	return results, nil
}

func sameEmail(a, b string) bool {
	return identity.FoldASCII(strings.TrimSpace(a)) == identity.FoldASCII(strings.TrimSpace(b))
}

// Holders finds who has a stored mapping that claims an account of the
// service; claims are as identity.Matcher.AccountKey returns them.
func (c *Client) Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error) {
	return inChunks(ctx, c, identity.Distinct(claims), func(ctx context.Context, claims []string) ([]identity.Holder, error) {
		return c.holders(ctx, service, claims)
	})
}

func (c *Client) holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error) {
	list, r, err := fetch[symapi.IdentityHolders](ctx, c, call{method: http.MethodPost, path: []string{"identities", "search"}, repeat: true, extends: true,
		body: symapi.IdentitySearch{ServiceType: service.Type, ExternalID: service.ExternalID, Identities: claims}}, "results")
	if err != nil {
		return nil, err
	}
	if len(list.Results) != len(claims) {
		return nil, r.invalid(fmt.Errorf("it answers %d identities, asked were %d", len(list.Results), len(claims)))
	}
	var out []identity.Holder
	for i, result := range list.Results {
		users, err := symapi.DecodeUsers(result.Users)
		if err != nil {
			return nil, r.invalid(err)
		}
		index := identity.NewIndex()
		for _, u := range users {
			index.Put(u)
		}
		held := index.Holders(service, identity.FoldIdentity(service.Type, claims[i]))
		if len(held) != len(users) {
			return nil, r.invalid(fmt.Errorf("it names users as holders of %q in %s who do not hold it", claims[i], service))
		}
		out = append(out, held...)
	}
	return out, nil
}

// Status asks the service whether accounts still exist, are active and have
// their identity: one result per query, in order. A service without a directory
// is an *identity.Error with CodeNoDirectory. list is as in Lookup.
func (c *Client) Status(ctx context.Context, service identity.ServiceKey, queries []identity.AccountQuery, list string) ([]identity.AccountStatus, error) {
	return inChunks(ctx, c, queries, func(ctx context.Context, queries []identity.AccountQuery) ([]identity.AccountStatus, error) {
		return c.status(ctx, service, queries, list)
	})
}

func (c *Client) status(ctx context.Context, service identity.ServiceKey, queries []identity.AccountQuery, inList string) ([]identity.AccountStatus, error) {
	identities := make([]string, len(queries))
	accountIDs := make([]string, len(queries))
	pinned := false
	for i, q := range queries {
		identities[i], accountIDs[i] = q.Identity, q.AccountID
		pinned = pinned || q.AccountID != ""
	}
	if !pinned {
		accountIDs = nil
	}
	list, r, err := fetch[symapi.StatusReply](ctx, c, call{method: http.MethodPost, path: []string{"identities", "status"}, repeat: true, walks: true, extends: true,
		body: symapi.StatusRequest{ServiceType: service.Type, ExternalID: service.ExternalID, Identities: identities, AccountIDs: accountIDs, List: inList}}, "results")
	if err != nil {
		return nil, err
	}
	if len(list.Results) != len(identities) {
		return nil, r.invalid(fmt.Errorf("it answers %d identities, asked were %d", len(list.Results), len(identities)))
	}
	results := make([]identity.AccountStatus, len(identities))
	for i, wire := range list.Results {
		results[i], err = symapi.DecodeStatus(wire)
		if err == nil && results[i].Identity != identities[i] {
			err = fmt.Errorf("result %d is for %q, asked was %q", i, results[i].Identity, identities[i])
		}
		if err != nil {
			return nil, r.invalid(err)
		}
	}
	return results, nil
}
