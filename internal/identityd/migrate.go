// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"context"
	"errors"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// Migrate brings the store's schema up to date, whatever the file says of
// migrate, and creates the store where it is missing. Neither services nor
// directories are touched. version is what the store had before and has now.
func Migrate(ctx context.Context, c *config.Config) (version sqlstore.SchemaVersion, err error) {
	version, err = sqlstore.Schema(ctx, c.Store.URL, StoreOptions(c))
	if err != nil {
		return version, storeProblem(c, err)
	}
	st, err := OpenStore(ctx, c, true)
	if err != nil {
		return version, err
	}
	return version, errors.Join(c.RedactError(st.Ping(ctx)), st.Close())
}

// OpenStore opens the store alone, for work on what is in it. migrate brings
// its schema up to date even where the file says migrate = false.
func OpenStore(ctx context.Context, c *config.Config, migrate bool) (*sqlstore.Store, error) {
	opts := StoreOptions(c)
	opts.NoMigrate = opts.NoMigrate && !migrate
	st, err := sqlstore.Open(ctx, c.Store.URL, opts)
	if err != nil {
		return nil, storeProblem(c, err)
	}
	return st, nil
}

// StoreOptions returns the store_options block as sqlstore takes it.
func StoreOptions(c *config.Config) sqlstore.Options {
	return sqlstore.Options{
		MaxConns: c.StoreOptions.MaxConnections, ConnectTimeout: c.StoreOptions.ConnectTimeout,
		StatementTimeout: c.StoreOptions.StatementTimeout, BusyTimeout: c.StoreOptions.BusyTimeout, NoMigrate: !c.StoreOptions.Migrate,
	}
}

// storeProblem places an error of the store in the file.
func storeProblem(c *config.Config, err error) error {
	return c.Failed(config.Failure{At: c.Store.At, Summary: "The store cannot be opened", Err: err})
}
