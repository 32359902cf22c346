// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// bulkAPI is what the bulk data source asks of the API.
type bulkAPI interface {
	resolve.API
	// AllUsers walks every user that is stored. Nothing follows an error.
	AllUsers(ctx context.Context) iter.Seq2[identity.User, error]
}

// everybody is an API whose users were all read at once: who exists, and who
// holds an account, is then known without a request.
type everybody struct {
	resolve.API
	users []identity.User
	keys  []identity.UserKey // of users, sorted: the order of pages must not decide who has an account
}

func readEverybody(ctx context.Context, api bulkAPI) (*everybody, error) {
	all := &everybody{API: api}
	byKey := map[identity.UserKey]identity.User{}
	for user, err := range api.AllUsers(ctx) {
		if err != nil {
			return nil, err
		}
		key := user.Key
		if other, twice := byKey[key]; twice {
			if other.ID != user.ID {
				return nil, &identity.Error{Code: identity.CodeUserConflict, User: key,
					Message: fmt.Sprintf("two users are stored for %s: %q (id %s) and %q (id %s)", key, other.Name, other.ID, user.Name, user.ID),
					Hint:    "Remove one of them; until then neither can be resolved."}
			}
			continue // a change while the pages were read moved the user from one to another
		}
		byKey[key] = user
		all.users, all.keys = append(all.users, user), append(all.keys, key)
	}
	slices.Sort(all.keys)
	return all, nil
}

// FindUsers is asked for everybody.
func (e *everybody) FindUsers(context.Context, []identity.UserKey) ([]identity.User, error) {
	return e.users, nil
}

// Holders finds who had an account when everybody was read. Writes are checked
// by the server besides.
func (e *everybody) Holders(_ context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error) {
	wanted := make(map[string]bool, len(claims))
	for _, claim := range claims {
		wanted[claim] = true
	}
	var holders []identity.Holder
	for _, user := range e.users {
		if m, ok := user.Mapping(service); ok && wanted[m.Matcher.AccountKey(service.Type)] {
			holders = append(holders, identity.Holder{User: user.Key, Mapping: m})
		}
	}
	return holders, nil
}
