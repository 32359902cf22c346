// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"context"
	"iter"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// fakeStore overrides single calls of a store.
type fakeStore struct {
	store.Store
	users func() ([]identity.User, string, error)
	pages iter.Seq2[[]identity.User, error]
	ping  func() error
	id    func() (string, error)
}

func (f fakeStore) ID(ctx context.Context) (string, error) {
	if f.id != nil {
		return f.id()
	}
	return f.Store.ID(ctx)
}

func (f fakeStore) Users(ctx context.Context, filter store.UserFilter) ([]identity.User, string, error) {
	if f.users != nil {
		return f.users()
	}
	return f.Store.Users(ctx, filter)
}

func (f fakeStore) UserPages(ctx context.Context, filter store.UserFilter) iter.Seq2[[]identity.User, error] {
	if f.pages != nil {
		return f.pages
	}
	return f.Store.UserPages(ctx, filter)
}

func (f fakeStore) Ping(ctx context.Context) error {
	if f.ping != nil {
		return f.ping()
	}
	return f.Store.Ping(ctx)
}
