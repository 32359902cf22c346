// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"context"
	"errors"

	"github.com/hashicorp/hcl/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// StoreName is the store's URL without a password.
func (c *Config) StoreName() string { return c.store.name() }

// Migrate brings the store's schema up to date, whatever the file says of
// migrate, and creates the store where it is missing. Neither services nor
// directories are touched. version is what the store had before and has now.
func (c *Config) Migrate(ctx context.Context) (version sqlstore.SchemaVersion, err error) {
	version, err = sqlstore.Schema(ctx, c.store.url, c.storeOptions)
	if err != nil {
		return version, c.storeProblem(err)
	}
	st, err := c.OpenStore(ctx, true)
	if err != nil {
		return version, err
	}
	return version, errors.Join(c.secrets.cleanError(st.Ping(ctx)), st.Close())
}

// OpenStore opens the store alone, for work on what is in it. migrate brings
// its schema up to date even where the file says migrate = false.
func (c *Config) OpenStore(ctx context.Context, migrate bool) (*sqlstore.Store, error) {
	opts := c.storeOptions
	opts.NoMigrate = opts.NoMigrate && !migrate
	st, err := sqlstore.Open(ctx, c.store.url, opts)
	if err != nil {
		return nil, c.storeProblem(err)
	}
	return st, nil
}

// storeProblem is an error of the store at its place in the file.
func (c *Config) storeProblem(err error) error {
	return asError(hcl.Diagnostics{problem(c.store.at, "The store cannot be opened", err.Error())}, c.secrets, err)
}
