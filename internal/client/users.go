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
	"strconv"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Login asks who the token belongs to, and which store the API has.
func (c *Client) Login(ctx context.Context) (identity.Session, error) {
	login, r, err := fetch[symapi.Login](ctx, c, call{method: http.MethodGet, path: []string{"auth", "login"}, repeat: true}, "")
	if err != nil {
		return identity.Session{}, err
	}
	login.Org, login.Name = cmp.Or(login.Org, login.Organization), cmp.Or(login.Name, login.Username)
	who, err := symapi.DecodeLogin(login)
	if err == nil && who.StoreID != "" {
		c.extended.Store(true) // an extension itself
	}
	return who, r.invalid(err)
}

// FindUsers returns the users among keys that exist, each once, in the order
// in which keys first name them.
func (c *Client) FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	keys = identity.Distinct(keys)
	if len(keys) == 0 {
		return nil, nil
	}
	return inChunks(ctx, c, keys, func(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
		users, err := c.search(ctx, keys)
		if err != nil {
			return nil, err
		}
		index := identity.NewIndex() // two users under one key are an error: either could be the wrong person
		for _, u := range users {
			if err := index.Add(u); err != nil {
				return nil, err
			}
		}
		out := make([]identity.User, 0, len(users))
		for _, key := range keys {
			if u := index.Find(key); u != nil {
				out = append(out, *u)
			}
		}
		return out, nil
	})
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
	users, _, _, err := c.users(ctx, call{method: http.MethodPost, path: []string{"users", "search"}, body: body, repeat: true, extends: true})
	if err == nil {
		c.extended.Store(true)
	}
	return users, err
}

// RequireExtensions returns an error where the API lacks the extensions. It searches
// for nobody, unless an extension has answered before. Writes depend on it: an API
// without the extensions ignores their conditions; and so do lists of everybody:
// it may ignore that bots and all identities are asked for.
func (c *Client) RequireExtensions(ctx context.Context) error {
	if c.extended.Load() {
		return nil
	}
	_, err := c.search(ctx, nil)
	return err
}

