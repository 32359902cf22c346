// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// storedUser reads a user behind the API.
func (s *testServer) storedUser(name string) (identity.User, bool) {
	s.t.Helper()
	users, err := s.Store.FindUsers(context.Background(), []identity.UserKey{mustUser(name)})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(users) == 0 {
		return identity.User{}, false
	}
	return users[0], true
}

// addUser creates a person or bot without mappings behind the API.
func (s *testServer) addUser(name string) identity.User {
	s.t.Helper()
	key := mustUser(name)
	return s.upsert(store.UserWrite{Key: key, Name: name, Type: key.Type()})
}

// userWith creates a user with names and a role behind the API.
func (s *testServer) userWith(name, first, last string, role identity.Role) identity.User {
	s.t.Helper()
	key := mustUser(name)
	created := s.upsert(store.UserWrite{Key: key, Name: name, Type: key.Type(), FirstName: &first, LastName: &last})
	user, err := s.Store.SetRole(context.Background(), testActor, created.ID, role)
	if err != nil {
		s.t.Fatal(err)
	}
	return user
}

// renameUser renames a user behind the API.
func (s *testServer) renameUser(user identity.User, name string) {
	s.t.Helper()
	s.upsert(store.UserWrite{ID: user.ID, Key: mustUser(name), Name: name, Type: user.Type})
}

// dropUser deletes a user behind the API.
func (s *testServer) dropUser(user identity.User) {
	s.t.Helper()
	if _, err := s.Store.DeleteUsers(context.Background(), testActor, []store.UserDelete{{ID: user.ID}}); err != nil {
		s.t.Fatal(err)
	}
}

// writes counts what was asked to change anything.
func (s *testServer) writes() int {
	return len(s.requests("PATCH users")) + len(s.requests("POST users/delete")) + len(s.requests("POST users/identities/delete"))
}
