// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// UserByID finds one user by the id the API gave it, whatever the user is
// called now; nil where nobody has the id.
func (c *Client) UserByID(ctx context.Context, id string) (*identity.User, error) {
	if id == "" {
		return nil, nil // as a filter it would select everybody
	}
	r, err := c.do(ctx, call{method: http.MethodGet, path: []string{"users"}, query: url.Values{"id": {id}}, repeat: true})
	if errors.Is(err, &identity.Error{Code: identity.CodeUserNotFound}) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	users, _, err := r.users()
	if err != nil {
		return nil, err
	}
	// A server that does not know the filter answers with everybody.
	for _, u := range users {
		if u.ID == id {
			return &u, nil
		}
	}
	return nil, nil
}
