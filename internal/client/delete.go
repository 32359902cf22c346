// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"net/http"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Delete removes mappings that still are what deletes say, and reports per
// element whether there was anything to remove. A user is found by key where
// UserID is empty; one who is not stored has nothing to remove. Transactions
// and errors are as in Write: an element of a transaction that failed is false.
func (c *Client) Delete(ctx context.Context, deletes []identity.Delete) ([]bool, error) {
	deleted := make([]bool, len(deletes))
	if len(deletes) == 0 {
		return deleted, nil
	}
	if c.readOnly {
		return deleted, c.refusal(http.MethodPost, "users", "identities", "delete")
	}
	if err := c.requireExtensions(ctx); err != nil {
		return deleted, err
	}
	indexes, elements, err := c.identifyDeletes(ctx, deletes)
	if err != nil {
		return deleted, err
	}
	var failed failures
	for from := 0; from < len(indexes); from += symapi.MaxBatch {
		to := min(from+symapi.MaxBatch, len(indexes))
		chunk := indexes[from:to]
		results, err := c.bulk(ctx, call{method: http.MethodPost, path: []string{"users", "identities", "delete"}, write: true, repeat: true,
			body: symapi.IdentityDeletes{Identities: elements[from:to]}, elements: len(chunk)})
		if err != nil {
			stop := failed.add(err, func(failure *identity.ItemError) {
				d := deletes[chunk[failure.Index]]
				failure.Index = chunk[failure.Index]
				complete(failure.Err, d.User, d.Service)
			})
			if stop {
				break
			}
			continue
		}
		for k, r := range results {
			deleted[chunk[k]] = deletedOf(r)
		}
	}
	return deleted, failed.err()
}

// identifyDeletes finds the user ids that are not given, and leaves out users
// who are not stored. indexes are the places of elements in deletes.
func (c *Client) identifyDeletes(ctx context.Context, deletes []identity.Delete) (indexes []int, elements []symapi.IdentityDelete, err error) {
	var keys []identity.UserKey
	for _, d := range deletes {
		if d.UserID == "" {
			keys = append(keys, d.User)
		}
	}
	users, err := c.FindUsers(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	ids := make(map[identity.UserKey]string, len(users))
	for _, u := range users {
		ids[u.Key] = u.ID
	}
	for i, d := range deletes {
		if d.UserID == "" {
			d.UserID = ids[d.User]
		}
		if d.UserID != "" {
			indexes = append(indexes, i)
			elements = append(elements, symapi.IdentityDelete{UserID: d.UserID, ServiceType: d.Service.Type,
				ExternalID: d.Service.ExternalID, Matcher: d.Matcher, IfRevision: d.IfRevision})
		}
	}
	return indexes, elements, nil
}
