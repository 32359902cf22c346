// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// goMigrations lists the steps that SQL cannot make. They are numbered on from
// the files.
func goMigrations(d dialect) []*goose.Migration {
	return []*goose.Migration{
		goose.NewGoMigration(4, &goose.GoFunc{RunTx: func(ctx context.Context, t *sql.Tx) error {
			return recomputeClaims(ctx, &tx{Tx: t, dialect: d})
		}}, nil),
	}
}

// recomputeClaims computes the claims of LDAP accounts again: earlier releases compared
// distinguished names as plain texts.
func recomputeClaims(ctx context.Context, t *tx) error {
	claims := map[string]string{} // by id of the mapping
	const query = `SELECT m.id, m.matcher, m.claim FROM mappings m JOIN services s ON s.id = m.service_id
		WHERE s.service_key >= 'ldap:' AND s.service_key < 'ldap;'`
	err := eachRow(ctx, t, query, nil, func(rows *sql.Rows) error {
		var id, claim string
		var matcher identity.Matcher
		err := rows.Scan(&id, (*objectColumn)(&matcher), &claim)
		if now := claimColumn(matcher.AccountKey("ldap")); now != claim {
			claims[id] = now
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the LDAP accounts: %w", err)
	}
	for id, claim := range claims {
		err = errors.Join(err, t.exec(ctx, "UPDATE mappings SET claim = ? WHERE id = ?", claim, id))
	}
	return err
}
