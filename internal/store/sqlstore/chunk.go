// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// chunkSize bounds the values of one IN list and the rows of one INSERT. The
// widest row has 13 columns, which keeps both below the parameters that
// the databases allow (32,766 and 65,535).
const chunkSize = 1000

// placeholders is n question marks: "?,?,?".
func placeholders(n int) string {
	return strings.TrimSuffix(strings.Repeat("?,", n), ",")
}

// selectIn runs query once per chunk of values and calls scan for every row.
// "column %s" in query asks that the column has one of them; before are the
// parameters ahead of it.
func selectIn[T ~string](ctx context.Context, t *tx, query string, before []any, values []T, scan func(*sql.Rows) error) error {
	for chunk := range slices.Chunk(values, chunkSize) {
		texts := make([]string, len(chunk))
		for i, v := range chunk {
			texts[i] = string(v)
		}
		among, args := t.dialect.among(texts)
		if err := eachRow(ctx, t, fmt.Sprintf(query, among), slices.Concat(before, args), scan); err != nil {
			return err
		}
	}
	return nil
}

// deleteIn runs query, a DELETE where "column %s", once per chunk of ids.
func deleteIn(ctx context.Context, t *tx, query string, ids []string) error {
	for chunk := range slices.Chunk(ids, chunkSize) {
		among, args := t.dialect.among(chunk)
		if err := t.exec(ctx, fmt.Sprintf(query, among), args...); err != nil {
			return err
		}
	}
	return nil
}

func eachRow(ctx context.Context, t *tx, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := t.query(ctx, query, args...)
	if err != nil {
		return err
	}
	return drain(rows, scan)
}

// drain calls scan for every row.
func drain(rows *sql.Rows, scan func(*sql.Rows) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// insertRows inserts rows of as many texts and int64s, many at a time. head
// ends before the values, tail may say what to do on a conflict.
func insertRows(ctx context.Context, t *tx, head, tail string, rows [][]any) error {
	for chunk := range slices.Chunk(rows, chunkSize) {
		values, args := t.dialect.values(chunk)
		if err := t.exec(ctx, head+" "+values+" "+tail, args...); err != nil {
			return err
		}
	}
	return nil
}

// claimColumn is a claim as the index holds it. Only whole matchers with many
// keys are longer than an identity may be, and than an index entry may be on
// PostgreSQL; readers compare the claim itself once more.
func claimColumn(claim string) string {
	if len(claim) <= identity.MaxIdentityBytes {
		return claim
	}
	sum := sha256.Sum256([]byte(claim))
	return "sha256:" + hex.EncodeToString(sum[:])
}
