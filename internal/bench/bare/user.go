// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite" // the database/sql driver
)

// user is the reply's, with the fields that sym-identityd sends.
type user struct {
	ID         string    `json:"id"`
	Type       string    `json:"type"`
	Role       string    `json:"role"`
	CreatedAt  time.Time `json:"created_at"`
	Identities []mapping `json:"identities"`
}

type mapping struct {
	Service   service         `json:"service"`
	Matcher   json.RawMessage `json:"matcher"`
	Profile   json.RawMessage `json:"profile"`
	Source    string          `json:"source,omitempty"`
	Rule      string          `json:"rule,omitempty"`
	Revision  int64           `json:"revision,omitempty"`
	UpdatedAt *time.Time      `json:"updated_at,omitempty"`
	UpdatedBy string          `json:"updated_by,omitempty"`
}

type service struct {
	Slug       string `json:"slug"`
	ExternalID string `json:"external_id"`
}

// query reads one user with all mappings in one statement, as the store does.
const query = `SELECT u.id, u.type, u.role, u.name, u.created_at, s.service_key, m.matcher, m.profile, m.source, m.rule,
	m.revision, m.updated_at, m.updated_by
	FROM users u LEFT JOIN mappings m ON m.user_id = u.id LEFT JOIN services s ON s.id = m.service_id WHERE u.user_key = `

// rows are those of database/sql or of pgx.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
}

func read(r rows) (*user, error) {
	var u *user
	for r.Next() {
		var found user
		var name string
		var created int64
		var key, matcher, profile, source, rule, by sql.NullString
		var revision, updated sql.NullInt64
		err := r.Scan(&found.ID, &found.Type, &found.Role, &name, &created, &key, &matcher, &profile, &source, &rule, &revision, &updated, &by)
		if err != nil {
			return nil, err
		}
		if u == nil {
			u = &found
			u.CreatedAt = time.UnixMicro(created).UTC()
			own, err := json.Marshal(map[string]string{"email": name})
			if err != nil {
				return nil, err
			}
			u.Identities = []mapping{{Service: service{"sym", "cloud"}, Matcher: own, Profile: json.RawMessage("{}")}}
		}
		if !key.Valid {
			continue
		}
		slug, id, _ := strings.Cut(key.String, ":")
		at := time.UnixMicro(updated.Int64).UTC()
		u.Identities = append(u.Identities, mapping{Service: service{slug, id}, Matcher: json.RawMessage(matcher.String),
			Profile: json.RawMessage(profile.String), Source: source.String, Rule: rule.String, Revision: revision.Int64, UpdatedAt: &at, UpdatedBy: by.String})
	}
	return u, r.Err()
}

func openPostgres(ctx context.Context, store string) (finder, func(), error) {
	config, err := pgxpool.ParseConfig(store)
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = 8 // as many as the server has by default
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, email string) (*user, error) {
		r, err := pool.Query(ctx, query+"$1", email)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return read(r)
	}, pool.Close, nil
}

func openSQLite(_ context.Context, path string) (finder, func(), error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)&_pragma=cache_size(-16384)")
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	return func(ctx context.Context, email string) (*user, error) {
		r, err := db.QueryContext(ctx, query+"?", email)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		u, err := read(r)
		return u, errors.Join(err, r.Err())
	}, func() { _ = db.Close() }, nil
}

func handler(find finder) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found := []*user{}
		u, err := find(r.Context(), r.URL.Query().Get("email"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if u != nil {
			found = append(found, u)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"users": found})
	})
}
