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

// Lookup asks the service which account has each e-mail: one answer per
// e-mail, in order. A service without a directory is an *identity.Error with
// CodeNoDirectory.
func (c *Client) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	answers := make([]identity.LookupResult, len(emails))
	err := c.eachChunk(ctx, len(emails), func(ctx context.Context, from, to int) error {
		return c.lookup(ctx, service, emails[from:to], answers[from:to])
	})
	if err != nil {
		return nil, err
	}
	return answers, nil
}

func (c *Client) lookup(ctx context.Context, service identity.ServiceKey, emails []string, answers []identity.LookupResult) error {
	r, err := c.do(ctx, call{method: http.MethodPost, path: []string{"identities", "lookup"}, repeat: true, extends: true,
		body: symapi.LookupRequest{ServiceType: service.Type, ExternalID: service.ExternalID, Emails: emails}})
	if err != nil {
		return err
	}
	var list symapi.LookupReply
	if err := r.read("results", &list); err != nil {
		return err
	}
	if len(list.Results) != len(emails) {
		return r.understood(fmt.Errorf("it answers %d e-mails, asked were %d", len(list.Results), len(emails)))
	}
	for i, result := range list.Results {
		answers[i], err = symapi.DecodeLookup(result)
		if err == nil && !sameEmail(answers[i].Email, emails[i]) {
			err = fmt.Errorf("result %d is for %q, asked was %q", i, answers[i].Email, emails[i])
		}
		if err != nil {
			return r.understood(err)
		}
		answers[i].Email = emails[i]
	}
	return nil
}

func sameEmail(a, b string) bool {
	return identity.FoldASCII(strings.TrimSpace(a)) == identity.FoldASCII(strings.TrimSpace(b))
}

// Holders finds who has a stored mapping that claims an account of the
// service; claims are as identity.Matcher.AccountKey gives them.
func (c *Client) Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error) {
	claims = distinct(claims)
	found := make([][]identity.Holder, (len(claims)+symapi.MaxBatch-1)/symapi.MaxBatch)
	err := c.eachChunk(ctx, len(claims), func(ctx context.Context, from, to int) error {
		holders, err := c.holders(ctx, service, claims[from:to])
		found[from/symapi.MaxBatch] = holders
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.Concat(found...), nil
}

func (c *Client) holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error) {
	r, err := c.do(ctx, call{method: http.MethodPost, path: []string{"identities", "search"}, repeat: true, extends: true,
		body: symapi.IdentitySearch{ServiceType: service.Type, ExternalID: service.ExternalID, Identities: claims}})
	if err != nil {
		return nil, err
	}
	var list symapi.IdentityHolders
	if err := r.read("results", &list); err != nil {
		return nil, err
	}
	if len(list.Results) != len(claims) {
		return nil, r.understood(fmt.Errorf("it answers %d identities, asked were %d", len(list.Results), len(claims)))
	}
	var out []identity.Holder
	for i, result := range list.Results {
		users, err := symapi.DecodeUsers(result.Users)
		if err != nil {
			return nil, r.understood(err)
		}
		held := holdersAmong(users, service, claims[i:i+1])
		if len(held) != len(users) {
			return nil, r.understood(fmt.Errorf("it names users as holders of %q in %s who do not hold it", claims[i], service))
		}
		out = append(out, held...)
	}
	return out, nil
}

// holdersAmong is who of users holds one of claims, ordered by claims, then by
// users.
func holdersAmong(users []identity.User, service identity.ServiceKey, claims []string) []identity.Holder {
	byClaim := make(map[string][]identity.Holder)
	for _, u := range users {
		if m, ok := u.Mapping(service); ok {
			claim := m.Matcher.AccountKey(service.Type)
			byClaim[claim] = append(byClaim[claim], identity.Holder{User: u.Key, Mapping: m})
		}
	}
	var out []identity.Holder
	for _, claim := range claims {
		out = append(out, byClaim[identity.FoldIdentity(service.Type, claim)]...)
	}
	return out
}
