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
// UserID is empty; one who is not stored has nothing to remove. Transactions,
// errors and servers without extensions are as in Write: an element of a
// transaction that failed is false.
func (c *Client) Delete(ctx context.Context, deletes []identity.Delete) ([]bool, error) {
	deleted := make([]bool, len(deletes))
	if len(deletes) == 0 {
		return deleted, nil
	}
	if c.readOnly {
		return deleted, c.refusal(http.MethodPost, "users", "identities", "delete")
	}
	has, err := c.hasExtensions(ctx)
	if err != nil {
		return deleted, err
	}
	plan := c.planDeletes
	if !has {
		plan = c.planDeletesByReading
	}
	indexes, elements, err := plan(ctx, deletes)
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

// planDeletes finds the ids that are not given. Who is not stored is left out.
func (c *Client) planDeletes(ctx context.Context, deletes []identity.Delete) ([]int, []symapi.IdentityDelete, error) {
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
	var indexes []int
	var elements []symapi.IdentityDelete
	for i, d := range deletes {
		if d.UserID == "" {
			d.UserID = ids[d.User]
		}
		if d.UserID != "" {
			indexes, elements = append(indexes, i), append(elements, deleteOf(d))
		}
	}
	return indexes, elements, nil
}

func deleteOf(d identity.Delete) symapi.IdentityDelete {
	return symapi.IdentityDelete{UserID: d.UserID, ServiceType: d.Service.Type, ExternalID: d.Service.ExternalID,
		Matcher: d.Matcher, IfRevision: d.IfRevision}
}
