// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"net/url"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// database is what stores are made on.
type database struct {
	name  string
	empty func(ctx context.Context, store string) (url string, err error) // a place for a new store
	close func() error
}

// databases are SQLite and, where it is installed, PostgreSQL.
func (b *bench) databases() ([]database, error) {
	all := []database{{
		name:  "SQLite",
		empty: func(_ context.Context, store string) (string, error) { return "sqlite:" + b.path(store+".db"), nil },
		close: func() error { return nil },
	}}
	server, stop := os.Getenv(pgtest.Variable), func() error { return nil }
	if server == "" {
		cluster, err := pgtest.New()
		if errors.Is(err, pgtest.ErrNotInstalled) {
			b.say("%v: only SQLite is measured (%s names a server)", err, pgtest.Variable)
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		server, stop = cluster.URL(), cluster.Close
	}
	var made []string
	return append(all, database{
		name: "PostgreSQL",
		empty: func(ctx context.Context, store string) (string, error) {
			schema := "bench_" + store
			if err := statement(ctx, server, "CREATE SCHEMA "+schema); err != nil {
				return "", err
			}
			made = append(made, schema)
			return withSchema(server, schema)
		},
		close: func() error {
			var err error
			for _, schema := range made {
				err = errors.Join(err, statement(context.Background(), server, "DROP SCHEMA "+schema+" CASCADE"))
			}
			return errors.Join(err, stop())
		},
	}), nil
}

func withSchema(server, schema string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", errors.New("the server's URL cannot be understood") // the error may quote a password
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func statement(ctx context.Context, server, text string) (err error) {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, text)
	return err
}
