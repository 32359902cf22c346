// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// maxListings bounds how often a list is read from its beginning because it
// changed between two pages.
const maxListings = 5

// Accounts returns the whole list of the accounts of a service and who holds
// each: the list of a name, or, if that is "" or the service shows another one now,
// a fresh one. It begins again if the service shows another one between two pages. A service whose accounts cannot be listed is an *identity.Error with
// CodeNoList, one without a directory with CodeNoDirectory.
func (c *Client) Accounts(ctx context.Context, service identity.ServiceKey, name string) (list identity.AccountList, err error) {
	for range maxListings {
		list, err = c.accounts(ctx, service, name)
		if identity.CodeOf(err) != identity.CodeListChanged {
			break
		}
		name = ""
	}
	if err != nil {
		return identity.AccountList{}, err
	}
	return list, nil
}

// accounts reads the pages of one list.
func (c *Client) accounts(ctx context.Context, service identity.ServiceKey, name string) (identity.AccountList, error) {
	var list identity.AccountList
	query := url.Values{"service_type": {service.Type}, "external_id": {service.ExternalID}, "limit": {strconv.Itoa(symapi.MaxAccounts)}}
	if name != "" {
		query.Set("list", name)
	}
	for {
		page, r, err := fetch[symapi.AccountList](ctx, c, call{method: http.MethodGet, path: []string{"accounts"}, query: query, repeat: true, walks: true, extends: true}, "accounts")
		if err != nil {
			return list, err
		}
		for _, wire := range page.Accounts {
			account, err := symapi.DecodeAccount(wire)
			if err != nil {
				return list, r.invalid(err)
			}
			list.Accounts = append(list.Accounts, account)
		}
		list.AsOf, list.Name = page.AsOf, page.List
		read := len(list.Accounts)
		switch {
		case page.NextCursor != "" && len(page.Accounts) == 0:
			return list, r.invalid(errors.New("it is an empty page before the end"))
		case page.NextCursor == "" && read != page.Total, read > page.Total:
			return list, r.invalid(fmt.Errorf("its list has %d accounts, and it says that there are %d", read, page.Total))
		case page.NextCursor == "":
			return list, nil
		}
		query.Set("cursor", page.NextCursor)
	}
}
