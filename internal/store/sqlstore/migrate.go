// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// versionTable is where the migration tool keeps the schema's version.
const versionTable = "sym_schema_versions"

// migrateAttempts bounds how often a migration is tried that other processes
// run at the same time. Each lost race means that one of them made progress.
const migrateAttempts = 20

// migrate brings the schema up to date. Every migration is one transaction
// with its version, so processes that start together cannot leave half of one;
// the losers look again and find the work done.
func migrate(ctx context.Context, db *sql.DB, d dialect) (fresh bool, err error) {
	if fresh, err = d.prepare(ctx, db); err != nil {
		return false, err
	}
	for attempt := 1; ; attempt++ {
		err := migrateOnce(ctx, db, d)
		if err == nil || attempt == migrateAttempts || !d.lostRace(err) {
			return fresh, err
		}
		if err := sleep(ctx, jitter(time.Duration(attempt)*10*time.Millisecond)); err != nil {
			return fresh, err
		}
	}
}

func migrateOnce(ctx context.Context, db *sql.DB, d dialect) error {
	files, err := d.migrations()
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	p, err := goose.NewProvider(d.goose(), db, files, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	have, know, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("reading the schema's version: %w", err)
	case have > know:
		return &identity.Error{Code: identity.CodeUnavailable,
			Message: fmt.Sprintf("the store has schema version %d, this program knows versions up to %d", have, know),
			Hint:    "A newer release wrote it: upgrade this program. Nothing was changed."}
	case have == know:
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating from schema version %d to %d: %w", have, know, err)
	}
	return nil
}
