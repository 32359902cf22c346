// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Login asks who the token is.
func (c *Client) Login(ctx context.Context) (identity.Principal, error) {
	r, err := c.do(ctx, call{method: http.MethodGet, path: []string{"auth", "login"}, repeat: true})
	if err != nil {
		return identity.Principal{}, err
	}
	var login struct {
		symapi.Login
		Organization string `json:"organization"` // Sym's own names of org and name
		Username     string `json:"username"`
	}
	if err := r.read("", &login); err != nil {
		return identity.Principal{}, err
	}
	login.Org, login.Name = cmp.Or(login.Org, login.Organization), cmp.Or(login.Name, login.Username)
	who, err := symapi.DecodeLogin(login.Login)
	return who, r.understood(err)
}

// FindUsers returns the users among keys that exist, each once, in the order
// in which keys first name them.
func (c *Client) FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	keys = distinct(keys)
	if len(keys) == 0 {
		return nil, nil
	}
	found := make([][]identity.User, (len(keys)+symapi.MaxBatch-1)/symapi.MaxBatch)
	err := c.eachChunk(ctx, len(keys), func(ctx context.Context, from, to int) error {
		users, err := c.search(ctx, keys[from:to])
		found[from/symapi.MaxBatch] = users
		return err
	})
	if err != nil {
		return nil, err
	}
	return pick(keys, slices.Concat(found...))
}

// search asks users/search for at most symapi.MaxBatch keys.
func (c *Client) search(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	var body symapi.UserSearch
	for _, k := range keys {
		if k.IsEmail() {
			body.Emails = append(body.Emails, string(k))
		} else {
			body.Usernames = append(body.Usernames, string(k))
		}
	}
	r, err := c.do(ctx, call{method: http.MethodPost, path: []string{"users", "search"}, body: body, repeat: true, extends: true})
	if err != nil {
		return nil, err
	}
	users, _, err := r.users()
	if err == nil {
		c.extended.Store(true)
	}
	return users, err
}

// requireExtensions searches for nobody unless a search has succeeded before.
// Writes depend on it: an API without the extensions ignores their conditions.
func (c *Client) requireExtensions(ctx context.Context) error {
	if c.extended.Load() {
		return nil
	}
	_, err := c.search(ctx, nil)
	return err
}

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

// AllUsers walks every user, page by page where the server has pages. After an
// error nothing follows, and nobody who was not yielded may be called absent.
func (c *Client) AllUsers(ctx context.Context) iter.Seq2[identity.User, error] {
	return func(yield func(identity.User, error) bool) {
		query := url.Values{"limit": {strconv.Itoa(symapi.MaxPage)}}
		seen := map[string]bool{}
		for {
			r, err := c.do(ctx, call{method: http.MethodGet, path: []string{"users"}, query: query, repeat: true})
			if err != nil {
				yield(identity.User{}, err)
				return
			}
			users, next, err := r.users()
			if err == nil && seen[next] {
				err = r.understood(fmt.Errorf("the cursor of its next page is one that was used before, after %d pages", len(seen)+1))
			}
			if err != nil {
				yield(identity.User{}, err)
				return
			}
			for _, u := range users {
				if !yield(u, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			seen[next] = true
			query = url.Values{"limit": {strconv.Itoa(symapi.MaxPage)}, "cursor": {next}}
		}
	}
}

// users decodes a reply that is a list of users.
func (r *reply) users() (users []identity.User, next string, err error) {
	var list symapi.UserList
	if err := r.read("users", &list); err != nil {
		return nil, "", err
	}
	users, err = symapi.DecodeUsers(list.Users)
	return users, list.NextCursor, r.understood(err)
}

// pick is those of users whom keys name. Two users under one key are an error:
// either could be the wrong person.
func pick(keys []identity.UserKey, users []identity.User) ([]identity.User, error) {
	byKey := make(map[identity.UserKey]identity.User, len(users))
	for _, u := range users {
		key := u.Key
		if other, twice := byKey[key]; twice && other.ID != u.ID {
			if slices.Contains(keys, key) {
				return nil, twoUsers(key, other, u)
			}
			continue
		}
		byKey[key] = u
	}
	var out []identity.User
	for _, k := range keys {
		if u, ok := byKey[k]; ok {
			out = append(out, u)
		}
	}
	return out, nil
}

func twoUsers(key identity.UserKey, a, b identity.User) error {
	return &identity.Error{Code: identity.CodeUserConflict, User: key,
		Message: fmt.Sprintf("two users are stored for %s: %q (id %s) and %q (id %s)", key, a.Name, a.ID, b.Name, b.ID),
		Hint:    "Remove one of them; until then neither can be mapped."}
}

// distinct is list without repetitions, in order.
func distinct[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	out := make([]T, 0, len(list))
	for _, v := range list {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}