// UserByID finds one user by the API's id, whatever the user's name is now. It
// returns nil where nobody has the id.
func (c *Client) UserByID(ctx context.Context, id string) (*identity.User, error) {
	if id == "" {
		return nil, nil // as a filter it would select everybody
	}
	users, _, _, err := c.users(ctx, call{method: http.MethodGet, path: []string{"users"}, query: url.Values{"id": {id}, "identities": {"all"}}, repeat: true})
	if errors.Is(err, &identity.Error{Code: identity.CodeUserNotFound}) {
		return nil, nil
	}
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

// AllUsers walks every user, page by page where the server has pages. It ends
// with the first error: then a user who was not yielded may exist all the same.
func (c *Client) AllUsers(ctx context.Context) iter.Seq2[identity.User, error] {
	return func(yield func(identity.User, error) bool) {
		query := url.Values{"type": {"any"}, "identities": {"all"}, "limit": {strconv.Itoa(symapi.MaxPage)}}
		seen := map[string]bool{}
		ids := map[identity.UserKey]string{} // of the pages before
		if err := c.RequireExtensions(ctx); err != nil {
			yield(identity.User{}, err)
			return
		}
		for {
			users, next, r, err := c.users(ctx, call{method: http.MethodGet, path: []string{"users"}, query: query, repeat: true})
			if err == nil && seen[next] {
				err = r.invalid(fmt.Errorf("the cursor of its next page is one that was used before, after %d pages", len(seen)+1))
			}
			for _, u := range users {
				if id := cmp.Or(ids[u.Key], u.ID); id != u.ID && err == nil {
					err = r.invalid(&identity.Error{Code: identity.CodeUserConflict, User: u.Key,
						Message: fmt.Sprintf("%s became the name of another user while all users were read", u.Key)})
				}
			}
			if err != nil {
				yield(identity.User{}, err)
				return
			}
			for _, u := range users {
				if ids[u.Key] = u.ID; !yield(u, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			seen[next] = true
			query.Set("cursor", next)
		}
	}
}

// users sends a call whose reply is a list of users.
func (c *Client) users(ctx context.Context, request call) (users []identity.User, next string, r *attempt, err error) {
	list, r, err := fetch[symapi.UserList](ctx, c, request, "users")
	if err == nil {
		users, err = symapi.DecodeUsers(list.Users)
		err = r.invalid(err)
	}
	return users, list.NextCursor, r, err
}

// UserWrite creates or changes a user's own record.
type UserWrite struct {
	ID        string            // of a known user; "" finds or creates one by Name
	Type      identity.UserType // Bot creates an unknown bot; "" follows from Name
	Name      string            // e-mail or username; another one than a known user's renames it
	FirstName *string           // nil leaves it alone
	LastName  *string
	// IfRevision makes a write that changes the user depend on the revision, and
	// asserts the user: it gets a new revision, also where nothing changes. 0 does
	// neither.
	IfRevision int64
}

// UpsertUser stores a user's own record and returns the user as stored.
func (c *Client) UpsertUser(ctx context.Context, w UserWrite) (identity.User, error) {
	key, err := identity.ParseUser(w.Name)
	if err != nil {
		return identity.User{}, err
	}
	kind := w.Type
	if kind == "" {
		kind = key.Type()
	}
	own := ownRecord(kind, w.Name)
	own.Profile = map[string]string{}
	if w.IfRevision != 0 {
		own.Source, own.IfRevision = string(identity.Manual), w.IfRevision
	}
	if w.FirstName != nil {
		own.Profile["first_name"] = *w.FirstName
	}
	if w.LastName != nil {
		own.Profile["last_name"] = *w.LastName
	}
	results, err := c.bulk(ctx, call{method: http.MethodPatch, path: []string{"users"}, write: true, repeat: w.IfRevision != 0, elements: 1,
		body: symapi.UserUpserts{Users: []symapi.UserUpsert{{ID: w.ID, Type: string(kind), Identities: []symapi.IdentityUpsert{own}}}}})
	if err != nil {
		return identity.User{}, err
	}
	user, err := recordOf(results[0])
	if err != nil {
		return identity.User{}, fmt.Errorf("the API stored %s, but its answer shows no usable record: %w", key, err)
	}
	return user, nil
}

// DeleteUsers removes users with their mappings, if they still have their names,
// no mapping where none is given, and, where it is not 0, their Revision, and reports per user whether they were there. At most
// symapi.MaxBatch users are one transaction; the first that fails is the last.
func (c *Client) DeleteUsers(ctx context.Context, users []identity.User) ([]bool, error) {
	deleted := make([]bool, len(users))
	return deleted, c.transactions(ctx, len(users), transaction{
		request: func(from, to int) call {
			elements := make([]symapi.UserDelete, to-from)
			for i, u := range users[from:to] {
				own := ownRecord(u.Type, u.Name)
				elements[i] = symapi.UserDelete{ID: u.ID, Identity: &symapi.UserIdentity{ServiceType: own.ServiceType, Matcher: own.Matcher},
					IfRevision: u.Revision, IfUnmapped: len(u.Mappings) == 0}
			}
			return call{method: http.MethodPost, path: []string{"users", "delete"}, write: true, repeat: true, body: symapi.UserDeletes{Users: elements}}
		},
		about: func(i int) (int, identity.UserKey, identity.ServiceKey) {
			return i, users[i].Key, identity.ServiceKey{}
		},
		done:  func(i int, r symapi.BulkResult) { deleted[i] = wasDeleted(r) },
		stops: true,
	})
}

// SetRole changes a user's role and returns the user as stored. It has no condition, so
// it is not repeated: that could undo what somebody else set meanwhile.
func (c *Client) SetRole(ctx context.Context, userID string, role identity.Role) (identity.User, error) {
	wire, r, err := fetch[symapi.User](ctx, c, call{method: http.MethodPost, path: []string{"users", userID, "set-role"}, write: true,
		body: symapi.RoleChange{Role: string(role)}}, "id")
	if err != nil {
		return identity.User{}, err
	}
	user, err := symapi.DecodeUser(wire)
	return user, r.invalid(err)
}
