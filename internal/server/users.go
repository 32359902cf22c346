// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func (s *service) registerUsers(api huma.API) {
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "list-users", Method: http.MethodGet, Path: "/users",
		Summary: "List users with their identities", Errors: []int{http.StatusBadRequest},
		Description: "All users, or those the filters select; a filter that selects nobody gives an empty list. " +
			"Without a limit, all users are listed as they are at one moment. A long list is written while it is read: where that fails " +
			"in the middle, the connection ends before the reply does.",
		Metadata: map[string]any{streamMetadata: reflect.TypeFor[symapi.UserList]()},
	}, s.listUsers)
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "search-users", Method: http.MethodPost, Path: "/users/search",
		Summary: "Find many users at once", Errors: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge},
		Description: "Those of the named users that exist, ordered by name.",
	}, s.searchUsers)
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "set-role", Method: http.MethodPost, Path: "/users/{id}/set-role",
		Summary: "Change a user's role", Errors: []int{http.StatusBadRequest, http.StatusNotFound},
	}, s.setRole)
}

type listUsersInput struct {
	Email  string `query:"email" doc:"Only the person with this e-mail"`
	ID     string `query:"id" doc:"Only the user with this id"`
	Type   string `query:"type" enum:"normal,bot" doc:"Only people or only bots"`
	Limit  int    `query:"limit" minimum:"0" maximum:"2500" doc:"Users of one page; 0 or absent gives all"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

// Resolve refuses filters that are there but empty: whoever asks for one user
// with a variable that is not set must not get everybody.
func (in *listUsersInput) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	query := u.Query()
	var problems []error
	for _, name := range []string{"email", "id"} {
		if query.Has(name) && strings.TrimSpace(query.Get(name)) == "" {
			problems = append(problems, &huma.ErrorDetail{Location: "query." + name, Message: "must not be empty; leave it out to get all users"})
		}
	}
	return problems
}

func (s *service) listUsers(ctx context.Context, in *listUsersInput) (*stream, error) {
	filter := store.UserFilter{ID: in.ID, Type: identity.UserType(in.Type), Limit: in.Limit, Cursor: in.Cursor}
	if in.Email != "" {
		key, err := parseEmail(in.Email)
		if err != nil {
			return nil, err
		}
		filter.Key = key
	}
	all := filter.Limit == 0
	if all {
		filter.Limit = symapi.MaxPage
	}
	users, next, err := s.Store.Users(ctx, filter)
	switch {
	case err != nil:
		return nil, err
	case all && next != "":
		return s.allUsers(filter), nil
	}
	return streamOf(symapi.UserList{Users: symapi.EncodeUsers(users), NextCursor: next}), nil
}

// allUsers lists more users than a page holds.
func (s *service) allUsers(filter store.UserFilter) *stream {
	return s.streamList(`{"users":[`, "]}\n", func(ctx context.Context, add func(any) error) error {
		for page, err := range s.Store.UserPages(ctx, filter) {
			if err != nil {
				return err
			}
			for _, u := range page {
				if err := add(symapi.EncodeUser(u)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

type searchUsersInput struct{ Body symapi.UserSearch }

func (s *service) searchUsers(ctx context.Context, in *searchUsersInput) (*reply[symapi.UserList], error) {
	if err := checkLength("emails", len(in.Body.Emails)); err != nil {
		return nil, err
	}
	if err := checkLength("usernames", len(in.Body.Usernames)); err != nil {
		return nil, err
	}
	keys, err := parseEach("emails", in.Body.Emails, parseEmail)
	if err != nil {
		return nil, err
	}
	bots, err := parseEach("usernames", in.Body.Usernames, parseUsername)
	if err != nil {
		return nil, err
	}
	users, err := s.findUsers(ctx, append(keys, bots...))
	if err != nil {
		return nil, err
	}
	return replyWith(symapi.UserList{Users: symapi.EncodeUsers(users)}), nil
}

// findUsers is the store's FindUsers, each key asked once, ordered by key.
func (s *service) findUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) == 0 {
		return nil, nil
	}
	users, err := s.Store.FindUsers(ctx, keys)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(users, byName)
	return users, nil
}

func byName(a, b identity.User) int { return strings.Compare(string(a.Key), string(b.Key)) }

type setRoleInput struct {
	ID   string `path:"id" doc:"UUID of the user"`
	Body symapi.RoleChange
}

func (s *service) setRole(ctx context.Context, in *setRoleInput) (*reply[symapi.User], error) {
	role := identity.Role(in.Body.Role)
	if !role.Valid() {
		return nil, identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not a role", in.Body.Role),
			"Roles are admin, member and guest.")
	}
	user, err := s.Store.SetRole(ctx, actorOf(ctx), in.ID, role)
	if err != nil {
		return nil, err
	}
	return replyWith(symapi.EncodeUser(user)), nil
}
